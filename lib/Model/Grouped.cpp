//===- Grouped.cpp - One kind of grouped attention throughout -------------===//
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

void attn::model::parseLlama(ConfigReader &config, ModelSpec &spec) {
  int64_t qHeads = readQueryHeads(config);
  // Llama 1 configs have no num_key_value_heads; LlamaConfig documents that it
  // then equals num_attention_heads.
  std::optional<int64_t> kvHeads =
      config.optional("kv_heads", {"num_key_value_heads"}, kMaxHeads);
  if (!kvHeads)
    config.derived("kv_heads", Twine(qHeads), "LlamaConfig default");
  int64_t width = readHeadDim(config, qHeads);
  AttentionSpec full = makeGrouped(config, "num_key_value_heads", qHeads,
                                   kvHeads.value_or(qHeads), width, width);
  setUniformLayers(config, spec, attentionGroup("full", full),
                   readLayerCount(config));
}

void attn::model::parseGrouped(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  setUniformLayers(config, spec, attentionGroup("full", full),
                   readLayerCount(config));
  readPredictionLayers(config, spec);
}

/// head_dim for architectures that always take hidden_size / heads and have no
/// such field of their own.
static int64_t readDerivedHeadDim(ConfigReader &config, int64_t qHeads) {
  int64_t width = readHeadDim(config, qHeads);
  int64_t hidden =
      config.required("hidden", {"hidden_size", "n_embd"}, kMaxHidden);
  if (width * qHeads != hidden)
    config.fail("head_dim", Twine(width) + " contradicts hidden_size " +
                                Twine(hidden) + " / " + Twine(qHeads) +
                                " heads, which this architecture uses");
  return width;
}

// transformers, modeling_falcon.py: num_kv_heads counts only with the new
// decoder architecture or without multi_query; otherwise there is one KV head,
// whatever the config says (Falcon-7B: 71).
void attn::model::parseFalcon(ConfigReader &config, ModelSpec &spec) {
  int64_t qHeads = readQueryHeads(config);
  bool multiQuery = config.requiredFlag("multi_query", "multi_query");
  bool newDecoder =
      config.flag("new_decoder", "new_decoder_architecture").value_or(false);
  if (config.flag("alibi", "alibi").value_or(false))
    config.fail("alibi", "true: attention with ALiBi biases is not supported");
  int64_t kvHeads = 1;
  if (newDecoder || !multiQuery) {
    kvHeads =
        config.required("kv_heads", {"num_kv_heads", "n_head_kv"}, kMaxHeads);
  } else {
    config.ignore("num_kv_heads", "multi_query means one KV head");
    config.ignore("n_head_kv", "multi_query means one KV head");
    config.derived("kv_heads", "1", "multi_query");
  }
  int64_t width = readDerivedHeadDim(config, qHeads);
  AttentionSpec full =
      makeGrouped(config, "num_kv_heads", qHeads, kvHeads, width, width);
  setUniformLayers(config, spec, attentionGroup("full", full),
                   readLayerCount(config));
}

void attn::model::parseBigCode(ConfigReader &config, ModelSpec &spec) {
  int64_t qHeads = readQueryHeads(config);
  bool multiQuery = config.requiredFlag("multi_query", "multi_query");
  int64_t kvHeads = multiQuery ? 1 : qHeads;
  config.derived("kv_heads", Twine(kvHeads), "multi_query");
  int64_t width = readDerivedHeadDim(config, qHeads);
  AttentionSpec full =
      makeGrouped(config, "multi_query", qHeads, kvHeads, width, width);
  if (!config.flag("scale_attn_weights", "scale_attn_weights").value_or(true))
    full.scale = 1.0;
  setUniformLayers(config, spec, attentionGroup("full", full),
                   readLayerCount(config));
}

void attn::model::parseMiniMaxM2(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  int64_t layers = readLayerCount(config);
  // 0 was MiniMax-01's linear attention, which M2 gave up.
  if (auto types = config.integers("layer_kinds", "attn_type_list", 1))
    if (*types != std::vector<int64_t>(layers, 1))
      config.fail("attn_type_list", "expected 1 (softmax attention) for each "
                                    "of " +
                                        Twine(layers) + " layers");
  setUniformLayers(config, spec, attentionGroup("full", full), layers);
  bool predicts = config.flag("mtp", "use_mtp").value_or(false);
  int64_t modules =
      config.countOrZero("mtp_modules", "num_mtp_modules", kMaxLayers);
  readPredictionLayers(config, spec, "mtp_transformer_layers");
  spec.mtpLayers *= predicts ? modules : 0;
}

/// MiniMax-M3's configs have num_mtp_modules; conversions of them also have
/// num_nextn_predict_layers, which is then what the weights hold.
static void readMiniMaxM3Prediction(ConfigReader &config, ModelSpec &spec) {
  if (!config.find("num_nextn_predict_layers"))
    return readPredictionLayers(config, spec, "num_mtp_modules");
  readPredictionLayers(config, spec);
  config.ignore("num_mtp_modules", "num_nextn_predict_layers is given");
}

void attn::model::parseMiniMaxM3(ConfigReader &config, ModelSpec &spec) {
  AttentionSpec full = readGrouped(config);
  int64_t layers = readLayerCount(config);
  LayerGroup dense = attentionGroup("full", full);
  std::optional<ConfigReader> sparse = config.child("sparse_attention_config");
  if (!sparse || !sparse->requiredFlag("sparse", "use_sparse_attention")) {
    setUniformLayers(config, spec, dense, layers);
    readMiniMaxM3Prediction(config, spec);
    return;
  }
  std::vector<int64_t> isSparse =
      sparse->integers("layer_kinds", "sparse_attention_freq", 1)
          .value_or(std::vector<int64_t>());
  if (int64_t(isSparse.size()) != layers)
    sparse->fail("sparse_attention_freq", "has " + Twine(isSparse.size()) +
                                              " entries for " + Twine(layers) +
                                              " layers");
  std::vector<unsigned> order(isSparse.begin(), isSparse.end());
  SparseSpec choice{};
  choice.unit = SparseSpec::Unit::Block;
  choice.topK =
      sparse->required("sparse_top_k", {"sparse_topk_blocks"}, kMaxTokens);
  choice.blockSize =
      sparse->required("sparse_block", {"sparse_block_size"}, kMaxTokens);
  if (choice.topK * choice.blockSize > kMaxTokens)
    sparse->failFound("sparse_topk_blocks",
                      "at most " + Twine(kMaxTokens / choice.blockSize) +
                          " blocks of " + Twine(choice.blockSize) + " tokens");
  choice.indexHeads =
      sparse->required("index_heads", {"sparse_num_index_heads"}, kMaxHeads);
  choice.indexDim =
      sparse->required("index_dim", {"sparse_index_dim"}, kMaxWidth);
  choice.layersWithIndex = llvm::count(order, 1u);
  LayerGroup chosen = attentionGroup("sparse", full);
  chosen.attention->sparse = choice;
  setLayers(spec, {dense, chosen}, order);
  readMiniMaxM3Prediction(config, spec);
}
