//===- LatentKernel.cpp - What compiles of a latent block -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Import/LatentKernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace attn;

/// A function of what a latent kernel reads: the query, a cache, W_UK and W_UV,
/// of the types `arguments`. Its attention is `attend`'s, in the form `form`.
static OwningOpRef<ModuleOp> buildModule(AttendOp attend, llvm::StringRef name,
                                         TypeRange arguments, TypeRange results,
                                         FormAttr form, UnitAttr transposed) {
  Location loc = attend.getLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  auto func =
      func::FuncOp::create(b, loc, name, b.getFunctionType(arguments, results));
  Block *entry = func.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto core = AttendOp::create(
      b, loc, results, entry->getArgument(0), entry->getArgument(1),
      /*value=*/Value(), /*lens=*/Value(), /*sinks=*/Value(),
      entry->getArgument(2), entry->getArgument(3), attend.getHeads(),
      attend.getMaskAttr(), attend.getScaleAttr(), attend.getSoftcapAttr(),
      attend.getLatentAttr(), form, transposed);
  IRMapping mapping;
  attend.getScore().cloneInto(&core.getScore(), mapping);
  func::ReturnOp::create(b, loc, core.getResults());
  return module;
}

llvm::Expected<OwningOpRef<ModuleOp>>
attn::buildLatentKernel(AttendOp attend, llvm::StringRef name,
                        const DecodeOptions &options) {
  auto refuse = [&](const llvm::Twine &message) {
    return llvm::createStringError(name + ": " + message);
  };
  if (!attend.hasUpProjections())
    return refuse("attn.attend has no up-projections");
  if (attend.getSinks() || attend.getLens())
    return refuse("sinks and lengths have no place in a latent kernel yet");
  RankedTensorType query = attend.getQuery().getType();
  if (query.isDynamicDim(1))
    return refuse("the number of query tokens is unknown");
  MLIRContext *context = attend.getContext();
  LatentAttr dims = *attend.getLatent();
  auto cache = KVCacheType::get(
      context, /*heads=*/dims.getGroups(), PartKind::Latent, dims.getRank(),
      dims.getRope(), query.getElementType(), options.page, options.layout);
  auto anyBatch = [](RankedTensorType type) {
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = ShapedType::kDynamic;
    return type.clone(shape);
  };
  RankedTensorType output = anyBatch(attend.getOutput().getType());
  Type lse = RankedTensorType::get(output.getShape().drop_back(),
                                   Float32Type::get(context));
  // W_UK as attn_mla_decode takes it, whichever of its kernels reads it.
  auto weightUK = cast<RankedTensorType>(attend.getUpK().getType());
  UnitAttr transposed = attend.getUpTransposedAttr();
  if (attend.getForm() != Form::Absorbed && !transposed) {
    weightUK = weightUK.clone({weightUK.getDimSize(0), weightUK.getDimSize(2),
                               weightUK.getDimSize(1)});
    transposed = UnitAttr::get(context);
  }
  return buildModule(
      attend, name,
      {anyBatch(query), cache, weightUK, attend.getUpV().getType()},
      {output, lse}, attend.getFormAttr(), transposed);
}

llvm::Expected<OwningOpRef<ModuleOp>>
attn::buildChainModule(MLIRContext *context, const model::AttentionSpec &spec,
                       llvm::StringRef name, const DecodeOptions &options) {
  if (!spec.vInK || !spec.latent || spec.sinks)
    return llvm::createStringError(
        name + ": up-projections go around attention over latent rows, without "
               "sinks");
  auto plain = buildDecodeModule(context, spec, name, options);
  if (!plain)
    return plain.takeError();
  auto func = *(*plain)->getOps<func::FuncOp>().begin();
  AttendOp attend = *func.getOps<AttendOp>().begin();
  LatentAttr dims = attend.getLatentAttr();
  int64_t heads = spec.qHeads;
  auto withWidth = [&](Value value, int64_t width) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = width;
    return type.clone(shape);
  };
  RankedTensorType query =
      withWidth(attend.getQuery(), dims.getNope() + dims.getRope());
  Type element = query.getElementType();
  auto upK =
      RankedTensorType::get({heads, dims.getNope(), dims.getRank()}, element);
  auto upV =
      RankedTensorType::get({heads, dims.getRank(), dims.getV()}, element);
  SmallVector<Type> results = {withWidth(attend.getOutput(), dims.getV())};
  if (attend.getLse())
    results.push_back(attend.getLse().getType());

  return buildModule(attend, name, {query, attend.getCacheType(), upK, upV},
                     results, FormAttr::get(context, Form::Absorbed),
                     UnitAttr::get(context));
}
