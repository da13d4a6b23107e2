//===- RaiseOrtPaged.cpp - ONNX Runtime's PagedAttention --------*- C++ -*-===//
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

using Reassociation = SmallVector<ReassociationIndices>;

namespace {
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
} // namespace

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
  op.refuseIf(pool && pool.getRank() == 4 && pool.getDimSize(1) == 0,
              "blocks of no tokens");
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
  SmallVector<StringRef> known = commonOrtAttributes();
  known.append({"is_causal", "k_cache_dtype", "v_cache_dtype",
                "kv_cache_layout", "rotary_offset", "v_head_size"});
  op.expectOnly(known, NumOperands, NumResults);
  ForeignAttention attention{};
  readCommonOrt(op, "is_causal", attention);
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
