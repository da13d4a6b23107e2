//===- Execute.cpp - Execution of the attn ops ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The verifiers compare static extents; dynamic ones are compared here, so that
// the plain functions may trust their arguments.
//
//===----------------------------------------------------------------------===//

#include "Frame.h"
#include "ScoreRegion.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Interpreter/Attend.h"
#include "attn/Interpreter/Ops.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::interp;
using llvm::Error;

static Error expectShape(Operation *op, StringRef what, const Tensor &tensor,
                         ArrayRef<int64_t> expected) {
  if (ArrayRef<int64_t>(tensor.shape) == expected)
    return Error::success();
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << what << " must be [";
  llvm::interleaveComma(expected, stream);
  stream << "], got [";
  llvm::interleaveComma(tensor.shape, stream);
  stream << "]";
  return errorAt(op, text);
}

//===----------------------------------------------------------------------===//
// attend
//===----------------------------------------------------------------------===//

/// The fields that do not depend on where the keys come from.
static AttendParams paramsOf(AttendOp op, const Tensor &query) {
  AttendParams params;
  params.batch = query.shape[0];
  params.queries = query.shape[1];
  params.qHeads = op.getHeads().getQ();
  params.kvHeads = op.getHeads().getKv();
  params.kDim = query.shape[3];
  params.scale = op.getScale().convertToFloat();
  if (op.getSoftcap())
    params.softcap = op.getSoftcap()->convertToFloat();
  params.causal = op.isCausal();
  params.window = op.getWindow();
  return params;
}

static Error executeAttend(AttendOp op, const AttendParams &params,
                           Accessor key, Accessor value, Frame &frame) {
  const Tensor &query = frame.tensor(op.getQuery());
  if (Error error = expectShape(
          op, "query", query,
          {params.batch, params.queries, params.qHeads, params.kDim}))
    return error;
  AttendResult result = attendReference(
      params,
      [&](int64_t b, int64_t i, int64_t h, int64_t d) {
        return query.at(b, i, h, d);
      },
      key, value);
  if (Error error = frame.bind(op, op.getOutput(), std::move(result.output)))
    return error;
  return op.getLse() ? frame.bind(op, op.getLse(), std::move(result.lse))
                     : Error::success();
}

static Error attendCache(AttendOp op, AttendParams params, Frame &frame) {
  const Cache &cache = frame.cache(op.getKey());
  if (params.kDim != cache.kDim)
    return errorAt(op, "query and K differ in width");
  if (params.batch != static_cast<int64_t>(cache.lens.size()))
    return errorAt(op, "query and cache differ in batch");
  params.vDim = cache.vDim;
  params.lens = cache.lens;
  return executeAttend(
      op, params,
      [&](int64_t b, int64_t j, int64_t g, int64_t d) {
        return cache.key(b, j, g, d);
      },
      [&](int64_t b, int64_t j, int64_t g, int64_t d) {
        return cache.value(b, j, g, d);
      },
      frame);
}

/// Sets the tokens of each sequence of a key tensor of `tokens`.
static Error readLens(AttendOp op, int64_t tokens, AttendParams &params,
                      Frame &frame) {
  params.lens.assign(params.batch, tokens);
  if (!op.getLens())
    return Error::success();
  const Tensor &lens = frame.tensor(op.getLens());
  if (Error error = expectShape(op, "lens", lens, {params.batch}))
    return error;
  params.lens.assign(lens.data.begin(), lens.data.end());
  for (int64_t len : params.lens)
    if (len < 0 || len > tokens)
      return errorAt(op, "a length is not in 0 to " + Twine(tokens));
  return Error::success();
}

/// `width` columns from `offset` on of latent rows `[B, T, groups, *]`, that
/// lie in a cache or a tensor; zeros past a sequence's end.
static Tensor latentColumns(AttendOp op, const AttendParams &params,
                            int64_t offset, int64_t width, Frame &frame) {
  int64_t tokens = *llvm::max_element(params.lens);
  Tensor columns = Tensor::zeros({params.batch, tokens, params.kvHeads, width});
  for (int64_t b = 0; b < params.batch; ++b)
    for (int64_t j = 0; j < params.lens[b]; ++j)
      for (int64_t g = 0; g < params.kvHeads; ++g)
        for (int64_t d = 0; d < width; ++d)
          columns.at(b, j, g, d) =
              op.getCacheType()
                  ? frame.cache(op.getKey()).key(b, j, g, offset + d)
                  : frame.tensor(op.getKey()).at(b, j, g, offset + d);
  return columns;
}

