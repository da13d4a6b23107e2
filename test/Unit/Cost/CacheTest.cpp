//===- CacheTest.cpp - Bytes of KV caches ---------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The figures of notes/engines.md sections 1.5, 3.3 and 6. What single models
// cost per token in BF16 is checked against test/models/facts.json, in
// test/Unit/Model/FactsTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Cache.h"
#include "attn/Model/Config.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::cost;
using model::ModelSpec;

static ModelSpec specOf(const std::string &name) {
  auto spec = model::loadConfig(ATTN_TEST_DIR "/models/" + name + ".json");
  if (!spec) {
    ADD_FAILURE() << llvm::toString(spec.takeError());
    return {};
  }
  return std::move(*spec);
}

static double gib(int64_t bytes) { return double(bytes) / (1 << 30); }

TEST(Cache, Llama2_13B) {
  ModelSpec spec = specOf("llama-2-13b");
  EXPECT_EQ(cacheSize(spec, CacheFormat::BF16)->growingPerToken, 819200);
  EXPECT_DOUBLE_EQ(gib(*sequenceBytes(spec, CacheFormat::BF16, 4096)), 3.125);
  EXPECT_DOUBLE_EQ(gib(32 * *sequenceBytes(spec, CacheFormat::BF16, 4096)),
                   100.0);
  EXPECT_EQ(cacheSize(spec, CacheFormat::F32)->growingPerToken, 1638400);
  EXPECT_EQ(cacheSize(spec, CacheFormat::FP8)->growingPerToken, 409600);
}

TEST(Cache, Llama2_70BAgainstItselfAsMHA) {
  ModelSpec spec = specOf("llama-2-70b");
  EXPECT_EQ(cacheSize(spec, CacheFormat::BF16)->growingPerToken, 327680);
  spec.groups[0].attention->kvHeads = spec.groups[0].attention->qHeads;
  EXPECT_EQ(cacheSize(spec, CacheFormat::BF16)->growingPerToken, 2621440);
}

TEST(Cache, DeepSeekV32InPackedRows) {
  ModelSpec spec = specOf("deepseek-v3.2");
  const model::AttentionSpec &attention = *spec.mainGroup()->attention;
  EXPECT_EQ(bytesPerToken(attention, CacheFormat::FP8Packed), 656);
  EXPECT_EQ(indexBytesPerToken(*attention.sparse), 132);
  CacheSize size = *cacheSize(spec, CacheFormat::FP8Packed);
  EXPECT_EQ(size.growingPerToken + size.indexPerToken, 48068);
  EXPECT_NEAR(gib(*sequenceBytes(spec, CacheFormat::FP8Packed, 131072)), 5.87,
              0.005);
}

TEST(Cache, IndexOfSharedLayersIsNotCounted) {
  EXPECT_EQ(cacheSize(specOf("glm-5"), CacheFormat::BF16)->indexPerToken,
            78 * 132);
  EXPECT_EQ(cacheSize(specOf("glm-5.2"), CacheFormat::BF16)->indexPerToken,
            21 * 132);
}

TEST(Cache, PackedRowsNeedALatent) {
  ModelSpec spec = specOf("llama-2-7b");
  EXPECT_FALSE(cacheSize(spec, CacheFormat::FP8Packed));
  EXPECT_FALSE(sequenceBytes(spec, CacheFormat::FP8Packed, 1));
}

TEST(Cache, PackedRowsOfAnOddRank) {
  // 256 latent + 2 scales of 4 + 32 rope of 2.
  ModelSpec spec = specOf("minicpm3-4b");
  EXPECT_EQ(bytesPerToken(*spec.mainGroup()->attention, CacheFormat::FP8Packed),
            256 + 8 + 64);
}

TEST(Cache, GiBAt8KAnd128K) {
  struct {
    const char *name;
    double at8K, at128K;
  } rows[] = {
      {"llama-2-7b", 4.00, 64.0},     {"llama-3.1-405b", 3.94, 63.0},
      {"qwen3-8b", 1.12, 18.0},       {"falcon-7b", .06, 1.0},
      {"phi-4", 1.56, 25.0},          {"minimax-m3", .94, 15.0},
      {"deepseek-v2", 0.527, 8.44},   {"deepseek-v3", 0.536, 8.58},
      {"minicpm3-4b", 0.272, 4.36},   {"glm-4.7-flash", 0.413, 6.61},
      {"longcat-flash", 0.492, 7.88}, {"deepseek-v2-lite", 0.237, 3.80}};
  for (const auto &row : rows) {
    ModelSpec spec = specOf(row.name);
    EXPECT_NEAR(gib(*sequenceBytes(spec, CacheFormat::BF16, 8192)), row.at8K,
                0.006)
        << row.name;
    EXPECT_NEAR(gib(*sequenceBytes(spec, CacheFormat::BF16, 131072)),
                row.at128K, 0.006)
        << row.name;
  }
}

