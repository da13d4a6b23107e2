//===- TileDialect.cpp - Registration of the tile dialect -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Tile/IR/Tile.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn::tile;

#include "attn/Dialect/Tile/IR/TileDialect.cpp.inc"

#include "attn/Dialect/Tile/IR/TileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Tile/IR/TileAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "attn/Dialect/Tile/IR/TileTypes.cpp.inc"

namespace {
/// Constants stay in the scalar regions of maps and scores, which targets clone
/// for every vector and which see nothing from outside.
struct TileFoldInterface : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;

  bool shouldMaterializeInto(Region *region) const final {
    return isa<MapOp, ScoreOp>(region->getParentOp());
  }
};
} // namespace

void TileDialect::initialize() {
  addInterfaces<TileFoldInterface>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "attn/Dialect/Tile/IR/TileAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "attn/Dialect/Tile/IR/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Tile/IR/TileOps.cpp.inc"
      >();
}

LogicalResult CacheAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t heads, int64_t k, int64_t v,
                                Type element, CacheLayout, bool vInK) {
  if (heads <= 0 || k <= 0 || v <= 0) // E1
    return emitError() << "cache extents must be positive";
  if (vInK && v > k) // E2
    return emitError() << "V cannot be a prefix of a narrower K";
  return success();
}

LogicalResult UpAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t nope, int64_t v) {
  if (nope <= 0 || v <= 0) // O1
    return emitError() << "nope and v must be positive, got " << nope << " and "
                       << v;
  return success();
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Engine engine, int64_t vector,
                                   int64_t kvTile, int64_t prefetch,
                                   int64_t exp2Degree, int64_t prefetchHeads,
                                   bool prefetchSpread) {
  if (vector != 8 && vector != 16) // S1
    return emitError() << "vector must be 8 or 16, got " << vector;
  int64_t step = engine == Engine::Fma ? 16 : 32;
  if (kvTile <= 0 || kvTile % step) // S2
    return emitError() << "kv_tile must be a positive multiple of " << step
                       << ", got " << kvTile;
  if (prefetch < 0 || prefetchHeads < 0) // S3
    return emitError() << "prefetch must not be negative";
  if (exp2Degree < 3 || exp2Degree > 7) // S4
    return emitError() << "exp2_degree must be 3 to 7, got " << exp2Degree;
  if (engine != Engine::Fma && vector != 16) // S5
    return emitError() << "engine " << stringifyEngine(engine)
                       << " needs vector = 16";
  if (engine == Engine::Amx && prefetchSpread) // S6
    return emitError() << "engine amx does not spread prefetches";
  return success();
}

LogicalResult
GPUScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError, GPUForm,
                        int64_t warps, int64_t rows, int64_t kvTile,
                        int64_t stages, int64_t ctasPerSm) {
  if (warps < 1 || warps > 16) // G1
    return emitError() << "warps must be 1 to 16, got " << warps;
  if (rows < 16 || rows > 64 || rows % 16) // G2
    return emitError() << "rows must be 16, 32, 48 or 64, got " << rows;
  if (kvTile <= 0 || kvTile % 16 || kvTile % (8 * warps) ||
      kvTile > 32 * warps) // G3
    return emitError() << "kv_tile must be a multiple of 16 and of 8 a warp, "
                          "and at most 32 a warp, got "
                       << kvTile << " for " << warps << " warps";
  if (stages < 2 || stages > 8) // G4
    return emitError() << "stages must be 2 to 8, got " << stages;
  if (ctasPerSm < 1) // G5
    return emitError() << "ctas_per_sm must be positive, got " << ctasPerSm;
  return success();
}

LogicalResult
ProjectionScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               Engine engine, int64_t vector, int64_t fewRows,
                               int64_t prefetch) {
  if ((vector != 8 && vector != 16) ||
      (engine == Engine::Amx && vector != 16)) // J1
    return emitError() << "vector must be 8 or 16, and 16 for amx, got "
                       << vector;
  if (engine == Engine::DpBf16) // J2
    return emitError() << "engine must be fma or amx";
  if (fewRows < 0 || prefetch < 0) // J3
    return emitError() << "few_rows and prefetch must not be negative";
  return success();
}

LogicalResult
GPUUpScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          int64_t depth, int64_t stages) {
  if (depth != 16 && depth != 32 && depth != 64) // H1
    return emitError() << "depth must be 16, 32 or 64, got " << depth;
  if (stages < 2 || stages > 8) // H2
    return emitError() << "stages must be 2 to 8, got " << stages;
  return success();
}

LogicalResult
GPUProjectionScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t warps, int64_t rows, int64_t columns,
                                  int64_t stages, int64_t ctasPerSm,
                                  int64_t rowStages, int64_t rowWarps) {
  if (warps < 1 || warps > 16) // P1
    return emitError() << "warps must be 1 to 16, got " << warps;
  if (rowWarps < 1 || warps % rowWarps || (rowWarps > 1 && rowStages == 0) ||
      rowStages == 1 || rowStages < 0 || rowStages > 8 ||
      (rowStages && rows > 32 * warps)) // P6
    return emitError()
           << "row_stages must be 0 or 2 to 8, and row_warps then a "
              "divisor of warps, with a thread for each row; got "
           << rowStages << ", " << rowWarps << " of " << warps << " warps and "
           << rows << " rows";
  if (rows < 16 || rows > 64 * rowWarps || rows % (16 * rowWarps)) // P2
    return emitError() << "rows must be 16, 32, 48 or 64 a row warp, got "
                       << rows << " for " << rowWarps;
  int64_t columnWarps = warps / rowWarps;
  if (columns <= 0 || columns % (16 * columnWarps)) // P3
    return emitError() << "columns must be a multiple of 16 a warp, got "
                       << columns << " for " << columnWarps << " warps";
  if (stages < 1 || stages > 8) // P4
    return emitError() << "stages must be 1 to 8, got " << stages;
  if (ctasPerSm < 1) // P5
    return emitError() << "ctas_per_sm must be positive, got " << ctasPerSm;
  return success();
}

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t rows, int64_t cols, Type elementType) {
  if (rows <= 0 || cols <= 0) // X1
    return emitError() << "tile extents must be positive";
  if (!elementType.isF32() && !elementType.isF16() &&
      !elementType.isBF16()) // X2
    return emitError() << "tile elements are bf16, f16 or f32";
  return success();
}

Type TileType::parse(AsmParser &parser) {
  SmallVector<int64_t, 2> shape;
  Type element;
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element) || parser.parseGreater())
    return {};
  if (shape.size() != 2) { // X1
    parser.emitError(parser.getNameLoc(), "a tile has two extents");
    return {};
  }
  return parser.getChecked<TileType>(parser.getContext(), shape[0], shape[1],
                                     element);
}

void TileType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getCols() << "x" << getElementType()
          << ">";
}