/// Attention over what is decompressed from latent rows: K and V of every head
/// as `attn.decompress` gives them.
static Error attendDecompressed(AttendOp op, AttendParams params,
                                Frame &frame) {
  LatentAttr latent = *op.getLatent();
  int64_t rank = latent.getRank(), rope = latent.getRope();
  int64_t nope = latent.getNope(), width = rank + rope;
  if (op.getCacheType()) {
    const Cache &cache = frame.cache(op.getKey());
    params.lens = cache.lens;
    if (params.batch != static_cast<int64_t>(cache.lens.size()))
      return errorAt(op, "query and cache differ in batch");
  } else {
    const Tensor &key = frame.tensor(op.getKey());
    int64_t tokens = key.shape[1];
    if (Error error = expectShape(
            op, "key", key, {params.batch, tokens, params.kvHeads, width}))
      return error;
    if (Error error = readLens(op, tokens, params, frame))
      return error;
  }
  if (params.lens.empty())
    return errorAt(op, "the batch is empty");
  Tensor weightUK = frame.tensor(op.getUpK());
  if (op.getUpTransposed()) {
    Tensor straight = Tensor::zeros({params.qHeads, rank, nope});
    for (int64_t h = 0; h < params.qHeads; ++h)
      for (int64_t r = 0; r < rank; ++r)
        for (int64_t n = 0; n < nope; ++n)
          straight.at(h, r, n) = weightUK.at(h, n, r);
    weightUK = straight;
  }
  Tensor rows = latentColumns(op, params, 0, rank, frame);
  Tensor shared = latentColumns(op, params, rank, rope, frame);
  Tensor key = decompress(rows, weightUK);
  Tensor value = decompress(rows, frame.tensor(op.getUpV()));
  int64_t group = params.qHeads / params.kvHeads;
  params.kvHeads = params.qHeads;
  params.kDim = nope + rope;
  params.vDim = latent.getV();
  return executeAttend(
      op, params,
      [&](int64_t b, int64_t j, int64_t h, int64_t d) {
        return d < nope ? key.at(b, j, h, d)
                        : shared.at(b, j, h / group, d - nope);
      },
      [&](int64_t b, int64_t j, int64_t h, int64_t d) {
        return value.at(b, j, h, d);
      },
      frame);
}

static Error attendTensors(AttendOp op, AttendParams params, Frame &frame) {
  const Tensor &key = frame.tensor(op.getKey());
  // Without a value operand V is a prefix of K's row.
  const Tensor &value = op.getValue() ? frame.tensor(op.getValue()) : key;
  params.vDim = op.getValue() ? value.shape[3] : op.getVDim();
  if (params.vDim > key.shape[3] && !op.getValue())
    return errorAt(op, "the output is wider than K");
  if (ShapedType::isDynamic(params.vDim))
    return errorAt(op, "without a value operand the output's width must be "
                       "static");
  int64_t tokens = key.shape[1];
  if (Error error = expectShape(
          op, "key", key, {params.batch, tokens, params.kvHeads, params.kDim}))
    return error;
  if (op.getValue())
    if (Error error =
            expectShape(op, "value", value,
                        {params.batch, tokens, params.kvHeads, params.vDim}))
      return error;
  if (Error error = readLens(op, tokens, params, frame))
    return error;
  auto read = [](const Tensor &tensor) {
    return [&tensor](int64_t b, int64_t j, int64_t g, int64_t d) {
      return tensor.at(b, j, g, d);
    };
  };
  return executeAttend(op, params, read(key), read(value), frame);
}

static Error execute(AttendOp op, Frame &frame) {
  AttendParams params = paramsOf(op, frame.tensor(op.getQuery()));
  params.roundWeight = frame.roundWeight;
  if (op.getSinks()) {
    const Tensor &sinks = frame.tensor(op.getSinks());
    if (Error error = expectShape(op, "sinks", sinks, {params.qHeads}))
      return error;
    params.sinks = sinks.data;
  }
  if (!op.getScore().empty()) {
    auto capture = [&](mlir::Value value) -> std::optional<double> {
      if (!value.getType().isIntOrFloat())
        return std::nullopt;
      return frame.tensor(value).data.front();
    };
    llvm::Expected<ScoreRegion> region =
        ScoreRegion::create(op.getScore().front(), capture);
    if (!region)
      return region.takeError();
    params.score = [region = std::move(*region)](double score, double batch,
                                                 double head, double queryPos,
                                                 double key) {
      return region.evaluate({score, batch, head, queryPos, key});
    };
  }
  if (op.hasUpProjections())
    return attendDecompressed(op, std::move(params), frame);
  return op.getCacheType() ? attendCache(op, std::move(params), frame)
                           : attendTensors(op, std::move(params), frame);
}

