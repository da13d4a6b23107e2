//===- RowBlocks.h - How query rows are blocked for registers ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_ROWBLOCKS_H
#define ATTN_COST_ROWBLOCKS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cstdint>

namespace attn::cpu {

/// `count` blocks of `height` rows each, the first at row `start`. The height
/// is a power of two, so that a vector of scores holds whole columns of a
/// block.
struct RowSegment {
  int64_t start, height, count;
};

/// The rows of a kernel cut into blocks that the registers hold. Rows past the
/// real ones are padding: computed on zeros and never stored.
struct RowBlocks {
  llvm::SmallVector<RowSegment> segments;
  int64_t rows;   ///< real rows
  int64_t padded; ///< rows including the padding
};

/// Blocks of 16 rows for the tile and dot-product engines, where a block's cost
/// hardly depends on its height; a single smaller one for fewer rows, but no
/// smaller than `least`.
inline RowBlocks blockRowsUniform(int64_t rows, int64_t least = 1) {
  int64_t height =
      rows >= 16 ? 16 : std::max<int64_t>(least, llvm::PowerOf2Ceil(rows));
  int64_t count = llvm::divideCeil(rows, height);
  return {{{0, height, count}}, rows, height * count};
}

/// Blocks of at most `tallest` rows for FMA, whose cost is proportional to the
/// rows plus one conversion of K and V a block: the remainder is padded to a
/// power of two where that adds a quarter at most, and else cut in two.
inline RowBlocks blockRowsFma(int64_t rows, int64_t tallest) {
  RowBlocks blocks{{}, rows, 0};
  auto push = [&](int64_t height, int64_t count) {
    blocks.segments.push_back({blocks.padded, height, count});
    blocks.padded += height * count;
  };
  if (rows >= tallest)
    push(tallest, rows / tallest);
  for (int64_t left = rows % tallest; left > 0;) {
    int64_t up = llvm::PowerOf2Ceil(left),
            down = llvm::bit_floor<uint64_t>(left);
    int64_t height = 4 * (up - left) <= up ? up : down;
    push(height, 1);
    left -= height;
  }
  return blocks;
}

} // namespace attn::cpu

#endif // ATTN_COST_ROWBLOCKS_H
