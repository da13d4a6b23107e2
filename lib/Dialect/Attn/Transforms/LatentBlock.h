//===- LatentBlock.h - The two forms of latent attention --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Multi-head latent attention around one `attn.attend`, as both of its forms
// read and write it. A match creates no IR: what it found is described by
// columns of existing tensors, and becomes slices, concatenations and
// projections when a form is built.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LATENTBLOCK_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LATENTBLOCK_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/Builders.h"

#include <string>

namespace attn {

/// The columns `[offset, offset + width)` of a tensor's last axis.
struct Columns {
  mlir::Value source;
  int64_t offset = 0, width = 0;
};

/// A part of the key that all heads share, or those of a group, and the query's
/// columns it meets. `rows` are of a tensor `[B, T, *]` or `[B, T, groups, *]`.
/// `rope`, if any, rotates them at `ropeOffset`; its other properties are those
/// of the op.
struct SharedPart {
  Columns rows;
  RopeOp rope;
  int64_t ropeOffset = 0;
  Columns query;
};

/// Latent attention in either form; see `Representation` in docs/mla.md.
struct LatentBlock {
  AttendOp attend;
  /// The op that gives the block's output: `attend` in the decompressed form,
  /// the projection with W_UV behind it in the absorbed form.
  mlir::Operation *last = nullptr;
  LatentAttr dims;
  /// The rows, if they lie in a cache; `latent` and the shared rows are then
  /// null.
  mlir::Value cache;
  Columns latent;    ///< `[B, T, rank]`, or `[B, T, groups, rank]`
  Columns queryNope; ///< `[B, S, H, nope]`
  Columns weightUK;  ///< `[H, rank, nope]`, or ...
  bool weightUKTransposed = false; ///< ... `[H, nope, rank]`
  Columns weightUV;                ///< `[H, rank, v]`
  llvm::SmallVector<SharedPart> shared;
};

/// The output, and the log-sum-exp if the block has one.
using LatentResults = llvm::SmallVector<mlir::Value, 2>;

/// Reads the decompressed form. Otherwise says why not, in `reason`; that is
/// empty if the op has nothing to do with a latent.
mlir::FailureOr<LatentBlock> matchDecompressed(AttendOp attend,
                                               std::string &reason);
/// Reads the absorbed form, likewise; the rows may lie in a cache.
mlir::FailureOr<LatentBlock> matchProjected(AttendOp attend,
                                            std::string &reason);
/// The same over rows that are tensors, which can be decompressed by an op.
mlir::FailureOr<LatentBlock> matchAbsorbed(AttendOp attend,
                                           std::string &reason);
/// Reads either form, over tensors or a cache.
mlir::FailureOr<LatentBlock> matchEither(AttendOp attend, std::string &reason);

LatentResults buildAbsorbed(mlir::OpBuilder &builder, const LatentBlock &block);
LatentResults buildDecompressed(mlir::OpBuilder &builder,
                                const LatentBlock &block);
/// One op with the up-projections as operands, and the form it is to take.
LatentResults buildWithUpProjections(mlir::OpBuilder &builder,
                                     const LatentBlock &block, Form form);

/// The tensor that these columns of `value` are a part of, seen through
/// concatenations and slices along the last axis.
Columns resolveColumns(Columns columns);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LATENTBLOCK_H