TEST(Cache, Gemma3_27BAt128KWithItsWindows) {
  ModelSpec spec = specOf("gemma-3-27b");
  int64_t bytes = *sequenceBytes(spec, CacheFormat::BF16, 131072);
  // 10 global layers grow, 52 keep 1024 tokens; 2 * 16 * 128 * 2 = 8192 a
  // layer.
  EXPECT_EQ(bytes, 8192 * int64_t(10 * 131072 + 52 * 1024));
  EXPECT_NEAR(gib(bytes), 10.4, 0.05);
  EXPECT_EQ(cacheSize(spec, CacheFormat::BF16)->windowBytes, 8192 * 52 * 1024);
}

TEST(Cache, WindowsFillBeforeTheyCap) {
  ModelSpec spec = specOf("mistral-7b-v0.1");
  int64_t perToken = 131072;
  EXPECT_EQ(sequenceBytes(spec, CacheFormat::BF16, 100), 100 * perToken);
  EXPECT_EQ(sequenceBytes(spec, CacheFormat::BF16, 4096), 4096 * perToken);
  EXPECT_EQ(sequenceBytes(spec, CacheFormat::BF16, 4097), 4096 * perToken);
}

TEST(Cache, ChunksFillBeforeTheyCap) {
  ModelSpec spec = specOf("llama-4-scout");
  EXPECT_EQ(sequenceBytes(spec, CacheFormat::BF16, 8192), 8192 * 196608);
  EXPECT_EQ(sequenceBytes(spec, CacheFormat::BF16, 16384),
            16384 * 49152 + 8192 * (196608 - 49152));
}

TEST(Cache, Qwen35_27BGrowsIn16Layers) {
  ModelSpec spec = specOf("qwen3.5-27b");
  CacheSize size = *cacheSize(spec, CacheFormat::BF16);
  EXPECT_EQ(size.growingPerToken, 65536);
  // A state of 48 x 128 x 128 f32 and a convolution of 3 steps over 2 * 16 *
  // 128
  // + 48 * 128 channels, in each of 48 layers.
  EXPECT_EQ(size.stateBytes,
            48 * (48 * 128 * 128 * 4 + 3 * (2 * 2048 + 6144) * 2));
  EXPECT_EQ(sequenceBytes(spec, CacheFormat::BF16, 1000),
            size.stateBytes + 1000 * 65536);
}

TEST(Cache, StatesOfKimiAndNemotron) {
  EXPECT_EQ(cacheSize(specOf("kimi-k3"), CacheFormat::BF16)->stateBytes,
            69 * (96 * 128 * 128 * 4 + 3 * 96 * 128 * 3 * 2));
  EXPECT_EQ(cacheSize(specOf("nemotron-3-nano"), CacheFormat::BF16)->stateBytes,
            23 * (64 * 64 * 128 * 4 + (4096 + 2 * 8 * 128) * 3 * 2));
}

TEST(Cache, SharedLayersCostNothing) {
  ModelSpec spec = specOf("llama-3.1-8b");
  spec.groups[0].sharesCache = true;
  EXPECT_EQ(cacheSize(spec, CacheFormat::BF16)->everyLayerPerToken, 0);
  EXPECT_EQ(sequenceBytes(spec, CacheFormat::BF16, 4096), 0);
}

// DeepSeek-V2's "93.3 %" is against DeepSeek-67B with a cache of 6 bits;
// engines.md 3.3.
TEST(Cache, DeepSeekV2ReductionsAsPublished) {
  double v2 =
      cacheSize(specOf("deepseek-v2"), CacheFormat::BF16)->growingPerToken;
  double dense67 =
      cacheSize(specOf("deepseek-67b"), CacheFormat::BF16)->growingPerToken;
  EXPECT_EQ(v2 / 2, 34560);
  EXPECT_EQ(dense67 / 2, 194560);
  EXPECT_NEAR(100 * (1 - v2 * 6 / 16 / dense67), 93.34, 0.005);
  EXPECT_NEAR(100 * (1 - v2 / dense67), 82.2, 0.05);
  double ownMHA = 60 * 2 * 128 * 128 * 2;
  EXPECT_NEAR(100 * (1 - v2 / ownMHA), 98.24, 0.005);
  EXPECT_NEAR(ownMHA / v2, 56.9, 0.05);
}
