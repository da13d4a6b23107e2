//===- RecommendTest.cpp - Decisions and their reasons --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSetup.h"
#include "attn/Advisor/Sections.h"

using namespace attn;
using namespace attn::advisor;

/// The paragraph that opens with `topic`.
static std::string adviceOn(llvm::StringRef topic, const Deployment &setup,
                            const std::string &model) {
  for (const std::string &paragraph :
       recommendationSection(setup, modelNamed(model)).paragraphs)
    if (llvm::StringRef(paragraph).starts_with(topic))
      return paragraph;
  return "";
}

static bool contains(const std::string &text, llvm::StringRef part) {
  return llvm::StringRef(text).contains(part);
}

TEST(Recommend, MoreDevicesWhereNotAllFits) {
  Deployment setup = setupWith({"bf16"}, 2);
  setup.batches = {32};
  setup.contexts = {4096, 32768};
  EXPECT_TRUE(contains(adviceOn("Fit", setup, "llama-2-70b"),
                       "1 of the 2 requested points fit in bf16. --tp 4"));
  setup.layout.tp = 4;
  EXPECT_TRUE(contains(adviceOn("Fit", setup, "llama-2-70b"), "all 2"));
  setup.layout.tp = 1;
  EXPECT_TRUE(
      contains(adviceOn("Fit", setup, "llama-2-70b"), "weights leave no room"));
}

TEST(Recommend, BottleneckFollowsTheBatch) {
  Deployment setup = setupWith({"bf16"}, 2);
  setup.contexts = {32768};
  setup.batches = {1};
  EXPECT_TRUE(contains(adviceOn("Bottleneck", setup, "llama-2-70b"),
                       "reading the weights"));
  setup.batches = {64};
  EXPECT_TRUE(contains(adviceOn("Bottleneck", setup, "llama-2-70b"),
                       "reading the cache"));
  setup.weightBytes.reset();
  setup.layout.tp = 1;
  EXPECT_TRUE(contains(adviceOn("Bottleneck", setup, "deepseek-v3"),
                       "attention's arithmetic"));
}

TEST(Recommend, NarrowerTypeOnlyWhereItPays) {
  Deployment setup = setupWith({"bf16", "fp8"}, 2);
  setup.contexts = {4096};
  setup.batches = {1};
  EXPECT_TRUE(contains(adviceOn("Cache type", setup, "llama-2-70b"), "keep"));
  setup.contexts = {32768};
  setup.batches = {32};
  EXPECT_TRUE(contains(adviceOn("Cache type", setup, "llama-2-70b"),
                       "fp8 in place of bf16"));
}

TEST(Recommend, LatentCopiesAreNamed) {
  Deployment setup = setupWith({"bf16"}, 8);
  std::string advice = adviceOn("Layout", setup, "deepseek-v3");
  EXPECT_TRUE(contains(advice, "8 copies of every KV head"));
  EXPECT_TRUE(contains(advice, "--dcp 8"));
  EXPECT_TRUE(contains(adviceOn("Layout", setup, "llama-2-70b"), "no KV head"));
}

TEST(Recommend, MapAgreesWithTheSteps) {
  Deployment setup = setupWith({"bf16", "fp8"}, 2);
  model::ModelSpec spec = modelNamed("llama-2-70b");
  Map map = recommendationSection(setup, spec).maps.front();
  ASSERT_EQ(map.cells.size(), map.ys.size());
  for (const std::vector<unsigned> &row : map.cells)
    ASSERT_EQ(row.size(), map.xs.size());
  // The last row is 1k, the first column one sequence.
  EXPECT_EQ(map.categories[map.cells.back()[0]], "weights");
  EXPECT_EQ(map.categories[map.cells.front().back()], "does not fit");
}
