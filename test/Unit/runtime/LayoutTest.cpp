//===-- LayoutTest.cpp - Index algebra of the cache layouts ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn_layout.h"

#include "gtest/gtest.h"

#include <vector>

TEST(Layout, DtypeSizes) {
  EXPECT_EQ(attn_dtype_size(ATTN_BF16), 2);
  EXPECT_EQ(attn_dtype_size(ATTN_F16), 2);
  EXPECT_EQ(attn_dtype_size(ATTN_F32), 4);
  EXPECT_EQ(attn_dtype_size(3), 0);
  EXPECT_EQ(attn_dtype_size(-1), 0);
}

TEST(Layout, OnlyOwnBf16VIsInterleaved) {
  EXPECT_TRUE(attn_layout_interleaves_v(ATTN_LAYOUT_OWN, ATTN_BF16));
  EXPECT_FALSE(attn_layout_interleaves_v(ATTN_LAYOUT_OWN, ATTN_F16));
  EXPECT_FALSE(attn_layout_interleaves_v(ATTN_LAYOUT_OWN, ATTN_F32));
  EXPECT_FALSE(attn_layout_interleaves_v(ATTN_LAYOUT_ROW, ATTN_BF16));
}

// The documented shape [dim/16][p/2][16][2], walked in memory order.
TEST(Layout, OwnVFollowsItsDocumentation) {
  for (int64_t page : {2, 6, 16, 64})
    for (int64_t dim : {16, 48, 128}) {
      int64_t offset = 0;
      for (int64_t block = 0; block < dim / 16; ++block)
        for (int64_t pair = 0; pair < page / 2; ++pair)
          for (int64_t column = 0; column < 16; ++column)
            for (int64_t half = 0; half < 2; ++half)
              ASSERT_EQ(
                  attn_own_v_offset(page, 2 * pair + half, 16 * block + column),
                  offset++);
      EXPECT_EQ(offset, attn_own_chunk_elements(page, dim));
    }
}

// Every element of every layout has a place of its own within the chunk.
TEST(Layout, OffsetsAreABijection) {
  for (int32_t dtype : {ATTN_BF16, ATTN_F16, ATTN_F32})
    for (int64_t page : {2, 10, 32})
      for (int64_t dim : {16, 80}) {
        std::vector<int> hits(size_t(attn_own_chunk_elements(page, dim)));
        for (int64_t token = 0; token < page; ++token)
          for (int64_t d = 0; d < dim; ++d)
            ++hits.at(size_t(
                attn_v_offset(ATTN_LAYOUT_OWN, dtype, page, dim, token, d)));
        for (int hit : hits)
          ASSERT_EQ(hit, 1);
      }
}

TEST(Layout, RowsUseTheTokenStride) {
  EXPECT_EQ(attn_row_offset(1000, 3, 7), 3007);
  EXPECT_EQ(attn_v_offset(ATTN_LAYOUT_ROW, ATTN_BF16, 16, 1000, 3, 7), 3007);
  EXPECT_EQ(attn_v_offset(ATTN_LAYOUT_OWN, ATTN_F32, 16, 8, 3, 7), 31);
  // Past 2^31 elements.
  EXPECT_EQ(attn_row_offset(int64_t(1) << 33, 2, 1), (int64_t(1) << 34) + 1);
}
