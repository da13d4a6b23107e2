//===- RefusalsTest.cpp - What is refused, and how ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestModels.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace llvm;
using namespace attn::model;
using namespace attn::model::test;

/// Sets one key of a published config's language model.
static Expected<ModelSpec> with(StringRef name, StringRef key,
                                json::Value value) {
  return edited(name, [&](json::Object &o) { o[key] = value; });
}

static Expected<ModelSpec> without(StringRef name, StringRef key) {
  return edited(name, [&](json::Object &o) { o.erase(key); });
}

TEST(Refusals, UnknownArchitecture) {
  expectRefused(
      with("llama-2-7b", "model_type", "frobnicator"),
      {"llama-2-7b", "model_type", "frobnicator", "unknown architecture"});
  expectRefused(without("llama-2-7b", "model_type"), {"model_type", "missing"});
  expectRefused(with("llama-2-7b", "model_type", 3), {"model_type", "3"});
}

TEST(Refusals, DeepSeekV4SaysWhy) {
  expectRefused(parseConfig(R"({"model_type": "deepseek_v4", "head_dim": 512,
      "num_key_value_heads": 1, "compress_ratios": [0, 4, 128]})",
                            "v4"),
                {"model_type", "\"deepseek_v4\" is not supported",
                 "compressed 4 and 128 to 1"});
}

TEST(Refusals, NotAnObject) {
  expectRefused(parseConfig("", "x"), {"x", "not JSON"});
  expectRefused(parseConfig("[1, 2]", "x"), {"expected an object", "[1,2]"});
  expectRefused(parseConfig("{\"a\": ", "x"), {"not JSON"});
  expectRefused(parseConfig("{\"a\": \"\xff\"}", "x"), {"not JSON"});
  expectRefused(parseConfig("{}", "x"), {"model_type", "missing"});
  expectRefused(parseConfig(R"({"text_config": 5})", "x"),
                {"text_config", "an object", "5"});
}

TEST(Refusals, DeepNesting) {
  std::string deep(1000000, '[');
  expectRefused(parseConfig(deep, "x"), {"nested"});
  expectRefused(parseConfig("{\"a\":" + deep, "x"), {"nested"});
  // Brackets inside strings do not count, escaped quotes do not end one.
  auto spec = with("llama-2-7b", "comment", "\\\"" + deep.substr(0, 1000));
  EXPECT_TRUE(bool(spec)) << toString(spec.takeError());
}

TEST(Refusals, WrongTypes) {
  json::Value wrong[] = {"32",
                         true,
                         2.5,
                         -1,
                         0,
                         json::Array{32},
                         json::Object{{"a", 1}},
                         1e30,
                         int64_t(1) << 40};
  for (StringRef key : {"num_attention_heads", "num_key_value_heads",
                        "num_hidden_layers", "hidden_size"})
    for (const json::Value &value : wrong)
      expectRefused(with("llama-2-7b", key, value),
                    {key, "expected an integer", "found"});
  expectRefused(with("falcon-7b", "multi_query", 1),
                {"multi_query", "true or false", "1"});
  expectRefused(with("gemma-2-2b", "query_pre_attn_scalar", "256"),
                {"query_pre_attn_scalar", "\"256\""});
  expectRefused(with("gemma-2-2b", "attn_logit_softcapping", -50.0),
                {"attn_logit_softcapping", "-50"});
  expectRefused(with("gpt-oss-20b", "layer_types", "full_attention"),
                {"layer_types", "a list of strings"});
  expectRefused(with("gpt-oss-20b", "layer_types", json::Array{1}),
                {"layer_types", "found 1 at index 0"});
  expectRefused(with("kimi-k3", "linear_attn_config", 4),
                {"text_config.linear_attn_config", "an object", "4"});
  expectRefused(
      with("mimo-v2-flash", "hybrid_layer_pattern", json::Array{0, 2}),
      {"hybrid_layer_pattern", "2 at index 1"});
  expectRefused(with("deepseek-v3", "rope_scaling", "yarn"),
                {"rope_scaling", "yarn"});
}

