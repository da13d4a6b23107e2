//===- LatentBlockTest.cpp - What surrounds latent attention --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Model/LatentBlock.h"
#include "TestModels.h"
#include <cmath>

using namespace llvm;
using namespace attn::model;
using namespace attn::model::test;

/// The block of a published config after `edit` of its language model.
static Expected<LatentBlockSpec>
editedBlock(StringRef name, function_ref<void(json::Object &)> edit) {
  json::Object object = configObject(name);
  edit(languageModel(object));
  return parseLatentBlock(textOf(std::move(object)), name);
}

static LatentBlockSpec blockOf(StringRef name) {
  auto block = editedBlock(name, [](json::Object &) {});
  EXPECT_TRUE(bool(block)) << toString(block.takeError());
  return block ? *block : LatentBlockSpec{};
}

static void expectRefused(Expected<LatentBlockSpec> block,
                          std::initializer_list<StringRef> parts) {
  ASSERT_FALSE(bool(block));
  std::string text = toString(block.takeError());
  for (StringRef part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(LatentBlock, PublishedModels) {
  LatentBlockSpec v3 = blockOf("deepseek-v3");
  EXPECT_EQ(v3.hidden, 7168);
  EXPECT_EQ(v3.attention.latent->qRank, 1536);
  EXPECT_EQ(v3.normEps, 1e-6);
  EXPECT_TRUE(v3.interleaved);
  EXPECT_EQ(v3.frequencies.size(), 32u);
  LatentBlockSpec lite = blockOf("deepseek-v2-lite");
  EXPECT_FALSE(lite.attention.latent->qRank);
  EXPECT_EQ(lite.hidden, 2048);
  LatentBlockSpec glm = blockOf("glm-4.7-flash");
  EXPECT_TRUE(glm.interleaved);
  EXPECT_TRUE(glm.frequencies.empty());
  LatentBlockSpec miniCpm = blockOf("minicpm3-4b");
  EXPECT_FALSE(miniCpm.interleaved);
  EXPECT_EQ(miniCpm.theta, 1e4);
  EXPECT_EQ(blockOf("kimi-k2").theta, 5e4);
  EXPECT_EQ(blockOf("kimi-k2.5").attention.qHeads, 64); // under text_config
}

/// DeepSeek-V3: 64 rotary elements, 4096 tokens to begin with, factor 40. A
/// pair that turns more than 32 times in them stays, one that turns less than
/// once is 40 times slower: pairs 64 ln(4096 / (32 * 2 pi)) / (2 ln 10^4) =
/// 10.47 and 22.51, rounded outwards.
TEST(LatentBlock, YarnKeepsFastPairsAndSlowsSlowOnes) {
  LatentBlockSpec v3 = blockOf("deepseek-v3");
  auto plain = [](int i) { return std::pow(1e4, -2.0 * i / 64); };
  for (int i = 0; i <= 10; ++i)
    EXPECT_DOUBLE_EQ(v3.frequencies[i], plain(i)) << i;
  for (int i = 23; i < 32; ++i)
    EXPECT_DOUBLE_EQ(v3.frequencies[i], plain(i) / 40) << i;
  for (int i = 11; i < 23; ++i) {
    double ramp = (i - 10) / 13.0;
    EXPECT_NEAR(v3.frequencies[i], plain(i) * (1 - ramp + ramp / 40), 1e-15);
  }
  // beta_fast = beta_slow: the ramp is one pair long.
  LatentBlockSpec k2 = blockOf("kimi-k2");
  auto k2Plain = [](int i) { return std::pow(5e4, -2.0 * i / 64); };
  EXPECT_DOUBLE_EQ(k2.frequencies[19], k2Plain(19));
  EXPECT_DOUBLE_EQ(k2.frequencies[20], k2Plain(20) / 32);
}

TEST(LatentBlock, LongRopeWithinItsFirstContext) {
  json::Object scaling{
      {"rope_type", "longrope"},
      {"original_max_position_embeddings", 32768},
      {"short_factor", json::Array(std::vector<double>(16, 2.0))},
      {"long_factor", json::Array(std::vector<double>(16, 8.0))}};
  auto set = [&](json::Object &o) {
    o["rope_scaling"] = json::Object(scaling);
  };
  auto block = editedBlock("minicpm3-4b", set);
  ASSERT_TRUE(bool(block)) << toString(block.takeError());
  EXPECT_DOUBLE_EQ(block->frequencies[3], std::pow(1e4, -6.0 / 32) / 2);
  scaling["original_max_position_embeddings"] = 16384;
  expectRefused(editedBlock("minicpm3-4b", set),
                {"rope_scaling.original_max_position_embeddings",
                 "change with the context"});
  scaling["original_max_position_embeddings"] = 32768;
  scaling["short_factor"] = json::Array(std::vector<double>(15, 2.0));
  expectRefused(editedBlock("minicpm3-4b", set),
                {"short_factor", "16 numbers"});
}

TEST(LatentBlock, NewerConfigsKeepThetaWithTheScaling) {
  auto block = editedBlock("glm-4.7-flash", [](json::Object &o) {
    o["rope_parameters"] =
        json::Object{{"rope_type", "default"}, {"rope_theta", 1e6}};
  });
  ASSERT_TRUE(bool(block)) << toString(block.takeError());
  EXPECT_EQ(block->theta, 1e6);
}

TEST(LatentBlock, Refusals) {
  expectRefused(editedBlock("llama-3.1-8b", [](json::Object &) {}),
                {"model_type", "\"llama\""});
  expectRefused(editedBlock("kimi-linear-48b-a3b", [](json::Object &) {}),
                {"model_type", "kimi_linear"});
  expectRefused(
      editedBlock("deepseek-v3",
                  [](json::Object &o) { o["attention_bias"] = true; }),
      {"attention_bias", "biases are not supported"});
  expectRefused(editedBlock("deepseek-v3",
                            [](json::Object &o) { o.erase("hidden_size"); }),
                {"hidden_size", "missing"});
  auto scaling = [](StringRef key, json::Value value) {
    return editedBlock("deepseek-v3", [&](json::Object &o) {
      (*o.getObject("rope_scaling"))[key] = value;
    });
  };
  expectRefused(scaling("mscale", 0.5), {"rope_scaling.mscale", "equal"});
  expectRefused(scaling("attention_factor", 1.2), {"attention_factor"});
  expectRefused(scaling("type", "dynamic"), {"\"dynamic\" is not supported"});
  expectRefused(
      editedBlock("glm-4.7-flash",
                  [](json::Object &o) { o["partial_rotary_factor"] = 0.5; }),
      {"partial_rotary_factor"});
  expectRefused(editedBlock("deepseek-v3",
                            [](json::Object &o) { o["rope_theta"] = 1.0; }),
                {"rope_theta", "above 1"});
  expectRefused(scaling("factor", nullptr), {"factor", "missing"});
  // What parseConfig refuses is refused with its words.
  expectRefused(
      editedBlock("deepseek-v3",
                  [](json::Object &o) { o["num_key_value_heads"] = 7; }),
      {"num_key_value_heads", "contradicts"});
}
