//===- LatentRewrite.h - Rewrite one form into another ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LATENTREWRITE_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LATENTREWRITE_H

#include "LatentBlock.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace attn {

/// One direction between the forms of latent attention.
struct LatentRewrite {
  const char *name; ///< of its remarks
  mlir::FailureOr<LatentBlock> (*match)(AttendOp, std::string &reason);
  LatentResults (*build)(mlir::OpBuilder &, const LatentBlock &);
  const char *done; ///< the text of a remark for an op that was rewritten
};

/// Applies it to every attention under `root` and erases what became dead.
/// Counts what was rewritten, and latent attention that was not.
void rewriteLatent(mlir::Operation *root, const LatentRewrite &rewrite,
                   mlir::Pass::Statistic &numDone,
                   mlir::Pass::Statistic &numMissed);

/// Lets `tensor.dim` of a decompression read the latent, whose batch and tokens
/// are the same: asking for an extent is no use of K or V.
void readExtentsOfLatents(mlir::Operation *root);

/// Puts `results` in the place of the block, which becomes dead.
void replaceBlock(mlir::RewriterBase &rewriter, LatentBlock &block,
                  const LatentResults &results);

/// Says why this latent attention stays as it is.
void remarkMissed(AttendOp attend, llvm::StringRef name,
                  const std::string &reason);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LATENTREWRITE_H
