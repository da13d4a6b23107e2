//===- Decompress.h - K and V made of latent rows ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_DECOMPRESS_H
#define ATTN_LIB_CONVERSION_TILETOCPU_DECOMPRESS_H

#include "Kernel.h"
#include "Product.h"

namespace attn::cpu {

/// The `tile.decompress` ops of a kernel, head by head.
class Decompression {
public:
  /// Reserves scratch for what each op makes and for its matrix, packed.
  explicit Decompression(Kernel &k);
  /// Packs the matrices of `k.head`.
  void startHead();
  /// Multiplies a tile of latent rows; returns where the result is.
  View run(tile::DecompressOp op, const View &rows);

private:
  /// One op; offsets of scratch.
  struct Part {
    tile::DecompressOp op;
    tile::WeightOp weight;
    Product product;
    int64_t packed; ///< the matrix in strips for AMX tiles, or turned over
    int64_t rows;   ///< the result
    int64_t groups; ///< pointers to its groups of tokens

    Value stripAt(Emitter &e, Value packed, Value column) const {
      return e.ptr(packed, e.mul(column, product.stripBytes() / kTileColumns));
    }
  };
  bool usesTiles() {
    tile::ProjectionScheduleAttr schedule = k.op.getUpScheduleAttr();
    return schedule.getEngine() == tile::Engine::Amx &&
           k.kvTile() > schedule.getFewRows();
  }
  Value matrixOf(tile::WeightOp weight);
  void copyTail(tile::DecompressOp op, const View &rows, const Rows &in,
                const Rows &out);

  Kernel &k;
  llvm::SmallVector<Part, 2> parts;
};

} // namespace attn::cpu

#endif // ATTN_LIB_CONVERSION_TILETOCPU_DECOMPRESS_H
