//===- Raise.h - What the patterns of attn-raise share ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISE_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISE_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SetVector.h"

namespace attn {

/// What a pattern did, and why it did not, as remarks and statistics.
struct RaiseRemarks {
  mlir::LogicalResult refuse(mlir::Operation *op,
                             mlir::PatternRewriter &rewriter,
                             const llvm::Twine &reason) const {
    std::string text = reason.str();
    mlir::remark::missed(
        op->getLoc(), mlir::remark::RemarkOpts::name("raise").category("attn"))
        << mlir::remark::reason("{0}", text);
    ++numMissed;
    return rewriter.notifyMatchFailure(op, text);
  }
  void done(mlir::Operation *op, const char *text) const {
    mlir::remark::passed(
        op->getLoc(), mlir::remark::RemarkOpts::name("raise").category("attn"))
        << text;
    ++numDone;
  }
  mlir::Pass::Statistic &numDone, &numMissed;
};

/// A pattern that says in a remark why it does not apply.
template <typename OpT>
struct RaisePattern : mlir::OpRewritePattern<OpT>, RaiseRemarks {
  RaisePattern(mlir::MLIRContext *context, mlir::Pass::Statistic &numDone,
               mlir::Pass::Statistic &numMissed)
      : mlir::OpRewritePattern<OpT>(context), RaiseRemarks{numDone, numMissed} {
  }
};

bool isTranspose(mlir::linalg::TransposeOp op,
                 llvm::ArrayRef<int64_t> permutation);

/// Axis i of the result is axis `permutation[i]` of `value`. No op is made
/// where nothing moves, or where this undoes the transposition that made
/// `value`.
mlir::Value transpose(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                      llvm::ArrayRef<int64_t> permutation);

/// True for a tensor filled with zeros.
bool isZeroFill(mlir::Value value);

/// The ops that K and V of attention are computed by, up to the attention or
/// the compression before them.
llvm::SetVector<mlir::Operation *> feedersOfAttention(mlir::Operation *root);

/// The pattern that raises up-projections among `feeders` to attn.decompress.
void populateRaiseLatent(mlir::RewritePatternSet &patterns,
                         const llvm::SetVector<mlir::Operation *> &feeders,
                         mlir::Pass::Statistic &numDone,
                         mlir::Pass::Statistic &numMissed);

/// The patterns that raise attention ops of dialects that are not registered
/// (RaiseOnnx.cpp, RaiseOrt.h, RaiseIree.cpp, RaiseTorch.cpp).
void populateRaiseForeign(mlir::RewritePatternSet &patterns,
                          mlir::Pass::Statistic &numDone,
                          mlir::Pass::Statistic &numMissed);

/// Erases constants of those dialects that nothing reads any more.
void eraseUnusedForeignConstants(mlir::Operation *root);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISE_H
