//===- BlockModule.cpp - Latent attention as its model says it --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Import/BlockModule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

static llvm::Error refuse(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
/// Writes one function. Values carry the names of the paper's symbols in their
/// locations, from which a printer may take them.
class Writer {
public:
  Writer(OpBuilder &builder, func::FuncOp func,
         const model::LatentBlockSpec &spec, const BlockOptions &options)
      : b(builder), func(func), spec(spec), latent(*spec.attention.latent),
        options(options), element(elementType(builder, options.element)),
        heads(spec.attention.qHeads / options.tensorParallel),
        groups(std::max<int64_t>(
            spec.attention.kvHeads / options.tensorParallel, 1)) {}

  void block();
  void attentionOnly();

private:
  Location named(StringRef name) {
    return NameLoc::get(b.getStringAttr(name), func.getLoc());
  }
  RankedTensorType type(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, element);
  }
  SmallVector<OpFoldResult> sizesOf(Value value) {
    return tensor::getMixedSizes(b, func.getLoc(), value);
  }
  Value argument(StringRef name, RankedTensorType type);
  void finish(ValueRange results);

  int64_t rowWidth() const { return latent.rank + latent.rope; }
  /// Latent rows of `tokens` tokens, as a cache holds them.
  RankedTensorType rowsType(int64_t tokens) {
    return groups == 1 ? type({options.batch, tokens, rowWidth()})
                       : type({options.batch, tokens, groups, rowWidth()});
  }
  Value rope(StringRef name, Value value, int64_t offset);
  Value newRows();
  Value query();
  Value columns(StringRef name, Value rows, int64_t offset, int64_t width);
  Value attention(Value query, Value rows);

  OpBuilder &b;
  func::FuncOp func;
  const model::LatentBlockSpec &spec;
  const model::LatentSpec &latent;
  const BlockOptions &options;
  Type element;
  int64_t heads, groups;
  Value hidden, positions;
};
} // namespace

Value Writer::argument(StringRef name, RankedTensorType type) {
  Block &entry = func.getBody().front();
  return entry.addArgument(type, named(name));
}

void Writer::finish(ValueRange results) {
  func::ReturnOp::create(b, func.getLoc(), results);
  func.setFunctionType(b.getFunctionType(
      func.getBody().front().getArgumentTypes(), results.getTypes()));
}

Value Writer::rope(StringRef name, Value value, int64_t offset) {
  FloatAttr theta;
  DenseF32ArrayAttr scaled;
  if (spec.frequencies.empty())
    theta = b.getF32FloatAttr(spec.theta);
  else
    scaled = b.getDenseF32ArrayAttr(
        SmallVector<float>(spec.frequencies.begin(), spec.frequencies.end()));
  return RopeOp::create(b, named(name), value.getType(), value, positions,
                        theta, scaled, b.getI64IntegerAttr(offset),
                        b.getI64IntegerAttr(latent.rope),
                        spec.interleaved ? b.getUnitAttr() : UnitAttr());
}

/// The rows `[latent | rotary key]` of the new tokens, as a cache holds them.
Value Writer::newRows() {
  int64_t batch = options.batch, queries = options.queries;
  Value weight = argument("w_dkv", type({spec.hidden, latent.rank}));
  Value norm = argument("norm_kv", type({latent.rank}));
  FloatAttr eps = b.getF32FloatAttr(spec.normEps);
  Value c =
      CompressOp::create(b, named("c_new"), type({batch, queries, latent.rank}),
                         hidden, weight, norm, eps);
  if (!latent.rope)
    return c;
  Value ropeWeight = argument("w_kr", type({spec.hidden, latent.rope}));
  RankedTensorType keyType = type({batch, queries, latent.rope});
  Value key = CompressOp::create(b, named("k_rope_raw"), keyType, hidden,
                                 ropeWeight, Value(), eps);
  Reassociation oneHead = {{0}, {1}, {2, 3}};
  SmallVector<OpFoldResult> sizes = sizesOf(key);
  sizes.insert(sizes.begin() + 2, b.getIndexAttr(1));
  key = tensor::ExpandShapeOp::create(b, named("k_rope_head"),
                                      type({batch, queries, 1, latent.rope}),
                                      key, oneHead, sizes);
  key = rope("k_rope_turned", key, 0);
  key = tensor::CollapseShapeOp::create(b, named("k_rope_new"), keyType, key,
                                        oneHead);
  return tensor::ConcatOp::create(b, named("row"), 2, ValueRange{c, key});
}

Value Writer::query() {
  int64_t width = latent.nope + latent.rope;
  Value source = hidden;
  StringRef name = "w_q";
  if (latent.qRank) {
    Value down = argument("w_dq", type({spec.hidden, *latent.qRank}));
    Value norm = argument("norm_q", type({*latent.qRank}));
    source = CompressOp::create(
        b, named("c_q"), type({options.batch, options.queries, *latent.qRank}),
        hidden, down, norm, b.getF32FloatAttr(spec.normEps));
    name = "w_uq";
  }
  Value up =
      argument(name, type({heads, tensorType(source).getDimSize(2), width}));
  Value query = DecompressOp::create(
      b, named(latent.rope ? "q_raw" : "q"),
      type({options.batch, options.queries, heads, width}), source, up);
  return latent.rope ? rope("q", query, latent.nope) : query;
}

