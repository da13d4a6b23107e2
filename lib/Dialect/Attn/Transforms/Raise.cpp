//===- Raise.cpp - Find attention in linalg ops -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raise.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace attn {
#define GEN_PASS_DEF_ATTNRAISE
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

bool attn::isTranspose(linalg::TransposeOp op, ArrayRef<int64_t> permutation) {
  return op && op.getPermutation() == permutation;
}

Value attn::transpose(OpBuilder &b, Location loc, Value value,
                      ArrayRef<int64_t> permutation) {
  if (isIdentityPermutation(permutation))
    return value;
  auto inverse = value.getDefiningOp<linalg::TransposeOp>();
  if (isTranspose(inverse, invertPermutationVector(permutation)))
    return inverse.getInput();
  SmallVector<OpFoldResult> from = tensor::getMixedSizes(b, loc, value), sizes;
  for (int64_t axis : permutation)
    sizes.push_back(from[axis]);
  Value init = tensor::EmptyOp::create(b, loc, sizes,
                                       tensorType(value).getElementType());
  return linalg::TransposeOp::create(b, loc, value, init, permutation)
      .getResult()
      .front();
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

bool attn::isZeroFill(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
}

/// The one input of an elementwise op, or null.
static Value elementwiseInput(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != op.getNumParallelLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }) ||
      !op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty())
    return {};
  return op.getInputs()[0];
}

/// The factor, if the op multiplies or divides by a constant.
static std::optional<double> matchScale(linalg::GenericOp op) {
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  Operation *scale = yielded.getDefiningOp();
  if (!isa_and_present<arith::MulFOp, arith::DivFOp>(scale))
    return std::nullopt;
  Value score = op.getBlock()->getArgument(0);
  Value left = scale->getOperand(0), right = scale->getOperand(1);
  bool isProduct = isa<arith::MulFOp>(scale);
  if (isProduct && right == score)
    std::swap(left, right);
  APFloat factor(0.0);
  if (left != score || !matchPattern(right, m_ConstantFloat(&factor)))
    return std::nullopt;
  double value = FloatAttr::get(right.getType(), factor).getValueAsDouble();
  return isProduct ? value : 1 / value;
}

/// True for a value that no score is below: minus infinity or the lowest
/// number, which exporters use.
static bool isLowest(Value value) {
  APFloat constant(0.0);
  return matchPattern(value, m_ConstantFloat(&constant)) &&
         constant.isNegative() &&
         (constant.isInfinity() || constant.isLargest());
}

/// True if the op hides token j from query token i where j > i + T - S, as
/// `select(j > i + (T - S), lowest, score)`.
static bool isCausalMask(linalg::GenericOp op, int64_t queries,
                         int64_t tokens) {
  auto select = op.getBlock()
                    ->getTerminator()
                    ->getOperand(0)
                    .getDefiningOp<arith::SelectOp>();
  auto compare =
      select ? select.getCondition().getDefiningOp<arith::CmpIOp>() : nullptr;
  if (!compare)
    return false;
  Value hidden, seen;
  switch (compare.getPredicate()) {
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt:
    hidden = select.getTrueValue(), seen = select.getFalseValue();
    break;
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    hidden = select.getFalseValue(), seen = select.getTrueValue();
    break;
  default:
    return false;
  }
  auto isLoop = [](Value value, uint64_t dim) {
    auto index = value.getDefiningOp<linalg::IndexOp>();
    return index && index.getDim() == dim;
  };
  Value bound = compare.getRhs();
  APInt offset(64, 0);
  if (auto add = bound.getDefiningOp<arith::AddIOp>())
    if (matchPattern(add.getRhs(), m_ConstantInt(&offset)))
      bound = add.getLhs();
  return isLowest(hidden) && seen == op.getBlock()->getArgument(0) &&
         isLoop(compare.getLhs(), 2) && isLoop(bound, 1) &&
         offset.getSExtValue() == tokens - queries;
}

//===----------------------------------------------------------------------===//
// softmax(scale * Q K^T) V
//===----------------------------------------------------------------------===//

namespace {
struct RaiseAttention : RaisePattern<linalg::BatchMatmulOp> {
  using RaisePattern::RaisePattern;
  LogicalResult matchAndRewrite(linalg::BatchMatmulOp op,
                                PatternRewriter &rewriter) const override;
};
} // namespace

