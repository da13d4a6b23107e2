//===- KernelTimeTest.cpp - The model of a kernel's time ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/KernelTime.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn::cost;

static AttentionShape heads(int64_t q, int64_t kv, int64_t width,
                            int64_t context) {
  AttentionShape shape;
  shape.qHeads = q;
  shape.kvHeads = kv;
  shape.kDim = shape.vDim = width;
  shape.context = context;
  return shape;
}

static constexpr RowRule kUniform = {16, true}, kCut = {16, false};

/// 80 GB/s within 1 MB of a thread, 20 GB/s from memory.
static ReadCurve curve(int64_t threads = 1) {
  return {threads, {{1e6, 80}, {4e6, 40}, {1e9, 20}}};
}

TEST(KernelTime, RatesLieBetweenThePoints) {
  EXPECT_DOUBLE_EQ(curve().rateAt(1), 80);
  EXPECT_DOUBLE_EQ(curve().rateAt(1e6), 80);
  EXPECT_DOUBLE_EQ(curve().rateAt(2e6), 60); // half of the way in logarithms
  EXPECT_DOUBLE_EQ(curve().rateAt(4e6), 40);
  EXPECT_DOUBLE_EQ(curve().rateAt(1e12), 20);
}

TEST(KernelTime, CountsOfGroupedHeads) {
  KernelWork work = kernelWork(heads(12, 3, 64, 1000), {16, true});
  EXPECT_EQ(work.counts[KernelWork::Elements], 3.0 * 1000 * 128);
  EXPECT_EQ(work.counts[KernelWork::Products], 3.0 * 1000 * 128 * 16);
  EXPECT_EQ(work.counts[KernelWork::Scores], 3.0 * 1000 * 4);
  EXPECT_EQ(work.counts[KernelWork::RowElements], 3.0 * 4 * 128);
  EXPECT_EQ(work.cacheBytes, 3.0 * 1000 * 128 * 2);
  // FMA computes 7 rows as 8 where that is what registers hold, 21 as 16 + 4 +
  // 1, and converts K and V for each block.
  work = kernelWork(heads(7, 1, 64, 1000), {4, false});
  EXPECT_EQ(work.counts[KernelWork::Products], 1000.0 * 128 * 8);
  EXPECT_EQ(work.counts[KernelWork::Elements], 1000.0 * 128 * 2);
  work = kernelWork(heads(21, 1, 64, 1000), {16, false});
  EXPECT_EQ(work.counts[KernelWork::Products], 1000.0 * 128 * 21);
  EXPECT_EQ(work.counts[KernelWork::Elements], 1000.0 * 128 * 3);
  // A window hides tokens from the kernel; a latent's V is read with K.
  AttentionShape shape = heads(16, 1, 576, 1000);
  shape.window = 100;
  shape.vDim = 512;
  shape.vInK = true;
  work = kernelWork(shape, {16, true});
  EXPECT_EQ(work.counts[KernelWork::Elements], 100.0 * 1088);
  EXPECT_EQ(work.cacheBytes, 100.0 * 576 * 2);
}

TEST(KernelTime, TransferIsExposedInPart) {
  KernelCosts costs;
  costs.seconds = {1e-10, 0, 0, 0};
  costs.cache.exposed = 0.25;
  costs.memory = {0.5, 0.8};
  // 16 MB: core 0.8 ms, 0.2 ms of L2, 0.8 ms of memory.
  AttentionShape shape = heads(8, 8, 128, 3906);
  double bytes = kernelWork(shape, kCut).cacheBytes;
  KernelTime cold = kernelTime(costs, curve(), shape, kCut, Residence::Memory);
  EXPECT_NEAR(cold.core, bytes / 2 * 1e-10, 1e-9);
  EXPECT_NEAR(cold.transfer, bytes / 20e9, 1e-9);
  EXPECT_NEAR(cold.near, bytes / 80e9, 1e-9);
  EXPECT_NEAR(cold.seconds(), cold.core + 0.5 * (cold.transfer - cold.near),
              1e-9);
  // The same from a cache at 33.8 GB/s.
  KernelTime warm = kernelTime(costs, curve(), shape, kCut, Residence::Cache);
  EXPECT_LT(warm.transfer, cold.transfer);
  EXPECT_NEAR(warm.seconds(), warm.core + 0.25 * (warm.transfer - warm.near),
              1e-9);
  // Within L2 there is nothing but what the core does.
  shape.context = 100;
  warm = kernelTime(costs, curve(), shape, kCut, Residence::Cache);
  EXPECT_EQ(warm.seconds(), warm.core);
  // No kernel is faster than the transfer at the share that it reaches.
  costs.seconds = {1e-14, 0, 0, 0};
  cold = kernelTime(costs, curve(), shape, kCut, Residence::Memory);
  EXPECT_EQ(cold.seconds(), cold.transfer / 0.8);
}

