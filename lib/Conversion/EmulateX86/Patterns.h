//===-- Patterns.h - The rewrites of emulate-x86 ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EMULATEX86_PATTERNS_H
#define ATTN_LIB_CONVERSION_EMULATEX86_PATTERNS_H

#include "mlir/Transforms/DialectConversion.h"

namespace attn::emulation {

/// Reports every operation under `root` that uses AMX tiles in a way that the
/// patterns below do not cover.
mlir::LogicalResult checkTileUses(mlir::Operation *root);

/// Tiles become pointers to buffers, tile operations become calls.
void populateAMXPatterns(mlir::TypeConverter &converter,
                         mlir::RewritePatternSet &patterns,
                         mlir::ConversionTarget &target);

/// Whether VCVTNEPS2BF16 implements the truncation.
bool isBF16Conversion(mlir::Operation *op);

/// Dot products and truncations become arithmetic.
void populateAVX512BF16Patterns(mlir::RewritePatternSet &patterns,
                                mlir::ConversionTarget &target);

} // namespace attn::emulation

#endif // ATTN_LIB_CONVERSION_EMULATEX86_PATTERNS_H
