//===- CeilingsTest.cpp - Are the ceilings plausible? ---------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The machine may be shared and noisy: only ratios are tested, of the best
// repetitions, and with room.
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Ceilings.h"
#include "attn/Bench/Buffer.h"

#include "gtest/gtest.h"

using namespace attn::bench;

static TimingOptions shortly() {
  TimingOptions options;
  options.budgetSeconds = 0.05;
  return options;
}

TEST(Ceilings, FmaPeakAgreesWithItsLatency) {
  if (hostIsa() == Isa::Baseline)
    GTEST_SKIP() << "no AVX2 here";
  for (Isa isa : {Isa::AVX2, Isa::AVX512}) {
    auto peak = fmaPeak(1, shortly(), isa);
    auto latency = fmaLatency(shortly(), isa);
    ASSERT_EQ(peak.has_value(), isa <= hostIsa());
    if (!peak)
      continue;
    // The latency is 4 cycles on every core since Skylake and Zen 3 (5 on
    // Zen 2), and at most two FMAs start in a cycle. Cores with a single
    // 512-bit unit reach half of that.
    double lanes = isa == Isa::AVX2 ? 8 : 16;
    double bound = 2 * 2 * lanes * 4 / latency->min; // GFLOP/s
    EXPECT_GT(peak->rate.max, 0.4 * bound) << isaName(isa).str();
    EXPECT_LT(peak->rate.max, 1.1 * bound) << isaName(isa).str();
  }
}

TEST(Ceilings, TilesBeatVectors) {
  auto tiles = amxPeak(1, shortly());
  if (!tiles)
    GTEST_SKIP() << "no AMX here";
  EXPECT_GT(tiles->rate.max, 2 * fmaPeak(1, shortly())->rate.max);
  EXPECT_EQ(computePeak(1, /*bf16=*/true, shortly())->method, tiles->method);
}

TEST(Ceilings, F16NeverCountsTiles) {
  if (hostIsa() == Isa::Baseline)
    GTEST_SKIP() << "no AVX2 here";
  auto peak = computePeak(1, /*bf16=*/false, shortly());
  EXPECT_EQ(peak->method, fmaPeak(1, shortly())->method);
}

TEST(Ceilings, DotPeakWhereThereIsOne) {
  EXPECT_EQ(dotBF16Peak(1, shortly()).has_value(),
            hostIsa() >= Isa::AVX512BF16);
}

TEST(Ceilings, CacheBeatsMemory) {
  constexpr size_t copyBytes = size_t(64) << 20, copies = 8;
  Buffer buffer(copies * copyBytes);
  std::vector<Pattern> cold;
  for (size_t i = 0; i < copies; ++i)
    cold.push_back({{buffer.data() + i * copyBytes, copyBytes}});
  // A quarter of a megabyte stays in the second level of any server core.
  Pattern resident = {{buffer.data(), size_t(256) << 10}};
  double memory = readCeiling(cold, 1, shortly()).rate.p90;
  double cache = readCeiling({resident}, 1, shortly()).rate.p90;
  EXPECT_GT(cache, 1.5 * memory);
}

TEST(Ceilings, EveryLevelReads) {
  Buffer buffer(1 << 20);
  Pattern pattern = pagePattern(buffer.data(), {3, 1, 200, 17}, 4096);
  for (Isa isa : {Isa::Baseline, Isa::AVX2, Isa::AVX512}) {
    if (isa > hostIsa())
      continue;
    std::vector<Ceiling> ways = readCeilings({pattern}, 2, shortly(), isa);
    EXPECT_GE(ways.size(), 4u);
    for (const Ceiling &way : ways) {
      EXPECT_GT(way.rate.median, 0) << way.method;
      EXPECT_GE(way.rate.repetitions, 7u);
      EXPECT_EQ(way.threads, 2u);
    }
  }
}
