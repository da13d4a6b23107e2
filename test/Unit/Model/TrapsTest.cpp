//===- TrapsTest.cpp - Configs that mislead -------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The traps of notes/engines.md 1.5 and 6, each with the published config that
// sets it and, where a number tells, the number a careless reader would get.
//
//===----------------------------------------------------------------------===//

#include "TestModels.h"
#include "attn/Cost/Cache.h"
#include <cmath>

using namespace llvm;
using namespace attn;
using namespace attn::model;
using namespace attn::model::test;

static int64_t bf16PerToken(const ModelSpec &spec) {
  return cost::cacheSize(spec, cost::CacheFormat::BF16)->growingPerToken;
}

TEST(Traps, Falcon7BHasOneKVHeadWhateverNumKVHeadsSays) {
  ModelSpec spec = specOf("falcon-7b");
  EXPECT_EQ(*configObject("falcon-7b").getInteger("num_kv_heads"), 71);
  EXPECT_EQ(spec.mainGroup()->attention->kvHeads, 1);
  EXPECT_EQ(bf16PerToken(spec), 8192); // not 581,632
  EXPECT_TRUE(hasNote(spec, "num_kv_heads"));
}

TEST(Traps, FalconNewDecoderUsesNumKVHeadsDespiteMultiQuery) {
  EXPECT_EQ(specOf("falcon-40b").mainGroup()->attention->kvHeads, 8);
}

TEST(Traps, FalconWithoutMultiQueryUsesNumKVHeads) {
  auto spec =
      edited("falcon-7b", [](json::Object &o) { o["multi_query"] = false; });
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(spec->mainGroup()->attention->variant, Variant::MHA);
}

TEST(Traps, FalconOldModelTypeAndNames) {
  auto spec = parseConfig(R"({"model_type": "RefinedWebModel", "n_layer": 32,
      "n_head": 71, "hidden_size": 4544, "multi_query": true})",
                          "falcon");
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(bf16PerToken(*spec), 8192);
}

TEST(Traps, StarCoderMultiQueryMeansOneKVHead) {
  EXPECT_EQ(specOf("starcoder").mainGroup()->attention->kvHeads, 1);
  auto spec =
      edited("starcoder", [](json::Object &o) { o["multi_query"] = false; });
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(spec->mainGroup()->attention->kvHeads, 48);
}

TEST(Traps, HeadDimAbsentIsHiddenOverHeads) {
  ModelSpec spec = specOf("phi-3-mini-4k");
  EXPECT_EQ(spec.mainGroup()->attention->kDim, 96);
  EXPECT_EQ(findFact(spec, "k_dim")->jsonKey, "(hidden_size / heads)");
}

TEST(Traps, HeadDimPresentNeedNotBeHiddenOverHeads) {
  // Qwen3-0.6B: 1024 / 16 = 64, but head_dim is 128.
  ModelSpec spec = specOf("qwen3-0.6b");
  EXPECT_EQ(spec.mainGroup()->attention->kDim, 128);
  EXPECT_EQ(findFact(spec, "k_dim")->jsonKey, "head_dim");
}

TEST(Traps, HeadDimMeaningless) {
  for (const char *name : {"kimi-linear-48b-a3b", "glm-5", "glm-5.2"}) {
    ModelSpec spec = specOf(name);
    EXPECT_EQ(spec.mainGroup()->attention->kDim, 576) << name;
    EXPECT_TRUE(hasNote(spec, "head_dim")) << name;
  }
}

TEST(Traps, LongCatCountsTwoAttentionLayersInEachOfNumLayers) {
  ModelSpec spec = specOf("longcat-flash");
  EXPECT_EQ(spec.layers.size(), 56u);
  EXPECT_EQ(bf16PerToken(spec), 64512);
  // As transformers writes it back: both keys, one twice the other.
  auto both = edited("longcat-flash",
                     [](json::Object &o) { o["num_hidden_layers"] = 56; });
  ASSERT_TRUE(bool(both)) << toString(both.takeError());
  EXPECT_EQ(bf16PerToken(*both), 64512);
  expectRefused(edited("longcat-flash",
                       [](json::Object &o) { o["num_hidden_layers"] = 28; }),
                {"num_hidden_layers", "28", "num_layers"});
}

