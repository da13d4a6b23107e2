//===- Projections.cpp - Projections as tile kernels ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Projections.h"
#include "attn/Dialect/Attn/Transforms/ScoreRest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace attn;

/// A kernel that multiplies by `weight`, a tensor `[H, K, N]` or, `transposed`,
/// `[H, N, K]`; the `index`th of those that `op` becomes. It merges partial
/// states by the kernel `combine`. With `latentTail` its input is latent rows,
/// which GPU kernels read from the cache, with so many columns to copy along.
/// With `rest` the output keeps what rounding leaves of it.
static LogicalResult addProjection(Operation *op, StringRef name,
                                   unsigned index, Value weight, bool wideInput,
                                   SymbolTable &symbols, StringRef combine = {},
                                   bool transposed = false,
                                   std::optional<int64_t> latentTail = {},
                                   bool rest = false) {
  auto cpu = op->getAttrOfType<tile::ProjectionScheduleAttr>(
      tile::ProjectionScheduleAttr::name);
  auto list = op->getAttrOfType<ArrayAttr>(tile::kGPUProjectionSchedulesName);
  auto gpu = list && index < list.size()
                 ? dyn_cast<tile::GPUProjectionScheduleAttr>(list[index])
                 : tile::GPUProjectionScheduleAttr();
  if (!cpu && !gpu)
    return op->emitOpError("has no ") << tile::ProjectionScheduleAttr::name
                                      << "; run attn-select-cpu-schedule or "
                                         "attn-select-gpu-schedule first";
  auto type = cast<RankedTensorType>(weight.getType());
  if (!type.hasStaticShape())
    return op->emitOpError("needs weights of static shape, got ") << type;
  OpBuilder b(op->getContext());
  auto projection = tile::ProjectionOp::create(
      b, op->getLoc(), name, type.getDimSize(0),
      type.getDimSize(transposed ? 2 : 1), type.getDimSize(transposed ? 1 : 2),
      type.getElementType(), cpu, gpu, wideInput,
      combine.empty() ? FlatSymbolRefAttr()
                      : FlatSymbolRefAttr::get(op->getContext(), combine),
      transposed, /*latent_rows=*/gpu && latentTail,
      gpu ? latentTail.value_or(0) : 0, rest);
  symbols.insert(projection);
  return success();
}

LogicalResult attn::convertProject(ProjectOp project, StringRef name,
                                   SymbolTable &symbols) {
  auto elementOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType();
  };
  Type weight = elementOf(project.getWeight());
  Type input = elementOf(project.getInput());
  if (elementOf(project.getOutput()) != weight ||
      (input != weight && !input.isF32()))
    return project.emitOpError("multiplies ")
           << input << " by " << weight << " to "
           << elementOf(project.getOutput())
           << "; kernels have input and output of the weight's type, or an "
              "input of f32";
  return addProjection(project, name, 0, project.getWeight(),
                       /*wideInput=*/input != weight, symbols);
}

namespace {
/// Separates one attention.
struct Separator {
  Separator(AttendOp attend, StringRef name, SymbolTable &symbols)
      : attend(attend), name(name), symbols(symbols), b(attend),
        dims(*attend.getLatent()) {}

  FailureOr<AttendOp> absorbed();
  FailureOr<AttendOp> materialized();

  RankedTensorType withWidth(RankedTensorType type, int64_t width) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = width;
    return type.clone(shape);
  }
  LogicalResult add(StringRef suffix, unsigned index, Value weight,
                    bool wideInput, StringRef combine = {},
                    bool transposed = false,
                    std::optional<int64_t> latentTail = {}) {
    // The first one makes an operand of the scores.
    return addProjection(attend, (name + suffix).str(), index, weight,
                         wideInput, symbols, combine, transposed, latentTail,
                         /*rest=*/index == 0 && getScoreRest(attend) > 0);
  }
  AttendOp core(Value query, Value key, RankedTensorType output,
                HeadsAttr heads, LatentAttr latent);

  AttendOp attend;
  StringRef name;
  SymbolTable &symbols;
  OpBuilder b;
  LatentAttr dims;
};
} // namespace

/// The attention between, or behind, the projections.
AttendOp Separator::core(Value query, Value key, RankedTensorType output,
                         HeadsAttr heads, LatentAttr latent) {
  SmallVector<Type> types = {output};
  if (attend.getLse())
    types.push_back(attend.getLse().getType());
  auto core = AttendOp::create(
      b, attend.getLoc(), types, query, key, /*value=*/Value(),
      /*lens=*/Value(), attend.getSinks(), heads, attend.getMaskAttr(),
      attend.getScaleAttr(), attend.getSoftcapAttr(), latent);
  core->setDiscardableAttrs(attend->getDiscardableAttrDictionary());
  core.getScore().takeBody(attend.getScore());
  return core;
}

FailureOr<AttendOp> Separator::absorbed() {
  if (!attend.getUpTransposed())
    return attend.emitOpError("needs W_UK as the query's projection reads it, "
                              "[H, nope, rank] (up_transposed)");
  auto merges = attend->getAttrOfType<BoolAttr>(tile::kFuseCombineAttrName);
  std::string combine =
      merges && merges.getValue() ? (name + "_combine").str() : "";
  if (failed(add("_query", 0, attend.getUpK(), /*wideInput=*/false)) ||
      failed(add("_output", 1, attend.getUpV(), /*wideInput=*/true, combine)))
    return failure();
  int64_t rank = dims.getRank();
  Value query = attend->getBlock()->addArgument(
      withWidth(attend.getQuery().getType(), rank + dims.getRope()),
      attend.getLoc());
  return core(query, attend.getKey(),
              withWidth(attend.getOutput().getType(), rank), attend.getHeads(),
              dims);
}

FailureOr<AttendOp> Separator::materialized() {
  if (failed(add("_key", 0, attend.getUpK(), /*wideInput=*/false,
                 /*combine=*/{}, attend.getUpTransposed(), dims.getRope())) ||
      failed(add("_value", 1, attend.getUpV(), /*wideInput=*/false,
                 /*combine=*/{}, /*transposed=*/false, /*latentTail=*/0)))
    return failure();
  int64_t heads = attend.getHeads().getQ();
  auto cache = KVCacheType::get(b.getContext(), heads, PartKind::K,
                                dims.getNope() + dims.getRope(), dims.getV(),
                                attend.getQuery().getType().getElementType(),
                                KVCacheType::kContiguous, Layout::Row);
  Value key = attend->getBlock()->addArgument(cache, attend.getLoc());
  return core(attend.getQuery(), key, attend.getOutput().getType(),
              HeadsAttr::get(b.getContext(), heads, heads), LatentAttr());
}

LogicalResult attn::checkFused(AttendOp attend) {
  if (!attend->hasAttr(tile::ProjectionScheduleAttr::name) &&
      !attend->hasAttr(tile::GPUUpScheduleAttr::name))
    return attend.emitOpError("has no ")
           << tile::ProjectionScheduleAttr::name
           << "; run attn-select-cpu-schedule or attn-select-gpu-schedule "
              "first";
  return success();
}

FailureOr<AttendOp> attn::separateProjections(AttendOp attend, StringRef name,
                                              SymbolTable &symbols) {
  if (!attend.getForm())
    return attend.emitOpError("has no form");
  if (!attend.getCacheType())
    return attend.emitOpError("reads key tensors; kernels read caches");
  Separator separator(attend, name, symbols);
  return attend.getForm() == Form::Absorbed ? separator.absorbed()
                                            : separator.materialized();
}