Value Writer::columns(StringRef name, Value rows, int64_t offset,
                      int64_t width) {
  if (width == rowWidth())
    return rows;
  SmallVector<OpFoldResult> sizes = sizesOf(rows);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  offsets.back() = b.getIndexAttr(offset);
  sizes.back() = b.getIndexAttr(width);
  return tensor::ExtractSliceOp::create(b, named(name), rows, offsets, sizes,
                                        strides);
}

/// K and V of every head from the latent rows, and attention to them.
Value Writer::attention(Value query, Value rows) {
  int64_t batch = tensorType(rows).getDimSize(0);
  int64_t tokens = tensorType(rows).getDimSize(1);
  Value keyUp = argument("w_uk", type({heads, latent.rank, latent.nope}));
  Value valueUp = argument("w_uv", type({heads, latent.rank, latent.v}));
  Value c = columns("c", rows, 0, latent.rank);
  Value key =
      DecompressOp::create(b, named(latent.rope ? "k_nope" : "k"),
                           type({batch, tokens, heads, latent.nope}), c, keyUp);
  if (latent.rope) {
    // Repeated for the heads of each group, behind the axis of groups if there
    // is one.
    Value turned = columns("k_rope", rows, latent.rank, latent.rope);
    SmallVector<OpFoldResult> sizes = sizesOf(turned);
    int64_t axis = sizes.size() - 1;
    sizes.insert(sizes.begin() + axis, b.getIndexAttr(heads / groups));
    Value init = tensor::EmptyOp::create(b, func.getLoc(), sizes, element);
    Value forHeads =
        linalg::BroadcastOp::create(b, named("k_rope_heads"), turned, init,
                                    ArrayRef<int64_t>{axis})
            .getResult()
            .front();
    if (groups != 1)
      forHeads =
          tensor::CollapseShapeOp::create(b, named("k_rope_heads"), forHeads,
                                          Reassociation{{0}, {1}, {2, 3}, {4}});
    key = tensor::ConcatOp::create(b, named("k"), 3, ValueRange{key, forHeads});
  }
  Value value = DecompressOp::create(
      b, named("v"), type({batch, tokens, heads, latent.v}), c, valueUp);
  MLIRContext *context = b.getContext();
  auto attend = AttendOp::create(
      b, named("o"),
      TypeRange{type({options.batch, options.queries, heads, latent.v})}, query,
      key, value, /*lens=*/Value(), /*sinks=*/Value(),
      HeadsAttr::get(context, heads, heads),
      MaskAttr::get(context, /*causal=*/true, /*window=*/0),
      b.getF32FloatAttr(spec.attention.scale), /*softcap=*/FloatAttr(),
      LatentAttr());
  return attend.getOutput();
}

void Writer::block() {
  int64_t batch = options.batch, queries = options.queries;
  int64_t context = options.context;
  bool known =
      !ShapedType::isDynamic(queries) && !ShapedType::isDynamic(context);
  int64_t past = known ? context - queries : BlockOptions::kUnknown;
  hidden = argument("hidden", type({batch, queries, spec.hidden}));
  positions = argument("positions",
                       RankedTensorType::get({batch, queries}, b.getI32Type()));
  Value pastRows;
  if (past != 0)
    pastRows = argument("past", type({batch, past, rowWidth()}));
  Value row = newRows();
  Value q = query();
  Value rows = row;
  if (pastRows)
    rows = tensor::ConcatOp::create(b, named("rows"),
                                    type({batch, context, rowWidth()}), 1,
                                    ValueRange{pastRows, row});
  finish({attention(q, rows), row});
}

void Writer::attentionOnly() {
  Value q = argument("query", type({options.batch, options.queries, heads,
                                    latent.nope + latent.rope}));
  Value rows = argument("rows", rowsType(options.context));
  finish(attention(q, rows));
}

llvm::Expected<OwningOpRef<ModuleOp>>
attn::buildBlockModule(MLIRContext *context, const model::LatentBlockSpec &spec,
                       const BlockOptions &options) {
  int64_t heads = spec.attention.qHeads;
  if (heads % options.tensorParallel)
    return refuse(llvm::Twine(heads) + " heads do not divide among " +
                  llvm::Twine(options.tensorParallel) + " devices");
  int64_t groups = spec.attention.kvHeads;
  if (groups % options.tensorParallel && options.tensorParallel % groups)
    return refuse(llvm::Twine(groups) +
                  " latent rows a token do not divide "
                  "among " +
                  llvm::Twine(options.tensorParallel) + " devices");
  if (groups != 1 && options.part == BlockOptions::Part::Block)
    return refuse("no model says how several latent rows a token are made of "
                  "its hidden state; only the attention is written out");
  if (!ShapedType::isDynamic(options.queries) &&
      !ShapedType::isDynamic(options.context) &&
      options.queries > options.context)
    return refuse("a context of " + llvm::Twine(options.context) +
                  " tokens does not hold " + llvm::Twine(options.queries) +
                  " new ones");
  context->loadDialect<AttnDialect, func::FuncDialect, linalg::LinalgDialect,
                       tensor::TensorDialect>();
  OpBuilder b(context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module->getBody());
  bool whole = options.part == BlockOptions::Part::Block;
  auto func = func::FuncOp::create(
      b, loc, spec.modelType + (whole ? "_block" : "_attention"),
      b.getFunctionType({}, {}));
  b.setInsertionPointToStart(func.addEntryBlock());
  Writer writer(b, func, spec, options);
  if (whole)
    writer.block();
  else
    writer.attentionOnly();
  if (failed(verify(*module)))
    return refuse(spec.modelType + ": the block does not verify");
  return module;
}
