//===- Matrix.cpp - ldmatrix, stmatrix and mma.sync -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "Float.h"
#include "attn/EmulationSIMT/Ops.h"

#include <cstring>

using namespace attn::simt;

static constexpr uint32_t kAllLanes = ~0u;
static constexpr uint32_t kRowBytes = 16; ///< 8 elements of 16 bits

namespace {
struct MatrixAccess {
  char *row;
  uint32_t *registers; ///< `count` of them
};
} // namespace

/// Moves the matrices of a collective between memory and registers: lane
/// 8 * m + r has the address of row r of matrix m, and lane l two elements of
/// each matrix, (l / 4, 2 * (l % 4)) and the next one in the row, or
/// transposed.
template <bool load>
static void moveMatrices(Cta &cta, Collective &op) {
  uint32_t count = op.key.qualifier >> 1;
  bool transposed = op.key.qualifier & 1;
  for (uint32_t matrix = 0; matrix < count; ++matrix) {
    uint16_t *rows[8];
    for (uint32_t row = 0; row < 8; ++row) {
      uint32_t lane = matrix * 8 + row, thread = op.firstThread + lane;
      char *address = op.argument<MatrixAccess>(lane).row;
      rows[row] = reinterpret_cast<uint16_t *>(address);
      cta.checkShared(thread, address, kRowBytes, kRowBytes, !load,
                      cta.accessOf(thread, op.sites[lane], kRowBytes));
    }
    for (uint32_t lane = 0; lane < kWarp; ++lane) {
      uint32_t r = lane / 4, c = lane % 4 * 2;
      uint16_t &low = transposed ? rows[c][r] : rows[r][c];
      uint16_t &high = transposed ? rows[c + 1][r] : rows[r][c + 1];
      uint32_t &packed = op.argument<MatrixAccess>(lane).registers[matrix];
      if (load) {
        packed = low | uint32_t(high) << 16;
      } else {
        low = static_cast<uint16_t>(packed);
        high = static_cast<uint16_t>(packed >> 16);
      }
    }
  }
}

void attn_simt_ldmatrix(int32_t site, int32_t count, int32_t transposed,
                        const void *row, uint32_t *result) {
  MatrixAccess access = {static_cast<char *>(const_cast<void *>(row)), result};
  Cta::current().collective("ldmatrix", count << 1 | (transposed != 0),
                            kAllLanes, /*aligned=*/true, site, &access,
                            moveMatrices<true>);
}

void attn_simt_stmatrix(int32_t site, int32_t count, int32_t transposed,
                        void *row, const uint32_t *values) {
  MatrixAccess access = {static_cast<char *>(row),
                         const_cast<uint32_t *>(values)};
  Cta::current().collective("stmatrix", count << 1 | (transposed != 0),
                            kAllLanes, /*aligned=*/true, site, &access,
                            moveMatrices<false>);
}

/// The two elements of a register, the lower one first.
template <int type>
static void unpack(uint32_t packed, float &a, float &b) {
  auto low = static_cast<uint16_t>(packed);
  auto high = static_cast<uint16_t>(packed >> 16);
  a = type == ATTN_SIMT_BF16 ? fromBF16(low) : fromF16(low);
  b = type == ATTN_SIMT_BF16 ? fromBF16(high) : fromF16(high);
}

/// PTX ISA, "Matrix Fragments for mma.m16n8k8" and "... mma.m16n8k16". With
/// group g = lane / 4 and t = lane % 4, register 2 * j + i of A holds row
/// g + 8 * i, columns 2 * t + 8 * j and the next; register j of B holds column
/// g, rows 2 * t + 8 * j and the next; C and D hold row g (the first two) and
/// g + 8, columns 2 * t and the next.
template <int type, int k>
static void computeMma(Cta &, Collective &op) {
  constexpr int aRegisters = k / 4, bRegisters = k / 8;
  float a[16][k], b[k][8], d[16][8];
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    auto *registers = static_cast<uint32_t *>(op.arguments[lane]);
    uint32_t g = lane / 4, t = lane % 4;
    for (int i = 0; i < aRegisters; ++i) {
      float *to = &a[g + i % 2 * 8][2 * t + i / 2 * 8];
      unpack<type>(registers[i], to[0], to[1]);
    }
    for (int i = 0; i < bRegisters; ++i)
      unpack<type>(registers[aRegisters + i], b[2 * t + i * 8][g],
                   b[2 * t + i * 8 + 1][g]);
    const uint32_t *c = registers + aRegisters + bRegisters;
    std::memcpy(&d[g][2 * t], c, 8);
    std::memcpy(&d[g + 8][2 * t], c + 2, 8);
  }
  for (int row = 0; row < 16; ++row)
    for (int i = 0; i < k; ++i)
      for (int column = 0; column < 8; ++column)
        d[row][column] += a[row][i] * b[i][column];
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    uint32_t g = lane / 4, t = lane % 4;
    uint32_t *c =
        static_cast<uint32_t *>(op.arguments[lane]) + aRegisters + bRegisters;
    std::memcpy(c, &d[g][2 * t], 8);
    std::memcpy(c + 2, &d[g + 8][2 * t], 8);
  }
}

void attn_simt_mma(int32_t site, int32_t k, int32_t type, uint32_t *registers) {
  static constexpr Collective::Compute computes[2][2] = {
      {computeMma<ATTN_SIMT_F16, 8>, computeMma<ATTN_SIMT_F16, 16>},
      {computeMma<ATTN_SIMT_BF16, 8>, computeMma<ATTN_SIMT_BF16, 16>}};
  Cta::current().collective("mma.sync", k << 1 | type, kAllLanes,
                            /*aligned=*/true, site, registers,
                            computes[type == ATTN_SIMT_BF16][k == 16]);
}
