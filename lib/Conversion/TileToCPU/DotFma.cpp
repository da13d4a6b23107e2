//===- DotFma.cpp - Products by vector FMA and by vdpbf16ps -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Registers are blocked `height` rows x `lanes / height` tokens for q k^T: as
// many accumulators as a vector has lanes, whose lane sums make one vector of
// scores. For p v they hold `height` rows x a strip of the output's columns.

#include "Kernel.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {

/// Query rows are kept as f32 for FMA and as bf16 for the dot product, in the
/// order in which the keys' vectors come. As f32, a number is whole: its two
/// parts are added.
struct QueryLayout {
  explicit QueryLayout(const Kernel &k)
      : dot(k.engine() == tile::Engine::DpBf16),
        rest(dot ? 0 : std::max<int64_t>(k.qDim() - k.kDim(), 0)),
        columns(k.qDim() - rest),
        split(!dot && k.element().isBF16() && columns % (2 * k.lanes()) == 0),
        step(dot || split ? 2 * k.lanes() : k.lanes()),
        steps(llvm::divideCeil(columns, step)),
        rowBytes(steps * step * (dot ? 2 : 4)) {}
  bool dot;
  int64_t rest;     ///< columns to which those behind them are added
  int64_t columns;  ///< of a packed row
  bool split;       ///< the even elements of each step come before the odd ones
  int64_t step;     ///< K elements that one load covers
  int64_t steps;    ///< loads a row
  int64_t rowBytes; ///< of a packed row

  /// First of `count` elements of load `i`. Where they are no multiple of the
  /// step, the last load ends with them and overlaps the one before; the query
  /// holds zeros there.
  int64_t firstElement(int64_t i, int64_t count) const {
    return std::min(i * step, count - step);
  }
  SmallVector<Meeting, 2> meetings(const Kernel &k) const {
    return rest ? SmallVector<Meeting, 2>{{0, 0, columns}} : meetingsOf(k);
  }
};

} // namespace

int64_t attn::cpu::fmaQueryBytes(Kernel &k) {
  return k.blocks.padded * QueryLayout(k).rowBytes;
}

void attn::cpu::fmaPackQuery(Kernel &k, Value packed) {
  Emitter &e = k.e;
  QueryLayout layout(k);
  int64_t es = Emitter::bytes(k.element());
  int64_t stored = layout.dot ? 2 : 4;
  k.forEachRow([&](Value token, Value groupHead, Value row) {
    Value source = emitQueryRow(k, token, groupHead);
    Value target = e.ptr(packed, e.mul(row, layout.rowBytes));
    for (int64_t i = 0; i < layout.steps; ++i) {
      int64_t first = layout.firstElement(i, layout.columns);
      bool whole = first < layout.rest;
      Value from = e.ptr(source, (first + (whole ? 0 : layout.rest)) * es);
      Value restFrom = e.ptr(from, layout.rest * es);
      Value to = e.ptr(target, i * layout.step * stored);
      if (layout.split) {
        auto [even, odd] = e.loadSplitBF16(from, k.lanes());
        if (whole) {
          auto [evenRest, oddRest] = e.loadSplitBF16(restFrom, k.lanes());
          even = e.addF(even, evenRest);
          odd = e.addF(odd, oddRest);
        }
        e.store(even, to, 4);
        e.store(odd, e.ptr(to, k.lanes() * 4), 4);
        continue;
      }
      if (!layout.dot) {
        Value x = e.loadAsF32(from, layout.step, k.element());
        if (whole)
          x = e.addF(x, e.loadAsF32(restFrom, layout.step, k.element()));
        e.store(x, to, 4);
        continue;
      }
      VectorType type = e.vec(layout.step, k.element());
      Value x = e.load(from, type);
      int64_t overlap = i * layout.step - first;
      if (overlap > 0) {
        SmallVector<int64_t> mask;
        for (int64_t lane = 0; lane < layout.step; ++lane)
          mask.push_back(lane < overlap ? layout.step : lane);
        x = e.shuffle(x, e.zeros(type), mask);
      }
      e.store(x, to, 2);
    }
  });
  int64_t padding = (k.blocks.padded - k.blocks.rows) * layout.rowBytes;
  VectorType bytes = e.vec(16, e.i32());
  e.loop(padding / 64, 1, [&](Value i) {
    Value at =
        e.ptr(packed, e.add(e.mul(i, 64), k.blocks.rows * layout.rowBytes));
    e.store(e.zeros(bytes), at);
  });
}