TEST(Traps, TextConfigIsNested) {
  ModelSpec spec = specOf("gemma-3-27b");
  EXPECT_EQ(findFact(spec, "q_heads")->jsonKey,
            "text_config.num_attention_heads");
  EXPECT_EQ(spec.modelType, "gemma3_text");
  EXPECT_EQ(spec.architecture, "Gemma3ForConditionalGeneration");
}

TEST(Traps, LayerTypesChooseTheFullLayers) {
  ModelSpec spec = specOf("step-3.7-flash");
  EXPECT_EQ(groupOf(spec, "window").count, 33);
  EXPECT_EQ(spec.groups[spec.layers[0]].kind, "full");
  EXPECT_EQ(spec.groups[spec.layers[1]].kind, "window");
}

TEST(Traps, FullAttentionIntervalAloneOrWithLayerTypes) {
  ModelSpec listed = specOf("qwen3.5-27b");
  EXPECT_EQ(listed.growingLayers(), 16);
  EXPECT_EQ(groupOf(listed, "GDN").count, 48);
  EXPECT_EQ(listed.groups[listed.layers[3]].kind, "full");
  auto interval =
      edited("qwen3.5-27b", [](json::Object &o) { o.erase("layer_types"); });
  ASSERT_TRUE(bool(interval)) << toString(interval.takeError());
  EXPECT_EQ(interval->layers, listed.layers);
  auto types = edited("qwen3.5-27b", [](json::Object &o) {
    o.erase("full_attention_interval");
  });
  ASSERT_TRUE(bool(types)) << toString(types.takeError());
  EXPECT_EQ(types->layers, listed.layers);
  expectRefused(
      edited("qwen3.5-27b",
             [](json::Object &o) { o["full_attention_interval"] = 8; }),
      {"layer_types", "contradicts", "index 3"});
}

TEST(Traps, SlidingWindowPatternOfGemma3) {
  ModelSpec spec = specOf("gemma-3-1b");
  EXPECT_EQ(groupOf(spec, "window").count, 22);
  EXPECT_EQ(spec.groups[spec.layers[5]].kind, "full");
  auto other = edited(
      "gemma-3-1b", [](json::Object &o) { o["sliding_window_pattern"] = 13; });
  ASSERT_TRUE(bool(other)) << toString(other.takeError());
  EXPECT_EQ(other->growingLayers(), 2);
}

TEST(Traps, Gemma3LeavesHeadsToTheClassDefaults) {
  ModelSpec spec = specOf("gemma-3-4b");
  EXPECT_EQ(spec.mainGroup()->attention->qHeads, 8);
  EXPECT_EQ(findFact(spec, "q_heads")->jsonKey, "(Gemma3TextConfig default)");
}

TEST(Traps, Gemma2FirstLayerHasTheWindow) {
  ModelSpec spec = specOf("gemma-2-2b");
  EXPECT_EQ(spec.groups[spec.layers[0]].kind, "window");
  EXPECT_EQ(spec.groups[spec.layers[1]].kind, "full");
  EXPECT_EQ(spec.mainGroup()->attention->softcap, 50.0);
}

TEST(Traps, QueryPreAttnScalarIsNotTheHeadDim) {
  EXPECT_DOUBLE_EQ(specOf("gemma-2-27b").mainGroup()->attention->scale,
                   1 / std::sqrt(144.0));
  EXPECT_DOUBLE_EQ(specOf("gemma-3-27b").mainGroup()->attention->scale,
                   1 / std::sqrt(168.0));
}