/// `[B, H, S, D]` of its collapse to `[B * H, S, D]`, or null.
static Value withHeads(Value value) {
  auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse ||
      collapse.getReassociationIndices() != Reassociation{{0, 1}, {2}, {3}} ||
      tensorType(collapse.getSrc()).isDynamicDim(1))
    return {};
  return collapse.getSrc();
}

LogicalResult RaiseAttention::matchAndRewrite(linalg::BatchMatmulOp op,
                                              PatternRewriter &rewriter) const {
  auto softmax = op.getInputs()[0].getDefiningOp<linalg::SoftmaxOp>();
  if (!softmax)
    return rewriter.notifyMatchFailure(op, "no softmax before it");
  if (softmax.getDimension() != 2)
    return refuse(op, rewriter, "the softmax is not over the tokens");
  if (op.hasUserDefinedMaps() || !isZeroFill(op.getOutputs()[0]))
    return refuse(op, rewriter, "the product with V is not a plain one");

  RankedTensorType scoreType = tensorType(softmax.getInput());
  int64_t queries = scoreType.getDimSize(1), tokens = scoreType.getDimSize(2);
  double scale = 1;
  bool causal = false;
  Value scores = softmax.getInput();
  while (auto step = scores.getDefiningOp<linalg::GenericOp>()) {
    Value input = elementwiseInput(step);
    if (!input)
      return refuse(op, rewriter,
                    "an op with several inputs, such as a dense "
                    "mask, changes the scores");
    if (std::optional<double> factor = matchScale(step))
      scale *= *factor;
    else if (ShapedType::isStatic(queries) && ShapedType::isStatic(tokens) &&
             queries <= tokens && isCausalMask(step, queries, tokens))
      causal = true;
    else
      return refuse(op, rewriter,
                    "an op on the scores is neither a scale nor a causal mask "
                    "aligned at the last token");
    scores = input;
  }
  auto product = scores.getDefiningOp<linalg::BatchMatmulOp>();
  auto keyT = product
                  ? product.getInputs()[1].getDefiningOp<linalg::TransposeOp>()
                  : linalg::TransposeOp();
  if (!product || product.hasUserDefinedMaps() ||
      !isZeroFill(product.getOutputs()[0]) || !isTranspose(keyT, {0, 2, 1}))
    return refuse(op, rewriter, "the scores are not a product Q K^T");
  if (causal && scale <= 0)
    return refuse(op, rewriter, "a mask under a scale that is not positive");
  Value query = product.getInputs()[0], key = keyT.getInput();
  Value value = op.getInputs()[1];
  Type element = getElementTypeOrSelf(op.getResult(0));
  for (Value operand : {query, key, value, scores})
    if (getElementTypeOrSelf(operand) != element)
      return refuse(op, rewriter, "element types differ");
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    return refuse(op, rewriter, "the element type is not bf16, f16 or f32");

  // Heads, if all three show them; else the batch axis has them all.
  Location loc = op.getLoc();
  bool heads = withHeads(query) && withHeads(key) && withHeads(value) &&
               tensorType(withHeads(query)).getDimSize(1) ==
                   tensorType(withHeads(key)).getDimSize(1);
  Reassociation oneHead = {{0}, {1, 2}, {3}};
  auto read = [&](Value value) -> Value {
    if (heads)
      return transpose(rewriter, loc, withHeads(value), {0, 2, 1, 3});
    ArrayRef<int64_t> shape = tensorType(value).getShape();
    return tensor::ExpandShapeOp::create(
        rewriter, loc,
        RankedTensorType::get({shape[0], shape[1], 1, shape[2]}, element),
        value, oneHead);
  };
  Value q = read(query), k = read(key), v = read(value);
  int64_t numHeads = tensorType(q).getDimSize(2);
  SmallVector<int64_t> shape(tensorType(q).getShape());
  shape[3] = tensorType(v).getDimSize(3);
  auto attend = AttendOp::create(
      rewriter, loc, TypeRange{RankedTensorType::get(shape, element)}, q, k, v,
      Value(), Value(), HeadsAttr::get(getContext(), numHeads, numHeads),
      causal ? MaskAttr::get(getContext(), true, 0) : MaskAttr(),
      rewriter.getF32FloatAttr(scale), FloatAttr(), LatentAttr());
  Value output = attend.getOutput();
  if (heads)
    output = transpose(rewriter, loc, output, {0, 2, 1, 3});
  output = tensor::CollapseShapeOp::create(
      rewriter, loc, op.getResult(0).getType(), output,
      heads ? Reassociation{{0, 1}, {2}, {3}} : oneHead);
  rewriter.replaceOp(op, output);
  done(attend, causal ? "causal attention" : "attention");
  return success();
}

