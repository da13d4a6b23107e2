//===- Decompress.cpp - K and V made of latent rows -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decompress.h"
#include "Mma.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

Decompression::Decompression(MmaGeometry &geometry,
                             const DecodeSharedMemory &layout, Value shared)
    : k(geometry.k), e(k.e), layout(layout), shared(shared),
      rank(k.cache.getV()) {
  UpShape up = k.decodeShape().up;
  depth = up.depth;
  stages = up.stages;
  chunks = rank / depth;
  auto ofHead = [&](int64_t field, int64_t columns) {
    Value head = e.mul(e.toI64(k.head), rank * columns * 2);
    return e.ptr(k.globalField(field), head);
  };
  key = {ofHead(offsetof(attn_kernel_args, w_uk), up.nope),
         up.nope,
         k.op.getKeyRest(),
         up.transposed,
         &layout.upKey,
         &layout.madeKey};
  value = {ofHead(offsetof(attn_kernel_args, w_uv), up.v),
           up.v,
           /*rest=*/0,
           /*transposed=*/false,
           &layout.upValue,
           &layout.madeValue};
}

Value Decompression::made() const { return e.ptr(shared, layout.madeOffset); }

SmallVector<Columns> Decompression::keys(Value stage) const {
  // The rotary part, which no matrix makes, is read where it came to lie.
  return {{&layout.madeKey, made(), 0, key.columns / 16, 0, /*queryRest=*/0,
           key.rest / 16},
          {&layout.key, stage, rank / 16, (k.cache.getK() - rank) / 16,
           key.columns / 16}};
}

Value Decompression::slotAt(Value count) {
  Value slot = e.mul(e.rem(count, stages), layout.chunkBytes);
  return e.ptr(e.ptr(shared, layout.chunksOffset), slot);
}

void Decompression::copyChunk(const Matrix &matrix, Value chunk, Value slot) {
  // Some rows of a matrix; of a transposed one, some columns.
  int64_t rows = matrix.transposed ? matrix.columns : depth;
  int64_t columns = matrix.transposed ? depth : matrix.columns;
  int64_t rowBytes = 2 * (matrix.transposed ? rank : matrix.columns);
  Value start = e.mul(chunk, 2 * depth * (matrix.transposed ? 1 : columns));
  Value base = e.ptr(matrix.base, start);
  Value always = arith::ConstantOp::create(e.b, e.loc, e.b.getBoolAttr(true));
  emitCopyRows(e, k.cta(), *matrix.chunk, slot, rows, columns, [&](Value row) {
    return std::pair(e.ptr(base, e.mul(row, rowBytes)), always);
  });
}

void Decompression::start() {
  for (int64_t i = 0; i < stages - 1; ++i) {
    copyChunk(i < chunks ? key : value, e.i32(i % chunks), slotAt(e.i32(i)));
    e.commitCopies();
  }
}

int64_t Decompression::groups(const Matrix &matrix) const {
  return llvm::divideCeil(matrix.columns / 16, k.warps());
}

Decompression::Group Decompression::group(const Matrix &matrix, int64_t i) {
  int64_t all = matrix.columns / 16;
  Value mine = e.mul(k.warp, groups(matrix));
  // A constant costs no register.
  if (all % k.warps() == 0)
    return {mine, i};
  return {e.min(e.add(mine, i), e.i32(all - 1)), 0};
}

void Decompression::multiplyChunk(const Matrix &matrix, Value chunk, Value slot,
                                  Value stage, Fragment &acc) {
  Operands operands{e, k.lane};
  int64_t tokenBlocks = k.kvTile() / 16, count = groups(matrix);
  Value first = e.mul(chunk, depth / kChunk);
  for (int64_t step = 0; step < depth / 16; ++step) {
    SmallVector<SmallVector<Value>> a;
    for (int64_t m = 0; m < tokenBlocks; ++m)
      a.push_back(operands.a(layout.key, stage, m * 16, step, first));
    for (int64_t n = 0; n < count; ++n) {
      auto [from, more] = group(matrix, n);
      SmallVector<Value> b =
          matrix.transposed
              ? operands.bFromRows(*matrix.chunk, slot, e.mul(from, 16),
                                   more * 16, /*blocks=*/2, step)
              : operands.bFromColumns(*matrix.chunk, slot, step * 16,
                                      e.mul(from, 2), more * 2);
      for (int64_t m = 0; m < tokenBlocks; ++m)
        for (int64_t i = 0; i < 2; ++i)
          multiply(e, acc, ((m * count + n) * 2 + i) * 4, a[m],
                   ArrayRef<Value>(b).slice(2 * i, 2), k.element());
    }
  }
}

void Decompression::storeResult(const Matrix &matrix, const Fragment &acc) {
  int64_t count = groups(matrix), all = matrix.columns / 16;
  auto storeGroup = [&](int64_t n) {
    Group place = group(matrix, n);
    for (int64_t m = 0; m < k.kvTile() / 16; ++m)
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t half = 0; half < 2; ++half) {
          int64_t at = ((m * count + n) * 2 + i) * 4 + half * 2;
          auto store = [&](Value pair, int64_t column) {
            Value to = emitChunk(e, *matrix.result, made(), e.div(k.lane, 4),
                                 e.mul(place.from, 2), m * 16 + half * 8,
                                 place.more * 2 + i + column / kChunk);
            e.store(pair, e.ptr(to, e.mul(e.rem(k.lane, 4), 4)), 4);
          };
          Value rounded = e.roundPair(acc[at], acc[at + 1], k.element());
          store(rounded, 0);
          if (matrix.rest)
            store(e.roundRest(acc[at], acc[at + 1], rounded), matrix.columns);
        }
  };
  for (int64_t n = 0; n < count; ++n) {
    if (all % k.warps() == 0) {
      storeGroup(n);
      continue;
    }
    // What another warp has too, that one stores.
    Value mine = e.add(e.mul(k.warp, count), n);
    e.ifThen(e.less(mine, all), [&] { storeGroup(n); });
  }
}

void Decompression::run(tile::UpPart part, Value tile, Value stage) {
  bool isKey = part == tile::UpPart::Key;
  const Matrix &mine = isKey ? key : value, &next = isKey ? value : key;
  // How many chunks came before, as far as places in the ring go.
  Value before =
      e.add(e.mul(e.rem(tile, stages), 2 * chunks), isKey ? 0 : chunks);
  int64_t elements = k.kvTile() / 16 * groups(mine) * 2 * 4;
  ValueRange product = e.loop(
      e.i32(0), e.i32(chunks), e.i32(1), Fragment(elements, e.f32(0)),
      [&](Value chunk, ValueRange values) -> SmallVector<Value> {
        e.waitCopies(stages - 2);
        // Everybody's copies of this chunk have landed, and the one before has
        // been read, whose place the next one takes.
        e.barrier();
        Value ahead = e.add(chunk, stages - 1);
        Value to = slotAt(e.add(before, ahead));
        auto send = [&](const Matrix &from, Value index) {
          copyChunk(from, index, to);
          return SmallVector<Value>();
        };
        e.choose(
            e.less(ahead, chunks), {}, [&] { return send(mine, ahead); },
            [&] { return send(next, e.add(ahead, -chunks)); });
        e.commitCopies();
        Fragment acc(values);
        multiplyChunk(mine, chunk, slotAt(e.add(before, chunk)), stage, acc);
        return acc;
      });
  storeResult(mine, Fragment(product));
  e.barrier();
}
