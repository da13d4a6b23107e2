//===- LatentTest.cpp - The forms of latent attention ---------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The figures of notes/engines.md 4.1 and 6.
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Latent.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace attn::cost;

static LatentShape deepSeekV3(int64_t qLen, int64_t context) {
  return {128, 512, 64, 128, 128, qLen, context};
}

TEST(Latent, AbsorbThresholds) {
  struct {
    int64_t rank, nope, v;
    double at1K, at8K, limit;
  } rows[] = {{512, 128, 128, 146, 167, 171},
              {512, 192, 256, 287, 380, 398},
              {256, 64, 64, 79, 84, 85},
              {256, 64, 128, 134, 151, 154}};
  for (const auto &row : rows) {
    EXPECT_NEAR(absorbThreshold(row.rank, row.nope, row.v, 1024), row.at1K,
                0.5);
    EXPECT_NEAR(absorbThreshold(row.rank, row.nope, row.v, 8192), row.at8K,
                0.5);
    EXPECT_NEAR(absorbThreshold(row.rank, row.nope, row.v), row.limit, 0.5);
  }
  EXPECT_NEAR(absorbThreshold(512, 128, 128), 170.7, 0.05);
  EXPECT_NEAR(absorbThreshold(512, 192, 256), 398.2, 0.05);
  EXPECT_NEAR(absorbThreshold(256, 64, 64), 85.3, 0.05);
  EXPECT_NEAR(absorbThreshold(512, 128, 128, 1024), 146.3, 0.05);
}

TEST(Latent, SmallRankAlwaysAbsorbs) {
  EXPECT_TRUE(std::isinf(absorbThreshold(64, 128, 128)));
  // Twice the rank equals D, and the T term still gives a threshold: T itself.
  EXPECT_DOUBLE_EQ(absorbThreshold(128, 128, 128, 1000), 1000);
}

// The threshold is where the forms' FLOPs cross, for any context.
TEST(Latent, ThresholdSeparatesTheForms) {
  for (int64_t context : {512, 1024, 4096, 65536}) {
    double threshold = absorbThreshold(512, 128, 128, context);
    int64_t below = int64_t(std::ceil(threshold)) - 1;
    int64_t above = int64_t(std::floor(threshold)) + 1;
    auto flops = [&](LatentForm form, int64_t qLen) {
      return latentCost(form, deepSeekV3(qLen, context)).flops();
    };
    EXPECT_LT(flops(LatentForm::Absorbed, below),
              flops(LatentForm::Materialized, below));
    EXPECT_GT(flops(LatentForm::Absorbed, above),
              flops(LatentForm::Materialized, above));
  }
}

TEST(Latent, CoreFlopsOfTheForms) {
  LatentCost absorbed = latentCost(LatentForm::Absorbed, deepSeekV3(1, 1000));
  LatentCost full = latentCost(LatentForm::Materialized, deepSeekV3(1, 1000));
  EXPECT_EQ(absorbed.coreFlops, 2.0 * 128 * 1000 * 1088);
  EXPECT_EQ(full.coreFlops, 2.0 * 128 * 1000 * 320);
  EXPECT_NEAR(absorbed.coreFlops / full.coreFlops, 3.4, 1e-12);
  EXPECT_EQ(absorbed.projectionFlops, 2.0 * 128 * 512 * 256);
  EXPECT_EQ(full.projectionFlops, 2.0 * 128 * 1000 * 512 * 256);
}

TEST(Latent, BytesOfTheForms) {
  LatentShape shape = deepSeekV3(1, 1000);
  double latent = 1000 * 576 * 2;
  LatentCost absorbed = latentCost(LatentForm::Absorbed, shape);
  LatentCost full = latentCost(LatentForm::Materialized, shape);
  LatentCost fused = latentCost(LatentForm::FusedDecompress, shape);
  EXPECT_EQ(absorbed.kvBytes, latent);
  EXPECT_EQ(fused.kvBytes, latent);
  EXPECT_EQ(full.kvBytes, latent + 2.0 * 1000 * 128 * 320 * 2);
  EXPECT_EQ(fused.flops(), full.flops());
  for (const LatentCost &cost : {absorbed, full, fused})
    EXPECT_EQ(cost.weightBytes, 128.0 * 512 * 256 * 2);
}

