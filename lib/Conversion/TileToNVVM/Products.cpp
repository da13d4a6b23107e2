//===- Products.cpp - The two products, by mma.sync -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Products.h"
#include "Mma.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

Fragment attn::nvvm::emitDot(MmaGeometry &geometry,
                             const DecodeSharedMemory &layout, Value shared,
                             ArrayRef<Columns> keys) {
  Kernel &k = geometry.k;
  Emitter &e = k.e;
  Operands operands{e, k.lane};
  int64_t blocks = geometry.scoreBlocks();
  Fragment scores(geometry.rowBlocks() * blocks * 4, e.f32(0));
  Value query = e.ptr(shared, layout.queryOffset);
  Value firstToken = e.mul(k.warp, blocks * 8);
  // Step by step a number and its rest, so that what they both meet is loaded
  // once.
  auto multiplyStep = [&](const Columns &columns, int64_t step) {
    SmallVector<int64_t, 2> querySteps = {columns.query + step};
    if (columns.queryRest)
      querySteps.push_back(querySteps[0] + columns.queryRest);
    SmallVector<int64_t, 2> keySteps = {columns.first + step};
    if (columns.keyRest)
      keySteps.push_back(keySteps[0] + columns.keyRest);
    SmallVector<SmallVector<Value>> a; // [row block][part]
    for (int64_t m = 0; m < geometry.rowBlocks(); ++m)
      for (int64_t queryStep : querySteps)
        a.push_back(operands.a(layout.query, query, m * 16, queryStep));
    for (int64_t n = 0; n < blocks; n += 2) {
      int64_t count = std::min<int64_t>(2, blocks - n);
      for (int64_t keyStep : keySteps) {
        SmallVector<Value> b = operands.bFromRows(
            *columns.layout, columns.base, firstToken, n * 8, count, keyStep);
        for (auto [at, rows] : llvm::enumerate(a))
          for (int64_t i = 0; i < count; ++i)
            multiply(e, scores, (at / querySteps.size() * blocks + n + i) * 4,
                     rows, ArrayRef<Value>(b).slice(2 * i, 2), k.element());
      }
    }
  };
  for (const Columns &columns : keys)
    for (int64_t i = 0; i < columns.count; ++i)
      multiplyStep(columns, i);
  return scores;
}

/// The accumulator times alpha; as it is where no row of the warp moved, which
/// lazy rescaling makes the rule.
static Fragment rescale(MmaGeometry &geometry, const Fragment &acc,
                        const Fragment &alpha) {
  Emitter &e = geometry.e;
  Value moved;
  for (Value factor : alpha) {
    Value differs = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UNE,
                                          factor, e.f32(1));
    moved = moved ? arith::OrIOp::create(e.b, e.loc, moved, differs) : differs;
  }
  return Fragment(e.choose(
      e.anyLane(moved), SmallVector<Type>(acc.size(), e.f32()),
      [&] {
        SmallVector<Value> scaled;
        for (auto [i, value] : llvm::enumerate(acc))
          scaled.push_back(arith::MulFOp::create(
              e.b, e.loc, value, alpha[geometry.rowOf(i, acc.size())]));
        return scaled;
      },
      [&] { return acc; }));
}

Fragment attn::nvvm::emitDotAcc(MmaGeometry &geometry,
                                const DecodeSharedMemory &layout, Value shared,
                                const SharedLayout &valueLayout, Value values,
                                const Fragment &acc, const Fragment &alpha) {
  Kernel &k = geometry.k;
  Emitter &e = k.e;
  Operands operands{e, k.lane};
  int64_t blocks = geometry.outputBlocks();
  Fragment out = rescale(geometry, acc, alpha);
  Value weights = e.ptr(shared, layout.weightsOffset);
  Value firstChunk = e.mul(k.warp, blocks);
  // Whole groups of the swizzle: the warp's columns begin a matrix of their
  // own.
  if (blocks % (valueLayout.mask + 1) == 0) {
    values = e.ptr(values, e.mul(firstChunk, 16));
    firstChunk = e.i32(0);
  }
  for (int64_t step = 0; step < k.kvTile() / 16; ++step) {
    SmallVector<SmallVector<Value>> a;
    for (int64_t m = 0; m < geometry.rowBlocks(); ++m)
      a.push_back(operands.a(layout.weights, weights, m * 16, step));
    for (int64_t n = 0; n < blocks; n += 2) {
      SmallVector<Value> b =
          operands.bFromColumns(valueLayout, values, step * 16, firstChunk, n);
      for (int64_t m = 0; m < geometry.rowBlocks(); ++m)
        for (int64_t i = 0; i < 2; ++i)
          multiply(e, out, (m * blocks + n + i) * 4, a[m],
                   ArrayRef<Value>(b).slice(2 * i, 2), k.element());
    }
  }
  return out;
}
