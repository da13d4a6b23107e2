//===- RaiseOrt.cpp - ONNX Runtime's GroupQueryAttention --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseOrt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

LogicalResult
RaiseOrtAttention::matchAndRewrite(Operation *op,
                                   PatternRewriter &rewriter) const {
  ForeignOp custom(op);
  std::string name = custom.string("function_name", "");
  if (custom.string("domain_name", "") != "com.microsoft")
    return rewriter.notifyMatchFailure(op, "not an op of com.microsoft");
  if (name == "GroupQueryAttention")
    return raiseGrouped(op, rewriter);
  if (name == "PagedAttention")
    return raisePaged(op, rewriter);
  return rewriter.notifyMatchFailure(op, "no attention known here");
}

//===----------------------------------------------------------------------===//
// What the two share
//===----------------------------------------------------------------------===//

SmallVector<StringRef> attn::commonOrtAttributes() {
  return {"function_name",    "domain_name",  "onnx_node_name",
          "num_heads",        "kv_num_heads", "scale",
          "softcap",          "do_rotary",    "rotary_interleaved",
          "qk_norm_epsilon",  "k_quant_type", "v_quant_type",
          "local_window_size"};
}

void attn::readCommonOrt(ForeignOp &op, StringRef causalName,
                         ForeignAttention &attention) {
  attention.qHeads = op.integer("num_heads", 0);
  attention.kvHeads = op.integer("kv_num_heads", 0);
  op.refuseIf(attention.qHeads <= 0 || attention.kvHeads <= 0,
              "num_heads or kv_num_heads is missing");
  attention.scale = op.number("scale", 0);
  attention.softcap = op.number("softcap", 0);
  attention.causal = op.integer(causalName, 1) != 0;
  int64_t window = op.integer("local_window_size", -1);
  attention.window = window < 0 ? 0 : window;
  op.refuseIf(window == 0, "local_window_size is 0");
  op.refuseIf(op.integer("do_rotary", 0) != 0,
              "do_rotary: the op turns Q and K itself");
  op.refuseIf(op.string("k_quant_type", "NONE") != "NONE" ||
                  op.string("v_quant_type", "NONE") != "NONE",
              "a quantised cache");
}

Value attn::toSinks(OpBuilder &b, Location loc, Value sink) {
  if (cast<RankedTensorType>(sink.getType()).getElementType().isF32())
    return sink;
  return mapElements(b, loc, sink, b.getF32Type(),
                     [](OpBuilder &inner, Location at, Value x) -> Value {
                       return arith::ExtFOp::create(inner, at,
                                                    inner.getF32Type(), x);
                     });
}

//===----------------------------------------------------------------------===//
// GroupQueryAttention
//===----------------------------------------------------------------------===//

namespace {
namespace gqa {
enum Operand {
  Query,
  Key,
  Values,
  PastKey,
  PastValue,
  SeqlensK,
  TotalLength,
  CosCache,
  SinCache,
  PositionIds,
  Bias,
  HeadSink,
  KScale,
  VScale,
  QNorm,
  KNorm,
  NumOperands
};
enum Result { Output, PresentKey, PresentValue, Scores, NumResults };
} // namespace gqa
} // namespace

/// True where Q, K and V are columns of the first operand.
static bool isPacked(ForeignOp &op) {
  return !op.operand(gqa::Key) && !op.operand(gqa::Values);
}

static void readGroupedShapes(ForeignOp &op, ForeignAttention &attention) {
  RankedTensorType query = foreignTensorType(op.operand(gqa::Query));
  op.refuseIf(!query || query.getRank() != 3,
              "query is not [B, tokens, width]");
  if (!op.reason().empty())
    return;
  attention.element = query.getElementType();
  attention.batch = query.getDimSize(0);
  attention.queries = query.getDimSize(1);
  attention.newTokens = attention.queries;
  int64_t width = query.getDimSize(2);
  int64_t parts = attention.qHeads + (isPacked(op) ? 2 * attention.kvHeads : 0);
  op.refuseIf(ShapedType::isDynamic(width) || width % parts,
              "the width of a head is unknown");
  if (!op.reason().empty())
    return;
  attention.kDim = attention.vDim = width / parts;
  if (isPacked(op))
    return;
  SmallVector<int64_t> shape = {attention.batch, attention.newTokens,
                                attention.kvHeads * attention.kDim};
  op.expectShape("key", op.operand(gqa::Key), shape, attention.element);
  op.expectShape("value", op.operand(gqa::Values), shape, attention.element);
  for (gqa::Operand rows : {gqa::Key, gqa::Values})
    if (RankedTensorType type = foreignTensorType(op.operand(rows)))
      op.refuseIf(type.isDynamicDim(2), "the width of a head is unknown");
}

