//===- Product.cpp - Rows times a head's matrix -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Product.h"
#include "Kernel.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// Streams of a head's weights, and B tiles that are fetched ahead of a
/// product.
static constexpr int64_t kStreams = 4, kAhead = 4;

Value Rows::at(Emitter &e, Value row) const {
  if (!groups)
    return e.ptr(base, e.mul(row, stride));
  Value group = e.divU(row, e.i64(kGroup));
  Value start = e.load(e.ptr(groups, e.mul(group, 8)), groups.getType(), 8);
  Value within = e.sub(row, e.mul(group, kGroup));
  return e.ptr(e.ptr(start, offset), e.mul(within, stride));
}

Product::Product(Emitter &e, Type element, int64_t k, int64_t n, bool wideInput,
                 tile::ProjectionScheduleAttr schedule,
                 function_ref<int64_t(int64_t)> reserve)
    : e(e), element(element), k(k), n(n), wide(wideInput && !element.isF32()),
      schedule(schedule) {
  inputs = reserve(4 * k * 4);
  sums = reserve(4 * n * 4);
  if (schedule.getEngine() == tile::Engine::Amx)
    tileSums = reserve(kTileRows * kTileColumns * 4);
}

//===----------------------------------------------------------------------===//
// Vector FMA
//===----------------------------------------------------------------------===//

void Product::storeVector(Value x, Value at) {
  if (!keepsRest) {
    e.store(e.roundTo(x, element), at, es());
    return;
  }
  auto [high, rest] = e.roundBF16Parts(x);
  e.store(high, at, es());
  e.store(rest, e.ptr(at, n * es()), es());
}

/// `low` and `high` are f32 vectors of neighbouring columns.
void Product::storeRow(Value low, Value high, Value at) {
  int64_t count = cast<VectorType>(low.getType()).getNumElements();
  storeVector(low, at);
  storeVector(high, e.ptr(at, count * es()));
}

void Product::stageRow(Value source, Value to) {
  int64_t bytes = Emitter::bytes(inElement());
  e.loop(k, lanes(), [&](Value i) {
    e.store(e.loadAsF32(e.ptr(source, e.mul(i, bytes)), lanes(), inElement()),
            e.ptr(to, e.mul(i, 4)), 4);
  });
}

/// The weights are walked as four streams side by side, each in memory's order,
/// which memory serves faster than one; the sums stay in L1 and are loaded and
/// stored once for the four.
void Product::multiplyStaged(Value weight, int64_t height,
                             ArrayRef<Value> targets) {
  VectorType type = e.vec(lanes());
  int64_t vectors = split() ? 2 : 1, columns = vectors * lanes();
  int64_t streamRows = k / kStreams;
  Value input = staged(), sum = e.ptr(scratch, sums);
  e.loop(height * n, lanes(),
         [&](Value i) { e.store(e.zeros(type), e.ptr(sum, e.mul(i, 4)), 4); });

  auto sumAt = [&](Value column, int64_t row, int64_t vector) {
    return e.ptr(sum, e.mul(e.add(column, row * n + vector * lanes()), 4));
  };
  e.loop(streamRows, 1, [&](Value i) {
    SmallVector<Value> xs; // [stream][row]
    for (int64_t stream = 0; stream < kStreams; ++stream)
      for (int64_t row = 0; row < height; ++row)
        xs.push_back(e.broadcastLoad(
            e.ptr(input, e.mul(e.add(i, row * k + stream * streamRows), 4)),
            type));
    Value start = e.ptr(weight, e.mul(i, n * es()));
    e.loop(n, columns, [&](Value column) {
      Value here = e.ptr(start, e.mul(column, es()));
      SmallVector<Value> acc; // [row][vector]
      for (int64_t row = 0; row < height; ++row)
        for (int64_t v = 0; v < vectors; ++v)
          acc.push_back(e.load(sumAt(column, row, v), type, 4));
      for (int64_t stream = 0; stream < kStreams; ++stream) {
        Value at = e.ptr(here, stream * streamRows * n * es());
        if (schedule.getPrefetch())
          e.prefetch(e.ptr(at, schedule.getPrefetch()));
        SmallVector<Value, 2> weights;
        if (split()) {
          auto [even, odd] = e.loadSplitBF16(at, lanes());
          weights = {even, odd};
        } else {
          weights = {e.loadAsF32(at, lanes(), element)};
        }
        for (int64_t row = 0; row < height; ++row)
          for (int64_t v = 0; v < vectors; ++v) {
            Value &slot = acc[row * vectors + v];
            slot = e.fma(weights[v], xs[stream * height + row], slot);
          }
      }
      for (int64_t row = 0; row < height; ++row)
        for (int64_t v = 0; v < vectors; ++v)
          e.store(acc[row * vectors + v], sumAt(column, row, v), 4);
    });
  });

  SmallVector<int64_t> lowMask, highMask;
  for (int64_t lane = 0; lane < lanes(); ++lane) {
    lowMask.push_back(lane / 2 + (lane % 2) * lanes());
    highMask.push_back(lowMask.back() + lanes() / 2);
  }
  for (int64_t row = 0; row < height; ++row) {
    Value target = targets[row];
    e.loop(n, lanes() * (split() ? 2 : 1), [&](Value column) {
      Value at = e.ptr(target, e.mul(column, es()));
      Value x = e.load(sumAt(column, row, 0), type, 4);
      if (!split()) {
        storeVector(x, at);
        return;
      }
      Value y = e.load(sumAt(column, row, 1), type, 4);
      storeRow(e.shuffle(x, y, lowMask), e.shuffle(x, y, highMask), at);
    });
  }
}

