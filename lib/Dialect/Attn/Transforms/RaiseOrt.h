//===- RaiseOrt.h - ONNX Runtime's attention ops ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `GroupQueryAttention` and `PagedAttention` of com.microsoft, version 1
// (docs/ContribOperators.md in ONNX Runtime, 2026), as onnx-mlir prints them:
// "onnx.Custom" with a function_name. `local_window_size` counts the tokens
// seen, the current one included, as here (see the op's windowed cache;
// releases before 2025 saw one more on the CPU). The causal mask is aligned at
// each sequence's last token. `head_sink` adds to the denominator.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISEORT_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISEORT_H

#include "RaiseForeign.h"

namespace attn {

/// Raises either op, by the name that the custom op carries.
struct RaiseOrtAttention : RaiseForeignPattern {
  using RaiseForeignPattern::RaiseForeignPattern;
  mlir::LogicalResult
  matchAndRewrite(mlir::Operation *op,
                  mlir::PatternRewriter &rewriter) const override;

private:
  mlir::LogicalResult raiseGrouped(mlir::Operation *op,
                                   mlir::PatternRewriter &rewriter) const;
  mlir::LogicalResult raisePaged(mlir::Operation *op,
                                 mlir::PatternRewriter &rewriter) const;
};

/// Attributes of both ops, and those of onnx-mlir's custom op.
llvm::SmallVector<llvm::StringRef> commonOrtAttributes();

/// Reads those; `causalName` is what the op calls its flag.
void readCommonOrt(ForeignOp &op, llvm::StringRef causalName,
                   ForeignAttention &attention);

/// One sink a head, in f32; `sink` has the model's element type.
mlir::Value toSinks(mlir::OpBuilder &b, mlir::Location loc, mlir::Value sink);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISEORT_H