TEST(Refusals, IntegralFloatsAreIntegers) {
  auto spec = with("llama-2-7b", "num_attention_heads", 32.0);
  EXPECT_TRUE(bool(spec)) << toString(spec.takeError());
}

TEST(Refusals, PythonNumbersOnlyWhereNobodyReadsThem) {
  std::string text = textOf(configObject("nemotron-3-nano"));
  text.back() = ',';
  auto spec = parseConfig(text + "\"time_step_limit\": [0.0, Infinity], "
                                 "\"norm_eps\": NaN}",
                          "x");
  EXPECT_TRUE(bool(spec)) << toString(spec.takeError());
  text = textOf(configObject("gemma-2-2b"));
  text.replace(text.find("\"sliding_window\":4096"), 21,
               "\"sliding_window\":Infinity");
  expectRefused(parseConfig(text, "x"), {"sliding_window", "Infinity"});
}

TEST(Refusals, MissingFields) {
  std::pair<StringRef, StringRef> cases[] = {
      {"llama-2-7b", "num_hidden_layers"},
      {"llama-2-7b", "num_attention_heads"},
      {"llama-2-7b", "hidden_size"},
      {"qwen3-8b", "num_key_value_heads"},
      {"falcon-7b", "multi_query"},
      {"falcon-40b", "num_kv_heads"},
      {"starcoder", "multi_query"},
      {"gemma-2-2b", "query_pre_attn_scalar"},
      {"gemma-2-2b", "sliding_window"},
      {"gemma-4-31b", "global_head_dim"},
      {"gemma-4-31b", "layer_types"},
      {"gpt-oss-20b", "layer_types"},
      {"llama-4-scout", "attention_chunk_size"},
      {"mimo-v2-flash", "swa_num_key_value_heads"},
      {"mimo-v2-flash", "add_swa_attention_sink_bias"},
      {"deepseek-v3", "kv_lora_rank"},
      {"deepseek-v3", "qk_rope_head_dim"},
      {"deepseek-v3", "qk_nope_head_dim"},
      {"deepseek-v3", "v_head_dim"},
      {"deepseek-v3.2", "index_topk"},
      {"deepseek-v3.2", "index_n_heads"},
      {"deepseek-v3.2", "index_head_dim"},
      {"longcat-flash", "num_layers"},
      {"kimi-k3", "linear_attn_config"},
      {"qwen3.5-27b", "linear_num_value_heads"},
      {"nemotron-3-nano", "ssm_state_size"}};
  for (auto [name, key] : cases) {
    expectRefused(without(name, key), {name, key, "missing"});
    expectRefused(with(name, key, nullptr), {name, key, "missing"});
  }
}

TEST(Refusals, MissingKVHeadsAreAllHeadsForLlamaOnly) {
  auto spec = without("llama-2-7b", "num_key_value_heads");
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(spec->mainGroup()->attention->kvHeads, 32);
  EXPECT_EQ(findFact(*spec, "kv_heads")->jsonKey, "(LlamaConfig default)");
}

TEST(Refusals, KVHeadsMustDivideHeads) {
  expectRefused(with("llama-3.1-8b", "num_key_value_heads", 5),
                {"num_key_value_heads", "5", "32"});
  expectRefused(with("llama-3.1-8b", "num_key_value_heads", 64),
                {"num_key_value_heads", "64", "32"});
  expectRefused(with("mimo-v2-flash", "swa_num_key_value_heads", 7),
                {"swa_num_key_value_heads", "7", "64"});
  expectRefused(with("gemma-4-31b", "num_global_key_value_heads", 5),
                {"num_global_key_value_heads", "5", "32"});
}