TEST(Traps, KimiFullAttnLayersCountFromOne) {
  ModelSpec spec = specOf("kimi-k3");
  EXPECT_EQ(spec.groups[spec.layers[0]].kind, "KDA");
  EXPECT_EQ(spec.groups[spec.layers[3]].kind, "full");
  EXPECT_EQ(spec.groups[spec.layers[92]].kind, "full");
  EXPECT_EQ(bf16PerToken(spec), 27648);
  EXPECT_EQ(bf16PerToken(specOf("kimi-linear-48b-a3b")), 8064);
  EXPECT_TRUE(spec.mainGroup()->attention->latent->ropeUnused);
}

TEST(Traps, HybridOverridePattern) {
  ModelSpec spec = specOf("nemotron-3-nano");
  EXPECT_EQ(groupOf(spec, "Mamba2").count, 23);
  EXPECT_EQ(groupOf(spec, "full").count, 6);
  EXPECT_EQ(groupOf(spec, "mlp").count, 23);
}

TEST(Traps, NewerHybridConfigsListBlockTypes) {
  auto spec = edited("nemotron-3-nano", [](json::Object &o) {
    json::Array types;
    StringRef pattern = *o.getString("hybrid_override_pattern");
    for (char letter : pattern)
      types.push_back(letter == 'M'   ? "mamba"
                      : letter == '*' ? "attention"
                                      : "moe");
    o["layers_block_type"] = std::move(types);
    o.erase("hybrid_override_pattern");
    o.erase("num_hidden_layers");
    o["num_nextn_predict_layers"] = 1;
    o["mtp_layers_block_type"] = json::Array{"attention", "moe"};
  });
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(spec->layers, specOf("nemotron-3-nano").layers);
  EXPECT_EQ(spec->mtpLayers, 1);
}

// What newer transformers write although all layers are alike.
TEST(Traps, LayerTypesOfUniformModels) {
  auto with = [](StringRef name, StringRef type) {
    return edited(name, [&](json::Object &o) {
      json::Array types;
      for (int64_t i = 0; i < *o.getInteger("num_hidden_layers"); ++i)
        types.push_back(type);
      o["layer_types"] = std::move(types);
    });
  };
  std::pair<StringRef, StringRef> good[] = {
      {"llama-3.1-8b", "full_attention"},
      {"mistral-7b-v0.1", "sliding_attention"},
      {"deepseek-v3", "full_attention"},
      {"glm-5.2", "deepseek_sparse_attention"}};
  for (auto [name, type] : good) {
    auto spec = with(name, type);
    EXPECT_TRUE(bool(spec)) << toString(spec.takeError());
    expectRefused(with(name, "linear_attention"), {"layer_types", name});
  }
  expectRefused(with("llama-3.1-8b", "sliding_attention"), {"layer_types"});
}

TEST(Traps, MiniMaxM3LanguageModelGoesByItsWrapper) {
  json::Object text = configObject("minimax-m3");
  text.erase("model_type");
  text.erase("num_nextn_predict_layers");
  text["num_mtp_modules"] = 1;
  json::Object top{{"model_type", "minimax_m3_vl"},
                   {"text_config", std::move(text)}};
  auto spec = parseConfig(textOf(std::move(top)), "x");
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(bf16PerToken(*spec), 122880);
  EXPECT_EQ(spec->mtpLayers, 1);
}

TEST(Traps, PredictionLayersAddACacheThatIsReportedApart) {
  ModelSpec spec = specOf("deepseek-v3");
  EXPECT_EQ(spec.mtpLayers, 1);
  auto size = cost::cacheSize(spec, cost::CacheFormat::BF16);
  EXPECT_EQ(size->growingPerToken, 70272);
  EXPECT_EQ(size->mtpPerToken, 1152);
  // Qwen3.5's is like its full layers, not like the first group's.
  size = cost::cacheSize(specOf("qwen3.5-27b"), cost::CacheFormat::BF16);
  EXPECT_EQ(size->mtpPerToken, 4096);
}

