//===-- TileTest.cpp - Shapes, loads, stores and faults -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Hardware.h"
#include "attn/EmulationX86/EmulationX86.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>

using namespace attn::test;
using testing::HasSubstr;

namespace {

class EmulatedTile : public testing::Test {
protected:
  void SetUp() override { attn_emu_clear_fault(); }
  void TearDown() override { attn_emu_clear_fault(); }
};

TEST_F(EmulatedTile, LoadZeroesWhatIsOutside) {
  uint32_t memory[] = {1, 2, 3, 4, 5, 6};
  Tile tile, expected;
  tile.dword.fill(0xDEADBEEF);
  attn_emu_tileloadd(&tile, 2, 8, memory, 12);
  expected.at(0, 0) = 1;
  expected.at(0, 1) = 2;
  expected.at(1, 0) = 4;
  expected.at(1, 1) = 5;
  EXPECT_TRUE(tile == expected);
}

TEST_F(EmulatedTile, StoreLeavesTheRest) {
  Tile tile;
  tile.at(0, 0) = 1;
  tile.at(0, 1) = 2;
  tile.at(1, 0) = 3;
  tile.at(1, 1) = 4;
  uint32_t memory[] = {7, 7, 7, 7, 7};
  attn_emu_tilestored(&tile, 2, 8, memory, 12);
  EXPECT_THAT(memory, testing::ElementsAre(1, 2, 7, 3, 4));
  EXPECT_STREQ(attn_emu_fault(), nullptr);
}

TEST_F(EmulatedTile, RefusesShapesBeyondPalette) {
  struct Case {
    int64_t rows, colsb;
  };
  for (Case shape : {Case{0, 64}, Case{17, 64}, Case{16, 0}, Case{16, 65},
                     Case{-1, 4}, Case{1, -4}}) {
    attn_emu_clear_fault();
    Tile tile;
    attn_emu_tilezero(&tile, shape.rows, shape.colsb);
    ASSERT_NE(attn_emu_fault(), nullptr);
    EXPECT_THAT(attn_emu_fault(),
                HasSubstr("tilezero: a tile of " + std::to_string(shape.rows)));
    EXPECT_EQ(tile.at(15, 15), 0xFFFFFFFF);
  }
}

TEST_F(EmulatedTile, FaultingStoreStoresNothing) {
  Tile tile;
  uint32_t memory = 7;
  attn_emu_tilestored(&tile, 1, 68, &memory, 4);
  EXPECT_THAT(attn_emu_fault(), HasSubstr("tilestored"));
  EXPECT_EQ(memory, 7u);
}

TEST_F(EmulatedTile, FaultingLoadGivesNaNs) {
  Tile tile;
  attn_emu_tileloadd(&tile, 17, 64, nullptr, 64);
  EXPECT_THAT(attn_emu_fault(), HasSubstr("tileloadd"));
  EXPECT_EQ(tile.at(0, 0), 0xFFFFFFFF);
}

TEST_F(EmulatedTile, RefusesPartialPairs) {
  Tile tile, result;
  attn_emu_tdpbf16ps(&result, &tile, &tile, &tile, 16, 64, 62);
  EXPECT_THAT(attn_emu_fault(), HasSubstr("tdpbf16ps: rows of 62 bytes"));
  EXPECT_EQ(result.at(0, 0), 0xFFFFFFFF);
}

TEST_F(EmulatedTile, KeepsFirstFault) {
  Tile tile;
  attn_emu_tilezero(&tile, 17, 64);
  attn_emu_tdpbf16ps(&tile, &tile, &tile, &tile, 99, 64, 64);
  EXPECT_THAT(attn_emu_fault(), HasSubstr("tilezero"));
}

TEST_F(EmulatedTile, FaultsBelongToTheThread) {
  std::thread([] {
    Tile tile;
    attn_emu_tilezero(&tile, 17, 64);
    EXPECT_NE(attn_emu_fault(), nullptr);
  }).join();
  EXPECT_STREQ(attn_emu_fault(), nullptr);
}

TEST_F(EmulatedTile, ListsItsSymbols) {
  size_t count = 0;
  const attn_emu_symbol *symbols = attn_emu_symbols(&count);
  bool found = false;
  for (size_t i = 0; i < count; ++i) {
    EXPECT_THAT(symbols[i].name, testing::StartsWith("attn_emu_"));
    found |= std::string(symbols[i].name) == "attn_emu_tdpbf16ps" &&
             symbols[i].address == reinterpret_cast<void *>(attn_emu_tdpbf16ps);
  }
  EXPECT_TRUE(found);
}

} // namespace
