//===- DotAmx.cpp - Products on AMX tiles -----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Scores are computed transposed, S^T = K Q^T: rows of K as they lie in memory
// are the A operand (16 tokens x 32 dims), so K is never packed; the query,
// packed once a kernel, is the B operand. O = P V takes the weights as A and V
// pair-interleaved as B: as it lies in our own layout, interleaved on the way
// through L1 otherwise.

#include "Kernel.h"

#include <algorithm>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {

/// Dims one tile of K covers, tokens one tile of V covers.
constexpr int64_t kStep = 32;

/// Bytes of one packed block: [step][16 pairs][height] 32-bit pairs.
int64_t queryBlockBytes(const Kernel &k, int64_t height) {
  return llvm::divideCeil(k.qDim(), kStep) * 16 * height * 4;
}

} // namespace

int64_t attn::cpu::amxQueryBytes(Kernel &k) {
  const RowSegment &segment = k.blocks.segments.front();
  return segment.count * queryBlockBytes(k, segment.height);
}

/// Packs each block of rows as [step][16 pairs][height] 32-bit pairs of dims,
/// 16 pairs of all its rows at a time; rows that are padding are zeros.
void attn::cpu::amxPackQuery(Kernel &k, Value packed) {
  Emitter &e = k.e;
  const RowSegment &segment = k.blocks.segments.front();
  int64_t height = segment.height, rows = k.blocks.rows;
  VectorType words = e.vec(16, e.i32());
  e.loop(segment.count, 1, [&](Value block) {
    SmallVector<Value> sources, real;
    for (int64_t i = 0; i < height; ++i) {
      Value row = e.add(e.mul(block, height), i);
      real.push_back(e.lessThan(row, e.i64(rows)));
      Value inside = e.min(row, e.i64(rows - 1));
      Value token = e.divU(inside, e.i64(k.group()));
      sources.push_back(
          emitQueryRow(k, token, e.sub(inside, e.mul(token, k.group()))));
    }
    Value target = e.ptr(packed, e.mul(block, queryBlockBytes(k, height)));
    auto packStep = [&](Value firstDim, Value step, bool overlaps) {
      SmallVector<Value> vectors;
      for (auto [source, isReal] : llvm::zip(sources, real)) {
        Value x = e.load(e.ptr(source, e.mul(firstDim, 2)), words);
        if (overlaps) { // the first half was in the step before
          SmallVector<int64_t> mask;
          for (int64_t lane = 0; lane < 16; ++lane)
            mask.push_back(lane < 8 ? 16 : lane);
          x = e.shuffle(x, e.zeros(words), mask);
        }
        vectors.push_back(e.select(isReal, x, e.zeros(words)));
      }
      Value at = e.ptr(target, e.mul(step, 16 * height * 4));
      for (auto [i, x] : llvm::enumerate(e.unshuffle(vectors, 4)))
        e.store(x, e.ptr(at, i * 64), 4);
    };
    // Where the width is an odd multiple of 16, the last step overlaps the one
    // before and the query holds zeros there.
    int64_t whole = k.qDim() / kStep;
    e.loop(whole, 1, [&](Value step) {
      packStep(e.mul(step, kStep), step, /*overlaps=*/false);
    });
    if (k.qDim() % kStep)
      packStep(e.i64(k.qDim() - kStep), e.i64(whole), /*overlaps=*/true);
  });
}