TEST(Traps, LatentAttentionIgnoresNumKeyValueHeads) {
  EXPECT_EQ(*configObject("deepseek-v3").getInteger("num_key_value_heads"),
            128);
  ModelSpec spec = specOf("deepseek-v3");
  EXPECT_EQ(bf16PerToken(spec), 70272); // as GQA of 128 heads x 320: 71 times
  EXPECT_EQ(128 * (192 + 128) / spec.mainGroup()->attention->cacheElements(),
            71);
  expectRefused(edited("deepseek-v3",
                       [](json::Object &o) { o["num_key_value_heads"] = 8; }),
                {"num_key_value_heads", "8", "num_attention_heads = 128"});
}

TEST(Traps, AttributeMapOverwroteTheRopeWidth) {
  // What transformers 5.4 to 5.8 save after loading GLM-5.2's config.
  expectRefused(
      edited("glm-5.2", [](json::Object &o) { o["qk_rope_head_dim"] = 192; }),
      {"qk_head_dim", "256", "192 + 192"});
}

TEST(Traps, Gemma4CachesKAndVApartThoughTheyShareWeights) {
  ModelSpec spec = specOf("gemma-4-26b-a4b");
  const AttentionSpec &global = *groupOf(spec, "full").attention;
  EXPECT_FALSE(global.vInK);
  EXPECT_EQ(global.cacheElements(), 2 * 2 * 512);
  EXPECT_TRUE(hasNote(spec, "attention_k_eq_v"));
}

TEST(Traps, Gemma4GlobalLayersHaveTheirOwnHeadsAndWidth) {
  ModelSpec spec = specOf("gemma-4-31b");
  const AttentionSpec &local = *groupOf(spec, "window").attention;
  const AttentionSpec &global = *groupOf(spec, "full").attention;
  EXPECT_EQ(local.kvHeads, 16);
  EXPECT_EQ(local.kDim, 256);
  EXPECT_EQ(global.kvHeads, 4);
  EXPECT_EQ(global.kDim, 512);
  EXPECT_EQ(global.scale, 1.0);
  // Without attention_k_eq_v the global KV heads are those of all layers.
  auto untied = edited("gemma-4-31b",
                       [](json::Object &o) { o["attention_k_eq_v"] = false; });
  ASSERT_TRUE(bool(untied)) << toString(untied.takeError());
  EXPECT_EQ(groupOf(*untied, "full").attention->kvHeads, 16);
}

TEST(Traps, Gemma4SharedLayersHaveNoCache) {
  auto spec = edited("gemma-4-31b",
                     [](json::Object &o) { o["num_kv_shared_layers"] = 12; });
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(spec->growingLayers(), 8);
  EXPECT_EQ(groupOf(*spec, "window-shared").count, 10);
  EXPECT_EQ(bf16PerToken(*spec), 8 * 4 * 512 * 2 * 2);
}

TEST(Traps, QwenWindowCountsOnlyWithUseSlidingWindow) {
  EXPECT_EQ(*configObject("qwen2-7b").getInteger("sliding_window"), 131072);
  ModelSpec spec = specOf("qwen2-7b");
  EXPECT_EQ(spec.growingLayers(), 28);
  EXPECT_TRUE(hasNote(spec, "sliding_window"));
}

TEST(Traps, QwenWindowStartsAtMaxWindowLayers) {
  auto spec = edited("qwen2-7b", [](json::Object &o) {
    o["use_sliding_window"] = true;
    o["sliding_window"] = 4096;
    o["max_window_layers"] = 21;
  });
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(spec->growingLayers(), 21);
  EXPECT_EQ(groupOf(*spec, "window").count, 7);
  EXPECT_EQ(spec->groups[spec->layers[20]].kind, "full");
  EXPECT_EQ(groupOf(*spec, "window").attention->window, 4096);
}

TEST(Traps, WindowThatCoversTheContextIsNone) {
  ModelSpec spec = specOf("phi-4-mini");
  EXPECT_EQ(spec.growingLayers(), 32);
  EXPECT_TRUE(hasNote(spec, "262144"));
}

