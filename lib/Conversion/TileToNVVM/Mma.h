//===- Mma.h - Operands of mma.sync out of shared memory --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_MMA_H
#define ATTN_LIB_CONVERSION_TILETONVVM_MMA_H

#include "SharedMemory.h"

namespace attn::nvvm {

/// Operands of mma.sync out of swizzled matrices: which row and chunk this lane
/// hands ldmatrix.
struct Operands {
  Emitter &e;
  Value lane;

  /// A: rows `row` to + 16, columns 16 `step` to + 16, counted from chunk
  /// `first` on if given. Lanes 0-15 hand the rows of the left half, 16-31
  /// those of the right one.
  SmallVector<Value> a(const SharedLayout &layout, Value base, int64_t row,
                       int64_t step, Value first = {}) {
    Value c = e.div(lane, 16);
    if (first)
      c = e.add(c, first);
    Value at = emitChunk(e, layout, base, e.rem(lane, 16), c, row, 2 * step);
    return e.loadMatrices(at, 4, /*transposed=*/false);
  }

  /// B from rows that are its columns (K's tokens): `blocks` (1 or 2) times 8
  /// rows from `first + row` on, columns 16 `step` to + 16; two registers a
  /// block.
  SmallVector<Value> bFromRows(const SharedLayout &layout, Value base,
                               Value first, int64_t row, int64_t blocks,
                               int64_t step) {
    Value r = e.add(first, e.rem(lane, 8));
    if (blocks == 2)
      r = e.add(r, e.mul(e.div(lane, 16), 8));
    Value at =
        emitChunk(e, layout, base, r, e.rem(e.div(lane, 8), 2), row, 2 * step);
    return e.loadMatrices(at, 2 * blocks, /*transposed=*/false);
  }

  /// B from rows that are its rows (V's tokens, a projection's weights): 16
  /// rows from `row` on, two blocks of 8 columns from chunk `first + chunk` on;
  /// two registers a block.
  SmallVector<Value> bFromColumns(const SharedLayout &layout, Value base,
                                  int64_t row, Value first, int64_t chunk) {
    Value c = e.add(first, e.div(lane, 16));
    Value at = emitChunk(e, layout, base, e.rem(lane, 16), c, row, chunk);
    return e.loadMatrices(at, 4, /*transposed=*/true);
  }
};

/// The four values at `at` of a fragment, replaced by their sum with A x B.
inline void multiply(Emitter &e, Fragment &acc, int64_t at, ArrayRef<Value> a,
                     ArrayRef<Value> b, Type element) {
  SmallVector<Value> sum =
      e.mma(a, b, ArrayRef<Value>(acc).slice(at, 4), element);
  llvm::copy(sum, acc.begin() + at);
}

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_MMA_H