void Product::transpose(Value weight, Value to) {
  e.loop(k, 1, [&](Value row) {
    e.loop(n, 1, [&](Value column) {
      Value source = e.add(e.mul(column, k), row);
      Value target = e.add(e.mul(row, n), column);
      e.store(e.load(e.ptr(weight, e.mul(source, es())), element, es()),
              e.ptr(to, e.mul(target, es())), es());
    });
  });
}

//===----------------------------------------------------------------------===//
// AMX tiles
//===----------------------------------------------------------------------===//

/// Which of a strip's 32 columns is the `i`-th of its half: what an interleave
/// within 128-bit lanes leaves.
static int64_t stripColumn(int64_t half, int64_t i) {
  return i / 4 * 8 + half * 4 + i % 4;
}

/// Interleaves 32 columns of the weights in pairs of rows, within 128-bit
/// lanes: two panels of B tiles, [half][k/2][16][2].
void Product::packStrip(Value weight, Value column, Value strip) {
  VectorType type = e.vec(kTileColumns, e.bf16());
  SmallVector<int64_t> masks[2];
  for (int64_t half : {0, 1})
    for (int64_t i = 0; i < 16; ++i) {
      int64_t source = stripColumn(half, i);
      masks[half].append({source, kTileColumns + source});
    }
  e.loop(k, 2, [&](Value i) {
    Value at = e.ptr(weight, e.mul(e.add(e.mul(i, n), column), 2));
    // The same place of the next head: lines apart, which nothing else fetches.
    for (int64_t row : {0, 1})
      e.prefetch(e.ptr(at, (k + row) * n * 2), /*toL2=*/true);
    Value even = e.load(at, type), odd = e.load(e.ptr(at, n * 2), type);
    for (int64_t half : {0, 1})
      e.store(e.shuffle(even, odd, masks[half]),
              e.ptr(strip, e.add(e.mul(i, 32), half * k * 32)), 2);
  });
}

void Product::packStripTransposed(Value weight, Value column, Value strip) {
  for (int64_t half : {0, 1})
    e.loop(k, 32, [&](Value i) {
      SmallVector<Value> words; // of each column, 16 pairs
      for (int64_t j = 0; j < 16; ++j) {
        Value row = e.add(column, stripColumn(half, j));
        words.push_back(e.load(e.ptr(weight, e.mul(e.add(e.mul(row, k), i), 2)),
                               e.vec(16, e.i32())));
      }
      Value to = e.ptr(strip, e.add(e.mul(i, 32), half * k * 32));
      for (auto [pair, columns] : llvm::enumerate(e.unshuffle(words, 4)))
        e.store(columns, e.ptr(to, pair * 64), 4);
    });
}

void Product::multiplyTiles(const Rows &in, Value first, Value strip,
                            const Rows &out, Value outFirst, Value column,
                            Value valid) {
  amx::TileType aType = e.tile(16, 32, e.bf16());
  amx::TileType bType = e.tile(16, 32, e.bf16());
  amx::TileType cType = e.tile(16, 16, e.f32());
  Value bStride = e.i64(64), cStride = e.i64(kTileColumns * 4);
  SmallVector<Value> acc(4);
  for (Value &tile : acc)
    tile = e.tileZero(cType);
  Value rows[2] = {in.at(e, first), in.at(e, e.add(first, 16))};
  auto step = [&](Value i, int64_t part, ValueRange carried) {
    SmallVector<Value> next(carried), b;
    for (int64_t line = 0; stripsInL2 && line < 32; ++line)
      e.prefetch(
          e.ptr(strip, e.add(e.mul(i, 32), line / 16 * k * 32 + kAhead * 1024 +
                                               line % 16 * 64)));
    for (int64_t half : {0, 1})
      b.push_back(e.tileLoad(
          bType, e.ptr(strip, e.add(e.mul(i, 32), half * k * 32)), bStride));
    for (int64_t upper : {0, 1}) {
      Value a = e.tileLoad(
          aType, e.ptr(rows[upper], e.mul(e.add(i, part * k), 2)), in.stride);
      for (int64_t half : {0, 1}) {
        Value &slot = next[2 * upper + half];
        slot = e.tileMul(a, b[half], slot);
      }
    }
    return next;
  };
  for (int64_t part = 0; part < parts(); ++part)
    acc = SmallVector<Value>(e.loop(
        k, 32, acc, [&](Value i, ValueRange c) { return step(i, part, c); }));
  Value sum = e.ptr(scratch, tileSums);
  for (int64_t i = 0; i < 4; ++i)
    e.tileStore(acc[i], e.ptr(sum, i / 2 * 16 * kTileColumns * 4 + i % 2 * 64),
                cStride);
  SmallVector<int64_t> masks[2]; // undo the interleave within lanes
  for (int64_t j = 0; j < kTileColumns; ++j)
    masks[j / 16].push_back(j % 8 / 4 * 16 + j / 8 * 4 + j % 4);
  e.loop(e.i64(0), valid, 1, [&](Value row) {
    Value at = e.ptr(sum, e.mul(row, kTileColumns * 4));
    Value x = e.load(at, e.vec(16), 4), y = e.load(e.ptr(at, 64), e.vec(16), 4);
    storeRow(e.shuffle(x, y, masks[0]), e.shuffle(x, y, masks[1]),
             e.ptr(out.at(e, e.add(outFirst, row)), e.mul(column, 2)));
  });
}
