//===- Engine.h - What an engine allocates for a cache ---------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Cache.h has the bytes that a model needs. An engine rounds them to pages, may
// pad groups of layers to one size, and spreads them over devices, where some
// parts are copied instead of split. Sources: vLLM's v1/core/kv_cache_utils.py
// (pages, groups of layers), its documentation of context parallelism (what is
// copied and what is split), notes/engines.md section 4.3.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_ENGINE_H
#define ATTN_COST_ENGINE_H

#include "attn/Cost/Cache.h"
#include <string>

namespace attn::cost {

/// How the caches of one model are spread.
struct EngineLayout {
  int64_t page = 16; ///< tokens of a block; vLLM's default
  int64_t tp = 1;    ///< devices that split the heads
  int64_t dcp = 1;   ///< of those, devices that split the tokens of a sequence
};

/// Why the layout does not suit the model; empty if it does. Heads must divide
/// evenly; dcp must divide tp and not exceed tp / kvHeads (vLLM's rule: only
/// copies of a head can share its tokens), and no layer may have a window.
std::string refusal(const model::ModelSpec &spec, const EngineLayout &layout);

/// The attention of one layer on one device: kvHeads / tp of the KV heads, at
/// least one, and qHeads / tp * dcp of the query heads (dcp gathers the queries
/// of the devices that share tokens).
model::AttentionSpec onDevice(const model::AttentionSpec &spec,
                              const EngineLayout &layout);

/// Tokens of a context that one device holds, before pages: context / dcp,
/// rounded up.
int64_t tokensOnDevice(int64_t context, const EngineLayout &layout);

/// Tokens that a layer of the group takes room for: whole pages of what is
/// retained; with a window one page more, since it rarely starts at a page.
int64_t allocatedTokens(const model::LayerGroup &group,
                        const EngineLayout &layout, int64_t context);

/// Layers that an engine with groups of equal size (vLLM's hybrid manager) adds
/// to `group` of `spec`. The size is that of the smallest group, or that of the
/// largest where it is below 1.5 times the smallest. Zero where all layers are
/// alike, and where rows differ in size or layers are recurrent: there vLLM
/// adapts the pages instead, which is not modelled here.
int64_t paddingLayers(const model::ModelSpec &spec,
                      const model::LayerGroup &group);

/// Bytes of one sequence on one device; none if a layer cannot have the format.
///   sum over groups of (layers + padding) * allocatedTokens * bytesPerToken
///   + index caches, copied to each device, + states / tp
std::optional<int64_t> engineSequenceBytes(const model::ModelSpec &spec,
                                           CacheFormat format,
                                           const EngineLayout &layout,
                                           int64_t context);

} // namespace attn::cost

#endif // ATTN_COST_ENGINE_H
