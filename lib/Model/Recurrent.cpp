//===- Recurrent.cpp - Layers with a state of fixed size ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using namespace attn::model;

/// Bytes of one state element: `key` names a type; without it the state is f32,
/// as in the reference implementations (flash-linear-attention, mamba_ssm).
static int64_t readStateBytes(ConfigReader &config, StringRef key) {
  std::optional<StringRef> type = config.string("state_type", key);
  if (!type || *type == "float32")
    return 4;
  if (*type != "bfloat16" && *type != "float16")
    config.failFound(key, "\"float32\", \"bfloat16\" or \"float16\"");
  return 2;
}

static LayerGroup recurrentGroup(RecurrentSpec state) {
  LayerGroup group;
  group.kind = state.kind;
  group.recurrent = std::move(state);
  return group;
}

// Gated DeltaNet (Qwen3-Next, Qwen3.5). State: value heads x key width x value
// width; convolution over q, k and v, kernel - 1 steps back. Source: vLLM,
// MambaStateShapeCalculator.gated_delta_net_state_shape.
static LayerGroup readGatedDeltaNet(ConfigReader &config) {
  auto read = [&](StringRef field, StringRef key, int64_t max) {
    return config.required(field, {key}, max);
  };
  int64_t kHeads = read("gdn_k_heads", "linear_num_key_heads", kMaxHeads);
  int64_t vHeads = read("gdn_v_heads", "linear_num_value_heads", kMaxHeads);
  int64_t kDim = read("gdn_k_dim", "linear_key_head_dim", kMaxWidth);
  int64_t vDim = read("gdn_v_dim", "linear_value_head_dim", kMaxWidth);
  int64_t kernel = read("gdn_conv", "linear_conv_kernel_dim", kMaxWidth);
  int64_t bytes = readStateBytes(config, "mamba_ssm_dtype");
  return recurrentGroup({"GDN", vHeads * kDim * vDim, bytes,
                         (2 * kHeads * kDim + vHeads * vDim) * (kernel - 1)});
}

void attn::model::parseQwenNext(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  LayerGroup linear = readGatedDeltaNet(config);
  int64_t layers = readLayerCount(config);
  constexpr StringRef names[] = {"linear_attention", "full_attention"};
  std::optional<int64_t> interval =
      config.optional("full_interval", {"full_attention_interval"}, kMaxLayers);
  std::optional<std::vector<unsigned>> order;
  if (interval)
    order = layerTypesOrPattern(config, layers, names, [&](int64_t i) {
      return (i + 1) % *interval == 0;
    });
  else
    order = readLayerTypes(config, layers, names);
  if (!order)
    config.fail("layer_types", "missing, and so is full_attention_interval");
  else
    setLayers(spec, {linear, attentionGroup("full", full)}, *order);
  readPredictionLayers(config, spec, "mtp_num_hidden_layers");
}

// Kimi Delta Attention. State: heads x width x width; convolutions over q, k
// and v. Source: vLLM, MambaStateShapeCalculator.kda_state_shape.
static LayerGroup readKimiDelta(ConfigReader &linear) {
  int64_t heads = linear.required("kda_heads", {"num_heads"}, kMaxHeads);
  int64_t width = linear.required("kda_dim", {"head_dim"}, kMaxWidth);
  int64_t kernel =
      linear.required("kda_conv", {"short_conv_kernel_size"}, kMaxWidth);
  return recurrentGroup(
      {"KDA", heads * width * width, 4, 3 * heads * width * (kernel - 1)});
}

// Kimi-Linear and Kimi-K3: linear_attn_config lists the layers of both kinds,
// counted from 1; together they must name every layer once.
void attn::model::parseKimiLinear(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec latent = readLatent(config);
  int64_t layers = readLayerCount(config);
  std::optional<ConfigReader> linear = config.child("linear_attn_config");
  if (!linear) {
    config.fail("linear_attn_config", "missing");
    return;
  }
  LayerGroup delta = readKimiDelta(*linear);
  std::vector<unsigned> order(layers, 2);
  constexpr StringRef keys[] = {"kda_layers", "full_attn_layers"};
  for (auto [kind, key] : enumerate(keys)) {
    std::optional<std::vector<int64_t>> list =
        linear->integers(key, key, kMaxLayers);
    if (!list)
      linear->fail(key, "missing");
    for (int64_t layer : list.value_or(std::vector<int64_t>())) {
      if (layer < 1 || layer > layers || order[layer - 1] != 2)
        linear->fail(key, "layer " + Twine(layer) + " of " + Twine(layers) +
                              " is out of range or named twice");
      else
        order[layer - 1] = kind;
    }
  }
  if (auto missing = llvm::find(order, 2u); missing != order.end())
    linear->fail("full_attn_layers", "layer " +
                                         Twine(missing - order.begin() + 1) +
                                         " is of neither kind");
  if (config.failed())
    return;
  setLayers(spec, {delta, attentionGroup("full", latent)}, order);
  readPredictionLayers(config, spec);
}

