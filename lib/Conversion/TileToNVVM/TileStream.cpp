//===- TileStream.cpp - Tiles of the cache on their way in ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileStream.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

TileStream::TileStream(Kernel &k, const DecodeSharedMemory &layout,
                       Value shared)
    : k(k), e(k.e), layout(layout), shared(shared), pages(k.e, k.args) {
  Value cacheHead = k.cacheHead();
  auto part = [&](int64_t base, int64_t block, int64_t token, int64_t head) {
    Value start = e.mul(e.mul(e.toI64(cacheHead), k.i64Field(head)), 2);
    return Part{e.ptr(k.globalField(base), start), k.i64Field(block),
                k.i64Field(token)};
  };
  key = part(offsetof(attn_kernel_args, k),
             offsetof(attn_kernel_args, k_stride_block),
             offsetof(attn_kernel_args, k_stride_token),
             offsetof(attn_kernel_args, k_stride_head));
  if (!k.cache.getVInK())
    value = part(offsetof(attn_kernel_args, v),
                 offsetof(attn_kernel_args, v_stride_block),
                 offsetof(attn_kernel_args, v_stride_token),
                 offsetof(attn_kernel_args, v_stride_head));
}

Value TileStream::position(Value tile) {
  return e.add(e.mul(e.add(firstTile, tile), k.kvTile()), k.thread);
}

/// Whether a query sees the token that this thread looks after.
Value TileStream::isRead(Value position) {
  Value seen =
      e.both(e.lessEqual(firstToken, position), e.less(position, k.keyEnd));
  return k.kvTile() == k.threads() ? seen
                                   : e.both(seen, e.less(k.thread, k.kvTile()));
}

Value TileStream::fetch(Value tile) {
  Value at = position(tile);
  return pages.block(at, isRead(at));
}

/// Where the addresses of a tile's tokens are published.
Value TileStream::addresses(Value tile, bool ofValue) {
  Value slot = e.mul(e.bitAnd(tile, 1), 2 * layout.addressBytes);
  return e.ptr(shared, e.add(slot, layout.addressesOffset +
                                       (ofValue ? layout.addressBytes : 0)));
}

Value TileStream::stageOf(Value tile) {
  Value stage = e.rem(tile, k.schedule.getStages());
  return e.ptr(shared,
               e.add(e.mul(stage, layout.stageBytes), layout.stagesOffset));
}

void TileStream::publish(Value tile, Value block) {
  Value at = position(tile), read = isRead(at);
  auto write = [&](const Part &part, bool ofValue) {
    Value offset = e.add(e.mul(e.toI64(block), part.block),
                         e.mul(e.toI64(pages.tokenOfBlock(at)), part.token));
    Value marked = e.select(read, e.mul(offset, 2), e.i64(-1));
    e.store(marked, e.ptr(addresses(tile, ofValue), e.mul(k.thread, 8)), 8);
  };
  auto writeAll = [&] {
    write(key, false);
    if (!k.cache.getVInK())
      write(value, true);
  };
  if (k.kvTile() == k.threads())
    writeAll();
  else
    e.ifThen(e.less(k.thread, k.kvTile()), writeAll);
}

void TileStream::issue(Value tile) {
  e.ifThen(e.less(tile, count), [&] {
    Value stage = stageOf(tile);
    auto copy = [&](const Part &part, const SharedLayout &rows, Value to,
                    int64_t columns, bool ofValue) {
      Value published = addresses(tile, ofValue);
      emitCopyRows(e, k.cta(), rows, to, k.kvTile(), columns, [&](Value row) {
        Value offset = e.load(e.ptr(published, e.mul(row, 8)), e.i64Type(), 8);
        Value valid = e.lessEqual(e.i64(0), offset);
        return std::pair(e.ptr(part.base, e.max(offset, e.i64(0))), valid);
      });
    };
    copy(key, layout.key, stage, k.cache.getK(), false);
    if (!k.cache.getVInK())
      copy(value, layout.value, e.ptr(stage, layout.valueInStage),
           k.cache.getV(), true);
  });
}

Value TileStream::start(Value first, Value tiles, Value firstSeen) {
  firstTile = first;
  count = tiles;
  firstToken = firstSeen;
  pages.turnTo(k.request);
  int64_t ahead = k.schedule.getStages() - 1;
  SmallVector<Value> blocks;
  for (int64_t tile = 0; tile <= ahead + 1; ++tile)
    blocks.push_back(fetch(e.i32(tile)));
  for (int64_t tile = 0; tile < ahead; ++tile) {
    publish(e.i32(tile), blocks[tile]);
    e.barrier();
    issue(e.i32(tile));
    e.commitCopies();
  }
  publish(e.i32(ahead), blocks[ahead]);
  return blocks[ahead + 1];
}

Value TileStream::next(Value i, Value &carried) {
  int64_t stages = k.schedule.getStages();
  if (!k.decompresses())
    e.waitCopies(stages - 2);
  // Everybody's copies of this tile have landed, the stage of the tile before
  // has been read, and the next addresses are published.
  e.barrier();
  issue(e.add(i, stages - 1));
  if (!k.decompresses())
    e.commitCopies();
  publish(e.add(i, stages), carried);
  carried = fetch(e.add(i, stages + 1));
  return stageOf(i);
}