namespace {

/// Lines of K that are fetched ahead while as many tokens are multiplied.
struct KeysAhead {
  Value row; ///< the first token's; null: nothing is fetched
  Value stride;
  int64_t tokens = 0, lines = 0;
  bool far = false;

  int64_t count() const { return row ? tokens * lines : 0; }
  /// Fetches `number` lines from `first` on, a token's after another's.
  void fetch(Emitter &e, Value first, int64_t number) const {
    for (int64_t i = 0; i < number; ++i) {
      Value at = e.add(first, i), token = e.divU(at, e.i64(lines));
      Value line = e.sub(at, e.mul(token, lines));
      e.prefetch(e.ptr(e.ptr(row, e.mul(token, stride)), e.mul(line, 64)), far);
    }
  }
};

} // namespace

/// Adds to `acc` what some columns of one block of rows make with the tokens at
/// `keys`: a vector [token][row], whose lanes are to be added.
static SmallVector<Value> dotColumns(Kernel &k, const QueryLayout &layout,
                                     const Meeting &columns, Value queryRow,
                                     ArrayRef<Value> keys, int64_t height,
                                     const KeysAhead &ahead,
                                     SmallVector<Value> acc) {
  Emitter &e = k.e;
  int64_t es = Emitter::bytes(k.element());
  int64_t tokens = keys.size();
  VectorType accType = e.vec(k.lanes());
  int64_t stored = layout.dot ? 2 : 4;
  auto multiplyStep = [&](Value keyOffset, Value queryOffset,
                          ValueRange acc) -> SmallVector<Value> {
    SmallVector<Value> next(acc);
    // The parts of a row that a step covers: one vector, or its even and its
    // odd elements.
    auto keyParts = [&](int64_t token) -> SmallVector<Value, 2> {
      Value at = e.ptr(keys[token], keyOffset);
      if (layout.split) {
        auto [even, odd] = e.loadSplitBF16(at, k.lanes());
        return {even, odd};
      }
      if (layout.dot)
        return {e.load(at, e.vec(layout.step, k.element()))};
      return {e.loadAsF32(at, layout.step, k.element())};
    };
    VectorType queryType =
        layout.dot ? e.vec(layout.step, e.bf16()) : e.vec(k.lanes());
    auto queryParts = [&](int64_t row) {
      SmallVector<Value, 2> parts;
      for (int64_t part = 0; part < (layout.split ? 2 : 1); ++part) {
        Value at = e.ptr(e.ptr(queryRow, queryOffset),
                         row * layout.rowBytes + part * k.lanes() * 4);
        parts.push_back(e.load(at, queryType, layout.dot ? 2 : 4));
      }
      return parts;
    };
    auto multiply = [&](int64_t token, int64_t row, ArrayRef<Value> key,
                        ArrayRef<Value> query) {
      Value &slot = next[token * height + row];
      for (auto [x, q] : llvm::zip(key, query))
        slot = layout.dot ? x86vector::DotBF16Op::create(e.b, e.loc, accType,
                                                         slot, x, q)
                                .getResult()
                          : e.fma(x, q, slot);
    };
    // The shorter side is held in registers while the longer one passes.
    SmallVector<SmallVector<Value, 2>> held;
    if (height <= tokens) {
      for (int64_t row = 0; row < height; ++row)
        held.push_back(queryParts(row));
      for (int64_t token = 0; token < tokens; ++token) {
        SmallVector<Value, 2> key = keyParts(token);
        for (int64_t row = 0; row < height; ++row)
          multiply(token, row, key, held[row]);
      }
      return next;
    }
    for (int64_t token = 0; token < tokens; ++token)
      held.push_back(keyParts(token));
    for (int64_t row = 0; row < height; ++row) {
      SmallVector<Value, 2> query = queryParts(row);
      for (int64_t token = 0; token < tokens; ++token)
        multiply(token, row, held[token], query);
    }
    return next;
  };
  // What meets both parts of the other side is loaded once, as LLVM sees.
  auto step = [&](Value keyOffset, Value queryOffset, ValueRange acc) {
    SmallVector<Value> next(acc);
    for (int64_t part = 0; part < columns.parts(); ++part)
      next = multiplyStep(e.add(keyOffset, part * columns.keyRest * es),
                          e.add(queryOffset, part * columns.queryRest * stored),
                          next);
    return next;
  };
  // Lines to fetch before turn `i` of `turns` turns.
  auto share = [&](int64_t i, int64_t turns) {
    return k.schedule.getPrefetchSpread() ? ahead.count() * i / turns
           : i                            ? ahead.count()
                                          : 0;
  };
  int64_t steps = llvm::divideCeil(columns.count, layout.step);
  int64_t keyStart = columns.key * es, queryStart = columns.query * stored;
  int64_t queryStep = layout.step * stored;
  // Short rows are unrolled; long ones (MLA) loop, some loads a turn. So do
  // those of few query rows: unrolled, more keys would be loaded early than
  // there are registers.
  bool exact = columns.count % layout.step == 0, few = 2 * height <= tokens;
  if (exact && (columns.count > 256 || few)) {
    int64_t unroll = few ? 1 : steps % 3 == 0 ? 3 : steps % 2 == 0 ? 2 : 1;
    int64_t turns = steps / unroll, each = share(1, turns);
    // Turns of a loop are alike: what they cannot share evenly comes first.
    bool even = each * turns == ahead.count();
    if (!even)
      ahead.fetch(e, e.i64(0), ahead.count());
    return SmallVector<Value>(
        e.loop(steps, unroll, acc, [&](Value i, ValueRange carried) {
          SmallVector<Value> next(carried);
          if (even)
            ahead.fetch(e, e.mul(e.divU(i, e.i64(unroll)), each), each);
          for (int64_t u = 0; u < unroll; ++u) {
            Value at = e.add(i, u);
            next = step(e.add(e.mul(at, layout.step * es), keyStart),
                        e.add(e.mul(at, queryStep), queryStart), next);
          }
          return next;
        }));
  }
  for (int64_t i = 0; i < steps; ++i) {
    int64_t first = share(i, steps);
    ahead.fetch(e, e.i64(first), share(i + 1, steps) - first);
    acc = step(e.i64(keyStart + layout.firstElement(i, columns.count) * es),
               e.i64(queryStart + i * queryStep), acc);
  }
  return acc;
}

