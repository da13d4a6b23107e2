//===- VariantsTest.cpp - Models with other attention ---------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Variants.h"
#include "TestSetup.h"

using namespace attn;
using namespace attn::advisor;

static int64_t bytesOf(const std::vector<ModelVariant> &variants,
                       const std::string &name) {
  for (const ModelVariant &variant : variants)
    if (variant.name == name)
      return cost::cacheSize(variant.spec, cost::CacheFormat::BF16)
          ->growingPerToken;
  return -1;
}

TEST(Variants, OfAGroupedModel) {
  auto variants = variantsOf(modelNamed("llama-2-70b"));
  EXPECT_EQ(bytesOf(variants, "as it is"), 327680);
  EXPECT_EQ(bytesOf(variants, "MHA"), 2621440); // engines.md 3.3
  EXPECT_EQ(bytesOf(variants, "GQA-8"), -1);    // that is the model
  EXPECT_EQ(bytesOf(variants, "MQA"), 327680 / 8);
  EXPECT_EQ(bytesOf(variants, "MLA (512 + 64)"), 80 * 576 * 2);
  EXPECT_EQ(bytesOf(variants, "1 of 2 windows of 128"), 327680 / 2);
}

TEST(Variants, OfALatentModel) {
  auto variants = variantsOf(modelNamed("deepseek-v2"));
  EXPECT_EQ(bytesOf(variants, "MHA"), int64_t(60) * 128 * (128 + 128) * 2);
  EXPECT_EQ(bytesOf(variants, "MLA (512 + 64)"), -1);
}

TEST(Variants, HeadsThatDoNotDivideAreLeftOut) {
  auto variants = variantsOf(modelNamed("falcon-7b")); // 71 heads, MQA
  EXPECT_EQ(bytesOf(variants, "GQA-8"), -1);
  EXPECT_EQ(bytesOf(variants, "MQA"), -1);
  EXPECT_EQ(bytesOf(variants, "MHA"), 8192 * 71);
}

TEST(Variants, KeepTheNumberOfLayers) {
  for (const char *name : {"llama-2-70b", "gemma-3-27b", "qwen3.5-27b"}) {
    model::ModelSpec spec = modelNamed(name);
    auto count = [](const model::ModelSpec &spec) {
      int64_t layers = 0;
      for (const model::LayerGroup &group : spec.groups)
        layers += group.count;
      return layers;
    };
    for (const ModelVariant &variant : variantsOf(spec))
      EXPECT_EQ(count(variant.spec), count(spec)) << variant.name;
  }
}
