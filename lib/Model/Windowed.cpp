//===- Windowed.cpp - Windows and chunks in some layers -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace attn::model;

static constexpr StringRef kFullOrSliding[] = {"full_attention",
                                               "sliding_attention"};

static int64_t readWindow(ConfigReader &config) {
  return config.required("window", {"sliding_window", "sliding_window_size"},
                         kMaxTokens);
}

// Mistral, Mixtral, Phi-3, StarCoder2: a window, where there is one, is in all
// layers.
void attn::model::parseMistral(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  std::optional<int64_t> window =
      config.optional("window", {"sliding_window"}, kMaxTokens);
  LayerGroup kind = window ? windowGroup(config, spec, full, *window)
                           : attentionGroup("full", full);
  setUniformLayers(config, spec, kind, readLayerCount(config),
                   window ? "sliding_attention" : "full_attention");
}

// transformers, configuration_qwen2.py: sliding_window counts only with
// use_sliding_window, and then from layer max_window_layers on.
void attn::model::parseQwen(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  int64_t layers = readLayerCount(config);
  std::vector<LayerGroup> kinds = {attentionGroup("full", full)};
  int64_t firstWindow = layers;
  if (config.flag("uses_window", "use_sliding_window").value_or(false)) {
    kinds.push_back(windowGroup(config, spec, full, readWindow(config)));
    firstWindow = config.countOrZero("first_window_layer", "max_window_layers",
                                     kMaxLayers);
    if (!config.find("max_window_layers"))
      config.fail("max_window_layers", "missing although use_sliding_window");
  } else {
    config.ignore("sliding_window", "use_sliding_window is not set");
    config.ignore("max_window_layers", "use_sliding_window is not set");
  }
  setLayers(spec, kinds,
            layerTypesOrPattern(config, layers, kFullOrSliding,
                                [&](int64_t i) { return i >= firstWindow; }));
  readPredictionLayers(config, spec);
}

// transformers, configuration_llama4.py: no_rope_layers has 0 for the layers
// without RoPE, which attend to everything; the others attend in chunks. An
// absent or empty list means every no_rope_layer_interval-th (default 4).
void attn::model::parseLlama4(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  int64_t layers = readLayerCount(config);
  AttentionSpec chunked = full;
  chunked.chunk =
      config.required("chunk", {"attention_chunk_size"}, kMaxTokens);
  int64_t interval =
      config.optional("full_interval", {"no_rope_layer_interval"}, kMaxLayers)
          .value_or(4);
  std::vector<int64_t> usesRope =
      config.integers("rope_layers", "no_rope_layers", 1)
          .value_or(std::vector<int64_t>());
  if (usesRope.empty())
    for (int64_t layer = 0; layer < layers; ++layer)
      usesRope.push_back((layer + 1) % interval != 0);
  if (int64_t(usesRope.size()) != layers) {
    config.fail("no_rope_layers", "has " + Twine(usesRope.size()) +
                                      " entries for " + Twine(layers) +
                                      " layers");
    return;
  }
  setLayers(spec,
            {attentionGroup("full", full), attentionGroup("chunk", chunked)},
            layerTypesOrPattern(config, layers,
                                {"full_attention", "chunked_attention"},
                                [&](int64_t i) { return usesRope[i] != 0; }));
}

/// Layers of layer_types, which must be there.
static std::vector<unsigned> requireLayerTypes(ConfigReader &config,
                                               int64_t layers) {
  std::optional<std::vector<unsigned>> order =
      readLayerTypes(config, layers, kFullOrSliding);
  if (!order)
    config.fail("layer_types", "missing");
  return order.value_or(std::vector<unsigned>(layers, 0));
}

// The sinks are part of the architecture; no key tells of them.
void attn::model::parseGptOss(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  full.sinks = true;
  config.derived("sinks", "true", "gpt_oss");
  int64_t layers = readLayerCount(config);
  setLayers(spec,
            {attentionGroup("full", full),
             windowGroup(config, spec, full, readWindow(config))},
            requireLayerTypes(config, layers));
}

void attn::model::parseStep3(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  int64_t layers = readLayerCount(config);
  setLayers(spec,
            {attentionGroup("full", full),
             windowGroup(config, spec, full, readWindow(config))},
            requireLayerTypes(config, layers));
  readPredictionLayers(config, spec);
}

/// MiMo's full or, with the prefix "swa_", window attention.
static AttentionSpec readMimo(ConfigReader &config, const std::string &prefix,
                              StringRef sinkKey) {
  std::string kvKey = prefix + "num_key_value_heads";
  int64_t qHeads = config.required(prefix + "q_heads",
                                   {prefix + "num_attention_heads"}, kMaxHeads);
  int64_t kvHeads = config.required(prefix + "kv_heads", {kvKey}, kMaxHeads);
  int64_t kDim =
      config.required(prefix + "k_dim", {prefix + "head_dim"}, kMaxWidth);
  int64_t vDim =
      config.required(prefix + "v_dim", {prefix + "v_head_dim"}, kMaxWidth);
  AttentionSpec spec = makeGrouped(config, kvKey, qHeads, kvHeads, kDim, vDim);
  spec.sinks = config.requiredFlag(prefix + "sinks", sinkKey);
  return spec;
}

// MiMo-V2-Flash: hybrid_layer_pattern has 0 for full and 1 for window layers,
// which have KV heads and widths of their own.
void attn::model::parseMimoV2(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readMimo(config, "", "add_full_attention_sink_bias");
  AttentionSpec local = readMimo(config, "swa_", "add_swa_attention_sink_bias");
  int64_t layers = readLayerCount(config);
  std::vector<int64_t> isWindow =
      config.integers("layer_kinds", "hybrid_layer_pattern", 1)
          .value_or(std::vector<int64_t>());
  if (int64_t(isWindow.size()) != layers)
    config.fail("hybrid_layer_pattern", "has " + Twine(isWindow.size()) +
                                            " entries for " + Twine(layers) +
                                            " layers");
  config.ignore("attention_chunk_size", "the layers have windows, not chunks");
  config.ignore("attention_value_scale", "scales V before it is cached");
  setLayers(spec,
            {attentionGroup("full", full),
             windowGroup(config, spec, local, readWindow(config))},
            std::vector<unsigned>(isWindow.begin(), isWindow.end()));
}
