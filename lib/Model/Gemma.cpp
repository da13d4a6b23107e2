//===- Gemma.cpp - Gemma 2, 3 and 4 ---------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include <cmath>

using namespace llvm;
using namespace attn::model;

static constexpr StringRef kSlidingOrFull[] = {"sliding_attention",
                                               "full_attention"};

/// Gemma scales by 1/sqrt(query_pre_attn_scalar), whatever the head width.
static void readGemmaScale(ConfigReader &config, AttentionSpec &full,
                           std::optional<double> classDefault) {
  std::optional<double> scalar =
      config.positiveNumber("scale", "query_pre_attn_scalar");
  if (!scalar && classDefault)
    config.derived("scale", "1/sqrt(" + Twine(int64_t(*classDefault)) + ")",
                   "default of query_pre_attn_scalar");
  else if (!scalar)
    config.fail("query_pre_attn_scalar", "missing");
  full.scale = 1.0 / std::sqrt(scalar.value_or(classDefault.value_or(1.0)));
  full.softcap = config.positiveNumber("softcap", "attn_logit_softcapping");
}

// transformers, configuration_gemma2.py: every second layer, from the first on,
// has the window.
void attn::model::parseGemma2(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  readGemmaScale(config, full, std::nullopt);
  int64_t layers = readLayerCount(config);
  int64_t window = config.required("window", {"sliding_window"}, kMaxTokens);
  setLayers(
      spec,
      {windowGroup(config, spec, full, window), attentionGroup("full", full)},
      layerTypesOrPattern(config, layers, kSlidingOrFull,
                          [](int64_t i) { return i % 2 == 1; }));
}

/// An integer that published Gemma 3 configs leave to the class's default.
static int64_t readOrDefault(ConfigReader &config, StringRef field,
                             StringRef key, int64_t max, int64_t classDefault) {
  if (std::optional<int64_t> value = config.optional(field, {key}, max))
    return *value;
  config.derived(field, Twine(classDefault), "Gemma3TextConfig default");
  return classDefault;
}

// transformers, configuration_gemma3.py. Gemma-3-4B's config.json leaves the
// heads and head_dim out: the class's defaults are part of the format.
void attn::model::parseGemma3(ConfigReader &config, ModelSpec &spec) {
  int64_t qHeads =
      readOrDefault(config, "q_heads", "num_attention_heads", kMaxHeads, 8);
  int64_t kvHeads =
      readOrDefault(config, "kv_heads", "num_key_value_heads", kMaxHeads, 4);
  int64_t width = readOrDefault(config, "k_dim", "head_dim", kMaxWidth, 256);
  AttentionSpec full =
      makeGrouped(config, "num_key_value_heads", qHeads, kvHeads, width, width);
  readGemmaScale(config, full, 256.0);
  int64_t layers = readLayerCount(config);
  int64_t window = config.required("window", {"sliding_window"}, kMaxTokens);
  int64_t interval =
      config
          .optional("full_interval",
                    {"sliding_window_pattern", "_sliding_window_pattern"},
                    kMaxLayers)
          .value_or(6);
  setLayers(
      spec,
      {windowGroup(config, spec, full, window), attentionGroup("full", full)},
      layerTypesOrPattern(config, layers, kSlidingOrFull,
                          [&](int64_t i) { return (i + 1) % interval == 0; }));
}

/// Splits off the last `shared` layers of `order` as layers without a cache.
static void shareLastLayers(ConfigReader &config, int64_t shared,
                            std::vector<LayerGroup> &kinds,
                            std::vector<unsigned> &order) {
  if (shared >= int64_t(order.size())) {
    config.fail("num_kv_shared_layers",
                Twine(shared) + " of " + Twine(order.size()) + " layers");
    return;
  }
  size_t own = kinds.size();
  for (size_t kind = 0; kind < own; ++kind) {
    kinds.push_back(kinds[kind]);
    kinds.back().kind += "-shared";
    kinds.back().sharesCache = true;
  }
  for (size_t layer = order.size() - shared; layer < order.size(); ++layer)
    order[layer] += own;
}

// transformers, configuration_gemma4.py and modeling_gemma4.py: global layers
// have their own head width and, with attention_k_eq_v, their own KV heads. K
// and V then come of one projection but are cached apart: K gets a norm and
// RoPE, V another norm. Q and K are normalised, so the scale is 1.
void attn::model::parseGemma4(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec local = readGrouped(config);
  local.scale = 1.0;
  config.derived("scale", "1", "gemma4");
  int64_t width =
      config.required("global_k_dim", {"global_head_dim"}, kMaxWidth);
  std::optional<int64_t> globalHeads = config.optional(
      "global_kv_heads", {"num_global_key_value_heads"}, kMaxHeads);
  bool tied = config.flag("k_eq_v_weights", "attention_k_eq_v").value_or(false);
  if (tied)
    config.note("attention_k_eq_v: K and V share weights on global layers, but "
                "the cached K and V differ and both are counted");
  AttentionSpec global = makeGrouped(
      config, "num_global_key_value_heads", local.qHeads,
      tied && globalHeads ? *globalHeads : local.kvHeads, width, width);
  global.scale = 1.0;

  std::optional<StringRef> bidirectional =
      config.string("bidirectional", "use_bidirectional_attention");
  if (bidirectional && *bidirectional != "vision")
    config.failFound("use_bidirectional_attention", "null or \"vision\"");

  int64_t layers = readLayerCount(config);
  int64_t window = config.required("window", {"sliding_window"}, kMaxTokens);
  std::vector<LayerGroup> kinds = {windowGroup(config, spec, local, window),
                                   attentionGroup("full", global)};
  std::optional<std::vector<unsigned>> order =
      readLayerTypes(config, layers, kSlidingOrFull);
  if (!order)
    config.fail("layer_types", "missing");
  else if (order->back() != 1)
    config.fail("layer_types", "the last layer must be full_attention");
  if (config.failed())
    return;
  if (int64_t shared = config.countOrZero("kv_shared_layers",
                                          "num_kv_shared_layers", kMaxLayers))
    shareLastLayers(config, shared, kinds, *order);
  setLayers(spec, kinds, *order);
}