/// Scores of one block of rows against the tokens at `keys`: one vector, lane =
/// token * height + row. What lies ahead is fetched with the first columns.
static Value dotBlock(Kernel &k, const QueryLayout &layout, Value queryRow,
                      ArrayRef<Value> keys, int64_t height, KeysAhead ahead) {
  SmallVector<Value> acc(keys.size() * height, k.e.zeros(k.e.vec(k.lanes())));
  for (const Meeting &columns : layout.meetings(k)) {
    acc = dotColumns(k, layout, columns, queryRow, keys, height, ahead,
                     std::move(acc));
    ahead = {};
  }
  return k.e.sumLanes(acc);
}

void attn::cpu::fmaDot(Kernel &k, Value packedQuery, const View &key,
                       const Buffer &scores) {
  Emitter &e = k.e;
  QueryLayout layout(k);
  int64_t lines = llvm::divideCeil(k.kDim() * Emitter::bytes(k.element()), 64);
  e.loop(k.kvTile(), kGroup, [&](Value first) {
    Value group = key.group(e, first), ahead = key.ahead(e, first);
    // A block of query rows and a group of keys stay in L1 together.
    for (const RowSegment &segment : k.blocks.segments) {
      int64_t tokens = k.lanes() / segment.height;
      bool fetch = ahead && segment.start == 0 && segment.count == 1;
      e.loop(segment.count, 1, [&](Value block) {
        Value start = e.add(e.mul(block, segment.height), segment.start);
        Value query = e.ptr(packedQuery, e.mul(start, layout.rowBytes));
        // Block-major, then token-major: start * T + t * height floats.
        Value target = e.ptr(scores.base, e.mul(start, k.kvTile() * 4));
        e.loop(kGroup, tokens, [&](Value within) {
          SmallVector<Value> keys;
          for (int64_t j = 0; j < tokens; ++j)
            keys.push_back(e.ptr(group, e.mul(e.add(within, j), key.stride)));
          KeysAhead keysAhead;
          if (fetch)
            keysAhead = {e.ptr(ahead, e.mul(within, key.stride)), key.stride,
                         tokens, lines, key.farAhead};
          Value sums =
              dotBlock(k, layout, query, keys, segment.height, keysAhead);
          Value t = e.add(first, within);
          e.store(sums, e.ptr(target, e.mul(t, segment.height * 4)), 4);
        });
      });
    }
  });
}