TEST(Refusals, HeadWidthContradictions) {
  expectRefused(with("llama-2-7b", "hidden_size", 4100),
                {"head_dim", "4100", "32"});
  // Falcon always computes hidden_size / heads; Qwen3 does not.
  expectRefused(with("falcon-7b", "head_dim", 128),
                {"head_dim", "128", "4544", "71"});
  auto spec = with("qwen3-8b", "head_dim", 256);
  EXPECT_TRUE(bool(spec)) << toString(spec.takeError());
}

TEST(Refusals, NamesForTheSameThingMustAgree) {
  expectRefused(with("llama-2-7b", "n_layer", 31),
                {"n_layer", "31", "num_hidden_layers = 32"});
  expectRefused(with("mimo-v2-flash", "sliding_window_size", 127),
                {"sliding_window_size", "127", "sliding_window = 128"});
}

TEST(Refusals, LayerListsMustFit) {
  auto shorter = [](StringRef name, StringRef key) {
    return edited(name, [&](json::Object &o) { o.getArray(key)->pop_back(); });
  };
  expectRefused(shorter("gpt-oss-20b", "layer_types"),
                {"layer_types", "23", "24"});
  expectRefused(shorter("mimo-v2-flash", "hybrid_layer_pattern"),
                {"hybrid_layer_pattern", "47", "48"});
  expectRefused(shorter("glm-5.2", "indexer_types"), {"indexer_types", "78"});
  expectRefused(edited("minimax-m3",
                       [](json::Object &o) {
                         o.getObject("sparse_attention_config")
                             ->getArray("sparse_attention_freq")
                             ->pop_back();
                       }),
                {"sparse_attention_config.sparse_attention_freq", "59", "60"});
  expectRefused(with("nemotron-3-nano", "hybrid_override_pattern", "M*"),
                {"hybrid_override_pattern", "2", "52"});
  expectRefused(without("nemotron-3-nano", "hybrid_override_pattern"),
                {"hybrid_override_pattern", "layers_block_type"});
  expectRefused(
      with("nemotron-3-nano", "hybrid_override_pattern", std::string(52, 'Q')),
      {"hybrid_override_pattern", "'Q'"});
  expectRefused(edited("gpt-oss-20b",
                       [](json::Object &o) {
                         (*o.getArray("layer_types"))[2] = "linear_attention";
                       }),
                {"layer_types", "linear_attention", "index 2"});
}

TEST(Refusals, KimiLayersMustBeNamedOnce) {
  auto edit = [](StringRef key, std::function<void(json::Array &)> change) {
    return edited("kimi-linear-48b-a3b", [&](json::Object &o) {
      change(*o.getObject("linear_attn_config")->getArray(key));
    });
  };
  expectRefused(edit("kda_layers", [](json::Array &a) { a.push_back(4); }),
                {"full_attn_layers", "layer 4"});
  expectRefused(edit("full_attn_layers", [](json::Array &a) { a.pop_back(); }),
                {"full_attn_layers", "layer 27", "neither"});
  expectRefused(edit("full_attn_layers", [](json::Array &a) { a[0] = 0; }),
                {"full_attn_layers", "layer 0"});
  expectRefused(edit("full_attn_layers", [](json::Array &a) { a[0] = 28; }),
                {"full_attn_layers", "layer 28"});
}

TEST(Refusals, KeysOfAttentionThatTheModelDoesNotUse) {
  expectRefused(with("llama-2-7b", "sliding_window", 4096),
                {"sliding_window", "4096", "llama"});
  expectRefused(with("llama-2-7b", "kv_lora_rank", 512), {"kv_lora_rank"});
  expectRefused(with("deepseek-v3", "index_topk", 2048), {"index_topk"});
  expectRefused(with("gemma-4-31b", "per_layer_config",
                     json::Object{{"5", json::Object{{"head_dim", 512}}}}),
                {"per_layer_config"});
  expectRefused(with("glm-5", "index_topk_freq", 4), {"index_topk_freq"});
  // Off is as good as absent.
  for (json::Value off : {json::Value(nullptr), json::Value(false),
                          json::Value(0), json::Value(json::Array())}) {
    auto spec = with("llama-2-7b", "sliding_window", off);
    EXPECT_TRUE(bool(spec)) << toString(spec.takeError());
  }
}