/// One register block of S^T: `tokenTiles` x `blocks` tiles of scores.
static void dotTiles(Kernel &k, Value query, const View &key,
                     const Buffer &scores, Value t, Value firstBlock,
                     int64_t tokenTiles, int64_t numBlocks) {
  Emitter &e = k.e;
  const RowSegment &segment = k.blocks.segments.front();
  int64_t height = segment.height, blockBytes = queryBlockBytes(k, height);
  amx::TileType aType = e.tile(16, 32, e.bf16());
  amx::TileType bType = e.tile(16, 2 * height, e.bf16());
  amx::TileType cType = e.tile(16, height, e.f32());
  Value bStride = e.i64(height * 4);
  SmallVector<Value> keyBase, queryBase;
  for (int64_t i = 0; i < tokenTiles; ++i)
    keyBase.push_back(key.group(e, e.add(t, i * kGroup)));
  for (int64_t j = 0; j < numBlocks; ++j)
    queryBase.push_back(e.ptr(query, e.mul(e.add(firstBlock, j), blockBytes)));
  SmallVector<Value> acc;
  for (int64_t i = 0; i < tokenTiles * numBlocks; ++i)
    acc.push_back(e.tileZero(cType));
  int64_t stepBytes = 16 * height * 4;
  auto step = [&](const Meeting &meeting, Value keyOffset, Value queryOffset,
                  ValueRange carried) {
    SmallVector<Value> next(carried), a(tokenTiles), b(numBlocks);
    auto loadQuery = [&](int64_t j, int64_t part) {
      Value at = e.ptr(queryBase[j], queryOffset);
      int64_t steps = part * meeting.queryRest / kStep;
      return e.tileLoad(bType, e.ptr(at, steps * stepBytes), bStride);
    };
    auto loadKey = [&](int64_t i, int64_t part) {
      Value at = e.ptr(keyBase[i], keyOffset);
      return e.tileLoad(aType, e.ptr(at, part * meeting.keyRest * 2),
                        key.stride);
    };
    // What meets both parts of the other side is loaded once.
    for (int64_t part = 0; part < meeting.parts(); ++part) {
      for (int64_t j = 0; j < numBlocks; ++j)
        if (part == 0 || meeting.queryRest)
          b[j] = loadQuery(j, part);
      for (int64_t i = 0; i < tokenTiles; ++i) {
        if (part == 0 || meeting.keyRest)
          a[i] = loadKey(i, part);
        for (int64_t j = 0; j < numBlocks; ++j)
          next[i * numBlocks + j] =
              e.tileMul(a[i], b[j], next[i * numBlocks + j]);
      }
    }
    return next;
  };
  for (const Meeting &meeting : meetingsOf(k)) {
    int64_t steps = llvm::divideCeil(meeting.count, kStep);
    int64_t queryStart = meeting.query / kStep * stepBytes;
    if (steps > 4 && meeting.count % kStep == 0) {
      acc = SmallVector<Value>(
          e.loop(steps, 1, acc, [&](Value i, ValueRange carried) {
            return step(meeting, e.add(e.mul(i, kStep * 2), meeting.key * 2),
                        e.add(e.mul(i, stepBytes), queryStart), carried);
          }));
      continue;
    }
    for (int64_t i = 0; i < steps; ++i) {
      int64_t dim = std::min(i * kStep, meeting.count - kStep);
      acc = step(meeting, e.i64((meeting.key + dim) * 2),
                 e.i64(queryStart + i * stepBytes), acc);
    }
  }
  for (int64_t i = 0; i < tokenTiles; ++i)
    for (int64_t j = 0; j < numBlocks; ++j) {
      Value block = e.mul(e.add(firstBlock, j), k.kvTile() * height * 4);
      Value at = e.add(block, e.mul(e.add(t, i * 16), height * 4));
      e.tileStore(acc[i * numBlocks + j], e.ptr(scores.base, at), bStride);
    }
}

void attn::cpu::amxDot(Kernel &k, Value packedQuery, const View &key,
                       const Buffer &scores) {
  Emitter &e = k.e;
  const RowSegment &segment = k.blocks.segments.front();
  int64_t pairs = segment.count / 2;
  e.loop(k.kvTile(), 32, [&](Value t) {
    if (key.aheadGroups)
      e.loop(32, kGroup, [&](Value first) {
        Value ahead = key.ahead(e, e.add(t, first));
        e.loop(kGroup, 1, [&](Value within) {
          prefetchRow(k, e.ptr(ahead, e.mul(within, key.stride)), e.i64(0),
                      k.kDim(), key.farAhead);
        });
      });
    if (pairs)
      e.loop(2 * pairs, 2, [&](Value block) {
        dotTiles(k, packedQuery, key, scores, t, block, 2, 2);
      });
    if (segment.count % 2)
      dotTiles(k, packedQuery, key, scores, t, e.i64(2 * pairs), 2, 1);
  });
}

//===----------------------------------------------------------------------===//
// P V
//===----------------------------------------------------------------------===//

/// Transposes the weights of each block from [t/2][height] token pairs to rows
/// of token pairs, the A operand: 16 pairs x 16 rows of 32 bits at a time.
static void transposeWeights(Kernel &k, const Buffer &p, Value rows) {
  Emitter &e = k.e;
  const RowSegment &segment = k.blocks.segments.front();
  int64_t height = segment.height, tokens = k.kvTile();
  int64_t blockBytes = height * tokens * 2;
  e.loop(segment.count, 1, [&](Value block) {
    Value source = e.ptr(p.base, e.mul(block, blockBytes));
    Value target = e.ptr(rows, e.mul(block, blockBytes));
    e.loop(tokens / 2, 16, [&](Value pair) {
      // A vector holds 16 / height pairs; `height` vectors hold 16 pairs.
      VectorType words = e.vec(16, e.i32());
      SmallVector<Value> level;
      for (int64_t i = 0; i < height; ++i)
        level.push_back(e.load(
            e.ptr(source, e.add(e.mul(pair, height * 4), i * 64)), words, 4));
      level = e.unshuffle(level, llvm::Log2_64(height));
      for (int64_t row = 0; row < height; ++row)
        e.store(level[row],
                e.ptr(target, e.add(e.mul(pair, 4), row * tokens * 2)), 4);
    });
  });
}