// GLA-2 (arXiv 2505.21487): two rows of 256 cost what one of 512 does, but for
// the second rotary part.
TEST(Latent, GroupsCostBytesOnly) {
  LatentShape one = deepSeekV3(1, 1000), two = one;
  two.rank = 256;
  LatentCost alone = latentCost(LatentForm::Absorbed, two);
  two.groups = 2;
  LatentCost grouped = latentCost(LatentForm::Absorbed, two);
  EXPECT_EQ(grouped.kvBytes, 1000.0 * 2 * (256 + 64) * 2);
  EXPECT_EQ(grouped.kvBytes,
            latentCost(LatentForm::Absorbed, one).kvBytes + 1000.0 * 64 * 2);
  EXPECT_EQ(grouped.flops(), alone.flops());
  EXPECT_EQ(grouped.weightBytes, alone.weightBytes);
}

TEST(Latent, CoreRatiosOfTheTable) {
  auto ratio = [](LatentShape shape) {
    return latentCost(LatentForm::Absorbed, shape).coreFlops /
           latentCost(LatentForm::Materialized, shape).coreFlops;
  };
  EXPECT_NEAR(ratio({64, 512, 64, 192, 256, 1, 10}), 2.13, 0.01);
  EXPECT_NEAR(ratio({40, 256, 32, 64, 64, 1, 10}), 3.40, 0.01);
  EXPECT_NEAR(ratio({1, 256, 64, 64, 128, 1, 10}), 2.25, 0.01);
}

TEST(Latent, FormThresholdIsTheFlopThresholdWhereArithmeticBinds) {
  // V3 on an H200 at batch 1 and 8K: both forms are bound by arithmetic there.
  const Machine &machine = *findMachine("h200");
  LatentShape shape{128, 512, 64, 128, 128, 1, 8192};
  auto fused = formThreshold(machine, LatentForm::FusedDecompress, shape, 1);
  ASSERT_TRUE(fused);
  EXPECT_EQ(*fused, int64_t(absorbThreshold(512, 128, 128, 8192)) + 1);
  // Materialising moves more bytes: it needs at least as many tokens.
  auto materialised =
      formThreshold(machine, LatentForm::Materialized, shape, 1);
  ASSERT_TRUE(materialised);
  EXPECT_GE(*materialised, *fused);
}

TEST(Latent, FormThresholdBoundsTheFasterForm) {
  Machine slow{"slow memory", 80, 100, 989e12, 0};
  LatentShape shape{128, 512, 64, 128, 128, 1, 8192};
  auto from = formThreshold(slow, LatentForm::Materialized, shape, 1);
  ASSERT_TRUE(from);
  auto seconds = [&](LatentForm form, int64_t qLen) {
    shape.qLen = qLen;
    return latentRoofline(slow, form, shape, 1).seconds();
  };
  EXPECT_LT(seconds(LatentForm::Materialized, *from),
            seconds(LatentForm::Absorbed, *from));
  EXPECT_GE(seconds(LatentForm::Materialized, *from - 1),
            seconds(LatentForm::Absorbed, *from - 1));
  // Never, where the context is too short for decompression to pay.
  shape.context = 4;
  EXPECT_EQ(formThreshold(slow, LatentForm::Materialized, shape, 1),
            std::nullopt);
}

TEST(Latent, EfficiencyDividesEachKindOfWork) {
  Machine machine{"m", 0, 1e9, 1e12, 0};
  machine.latent.absorbed = {0.5, 0.25};
  LatentShape shape = deepSeekV3(16, 1000);
  LatentCost cost = latentCost(LatentForm::Absorbed, shape);
  EXPECT_DOUBLE_EQ(
      latentRoofline(machine, LatentForm::Absorbed, shape, 1).mathSeconds,
      (cost.coreFlops / 0.5 + cost.projectionFlops / 0.25) / 1e12);
  EXPECT_DOUBLE_EQ(
      latentRoofline(machine, LatentForm::FusedDecompress, shape, 1)
          .mathSeconds,
      latentCost(LatentForm::FusedDecompress, shape).flops() / 1e12);
}
