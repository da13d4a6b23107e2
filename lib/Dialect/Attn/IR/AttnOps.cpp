//===- AttnOps.cpp - Verifiers of the attn operations -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;
using namespace attn;

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnOps.cpp.inc"

/// True unless both extents are static and differ.
static bool compatible(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

/// Emits `message` with both shapes unless `type` fits `expected` extents.
static LogicalResult expectShape(Operation *op, StringRef what,
                                 RankedTensorType type,
                                 ArrayRef<int64_t> expected) {
  bool fits = type.getRank() == static_cast<int64_t>(expected.size());
  for (int64_t i = 0; fits && i < type.getRank(); ++i)
    fits = compatible(type.getDimSize(i), expected[i]);
  if (fits)
    return success();
  InFlightDiagnostic diag = op->emitOpError() << what << " must be [";
  llvm::interleaveComma(expected, diag, [&](int64_t extent) {
    if (ShapedType::isDynamic(extent))
      diag << "?";
    else
      diag << extent;
  });
  return diag << "], got " << type;
}

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// attend
//===----------------------------------------------------------------------===//

void AttendOp::build(OpBuilder &builder, OperationState &state,
                     TypeRange results, Value query, Value key, Value value,
                     Value lens, Value sinks, HeadsAttr heads, MaskAttr mask,
                     FloatAttr scale, FloatAttr softcap, LatentAttr latent) {
  build(builder, state, results, query, key, value, lens, sinks,
        /*up_k=*/Value(), /*up_v=*/Value(), heads, mask, scale, softcap, latent,
        /*form=*/FormAttr(), /*up_transposed=*/UnitAttr());
}

void AttendOp::build(OpBuilder &builder, OperationState &state, Type output,
                     Type lse, Value query, Value key, Value value, Value lens,
                     Value sinks, HeadsAttr heads, MaskAttr mask,
                     FloatAttr scale, FloatAttr softcap, LatentAttr latent) {
  SmallVector<Type> results = {output};
  if (lse)
    results.push_back(lse);
  build(builder, state, results, query, key, value, lens, sinks, heads, mask,
        scale, softcap, latent);
}

bool AttendOp::valueIsPrefixOfKey() {
  if (hasUpProjections())
    return false;
  if (KVCacheType cache = getCacheType())
    return cache.isLatent();
  return !getValue();
}

/// (A11), and the widths of K and V that the query and the output must have.
static LogicalResult verifyUpProjections(AttendOp op, int64_t &kDim,
                                         int64_t &vDim) {
  LatentAttr latent = op.getLatentAttr();
  KVCacheType cache = op.getCacheType();
  if (!latent || latent.getGroups() != op.getHeads().getKv() || op.getValue() ||
      (cache && !cache.isLatent()))
    return op.emitOpError("up needs latent, one KV head a group, and latent "
                          "rows in the place of K and V");
  int64_t rank = latent.getRank(), nope = latent.getNope();
  if (!compatible(kDim, rank + latent.getRope()) ||
      (cache && cache.getVDim() != rank))
    return op.emitOpError("latent rows must be rank + rope = ")
           << rank << " + " << latent.getRope() << " wide";
  int64_t heads = op.getHeads().getQ();
  RankedTensorType upK = tensorType(op.getUpK()), upV = tensorType(op.getUpV());
  bool transposed = op.getUpTransposed();
  if (failed(expectShape(
          op, "W_UK", upK,
          {heads, transposed ? nope : rank, transposed ? rank : nope})) ||
      failed(expectShape(op, "W_UV", upV, {heads, rank, latent.getV()})))
    return failure();
  Type element = tensorType(op.getQuery()).getElementType();
  if (upK.getElementType() != element || upV.getElementType() != element)
    return op.emitOpError("element types of query and up-projections differ");
  kDim = nope + latent.getRope();
  vDim = latent.getV();
  return success();
}

LogicalResult AttendOp::verify() {
  RankedTensorType query = tensorType(getQuery());
  RankedTensorType output = tensorType(getOutput());
  HeadsAttr heads = getHeads();
  int64_t kvHeads, kDim, vDim;
  Type kvElement;
  if (KVCacheType cache = getCacheType()) {
    if (getValue() || getLens()) // A8
      return emitOpError("a cache brings its own values and lengths: the value "
                         "and lens operands go with a key tensor only");
    kvHeads = cache.getHeads();
    kDim = cache.getKDim();
    vDim = cache.getVDim();
    kvElement = cache.getElementType();
  } else {
    RankedTensorType key = tensorType(getKey());
    kvHeads = key.getDimSize(2);
    kDim = key.getDimSize(3);
    kvElement = key.getElementType();
    vDim = output.getDimSize(3);
    if (getValue()) {
      RankedTensorType value = tensorType(getValue());
      vDim = value.getDimSize(3);
      if (failed(expectShape(
              *this, "value", value,
              {key.getDimSize(0), key.getDimSize(1), kvHeads, vDim})))
        return failure();                      // A1, A10
      if (value.getElementType() != kvElement) // A9
        return emitOpError("element types of key and value differ");
    } else if (!hasUpProjections() && !ShapedType::isDynamic(kDim) &&
               vDim > kDim) { // A3
      return emitOpError("without a value operand V is a prefix of K: the "
                         "output's width (")
             << vDim << ") exceeds K's (" << kDim << ")";
    }
  }
  if (!hasUpProjections() && (getForm() || getUpTransposed())) // A11
    return emitOpError("form and up_transposed need up");
  if (hasUpProjections() && failed(verifyUpProjections(*this, kDim, vDim)))
    return failure();
  int64_t batch = ShapedType::kDynamic;
  for (Value value :
       std::initializer_list<Value>{getQuery(), getKey(), getValue(), getLens(),
                                    getOutput(), getLse()}) {
    auto type = value ? dyn_cast<RankedTensorType>(value.getType())
                      : RankedTensorType();
    if (!type || type.isDynamicDim(0))
      continue;
    if (!compatible(batch, type.getDimSize(0))) // A10
      return emitOpError("batches differ: ")
             << batch << " and " << type.getDimSize(0);
    batch = type.getDimSize(0);
  }
  if (!compatible(query.getDimSize(2), heads.getQ()) ||
      !compatible(kvHeads, heads.getKv())) // A1
    return emitOpError("query has ")
           << query.getDimSize(2) << " heads and K " << kvHeads
           << ", heads says q = " << heads.getQ() << ", kv = " << heads.getKv();
  if (!compatible(query.getDimSize(3), kDim)) // A2
    return emitOpError("query is ")
           << query.getDimSize(3) << " wide, K is " << kDim;
  if (failed(expectShape(*this, "output", output,
                         {query.getDimSize(0), query.getDimSize(1),
                          heads.getQ(), vDim}))) // A3
    return failure();
  if (getLse() && failed(expectShape(*this, "lse", tensorType(getLse()),
                                     {query.getDimSize(0), query.getDimSize(1),
                                      heads.getQ()}))) // A4
    return failure();
  if (!getScale().isFinite()) // A5
    return emitOpError("scale must be finite");
  if (getSoftcap() && (!getSoftcap()->isFinite() ||
                       !(getSoftcap()->convertToFloat() > 0))) // A5
    return emitOpError("softcap must be positive and finite");
  if (LatentAttr latent = getLatentAttr();
      latent && !hasUpProjections()) { // A7
    if (heads.getKv() != latent.getGroups() || !valueIsPrefixOfKey() ||
        !compatible(kDim, latent.getRank() + latent.getRope()) ||
        !compatible(vDim, latent.getRank()))
      return emitOpError(
                 "latent needs one KV head a group, K of rank + rope = ")
             << latent.getRank() + latent.getRope()
             << " and V of rank = " << latent.getRank() << " as a prefix of K";
  }
  if (query.getElementType() != kvElement ||
      output.getElementType() != kvElement) // A9
    return emitOpError("element types of query, K and output differ");
  if (getSinks() && failed(expectShape(*this, "sinks", tensorType(getSinks()),
                                       {heads.getQ()})))
    return failure(); // A4
  return success();
}

LogicalResult AttendOp::verifyRegions() {
  if (getScore().empty())
    return success();
  Builder b(getContext());
  Type i32 = b.getI32Type();
  Type expected[] = {b.getF32Type(), i32, i32, i32, i32};
  if (!getScore().hasOneBlock() ||
      getScore().front().getArgumentTypes() != TypeRange(expected)) // A6
    return emitOpError("the score region is one block of (f32, i32, i32, i32, "
                       "i32): score, batch, query head, query and key "
                       "position");
  Block &block = getScore().front();
  if (block.empty() || !isa<YieldOp>(block.back())) // A6
    return emitOpError("the score region must end in attn.yield");
  return success();
}

namespace {
/// A causal mask over a single query token without a window hides nothing: the
/// last query token sees the last cached token.
struct DropVacuousCausalMask : OpRewritePattern<AttendOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttendOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.isCausal())
      return rewriter.notifyMatchFailure(op, "not causal");
    if (op.getWindow())
      return rewriter.notifyMatchFailure(op, "has a window");
    if (op.getQuery().getType().getDimSize(1) != 1)
      return rewriter.notifyMatchFailure(op, "more than one query token");
    rewriter.modifyOpInPlace(op, [&] { op.removeMaskAttr(); });
    return success();
  }
};