//===----------------------------------------------------------------------===//
// repeat_kv
//===----------------------------------------------------------------------===//

namespace {
struct FoldRepeatedHeads : RaisePattern<AttendOp> {
  using RaisePattern::RaisePattern;
  LogicalResult matchAndRewrite(AttendOp op,
                                PatternRewriter &rewriter) const override;
};
} // namespace

/// K or V before each of its heads was repeated for a group of query heads, in
/// `[B, T, H, D]` or, behind a transposition, `[B, H, T, D]`; or null.
static Value beforeRepeat(Value value, bool &headsFirst) {
  auto swap = value.getDefiningOp<linalg::TransposeOp>();
  headsFirst = isTranspose(swap, {0, 2, 1, 3});
  auto collapse = (headsFirst ? swap.getInput() : value)
                      .getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse || collapse.getReassociationIndices() !=
                       (headsFirst ? Reassociation{{0}, {1, 2}, {3}, {4}}
                                   : Reassociation{{0}, {1}, {2, 3}, {4}}))
    return {};
  auto repeat = collapse.getSrc().getDefiningOp<linalg::BroadcastOp>();
  if (!repeat ||
      repeat.getDimensions() != ArrayRef<int64_t>{headsFirst ? 2 : 3})
    return {};
  Value source = repeat.getInput();
  return tensorType(source).isDynamicDim(headsFirst ? 1 : 2) ? Value() : source;
}

LogicalResult
FoldRepeatedHeads::matchAndRewrite(AttendOp op,
                                   PatternRewriter &rewriter) const {
  if (!op.getValue() || op.getHeads().getGroup() != 1)
    return rewriter.notifyMatchFailure(op, "no K and V for every query head");
  bool keyFirst = false, valueFirst = false;
  Value key = beforeRepeat(op.getKey(), keyFirst);
  Value value = beforeRepeat(op.getValue(), valueFirst);
  if (!key && !value)
    return rewriter.notifyMatchFailure(op, "heads are not repeated");
  if (!key || !value ||
      tensorType(key).getDimSize(keyFirst ? 1 : 2) !=
          tensorType(value).getDimSize(valueFirst ? 1 : 2))
    return refuse(op, rewriter, "K and V are not repeated alike");
  auto tokensFirst = [&](Value value, bool headsFirst) {
    return headsFirst ? transpose(rewriter, op.getLoc(), value, {0, 2, 1, 3})
                      : value;
  };
  key = tokensFirst(key, keyFirst);
  value = tokensFirst(value, valueFirst);
  rewriter.modifyOpInPlace(op, [&] {
    op.getKeyMutable().assign(key);
    op.getValueMutable().assign(value);
    op.setHeadsAttr(HeadsAttr::get(getContext(), op.getHeads().getQ(),
                                   tensorType(key).getDimSize(2)));
  });
  done(op, "repeated K and V heads shared instead");
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct Raise : attn::impl::AttnRaiseBase<Raise> {
  using Base::Base;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet attention(context), heads(context), latents(context);
    attention.add<RaiseAttention>(context, numAttention, numMissed);
    populateRaiseForeign(attention, numAttention, numMissed);
    heads.add<FoldRepeatedHeads>(context, numGrouped, numMissed);
    walkAndApplyPatterns(getOperation(), std::move(attention));
    walkAndApplyPatterns(getOperation(), std::move(heads));
    SetVector<Operation *> feeders = feedersOfAttention(getOperation());
    populateRaiseLatent(latents, feeders, numDecompress, numMissed);
    walkAndApplyPatterns(getOperation(), std::move(latents));
    eraseUnusedForeignConstants(getOperation());
    IRRewriter rewriter(context);
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
  }
};
} // namespace
