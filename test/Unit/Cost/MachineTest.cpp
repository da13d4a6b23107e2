//===- MachineTest.cpp - Rooflines ----------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Machine.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace attn::cost;

// engines.md 4.2.
TEST(Machine, Ridges) {
  std::pair<const char *, double> ridges[] = {{"h100", 295}, {"h200", 206},
                                              {"a100", 153}, {"b200", 281},
                                              {"l40s", 419}, {"h20", 37}};
  for (auto [name, ridge] : ridges) {
    const Machine *machine = findMachine(name);
    ASSERT_TRUE(machine) << name;
    EXPECT_NEAR(machine->ridge(MathType::BF16), ridge, 0.5) << name;
  }
  EXPECT_EQ(knownMachines().size(), std::size(ridges));
  EXPECT_FALSE(findMachine("abacus"));
}

TEST(Machine, RooflineTakesTheSlower) {
  const Machine &h200 = *findMachine("h200");
  Roofline memory = roofline(h200, 4.8e12, 1e12, MathType::BF16);
  EXPECT_DOUBLE_EQ(memory.seconds(), 1.0);
  EXPECT_FALSE(memory.mathBound());
  Roofline math = roofline(h200, 1e9, 2 * 989.4e12, MathType::BF16);
  EXPECT_DOUBLE_EQ(math.seconds(), 2.0);
  EXPECT_TRUE(math.mathBound());
  EXPECT_NEAR(roofline(h200, 1e9, 2 * 989.4e12, MathType::FP8).seconds(), 1.0,
              1e-3);
}

TEST(Machine, MissingTypeIsInfinitelySlow) {
  Roofline fp8 = roofline(*findMachine("a100"), 1, 1, MathType::FP8);
  EXPECT_TRUE(fp8.mathBound());
  EXPECT_TRUE(std::isinf(fp8.seconds()));
  EXPECT_TRUE(std::isinf(
      roofline(*findMachine("a100"), 1, 0, MathType::FP8).seconds()));
}

// engines.md 4.2: on an H200 V3's decode (242 FLOP a byte) is bound by
// arithmetic, K2's (121) by memory.
TEST(Machine, BoundsOfLatentDecodeOnH200) {
  const Machine &h200 = *findMachine("h200");
  EXPECT_TRUE(roofline(h200, 1e9, 242e9, MathType::BF16).mathBound());
  EXPECT_FALSE(roofline(h200, 1e9, 121e9, MathType::BF16).mathBound());
}