/// A score region that yields its score is no score region.
struct DropIdentityScore : OpRewritePattern<AttendOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttendOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getScore().empty())
      return rewriter.notifyMatchFailure(op, "no score region");
    Block &block = op.getScore().front();
    if (cast<YieldOp>(block.getTerminator()).getScore() != block.getArgument(0))
      return rewriter.notifyMatchFailure(op, "the score changes");
    rewriter.modifyOpInPlace(op, [&] { rewriter.eraseBlock(&block); });
    return success();
  }
};
} // namespace

void AttendOp::getCanonicalizationPatterns(RewritePatternSet &results,
                                           MLIRContext *context) {
  results.add<DropVacuousCausalMask, DropIdentityScore>(context);
}

//===----------------------------------------------------------------------===//
// The others
//===----------------------------------------------------------------------===//

LogicalResult MergeOp::verify() {
  ArrayRef<int64_t> outs = tensorType(getOuts()).getShape();
  if (failed(expectShape(*this, "lses", tensorType(getLses()),
                         outs.drop_back())) ||
      failed(expectShape(*this, "output", tensorType(getOutput()),
                         outs.drop_front())))
    return failure(); // G1
  return expectShape(*this, "lse", tensorType(getLse()),
                     outs.drop_front().drop_back());
}

