//===-- Hardware.h - The real instructions, where the host has them -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_EMULATIONX86_HARDWARE_H
#define ATTN_TEST_UNIT_EMULATIONX86_HARDWARE_H

#include "attn/EmulationX86/EmulationX86.h"

#include <array>
#include <cstdint>

namespace attn::test {

/// The buffer of a tile value, as dwords.
struct alignas(64) Tile {
  std::array<uint32_t, ATTN_EMU_TILE_BYTES / 4> dword = {};

  uint32_t &at(int64_t row, int64_t column) { return dword[row * 16 + column]; }
  bool operator==(const Tile &other) const { return dword == other.dword; }
};

/// Why the host cannot run the instructions of AMX-BF16 or AVX512-BF16, or null
/// if it can; asks the kernel for permission to use AMX.
const char *whyNoAMX();
const char *whyNoAVX512BF16();

/// The shapes given to LDTILECFG for one instruction: tmm0 is the destination
/// or the tile loaded and stored, tmm1 and tmm2 are the factors.
struct Shape {
  uint8_t rows = 0;
  uint16_t colsb = 0;
};
using Shapes = std::array<Shape, 3>;

/// LDTILECFG, the instruction(s) named, TILERELEASE. Tiles are exchanged with
/// the registers by loads and stores at a pitch of 64 bytes.
namespace hardware {
void tileLoadStore(Shape shape, Tile &dst, const void *base, int64_t stride);
void tileStore(Shape shape, const Tile &src, void *base, int64_t stride);
void tileZero(Shape shape, Tile &dst);
void tdpbf16ps(const Shapes &shapes, Tile &acc, const Tile &a, const Tile &b);

void vdpbf16ps(std::array<float, 16> &sum, const std::array<uint16_t, 32> &a,
               const std::array<uint16_t, 32> &b);
std::array<uint16_t, 16> vcvtneps2bf16(const std::array<float, 16> &value);

/// Whether configuring `shapes` and executing the instruction raises a fault.
enum class Instruction { tilezero, tileloadd, tilestored, tdpbf16ps };
bool faults(Instruction instruction, const Shapes &shapes);
} // namespace hardware

} // namespace attn::test

#endif // ATTN_TEST_UNIT_EMULATIONX86_HARDWARE_H
