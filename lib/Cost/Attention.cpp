//===- Attention.cpp - Bytes and FLOPs of one attention op ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Attention.h"
#include <algorithm>

using namespace attn;
using namespace attn::cost;

static int64_t elementBytesOf(CacheFormat format) {
  switch (format) {
  case CacheFormat::F32:
    return 4;
  case CacheFormat::BF16:
    return 2;
  case CacheFormat::FP8:
  case CacheFormat::FP8Packed:
  case CacheFormat::Bits6:
  case CacheFormat::Bits4:
    return 1; // of the last three packedRowBytes says more
  }
  return 0;
}

std::optional<AttentionShape> cost::shapeOf(const model::AttentionSpec &spec,
                                            int64_t batch, int64_t qLen,
                                            int64_t context,
                                            CacheFormat format) {
  std::optional<int64_t> bytes = bytesPerToken(spec, format);
  if (!bytes)
    return std::nullopt;
  AttentionShape shape;
  shape.batch = batch;
  shape.qLen = qLen;
  shape.context = context;
  shape.qHeads = spec.qHeads;
  shape.kvHeads = spec.kvHeads;
  shape.kDim = spec.kDim;
  shape.vDim = spec.vDim;
  shape.vInK = spec.vInK;
  shape.elementBytes = elementBytesOf(format);
  shape.ioBytes = format == CacheFormat::F32 ? 4 : 2;
  if (format == CacheFormat::FP8Packed || format == CacheFormat::Bits6 ||
      format == CacheFormat::Bits4)
    shape.packedRowBytes = *bytes / spec.kvHeads;
  shape.causal = spec.causal;
  shape.window = spec.window ? spec.window : spec.chunk;
  if (spec.sparse)
    shape.topK = spec.sparse->topK * spec.sparse->blockSize;
  return shape;
}

/// Tokens that a query can read at most.
static int64_t limitOf(const AttentionShape &shape) {
  int64_t limit = shape.context;
  if (shape.causal && shape.window)
    limit = std::min(limit, *shape.window);
  if (shape.topK)
    limit = std::min(limit, *shape.topK);
  return limit;
}

int64_t cost::visiblePairs(const AttentionShape &shape) {
  int64_t limit = limitOf(shape);
  if (!shape.causal)
    return shape.qLen * limit;
  // Row i sees first + i tokens until it reaches the limit. Rows that see none
  // (a context shorter than the queries) are skipped.
  int64_t first = std::max<int64_t>(shape.context - shape.qLen + 1, 1);
  int64_t rows = std::min(shape.qLen, shape.context);
  int64_t growing = std::clamp<int64_t>(limit - first, 0, rows);
  return growing * first + growing * (growing - 1) / 2 +
         (rows - growing) * limit;
}

int64_t cost::tokensRead(const AttentionShape &shape) {
  int64_t tokens = shape.context;
  if (shape.causal && shape.window)
    tokens = std::min(tokens, *shape.window + shape.qLen - 1);
  if (shape.topK)
    tokens = std::min(tokens, *shape.topK * shape.qLen);
  return tokens;
}

AttentionCost cost::attentionCost(const AttentionShape &shape) {
  int64_t rows = shape.batch * shape.qLen * shape.qHeads;
  double pairFlops =
      2.0 * double(shape.batch * shape.qHeads) * double(visiblePairs(shape));
  AttentionCost cost;
  cost.kvBytes =
      shape.batch * shape.kvHeads * tokensRead(shape) * shape.rowBytes();
  cost.qBytes = rows * shape.kDim * shape.ioBytes;
  cost.outBytes = rows * shape.vDim * shape.ioBytes;
  cost.qkFlops = pairFlops * double(shape.kDim);
  cost.pvFlops = pairFlops * double(shape.vDim);
  return cost;
}
