//===- Engine.cpp - What an engine allocates for a cache ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Engine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace attn;
using namespace attn::cost;

static bool hasOwnCache(const model::LayerGroup &group) {
  return group.attention && !group.sharesCache;
}

std::string cost::refusal(const model::ModelSpec &spec,
                          const EngineLayout &layout) {
  if (layout.page < 1 || layout.tp < 1 || layout.dcp < 1)
    return "page, tp and dcp must be at least 1";
  if (layout.tp % layout.dcp)
    return llvm::formatv("dcp {0} does not divide tp {1}", layout.dcp,
                         layout.tp);
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention)
      continue;
    const model::AttentionSpec &attention = *group.attention;
    if (attention.qHeads % layout.tp)
      return llvm::formatv("tp {0} does not divide the {1} query heads",
                           layout.tp, attention.qHeads);
    int64_t kvHeads = attention.kvHeads;
    if (kvHeads % layout.tp && layout.tp % kvHeads)
      return llvm::formatv("tp {0} and the {1} KV heads do not divide evenly",
                           layout.tp, kvHeads);
    if (layout.dcp == 1)
      continue;
    if (!group.growing())
      return llvm::formatv("dcp {0}: the layers of kind '{1}' see a window, "
                           "whose tokens cannot be split",
                           layout.dcp, group.kind);
    if (layout.dcp * kvHeads > layout.tp)
      return llvm::formatv("dcp {0} exceeds tp / KV heads = {1} / {2}",
                           layout.dcp, layout.tp, kvHeads);
  }
  return "";
}

model::AttentionSpec cost::onDevice(const model::AttentionSpec &spec,
                                    const EngineLayout &layout) {
  model::AttentionSpec part = spec;
  part.qHeads = spec.qHeads / layout.tp * layout.dcp;
  part.kvHeads = std::max<int64_t>(1, spec.kvHeads / layout.tp);
  return part;
}

int64_t cost::tokensOnDevice(int64_t context, const EngineLayout &layout) {
  return llvm::divideCeil(context, layout.dcp);
}

int64_t cost::allocatedTokens(const model::LayerGroup &group,
                              const EngineLayout &layout, int64_t context) {
  int64_t local = tokensOnDevice(context, layout);
  int64_t pages = llvm::divideCeil(local, layout.page);
  int64_t retained = group.attention->retainedTokens(local);
  if (retained < local)
    pages =
        std::min<int64_t>(pages, llvm::divideCeil(retained, layout.page) + 1);
  return pages * layout.page;
}

int64_t cost::paddingLayers(const model::ModelSpec &spec,
                            const model::LayerGroup &group) {
  int64_t smallest = INT64_MAX, largest = 0;
  for (const model::LayerGroup &other : spec.groups) {
    if (other.recurrent)
      return 0;
    if (!hasOwnCache(other))
      continue;
    if (other.attention->cacheElements() != group.attention->cacheElements())
      return 0;
    smallest = std::min(smallest, other.count);
    largest = std::max(largest, other.count);
  }
  int64_t size = 2 * largest < 3 * smallest ? largest : smallest;
  return llvm::alignTo(group.count, size) - group.count;
}

std::optional<int64_t> cost::engineSequenceBytes(const model::ModelSpec &spec,
                                                 CacheFormat format,
                                                 const EngineLayout &layout,
                                                 int64_t context) {
  std::optional<CacheSize> size = cacheSize(spec, format);
  if (!size)
    return std::nullopt;
  int64_t bytes = llvm::divideCeil(size->stateBytes, layout.tp);
  for (const model::LayerGroup &group : spec.groups) {
    if (!hasOwnCache(group))
      continue;
    int64_t tokens = allocatedTokens(group, layout, context);
    bytes += (group.count + paddingLayers(spec, group)) * tokens *
             *bytesPerToken(onDevice(*group.attention, layout), format);
    if (group.attention->sparse)
      bytes += tokens * group.attention->sparse->layersWithIndex *
               indexBytesPerToken(*group.attention->sparse);
  }
  return bytes;
}
