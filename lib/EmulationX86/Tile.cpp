//===-- Tile.cpp - TILEZERO, TILELOADD, TILESTORED ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SDM volume 2: "TILEZERO", "TILELOADD/TILELOADDT1", "TILESTORED".
//
//===----------------------------------------------------------------------===//

#include "Fault.h"
#include "attn/EmulationX86/EmulationX86.h"

#include <cstring>

using namespace attn::emulation;

void attn_emu_tilezero(void *dst, int64_t rows, int64_t colsb) {
  bool valid = checkShape("tilezero", rows, colsb);
  std::memset(dst, valid ? 0 : 0xFF, ATTN_EMU_TILE_BYTES);
}

void attn_emu_tileloadd(void *dst, int64_t rows, int64_t colsb,
                        const void *base, int64_t stride) {
  if (!checkDwordShape("tileloadd", rows, colsb)) {
    std::memset(dst, 0xFF, ATTN_EMU_TILE_BYTES);
    return;
  }
  std::memset(dst, 0, ATTN_EMU_TILE_BYTES);
  auto *tile = static_cast<char *>(dst);
  const auto *memory = static_cast<const char *>(base);
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(tile + row * ATTN_EMU_TILE_COLSB, memory + row * stride, colsb);
}

void attn_emu_tilestored(const void *src, int64_t rows, int64_t colsb,
                         void *base, int64_t stride) {
  if (!checkDwordShape("tilestored", rows, colsb))
    return;
  const auto *tile = static_cast<const char *>(src);
  auto *memory = static_cast<char *>(base);
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(memory + row * stride, tile + row * ATTN_EMU_TILE_COLSB, colsb);
}