TEST(KernelTime, ThreadsShareTheWork) {
  KernelCosts costs;
  costs.seconds = {1e-10, 0, 0, 1e-9};
  AttentionShape shape = heads(8, 1, 128, 1000);
  KernelTime one = kernelTime(costs, curve(1), shape, kCut, Residence::Cache);
  KernelTime two = kernelTime(costs, curve(2), shape, kCut, Residence::Cache);
  // One head: its tokens are split, both threads pack all of its rows, and what
  // they store is merged.
  double rows = 8 * 256 * 1e-9;
  EXPECT_NEAR(two.core, (one.core - rows) / 2 + 2 * rows, 1e-12);
  shape.kvHeads = 2;
  one = kernelTime(costs, curve(1), shape, kCut, Residence::Cache);
  two = kernelTime(costs, curve(2), shape, kCut, Residence::Cache);
  EXPECT_NEAR(two.core, one.core / 2, 1e-12);
}

/// What the model itself says, as if it had been timed.
static TimedCall timed(const KernelCosts &costs, AttentionShape shape,
                       Residence residence) {
  double seconds =
      kernelTime(costs, curve(), shape, kUniform, residence).seconds();
  return {shape, residence, seconds};
}

TEST(KernelTime, FitFindsTheCostsAgain) {
  KernelCosts costs;
  costs.seconds = {5e-12, 1.5e-12, 4e-10, 2e-10};
  costs.cache = {0.3, 1};
  costs.memory = {0.75, 0.9};
  std::vector<TimedCall> calls;
  for (int64_t q : {4, 32, 96, 160})
    calls.push_back(timed(costs, heads(q, 4, 64, 900), Residence::Cache));
  calls.push_back(timed(costs, heads(96, 2, 128, 64), Residence::Cache));
  calls.push_back(timed(costs, heads(9, 3, 128, 600), Residence::Cache));
  for (int64_t q : {2, 256})
    for (Residence residence : {Residence::Cache, Residence::Memory})
      calls.push_back(timed(costs, heads(q, 2, 128, 9000), residence));
  KernelCosts found = fitKernelCosts(calls, curve(), kUniform);
  for (int i = 0; i < KernelWork::NumCounts; ++i)
    EXPECT_NEAR(found.seconds[i] / costs.seconds[i], 1, 1e-6) << i;
  EXPECT_DOUBLE_EQ(found.cache.exposed, 0.3);
  EXPECT_DOUBLE_EQ(found.memory.exposed, 0.75);
  EXPECT_NEAR(found.memory.reached, 0.9, 1e-6);
}

TEST(KernelTime, FitHasNoCostBelowZero) {
  // More rows in less time: only a negative cost would explain that.
  std::vector<TimedCall> calls = {
      {heads(4, 4, 64, 900), Residence::Cache, 30e-6},
      {heads(64, 4, 64, 900), Residence::Cache, 20e-6},
      {heads(128, 4, 64, 900), Residence::Cache, 10e-6}};
  KernelCosts found = fitKernelCosts(calls, curve(), kUniform);
  double sum = 0;
  for (double seconds : found.seconds) {
    EXPECT_GE(seconds, 0);
    EXPECT_TRUE(std::isfinite(seconds));
    sum += seconds;
  }
  EXPECT_GT(sum, 0);
  // Nothing was timed from beyond L2.
  EXPECT_EQ(found.memory.exposed, 0);
  EXPECT_EQ(found.memory.reached, 1);
  EXPECT_EQ(fitKernelCosts({}, curve(), kUniform).seconds[0], 0);
}
