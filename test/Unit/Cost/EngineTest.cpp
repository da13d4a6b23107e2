//===- EngineTest.cpp - What engines allocate -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Engine.h"
#include "attn/Model/Config.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::cost;

static model::ModelSpec specOf(const std::string &name) {
  return llvm::cantFail(
      model::loadConfig(ATTN_TEST_DIR "/models/" + name + ".json"));
}

TEST(Engine, RoundsToPages) {
  model::ModelSpec spec = specOf("llama-3.1-8b");
  EngineLayout layout;
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, layout, 16),
            16 * 131072);
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, layout, 17),
            32 * 131072);
  layout.page = 1;
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, layout, 17),
            17 * 131072);
}

TEST(Engine, SplitsHeadsAndCopiesThemBeyondTheirNumber) {
  model::ModelSpec spec = specOf("llama-3.1-8b"); // 8 KV heads
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, {16, 4, 1}, 1024),
            1024 * 131072 / 4);
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, {16, 32, 1}, 1024),
            1024 * 131072 / 8);
}

TEST(Engine, CopiesTheLatent) {
  model::ModelSpec spec = specOf("deepseek-v3");
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, {64, 8, 1}, 4096),
            4096 * 70272);
  // Context parallelism splits the tokens in its place.
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, {64, 8, 8}, 4096),
            512 * 70272);
  EXPECT_EQ(onDevice(*spec.mainGroup()->attention, {64, 8, 8}).qHeads, 128);
}

TEST(Engine, PadsGroupsOfLayers) {
  // vLLM: Gemma-3-27B's 52 windowed and 10 full layers become groups of 10.
  model::ModelSpec spec = specOf("gemma-3-27b");
  int64_t padding = 0;
  for (const model::LayerGroup &group : spec.groups)
    padding += paddingLayers(spec, group);
  EXPECT_EQ(padding, 8);
  // A window of 1024 takes 65 pages of 16.
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, {}, 131072),
            int64_t(10) * 131072 * 8192 + 60 * 65 * 16 * 8192);
  // A context within the window needs no extra page.
  EXPECT_EQ(engineSequenceBytes(spec, CacheFormat::BF16, {}, 512),
            70 * 512 * 8192);
  EXPECT_EQ(paddingLayers(specOf("llama-3.1-8b"),
                          *specOf("llama-3.1-8b").mainGroup()),
            0);
}

TEST(Engine, Refusals) {
  model::ModelSpec grouped = specOf("llama-3.1-8b");
  EXPECT_EQ(refusal(grouped, {16, 8, 1}), "");
  EXPECT_NE(refusal(grouped, {16, 3, 1}), "");
  EXPECT_NE(refusal(grouped, {16, 8, 2}), ""); // no head has a copy
  EXPECT_EQ(refusal(grouped, {16, 16, 2}), "");
  EXPECT_NE(refusal(grouped, {16, 16, 3}), "");
  EXPECT_NE(refusal(grouped, {0, 1, 1}), "");
  EXPECT_NE(refusal(specOf("gemma-2b"), {16, 3, 1}), "");
  EXPECT_NE(refusal(specOf("gpt-oss-20b"), {16, 16, 2}), ""); // windows
}

TEST(Engine, FewBitFormats) {
  // DeepSeek-V2's paper: 34,560 elements at 6 bits.
  EXPECT_EQ(
      cacheSize(specOf("deepseek-v2"), CacheFormat::Bits6)->growingPerToken,
      34560 * 6 / 8);
  EXPECT_EQ(
      cacheSize(specOf("llama-3.1-8b"), CacheFormat::Bits4)->growingPerToken,
      131072 / 4);
}
