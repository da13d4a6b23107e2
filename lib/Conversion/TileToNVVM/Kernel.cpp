//===- Kernel.cpp - What the kernels of a call have in common ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "PageTable.h"
#include "attn/Conversion/KernelFacts.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

DecodeShape Kernel::decodeShape() {
  DecodeShape shape = {cache.getK(),        cache.getV(), cache.getVInK(),
                       schedule.getRows(),  warps(),      kvTile(),
                       schedule.getStages()};
  shape.rest = int64_t(op.getRest());
  if (std::optional<tile::UpAttr> up = op.getUp()) {
    tile::GPUUpScheduleAttr chunks = *op.getGpuUpSchedule();
    shape.up = {up->getNope(), up->getV(), isUpTransposed(op),
                chunks.getDepth(), chunks.getStages()};
  }
  return shape;
}

Value Kernel::planEntry(Value index) {
  Value plan = globalField(offsetof(attn_gpu_args, plan));
  return e.load(e.ptr(plan, e.mul(e.toI64(index), 4)), e.i32Type(), 4);
}

void Kernel::identifyThread() {
  thread = e.special(Register::ThreadX);
  warp = e.div(thread, kWarp);
  lane = e.bitAnd(thread, kWarp - 1);
}

Request Kernel::readRequest(Value request) {
  Request r;
  Value zero = e.i32(0);
  r.length = e.max(emitLength(e, args, request), zero);
  r.firstToken = zero;
  if (int64_t window = op.getWindow())
    r.firstToken =
        e.max(e.add(r.length, 1 - int64_t(op.getQLen()) - window), zero);
  r.firstTile = e.div(r.firstToken, kvTile());
  r.tiles = e.sub(e.ceilDiv(r.length, kvTile()), r.firstTile);
  return r;
}

Value Kernel::tilesPerUnit() {
  return e.max(smallField(offsetof(attn_gpu_args, split_tiles)), e.i32(1));
}

CarriedTiles::CarriedTiles(ValueRange inits, int64_t elements, int64_t rows)
    : inits(inits) {
  for (Value init : inits) {
    bool isMatrix = cast<tile::TileType>(init.getType()).getCols() > 1;
    sizes.push_back(isMatrix ? elements : rows);
  }
}

SmallVector<Value> CarriedTiles::initialValues(Emitter &e) const {
  SmallVector<Value> values;
  for (auto [init, size] : llvm::zip(inits, sizes)) {
    auto constant = init.getDefiningOp<tile::ConstantOp>();
    values.append(size, e.f32(constant.getValue().convertToFloat()));
  }
  return values;
}

void CarriedTiles::spread(ValueRange values, ValueRange tiles,
                          Fragments &fragments) const {
  for (auto [tile, size] : llvm::zip(tiles, sizes)) {
    fragments[tile] = Fragment(values.take_front(size));
    values = values.drop_front(size);
  }
}

LogicalResult attn::nvvm::checkInits(Operation *stream) {
  for (Value init : stream->getOperands())
    if (!init.getDefiningOp<tile::ConstantOp>())
      return stream->emitOpError("starts from something else than constants");
  return success();
}

Value attn::nvvm::emitReduction(Emitter &e, tile::Reduction kind, Value x,
                                Value y) {
  return kind == tile::Reduction::Max ? e.maxF(x, y) : e.addF(x, y);
}

Value attn::nvvm::emitQueryHead(Kernel &k, Value row) {
  Emitter &e = k.e;
  return e.add(e.mul(k.head, k.group()), e.rem(row, k.group()));
}

RowAddress attn::nvvm::emitOutputRow(Kernel &k, Value row) {
  Emitter &e = k.e;
  Value token = e.toI64(e.div(row, k.group()));
  Value head = e.toI64(emitQueryHead(k, row));
  Value request = e.toI64(k.request);
  auto at = [&](int64_t batchStride, int64_t tokenStride, int64_t headStride) {
    return e.add(e.add(e.mul(request, k.i64Field(batchStride)),
                       e.mul(token, k.i64Field(tokenStride))),
                 e.mul(head, k.i64Field(headStride)));
  };
  return {at(offsetof(attn_kernel_args, out_stride_batch),
             offsetof(attn_kernel_args, out_stride_token),
             offsetof(attn_kernel_args, out_stride_head)),
          at(offsetof(attn_kernel_args, lse_stride_batch),
             offsetof(attn_kernel_args, lse_stride_token),
             offsetof(attn_kernel_args, lse_stride_head))};
}

RowAddress attn::nvvm::emitPartialRow(Kernel &k, Value row, Value slot) {
  Emitter &e = k.e;
  Value token = e.toI64(e.div(row, k.group()));
  Value head = e.toI64(emitQueryHead(k, row));
  Value index = e.add(e.mul(e.toI64(slot), k.op.getQLen()), token);
  Value lse = e.add(e.mul(index, k.queryHeads()), head);
  return {e.mul(lse, k.op.getValueWidth()), lse};
}
