//===- AttentionTest.cpp - Bytes and FLOPs of one op ----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Attention.h"
#include "attn/Model/Config.h"
#include "gtest/gtest.h"
#include <algorithm>

using namespace attn;
using namespace attn::cost;

static model::AttentionSpec attentionOf(const std::string &name) {
  auto spec = model::loadConfig(ATTN_TEST_DIR "/models/" + name + ".json");
  if (!spec) {
    ADD_FAILURE() << llvm::toString(spec.takeError());
    return {};
  }
  return *spec->mainGroup()->attention;
}

static double intensityOf(const std::string &name, int64_t heads = 0) {
  model::AttentionSpec spec = attentionOf(name);
  if (heads)
    spec.qHeads = heads;
  return attentionCost(*shapeOf(spec, 3, 1, 8192, CacheFormat::BF16))
      .intensity();
}

TEST(Attention, DecodeOfLlama31) {
  AttentionCost cost = attentionCost(
      *shapeOf(attentionOf("llama-3.1-8b"), 2, 1, 1000, CacheFormat::BF16));
  EXPECT_EQ(cost.kvBytes, 2 * 8 * 1000 * (128 + 128) * 2);
  EXPECT_EQ(cost.qBytes, 2 * 32 * 128 * 2);
  EXPECT_EQ(cost.outBytes, 2 * 32 * 128 * 2);
  EXPECT_EQ(cost.qkFlops, 2.0 * 2 * 32 * 1000 * 128);
  EXPECT_EQ(cost.pvFlops, 2.0 * 2 * 32 * 1000 * 128);
  EXPECT_EQ(cost.bytes(), cost.kvBytes + cost.qBytes + cost.outBytes);
}

TEST(Attention, DecodeOfMLAReadsTheLatentOnce) {
  AttentionCost cost = attentionCost(
      *shapeOf(attentionOf("deepseek-v3"), 1, 2, 1000, CacheFormat::BF16));
  EXPECT_EQ(cost.kvBytes, 1000 * 576 * 2);
  EXPECT_EQ(cost.qBytes, 2 * 128 * 576 * 2);
  EXPECT_EQ(cost.outBytes, 2 * 128 * 512 * 2);
  // The first of the two tokens does not see the second.
  EXPECT_EQ(cost.qkFlops, 2.0 * 128 * (999 + 1000) * 576);
  EXPECT_EQ(cost.pvFlops, 2.0 * 128 * (999 + 1000) * 512);
}

TEST(Attention, WidthsOfKAndVDiffer) {
  AttentionCost cost = attentionCost(
      *shapeOf(attentionOf("mimo-v2-flash"), 1, 1, 10, CacheFormat::BF16));
  EXPECT_EQ(cost.kvBytes, 4 * 10 * (192 + 128) * 2);
  EXPECT_EQ(cost.qkFlops / cost.pvFlops, 1.5);
}

TEST(Attention, FormatsOfTheCache) {
  model::AttentionSpec v3 = attentionOf("deepseek-v3");
  EXPECT_EQ(shapeOf(v3, 1, 1, 1, CacheFormat::F32)->rowBytes(), 2304);
  EXPECT_EQ(shapeOf(v3, 1, 1, 1, CacheFormat::FP8)->rowBytes(), 576);
  EXPECT_EQ(shapeOf(v3, 1, 1, 1, CacheFormat::FP8Packed)->rowBytes(), 656);
  EXPECT_EQ(shapeOf(v3, 1, 1, 1, CacheFormat::FP8)->ioBytes, 2);
  EXPECT_EQ(shapeOf(v3, 1, 1, 1, CacheFormat::F32)->ioBytes, 4);
  EXPECT_FALSE(
      shapeOf(attentionOf("llama-2-7b"), 1, 1, 1, CacheFormat::FP8Packed));
}

