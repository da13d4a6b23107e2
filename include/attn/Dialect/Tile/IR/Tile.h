//===- Tile.h - The tile dialect --------------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_TILE_IR_TILE_H
#define ATTN_DIALECT_TILE_IR_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "attn/Dialect/Tile/IR/TileEnums.h.inc"

#include "attn/Dialect/Tile/IR/TileDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Tile/IR/TileAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "attn/Dialect/Tile/IR/TileTypes.h.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Tile/IR/TileOps.h.inc"

namespace attn::tile {

/// The running maximum before the first key: below any finite score, and
/// finite, so that differences are never NaN (see tile.online_softmax).
constexpr float kInitialMax = -1.0e30f;

/// On an op that becomes projections: an array with a
/// `#tile.gpu_projection_schedule` for each of them.
constexpr llvm::StringLiteral kGPUProjectionSchedulesName =
    "tile.gpu_projection_schedules";
/// On absorbed attention that brings its up-projections: whether the output's
/// projection merges the partial states (`combine` of tile.projection).
constexpr llvm::StringLiteral kFuseCombineAttrName = "tile.fuse_combine";
/// On attention that brings its up-projections: whether the operand of the
/// scores that a projection makes keeps what rounding leaves of it (`rest` of
/// tile.kernel).
constexpr llvm::StringLiteral kScoreRestAttrName = "tile.score_rest";

} // namespace attn::tile

#endif // ATTN_DIALECT_TILE_IR_TILE_H
