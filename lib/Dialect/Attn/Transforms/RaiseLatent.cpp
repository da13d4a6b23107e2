//===- RaiseLatent.cpp - Find decompressions in linalg ops ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raise.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
/// `c [B * T, R] * W [R, H * N]`, expanded to `[B, T, H, N]`. It decompresses
/// if it widens: the projection of a hidden state to keys does not.
struct RaiseDecompress : RaisePattern<tensor::ExpandShapeOp> {
  RaiseDecompress(MLIRContext *context, const SetVector<Operation *> &feeders,
                  Pass::Statistic &numDone, Pass::Statistic &numMissed)
      : RaisePattern(context, numDone, numMissed), feeders(feeders) {}
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override;

  const SetVector<Operation *> &feeders;
};
} // namespace

LogicalResult
RaiseDecompress::matchAndRewrite(tensor::ExpandShapeOp op,
                                 PatternRewriter &rewriter) const {
  auto matmul = op.getSrc().getDefiningOp<linalg::MatmulOp>();
  if (!matmul || !feeders.contains(op))
    return rewriter.notifyMatchFailure(op, "no matmul that feeds attention");
  if (op.getReassociationIndices() != Reassociation{{0, 1}, {2, 3}})
    return rewriter.notifyMatchFailure(op, "not to [B, T, H, N]");
  auto rows = matmul.getInputs()[0].getDefiningOp<tensor::CollapseShapeOp>();
  if (!rows || rows.getReassociationIndices() != Reassociation{{0, 1}, {2}})
    return rewriter.notifyMatchFailure(op, "not from [B, T, R]");
  RankedTensorType result = op.getResultType();
  RankedTensorType latent = rows.getSrcType();
  Value weight = matmul.getInputs()[1];
  int64_t rank = latent.getDimSize(2);
  int64_t heads = result.getDimSize(2), width = result.getDimSize(3);
  if (ShapedType::isDynamic(rank) || ShapedType::isDynamic(heads) ||
      ShapedType::isDynamic(width) || rank >= heads * width)
    return rewriter.notifyMatchFailure(op, "does not widen");
  // Only the product of the extents is the same where they are unknown.
  if (!latent.hasStaticShape() || !result.hasStaticShape() ||
      latent.getShape().take_front(2) != result.getShape().take_front(2))
    return refuse(op, rewriter,
                  "batch and tokens before and after an up-projection of a "
                  "latent are not known to agree");
  Type element = result.getElementType();
  if (matmul.hasUserDefinedMaps() || !isZeroFill(matmul.getOutputs()[0]) ||
      tensorType(weight).getElementType() != element ||
      latent.getElementType() != element ||
      !(element.isF32() || element.isBF16() || element.isF16()))
    return refuse(op, rewriter, "the up-projection of a latent is not plain");

  // [R, H * N] as [H, R, N].
  Location loc = op.getLoc();
  weight = tensor::ExpandShapeOp::create(
      rewriter, loc, RankedTensorType::get({rank, heads, width}, element),
      weight, Reassociation{{0}, {1, 2}});
  weight = transpose(rewriter, loc, weight, {1, 0, 2});
  auto decompress = rewriter.replaceOpWithNewOp<DecompressOp>(
      op, result, rows.getSrc(), weight);
  done(decompress, "decompression of a latent");
  return success();
}

SetVector<Operation *> attn::feedersOfAttention(Operation *root) {
  SetVector<Operation *> feeders;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [](Operation *op) { return !isa<AttendOp, CompressOp>(op); };
  root->walk([&](AttendOp op) {
    (void)getBackwardSlice(op.getKey(), &feeders, options);
    if (op.getValue())
      (void)getBackwardSlice(op.getValue(), &feeders, options);
  });
  return feeders;
}

void attn::populateRaiseLatent(RewritePatternSet &patterns,
                               const SetVector<Operation *> &feeders,
                               Pass::Statistic &numDone,
                               Pass::Statistic &numMissed) {
  patterns.add<RaiseDecompress>(patterns.getContext(), feeders, numDone,
                                numMissed);
}
