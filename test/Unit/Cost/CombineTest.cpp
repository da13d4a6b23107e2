//===- CombineTest.cpp - Where partial states are merged ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Combine.h"
#include "gtest/gtest.h"

using namespace attn::cost;

/// DeepSeek-V3's 128 heads: two states of 256 KiB each are read either way, and
/// one of that size is written and read back by a phase of its own.
TEST(Combine, CountsBytes) {
  CombineShape shape{/*heads=*/128, /*rank=*/512, /*qLen=*/1, /*parts=*/2,
                     /*threads=*/2};
  CombineCost separate = separateCombine({}, shape);
  CombineCost fused = fusedCombine({}, shape);
  EXPECT_EQ(separate.stateBytes, 2 * 262144);
  EXPECT_EQ(separate.mergedBytes, 2 * 262144);
  EXPECT_EQ(separate.barriers, 1);
  EXPECT_EQ(fused.stateBytes, 2 * 262144);
  EXPECT_EQ(fused.mergedBytes, 0);
  EXPECT_EQ(fused.barriers, 0);
  EXPECT_LT(fused.seconds, separate.seconds);
  shape.columnBlocks = 4;
  EXPECT_EQ(fusedCombine({}, shape).stateBytes, 8 * 262144);
  EXPECT_GT(fusedCombine({}, shape).seconds, separate.seconds);
}

/// 1 GB/s moves a row of 250 columns in a microsecond; a barrier takes 5 of
/// them, a call one.
TEST(Combine, TimesTheSlowestThread) {
  CombineMachine machine{/*cacheGBps=*/1, /*barrierSeconds=*/5e-6,
                         /*callSeconds=*/1e-6};
  CombineShape shape{/*heads=*/6, /*rank=*/250, /*qLen=*/8, /*parts=*/3,
                     /*threads=*/4};
  // 48 rows are three calls' for four threads: one merges 16 of them. Then two
  // heads' rows are read back.
  EXPECT_NEAR(separateCombine(machine, shape).seconds,
              (5 + 1 + 16 * (3 + 1) + 16) * 1e-6, 1e-12);
  EXPECT_NEAR(fusedCombine(machine, shape).seconds, (16 + 16 * 3) * 1e-6,
              1e-12);
  // Fewer rows than a call takes.
  shape.qLen = 1;
  EXPECT_NEAR(separateCombine(machine, shape).seconds,
              (5 + 1 + 6 * (3 + 1) + 2) * 1e-6, 1e-12);
}

/// The projection's threads share heads and not rows.
TEST(Combine, ManyThreadsForFewHeads) {
  CombineShape shape{/*heads=*/2, /*rank=*/512, /*qLen=*/64, /*parts=*/16,
                     /*threads=*/16};
  EXPECT_GT(fusedCombine({}, shape).seconds,
            separateCombine({}, shape).seconds);
  shape.threads = shape.parts = 2;
  EXPECT_LT(fusedCombine({}, shape).seconds,
            separateCombine({}, shape).seconds);
}
