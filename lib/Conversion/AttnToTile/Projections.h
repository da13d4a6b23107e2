//===- Projections.h - Projections as tile kernels --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOTILE_PROJECTIONS_H
#define ATTN_LIB_CONVERSION_ATTNTOTILE_PROJECTIONS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "mlir/IR/SymbolTable.h"

namespace attn {

/// Adds the kernel of one projection.
mlir::LogicalResult convertProject(ProjectOp project, llvm::StringRef name,
                                   mlir::SymbolTable &symbols);

/// Takes the products with the up-projections out of attention, unless its
/// kernel multiplies (fused_decompress). Of the absorbed form, adds
/// `NAME_query` and `NAME_output`, and puts attention over the latent rows in
/// the place of `attend`, whose query is an argument of its block. Of the
/// materialized form, adds `NAME_key` and `NAME_value`, and puts attention over
/// a cache of what they decompress, an argument as well.
mlir::FailureOr<AttendOp> separateProjections(AttendOp attend,
                                              llvm::StringRef name,
                                              mlir::SymbolTable &symbols);

/// Whether attention that decompresses inside the kernel says all that it
/// takes.
mlir::LogicalResult checkFused(AttendOp attend);

} // namespace attn

#endif // ATTN_LIB_CONVERSION_ATTNTOTILE_PROJECTIONS_H