/// Columns of row-major V interleaved at a time: what 16 KiB of L1 hold.
static int64_t stripColumns(const Kernel &k) {
  int64_t columns = (16 << 10) / (2 * k.kvTile()) / 32 * 32;
  return std::clamp<int64_t>(columns, 32, llvm::alignTo(k.vDim(), 32));
}

/// Interleaves tokens t and t + 1, the first at `row`, for `dims` (16 or 32)
/// columns: columns of B tiles, [dims/16][t/2][16][2].
///
/// 32 columns are interleaved within 128-bit lanes, which is one instruction
/// where the full interleave is three; the columns of the accumulator then lie
/// in the order that the last store undoes.
static void interleavePair(Kernel &k, const View &value, Value row, Value t,
                           Value column, int64_t dims, Value target) {
  Emitter &e = k.e;
  VectorType type = e.vec(dims, e.bf16());
  Value at = e.ptr(row, e.mul(column, 2));
  Value even = e.load(at, type), odd = e.load(e.ptr(at, value.stride), type);
  for (int64_t half = 0; half < dims / 16; ++half) {
    SmallVector<int64_t> mask;
    for (int64_t i = 0; i < 16; ++i) {
      int64_t source = dims == 32 ? i / 4 * 8 + half * 4 + i % 4 : i;
      mask.push_back(source);
      mask.push_back(dims + source);
    }
    Value to = e.ptr(target, e.add(e.mul(t, 32), half * k.kvTile() * 32));
    e.store(e.shuffle(even, odd, mask), to, 2);
  }
}

/// Interleaves `columns` columns of all tokens from `first` on.
static void interleaveStrip(Kernel &k, const View &value, Value first,
                            int64_t columns, Value strip) {
  Emitter &e = k.e;
  e.loop(k.kvTile(), kGroup, [&](Value begin) {
    Value group = value.group(e, begin), ahead = value.ahead(e, begin);
    e.loop(kGroup, 2, [&](Value within) {
      Value offset = e.mul(within, value.stride);
      Value row = e.ptr(group, offset), t = e.add(begin, within);
      if (ahead) {
        Value next = e.ptr(ahead, offset);
        prefetchRow(k, next, first, columns, value.farAhead);
        prefetchRow(k, e.ptr(next, value.stride), first, columns,
                    value.farAhead);
      }
      for (int64_t c = 0; c < columns; c += 32)
        interleavePair(k, value, row, t, e.add(first, c),
                       std::min(columns - c, int64_t(32)),
                       e.ptr(strip, c * k.kvTile() * 2));
    });
  });
}

bool attn::cpu::amxPermutesColumns(const Kernel &k) {
  return k.engine() == tile::Engine::Amx && !k.pairsValues();
}

/// acc tiles [blocks][dimTiles] += P V for 16 or 32 dims at `column`.
static void accTiles(Kernel &k, Value weights, ArrayRef<Value> valueTiles,
                     const Buffer &acc, Value firstBlock, int64_t numBlocks,
                     Value column) {
  Emitter &e = k.e;
  const RowSegment &segment = k.blocks.segments.front();
  int64_t height = segment.height, tokens = k.kvTile();
  amx::TileType aType = e.tile(height, 32, e.bf16());
  amx::TileType bType = e.tile(16, 32, e.bf16());
  amx::TileType cType = e.tile(height, 16, e.f32());
  Value aStride = e.i64(tokens * 2), bStride = e.i64(64);
  Value cStride = e.i64(k.vDim() * 4);
  SmallVector<Value> accAt, aBase, sums;
  for (int64_t i = 0; i < numBlocks; ++i) {
    Value block = e.add(firstBlock, i);
    aBase.push_back(e.ptr(weights, e.mul(block, height * tokens * 2)));
    for (size_t j = 0; j < valueTiles.size(); ++j) {
      Value index = e.add(e.mul(block, height * k.vDim()), column);
      accAt.push_back(e.ptr(acc.base, e.mul(e.add(index, j * 16), 4)));
      sums.push_back(e.tileLoad(cType, accAt.back(), cStride));
    }
  }
  ValueRange done = e.loop(tokens, 32, sums, [&](Value t, ValueRange carried) {
    SmallVector<Value> next(carried), b;
    for (Value base : valueTiles)
      b.push_back(e.tileLoad(bType, e.ptr(base, e.mul(t, 32)), bStride));
    for (int64_t i = 0; i < numBlocks; ++i) {
      Value a = e.tileLoad(aType, e.ptr(aBase[i], e.mul(t, 2)), aStride);
      for (size_t j = 0; j < b.size(); ++j) {
        Value &slot = next[i * b.size() + j];
        slot = e.tileMul(a, b[j], slot);
      }
    }
    return next;
  });
  for (auto [tile, at] : llvm::zip(done, accAt))
    e.tileStore(tile, at, cStride);
}

