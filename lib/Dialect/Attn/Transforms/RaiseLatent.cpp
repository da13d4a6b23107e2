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
/// `c [B * T, R] * W [R, H * N]`, or the same of grouped latents, expanded to
/// `[B, T, H, N]`. It decompresses if it widens: the projection of a hidden
/// state to keys does not.
struct RaiseDecompress : RaisePattern<tensor::ExpandShapeOp> {
  RaiseDecompress(MLIRContext *context, const SetVector<Operation *> &feeders,
                  Pass::Statistic &numDone, Pass::Statistic &numMissed)
      : RaisePattern(context, numDone, numMissed), feeders(feeders) {}
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override;

  const SetVector<Operation *> &feeders;
};
} // namespace

namespace {
/// The product of latent rows and a weight.
struct UpProjection {
  Value latent; ///< `[B, T, R]`, or `[B, T, G, R]`
  Value weight; ///< `[R, H * N]`, or `[G, R, H / G * N]`
  linalg::LinalgOp product;
};
} // namespace

/// `[B * T, R]` of latent rows by one weight.
static std::optional<UpProjection> matchPlain(Value result) {
  auto matmul = result.getDefiningOp<linalg::MatmulOp>();
  auto rows =
      matmul ? matmul.getInputs()[0].getDefiningOp<tensor::CollapseShapeOp>()
             : tensor::CollapseShapeOp();
  if (!rows || rows.getReassociationIndices() != Reassociation{{0, 1}, {2}})
    return std::nullopt;
  return UpProjection{rows.getSrc(), matmul.getInputs()[1], matmul};
}

/// `[G, B * T, R]` of grouped latents by a weight for each group, with the
/// groups and what they give joined to heads.
static std::optional<UpProjection> matchGrouped(Value result) {
  auto joined = result.getDefiningOp<tensor::CollapseShapeOp>();
  if (!joined || joined.getReassociationIndices() != Reassociation{{0}, {1, 2}})
    return std::nullopt;
  auto after = joined.getSrc().getDefiningOp<linalg::TransposeOp>();
  auto matmul = isTranspose(after, {1, 0, 2})
                    ? after.getInput().getDefiningOp<linalg::BatchMatmulOp>()
                    : linalg::BatchMatmulOp();
  auto before = matmul
                    ? matmul.getInputs()[0].getDefiningOp<linalg::TransposeOp>()
                    : linalg::TransposeOp();
  auto rows = isTranspose(before, {1, 0, 2})
                  ? before.getInput().getDefiningOp<tensor::CollapseShapeOp>()
                  : tensor::CollapseShapeOp();
  if (!rows ||
      rows.getReassociationIndices() != Reassociation{{0, 1}, {2}, {3}})
    return std::nullopt;
  return UpProjection{rows.getSrc(), matmul.getInputs()[1], matmul};
}

/// The weight as `[H, R, N]`.
static Value weightByHeads(OpBuilder &b, Location loc, Value weight,
                           int64_t rank, int64_t heads, int64_t width) {
  RankedTensorType type = tensorType(weight);
  auto of = [&](ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, type.getElementType());
  };
  if (type.getRank() == 2) {
    weight = tensor::ExpandShapeOp::create(b, loc, of({rank, heads, width}),
                                           weight, Reassociation{{0}, {1, 2}});
    return transpose(b, loc, weight, {1, 0, 2});
  }
  int64_t groups = type.getDimSize(0);
  weight = tensor::ExpandShapeOp::create(
      b, loc, of({groups, rank, heads / groups, width}), weight,
      Reassociation{{0}, {1}, {2, 3}});
  weight = transpose(b, loc, weight, {0, 2, 1, 3});
  return tensor::CollapseShapeOp::create(b, loc, weight,
                                         Reassociation{{0, 1}, {2}, {3}});
}

static bool hasOwnMaps(linalg::LinalgOp op) {
  if (auto matmul = dyn_cast<linalg::MatmulOp>(*op))
    return matmul.hasUserDefinedMaps();
  return cast<linalg::BatchMatmulOp>(*op).hasUserDefinedMaps();
}

LogicalResult
RaiseDecompress::matchAndRewrite(tensor::ExpandShapeOp op,
                                 PatternRewriter &rewriter) const {
  std::optional<UpProjection> up = matchPlain(op.getSrc());
  if (!up)
    up = matchGrouped(op.getSrc());
  if (!up || !feeders.contains(op))
    return rewriter.notifyMatchFailure(op, "no matmul that feeds attention");
  if (op.getReassociationIndices() != Reassociation{{0, 1}, {2, 3}})
    return rewriter.notifyMatchFailure(op, "not to [B, T, H, N]");
  RankedTensorType result = op.getResultType();
  RankedTensorType latent = tensorType(up->latent);
  int64_t rank = latent.getShape().back();
  int64_t groups = latent.getRank() == 4 ? latent.getDimSize(2) : 1;
  int64_t heads = result.getDimSize(2), width = result.getDimSize(3);
  if (ShapedType::isDynamic(rank) || ShapedType::isDynamic(groups) ||
      ShapedType::isDynamic(heads) || ShapedType::isDynamic(width) ||
      heads % groups || groups * rank >= heads * width)
    return rewriter.notifyMatchFailure(op, "does not widen");
  // Only the product of the extents is the same where they are unknown.
  if (!latent.hasStaticShape() || !result.hasStaticShape() ||
      latent.getShape().take_front(2) != result.getShape().take_front(2))
    return refuse(op, rewriter,
                  "batch and tokens before and after an up-projection of a "
                  "latent are not known to agree");
  Type element = result.getElementType();
  if (hasOwnMaps(up->product) ||
      !isZeroFill(up->product.getDpsInitOperand(0)->get()) ||
      tensorType(up->weight).getElementType() != element ||
      latent.getElementType() != element ||
      !(element.isF32() || element.isBF16() || element.isF16()))
    return refuse(op, rewriter, "the up-projection of a latent is not plain");

  Value weight =
      weightByHeads(rewriter, op.getLoc(), up->weight, rank, heads, width);
  auto decompress =
      rewriter.replaceOpWithNewOp<DecompressOp>(op, result, up->latent, weight);
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
