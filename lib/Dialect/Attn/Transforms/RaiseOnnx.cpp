//===- RaiseOnnx.cpp - ONNX's Attention -------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `Attention` of ONNX opsets 23 and 24 (onnx/defs/nn/old.cc, with its errata),
// as onnx-mlir prints it. The soft-cap comes before the mask, a row that sees
// nothing gives 0, and heads share K and V in runs: as here. Other than here,
// `is_causal` shows query i the token j <= i + past tokens.
//
//===----------------------------------------------------------------------===//

#include "RaiseForeign.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;
using namespace attn;

namespace {
enum Operand { Q, K, V, Mask, PastKey, PastValue, NonpadLengths, NumOperands };
enum Result { Y, PresentKey, PresentValue, Scores, NumResults };

struct RaiseOnnxAttention : RaiseForeignPattern {
  using RaiseForeignPattern::RaiseForeignPattern;
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override;
};
} // namespace

/// Reads the shapes of Q, K and V: `[B, heads, tokens, D]`, or `[B, tokens,
/// heads * D]` with the numbers of heads in attributes.
static ForeignAttention readShapes(ForeignOp &op) {
  ForeignAttention result{};
  RankedTensorType q = foreignTensorType(op.operand(Q));
  RankedTensorType k = foreignTensorType(op.operand(K));
  RankedTensorType v = foreignTensorType(op.operand(V));
  bool ranked = q && k && v && q.getRank() == k.getRank() &&
                k.getRank() == v.getRank() &&
                (q.getRank() == 3 || q.getRank() == 4);
  op.refuseIf(!ranked, "Q, K and V are not ranked tensors of 3 or 4 axes each");
  if (!ranked)
    return result;
  bool flat = q.getRank() == 3;
  result.element = q.getElementType();
  result.batch = q.getDimSize(0);
  result.queries = q.getDimSize(flat ? 1 : 2);
  result.newTokens = k.getDimSize(flat ? 1 : 2);
  if (!flat) {
    result.qHeads = q.getDimSize(1);
    result.kvHeads = k.getDimSize(1);
    result.kDim = q.getDimSize(3);
    result.vDim = v.getDimSize(3);
    op.expectShape(
        "K", op.operand(K),
        {result.batch, result.kvHeads, result.newTokens, result.kDim},
        result.element);
    op.expectShape(
        "V", op.operand(V),
        {result.batch, result.kvHeads, result.newTokens, result.vDim},
        result.element);
    return result;
  }
  result.qHeads = op.integer("q_num_heads", 0);
  result.kvHeads = op.integer("kv_num_heads", 0);
  op.refuseIf(result.qHeads <= 0 || result.kvHeads <= 0,
              "q_num_heads or kv_num_heads is missing");
  int64_t qWidth = q.getDimSize(2), vWidth = v.getDimSize(2);
  if (!op.reason().empty())
    return result;
  op.refuseIf(ShapedType::isDynamic(qWidth) || qWidth % result.qHeads ||
                  ShapedType::isDynamic(vWidth) || vWidth % result.kvHeads,
              "the width of a head is unknown");
  result.kDim = qWidth / result.qHeads;
  result.vDim = vWidth / result.kvHeads;
  op.expectShape("K", op.operand(K),
                 {result.batch, result.newTokens, result.kvHeads * result.kDim},
                 result.element);
  op.refuseIf(k.isDynamicDim(2), "the width of a head is unknown");
  op.expectShape("V", op.operand(V), {result.batch, result.newTokens, vWidth},
                 result.element);
  return result;
}

/// Reads what attn_mask hides, into `attention`.
static void readMask(ForeignOp &op, ForeignAttention &attention) {
  Value mask = op.operand(Mask);
  if (!mask)
    return;
  std::optional<ConstantMask> constant;
  if (!ShapedType::isDynamic(attention.newTokens) &&
      !ShapedType::isDynamic(attention.pastTokens))
    constant = readConstantMask(mask, attention.queries,
                                attention.newTokens + attention.pastTokens);
  op.refuseIf(!constant, "attn_mask is no constant of the causal or windowed "
                         "kind, or shapes are unknown");
  if (!constant || !constant->causal)
    return; // it hides nothing
  op.refuseIf(attention.causal, "is_causal and attn_mask together");
  op.refuseIf(static_cast<bool>(op.operand(NonpadLengths)),
              "attn_mask and nonpad_kv_seqlen together");
  attention.causal = true;
  attention.window = constant->window;
}

static void readPast(ForeignOp &op, ForeignAttention &attention) {
  Value key = op.operand(PastKey), value = op.operand(PastValue);
  op.refuseIf(static_cast<bool>(key) != static_cast<bool>(value),
              "past_key and past_value are not given together");
  if (!key)
    return;
  op.refuseIf(static_cast<bool>(op.operand(NonpadLengths)),
              "past_key and nonpad_kv_seqlen together");
  RankedTensorType type = foreignTensorType(key);
  attention.pastTokens =
      type && type.getRank() == 4 ? type.getDimSize(2) : ShapedType::kDynamic;
  op.expectShape("past_key", key,
                 {attention.batch, attention.kvHeads, attention.pastTokens,
                  attention.kDim},
                 attention.element);
  op.expectShape("past_value", value,
                 {attention.batch, attention.kvHeads, attention.pastTokens,
                  attention.vDim},
                 attention.element);
}

