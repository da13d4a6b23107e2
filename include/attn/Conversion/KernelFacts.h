//===- KernelFacts.h - A tile kernel's facts as the ABI has them *- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_KERNELFACTS_H
#define ATTN_CONVERSION_KERNELFACTS_H

#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn_kernel_abi.h"

namespace attn {

/// The `attn_dtype` of an element type.
inline int64_t dtypeOf(mlir::Type element) {
  return element.isBF16() ? ATTN_BF16 : element.isF16() ? ATTN_F16 : ATTN_F32;
}

/// Whether a kernel decompresses keys by a W_UK of `[H, nope, rank]`.
inline bool isUpTransposed(tile::KernelOp op) {
  bool transposed = false;
  op.walk([&](tile::WeightOp weight) { transposed |= weight.getTransposed(); });
  return transposed;
}

/// The `attn_kernel_flags` that follow from the program, whatever the target.
inline int64_t flagsOf(tile::KernelOp op) {
  return (op.getCausal() ? ATTN_KERNEL_CAUSAL : 0) |
         (op.getSinks() ? ATTN_KERNEL_SINKS : 0) |
         (op.getCache().getVInK() ? ATTN_KERNEL_V_IN_K : 0) |
         (op.getScoreMod() ? ATTN_KERNEL_SCORE_MOD : 0) |
         (op.getWideOutput() ? ATTN_KERNEL_OUT_F32 : 0) |
         (op.getUp() ? ATTN_KERNEL_DECOMPRESS : 0) |
         (isUpTransposed(op) ? ATTN_KERNEL_UP_TRANSPOSED : 0) |
         // What a kernel makes for itself is its own affair.
         (op.getRest() && !op.getUp() ? ATTN_KERNEL_REST : 0);
}

inline int64_t flagsOf(tile::ProjectionOp op) {
  return (op.getTransposed() ? ATTN_KERNEL_UP_TRANSPOSED : 0) |
         (op.getLatentRows() ? ATTN_KERNEL_LATENT_ROWS : 0) |
         (op.getRest() ? ATTN_KERNEL_REST : 0);
}

} // namespace attn

#endif // ATTN_CONVERSION_KERNELFACTS_H
