//===- Kernel.h - State of one kernel's lowering ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_KERNEL_H
#define ATTN_LIB_CONVERSION_TILETOCPU_KERNEL_H

#include "Emitter.h"
#include "attn/Conversion/KernelFacts.h"
#include "attn/Conversion/Meetings.h"
#include "attn/Cost/RowBlocks.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "llvm/ADT/DenseMap.h"

namespace attn::cpu {

/// How a tile lies in memory. `h` is a block's height, `t` a column.
enum class Order {
  RowVector, ///< one f32 a row
  RowMajor,  ///< rows of contiguous f32
  Score,     ///< per block [t][h] f32: a vector holds whole columns
  PairScore, ///< per block [t/2][h][2] bf16: a 32-bit lane is a token pair
};

/// A tile's storage.
struct Buffer {
  Value base;
  Order order;
  int64_t cols = 1;
};

/// Tokens that lie at one stride: a tile is a list of such groups, so that it
/// may span pages of any multiple of this size.
constexpr int64_t kGroup = 16;

/// Where the rows of a K or V tile are: group `g` starts at `groups[g] +
/// offset`, its tokens `stride` bytes apart.
struct View {
  Value groups; ///< array of pointers
  Value offset; ///< bytes
  Value stride; ///< bytes between tokens
  /// What will be read soon, in the same form; null: no prefetch.
  Value aheadGroups, aheadOffset;
  /// What lies ahead is more than L1 holds beside this tile.
  bool farAhead = false;
  /// Pair-interleaved V, [dim/16][token/2][16][2]: it starts at group 0, and
  /// `stride` lies between groups of 16 dims.
  bool paired = false;

  /// Start of the group of token `t` (a multiple of kGroup).
  Value group(Emitter &e, Value t) const { return at(e, groups, t, offset); }
  Value ahead(Emitter &e, Value t) const {
    return aheadGroups ? at(e, aheadGroups, t, aheadOffset) : Value();
  }

private:
  static Value at(Emitter &e, Value array, Value t, Value offset) {
    Value entry = e.ptr(array, e.mul(e.divU(t, e.i64(kGroup)), 8));
    return e.ptr(e.load(entry, array.getType(), 8), offset);
  }
};

/// What every part of the lowering needs to know about the kernel at hand.
struct Kernel {
  Kernel(mlir::OpBuilder &builder, tile::KernelOp op, bool bf16Convert)
      : e(builder, op.getLoc(), bf16Convert), op(op), cache(op.getCache()),
        schedule(op.getScheduleAttr()), queryColumns(op.getQueryColumns()),
        keyColumns(op.getKeyColumns()), valueWidth(op.getValueWidth()) {}

  Emitter e;
  tile::KernelOp op;
  tile::CacheAttr cache;
  tile::ScheduleAttr schedule;
  int64_t queryColumns, keyColumns, valueWidth;
  RowBlocks blocks;

  // Run-time values.
  Value args, item, scratch;
  Value batch, seqLen, tokenBegin, tokenEnd, headBegin, headEnd;
  /// Rows that are finished: all, or the part that a merge is asked for.
  Value rowBegin, rowEnd;
  Value slot; ///< of the partial state; negative: none
  /// Head of the current step: a KV head, or, of a kernel that decompresses, a
  /// query head, which then has a K of its own.
  Value head;
  Value tileStart; ///< first token of the current tile

  int64_t lanes() const { return schedule.getVector(); }
  bool decompresses() { return op.getUp().has_value(); }
  /// Heads that have a K of their own, and query heads that share it.
  int64_t heads() {
    return cache.getHeads() * (decompresses() ? op.getGroup() : 1);
  }
  int64_t group() { return decompresses() ? 1 : op.getGroup(); }
  int64_t qLen() { return op.getQLen(); }
  /// Widths of the query, and of the keys and values that it meets, with the
  /// rest that one of the first two may have.
  int64_t qDim() const { return queryColumns; }
  int64_t kDim() const { return keyColumns; }
  int64_t vDim() const { return valueWidth; }
  /// The cache's head that the current one reads.
  Value cacheHead() {
    return decompresses() ? e.divU(head, e.i64(op.getGroup())) : head;
  }
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

