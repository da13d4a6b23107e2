//===- Attention.h - Bytes and FLOPs of one attention op -------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// What one attention op over a KV cache must read, write and multiply. The
// select passes, the advisor and the bench's roofline all ask here, so that
// they cannot disagree.
//
// Source of the formulas: notes/engines.md sections 3.3 and 4; in short, each
// (query, key) pair that the mask lets through costs 2 kDim FLOPs for QK and
// 2 vDim for PV in each query head, and each KV row is read once.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_ATTENTION_H
#define ATTN_COST_ATTENTION_H

#include "attn/Cost/Cache.h"
#include <cstdint>
#include <optional>

namespace attn::cost {

/// One attention op over `batch` sequences of the same length.
struct AttentionShape {
  int64_t batch = 1;
  int64_t qLen = 1;    ///< new tokens of each sequence
  int64_t context = 0; ///< tokens of each sequence, the new ones included
  int64_t qHeads = 1;
  int64_t kvHeads = 1;
  int64_t kDim = 0;
  int64_t vDim = 0;
  bool vInK = false;        ///< V is a prefix of K and is not read again
  int64_t elementBytes = 2; ///< of the cache
  int64_t ioBytes = 2;      ///< of an element of q and of the output
  /// Bytes of one token's row where it is packed with its scales; stands in
  /// for what kDim, vDim and elementBytes would give.
  std::optional<int64_t> packedRowBytes;
  bool causal = true;            ///< bottom-right aligned
  std::optional<int64_t> window; ///< with causal only; counts the current token
  std::optional<int64_t> topK; ///< tokens that a query reads, of those it sees

  /// Bytes of one token's K and V for one KV head.
  int64_t rowBytes() const {
    return packedRowBytes.value_or((kDim + (vInK ? 0 : vDim)) * elementBytes);
  }
};

/// The op of one layer of a model; none if the layer cannot have the format.
/// Chunked attention counts as a window of the chunk's size, its upper bound;
/// block-sparse attention reads topK blocks. The indexer is not included.
std::optional<AttentionShape> shapeOf(const model::AttentionSpec &spec,
                                      int64_t batch, int64_t qLen,
                                      int64_t context, CacheFormat format);

/// (query, key) pairs of one sequence that the mask lets through:
///   sum over i < qLen of clamp(context - qLen + 1 + i, 0, min(window, topK)),
/// or qLen * min(context, topK) without causal.
int64_t visiblePairs(const AttentionShape &shape);

/// Tokens of one sequence whose rows some query reads. With topK it is an upper
/// bound, reached where the queries choose different tokens.
int64_t tokensRead(const AttentionShape &shape);

struct AttentionCost {
  int64_t kvBytes;  ///< batch * kvHeads * tokensRead * rowBytes
  int64_t qBytes;   ///< batch * qLen * qHeads * kDim * ioBytes
  int64_t outBytes; ///< batch * qLen * qHeads * vDim * ioBytes
  double qkFlops;   ///< 2 * batch * qHeads * visiblePairs * kDim
  double pvFlops;   ///< 2 * batch * qHeads * visiblePairs * vDim

  int64_t bytes() const { return kvBytes + qBytes + outBytes; }
  double flops() const { return qkFlops + pvFlops; }
  /// FLOP per byte of KV: at decode in 16 bits qHeads / kvHeads for grouped
  /// attention, H (2r + d_r) / (r + d_r) for MLA (engines.md 4.2).
  double intensity() const { return flops() / double(kvBytes); }
};

AttentionCost attentionCost(const AttentionShape &shape);

} // namespace attn::cost

#endif // ATTN_COST_ATTENTION_H