/// Columns of V that a block of `height` rows accumulates at once, in vectors:
/// the largest divisor of the width that the registers hold.
static int64_t stripVectors(const Kernel &k, int64_t height) {
  int64_t registers = k.lanes() == 16 ? 16 : 8;
  int64_t vectors = k.vDim() / k.lanes();
  for (int64_t n =
           std::max<int64_t>(1, std::min(registers / height, int64_t(8)));
       n > 1; --n)
    if (vectors % n == 0)
      return n;
  return 1;
}

bool attn::cpu::fmaSplitsColumns(const Kernel &k) {
  if (k.engine() != tile::Engine::Fma || !k.element().isBF16() ||
      k.pairsValues())
    return false;
  return llvm::all_of(k.blocks.segments, [&](const RowSegment &segment) {
    return stripVectors(k, segment.height) % 2 == 0;
  });
}

/// Where the rows of tokens t and t + 1 of row-major V start; of paired V, the
/// group of 16 dims that holds `column`, at their pair.
static Value valueAt(Kernel &k, const View &value, Value group, Value within,
                     Value t, Value column) {
  Emitter &e = k.e;
  if (!value.paired)
    return e.ptr(group, e.add(e.mul(within, value.stride),
                              e.mul(column, Emitter::bytes(k.element()))));
  Value dims = e.mul(e.divU(column, e.i64(16)), value.stride);
  return e.ptr(group, e.add(dims, e.mul(t, 32)));
}

/// V of tokens t and t + 1 at `at` (valueAt), `strip` vectors each, as f32.
static void loadValuePair(Kernel &k, const View &value, Value at, Value column,
                          int64_t strip, SmallVectorImpl<Value> &even,
                          SmallVectorImpl<Value> &odd) {
  Emitter &e = k.e;
  int64_t lanes = k.lanes(), es = Emitter::bytes(k.element());
  if (fmaSplitsColumns(k)) {
    for (int64_t n = 0; n < strip; n += 2) {
      Value here = e.ptr(at, n * lanes * es);
      for (auto [list, row] : {std::pair(&even, here),
                               std::pair(&odd, e.ptr(here, value.stride))}) {
        auto [first, second] = e.loadSplitBF16(row, lanes);
        list->push_back(first);
        list->push_back(second);
      }
    }
    return;
  }
  for (int64_t n = 0; n < strip; ++n) {
    if (!value.paired) {
      Value here = e.ptr(at, n * lanes * es);
      even.push_back(e.loadAsF32(here, lanes, k.element()));
      odd.push_back(e.loadAsF32(e.ptr(here, value.stride), lanes, k.element()));
      continue;
    }
    // 64 bytes a pair for 16 dims, the even token in the low halves.
    Value within = arith::RemUIOp::create(e.b, e.loc, column, e.i64(16));
    Value offset = e.add(e.mul(value.stride, n * lanes / 16),
                         e.mul(e.add(within, n * lanes % 16), 4));
    // A strip of an odd number of half groups starts within a group.
    if (strip > 1 && strip * lanes % 16) {
      Value dim = e.add(within, n * lanes);
      Value rest = arith::RemUIOp::create(e.b, e.loc, dim, e.i64(16));
      offset =
          e.add(e.mul(value.stride, e.divU(dim, e.i64(16))), e.mul(rest, 4));
    }
    auto [first, second] = e.loadSplitBF16(e.ptr(at, offset), lanes);
    even.push_back(first);
    odd.push_back(second);
  }
}

/// The same pair-interleaved, one vector per 16 dims.
static void loadValueInterleaved(Kernel &k, const View &value, Value at,
                                 int64_t strip, SmallVectorImpl<Value> &pairs) {
  Emitter &e = k.e;
  for (int64_t n = 0; n < strip; ++n) {
    if (value.paired) {
      pairs.push_back(
          e.load(e.ptr(at, e.mul(value.stride, n)), e.vec(32, e.bf16())));
      continue;
    }
    Value here = e.ptr(at, n * 32);
    Value even = e.load(here, e.vec(16, e.bf16()));
    Value odd = e.load(e.ptr(here, value.stride), e.vec(16, e.bf16()));
    pairs.push_back(vector::InterleaveOp::create(
        e.b, e.loc, e.vec(32, e.bf16()), even, odd));
  }
}

void attn::cpu::prefetchRow(Kernel &k, Value row, Value column, int64_t columns,
                            bool far) {
  Emitter &e = k.e;
  int64_t es = Emitter::bytes(k.element());
  if (!row)
    return;
  Value at = e.ptr(row, e.mul(column, es));
  for (int64_t byte = 0; byte < columns * es; byte += 64)
    e.prefetch(e.ptr(at, byte), far);
}

