//===- Projections.cpp - Projections as tile kernels ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Projections.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace attn;

/// A kernel that multiplies by `weight`, a tensor `[H, K, N]`.
static LogicalResult addProjection(Operation *op, StringRef name, Value weight,
                                   bool wideInput, SymbolTable &symbols) {
  auto schedule = op->getAttrOfType<tile::ProjectionScheduleAttr>(
      tile::ProjectionScheduleAttr::name);
  if (!schedule)
    return op->emitOpError("has no ") << tile::ProjectionScheduleAttr::name
                                      << "; run attn-select-cpu-schedule first";
  auto type = cast<RankedTensorType>(weight.getType());
  if (!type.hasStaticShape())
    return op->emitOpError("needs weights of static shape, got ") << type;
  OpBuilder b(op->getContext());
  auto projection = tile::ProjectionOp::create(
      b, op->getLoc(), name, type.getDimSize(0), type.getDimSize(1),
      type.getDimSize(2), type.getElementType(), schedule, wideInput);
  symbols.insert(projection);
  return success();
}

LogicalResult attn::convertProject(ProjectOp project, StringRef name,
                                   SymbolTable &symbols) {
  return addProjection(project, name, project.getWeight(),
                       /*wideInput=*/false, symbols);
}

FailureOr<AttendOp> attn::separateProjections(AttendOp attend, StringRef name,
                                              SymbolTable &symbols) {
  if (!attend.getForm())
    return attend.emitOpError("has no form");
  if (*attend.getForm() != Form::Absorbed)
    return attend.emitOpError("has no kernel in the form ")
           << stringifyForm(*attend.getForm()) << "; absorbed has";
  if (!attend.getUpTransposed())
    return attend.emitOpError("needs W_UK as the query's projection reads it, "
                              "[H, nope, rank] (up_transposed)");
  if (!attend.getCacheType())
    return attend.emitOpError("reads key tensors; kernels read caches");
  if (failed(addProjection(attend, (name + "_query").str(), attend.getUpK(),
                           /*wideInput=*/false, symbols)) ||
      failed(addProjection(attend, (name + "_output").str(), attend.getUpV(),
                           /*wideInput=*/true, symbols)))
    return failure();

  LatentAttr dims = *attend.getLatent();
  auto wide = [&](RankedTensorType type, int64_t width) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = width;
    return type.clone(shape);
  };
  Location loc = attend.getLoc();
  Value query = attend->getBlock()->addArgument(
      wide(attend.getQuery().getType(), dims.getRank() + dims.getRope()), loc);
  OpBuilder b(attend);
  SmallVector<Type> types = {
      wide(attend.getOutput().getType(), dims.getRank())};
  if (attend.getLse())
    types.push_back(attend.getLse().getType());
  auto core =
      AttendOp::create(b, loc, types, query, attend.getKey(), /*value=*/Value(),
                       /*lens=*/Value(), attend.getSinks(), attend.getHeads(),
                       attend.getMaskAttr(), attend.getScaleAttr(),
                       attend.getSoftcapAttr(), dims);
  core->setDiscardableAttrs(attend->getDiscardableAttrDictionary());
  core.getScore().takeBody(attend.getScore());
  return core;
}