// Mamba-2. State: heads x width x state size; convolution over x, B and C.
// Source: vLLM, MambaStateShapeCalculator.mamba2_state_shape.
static LayerGroup readMamba2(ConfigReader &config) {
  int64_t heads =
      config.required("mamba_heads", {"mamba_num_heads"}, kMaxHeads);
  int64_t width = config.required("mamba_dim", {"mamba_head_dim"}, kMaxWidth);
  int64_t state = config.required("mamba_state", {"ssm_state_size"}, kMaxWidth);
  int64_t groups = config.required("mamba_groups", {"n_groups"}, kMaxHeads);
  int64_t kernel = config.required("mamba_conv", {"conv_kernel"}, kMaxWidth);
  int64_t bytes = readStateBytes(config, "mamba_ssm_cache_dtype");
  return recurrentGroup({"Mamba2", heads * width * state, bytes,
                         (heads * width + 2 * groups * state) * (kernel - 1)});
}

/// The kinds of Nemotron-H's layers, as letters: M Mamba-2, * attention, - MLP,
/// E mixture of experts. `letters` has them as one string, and `names`, where
/// newer configs have it, as a list; empty without either.
static std::string readBlockLetters(ConfigReader &config, StringRef letters,
                                    StringRef names) {
  std::string result = config.string("layer_kinds", letters).value_or("").str();
  for (char letter : result)
    if (!StringRef("M*-E").contains(letter))
      config.fail(letters, "unknown letter '" + Twine(letter) + "'");
  std::optional<std::vector<StringRef>> list =
      config.strings("layer_kinds", names);
  if (!list)
    return result;
  std::string listed;
  for (StringRef name : *list) {
    listed += StringSwitch<char>(name)
                  .Case("mamba", 'M')
                  .Case("attention", '*')
                  .Case("mlp", '-')
                  .Case("moe", 'E')
                  .Default('?');
    if (listed.back() == '?')
      config.fail(names, "unknown layer type \"" + name + "\"");
  }
  if (!result.empty() && result != listed)
    config.fail(names, "contradicts " + letters);
  return listed;
}

void attn::model::parseNemotronH(ConfigReader &config, ModelSpec &spec) {
  int64_t qHeads = readQueryHeads(config);
  int64_t kvHeads =
      config.required("kv_heads", {"num_key_value_heads"}, kMaxHeads);
  int64_t width =
      config.required("k_dim", {"head_dim", "attention_head_dim"}, kMaxWidth);
  AttentionSpec full =
      makeGrouped(config, "num_key_value_heads", qHeads, kvHeads, width, width);
  LayerGroup mamba = readMamba2(config);
  LayerGroup mlp;
  mlp.kind = "mlp";

  constexpr StringRef key = "hybrid_override_pattern";
  std::string pattern = readBlockLetters(config, key, "layers_block_type");
  std::optional<int64_t> layers =
      config.optional("layers", {"num_hidden_layers"}, kMaxLayers);
  if (pattern.empty())
    config.fail(key, "missing, and so is layers_block_type");
  else if (int64_t(pattern.size()) > kMaxLayers ||
           (layers && *layers != int64_t(pattern.size())))
    config.fail(key, "has " + Twine(pattern.size()) + " layers, expected " +
                         Twine(layers.value_or(kMaxLayers)));
  std::vector<unsigned> order;
  for (char letter : pattern)
    order.push_back(letter == 'M' ? 0 : letter == '*' ? 1 : 2);
  setLayers(spec, {mamba, attentionGroup("full", full), mlp}, order);

  // Each step of multi-token prediction has the layers of one more pattern.
  std::string step = readBlockLetters(config, "mtp_hybrid_override_pattern",
                                      "mtp_layers_block_type");
  readPredictionLayers(config, spec);
  spec.mtpLayers *= llvm::count(step, '*');
}
