//===- FactsTest.cpp - Every published config, to the byte ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestModels.h"
#include "attn/Cost/Cache.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace llvm;
using namespace attn;
using namespace attn::model;
using namespace attn::model::test;

namespace {
class Published : public testing::TestWithParam<size_t> {
protected:
  const Row &row = factRows()[GetParam()];
  std::string name = row.getString("model")->str();
  ModelSpec spec = specOf(name);
  int64_t integer(StringRef key) { return row.getInteger(key).value_or(0); }
};

int64_t layersWhere(const ModelSpec &spec,
                    function_ref<bool(const LayerGroup &)> matches) {
  int64_t count = 0;
  for (const LayerGroup &group : spec.groups)
    if (matches(group))
      count += group.count;
  return count;
}
} // namespace

TEST_P(Published, Geometry) {
  const LayerGroup *group = spec.mainGroup();
  ASSERT_TRUE(group && group->attention);
  const AttentionSpec &attention = *group->attention;
  EXPECT_EQ(spec.growingLayers(), integer("growing_layers"));
  EXPECT_EQ(attention.qHeads, integer("q_heads"));
  EXPECT_EQ(attention.kvHeads, integer("kv_heads"));
  EXPECT_EQ(attention.kDim, integer("k_dim"));
  EXPECT_EQ(attention.vDim, integer("v_dim"));
  EXPECT_EQ(toString(attention.variant), *row.getString("variant"));
  EXPECT_EQ(attention.vInK, attention.variant == Variant::MLA);
  EXPECT_TRUE(attention.causal);
  EXPECT_EQ(spec.mtpLayers, integer("mtp_layers"));
  EXPECT_EQ(layersWhere(spec, [](auto &g) { return g.recurrent.has_value(); }),
            integer("recurrent_layers"));
  EXPECT_EQ(
      layersWhere(spec,
                  [](auto &g) { return g.attention && g.attention->sparse; }),
      integer("sparse_layers"));
}

TEST_P(Published, BytesPerToken) {
  auto size = cost::cacheSize(spec, cost::CacheFormat::BF16);
  ASSERT_TRUE(size);
  EXPECT_EQ(size->growingPerToken, integer("growing_bytes_per_token"));
  EXPECT_EQ(size->everyLayerPerToken, integer("all_bytes_per_token"));
}

TEST_P(Published, ScoreModifiers) {
  std::optional<int64_t> window, chunk;
  bool sinks = false;
  for (const LayerGroup &group : spec.groups) {
    if (!group.attention)
      continue;
    const AttentionSpec &attention = *group.attention;
    window = attention.window ? attention.window : window;
    chunk = attention.chunk ? attention.chunk : chunk;
    sinks |= attention.sinks;
    EXPECT_EQ(attention.softcap, row.getNumber("softcap"));
    double width = attention.latent
                       ? attention.latent->nope + attention.latent->rope
                       : attention.kDim;
    EXPECT_DOUBLE_EQ(attention.scale,
                     row.getNumber("scale").value_or(1 / std::sqrt(width)));
  }
  EXPECT_EQ(window, row.getInteger("window"));
  EXPECT_EQ(chunk, row.getInteger("chunk"));
  EXPECT_EQ(sinks, row.getBoolean("sinks").value_or(false));
}

TEST_P(Published, LayersAndKeys) {
  std::vector<int64_t> counts(spec.groups.size(), 0);
  for (unsigned group : spec.layers) {
    ASSERT_LT(group, counts.size());
    ++counts[group];
  }
  for (size_t group = 0; group < counts.size(); ++group)
    EXPECT_EQ(counts[group], spec.groups[group].count);
  EXPECT_TRUE(spec.unrecognizedKeys.empty()) << spec.unrecognizedKeys.front();
  EXPECT_FALSE(spec.architecture.empty());
  for (const Fact &fact : spec.facts)
    EXPECT_FALSE(fact.jsonKey.empty()) << fact.field;
}

INSTANTIATE_TEST_SUITE_P(Configs, Published,
                         testing::Range(size_t(0), factRows().size()),
                         [](const testing::TestParamInfo<size_t> &info) {
                           std::string name =
                               factRows()[info.param].getString("model")->str();
                           for (char &letter : name)
                             letter = isalnum(letter) ? letter : '_';
                           return name;
                         });

TEST(Configs, EveryFileHasARow) {
  std::error_code error;
  size_t files = 0;
  for (sys::fs::directory_iterator it(ATTN_TEST_DIR "/models", error), end;
       it != end && !error; it.increment(error))
    files += sys::path::extension(it->path()) == ".json" &&
             sys::path::filename(it->path()) != "facts.json";
  EXPECT_EQ(files, factRows().size());
  EXPECT_GE(files, 28u);
}

TEST(Configs, LoadFromFileAndMissingFile) {
  Expected<ModelSpec> spec =
      loadConfig(ATTN_TEST_DIR "/models/llama-2-7b.json");
  ASSERT_TRUE(bool(spec)) << toString(spec.takeError());
  EXPECT_EQ(spec->growingLayers(), 32);
  expectRefused(loadConfig(ATTN_TEST_DIR "/models/none.json"), {"none.json"});
  expectRefused(loadConfig(ATTN_TEST_DIR "/models"), {"config.json"});
}