//===----------------------------------------------------------------------===//
// The others
//===----------------------------------------------------------------------===//

static Error execute(MergeOp op, Frame &frame) {
  const Tensor &outs = frame.tensor(op.getOuts());
  const Tensor &lses = frame.tensor(op.getLses());
  if (Error error = expectShape(op, "lses", lses,
                                ArrayRef<int64_t>(outs.shape).drop_back()))
    return error;
  MergeResult result = merge(outs, lses);
  if (Error error = frame.bind(op, op.getOutput(), std::move(result.output)))
    return error;
  return frame.bind(op, op.getLse(), std::move(result.lse));
}

static Error execute(CacheAppendOp op, Frame &frame) {
  const Cache &cache = frame.cache(op.getCache());
  const Tensor &key = frame.tensor(op.getKey());
  const Tensor *value = frame.optionalTensor(op.getValue());
  const Tensor &slots = frame.tensor(op.getSlots());
  int64_t rows = slots.shape[0];
  if (Error error =
          expectShape(op, "key", key, {rows, cache.heads, cache.kDim}))
    return error;
  if (value)
    if (Error error =
            expectShape(op, "value", *value, {rows, cache.heads, cache.vDim}))
      return error;
  llvm::Expected<Cache> result = cacheAppend(cache, key, value, slots);
  if (!result)
    return errorAt(op, llvm::toString(result.takeError()));
  return frame.bind(op, op.getResult(), std::move(*result));
}

static Error execute(ProjectOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const Tensor &weight = frame.tensor(op.getWeight());
  if (Error error =
          expectShape(op, "weight", weight,
                      {input.shape[2], input.shape[3], weight.shape[2]}))
    return error;
  return frame.bind(op, op.getOutput(), project(input, weight));
}

static Error execute(CompressOp op, Frame &frame) {
  const Tensor &hidden = frame.tensor(op.getHidden());
  const Tensor &weight = frame.tensor(op.getWeight());
  const Tensor *norm = frame.optionalTensor(op.getNorm());
  if (Error error =
          expectShape(op, "weight", weight, {hidden.shape[2], weight.shape[1]}))
    return error;
  if (norm)
    if (Error error = expectShape(op, "norm", *norm, {weight.shape[1]}))
      return error;
  return frame.bind(
      op, op.getOutput(),
      compress(hidden, weight, norm, op.getEps().convertToFloat()));
}

static Error execute(DecompressOp op, Frame &frame) {
  const Tensor &latent = frame.tensor(op.getLatent());
  const Tensor &weight = frame.tensor(op.getWeight());
  if (Error error =
          expectShape(op, "weight", weight,
                      {weight.shape[0], latent.shape.back(), weight.shape[2]}))
    return error;
  if (latent.shape.size() == 4 && weight.shape[0] % latent.shape[2])
    return errorAt(op, "the groups of latents must divide the heads");
  return frame.bind(op, op.getOutput(), decompress(latent, weight));
}

static Error execute(RopeOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const Tensor &positions = frame.tensor(op.getPositions());
  if (Error error = expectShape(op, "positions", positions,
                                {input.shape[0], input.shape[1]}))
    return error;
  int64_t offset = op.getOffset(), dims = op.getDims();
  if (offset + dims > input.shape[3])
    return errorAt(op, "offset + dims exceeds the head's width");
  std::vector<double> frequencies;
  if (op.getTheta())
    frequencies = ropeFrequencies(op.getTheta()->convertToFloat(), dims);
  else
    frequencies.assign(op.getFrequencies()->begin(),
                       op.getFrequencies()->end());
  return frame.bind(
      op, op.getOutput(),
      rope(input, positions, frequencies, offset, op.getInterleaved()));
}

Error interp::execute(Operation *op, Frame &frame) {
  return TypeSwitch<Operation *, Error>(op)
      .Case<AttendOp, MergeOp, CacheAppendOp, ProjectOp, CompressOp,
            DecompressOp, RopeOp>([&](auto op) { return ::execute(op, frame); })
      .Default([](Operation *op) { return errorAt(op, "is not supported"); });
}