/// The cache must grow by the new tokens, of every sequence at one place.
static void readGroupedPast(ForeignOp &op, Operation *root,
                            ForeignAttention &attention) {
  Value pastKey = op.operand(gqa::PastKey);
  Value pastValue = op.operand(gqa::PastValue);
  op.refuseIf(static_cast<bool>(pastKey) != static_cast<bool>(pastValue),
              "past_key and past_value are not given together");
  if (!op.reason().empty())
    return;
  if (pastKey) {
    RankedTensorType type = foreignTensorType(pastKey);
    attention.pastTokens =
        type && type.getRank() == 4 ? type.getDimSize(2) : ShapedType::kDynamic;
    SmallVector<int64_t> shape = {attention.batch, attention.kvHeads,
                                  attention.pastTokens, attention.kDim};
    op.expectShape("past_key", pastKey, shape, attention.element);
    op.expectShape("past_value", pastValue, shape, attention.element);
  }
  op.refuseIf(ShapedType::isDynamic(attention.pastTokens) ||
                  ShapedType::isDynamic(attention.queries),
              "the number of cached or of new tokens is unknown");
  if (!op.reason().empty())
    return;
  int64_t total = attention.pastTokens + attention.newTokens;
  for (gqa::Result present : {gqa::PresentKey, gqa::PresentValue})
    if (op.isUsed(present)) {
      auto type =
          dyn_cast<RankedTensorType>(root->getResult(present).getType());
      op.refuseIf(type && type.getRank() == 4 &&
                      type.getDimSize(2) == attention.pastTokens,
                  "past and present share one buffer: where new tokens go is "
                  "known at run time only");
      op.expectShape(
          "present_key or present_value", root->getResult(present),
          {attention.batch, attention.kvHeads, total, attention.kDim},
          attention.element);
    }
  // seqlens_k[b] + 1 tokens of sequence b are valid.
  DenseElementsAttr lengths;
  if (Value seqlens = op.operand(gqa::SeqlensK))
    lengths = constantElements(seqlens);
  bool full = lengths && lengths.getElementType().isInteger() &&
              llvm::all_of(lengths.getValues<APInt>(), [&](const APInt &n) {
                return n.getSExtValue() == total - 1;
              });
  op.refuseIf(!full,
              "seqlens_k is no constant that counts all " + Twine(total) +
                  " tokens of each sequence: new tokens would go elsewhere, "
                  "and the mask be aligned elsewhere");
}

LogicalResult RaiseOrtAttention::raiseGrouped(Operation *root,
                                              PatternRewriter &rewriter) const {
  using namespace gqa;
  ForeignOp op(root);
  SmallVector<StringRef> known = commonOrtAttributes();
  known.append({"causal", "kv_cache_bit_width", "qk_output", "smooth_softmax",
                "sliding_window_cache"});
  op.expectOnly(known, NumOperands, NumResults);
  ForeignAttention attention{};
  readCommonOrt(op, "causal", attention);
  if (op.reason().empty())
    readGroupedShapes(op, attention);
  op.refuseIf(op.integer("sliding_window_cache", 0) != 0,
              "a cache that holds a window only");
  op.refuseIf(static_cast<bool>(op.operand(Bias)), "an attention_bias");
  op.refuseIf(op.operand(QNorm) || op.operand(KNorm), "a norm on Q and K");
  op.refuseIf(op.operand(KScale) || op.operand(VScale), "a quantised cache");
  op.refuseIf(op.isUsed(Scores) || op.integer("qk_output", 0) != 0,
              "the product Q K^T is asked for");
  if (op.reason().empty())
    readGroupedPast(op, root, attention);
  Value sink = op.operand(HeadSink);
  if (sink)
    op.expectShape("head_sink", sink, {attention.qHeads}, attention.element);
  if (op.reason().empty())
    op.expectShape(
        "the result (run shape inference first)", root->getResult(Output),
        {attention.batch, attention.queries, attention.qHeads * attention.vDim},
        attention.element);
  if (op.reason().empty())
    attention.check(op);
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());

  Location loc = root->getLoc();
  Value packed = op.operand(Query);
  int64_t qWidth = attention.qHeads * attention.kDim;
  int64_t kvWidth = attention.kvHeads * attention.kDim;
  auto rows = [&](Operand index, int64_t offset, int64_t width, int64_t heads) {
    Value value = isPacked(op)
                      ? takeSlice(rewriter, loc, packed, 2, offset, width)
                      : op.operand(index);
    return splitHeads(rewriter, loc, value, heads);
  };
  Value query = rows(Query, 0, qWidth, attention.qHeads);
  Value key = rows(Key, qWidth, kvWidth, attention.kvHeads);
  Value value = rows(Values, qWidth + kvWidth, kvWidth, attention.kvHeads);
  auto present = [&](Operand past, Result result, Value fresh) -> Value {
    if (op.operand(past)) {
      Value before = transpose(rewriter, loc, op.operand(past), {0, 2, 1, 3});
      fresh =
          tensor::ConcatOp::create(rewriter, loc, 1, ValueRange{before, fresh});
    }
    if (op.isUsed(result))
      rewriter.replaceAllUsesWith(
          root->getResult(result),
          castTo(rewriter, loc, transpose(rewriter, loc, fresh, {0, 2, 1, 3}),
                 root->getResult(result).getType()));
    return fresh;
  };
  key = present(PastKey, PresentKey, key);
  value = present(PastValue, PresentValue, value);
  Value sinks;
  if (sink)
    sinks = toSinks(rewriter, loc, sink);
  else if (op.integer("smooth_softmax", 0) != 0) {
    // One more exp(0) in the denominator.
    auto type =
        RankedTensorType::get({attention.qHeads}, rewriter.getF32Type());
    sinks = arith::ConstantOp::create(
        rewriter, loc,
        SplatElementsAttr::get(type, rewriter.getF32FloatAttr(0)));
  }
  Value output = buildAttend(rewriter, loc, attention, query, key, value,
                             /*lens=*/Value(), sinks);
  done(output.getDefiningOp(), "GroupQueryAttention");
  output = joinHeads(rewriter, loc, output);
  rewriter.replaceAllUsesWith(
      root->getResult(Output),
      castTo(rewriter, loc, output, root->getResult(Output).getType()));
  rewriter.eraseOp(root);
  return success();
}

void attn::populateRaiseOrt(RewritePatternSet &patterns,
                            Pass::Statistic &numDone,
                            Pass::Statistic &numMissed) {
  patterns.add<RaiseOrtAttention>("onnx.Custom", patterns.getContext(), numDone,
                                  numMissed);
}
