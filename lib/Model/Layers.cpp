//===- Layers.cpp - What the families' parsers share ----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace llvm;
using namespace attn::model;

int64_t attn::model::readLayerCount(ConfigReader &config) {
  return config.required("layers", {"num_hidden_layers", "n_layer"},
                         kMaxLayers);
}

int64_t attn::model::readQueryHeads(ConfigReader &config) {
  return config.required("q_heads", {"num_attention_heads", "n_head"},
                         kMaxHeads);
}

int64_t attn::model::readHeadDim(ConfigReader &config, int64_t qHeads) {
  if (std::optional<int64_t> width =
          config.optional("k_dim", {"head_dim"}, kMaxWidth))
    return *width;
  int64_t hidden =
      config.required("hidden", {"hidden_size", "n_embd"}, kMaxHidden);
  if (hidden % qHeads != 0 || hidden / qHeads > kMaxWidth) {
    config.fail("head_dim", "missing, and hidden_size " + Twine(hidden) +
                                " over " + Twine(qHeads) +
                                " heads is no head width");
    return 1;
  }
  config.derived("k_dim", Twine(hidden / qHeads), "hidden_size / heads");
  return hidden / qHeads;
}

AttentionSpec attn::model::makeGrouped(ConfigReader &config, StringRef kvKey,
                                       int64_t qHeads, int64_t kvHeads,
                                       int64_t kDim, int64_t vDim) {
  if (qHeads % kvHeads != 0) {
    config.fail(kvKey, Twine(kvHeads) + " does not divide " + Twine(qHeads) +
                           " query heads");
    kvHeads = 1;
  }
  AttentionSpec spec{};
  spec.variant = kvHeads == qHeads ? Variant::MHA
                 : kvHeads == 1    ? Variant::MQA
                                   : Variant::GQA;
  spec.qHeads = qHeads;
  spec.kvHeads = kvHeads;
  spec.kDim = kDim;
  spec.vDim = vDim;
  spec.scale = 1.0 / std::sqrt(double(kDim));
  return spec;
}

AttentionSpec attn::model::readGrouped(ConfigReader &config) {
  int64_t qHeads = readQueryHeads(config);
  int64_t kvHeads =
      config.required("kv_heads", {"num_key_value_heads"}, kMaxHeads);
  int64_t width = readHeadDim(config, qHeads);
  return makeGrouped(config, "num_key_value_heads", qHeads, kvHeads, width,
                     width);
}

LayerGroup attn::model::attentionGroup(StringRef kind,
                                       const AttentionSpec &spec) {
  LayerGroup group;
  group.kind = kind.str();
  group.attention = spec;
  return group;
}

LayerGroup attn::model::windowGroup(ConfigReader &config, const ModelSpec &spec,
                                    AttentionSpec full, int64_t window) {
  if (spec.maxContext && window >= *spec.maxContext) {
    config.note("window of " + Twine(window) +
                " tokens covers the context of " + Twine(*spec.maxContext) +
                ": taken for full attention");
    return attentionGroup("full", full);
  }
  full.window = window;
  return attentionGroup("window", full);
}

void attn::model::setLayers(ModelSpec &spec, ArrayRef<LayerGroup> kinds,
                            ArrayRef<unsigned> order) {
  std::vector<unsigned> groupOf(kinds.size());
  for (unsigned kind = 0; kind < kinds.size(); ++kind) {
    LayerGroup group = kinds[kind];
    group.count = llvm::count(order, kind);
    groupOf[kind] = spec.groups.size();
    if (group.count)
      spec.groups.push_back(std::move(group));
  }
  for (unsigned kind : order)
    spec.layers.push_back(groupOf[kind]);
}

void attn::model::setUniformLayers(ConfigReader &config, ModelSpec &spec,
                                   const LayerGroup &kind, int64_t count,
                                   StringRef typeName) {
  readLayerTypes(config, count, {typeName});
  setLayers(spec, {kind}, std::vector<unsigned>(count, 0));
}

std::optional<std::vector<unsigned>>
attn::model::readLayerTypes(ConfigReader &config, int64_t layers,
                            ArrayRef<StringRef> names) {
  std::optional<std::vector<StringRef>> types =
      config.strings("layer_kinds", "layer_types");
  if (!types)
    return std::nullopt;
  if (int64_t(types->size()) != layers)
    config.fail("layer_types", "has " + Twine(types->size()) + " entries for " +
                                   Twine(layers) + " layers");
  std::vector<unsigned> order(layers, 0);
  for (auto [index, type] : enumerate(*types)) {
    const StringRef *name = llvm::find(names, type);
    if (name == names.end())
      config.fail("layer_types", "unknown layer type \"" + type +
                                     "\" at index " + Twine(index));
    else if (int64_t(index) < layers)
      order[index] = name - names.begin();
  }
  return order;
}

std::vector<unsigned>
attn::model::layerTypesOrPattern(ConfigReader &config, int64_t layers,
                                 ArrayRef<StringRef> names,
                                 function_ref<bool(int64_t)> isSecond) {
  std::vector<unsigned> pattern;
  for (int64_t layer = 0; layer < layers; ++layer)
    pattern.push_back(isSecond(layer) ? 1 : 0);
  std::optional<std::vector<unsigned>> listed =
      readLayerTypes(config, layers, names);
  if (listed && *listed != pattern)
    config.fail(
        "layer_types",
        "contradicts the layer pattern, first at index " +
            Twine(std::mismatch(pattern.begin(), pattern.end(), listed->begin())
                      .first -
                  pattern.begin()));
  return pattern;
}

void attn::model::readPredictionLayers(ConfigReader &config, ModelSpec &spec,
                                       StringRef key) {
  spec.mtpLayers = config.countOrZero("mtp_layers", key, kMaxLayers);
  if (spec.mtpLayers && !spec.mainGroup())
    config.fail(key, Twine(spec.mtpLayers) +
                         " layers like the attention layers, of which there "
                         "are none");
  for (auto [index, group] : enumerate(spec.groups))
    if (&group == spec.mainGroup())
      spec.mtpGroup = index;
}
