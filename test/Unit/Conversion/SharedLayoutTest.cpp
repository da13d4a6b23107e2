//===- SharedLayoutTest.cpp - The swizzle, by counting bank conflicts -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/SharedLayout.h"
#include "gtest/gtest.h"

#include <set>

using namespace attn::nvvm;

namespace {
class Swizzle : public testing::TestWithParam<int64_t> {};
} // namespace

// ldmatrix reads 16 bytes of eight rows at once: all 32 banks (128 bytes), each
// once, or it takes several passes.
TEST_P(Swizzle, EightRowsOfAChunkAreInEightGroupsOfBanks) {
  SharedLayout layout(GetParam());
  for (int64_t chunk = 0; chunk < layout.chunks; ++chunk)
    for (int64_t first = 0; first < 32; first += 8) {
      std::set<int64_t> groups;
      for (int64_t row = first; row < first + 8; ++row)
        groups.insert(layout.offset(row, chunk) / 16 % 8);
      EXPECT_EQ(groups.size(), 8u) << "chunk " << chunk << " row " << first;
    }
}

TEST_P(Swizzle, EveryChunkHasAPlaceOfItsOwnWithinItsRow) {
  SharedLayout layout(GetParam());
  for (int64_t row = 0; row < 16; ++row) {
    std::set<int64_t> places;
    for (int64_t chunk = 0; chunk < layout.chunks; ++chunk) {
      int64_t offset = layout.offset(row, chunk);
      EXPECT_GE(offset, row * layout.rowBytes());
      EXPECT_LT(offset, (row + 1) * layout.rowBytes());
      EXPECT_EQ(offset % 16, 0);
      places.insert(offset);
    }
    EXPECT_EQ(static_cast<int64_t>(places.size()), layout.chunks);
  }
}

// What the emitted addresses rest on: eight rows further, and a whole group of
// chunks further, are constants further.
TEST_P(Swizzle, RowsByEightAndGroupsOfChunksAddConstants) {
  SharedLayout layout(GetParam());
  int64_t group = layout.mask + 1;
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t chunk = 0; chunk + group < layout.chunks; ++chunk) {
      EXPECT_EQ(layout.offset(row + 8, chunk) - layout.offset(row, chunk),
                8 * layout.rowBytes());
      EXPECT_EQ(layout.offset(row, chunk + group) - layout.offset(row, chunk),
                16 * group);
    }
}

INSTANTIATE_TEST_SUITE_P(Widths, Swizzle,
                         testing::Values(16, 32, 48, 64, 80, 96, 112, 128, 192,
                                         256, 288, 320, 512, 576));
