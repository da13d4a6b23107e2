//===- LatentRewrite.cpp - Rewrite one form into another --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatentRewrite.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

using namespace mlir;
using namespace attn;

void attn::remarkMissed(AttendOp attend, StringRef name,
                        const std::string &reason) {
  remark::missed(attend.getLoc(),
                 remark::RemarkOpts::name(name).category("attn"))
      << remark::reason("{0}", reason);
}

void attn::replaceBlock(RewriterBase &rewriter, LatentBlock &block,
                        const LatentResults &results) {
  if (block.attend.getLse())
    rewriter.replaceAllUsesWith(block.attend.getLse(), results[1]);
  rewriter.replaceAllUsesWith(block.last->getResult(0), results[0]);
}

void attn::readExtentsOfLatents(Operation *root) {
  root->walk([](tensor::DimOp op) {
    auto decompress = op.getSource().getDefiningOp<DecompressOp>();
    std::optional<int64_t> dim = op.getConstantIndex();
    if (decompress && dim && *dim < 2)
      op.getSourceMutable().assign(decompress.getLatent());
  });
}

namespace {
struct FormPattern : OpRewritePattern<AttendOp> {
  FormPattern(MLIRContext *context, const LatentRewrite &rewrite,
              Pass::Statistic &numDone, Pass::Statistic &numMissed)
      : OpRewritePattern(context), rewrite(rewrite), numDone(numDone),
        numMissed(numMissed) {}

  LogicalResult matchAndRewrite(AttendOp attend,
                                PatternRewriter &rewriter) const override {
    std::string reason;
    FailureOr<LatentBlock> block = rewrite.match(attend, reason);
    if (failed(block) && reason.empty())
      return rewriter.notifyMatchFailure(attend, "not latent in this form");
    if (failed(block)) {
      remarkMissed(attend, rewrite.name, reason);
      ++numMissed;
      return rewriter.notifyMatchFailure(attend, reason);
    }
    rewriter.setInsertionPoint(block->last);
    replaceBlock(rewriter, *block, rewrite.build(rewriter, *block));
    remark::passed(attend.getLoc(),
                   remark::RemarkOpts::name(rewrite.name).category("attn"))
        << rewrite.done;
    ++numDone;
    return success();
  }

  const LatentRewrite &rewrite;
  Pass::Statistic &numDone, &numMissed;
};
} // namespace

void attn::rewriteLatent(Operation *root, const LatentRewrite &rewrite,
                         Pass::Statistic &numDone, Pass::Statistic &numMissed) {
  readExtentsOfLatents(root);
  RewritePatternSet patterns(root->getContext());
  patterns.add<FormPattern>(root->getContext(), rewrite, numDone, numMissed);
  walkAndApplyPatterns(root, std::move(patterns));
  IRRewriter rewriter(root->getContext());
  (void)runRegionDCE(rewriter, root->getRegions());
}
