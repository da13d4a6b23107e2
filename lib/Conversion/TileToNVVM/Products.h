//===- Products.h - The two products, by mma.sync ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_PRODUCTS_H
#define ATTN_LIB_CONVERSION_TILETONVVM_PRODUCTS_H

#include "SharedMemory.h"

namespace attn::nvvm {

/// Fragments as mma.m16n8k16 leaves them (PTX ISA, "Matrix fragments for
/// mma.m16n8k16"): of each 16 x 8 block, lane l holds columns 2 (l % 4) and the
/// next of rows l / 4 and l / 4 + 8. A matrix is [block of 16 rows][block of 8
/// columns][4]; rows are [block of 16 rows][2].
struct MmaGeometry : Geometry {
  explicit MmaGeometry(Kernel &k) : k(k), e(k.e) {}

  int64_t rowBlocks() const { return k.schedule.getRows() / 16; }
  int64_t threadRows() const { return 2 * rowBlocks(); }
  /// Blocks of 8 columns that a warp has.
  int64_t scoreBlocks() const { return k.kvTile() / (8 * k.warps()); }
  int64_t outputBlocks() const {
    return k.op.getValueWidth() / (8 * k.warps());
  }
  int64_t outputElements() const { return rowBlocks() * outputBlocks() * 4; }

  int64_t rowOf(int64_t i, int64_t elements) const override {
    return i / (elements / rowBlocks()) * 2 + i % 4 / 2;
  }
  /// Row among the CTA's.
  Value localRow(int64_t r) {
    return e.add(e.div(k.lane, 4), r / 2 * 16 + r % 2 * 8);
  }
  Value rowIndex(int64_t r) override { return e.add(k.firstRow, localRow(r)); }
  Value keyOf(int64_t i, int64_t elements) override {
    return e.add(tileStart, scoreColumn(i, elements));
  }
  Value scoreColumn(int64_t i, int64_t elements) {
    return column(i, elements, scoreBlocks());
  }
  Value outputColumn(int64_t i, int64_t elements) {
    return column(i, elements, outputBlocks());
  }

  Kernel &k;
  Emitter &e;
  Value tileStart; ///< position of the tile's first token

private:
  Value column(int64_t i, int64_t elements, int64_t blocks) {
    int64_t block = i % (elements / rowBlocks()) / 4;
    Value first = e.add(e.mul(k.warp, blocks * 8), e.mul(e.rem(k.lane, 4), 2));
    return e.add(first, block * 8 + i % 2);
  }
};

/// Columns of K, in shared memory, and those of the query that they meet:
/// `count` steps of 16, from step `first` of the one and step `query` of the
/// other on. What rounding left of the numbers, where it is kept, lies
/// `queryRest` steps further in the query, or `keyRest` in K; 0: it is not.
struct Columns {
  const SharedLayout *layout;
  Value base;
  int64_t first, count, query;
  int64_t queryRest = 0, keyRest = 0;
};

/// Scores of this warp's tokens of a tile: query rows times K, whose columns
/// are `keys`, together.
Fragment emitDot(MmaGeometry &geometry, const DecodeSharedMemory &layout,
                 Value shared, ArrayRef<Columns> keys);

/// alpha * acc + weights * V, for this warp's columns of V, which lies at
/// `values`.
Fragment emitDotAcc(MmaGeometry &geometry, const DecodeSharedMemory &layout,
                    Value shared, const SharedLayout &valueLayout, Value values,
                    const Fragment &acc, const Fragment &alpha);

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_PRODUCTS_H
