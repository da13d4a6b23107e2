//===- Kernel.h - State of one kernel's lowering ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_KERNEL_H
#define ATTN_LIB_CONVERSION_TILETOCPU_KERNEL_H

#include "Emitter.h"
#include "attn/Conversion/TileToCPU/RowBlocks.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "llvm/ADT/DenseMap.h"

namespace attn::cpu {

/// How a tile lies in memory. `h` is a block's height, `t` a column.
enum class Order {
  RowVector,  ///< one f32 a row
  RowMajor,   ///< rows of contiguous f32
  Score,      ///< per block [t][h] f32: a vector holds whole columns
  PairScore,  ///< per block [t/2][h][2] bf16: a 32-bit lane is a token pair
};

/// A tile's storage.
struct Buffer {
  Value base;
  Order order;
  int64_t cols = 1;
};

/// Where the rows of a K or V tile are.
struct View {
  Value base;
  /// Bytes between tokens; for pair-interleaved V, bytes between groups of 16
  /// dims.
  Value stride;
  /// What will be read soon, laid out as the tile is; null: no prefetch.
  Value ahead;
  /// What lies ahead is more than L1 holds beside this tile.
  bool farAhead = false;
  /// Pair-interleaved: [dim/16][token/2][16][2].
  bool paired = false;
};

/// What every part of the lowering needs to know about the kernel at hand.
struct Kernel {
  Emitter e;
  tile::KernelOp op;
  tile::CacheAttr cache;
  tile::ScheduleAttr schedule;
  RowBlocks blocks;

  // Run-time values.
  Value args, item, scratch;
  Value batch, seqLen, tokenBegin, tokenEnd, headBegin, headEnd;
  Value head;      ///< KV head of the current step
  Value tileStart; ///< first token of the current tile

  int64_t lanes() const { return schedule.getVector(); }
  int64_t group() { return op.getGroup(); }
  int64_t qLen() { return op.getQLen(); }
  int64_t kDim() const { return cache.getK(); }
  int64_t vDim() const { return cache.getV(); }
  int64_t kvTile() const { return schedule.getKvTile(); }
  Type element() const { return cache.getElement(); }
  tile::Engine engine() const { return schedule.getEngine(); }
  /// V lies pair-interleaved in the cache.
  bool pairsValues() const {
    return cache.getLayout() == tile::CacheLayout::Own && element().isBF16() &&
           !cache.getVInK();
  }

  /// Reserves `bytes` of scratch and returns its offset.
  int64_t reserve(int64_t bytes) {
    int64_t offset = scratchBytes;
    scratchBytes += llvm::alignTo(bytes, 64);
    return offset;
  }
  Value scratchAt(int64_t offset) { return e.ptr(scratch, offset); }
  int64_t scratchBytes = 0;

  /// Calls `body(token, groupHead, row)` in loops over the real rows.
  void forEachRow(llvm::function_ref<void(Value, Value, Value)> body);
};

/// Where query row (token, head within the group) of the current head starts.
Value emitQueryRow(Kernel &k, Value token, Value groupHead);

// One set of functions an engine family: storage of a head's packed query in
// bytes; packing it; scores = q k^T; acc = alpha * acc + p v.
int64_t fmaQueryBytes(Kernel &k);
void fmaPackQuery(Kernel &k, Value packed);
void fmaDot(Kernel &k, Value packedQuery, const View &key, const Buffer &scores);
void fmaDotAcc(Kernel &k, const Buffer &p, const View &value,
               const Buffer &alpha, const Buffer &acc);
/// Prefetches what lies ahead of `columns` columns of V at token `t`.
void prefetchValueRow(Kernel &k, const View &value, Value t, Value column,
                      int64_t columns);

int64_t amxQueryBytes(Kernel &k);
void amxPackQuery(Kernel &k, Value packed);
void amxDot(Kernel &k, Value packedQuery, const View &key, const Buffer &scores);
/// Needs amxDotAccScratch bytes of scratch at `packOffset`.
void amxDotAcc(Kernel &k, const Buffer &p, const View &value,
               const Buffer &alpha, const Buffer &acc, int64_t packOffset);
int64_t amxDotAccScratch(Kernel &k);
/// Whether whole groups of 32 columns of the accumulator are out of order, and
/// two vectors of such a group in order.
bool amxPermutesColumns(const Kernel &k);
std::pair<Value, Value> restoreColumns(Emitter &e, Value first, Value second);

/// Lowers a map: `inputs` and `results` are the operands' and results' storage.
mlir::LogicalResult emitMap(Kernel &k, tile::MapOp map,
                            ArrayRef<Buffer> inputs, ArrayRef<Buffer> results,
                            Value rowCoords);
/// Writes the query token and the head within the group of each row, for
/// tile.coord: two arrays of `blocks.padded` i32.
void emitRowCoords(Kernel &k, Value rowCoords);

/// Finds the K and V tiles in the cache. A tile that lies within one page,
/// whole, is read where it is. Any other (the last tile of a sequence, pages
/// smaller than a tile or at odd offsets) is gathered token by token into
/// scratch, with zeros past the end: weights there are 0, and 0 times what an
/// unused slot holds may be NaN.
class TileReader {
public:
  /// Loads what the call gives; reserves scratch to gather into.
  explicit TileReader(Kernel &k);
  /// Turns to the tile at `k.tileStart`.
  void startTile();
  /// K and V of `k.head` in this tile.
  std::pair<View, View> views();

private:
  /// Run-time facts of one of K and V; strides in bytes.
  struct Part {
    Value base, block, token, head;
    int64_t rowBytes = 0, scratch = 0;
    Value here, next; ///< this and the next tile's first token, head 0
  };
  Part loadPart(bool value);
  Value blockOf(Value pageIndex);
  Value tileBase(const Part &part, Value token, bool paired);
  View viewOf(Part &part, bool paired);
  void gatherRows(const Part &part);
  void gatherPairs(const Part &part, Value source);

  Kernel &k;
  Emitter &e;
  Value page, blocks, contiguous;
  /// Tokens of the tile below `invalid` (null: none) and from `valid` on are
  /// not read.
  Value invalid, valid;
  Value direct, gathered, lastHead;
  Part key, value;
};

/// Lowers a whole kernel to a function before it. Null on failure, after an
/// error has been emitted.
mlir::LogicalResult lowerKernel(tile::KernelOp op, bool bf16Convert);

} // namespace attn::cpu

#endif // ATTN_LIB_CONVERSION_TILETOCPU_KERNEL_H
