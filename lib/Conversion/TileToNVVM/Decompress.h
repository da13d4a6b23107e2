//===- Decompress.h - K and V made of latent rows ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_DECOMPRESS_H
#define ATTN_LIB_CONVERSION_TILETONVVM_DECOMPRESS_H

#include "Products.h"

namespace attn::nvvm {

/// The `tile.decompress` ops of a kernel.
///
/// Each of the two, K's and V's, multiplies a tile's rows by its matrix of the
/// CTA's head, which passes by in chunks of the rank. The chunks of both come
/// through one ring, in one endless order (K's of a tile, V's of it, K's of the
/// next), so that the next ones are under way whatever else is computed.
///
/// Every chunk is a commit, and takes the copies of a tile that were issued
/// before it along: a tile leaves with one of the first chunks and has come
/// well before the last. A wait for chunks is all the waiting there is.
class Decompression {
public:
  Decompression(MmaGeometry &geometry, const DecodeSharedMemory &layout,
                Value shared);

  /// Sends for the first chunks. Before the first tile of a piece, behind the
  /// copies of the tiles that it starts with.
  void start();
  /// Makes K or V of the rows in `stage`, of tile `tile` of the piece. It takes
  /// the place of the other one, which all warps have read when they are here;
  /// ends after a barrier.
  void run(tile::UpPart part, Value tile, Value stage);

  /// Columns of K, when it was made of the rows in `stage`.
  SmallVector<Columns> keys(Value stage) const;
  Value made() const; ///< where K or V was left

private:
  struct Matrix {
    Value base; ///< of the head
    int64_t columns;
    int64_t rest; ///< columns of the result behind these
    bool transposed;
    const SharedLayout *chunk, *result;
  };
  /// Sends for chunk `chunk` (i32) of a matrix.
  void copyChunk(const Matrix &matrix, Value chunk, Value slot);
  void multiplyChunk(const Matrix &matrix, Value chunk, Value slot, Value stage,
                     Fragment &acc);
  void storeResult(const Matrix &matrix, const Fragment &acc);
  Value slotAt(Value count); ///< the place of the ring's chunk `count`

  /// Groups of 16 columns that a warp has of a result: all warps as many, so
  /// that the last ones may have some that another has too.
  int64_t groups(const Matrix &matrix) const;
  struct Group {
    Value from;
    int64_t more;
  };
  /// The `i`th of them is group `from + more` of all.
  Group group(const Matrix &matrix, int64_t i);

  Kernel &k;
  Emitter &e;
  const DecodeSharedMemory &layout;
  Value shared;
  int64_t rank, depth, stages;
  int64_t chunks; ///< of a matrix
  Matrix key, value;
};

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_DECOMPRESS_H
