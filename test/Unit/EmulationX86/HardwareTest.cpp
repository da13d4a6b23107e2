//===-- HardwareTest.cpp - The emulation against the instructions ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every result must be the hardware's, bit for bit, NaN payloads included.
//
//===----------------------------------------------------------------------===//

#include "Hardware.h"
#include "attn/EmulationX86/EmulationX86.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace attn::test;

namespace {

/// What the random operands look like.
enum class Data {
  anyBits,    // one in 256 bf16 is a NaN or an infinity, one in 256 denormal
  ordinary,   // magnitudes around one: rounding matters
  tiny,       // products and sums around the least normal
  huge,       // products and sums around the overflow
  specials,   // zeros, denormals, infinities, NaNs, extremes
  rareSpecial // ordinary, now and then a special one
};

constexpr Data allData[] = {Data::anyBits, Data::ordinary, Data::tiny,
                            Data::huge,    Data::specials, Data::rareSpecial};

class Random {
public:
  explicit Random(uint32_t seed) : engine(seed) {}

  uint32_t bits() { return engine(); }

  /// The bits of an f32, of which a bf16 is the upper half. As factors of a
  /// product, tiny and huge numbers have half the exponent.
  uint32_t number(Data data, bool isFactor) {
    switch (data) {
    case Data::anyBits:
      return bits();
    case Data::ordinary:
      return withExponent(120, 16);
    case Data::tiny:
      return isFactor ? withExponent(50, 24) : withExponent(0, 12);
    case Data::huge:
      return isFactor ? withExponent(182, 12) : withExponent(246, 9);
    case Data::specials:
      return special();
    case Data::rareSpecial:
      return bits() % 64 ? number(Data::ordinary, isFactor) : special();
    }
    return 0;
  }

private:
  uint32_t withExponent(uint32_t first, uint32_t count) {
    uint32_t random = bits();
    return (random & 0x807FFFFF) | (first + bits() % count) << 23;
  }

  uint32_t special() {
    static constexpr uint32_t values[] = {
        0x00000000, 0x00010000, 0x007F0001, 0x00800000, 0x3F800000, 0x7F7FFFFF,
        0x7F800000, 0x7F810001, 0x7FA5A5A5, 0x7FC00000, 0x7FDEADBE, 0x20000000};
    return values[bits() % std::size(values)] | (bits() & 0x80000000);
  }