LogicalResult CacheAppendOp::verify() {
  KVCacheType cache = getCache().getType();
  RankedTensorType key = tensorType(getKey());
  int64_t rows = key.getDimSize(0);
  if (failed(expectShape(*this, "key", key,
                         {rows, cache.getHeads(), cache.getKDim()}))) // P1
    return failure();
  if (key.getElementType() != cache.getElementType())
    return emitOpError("element types of key and cache differ"); // P1
  if (cache.isLatent() == static_cast<bool>(getValue()))         // P2
    return emitOpError(cache.isLatent()
                           ? "a latent cache takes no value operand"
                           : "needs a value operand");
  if (getValue()) {
    RankedTensorType value = tensorType(getValue());
    if (failed(expectShape(*this, "value", value,
                           {rows, cache.getHeads(), cache.getVDim()})))
      return failure(); // P2
    if (value.getElementType() != cache.getElementType())
      return emitOpError("element types of value and cache differ");
  }
  if (failed(expectShape(*this, "slots", tensorType(getSlots()), {rows})))
    return failure();                 // P3
  if (getResult().getType() != cache) // P4
    return emitOpError("the result must have the cache's type");
  return success();
}

LogicalResult ProjectOp::verify() {
  ArrayRef<int64_t> in = tensorType(getInput()).getShape();
  RankedTensorType weight = tensorType(getWeight());
  if (failed(expectShape(*this, "weight", weight,
                         {in[2], in[3], weight.getDimSize(2)})))
    return failure(); // R1
  return expectShape(*this, "output", tensorType(getOutput()),
                     {in[0], in[1], in[2], weight.getDimSize(2)});
}

LogicalResult CompressOp::verify() {
  ArrayRef<int64_t> in = tensorType(getHidden()).getShape();
  RankedTensorType weight = tensorType(getWeight());
  int64_t rank = weight.getDimSize(1);
  if (failed(expectShape(*this, "weight", weight, {in[2], rank})) ||
      failed(expectShape(*this, "output", tensorType(getOutput()),
                         {in[0], in[1], rank})))
    return failure(); // K1
  if (getNorm() &&
      failed(expectShape(*this, "norm", tensorType(getNorm()), {rank})))
    return failure();                    // K1
  if (!(getEps().convertToFloat() >= 0)) // K2
    return emitOpError("eps must not be negative");
  return success();
}

LogicalResult DecompressOp::verify() {
  ArrayRef<int64_t> in = tensorType(getLatent()).getShape();
  RankedTensorType weight = tensorType(getWeight());
  int64_t heads = weight.getDimSize(0);
  if (failed(expectShape(*this, "weight", weight,
                         {heads, in.back(), weight.getDimSize(2)})))
    return failure(); // D1
  if (in.size() == 4 && (ShapedType::isDynamic(in[2]) ||
                         (!ShapedType::isDynamic(heads) && heads % in[2])))
    return emitOpError("the groups of latents must be known and divide the "
                       "heads"); // D2
  return expectShape(*this, "output", tensorType(getOutput()),
                     {in[0], in[1], heads, weight.getDimSize(2)});
}

LogicalResult RopeOp::verify() {
  RankedTensorType input = tensorType(getInput());
  if (input != tensorType(getOutput())) // O1
    return emitOpError("input and output types differ");
  if (failed(expectShape(*this, "positions", tensorType(getPositions()),
                         {input.getDimSize(0), input.getDimSize(1)})))
    return failure(); // O2
  int64_t dims = getDims(), offset = getOffset();
  if (dims <= 0 || dims % 2 || offset < 0 ||
      (!input.isDynamicDim(3) && offset + dims > input.getDimSize(3))) // O3
    return emitOpError("dims must be even and positive, and offset + dims fit "
                       "the head");
  if (getTheta().has_value() == getFrequencies().has_value()) // O4
    return emitOpError("needs either theta or frequencies");
  if (getTheta() && !(getTheta()->convertToFloat() > 0)) // O4
    return emitOpError("theta must be positive");
  if (getFrequencies() &&
      (static_cast<int64_t>(getFrequencies()->size()) != dims / 2 ||
       !llvm::all_of(*getFrequencies(),
                     [](float f) { return std::isfinite(f); }))) // O4
    return emitOpError("frequencies must be dims / 2 = ")
           << dims / 2 << " finite numbers";
  return success();
}
