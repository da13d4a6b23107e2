//===- Decompress.cpp - K and V made of latent rows -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A head's matrices are packed when its turn comes and stay in L2 while the
// tokens pass; a tile of latent rows stays in L1 while the columns do. What is
// made of it lies in scratch as rows, which the products take as they would a
// cache's.

#include "Decompress.h"
#include "attn_kernel_abi.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

Decompression::Decompression(Kernel &k) : k(k) {
  auto reserve = [&](int64_t bytes) { return k.reserve(bytes); };
  tile::ProjectionScheduleAttr schedule = k.op.getUpScheduleAttr();
  k.op.walk([&](tile::DecompressOp op) {
    auto weight = op.getWeight().getDefiningOp<tile::WeightOp>();
    tile::TileType matrix = weight.getType(), result = op.getType();
    Product product(k.e, k.element(), matrix.getRows(), matrix.getCols(),
                    /*wideInput=*/false, schedule, reserve);
    product.setScratch(k.scratch);
    product.setStripsInL2();
    if (op.getRest())
      product.keepRest();
    int64_t packed = usesTiles() || weight.getTransposed()
                         ? k.reserve(matrix.getRows() * matrix.getCols() *
                                     Emitter::bytes(k.element()))
                         : 0;
    int64_t rowBytes = result.getCols() * Emitter::bytes(k.element());
    int64_t rows = k.reserve(k.kvTile() * rowBytes);
    int64_t groups = k.reserve(k.kvTile() / kGroup * 8);
    for (int64_t g = 0; g < k.kvTile() / kGroup; ++g)
      k.e.store(k.scratchAt(rows + g * kGroup * rowBytes),
                k.e.ptr(k.scratchAt(groups), g * 8), 8);
    parts.push_back({op, weight, product, packed, rows, groups});
  });
}

Value Decompression::matrixOf(tile::WeightOp weight) {
  Emitter &e = k.e;
  bool key = weight.getPart() == tile::UpPart::Key;
  Value base = e.loadField(k.args,
                           key ? offsetof(attn_kernel_args, w_uk)
                               : offsetof(attn_kernel_args, w_uv),
                           k.scratch.getType());
  tile::TileType type = weight.getType();
  int64_t bytes = type.getRows() * type.getCols() * Emitter::bytes(k.element());
  return e.ptr(base, e.mul(k.head, bytes));
}

void Decompression::startHead() {
  Emitter &e = k.e;
  for (Part &part : parts) {
    Value matrix = matrixOf(part.weight), packed = k.scratchAt(part.packed);
    tile::TileType type = part.weight.getType();
    if (usesTiles())
      e.loop(type.getCols(), kTileColumns, [&](Value column) {
        Value strip = part.stripAt(e, packed, column);
        if (part.weight.getTransposed())
          part.product.packStripTransposed(matrix, column, strip);
        else
          part.product.packStrip(matrix, column, strip);
      });
    else if (part.weight.getTransposed())
      part.product.transpose(matrix, packed);
  }
}

View Decompression::run(tile::DecompressOp op, const View &rows) {
  Emitter &e = k.e;
  Part &part = *llvm::find_if(parts, [&](Part &p) { return p.op == op; });
  int64_t es = Emitter::bytes(k.element()), width = op.getType().getCols();
  int64_t columns = part.weight.getType().getCols();
  Rows in{{}, rows.stride, rows.groups, rows.offset};
  Rows out{k.scratchAt(part.rows), e.i64(width * es), {}, {}};
  if (usesTiles()) {
    Value packed = k.scratchAt(part.packed);
    e.loop(k.kvTile(), kTileRows, [&](Value first) {
      e.loop(columns, kTileColumns, [&](Value column) {
        part.product.multiplyTiles(in, first, part.stripAt(e, packed, column),
                                   out, first, column, e.i64(kTileRows));
      });
    });
  } else {
    Value matrix = part.weight.getTransposed() ? k.scratchAt(part.packed)
                                               : matrixOf(part.weight);
    e.loop(k.kvTile(), 4, [&](Value first) {
      SmallVector<Value> targets;
      for (int64_t i = 0; i < 4; ++i) {
        part.product.stageRow(in.at(e, e.add(first, i)),
                              part.product.staged(i));
        targets.push_back(out.at(e, e.add(first, i)));
      }
      part.product.multiplyStaged(matrix, 4, targets);
    });
  }
  copyTail(op, rows, in, out);
  View view;
  view.groups = k.scratchAt(part.groups);
  view.offset = e.i64(0);
  view.stride = out.stride;
  return view;
}

/// The columns past the matrix, and a later tile's rows on their way.
void Decompression::copyTail(tile::DecompressOp op, const View &rows,
                             const Rows &in, const Rows &out) {
  Emitter &e = k.e;
  int64_t es = Emitter::bytes(k.element());
  tile::TileType matrix = cast<tile::TileType>(op.getWeight().getType());
  tile::TileType source = cast<tile::TileType>(op.getRows().getType());
  int64_t tail = (source.getCols() - matrix.getRows()) * es;
  int64_t made = op.getType().getCols() * es - tail;
  VectorType chunk = e.vec(8, e.i32());
  e.loop(k.kvTile(), kGroup, [&](Value first) {
    Value ahead = rows.ahead(e, first);
    e.loop(kGroup, 1, [&](Value within) {
      Value row = e.add(first, within);
      if (ahead) // more than L1 holds
        prefetchRow(k, e.ptr(ahead, e.mul(within, rows.stride)), e.i64(0),
                    source.getCols(), /*far=*/true);
      if (!tail)
        return;
      Value from = e.ptr(in.at(e, row), matrix.getRows() * es);
      Value to = e.ptr(out.at(e, row), made);
      e.loop(tail, 32, [&](Value byte) {
        e.store(e.load(e.ptr(from, byte), chunk), e.ptr(to, byte));
      });
    });
  });
}
