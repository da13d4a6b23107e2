//===- SharedLayout.h - Where tiles lie in shared memory --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pure algebra of the NVVM target's shared memory, free of IR, so that it can
// be tested by counting bank conflicts.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_TILETONVVM_SHAREDLAYOUT_H
#define ATTN_CONVERSION_TILETONVVM_SHAREDLAYOUT_H

#include <algorithm>
#include <cstdint>

namespace attn::nvvm {

/// 16-bit elements of a chunk: what one cp.async brings and what one lane hands
/// ldmatrix, 16 bytes.
constexpr int64_t kChunk = 8;

/// A matrix of 16-bit elements in rows of 16-byte chunks, swizzled so that the
/// same chunk of eight consecutive rows (what ldmatrix reads at once) lies in
/// eight different groups of banks, and no padding is needed for any width.
///
/// Chunk c of row r lies at chunk r * chunks + (c ^ ((r >> shift) & mask)).
/// With p the largest power of two up to 8 that divides the number of chunks,
/// rows repeat their banks every 8 / p rows; XOR with the count of repeats
/// spreads them over the p groups that are left.
struct SharedLayout {
  int64_t chunks; ///< of a row
  int64_t shift, mask;

  explicit SharedLayout(int64_t columns) : chunks(columns / kChunk) {
    int64_t p = std::min<int64_t>(8, chunks & -chunks);
    mask = p - 1;
    shift = 0;
    for (int64_t period = 8 / p; period > 1; period /= 2)
      ++shift;
  }

  int64_t rowBytes() const { return chunks * 16; }
  /// Byte offset of a chunk.
  int64_t offset(int64_t row, int64_t chunk) const {
    return row * rowBytes() + (chunk ^ ((row >> shift) & mask)) * 16;
  }
};

} // namespace attn::nvvm

#endif // ATTN_CONVERSION_TILETONVVM_SHAREDLAYOUT_H