void attn::cpu::prefetchPair(Kernel &k, const View &value, Value t,
                             Value column, int64_t columns) {
  Emitter &e = k.e;
  Value first = value.ahead(e, e.i64(0));
  if (!first)
    return;
  Value dims = e.mul(e.divU(column, e.i64(16)), value.stride);
  Value at = e.ptr(first, e.add(dims, e.mul(t, 32)));
  for (int64_t n = 0; n < columns / 16; ++n)
    e.prefetch(e.ptr(at, e.mul(value.stride, n)), value.farAhead);
}

void attn::cpu::fmaDotAcc(Kernel &k, const Buffer &p, const View &value,
                          const Buffer &alpha, const Buffer &acc) {
  Emitter &e = k.e;
  int64_t lanes = k.lanes();
  bool dot = k.engine() == tile::Engine::DpBf16;
  VectorType type = e.vec(lanes);
  for (const RowSegment &segment : k.blocks.segments) {
    int64_t height = segment.height, strip = stripVectors(k, height);
    e.loop(k.vDim(), strip * lanes, [&](Value column) {
      e.loop(segment.count, 1, [&](Value block) {
        Value start = e.add(e.mul(block, height), segment.start);
        auto accAt = [&](int64_t row, int64_t n) {
          Value index = e.add(e.mul(e.add(start, row), k.vDim()), column);
          return e.ptr(acc.base, e.mul(e.add(index, n * lanes), 4));
        };
        SmallVector<Value> sums;
        for (int64_t row = 0; row < height; ++row) {
          Value scale = e.broadcastLoad(
              e.ptr(alpha.base, e.mul(e.add(start, row), 4)), type);
          for (int64_t n = 0; n < strip; ++n)
            sums.push_back(e.mulF(e.load(accAt(row, n), type, 4), scale));
        }
        int64_t weightBytes = dot ? 2 : 4;
        Value weights = e.ptr(p.base, e.mul(start, k.kvTile() * weightBytes));
        // Blocks after the first meet the lines in L1.
        bool fetch = segment.start == 0 && segment.count == 1;
        auto pairStep = [&](Value group, Value ahead, Value within, Value t,
                            ValueRange carried) {
          SmallVector<Value> next(carried), even, odd, pairs;
          Value at = valueAt(k, value, group, within, t, column);
          if (fetch && value.paired)
            prefetchPair(k, value, t, column, strip * lanes);
          for (int64_t j = 0; fetch && ahead && !value.paired && j < 2; ++j)
            prefetchRow(k, e.ptr(ahead, e.mul(e.add(within, j), value.stride)),
                        column, strip * lanes, value.farAhead);
          if (dot)
            loadValueInterleaved(k, value, at, strip, pairs);
          else
            loadValuePair(k, value, at, column, strip, even, odd);
          Value weight = e.ptr(weights, e.mul(t, height * weightBytes));
          for (int64_t row = 0; row < height; ++row) {
            if (dot) {
              Value w = e.bitcast(
                  e.broadcastLoad(e.ptr(weight, row * 4), e.vec(16, e.i32())),
                  e.vec(32, e.bf16()));
              for (int64_t n = 0; n < strip; ++n) {
                Value &slot = next[row * strip + n];
                slot = x86vector::DotBF16Op::create(e.b, e.loc, type, slot,
                                                    pairs[n], w);
              }
              continue;
            }
            Value w0 = e.broadcastLoad(e.ptr(weight, row * 4), type);
            Value w1 = e.broadcastLoad(e.ptr(weight, (height + row) * 4), type);
            for (int64_t n = 0; n < strip; ++n) {
              Value &slot = next[row * strip + n];
              slot = e.fma(even[n], w0, slot);
              slot = e.fma(odd[n], w1, slot);
            }
          }
          return next;
        };
        ValueRange done = e.loop(
            k.kvTile(), kGroup, sums, [&](Value first, ValueRange outer) {
              Value group = value.group(e, value.paired ? e.i64(0) : first);
              Value ahead = value.ahead(e, first);
              return SmallVector<Value>(
                  e.loop(kGroup, 2, outer, [&](Value within, ValueRange inner) {
                    return pairStep(group, ahead, within, e.add(first, within),
                                    inner);
                  }));
            });
        for (int64_t row = 0; row < height; ++row)
          for (int64_t n = 0; n < strip; ++n)
            e.store(done[row * strip + n], accAt(row, n), 4);
      });
    });
  }
}