TEST(Traps, MimoWindowLayersHaveTheirOwnKVHeadsAndSinks) {
  ModelSpec spec = specOf("mimo-v2-flash");
  const AttentionSpec &full = *groupOf(spec, "full").attention;
  const AttentionSpec &local = *groupOf(spec, "window").attention;
  EXPECT_EQ(full.kvHeads, 4);
  EXPECT_EQ(local.kvHeads, 8);
  EXPECT_EQ(full.kDim, 192);
  EXPECT_EQ(full.vDim, 128);
  EXPECT_FALSE(full.sinks);
  EXPECT_TRUE(local.sinks);
  // attention_chunk_size is in the config and means nothing.
  EXPECT_EQ(local.window, 128);
  EXPECT_FALSE(local.chunk);
}

TEST(Traps, GptOssHasSinksThoughNoKeySaysSo) {
  ModelSpec spec = specOf("gpt-oss-20b");
  EXPECT_TRUE(groupOf(spec, "full").attention->sinks);
  EXPECT_TRUE(groupOf(spec, "window").attention->sinks);
}

TEST(Traps, Llama4ChunksAllButEveryFourthLayer) {
  ModelSpec spec = specOf("llama-4-scout");
  EXPECT_EQ(groupOf(spec, "chunk").count, 36);
  EXPECT_EQ(spec.groups[spec.layers[3]].kind, "full");
  auto listed = edited("llama-4-scout", [](json::Object &o) {
    json::Array ropes;
    for (int i = 0; i < 48; ++i)
      ropes.push_back(i % 2);
    o["no_rope_layers"] = std::move(ropes);
  });
  ASSERT_TRUE(bool(listed)) << toString(listed.takeError());
  EXPECT_EQ(listed->growingLayers(), 24);
  EXPECT_EQ(listed->groups[listed->layers[0]].kind, "full");
}

TEST(Traps, MscaleScalesTheSoftmaxAndMscaleAloneDoesNot) {
  double m = 0.1 * std::log(40.0) + 1.0;
  EXPECT_DOUBLE_EQ(specOf("deepseek-v3").mainGroup()->attention->scale,
                   m * m / std::sqrt(192.0));
  auto withoutAll = edited("deepseek-v3", [](json::Object &o) {
    o.getObject("rope_scaling")->erase("mscale_all_dim");
  });
  ASSERT_TRUE(bool(withoutAll)) << toString(withoutAll.takeError());
  EXPECT_DOUBLE_EQ(withoutAll->mainGroup()->attention->scale,
                   1 / std::sqrt(192.0));
  // transformers 5 writes the same under rope_parameters.
  auto renamed = edited("deepseek-v3", [](json::Object &o) {
    o["rope_parameters"] = *o.get("rope_scaling");
    o.erase("rope_scaling");
  });
  ASSERT_TRUE(bool(renamed)) << toString(renamed.takeError());
  EXPECT_DOUBLE_EQ(renamed->mainGroup()->attention->scale,
                   m * m / std::sqrt(192.0));
}

TEST(Traps, IndexerFacts) {
  const SparseSpec v32 =
      *specOf("deepseek-v3.2").mainGroup()->attention->sparse;
  EXPECT_EQ(v32.topK, 2048);
  EXPECT_EQ(v32.indexHeads, 64);
  EXPECT_EQ(v32.indexDim, 128);
  EXPECT_EQ(v32.layersWithIndex, 61);
  // GLM-5.2 reuses a layer's choice in the three after it.
  EXPECT_EQ(specOf("glm-5.2").mainGroup()->attention->sparse->layersWithIndex,
            21);
}

TEST(Traps, MiniMaxM3HasDenseLayersBeforeItsSparseOnes) {
  ModelSpec spec = specOf("minimax-m3");
  EXPECT_EQ(groupOf(spec, "full").count, 3);
  const SparseSpec sparse = *groupOf(spec, "sparse").attention->sparse;
  EXPECT_EQ(sparse.unit, SparseSpec::Unit::Block);
  EXPECT_EQ(sparse.blockSize, 128);
  EXPECT_EQ(sparse.topK, 16);
}