  /// Calls `body(token, groupHead, row)` in a loop over the rows in question.
  void forEachRow(llvm::function_ref<void(Value, Value, Value)> body);
};

/// Where query row (token, head within the group) of the current head starts.
Value emitQueryRow(Kernel &k, Value token, Value groupHead);

/// What of the query meets what of the keys.
inline llvm::SmallVector<Meeting, 2> meetingsOf(const Kernel &k) {
  return getMeetings(k.qDim(), k.kDim());
}

// One set of functions an engine family: storage of a head's packed query in
// bytes; packing it; scores = q k^T; acc = alpha * acc + p v.
int64_t fmaQueryBytes(Kernel &k);
void fmaPackQuery(Kernel &k, Value packed);
void fmaDot(Kernel &k, Value packedQuery, const View &key,
            const Buffer &scores);
void fmaDotAcc(Kernel &k, const Buffer &p, const View &value,
               const Buffer &alpha, const Buffer &acc);
/// Whether, in each group of two vectors of the accumulator's columns, the even
/// ones come before the odd ones.
bool fmaSplitsColumns(const Kernel &k);
/// Prefetches `columns` columns of row-major V from `row` on; null: nothing.
void prefetchRow(Kernel &k, Value row, Value column, int64_t columns, bool far);
/// Prefetches the pair of token `t` for `columns` columns of paired V.
void prefetchPair(Kernel &k, const View &value, Value t, Value column,
                  int64_t columns);

int64_t amxQueryBytes(Kernel &k);
void amxPackQuery(Kernel &k, Value packed);
void amxDot(Kernel &k, Value packedQuery, const View &key,
            const Buffer &scores);
/// Needs amxDotAccScratch bytes of scratch at `packOffset`.
void amxDotAcc(Kernel &k, const Buffer &p, const View &value,
               const Buffer &alpha, const Buffer &acc, int64_t packOffset);
int64_t amxDotAccScratch(Kernel &k);
/// Whether the columns of each whole group of 32 of the accumulator are in the
/// order of an interleave within 128-bit lanes.
bool amxPermutesColumns(const Kernel &k);

/// Lowers a map: `inputs` and `results` are the operands' and results' storage.
mlir::LogicalResult emitMap(Kernel &k, tile::MapOp map, ArrayRef<Buffer> inputs,
                            ArrayRef<Buffer> results, Value rowCoords);
/// One vector of the only result of a map without reductions, in row-major
/// order, from as many vectors as it has inputs.
mlir::FailureOr<Value> emitMapVector(Kernel &k, tile::MapOp map,
                                     ArrayRef<Value> inputs, Value row);
/// Writes the query token and the head within the group of each row, for
/// tile.coord: two arrays of `blocks.padded` i32.
void emitRowCoords(Kernel &k, Value rowCoords);

/// Whether a map makes columns that stores alone read: it is then computed as
/// they are stored, which saves a walk over the accumulator.
bool isStored(tile::MapOp map);
/// Stores a head's output and log-sum-exp, to where the caller wants them or as
/// a partial state; nothing where the item asks for the other.
mlir::LogicalResult emitStore(Kernel &k,
                              const llvm::DenseMap<Value, Buffer> &buffers,
                              Value out, Value lse, bool partial);

/// Finds the K and V tiles in the cache. A whole tile whose groups of tokens
/// lie within pages is read where it is. Any other (the last tile of a
/// sequence, pages that are no multiple of a group, the edge of a window) is
/// gathered token by token into scratch, with zeros where no token is seen:
/// weights there are 0, and 0 times what an unused slot holds may be NaN.
class TileReader {
public:
  /// Loads what the call gives; reserves scratch to gather into.
  explicit TileReader(Kernel &k);
  /// Turns to the tile at `k.tileStart`.
  void startTile();
  /// K and V of `k.head` in this tile.
  std::pair<View, View> views();

private:
  /// Facts of one of K and V; strides in bytes.
  struct Part {
    bool paired;
    Value base, block, token, head;
    int64_t rowBytes;
    /// Gathered rows, and three arrays of group pointers: of this tile, of the
    /// next one, of the gathered rows.
    int64_t scratch;
    Value here, next, gathered;
  };
  Part loadPart(bool value);
  Value blockOf(Value pageIndex);
  Value tokenAt(const Part &part, Value token);
  void findGroups(const Part &part, Value array, Value first);
  View viewOf(const Part &part);
  void gatherRows(const Part &part);
  void gatherPairs(const Part &part, Value source);

  Kernel &k;
  Emitter &e;
  Value page, blocks, contiguous;
  /// Tokens of the tile below `invalid` (null: none) and from `valid` on are
  /// not read.
  Value invalid, valid;
  Value direct, gathered;
  Part key, value;
};

/// Lowers a whole kernel to a function before it. Fails after an error has been
/// emitted.
mlir::LogicalResult lowerKernel(tile::KernelOp op, bool bf16Convert);
mlir::LogicalResult lowerProjection(tile::ProjectionOp op, bool bf16Convert);

} // namespace attn::cpu

#endif // ATTN_LIB_CONVERSION_TILETOCPU_KERNEL_H
