//===- Product.h - Rows times a head's matrix -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_PRODUCT_H
#define ATTN_LIB_CONVERSION_TILETOCPU_PRODUCT_H

#include "Emitter.h"
#include "attn/Dialect/Tile/IR/Tile.h"

namespace attn::cpu {

/// Rows and columns of one block of AMX tiles.
constexpr int64_t kTileRows = 32, kTileColumns = 32;

/// One side of a product: row r starts at `base + r * stride` bytes. With
/// `groups`, an array of pointers, `base` is null and row r is number r % 16 of
/// group r / 16, whose rows start `offset` bytes into it.
struct Rows {
  Value base, stride;
  Value groups = {}, offset = {};

  Value at(Emitter &e, Value row) const;
};

/// `out[row, n] = sum_k in[row, k] * weight[k, n]`, accumulated in f32 and
/// rounded to `element`: the blocks that registers hold, of which projections
/// and kernels that decompress are made.
class Product {
public:
  /// `reserve` gives the offset of as many bytes of scratch.
  Product(Emitter &e, Type element, int64_t k, int64_t n, bool wideInput,
          tile::ProjectionScheduleAttr schedule,
          llvm::function_ref<int64_t(int64_t)> reserve);
  /// Where scratch lies, before anything is emitted.
  void setScratch(Value pointer) { scratch = pointer; }

  /// By vector FMA: the first `height` (1, 2 or 4) rows of `staged()`, rows of
  /// k f32, times `weight`; row i goes to `targets[i]`.
  void multiplyStaged(Value weight, int64_t height, ArrayRef<Value> targets);
  Value staged(int64_t row = 0) { return e.ptr(scratch, inputs + row * k * 4); }
  /// Copies a row of input to the staged one at `to`.
  void stageRow(Value source, Value to);

  /// Writes a matrix that lies transposed, n rows of k, as k rows of n.
  void transpose(Value weight, Value to);

  /// On AMX tiles: interleaves 32 columns of `weight` in pairs of rows, to
  /// `stripBytes()` bytes.
  void packStrip(Value weight, Value column, Value strip);
  /// The same of a matrix that lies transposed, n rows of k.
  void packStripTransposed(Value weight, Value column, Value strip);
  int64_t stripBytes() const { return kTileColumns * k * 2; }
  /// 32 rows of `in` from `first` on, each `parts` rows of k numbers whose sum
  /// is meant, times the strip; the first `valid` of them are stored at
  /// `column` of `out`, from `outFirst` on.
  void multiplyTiles(const Rows &in, Value first, Value strip, const Rows &out,
                     Value outFirst, Value column, Value valid);

  /// Strips are many and come from L2: a product fetches them ahead.
  void setStripsInL2() { stripsInL2 = true; }

  /// What rounding leaves of a row's n numbers is stored behind them.
  void keepRest() { keepsRest = true; }

  /// Numbers of 16 bits that an element of the input is the sum of.
  int64_t parts() const { return wide ? 2 : 1; }
  Type inElement() { return wide ? e.f32() : element; }

private:
  /// bf16 is taken apart into even and odd columns as it is loaded.
  bool split() const { return element.isBF16() && n % (2 * lanes()) == 0; }
  int64_t lanes() const { return schedule.getVector(); }
  int64_t es() const { return Emitter::bytes(element); }
  void storeVector(Value x, Value at);
  void storeRow(Value low, Value high, Value at);

  Emitter &e;
  Type element;
  int64_t k, n;
  bool wide; ///< the input is f32, and the weights are not
  tile::ProjectionScheduleAttr schedule;
  bool stripsInL2 = false, keepsRest = false;
  Value scratch;
  /// Offsets of scratch: f32 rows of input and of sums, tiles of sums.
  int64_t inputs = 0, sums = 0, tileSums = 0;
};

} // namespace attn::cpu

#endif // ATTN_LIB_CONVERSION_TILETOCPU_PRODUCT_H
