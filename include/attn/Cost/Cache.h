//===- Cache.h - Bytes of a model's KV cache -------------------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Theoretical sizes: what an engine adds by rounding to pages, padding hybrid
// groups or replicating a latent under tensor parallelism comes on top.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_CACHE_H
#define ATTN_COST_CACHE_H

#include "attn/Model/ModelSpec.h"
#include <cstdint>
#include <optional>

namespace attn::cost {

/// How a cache stores its rows.
enum class CacheFormat {
  F32,
  BF16, ///< or f16
  FP8,  ///< one byte an element; scales per tensor or head are not counted
  /// MLA's packed row of FlashMLA and vLLM ("fp8_ds_mla"): the latent in fp8
  /// with an f32 scale for every 128 elements, then the rope part in bf16;
  /// 512 + 4 * 4 + 64 * 2 = 656 bytes for DeepSeek-V3.2.
  FP8Packed,
  Bits6, ///< six bits an element (DeepSeek-V2's paper); scales not counted
  Bits4  ///< four bits an element; scales not counted
};

/// Bytes that one token adds to the cache of one layer; none if the layer
/// cannot have the format (FP8Packed without a latent).
///   Grouped: kvHeads * (kDim + vDim) * element
///   MLA:     (rank + rope) * element, once and not for each head
std::optional<int64_t> bytesPerToken(const model::AttentionSpec &spec,
                                     CacheFormat format);

/// Bytes that one token adds to the index cache of one layer that has one. DSA
/// keeps the indexer's key in fp8 with an f32 scale for every 128 elements
/// whatever the main cache's format: 128 + 4 = 132 bytes (DeepSeek-V3.2). Zero
/// for block-sparse attention: no source of ours says what MiniMax-M3 keeps.
int64_t indexBytesPerToken(const model::SparseSpec &spec);

/// The cache of a whole model, for one sequence.
struct CacheSize {
  /// Per token, over the layers whose cache grows without bound: the figure of
  /// the model tables.
  int64_t growingPerToken = 0;
  /// Per token, over all layers with a cache: what an engine pays that does
  /// not free what has left a window, and what counts until a window is full.
  int64_t everyLayerPerToken = 0;
  int64_t indexPerToken = 0; ///< sparse attention's index caches
  int64_t mtpPerToken = 0;   ///< multi-token prediction; not in the others
  int64_t windowBytes = 0;   ///< windows and chunks, once full
  int64_t stateBytes = 0;    ///< recurrent and convolution states
};

std::optional<CacheSize> cacheSize(const model::ModelSpec &spec,
                                   CacheFormat format);

/// Bytes of one sequence of `context` tokens: growing caches and index caches,
/// windows as far as they are filled, states; no multi-token prediction.
std::optional<int64_t> sequenceBytes(const model::ModelSpec &spec,
                                     CacheFormat format, int64_t context);

} // namespace attn::cost

#endif // ATTN_COST_CACHE_H