LogicalResult
RaiseOnnxAttention::matchAndRewrite(Operation *root,
                                    PatternRewriter &rewriter) const {
  ForeignOp op(root);
  op.expectOnly({"is_causal", "scale", "q_num_heads", "kv_num_heads",
                 "softmax_precision", "softcap", "qk_matmul_output_mode",
                 "onnx_node_name"},
                NumOperands, NumResults);
  ForeignAttention attention = readShapes(op);
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());
  attention.causal = op.integer("is_causal", 0) != 0;
  attention.scale = op.number("scale", 0);
  attention.softcap = op.number("softcap", 0);
  op.refuseIf(op.attribute("scale") && attention.scale == 0, "the scale is 0");
  op.refuseIf(op.integer("softmax_precision", 1) == 11,
              "softmax in double precision"); // TensorProto.DOUBLE
  op.refuseIf(op.isUsed(Scores), "the product Q K^T is asked for");
  readPast(op, attention);
  Value lengths = op.operand(NonpadLengths);
  // With lengths, the mask is aligned at the last token, as ours.
  int64_t seen = lengths ? attention.newTokens : attention.alignAtFirst(op);
  readMask(op, attention);
  attention.check(op);
  bool flat = foreignTensorType(op.operand(Q)).getRank() == 3;
  SmallVector<int64_t> outputShape = {attention.batch, attention.qHeads,
                                      attention.queries, attention.vDim};
  if (flat)
    outputShape = {attention.batch, attention.queries,
                   attention.qHeads * attention.vDim};
  op.expectShape("Y (run shape inference first)", root->getResult(Y),
                 outputShape, attention.element);
  op.refuseIf(lengths &&
                  (ShapedType::isDynamic(attention.newTokens) ||
                   attention.newTokens > std::numeric_limits<int32_t>::max()),
              "nonpad_kv_seqlen is 64 bits wide, and the number of tokens that "
              "bounds it is unknown");
  int64_t present = ShapedType::kDynamic;
  if (!ShapedType::isDynamic(attention.newTokens) &&
      !ShapedType::isDynamic(attention.pastTokens))
    present = attention.pastTokens + attention.newTokens;
  for (auto [result, width] : {std::pair(PresentKey, attention.kDim),
                               std::pair(PresentValue, attention.vDim)})
    if (op.isUsed(result))
      op.expectShape("present_key or present_value", root->getResult(result),
                     {attention.batch, attention.kvHeads, present, width},
                     attention.element);
  if (lengths)
    op.expectShape("nonpad_kv_seqlen", lengths, {attention.batch},
                   rewriter.getI64Type());
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());

  Location loc = root->getLoc();
  auto tokensFirst = [&](Value value, int64_t heads) {
    return flat ? splitHeads(rewriter, loc, value, heads)
                : transpose(rewriter, loc, value, {0, 2, 1, 3});
  };
  Value query = tokensFirst(op.operand(Q), attention.qHeads);
  Value key = tokensFirst(op.operand(K), attention.kvHeads);
  Value value = tokensFirst(op.operand(V), attention.kvHeads);
  auto afterPast = [&](Operand past, Value rows) -> Value {
    if (!op.operand(past))
      return rows;
    Value before = transpose(rewriter, loc, op.operand(past), {0, 2, 1, 3});
    return tensor::ConcatOp::create(rewriter, loc, 1, ValueRange{before, rows});
  };
  // All rows are present, but no query sees those past its own.
  for (auto [result, past, rows] : {std::tuple(PresentKey, PastKey, key),
                                    std::tuple(PresentValue, PastValue, value)})
    if (op.isUsed(result))
      rewriter.replaceAllUsesWith(
          root->getResult(result),
          castTo(rewriter, loc,
                 transpose(rewriter, loc, afterPast(past, rows), {0, 2, 1, 3}),
                 root->getResult(result).getType()));
  key = afterPast(PastKey, takeSlice(rewriter, loc, key, 1, 0, seen));
  value = afterPast(PastValue, takeSlice(rewriter, loc, value, 1, 0, seen));
  Value lens;
  if (lengths)
    lens = mapElements(rewriter, loc, lengths, rewriter.getI32Type(),
                       [](OpBuilder &b, Location at, Value length) -> Value {
                         return arith::TruncIOp::create(b, at, b.getI32Type(),
                                                        length);
                       });
  Value output = buildAttend(rewriter, loc, attention, query, key, value, lens,
                             /*sinks=*/Value());
  done(output.getDefiningOp(), "ONNX Attention");
  output = flat ? joinHeads(rewriter, loc, output)
                : transpose(rewriter, loc, output, {0, 2, 1, 3});
  rewriter.replaceAllUsesWith(
      root->getResult(Y),
      castTo(rewriter, loc, output, root->getResult(Y).getType()));
  rewriter.eraseOp(root);
  return success();
}

void attn::populateRaiseOnnx(RewritePatternSet &patterns,
                             Pass::Statistic &numDone,
                             Pass::Statistic &numMissed) {
  patterns.add<RaiseOnnxAttention>("onnx.Attention", patterns.getContext(),
                                   numDone, numMissed);
}
