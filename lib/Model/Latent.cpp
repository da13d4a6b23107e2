//===- Latent.cpp - Multi-head latent attention ---------------------------===//
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

std::optional<ConfigReader> attn::model::ropeParameters(ConfigReader &config) {
  const json::Value *scaling = config.find("rope_scaling");
  const json::Value *parameters = config.find("rope_parameters");
  if (scaling && parameters && *scaling != *parameters)
    config.fail("rope_scaling", "contradicts rope_parameters");
  return config.child(scaling ? "rope_scaling" : "rope_parameters");
}

/// The factor that YaRN puts on the softmax scale, and MLA models with it:
///   m = 0.1 * mscale_all_dim * ln(factor) + 1,  scale *= m * m,
/// where the rope scaling has a non-zero mscale_all_dim and a factor above 1.
/// (`mscale` itself only scales cos and sin.) Source: modeling_deepseek.py of
/// DeepSeek-V2 and -V3, DeepseekV3Attention.__init__ and yarn_get_mscale; the
/// same in transformers' modeling_deepseek_v3.py.
static double readScaleFactor(ConfigReader &config) {
  std::optional<ConfigReader> rope = ropeParameters(config);
  if (!rope || !rope->find("mscale_all_dim"))
    return 1.0;
  std::optional<StringRef> type = rope->string("rope_type", "rope_type");
  if (!type)
    type = rope->string("rope_type", "type");
  // Zero turns the factor off, as in the sources.
  const json::Value *mscale = rope->find("mscale_all_dim");
  if (mscale->getAsNumber() == 0.0 || (type && *type == "default"))
    return 1.0;
  std::optional<double> allDim =
      rope->positiveNumber("mscale_all_dim", "mscale_all_dim");
  std::optional<double> factor = rope->positiveNumber("rope_factor", "factor");
  if (!factor)
    rope->fail("factor", "missing although mscale_all_dim is set");
  if (!allDim || !factor || *factor <= 1.0)
    return 1.0;
  double m = 0.1 * *allDim * std::log(*factor) + 1.0;
  return m * m;
}

AttentionSpec attn::model::readLatent(ConfigReader &config) {
  int64_t heads = readQueryHeads(config);
  LatentSpec latent{};
  latent.rank = config.required("latent_rank", {"kv_lora_rank"}, kMaxWidth);
  latent.rope = config.required("rope", {"qk_rope_head_dim"}, kMaxWidth);
  latent.nope = config.required("nope", {"qk_nope_head_dim"}, kMaxWidth);
  latent.v = config.required("v", {"v_head_dim"}, kMaxWidth);
  latent.qRank = config.optional("q_rank", {"q_lora_rank"}, kMaxHidden);
  latent.ropeUnused = config.flag("nope_only", "mla_use_nope").value_or(false);

  // transformers 5.4 to 5.8 read GLM-5's head_dim (192) into qk_rope_head_dim
  // (64) and saved that: huggingface/transformers#46338, #46739.
  int64_t width = latent.nope + latent.rope;
  std::optional<int64_t> stated =
      config.optional("qk_head_dim", {"qk_head_dim"}, kMaxWidth);
  if (stated && *stated != width)
    config.fail("qk_head_dim", Twine(*stated) +
                                   " contradicts qk_nope_head_dim + "
                                   "qk_rope_head_dim = " +
                                   Twine(latent.nope) + " + " +
                                   Twine(latent.rope));
  // The configs state as many KV heads as there are heads after decompression;
  // a formula for grouped attention would count 71 times the bytes of V3.
  std::optional<int64_t> kvHeads = config.optional(
      "kv_heads_decompressed", {"num_key_value_heads"}, kMaxHeads);
  if (kvHeads && *kvHeads != heads)
    config.fail("num_key_value_heads",
                Twine(*kvHeads) + " contradicts num_attention_heads = " +
                    Twine(heads) + " under latent attention");
  config.ignore("head_dim", "latent attention has nope, rope and v widths");

  AttentionSpec spec{};
  spec.variant = Variant::MLA;
  spec.qHeads = heads;
  spec.kvHeads = 1;
  spec.kDim = latent.rank + latent.rope;
  spec.vDim = latent.rank;
  spec.vInK = true;
  spec.latent = latent;
  spec.scale = readScaleFactor(config) / std::sqrt(double(width));
  return spec;
}

void attn::model::parseDeepSeek(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec latent = readLatent(config);
  setUniformLayers(config, spec, attentionGroup("full", latent),
                   readLayerCount(config));
  readPredictionLayers(config, spec);
}

// DeepSeek-V3.2 and GLM-5: an indexer in front of each layer's attention picks
// the tokens. GLM-5.2 says in indexer_types which layers have one ("full") and
// which reuse the choice of the last that has ("shared").
void attn::model::parseDeepSeekSparse(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec latent = readLatent(config);
  int64_t layers = readLayerCount(config);
  SparseSpec choice{};
  choice.unit = SparseSpec::Unit::Token;
  choice.topK = config.required("sparse_top_k", {"index_topk"}, kMaxTokens);
  choice.blockSize = 1;
  choice.indexHeads =
      config.required("index_heads", {"index_n_heads"}, kMaxHeads);
  choice.indexDim = config.required("index_dim", {"index_head_dim"}, kMaxWidth);
  choice.layersWithIndex = layers;
  if (auto types = config.strings("index_layers", "indexer_types")) {
    int64_t own = 0, shared = 0;
    for (StringRef type : *types) {
      own += type == "full";
      shared += type == "shared";
    }
    if (own + shared != int64_t(types->size()) || own + shared != layers)
      config.fail("indexer_types", "expected \"full\" or \"shared\" for each "
                                   "of " +
                                       Twine(layers) + " layers");
    choice.layersWithIndex = own;
    config.ignore("index_topk_freq", "indexer_types lists the layers");
  }
  latent.sparse = choice;
  setUniformLayers(config, spec, attentionGroup("sparse", latent), layers,
                   "deepseek_sparse_attention");
  readPredictionLayers(config, spec);
}

// LongCat-Flash: every layer has two attention blocks. Its own config counts
// layers in num_layers; transformers adds num_hidden_layers, twice as many.
void attn::model::parseLongCat(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec latent = readLatent(config);
  int64_t layers = config.required("layers", {"num_layers"}, kMaxLayers);
  std::optional<int64_t> blocks = config.optional(
      "attention_layers", {"num_hidden_layers"}, 2 * kMaxLayers);
  if (blocks && *blocks != 2 * layers)
    config.fail("num_hidden_layers",
                Twine(*blocks) + " contradicts num_layers = " + Twine(layers) +
                    " of two attention layers each");
  config.derived("attention_layers", Twine(2 * layers), "2 x num_layers");
  setUniformLayers(config, spec, attentionGroup("full", latent), 2 * layers);
  readPredictionLayers(config, spec);
}
