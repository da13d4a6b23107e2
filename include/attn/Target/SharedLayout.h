//===- SharedLayout.h - Where tiles lie in shared memory --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pure algebra of the NVVM target's shared memory, free of IR: the select pass
// asks what fits, the lowering where it lies, and tests count bank conflicts.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_SHAREDLAYOUT_H
#define ATTN_TARGET_SHAREDLAYOUT_H

#include <algorithm>
#include <cstdint>

namespace attn::nvvm {

/// 16-bit elements of a chunk: what one cp.async brings and what one lane hands
/// ldmatrix, 16 bytes.
constexpr int64_t kChunk = 8;

/// Query rows of a CTA of the decode kernel, at most.
constexpr int64_t kMaxQueryRows = 64;

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
    // A matrix of no columns, which some kernels do not have, lies nowhere.
    int64_t p = chunks ? std::min<int64_t>(8, chunks & -chunks) : 8;
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

/// How the rows of a tile become K and V of one head, where they do: by
/// matrices that pass through a ring of chunks.
struct UpShape {
  int64_t nope = 0, v = 0; ///< columns of the matrices; 0: rows are K and V
  bool transposed = false; ///< W_UK lies as [nope, rank]
  int64_t depth = 0;       ///< elements of the rank of a chunk
  int64_t stages = 0;      ///< chunks of the ring
};

/// What the decode kernels' shared memory is made for.
struct DecodeShape {
  int64_t k, v;  ///< columns of K and V, as they are cached
  bool vInK;     ///< V is a prefix of K
  int64_t rows;  ///< query rows of a CTA
  int64_t warps; ///< of a CTA
  int64_t kvTile, stages;
  UpShape up = {};
  /// Columns of which a rest follows, as tile.kernel has it: of the query where
  /// V is in K and stays so, else of the keys, of whose `k` it is a part where
  /// they are cached.
  int64_t rest = 0;

  /// Columns of a query.
  int64_t queryWidth() const {
    return up.nope ? up.nope + k - v : vInK ? k + rest : k - rest;
  }
  /// Columns of keys that are made by a matrix.
  int64_t madeKeyWidth() const { return up.nope ? up.nope + rest : 0; }
};

/// Places for parts of shared memory, one behind the other; byte offsets.
struct SharedMemoryDivider {
  int64_t bytes = 0;

protected:
  int64_t reserve(int64_t size) {
    constexpr int64_t kAlignment = 128;
    int64_t offset = bytes;
    bytes += (size + kAlignment - 1) / kAlignment * kAlignment;
    return offset;
  }
};

/// What lies where in a decode CTA's dynamic shared memory; byte offsets.
struct DecodeSharedMemory : SharedMemoryDivider {
  explicit DecodeSharedMemory(const DecodeShape &s)
      : query(s.queryWidth()), key(s.k), value(s.vInK ? s.k : s.v),
        weights(s.kvTile), madeKey(s.madeKeyWidth()), madeValue(s.up.v),
        upKey(s.up.transposed ? s.up.depth : s.up.nope), upValue(s.up.v) {
    queryOffset = reserve(s.rows * query.rowBytes());
    stageBytes = s.kvTile * key.rowBytes();
    valueInStage = s.vInK ? 0 : stageBytes;
    if (!s.vInK)
      stageBytes += s.kvTile * value.rowBytes();
    stagesOffset = reserve(s.stages * stageBytes);
    int64_t weightsBytes = s.rows * weights.rowBytes();
    int64_t madeKeyBytes = s.kvTile * madeKey.rowBytes();
    int64_t madeValueBytes = s.kvTile * madeValue.rowBytes();
    // Weights are there from when K has been multiplied to when V has: where K
    // with its rest is so much larger than V, behind V.
    weightsInKeys = s.rest > 0 && madeValueBytes + weightsBytes <= madeKeyBytes;
    weightsOffset = weightsInKeys ? 0 : reserve(weightsBytes);
    maximaOffset = reserve(s.warps * s.rows * 4);
    sumsOffset = reserve(s.warps * s.rows * 4);
    addressBytes = s.kvTile * 8;
    // Two tiles' addresses of K and of V.
    addressesOffset = reserve(2 * 2 * addressBytes);
    madeOffset = reserve(std::max(madeKeyBytes, madeValueBytes));
    if (weightsInKeys)
      weightsOffset = madeOffset + madeValueBytes;
    chunkBytes = s.up.depth * 2 * std::max(s.up.nope, s.up.v);
    chunksOffset = reserve(s.up.stages * chunkBytes);
  }

  SharedLayout query, key, value, weights;
  SharedLayout madeKey, madeValue; ///< K or V of the head, made of a tile
  SharedLayout upKey, upValue;     ///< a chunk of W_UK, of W_UV
  int64_t queryOffset, stagesOffset, stageBytes;
  int64_t valueInStage; ///< V of a stage, from its start
  int64_t weightsOffset;
  bool weightsInKeys;               ///< where K, made of a tile, lay
  int64_t maximaOffset, sumsOffset; ///< [warp][row] f32
  int64_t addressesOffset;          ///< [tile % 2][K, V][token] i64
  int64_t addressBytes;
  int64_t madeOffset; ///< first K, then V, in turn
  int64_t chunksOffset, chunkBytes;
};

/// Columns of a slice of latent rows, which come to a projection slice by
/// slice: 128 bytes of a row, as far as they divide it.
constexpr int64_t sliceColumns(int64_t k) {
  return k % 64 == 0 ? 64 : k % 32 == 0 ? 32 : 16;
}

/// What the projections' shared memory is made for.
struct ProjectionShape {
  int64_t k;       ///< columns of the input
  int64_t columns; ///< of the weights of a CTA
  int64_t rows;    ///< of the input that are there at once
  bool wide;       ///< the input is f32, and lies here as two of 16 bits
  bool transposed; ///< the weights lie as [columns, k]
  /// Stages of a ring through which slices of the rows come; 0: rows come
  /// whole.
  int64_t rowStages;
};

/// What lies where in a projection CTA's dynamic shared memory.
struct ProjectionSharedMemory : SharedMemoryDivider {
  explicit ProjectionSharedMemory(const ProjectionShape &s)
      : weight(s.transposed ? s.k : s.columns),
        input(s.rowStages ? sliceColumns(s.k) : s.k) {
    weightOffset = reserve(s.k * s.columns * 2);
    partBytes = s.rows * input.rowBytes();
    inputOffset = reserve((s.rowStages ? s.rowStages
                           : s.wide    ? 2
                                       : 1) *
                          partBytes);
    addressBytes = s.rowStages ? s.rows * 8 : 0;
    // Of two blocks of rows.
    addressesOffset = reserve(2 * addressBytes);
  }

  SharedLayout weight, input;
  int64_t weightOffset;
  int64_t inputOffset, partBytes;        ///< [part or stage][row]
  int64_t addressesOffset, addressBytes; ///< [block % 2][row] i64
};

} // namespace attn::nvvm

#endif // ATTN_TARGET_SHAREDLAYOUT_H
