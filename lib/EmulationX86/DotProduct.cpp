//===-- DotProduct.cpp - TDPBF16PS, VDPBF16PS, VCVTNEPS2BF16 --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SDM volume 2: "TDPBF16PS", "VDPBF16PS", "VCVTNEPS2BF16".
//
// TDPBF16PS sums the products of the even elements of all pairs in one chain of
// multiply-adds that starts at zero, those of the odd ones in another, adds the
// two, and adds that to the destination. Numbers go through a loop that
// compilers vectorise, compiled twice: with FMA instructions, and for the
// baseline, where the multiply-add is the C library's. Elements that came out
// as NaN are computed again with the rules for NaNs.
//
//===----------------------------------------------------------------------===//

#include "Fault.h"
#include "Float.h"
#include "attn/EmulationX86/EmulationX86.h"

#include <cstring>
#include <initializer_list>

using namespace attn::emulation;

namespace {

constexpr int64_t lanes = ATTN_EMU_TILE_COLSB / sizeof(uint32_t);

/// A tile seen as dwords: f32, or pairs of bf16 with the even one below.
struct Dwords {
  uint32_t row[ATTN_EMU_TILE_ROWS][lanes];
};

struct Floats {
  float row[ATTN_EMU_TILE_ROWS][lanes];
};

ATTN_EMU_INLINE uint32_t even(uint32_t pair) { return pair << 16; }
ATTN_EMU_INLINE uint32_t odd(uint32_t pair) { return pair & 0xFFFF0000; }

/// The numbers of TDPBF16PS, all lanes of `m` rows, `k` pairs deep.
ATTN_EMU_INLINE void multiply(Floats &dst, const Dwords &acc, const Dwords &a,
                              const Dwords &b, int64_t m, int64_t k) {
  Floats evenB, oddB;
  for (int64_t pair = 0; pair < k; ++pair)
    for (int64_t n = 0; n < lanes; ++n) {
      evenB.row[pair][n] = toFloat(daz(even(b.row[pair][n])));
      oddB.row[pair][n] = toFloat(daz(odd(b.row[pair][n])));
    }
  for (int64_t i = 0; i < m; ++i) {
    float evenSum[lanes] = {}, oddSum[lanes] = {};
    for (int64_t pair = 0; pair < k; ++pair) {
      float evenA = toFloat(daz(even(a.row[i][pair])));
      float oddA = toFloat(daz(odd(a.row[i][pair])));
      for (int64_t n = 0; n < lanes; ++n)
        evenSum[n] = fmaFlush(evenA, evenB.row[pair][n], evenSum[n]);
      for (int64_t n = 0; n < lanes; ++n)
        oddSum[n] = fmaFlush(oddA, oddB.row[pair][n], oddSum[n]);
    }
    for (int64_t n = 0; n < lanes; ++n) {
      float sum = fmaFlush(evenSum[n], 1.0f, oddSum[n]);
      dst.row[i][n] = fmaFlush(sum, 1.0f, toFloat(daz(acc.row[i][n])));
    }
  }
}

[[gnu::target("avx2,fma")]] void multiplyFMA(Floats &dst, const Dwords &acc,
                                             const Dwords &a, const Dwords &b,
                                             int64_t m, int64_t k) {
  multiply(dst, acc, a, b, m, k);
}

void multiplyBaseline(Floats &dst, const Dwords &acc, const Dwords &a,
                      const Dwords &b, int64_t m, int64_t k) {
  multiply(dst, acc, a, b, m, k);
}

/// One element of TDPBF16PS with the rules for NaNs.
uint32_t multiplyElement(const Dwords &acc, const Dwords &a, const Dwords &b,
                         int64_t i, int64_t n, int64_t k) {
  uint32_t evenSum = 0, oddSum = 0;
  for (int64_t pair = 0; pair < k; ++pair) {
    evenSum = fma(even(a.row[i][pair]), even(b.row[pair][n]), evenSum);
    oddSum = fma(odd(a.row[i][pair]), odd(b.row[pair][n]), oddSum);
  }
  return add(acc.row[i][n], add(evenSum, oddSum));
}

} // namespace

void attn_emu_tdpbf16ps(void *dst, const void *acc, const void *a,
                        const void *b, int64_t m, int64_t n_bytes,
                        int64_t k_bytes) {
  if (!checkDwordShape("tdpbf16ps", m, n_bytes) ||
      !checkDwordShape("tdpbf16ps", m, k_bytes)) {
    std::memset(dst, 0xFF, ATTN_EMU_TILE_BYTES);
    return;
  }

  const auto &accTile = *static_cast<const Dwords *>(acc);
  const auto &aTile = *static_cast<const Dwords *>(a);
  const auto &bTile = *static_cast<const Dwords *>(b);
  int64_t n = n_bytes / 4, k = k_bytes / 4;
  static const bool hasFMA =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  Floats products;
  (hasFMA ? multiplyFMA : multiplyBaseline)(products, accTile, aTile, bTile, m,
                                            k);

  Dwords result = {};
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      uint32_t bits = toBits(products.row[i][j]);
      result.row[i][j] =
          isNaN(bits) ? multiplyElement(accTile, aTile, bTile, i, j, k) : bits;
    }
  std::memcpy(dst, &result, sizeof(result));
}

void attn_emu_vdpbf16ps(float *dst, const float *src, const uint16_t *a,
                        const uint16_t *b, int64_t lanes) {
  for (int64_t i = 0; i < lanes; ++i) {
    uint32_t sum = toBits(src[i]);
    for (int64_t element : {2 * i + 1, 2 * i})
      sum = fma(uint32_t(a[element]) << 16, uint32_t(b[element]) << 16, sum);
    std::memcpy(&dst[i], &sum, sizeof(sum));
  }
}

void attn_emu_vcvtneps2bf16(uint16_t *dst, const float *src, int64_t lanes) {
  for (int64_t i = 0; i < lanes; ++i) {
    uint32_t bits;
    std::memcpy(&bits, &src[i], sizeof(bits));
    dst[i] = truncate(bits);
  }
}
