//===- RaiseOrt.cpp - ONNX Runtime's attention ops --------------*- C++ -*-===//
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

#include "RaiseForeign.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

using Reassociation = SmallVector<ReassociationIndices>;

namespace {
struct RaiseOrtAttention : RaiseForeignPattern {
  using RaiseForeignPattern::RaiseForeignPattern;
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override;

private:
  LogicalResult raiseGrouped(Operation *op, PatternRewriter &rewriter) const;
  LogicalResult raisePaged(Operation *op, PatternRewriter &rewriter) const;
};
} // namespace

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

/// Attributes of both ops, and those of onnx-mlir's custom op.
static SmallVector<StringRef> commonAttributes() {
  return {"function_name",    "domain_name",  "onnx_node_name",
          "num_heads",        "kv_num_heads", "scale",
          "softcap",          "do_rotary",    "rotary_interleaved",
          "qk_norm_epsilon",  "k_quant_type", "v_quant_type",
          "local_window_size"};
}

static void readCommon(ForeignOp &op, StringRef causalName,
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

/// One sink a head, in f32; `sink` has the model's element type.
static Value toSinks(OpBuilder &b, Location loc, Value sink) {
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
  SmallVector<StringRef> known = commonAttributes();
  known.append({"causal", "kv_cache_bit_width", "qk_output", "smooth_softmax",
                "sliding_window_cache"});
  op.expectOnly(known, NumOperands, NumResults);
  ForeignAttention attention{};
  readCommon(op, "causal", attention);
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

//===----------------------------------------------------------------------===//
// PagedAttention
//===----------------------------------------------------------------------===//

namespace paged {
enum Operand {
  Query,
  Key,
  Values,
  KeyCache,
  ValueCache,
  CumulativeLengths,
  PastLengths,
  BlockTable,
  CosCache,
  SinCache,
  SlotMapping,
  HeadSink,
  QNorm,
  KNorm,
  KScale,
  VScale,
  Metadata,
  NumOperands
};
enum Result { Output, KeyCacheOut, ValueCacheOut, NumResults };

/// What the op says beyond attention itself.
struct Cache {
  bool latent = false;
  int64_t tokens = 0; ///< packed query tokens of all sequences
  KVCacheType type;
};
} // namespace paged

/// The query tokens of each sequence, if a constant says that all have as many.
static std::optional<int64_t> tokensEach(Value cumulative) {
  DenseElementsAttr counts = constantElements(cumulative);
  if (!counts || !counts.getElementType().isInteger() ||
      counts.getNumElements() < 2)
    return std::nullopt;
  SmallVector<int64_t> starts;
  for (const APInt &start : counts.getValues<APInt>())
    starts.push_back(start.getSExtValue());
  int64_t each = starts[1];
  for (auto [b, start] : llvm::enumerate(starts))
    if (start != each * static_cast<int64_t>(b))
      return std::nullopt;
  return each;
}

static void readPagedShapes(ForeignOp &op, ForeignAttention &attention,
                            paged::Cache &cache) {
  using namespace paged;
  RankedTensorType query = foreignTensorType(op.operand(Query));
  RankedTensorType pool = foreignTensorType(op.operand(KeyCache));
  op.refuseIf(!query || query.getRank() != 2, "query is not [tokens, width]");
  op.refuseIf(!pool || pool.getRank() != 4 || pool.isDynamicDim(3),
              "key_cache is not [blocks, block size, heads, width]");
  op.refuseIf(!op.operand(Key), "Q, K and V packed in one tensor");
  op.refuseIf(!op.operand(CumulativeLengths) || !op.operand(PastLengths) ||
                  !op.operand(BlockTable),
              "cumulative_sequence_length, past_seqlens or block_table is "
              "missing");
  if (!op.reason().empty())
    return;
  std::optional<int64_t> each = tokensEach(op.operand(CumulativeLengths));
  op.refuseIf(!each || *each <= 0,
              "cumulative_sequence_length is no constant that gives every "
              "sequence as many new tokens");
  if (!op.reason().empty())
    return;
  attention.element = query.getElementType();
  attention.queries = attention.newTokens = *each;
  attention.batch =
      constantElements(op.operand(CumulativeLengths)).getNumElements() - 1;
  cache.tokens = attention.batch * *each;
  attention.kDim = pool.getDimSize(3);
  attention.vDim = attention.kDim;
  if (cache.latent) {
    int64_t width = op.integer("v_head_size", 0);
    attention.vDim = width ? width : attention.kDim;
    op.refuseIf(attention.vDim < 1 || attention.vDim > attention.kDim,
                "v_head_size is not within the row");
    op.refuseIf(attention.vDim != attention.kDim && attention.scale == 0,
                "a latent row without a scale of its own");
    op.refuseIf(attention.kvHeads != 1, "a latent cache of several heads");
    op.refuseIf(op.operand(Values) || op.operand(ValueCache),
                "value or value_cache beside a latent cache");
    op.refuseIf(static_cast<bool>(op.operand(HeadSink)),
                "head_sink on a latent cache, which ONNX Runtime refuses");
  } else {
    op.refuseIf(op.integer("v_head_size", 0) != 0,
                "v_head_size without a latent cache");
    op.refuseIf(!op.operand(Values) || !op.operand(ValueCache),
                "value or value_cache is missing");
  }
  int64_t page = pool.getDimSize(1), blocks = pool.getDimSize(0);
  SmallVector<int64_t> poolShape = {blocks, page, attention.kvHeads,
                                    attention.kDim};
  SmallVector<int64_t> rowShape = {cache.tokens,
                                   attention.kvHeads * attention.kDim};
  op.expectShape("query", op.operand(Query),
                 {cache.tokens, attention.qHeads * attention.kDim},
                 attention.element);
  op.expectShape("key", op.operand(Key), rowShape, attention.element);
  op.expectShape("key_cache", op.operand(KeyCache), poolShape,
                 attention.element);
  if (!cache.latent && op.reason().empty()) {
    op.expectShape("value", op.operand(Values), rowShape, attention.element);
    op.expectShape("value_cache", op.operand(ValueCache), poolShape,
                   attention.element);
  }
}

LogicalResult RaiseOrtAttention::raisePaged(Operation *root,
                                            PatternRewriter &rewriter) const {
  using namespace paged;
  ForeignOp op(root);
  SmallVector<StringRef> known = commonAttributes();
  known.append({"is_causal", "k_cache_dtype", "v_cache_dtype",
                "kv_cache_layout", "rotary_offset", "v_head_size"});
  op.expectOnly(known, NumOperands, NumResults);
  ForeignAttention attention{};
  readCommon(op, "is_causal", attention);
  paged::Cache cache;
  std::string layout = op.string("kv_cache_layout", "SEPARATE");
  cache.latent = layout == "LATENT";
  op.refuseIf(!cache.latent && layout != "SEPARATE",
              "kv_cache_layout " + Twine(layout));
  op.refuseIf(!op.string("k_cache_dtype", "").empty() ||
                  !op.string("v_cache_dtype", "").empty(),
              "a cache of packed elements");
  op.refuseIf(op.operand(QNorm) || op.operand(KNorm), "a norm on Q and K");
  op.refuseIf(op.operand(KScale) || op.operand(VScale), "a quantised cache");
  op.refuseIf(!op.operand(SlotMapping),
              "without slot_mapping, where new tokens are written depends on "
              "lengths at run time");
  if (op.reason().empty())
    readPagedShapes(op, attention, cache);
  Type i32 = rewriter.getI32Type();
  if (op.reason().empty()) {
    attention.check(op);
    op.expectShape("past_seqlens", op.operand(PastLengths), {attention.batch},
                   i32);
    op.expectShape("slot_mapping", op.operand(SlotMapping), {cache.tokens},
                   i32);
    op.expectShape("block_table", op.operand(BlockTable),
                   {attention.batch, ShapedType::kDynamic}, i32);
    op.expectShape(
        "the result (run shape inference first)", root->getResult(Output),
        {cache.tokens, attention.qHeads * attention.vDim}, attention.element);
    if (Value sink = op.operand(HeadSink))
      op.expectShape("head_sink", sink, {attention.qHeads}, attention.element);
    for (Result pool : {KeyCacheOut, ValueCacheOut})
      if (op.isUsed(pool))
        op.expectShape("an updated cache", root->getResult(pool),
                       foreignTensorType(op.operand(KeyCache)).getShape(),
                       attention.element);
    op.refuseIf(cache.latent && op.isUsed(ValueCacheOut),
                "a second result of a latent cache");
  }
  if (!op.reason().empty())
    return refuse(root, rewriter, op.reason());
  int64_t page = foreignTensorType(op.operand(KeyCache)).getDimSize(1);
  cache.type = KVCacheType::get(
      getContext(), attention.kvHeads,
      cache.latent ? PartKind::Latent : PartKind::K,
      cache.latent ? attention.vDim : attention.kDim,
      cache.latent ? attention.kDim - attention.vDim : attention.vDim,
      attention.element,
      ShapedType::isDynamic(page) ? KVCacheType::kDynamicPage : page,
      Layout::Row);

  // The cache is its pools, the block table, and each sequence's tokens, the
  // new ones included.
  Location loc = root->getLoc();
  Value lens = mapElements(rewriter, loc, op.operand(PastLengths), i32,
                           [&](OpBuilder &b, Location at, Value past) -> Value {
                             Value each = arith::ConstantOp::create(
                                 b, at, b.getI32IntegerAttr(attention.queries));
                             return arith::AddIOp::create(b, at, past, each);
                           });
  SmallVector<Value> pools = {op.operand(KeyCache)};
  if (!cache.latent)
    pools.push_back(op.operand(ValueCache));
  SmallVector<Value> parts = pools;
  parts.append({op.operand(BlockTable), lens});
  Value rows =
      UnrealizedConversionCastOp::create(rewriter, loc, cache.type, parts)
          .getResult(0);
  auto perHead = [&](Value packed, Reassociation axes,
                     ArrayRef<int64_t> shape) {
    return tensor::ExpandShapeOp::create(
        rewriter, loc, RankedTensorType::get(shape, attention.element), packed,
        axes);
  };
  auto toStatic = [&](Operand index, int64_t width) {
    return castTo(
        rewriter, loc, op.operand(index),
        RankedTensorType::get({cache.tokens, width}, attention.element));
  };
  auto fresh = [&](Operand index) -> Value {
    return perHead(toStatic(index, attention.kvHeads * attention.kDim),
                   {{0}, {1, 2}},
                   {cache.tokens, attention.kvHeads, attention.kDim});
  };
  Value slots =
      mapElements(rewriter, loc, op.operand(SlotMapping), rewriter.getI64Type(),
                  [](OpBuilder &b, Location at, Value slot) -> Value {
                    return arith::ExtSIOp::create(b, at, b.getI64Type(), slot);
                  });
  rows = CacheAppendOp::create(rewriter, loc, cache.type, rows, fresh(Key),
                               cache.latent ? Value() : fresh(Values), slots);
  Value query = perHead(
      toStatic(Query, attention.qHeads * attention.kDim), {{0, 1}, {2, 3}},
      {attention.batch, attention.queries, attention.qHeads, attention.kDim});
  Value sink = op.operand(HeadSink);
  Value output =
      buildAttend(rewriter, loc, attention, query, rows, Value(), Value(),
                  sink ? toSinks(rewriter, loc, sink) : Value());
  done(output.getDefiningOp(),
       cache.latent ? "PagedAttention, LATENT" : "PagedAttention");
  output = tensor::CollapseShapeOp::create(rewriter, loc, output,
                                           Reassociation{{0, 1}, {2, 3}});
  rewriter.replaceAllUsesWith(
      root->getResult(Output),
      castTo(rewriter, loc, output, root->getResult(Output).getType()));
  // The updated pools, if asked for.
  if (op.isUsed(KeyCacheOut) || op.isUsed(ValueCacheOut)) {
    auto back = UnrealizedConversionCastOp::create(
        rewriter, loc, ValueRange(pools).getTypes(), rows);
    for (unsigned i = 0; i < back.getNumResults(); ++i)
      if (op.isUsed(KeyCacheOut + i))
        rewriter.replaceAllUsesWith(
            root->getResult(KeyCacheOut + i),
            castTo(rewriter, loc, back.getResult(i),
                   root->getResult(KeyCacheOut + i).getType()));
  }
  rewriter.eraseOp(root);
  return success();
}

void attn::populateRaiseOrt(RewritePatternSet &patterns,
                            Pass::Statistic &numDone,
                            Pass::Statistic &numMissed) {
  patterns.add<RaiseOrtAttention>("onnx.Custom", patterns.getContext(), numDone,
                                  numMissed);
}
