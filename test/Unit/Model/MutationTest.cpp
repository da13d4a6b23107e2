//===- MutationTest.cpp - Damaged configs never crash the reader ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Every published config is damaged at random, in its bytes and in its fields.
// The reader must return a spec that holds together or an error that says
// something. The seed is printed; ATTN_TEST_SEED=<n> repeats a run.
//
//===----------------------------------------------------------------------===//

#include "TestModels.h"
#include "attn/Cost/Attention.h"
#include "attn/Model/LatentBlock.h"
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>

using namespace llvm;
using namespace attn;
using namespace attn::model;
using namespace attn::model::test;

namespace {
class Mutations : public testing::Test {
protected:
  void SetUp() override {
    const char *given = std::getenv("ATTN_TEST_SEED");
    seed = given ? std::strtoul(given, nullptr, 10) : std::random_device()();
    random.seed(seed);
    std::cout << "ATTN_TEST_SEED=" << seed << "\n";
  }

  size_t below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
  }

  json::Value randomValue() {
    switch (below(12)) {
    case 0:
      return nullptr;
    case 1:
      return below(2) == 0;
    case 2:
      return int64_t(below(300));
    case 3:
      return -int64_t(below(300));
    case 4:
      return std::numeric_limits<int64_t>::max();
    case 5:
      return 1e300;
    case 6:
      return double(below(1000)) / 7.0;
    case 7:
      return "full_attention";
    case 8:
      return json::Array{1, 0, "x", nullptr};
    case 9:
      return json::Object{{"factor", "y"}, {"head_dim", 3}};
    case 10:
      return int64_t(1) << below(30);
    default:
      return "";
    }
  }

  /// Changes, removes or adds a field, sometimes inside a nested value.
  void damage(json::Object &object) {
    if (object.empty())
      return;
    auto it = object.begin();
    std::advance(it, below(object.size()));
    if (json::Object *nested = it->second.getAsObject(); nested && below(4))
      return damage(*nested);
    json::Array *list = it->second.getAsArray();
    switch (below(list && !list->empty() ? 5 : 3)) {
    case 0:
      object.erase(it);
      break;
    case 1:
      it->second = randomValue();
      break;
    case 2:
      object[factKey()] = randomValue();
      break;
    case 3:
      (*list)[below(list->size())] = randomValue();
      break;
    case 4:
      list->push_back(randomValue());
      break;
    }
  }

  /// Some key of some published config.
  std::string factKey() {
    json::Object other =
        configObject(*factRows()[below(factRows().size())].getString("model"));
    const json::Object &inner = languageModel(other);
    auto it = inner.begin();
    std::advance(it, below(inner.size()));
    return it->first.str();
  }

  /// A block's numbers are those that its IR can have.
  void checkBlock(const std::string &text) {
    Expected<LatentBlockSpec> block = parseLatentBlock(text, "damaged");
    if (!block)
      return consumeError(block.takeError());
    ASSERT_GT(block->hidden, 0) << text;
    ASSERT_GT(block->theta, 1) << text;
    size_t pairs = block->attention.latent->rope / 2;
    ASSERT_TRUE(block->frequencies.empty() ||
                block->frequencies.size() == pairs)
        << text;
    for (double frequency : block->frequencies)
      ASSERT_TRUE(std::isfinite(static_cast<float>(frequency))) << text;
  }

  void check(const std::string &text) {
    checkBlock(text);
    Expected<ModelSpec> spec = parseConfig(text, "damaged");
    if (!spec) {
      ++refused;
      std::string error = toString(spec.takeError());
      EXPECT_TRUE(StringRef(error).starts_with("damaged: ")) << text;
      EXPECT_GT(error.size(), 20u) << error;
      return;
    }
    ++accepted;
    int64_t layers = 0;
    for (const LayerGroup &group : spec->groups) {
      layers += group.count;
      ASSERT_GT(group.count, 0) << text;
      if (!group.attention)
        continue;
      const AttentionSpec &attention = *group.attention;
      ASSERT_GT(attention.kvHeads, 0) << text;
      EXPECT_EQ(attention.qHeads % attention.kvHeads, 0) << text;
      EXPECT_GT(attention.kDim, 0) << text;
      EXPECT_GT(attention.vDim, 0) << text;
      EXPECT_GT(attention.scale, 0) << text;
      EXPECT_TRUE(std::isfinite(attention.scale)) << text;
      auto shape =
          cost::shapeOf(attention, 1, 4, 1 << 28, cost::CacheFormat::F32);
      EXPECT_GT(cost::attentionCost(*shape).kvBytes, 0) << text;
    }
    EXPECT_EQ(layers, int64_t(spec->layers.size())) << text;
    EXPECT_GT(layers, 0) << text;
    EXPECT_GE(*cost::sequenceBytes(*spec, cost::CacheFormat::F32, 1 << 28), 0)
        << text;
    EXPECT_GE(cost::cacheSize(*spec, cost::CacheFormat::F32)->mtpPerToken, 0)
        << text;
  }

  unsigned seed;
  std::mt19937 random;
  int accepted = 0, refused = 0;
};
} // namespace

TEST_F(Mutations, Bytes) {
  for (const Row &row : factRows()) {
    std::string text = configText(*row.getString("model"));
    for (int round = 0; round < 200; ++round) {
      std::string damaged = text;
      for (size_t flips = 1 + below(4); flips > 0; --flips)
        damaged[below(damaged.size())] ^= char(1 << below(8));
      if (below(8) == 0)
        damaged.resize(below(damaged.size()));
      check(damaged);
      if (HasFailure())
        return;
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(Mutations, Fields) {
  for (const Row &row : factRows()) {
    json::Object object = configObject(*row.getString("model"));
    for (int round = 0; round < 200; ++round) {
      json::Object damaged = object;
      for (size_t times = 1 + below(3); times > 0; --times)
        damage(languageModel(damaged));
      check(textOf(std::move(damaged)));
      if (HasFailure())
        return;
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0);
}

/// One by one, so that no field escapes by luck.
TEST_F(Mutations, EachFieldRemovedAndRetyped) {
  for (const Row &row : factRows()) {
    json::Object object = configObject(*row.getString("model"));
    std::vector<std::string> keys;
    for (const auto &entry : languageModel(object))
      keys.push_back(entry.first.str());
    for (const std::string &key : keys) {
      json::Object removed = object;
      languageModel(removed).erase(key);
      check(textOf(std::move(removed)));
      for (json::Value value :
           {json::Value(json::Object()), json::Value(json::Array{"x"}),
            json::Value(1e300), json::Value(-1), json::Value("x")}) {
        json::Object retyped = object;
        languageModel(retyped)[key] = value;
        check(textOf(std::move(retyped)));
      }
      if (HasFailure())
        return;
    }
  }
}
