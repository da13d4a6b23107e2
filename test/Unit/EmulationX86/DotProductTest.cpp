//===-- DotProductTest.cpp - Values worked out by hand --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Hardware.h"
#include "attn/EmulationX86/EmulationX86.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace attn::test;

namespace {

float toFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// A pair of bf16 that are exact in it.
uint32_t pair(float even, float odd) {
  return toBits(even) >> 16 | (toBits(odd) & 0xFFFF0000);
}

/// TDPBF16PS of single elements, `k` pairs deep, and the result's bits.
template <size_t k>
uint32_t dot(float acc, const uint32_t (&a)[k], const uint32_t (&b)[k]) {
  Tile accTile, aTile, bTile, result;
  accTile.at(0, 0) = toBits(acc);
  for (size_t i = 0; i < k; ++i) {
    aTile.at(0, i) = a[i];
    bTile.at(i, 0) = b[i];
  }
  attn_emu_tdpbf16ps(&result, &accTile, &aTile, &bTile, 1, 4, 4 * k);
  return result.at(0, 0);
}

/// VDPBF16PS of one lane.
uint32_t vectorDot(float acc, uint32_t a, uint32_t b) {
  uint16_t aPair[2], bPair[2];
  std::memcpy(aPair, &a, sizeof(a));
  std::memcpy(bPair, &b, sizeof(b));
  float result;
  attn_emu_vdpbf16ps(&result, &acc, aPair, bPair, 1);
  return toBits(result);
}

uint16_t convert(uint32_t bits) {
  float value = toFloat(bits);
  uint16_t result;
  attn_emu_vcvtneps2bf16(&result, &value, 1);
  return result;
}

// a = [1 2 3 4]   b = [1 0]   a * b + [100 200] = [107 204]
//     [0 1 0 0]       [0 2]           [  0  -1]   [  0   1]
//                     [2 0]
//                     [0 0]
TEST(TDPBF16PS, SmallMatrices) {
  Tile acc, a, b, result;
  a.at(0, 0) = pair(1, 2);
  a.at(0, 1) = pair(3, 4);
  a.at(1, 0) = pair(0, 1);
  b.at(0, 0) = pair(1, 0);
  b.at(0, 1) = pair(0, 2);
  b.at(1, 0) = pair(2, 0);
  acc.at(0, 0) = toBits(100);
  acc.at(0, 1) = toBits(200);
  acc.at(1, 1) = toBits(-1);
  attn_emu_tdpbf16ps(&result, &acc, &a, &b, 2, 8, 8);
  Tile expected;
  expected.at(0, 0) = toBits(107);
  expected.at(0, 1) = toBits(204);
  expected.at(1, 1) = toBits(1);
  EXPECT_TRUE(result == expected);
}

TEST(TDPBF16PS, DestinationMayBeAnOperand) {
  Tile acc, a, b;
  a.at(0, 0) = pair(3, 0);
  b.at(0, 0) = pair(5, 0);
  acc.at(0, 0) = toBits(1);
  Tile inB = b;
  attn_emu_tdpbf16ps(&inB, &acc, &a, &inB, 1, 4, 4);
  EXPECT_EQ(inB.at(0, 0), toBits(16));
  attn_emu_tdpbf16ps(&acc, &acc, &a, &b, 1, 4, 4);
  EXPECT_EQ(acc.at(0, 0), toBits(16));
}

// In the even chain 2^24 + 1 rounds to 2^24, twice; the odd chain sums to 2. In
// one chain, each of the ones would be lost.
TEST(TDPBF16PS, SumsEvenAndOddElementsApart) {
  EXPECT_EQ(dot(0, {pair(0x1p24f, 1), pair(1, 1), pair(1, 0)},
                {pair(1, 1), pair(1, 1), pair(1, 0)}),
            toBits(0x1p24f + 2));
}

// The destination is added last: 1 + (2^24 - 2^24), not (1 + 2^24) - 2^24.
TEST(TDPBF16PS, AddsDestinationLast) {
  EXPECT_EQ(
      dot(1, {pair(0x1p24f, 0), pair(-0x1p24f, 0)}, {pair(1, 0), pair(1, 0)}),
      toBits(1));
}

// 2^64 * 2^64 overflows an f32, but not once it is added to -2^127.
TEST(TDPBF16PS, ProductsAreFused) {
  EXPECT_EQ(dot(0, {pair(-0x1p127f, 0), pair(0x1p64f, 0)},
                {pair(1, 0), pair(0x1p64f, 0)}),
            toBits(0x1p127f));
}

TEST(TDPBF16PS, DenormalsAreZero) {
  float denormal = toFloat(0x00400000);
  EXPECT_EQ(dot(0, {pair(denormal, 0)}, {pair(0x1p100f, 0)}), 0u);
  EXPECT_EQ(dot(denormal, {pair(0, 0)}, {pair(0, 0)}), 0u);
  EXPECT_EQ(dot(0, {pair(0x1p-70f, 0)}, {pair(0x1p-70f, 0)}), 0u);
  // A denormal times infinity is zero times infinity.
  EXPECT_EQ(dot(0, {0x0001}, {0x7F80}), 0xFFC00000);
}

TEST(TDPBF16PS, PropagatesFirstNaN) {
  EXPECT_EQ(dot(0, {0x7F81}, {0x7FC2}), 0x7FC10000u); // quieted, of a
  EXPECT_EQ(dot(0, {0x3F80}, {0xFF82}), 0xFFC20000u); // quieted, of b
  EXPECT_EQ(dot(toFloat(0x7FC12345), {0x7FC1}, {0x7FC2}), 0x7FC12345u);
  // Within a chain the product's NaN goes before the sum's.
  EXPECT_EQ(dot(0, {0x7FC1, 0x7FC2}, {0x3F80, 0x3F80}), 0x7FC20000u);
  // The even chain goes before the odd one.
  EXPECT_EQ(dot(0, {0x7FC37FC1}, {0x3F803F80}), 0x7FC10000u);
}

TEST(VDPBF16PS, OddElementFirst) {
  // (2^24 + 1) rounds to 2^24, + -2^24: 0. The other order gives 1.
  EXPECT_EQ(vectorDot(0x1p24f, pair(-0x1p24f, 1), pair(1, 1)), toBits(0));
  EXPECT_EQ(vectorDot(0x1p24f, pair(1, -0x1p24f), pair(1, 1)), toBits(1));
}

TEST(VDPBF16PS, FlushesEachStep) {
  float least = 0x1p-126f;
  // least - 2^-127 is denormal: flushed before the even product is added.
  EXPECT_EQ(vectorDot(least, pair(least, -0x1p-63f), pair(1, 0x1p-64f)),
            toBits(least));
  EXPECT_EQ(vectorDot(toFloat(0x80000001), pair(-0.0f, -0.0f), pair(1, 1)),
            toBits(-0.0f));
}

TEST(VDPBF16PS, ProductNaNGoesBeforeSum) {
  EXPECT_EQ(vectorDot(toFloat(0x7FC12345), 0x7F810000, 0), 0x7FC10000u);
  EXPECT_EQ(vectorDot(toFloat(0x7F812345), 0, 0), 0x7FC12345u);
}

TEST(VCVTNEPS2BF16, RoundsToNearestEven) {
  EXPECT_EQ(convert(0x3F808000), 0x3F80); // tie, to even
  EXPECT_EQ(convert(0x3F818000), 0x3F82); // tie, to even
  EXPECT_EQ(convert(0x3F808001), 0x3F81);
  EXPECT_EQ(convert(0x3F817FFF), 0x3F81);
  EXPECT_EQ(convert(0x7F7FFFFF), 0x7F80); // overflows
  EXPECT_EQ(convert(0xFF7F7FFF), 0xFF7F);
}

TEST(VCVTNEPS2BF16, SpecialValues) {
  EXPECT_EQ(convert(0x007FFFFF), 0x0000); // denormal
  EXPECT_EQ(convert(0x80000001), 0x8000);
  EXPECT_EQ(convert(0x00800000), 0x0080);
  EXPECT_EQ(convert(0xFF800000), 0xFF80);
  EXPECT_EQ(convert(0x7F800001), 0x7FC0); // signalling NaN
  EXPECT_EQ(convert(0xFFA50000), 0xFFE5);
}

} // namespace