TEST(Attention, MasksOfASpecReachTheShape) {
  auto gemma = model::loadConfig(ATTN_TEST_DIR "/models/gemma-3-27b.json");
  ASSERT_TRUE(bool(gemma));
  for (const model::LayerGroup &group : gemma->groups)
    EXPECT_EQ(shapeOf(*group.attention, 1, 1, 9, CacheFormat::BF16)->window,
              group.kind == "window" ? std::optional<int64_t>(1024)
                                     : std::nullopt);
  EXPECT_EQ(
      shapeOf(attentionOf("deepseek-v3.2"), 1, 1, 9, CacheFormat::BF16)->topK,
      2048);
  auto m3 = model::loadConfig(ATTN_TEST_DIR "/models/minimax-m3.json");
  ASSERT_TRUE(bool(m3));
  EXPECT_EQ(shapeOf(*m3->groups[1].attention, 1, 1, 9, CacheFormat::BF16)->topK,
            16 * 128);
  auto llama4 = model::loadConfig(ATTN_TEST_DIR "/models/llama-4-scout.json");
  ASSERT_TRUE(bool(llama4));
  EXPECT_EQ(
      shapeOf(*llama4->groups[1].attention, 1, 1, 9, CacheFormat::BF16)->window,
      8192);
}

// visiblePairs and tokensRead against the definition, pair by pair. With topK
// the queries see their newest tokens; which ones does not change the count.
TEST(Attention, PairsAndTokensByBruteForce) {
  using Limit = std::optional<int64_t>;
  for (bool causal : {true, false})
    for (Limit window : {Limit(), Limit(1), Limit(3), Limit(100)})
      for (int64_t qLen : {0, 1, 2, 5, 9})
        for (int64_t context : {0, 1, 2, 3, 5, 8, 20}) {
          AttentionShape shape;
          shape.qLen = qLen;
          shape.context = context;
          shape.causal = causal;
          shape.window = causal ? window : Limit();
          int64_t pairs = 0, tokens = 0;
          for (int64_t key = 0; key < context; ++key) {
            int64_t readers = 0;
            for (int64_t row = 0; row < qLen; ++row) {
              int64_t position = context - qLen + row;
              bool seen = !causal || (key <= position &&
                                      (!window || key > position - *window));
              readers += seen;
            }
            pairs += readers;
            tokens += readers > 0;
          }
          EXPECT_EQ(visiblePairs(shape), pairs)
              << qLen << " " << context << " " << window.value_or(0);
          if (qLen == 0)
            continue;
          EXPECT_EQ(tokensRead(shape), tokens)
              << qLen << " " << context << " " << window.value_or(0);
        }
}

TEST(Attention, TopKLimitsPairsAndTokens) {
  AttentionShape shape;
  shape.qLen = 4;
  shape.context = 10000;
  shape.topK = 2048;
  EXPECT_EQ(visiblePairs(shape), 4 * 2048);
  EXPECT_EQ(tokensRead(shape), 4 * 2048);
  shape.context = 1000;
  EXPECT_EQ(visiblePairs(shape), 997 + 998 + 999 + 1000);
  EXPECT_EQ(tokensRead(shape), 1000);
}

// engines.md 4.2, FLOP per KV byte at decode in bf16: MHA 1, GQA g, MQA h.
TEST(Intensity, GroupedAttentionIsTheGroup) {
  EXPECT_DOUBLE_EQ(intensityOf("llama-2-7b"), 1);
  EXPECT_DOUBLE_EQ(intensityOf("llama-2-70b"), 8);
  EXPECT_DOUBLE_EQ(intensityOf("qwen3-235b-a22b"), 16);
  EXPECT_DOUBLE_EQ(intensityOf("falcon-7b"), 71);
}

// The same table, MLA = H(2r + d_r) / (r + d_r).
TEST(Intensity, LatentAttention) {
  EXPECT_NEAR(intensityOf("deepseek-v3"), 242, 0.5);
  EXPECT_NEAR(intensityOf("deepseek-v2"), 242, 0.5);
  EXPECT_NEAR(intensityOf("kimi-k3"), 181, 0.5);
  EXPECT_NEAR(intensityOf("kimi-k2"), 121, 0.5);
  EXPECT_NEAR(intensityOf("minicpm3-4b"), 76, 0.5);
  EXPECT_NEAR(intensityOf("glm-4.7-flash"), 38, 0.5);
  EXPECT_NEAR(intensityOf("deepseek-v2-lite"), 30, 0.5);
  EXPECT_NEAR(intensityOf("deepseek-v3", 128 / 8), 30, 0.5);
}