  std::mt19937 engine;
};

Tile randomTile(Random &random, Data data, Shape shape, bool isBF16) {
  Tile tile;
  for (int64_t row = 0; row < shape.rows; ++row)
    for (int64_t column = 0; column < shape.colsb / 4; ++column) {
      uint32_t value = random.number(data, isBF16);
      if (isBF16)
        value = (value & 0xFFFF0000) | random.number(data, isBF16) >> 16;
      tile.at(row, column) = value;
    }
  return tile;
}

class AMX : public testing::Test {
protected:
  void SetUp() override {
    if (const char *reason = whyNoAMX())
      GTEST_SKIP() << reason;
    attn_emu_clear_fault();
  }
  void TearDown() override { EXPECT_STREQ(attn_emu_fault(), nullptr); }
};

class AVX512BF16 : public testing::Test {
protected:
  void SetUp() override {
    if (const char *reason = whyNoAVX512BF16())
      GTEST_SKIP() << reason;
  }
};

TEST_F(AMX, LoadsAndStoresEveryShape) {
  Random random(1);
  std::vector<uint8_t> memory(16384);
  for (uint8_t &byte : memory)
    byte = random.bits();
  for (int64_t stride : {0, 1, 64, 100, 512, -64})
    for (uint8_t rows = 1; rows <= 16; ++rows)
      for (uint16_t colsb = 4; colsb <= 64; colsb += 4) {
        const uint8_t *base = memory.data() + 8192;
        Tile expected, actual;
        hardware::tileLoadStore({rows, colsb}, expected, base, stride);
        attn_emu_tileloadd(&actual, rows, colsb, base, stride);
        ASSERT_TRUE(actual == expected)
            << int(rows) << " rows of " << colsb << " bytes, stride " << stride;

        std::vector<uint8_t> stored(16384), emulated(16384);
        hardware::tileStore({rows, colsb}, expected, &stored[8192], stride);
        attn_emu_tilestored(&actual, rows, colsb, &emulated[8192], stride);
        ASSERT_EQ(emulated, stored);
      }
}

TEST_F(AMX, ZeroesWholeTile) {
  Random random(2);
  Tile hardwareTile = randomTile(random, Data::anyBits, {16, 64}, false);
  Tile tile = hardwareTile;
  hardware::tileZero({5, 12}, hardwareTile);
  attn_emu_tilezero(&tile, 5, 12);
  EXPECT_TRUE(tile == hardwareTile);
}

TEST_F(AMX, MultipliesEveryShape) {
  Random random(3);
  for (uint8_t m = 1; m <= 16; ++m)
    for (uint8_t n = 1; n <= 16; ++n)
      for (uint8_t k = 1; k <= 16; ++k)
        for (Data data : allData) {
          Shapes shapes = {Shape{m, uint16_t(4 * n)}, Shape{m, uint16_t(4 * k)},
                           Shape{k, uint16_t(4 * n)}};
          Tile acc = randomTile(random, data, shapes[0], /*isBF16=*/false);
          Tile a = randomTile(random, data, shapes[1], /*isBF16=*/true);
          Tile b = randomTile(random, data, shapes[2], /*isBF16=*/true);
          Tile actual;
          attn_emu_tdpbf16ps(&actual, &acc, &a, &b, m, 4 * n, 4 * k);
          hardware::tdpbf16ps(shapes, acc, a, b);
          for (int64_t i = 0; i < 16; ++i)
            for (int64_t j = 0; j < 16; ++j)
              ASSERT_EQ(actual.at(i, j), acc.at(i, j))
                  << "element " << i << ", " << j << " of " << int(m) << " x "
                  << int(n) << " x " << int(k) << ", data " << int(data);
        }
}

// Tininess is detected after rounding: 2^-126 - 2^-151 rounds to the least
// normal and stays, the next number below it is flushed.
TEST_F(AMX, FlushesWhatIsTinyAfterRounding) {
  struct Case {
    uint32_t factor; // 2^-75 or 1.5 * 2^-75, times -2^-76
    uint32_t result;
  };
  for (Case test : {Case{0x1A00, 0x00800000}, Case{0x1A40, 0x00000000}}) {
    Tile acc, a, b, actual;
    a.at(0, 0) = 0x2000; // 2^-63 * 2^-63
    b.at(0, 0) = 0x2000;
    a.at(0, 1) = 0x9980; // -2^-76
    b.at(1, 0) = test.factor;
    attn_emu_tdpbf16ps(&actual, &acc, &a, &b, 1, 4, 8);
    hardware::tdpbf16ps({Shape{1, 4}, Shape{1, 8}, Shape{2, 4}}, acc, a, b);
    EXPECT_EQ(acc.at(0, 0), test.result);
    EXPECT_EQ(actual.at(0, 0), test.result);
  }
}

TEST_F(AMX, TilesFaultOnTheSameShapes) {
  using hardware::Instruction;
  for (int64_t rows : {0, 1, 15, 16, 17})
    for (int64_t colsb : {0, 1, 2, 3, 4, 62, 63, 64, 65, 68})
      for (Instruction instruction :
           {Instruction::tilezero, Instruction::tileloadd,
            Instruction::tilestored}) {
        Tile tile, memory;
        attn_emu_clear_fault();
        switch (instruction) {
        case Instruction::tilezero:
          attn_emu_tilezero(&tile, rows, colsb);
          break;
        case Instruction::tileloadd:
          attn_emu_tileloadd(&tile, rows, colsb, &memory, 64);
          break;
        default:
          attn_emu_tilestored(&tile, rows, colsb, &memory, 64);
        }
        bool faults = hardware::faults(instruction,
                                       {Shape{uint8_t(rows), uint16_t(colsb)}});
        EXPECT_EQ(attn_emu_fault() != nullptr, faults)
            << int(instruction) << " on " << rows << " x " << colsb;
      }
  attn_emu_clear_fault();
}

TEST_F(AMX, ProductFaultsOnTheSameShapes) {
  for (auto [m, nBytes, kBytes] :
       std::vector<std::array<int64_t, 3>>{{16, 64, 64},
                                           {1, 4, 4},
                                           {17, 64, 64},
                                           {0, 64, 64},
                                           {16, 68, 64},
                                           {16, 64, 68},
                                           {16, 62, 64},
                                           {16, 64, 6},
                                           {16, 0, 64},
                                           {16, 64, 0}}) {
    Tile tile, result;
    attn_emu_clear_fault();
    attn_emu_tdpbf16ps(&result, &tile, &tile, &tile, m, nBytes, kBytes);
    bool faults =
        hardware::faults(hardware::Instruction::tdpbf16ps,
                         {Shape{uint8_t(m), uint16_t(nBytes)},
                          Shape{uint8_t(m), uint16_t(kBytes)},
                          Shape{uint8_t(kBytes / 4), uint16_t(nBytes)}});
    EXPECT_EQ(attn_emu_fault() != nullptr, faults)
        << m << ", " << nBytes << ", " << kBytes;
  }
  attn_emu_clear_fault();
}

TEST_F(AVX512BF16, DotProducts) {
  Random random(4);
  for (Data data : allData)
    for (int repeat = 0; repeat < 20000; ++repeat) {
      std::array<float, 16> sum, actual;
      std::array<uint16_t, 32> a, b;
      for (size_t i = 0; i < 32; ++i) {
        a[i] = random.number(data, /*isFactor=*/true) >> 16;
        b[i] = random.number(data, /*isFactor=*/true) >> 16;
      }
      for (float &value : sum) {
        uint32_t bits = random.number(data, /*isFactor=*/false);
        std::memcpy(&value, &bits, sizeof(bits));
      }
      attn_emu_vdpbf16ps(actual.data(), sum.data(), a.data(), b.data(), 16);
      hardware::vdpbf16ps(sum, a, b);
      ASSERT_EQ(std::memcmp(actual.data(), sum.data(), sizeof(sum)), 0)
          << "data " << int(data) << ", repeat " << repeat;
    }
}

// All upper halves with lower halves around the rounding boundaries.
TEST_F(AVX512BF16, Conversions) {
  constexpr std::array<uint32_t, 16> lowerHalves = {
      0x0000, 0x0001, 0x1234, 0x3FFF, 0x4000, 0x5A5A, 0x7FFE, 0x7FFF,
      0x8000, 0x8001, 0x8002, 0xA5A5, 0xBFFF, 0xC000, 0xFFFE, 0xFFFF};
  for (uint32_t upper = 0; upper <= 0xFFFF; ++upper) {
    std::array<uint32_t, 16> bits;
    for (size_t i = 0; i < bits.size(); ++i)
      bits[i] = upper << 16 | lowerHalves[i];
    std::array<float, 16> value;
    std::memcpy(value.data(), bits.data(), sizeof(bits));
    std::array<uint16_t, 16> actual;
    attn_emu_vcvtneps2bf16(actual.data(), value.data(), 16);
    ASSERT_EQ(actual, hardware::vcvtneps2bf16(value)) << std::hex << upper;
  }
}

} // namespace