int64_t attn::cpu::amxDotAccScratch(Kernel &k) {
  // Transposed weights, then a strip of interleaved V.
  return k.blocks.padded * k.kvTile() * 2 + stripColumns(k) * k.kvTile() * 2;
}

/// acc *= alpha where any alpha is not 1 (lazy rescaling makes that rare).
static void rescale(Kernel &k, const Buffer &alpha, const Buffer &acc) {
  Emitter &e = k.e;
  e.loop(k.blocks.rows, 1, [&](Value row) {
    Value factor = e.load(e.ptr(alpha.base, e.mul(row, 4)), e.f32());
    Value one =
        arith::ConstantOp::create(e.b, e.loc, e.b.getF32FloatAttr(1.0f));
    Value changed = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UNE,
                                          factor, one);
    e.ifThen(changed, [&] {
      Value wide = e.broadcast(factor, e.vec(16));
      e.loop(k.vDim(), 16, [&](Value column) {
        Value at =
            e.ptr(acc.base, e.mul(e.add(e.mul(row, k.vDim()), column), 4));
        e.store(e.mulF(e.load(at, e.vec(16), 4), wide), at, 4);
      });
    });
  });
}

void attn::cpu::amxDotAcc(Kernel &k, const Buffer &p, const View &value,
                          const Buffer &alpha, const Buffer &acc,
                          int64_t packOffset) {
  Emitter &e = k.e;
  const RowSegment &segment = k.blocks.segments.front();
  int64_t pairs = segment.count / 2;
  Value weights = k.scratchAt(packOffset);
  Value strip = e.ptr(weights, k.blocks.padded * k.kvTile() * 2);
  rescale(k, alpha, acc);
  transposeWeights(k, p, weights);
  // P V for `count` tiles of 16 dims at `column`, whose B tiles start at
  // `tiles` and lie `stride` bytes apart.
  auto multiply = [&](Value column, int64_t count, Value tiles, Value stride) {
    SmallVector<Value> bases;
    for (int64_t i = 0; i < count; ++i)
      bases.push_back(e.ptr(tiles, e.mul(stride, i)));
    if (pairs)
      e.loop(2 * pairs, 2, [&](Value block) {
        accTiles(k, weights, bases, acc, block, 2, column);
      });
    if (segment.count % 2)
      accTiles(k, weights, bases, acc, e.i64(2 * pairs), 1, column);
  };
  if (value.paired) {
    Value base = value.group(e, e.i64(0));
    auto tilesAt = [&](Value column) {
      return e.ptr(base, e.mul(e.divU(column, e.i64(16)), value.stride));
    };
    e.loop(k.vDim() / 32 * 32, 32, [&](Value column) {
      e.loop(k.kvTile(), 2,
             [&](Value t) { prefetchPair(k, value, t, column, 32); });
      multiply(column, 2, tilesAt(column), value.stride);
    });
    if (Value column = e.i64(k.vDim() - 16); k.vDim() % 32)
      multiply(column, 1, tilesAt(column), value.stride);
    return;
  }
  Value stripStride = e.i64(k.kvTile() * 32);
  auto stripOf = [&](Value first, int64_t columns) {
    interleaveStrip(k, value, first, columns, strip);
    e.loop(columns / 32 * 32, 32, [&](Value c) {
      multiply(e.add(first, c), 2, e.ptr(strip, e.mul(c, k.kvTile() * 2)),
               stripStride);
    });
    if (columns % 32)
      multiply(e.add(first, columns - 16), 1,
               e.ptr(strip, (columns - 16) * k.kvTile() * 2), stripStride);
  };
  int64_t width = stripColumns(k), whole = k.vDim() / width * width;
  e.loop(whole, width, [&](Value first) { stripOf(first, width); });
  if (k.vDim() % width)
    stripOf(e.i64(whole), k.vDim() % width);
}
