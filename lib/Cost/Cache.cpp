//===- Cache.cpp - Bytes of a model's KV cache ----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Cache.h"
#include <algorithm>

using namespace attn;
using namespace attn::cost;

/// Elements in fp8 with an f32 scale for every 128 of them.
static int64_t scaledFP8Bytes(int64_t elements) {
  constexpr int64_t kElementsPerScale = 128;
  int64_t scales = (elements + kElementsPerScale - 1) / kElementsPerScale;
  return elements + 4 * scales;
}

std::optional<int64_t> cost::bytesPerToken(const model::AttentionSpec &spec,
                                           CacheFormat format) {
  switch (format) {
  case CacheFormat::F32:
    return 4 * spec.cacheElements();
  case CacheFormat::BF16:
    return 2 * spec.cacheElements();
  case CacheFormat::FP8:
    return spec.cacheElements();
  case CacheFormat::FP8Packed:
    if (!spec.latent)
      return std::nullopt;
    return scaledFP8Bytes(spec.latent->rank) + 2 * spec.latent->rope;
  case CacheFormat::Bits6:
    return (6 * spec.cacheElements() + 7) / 8;
  case CacheFormat::Bits4:
    return (4 * spec.cacheElements() + 7) / 8;
  }
  return std::nullopt;
}

int64_t cost::indexBytesPerToken(const model::SparseSpec &spec) {
  return spec.unit == model::SparseSpec::Unit::Token
             ? scaledFP8Bytes(spec.indexDim)
             : 0;
}

std::optional<CacheSize> cost::cacheSize(const model::ModelSpec &spec,
                                         CacheFormat format) {
  CacheSize size;
  int64_t convBytes = format == CacheFormat::F32 ? 4 : 2;
  for (const model::LayerGroup &group : spec.groups) {
    if (group.recurrent)
      size.stateBytes +=
          group.count *
          (group.recurrent->stateElements * group.recurrent->stateElementBytes +
           group.recurrent->convElements * convBytes);
    if (!group.attention || group.sharesCache)
      continue;
    std::optional<int64_t> bytes = bytesPerToken(*group.attention, format);
    if (!bytes)
      return std::nullopt;
    size.everyLayerPerToken += group.count * *bytes;
    if (group.growing())
      size.growingPerToken += group.count * *bytes;
    else
      size.windowBytes +=
          group.count * *bytes *
          group.attention->window.value_or(group.attention->chunk.value_or(0));
    if (group.attention->sparse)
      size.indexPerToken += group.attention->sparse->layersWithIndex *
                            indexBytesPerToken(*group.attention->sparse);
  }
  if (spec.mtpLayers)
    size.mtpPerToken =
        spec.mtpLayers *
        *bytesPerToken(*spec.groups[spec.mtpGroup].attention, format);
  return size;
}

std::optional<int64_t> cost::sequenceBytes(const model::ModelSpec &spec,
                                           CacheFormat format,
                                           int64_t context) {
  std::optional<CacheSize> size = cacheSize(spec, format);
  if (!size)
    return std::nullopt;
  int64_t bytes = size->stateBytes +
                  context * (size->growingPerToken + size->indexPerToken);
  for (const model::LayerGroup &group : spec.groups)
    if (group.attention && !group.sharesCache && !group.growing())
      bytes += group.count * *bytesPerToken(*group.attention, format) *
               group.attention->retainedTokens(context);
  return bytes;
}