TEST(Refusals, WrapperContradictsTextConfig) {
  json::Object object = configObject("gemma-3-27b");
  object["num_attention_heads"] = 16;
  expectRefused(parseConfig(textOf(object), "x"),
                {"num_attention_heads", "16", "text_config", "32"});
  object["num_attention_heads"] = 32;
  auto spec = parseConfig(textOf(object), "x");
  EXPECT_TRUE(bool(spec)) << toString(spec.takeError());
}

TEST(Refusals, RopeScalingContradictions) {
  expectRefused(edited("deepseek-v3",
                       [](json::Object &o) {
                         o.getObject("rope_scaling")->erase("factor");
                       }),
                {"rope_scaling.factor", "missing"});
  expectRefused(with("deepseek-v3", "rope_parameters",
                     json::Object{{"rope_type", "default"}}),
                {"rope_scaling", "contradicts rope_parameters"});
}

TEST(Refusals, AbsurdNumbers) {
  for (double absurd : {0.0, -1.0, 1e300, 1e-300})
    expectRefused(with("gemma-2-2b", "query_pre_attn_scalar", absurd),
                  {"query_pre_attn_scalar", "a number from"});
  expectRefused(edited("deepseek-v3",
                       [](json::Object &o) {
                         (*o.getObject("rope_scaling"))["mscale_all_dim"] =
                             1e300;
                       }),
                {"rope_scaling.mscale_all_dim", "1.0000000000000001e+300"});
}

TEST(Refusals, Others) {
  expectRefused(with("falcon-7b", "alibi", true), {"alibi", "true"});
  expectRefused(with("minimax-m2.5", "attn_type_list", json::Array{1, 0}),
                {"attn_type_list", "62"});
  expectRefused(with("gemma-4-31b", "use_bidirectional_attention", "all"),
                {"use_bidirectional_attention", "all"});
  expectRefused(with("gemma-4-31b", "num_kv_shared_layers", 60),
                {"num_kv_shared_layers", "60"});
  expectRefused(edited("gemma-4-31b",
                       [](json::Object &o) {
                         (*o.getArray("layer_types"))[59] = "sliding_attention";
                       }),
                {"layer_types", "last layer"});
  expectRefused(with("qwen3.5-27b", "mamba_ssm_dtype", "int8"),
                {"mamba_ssm_dtype", "int8"});
  expectRefused(edited("qwen2-7b",
                       [](json::Object &o) {
                         o["use_sliding_window"] = true;
                         o.erase("max_window_layers");
                       }),
                {"max_window_layers", "missing"});
  expectRefused(edited("llama-2-7b",
                       [](json::Object &o) {
                         o["num_hidden_layers"] = 4096;
                         o["head_dim"] = 32768;
                       }),
                {"num_hidden_layers", "elements"});
}

TEST(Refusals, UnrecognizedKeysAreListedNotRefused) {
  auto spec = edited("gemma-3-27b", [](json::Object &o) {
    o["zeta"] = 1;
    o["alpha"] = "x";
  });
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(
      spec->unrecognizedKeys,
      (std::vector<std::string>{"text_config.alpha", "text_config.zeta"}));
}

TEST(Refusals, SupportedModelTypesAreSorted) {
  std::vector<StringRef> types = supportedModelTypes();
  EXPECT_TRUE(llvm::is_sorted(types));
  EXPECT_TRUE(llvm::is_contained(types, "deepseek_v3"));
  EXPECT_FALSE(llvm::is_contained(types, "deepseek_v4"));
}
