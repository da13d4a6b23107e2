//===- RowBlocksTest.cpp - How query rows are cut into blocks -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/RowBlocks.h"
#include "gtest/gtest.h"

#include <string>
#include <vector>

using namespace attn::cpu;

namespace {

/// The segments as text: "2x16 1x4" is two blocks of 16 rows and one of 4.
std::string print(const RowBlocks &blocks) {
  std::string text;
  for (const RowSegment &segment : blocks.segments)
    text += (text.empty() ? "" : " ") + std::to_string(segment.count) + "x" +
            std::to_string(segment.height);
  return text;
}

/// What holds for every blocking: segments follow each other, blocks are powers
/// of two of at most `tallest`, and nothing but the last block is padded.
void checkInvariants(const RowBlocks &blocks, int64_t rows, int64_t tallest) {
  SCOPED_TRACE(std::to_string(rows) + " rows, blocks of up to " +
               std::to_string(tallest) + ": " + print(blocks));
  EXPECT_EQ(blocks.rows, rows);
  int64_t next = 0;
  ASSERT_FALSE(blocks.segments.empty());
  for (const RowSegment &segment : blocks.segments) {
    EXPECT_EQ(segment.start, next);
    EXPECT_GE(segment.count, 1);
    EXPECT_TRUE(llvm::isPowerOf2_64(segment.height));
    EXPECT_LE(segment.height, tallest);
    next += segment.height * segment.count;
  }
  EXPECT_EQ(blocks.padded, next);
  EXPECT_GE(blocks.padded, rows);
  EXPECT_LT(blocks.padded - rows, blocks.segments.back().height);
}

} // namespace

TEST(RowBlocks, UniformCoversTheRows) {
  for (int64_t rows = 1; rows <= 600; ++rows) {
    RowBlocks blocks = blockRowsUniform(rows);
    checkInvariants(blocks, rows, 16);
    EXPECT_EQ(blocks.segments.size(), 1u);
  }
}

TEST(RowBlocks, UniformTakesOneShortBlockOrBlocksOf16) {
  EXPECT_EQ(print(blockRowsUniform(1)), "1x1");
  EXPECT_EQ(print(blockRowsUniform(3)), "1x4");
  EXPECT_EQ(print(blockRowsUniform(9)), "1x16");
  EXPECT_EQ(print(blockRowsUniform(16)), "1x16");
  EXPECT_EQ(print(blockRowsUniform(17)), "2x16");
  EXPECT_EQ(print(blockRowsUniform(71)), "5x16");
  EXPECT_EQ(print(blockRowsUniform(128)), "8x16");
}

TEST(RowBlocks, FmaCoversTheRows) {
  for (int64_t tallest : {2, 4, 8, 16})
    for (int64_t rows = 1; rows <= 600; ++rows)
      checkInvariants(blockRowsFma(rows, tallest), rows, tallest);
}

// A block's FMAs are proportional to its rows: padding costs what a row costs.
TEST(RowBlocks, FmaPadsAQuarterOfTheLastBlockAtMost) {
  for (int64_t tallest : {2, 4, 8, 16})
    for (int64_t rows = 1; rows <= 600; ++rows) {
      RowBlocks blocks = blockRowsFma(rows, tallest);
      EXPECT_LE(4 * (blocks.padded - rows), blocks.segments.back().height)
          << rows << " rows, " << print(blocks);
    }
}

// And a block costs a conversion of K and V: there are few.
TEST(RowBlocks, FmaCutsTheRestIntoFewBlocks) {
  for (int64_t tallest : {2, 4, 8, 16})
    for (int64_t rows = 1; rows <= 600; ++rows) {
      int64_t rest = 0;
      for (const RowSegment &segment : blockRowsFma(rows, tallest).segments)
        if (segment.height < tallest)
          rest += segment.count;
      EXPECT_LE(rest, 3) << rows << " rows";
    }
}

TEST(RowBlocks, FmaOfTheUsualGroups) {
  const std::pair<int64_t, const char *> expected[] = {
      {1, "1x1"},     {2, "1x2"},      {3, "1x4"},      {4, "1x4"},
      {5, "1x4 1x1"}, {6, "1x8"},      {7, "1x8"},      {8, "1x8"},
      {9, "1x8 1x1"}, {12, "1x8 1x4"}, {14, "1x8 1x8"}, {16, "2x8"},
      {48, "6x8"},    {71, "8x8 1x8"}};
  for (auto [rows, text] : expected)
    EXPECT_EQ(print(blockRowsFma(rows, 8)), text) << rows << " rows";
}
