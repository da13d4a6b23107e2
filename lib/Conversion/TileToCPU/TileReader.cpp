//===- TileReader.cpp - Where the K and V tiles of a step are ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "attn_kernel_abi.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

TileReader::TileReader(Kernel &k) : k(k), e(k.e) {
  page = e.loadField(k.args, offsetof(attn_kernel_args, page_size),
                     e.b.getI64Type());
  blocks = e.loadField(k.item, offsetof(attn_work_item, blocks),
                       k.scratch.getType());
  contiguous = e.isNull(blocks);
  key = loadPart(/*value=*/false);
  if (!k.cache.getVInK())
    value = loadPart(/*value=*/true);
}

TileReader::Part TileReader::loadPart(bool value) {
  int64_t es = Emitter::bytes(k.element());
  auto bytes = [&](int64_t offset) {
    return e.mul(e.loadField(k.args, offset, e.b.getI64Type()), es);
  };
  Part part;
  part.paired = value && k.pairsValues();
  part.base = e.loadField(k.args,
                          value ? offsetof(attn_kernel_args, v)
                                : offsetof(attn_kernel_args, k),
                          k.scratch.getType());
  part.block = bytes(value ? offsetof(attn_kernel_args, v_stride_block)
                           : offsetof(attn_kernel_args, k_stride_block));
  part.token = bytes(value ? offsetof(attn_kernel_args, v_stride_token)
                           : offsetof(attn_kernel_args, k_stride_token));
  part.head = bytes(value ? offsetof(attn_kernel_args, v_stride_head)
                          : offsetof(attn_kernel_args, k_stride_head));
  part.rowBytes = (value ? k.cache.getV() : k.cache.getK()) * es;
  part.scratch = k.reserve(k.kvTile() * part.rowBytes);
  auto array = [&] { return k.scratchAt(k.reserve(k.kvTile() / kGroup * 8)); };
  part.here = array();
  part.next = array();
  part.gathered = array();
  for (int64_t g = 0; g < k.kvTile() / kGroup; ++g)
    e.store(e.ptr(k.scratchAt(part.scratch), g * kGroup * part.rowBytes),
            e.ptr(part.gathered, g * 8), 8);
  return part;
}

/// Block id of the page with this index in the sequence.
Value TileReader::blockOf(Value pageIndex) {
  auto op = scf::IfOp::create(
      e.b, e.loc, contiguous,
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, k.batch);
      },
      [&](OpBuilder &b, Location loc) {
        OpBuilder::InsertionGuard guard(e.b);
        e.b.restoreInsertionPoint(b.saveInsertionPoint());
        Value id = e.load(e.ptr(blocks, e.mul(pageIndex, 4)), e.i32(), 4);
        Value wide = arith::ExtSIOp::create(e.b, loc, e.b.getI64Type(), id);
        scf::YieldOp::create(e.b, loc, wide);
      });
  return op.getResult(0);
}

/// Where `token` of head 0 is; of pair-interleaved V, its pair.
Value TileReader::tokenAt(const Part &part, Value token) {
  Value index = e.divU(token, page);
  Value offset = e.sub(token, e.mul(index, page));
  Value within = part.paired ? e.mul(offset, 32) : e.mul(offset, part.token);
  return e.ptr(part.base, e.add(e.mul(blockOf(index), part.block), within));
}

/// Writes where each group of the tile at `first` starts, those at all that
/// have a token: entries past the end repeat the first.
void TileReader::findGroups(const Part &part, Value array, Value first) {
  e.loop(k.kvTile() / kGroup, 1, [&](Value g) {
    Value token = e.add(first, e.mul(g, kGroup));
    Value inside = e.lessThan(token, k.tokenEnd);
    e.store(tokenAt(part, e.select(inside, token, first)),
            e.ptr(array, e.mul(g, 8)), 8);
  });
}

void TileReader::startTile() {
  Value left = e.sub(k.tokenEnd, k.tileStart);
  valid = e.min(left, e.i64(k.kvTile()));
  direct = e.lessEqual(e.i64(k.kvTile()), left);
  if (k.op.getWindow()) {
    // Blocks left of what any query sees may have been freed: whatever lies
    // there is not read, as past the end.
    Value seen = e.sub(k.seqLen, e.i64(k.qLen() + k.op.getWindow() - 1));
    Value hidden = e.sub(seen, k.tileStart);
    invalid = e.min(e.max(hidden, e.i64(0)), valid);
    direct = e.andI(direct, e.lessEqual(hidden, e.i64(0)));
  }
  // Tiles start at multiples of the tile: groups never straddle pages that are
  // a multiple of the group.
  Value rest = arith::RemUIOp::create(e.b, e.loc, page, e.i64(kGroup));
  Value aligned = e.equal(rest, e.i64(0));
  Value inPage = e.lessEqual(e.add(k.tileStart, valid), page); // contiguous
  direct = e.andI(direct, arith::OrIOp::create(e.b, e.loc, aligned, inPage));
  gathered = arith::XOrIOp::create(
      e.b, e.loc, direct,
      arith::ConstantOp::create(e.b, e.loc, e.b.getBoolAttr(true)));
  // The next tile, or this one again at the end.
  Value after = e.add(k.tileStart, k.kvTile());
  Value next = e.select(e.lessThan(after, k.tokenEnd), after, k.tileStart);
  auto find = [&](const Part &part) {
    findGroups(part, part.here, k.tileStart);
    findGroups(part, part.next, next);
  };
  find(key);
  if (!k.cache.getVInK())
    find(value);
}

std::pair<View, View> TileReader::views() {
  View keyView = viewOf(key);
  if (k.cache.getVInK()) {
    View valueView = keyView;
    valueView.aheadGroups = {}; // K's walk has fetched it
    return {keyView, valueView};
  }
  return {keyView, viewOf(value)};
}

View TileReader::viewOf(const Part &part) {
  Value headOffset = e.mul(k.cacheHead(), part.head);
  e.ifThen(gathered, [&] {
    if (part.paired)
      gatherPairs(part,
                  e.ptr(e.load(part.here, part.here.getType(), 8), headOffset));
    else
      gatherRows(part);
  });
  View view;
  view.paired = part.paired;
  view.groups = e.select(direct, part.here, part.gathered);
  view.offset = e.select(direct, headOffset, e.i64(0));
  Value stride = part.paired ? e.mul(page, 32) : part.token;
  Value scratchStride = e.i64(part.paired ? k.kvTile() * 32 : part.rowBytes);
  view.stride = e.select(direct, stride, scratchStride);
  if (k.cache.getLayout() == tile::CacheLayout::Own ||
      k.cache.getHeads() == 1 || k.decompresses()) {
    // Memory is walked in order, where heads are outermost in steps of all
    // heads' rows: a fixed distance ahead.
    if (int64_t distance = k.schedule.getPrefetch()) {
      view.aheadGroups = part.here;
      view.aheadOffset = e.add(headOffset, distance);
    }
    return view;
  }
  // Rows are strided: the same rows of a later head, of the next tile where
  // there is none left in this one.
  if (int64_t heads = k.schedule.getPrefetchHeads()) {
    Value head = e.add(k.head, heads);
    Value left = e.lessThan(head, k.headEnd);
    Value wrapped = e.add(e.sub(head, k.headEnd), k.headBegin);
    view.aheadGroups = e.select(left, part.here, part.next);
    view.aheadOffset = e.mul(e.select(left, head, wrapped), part.head);
    view.farAhead = true;
  }
  return view;
}

/// Copies `rowBytes` bytes (a multiple of 32) from `from` (null: zeros) to
/// `to`.
static void copyRow(Emitter &e, Value from, Value to, int64_t rowBytes) {
  VectorType chunk = e.vec(8, e.i32());
  e.loop(rowBytes, 32, [&](Value byte) {
    Value x = from ? e.load(e.ptr(from, byte), chunk) : e.zeros(chunk);
    e.store(x, e.ptr(to, byte));
  });
}

/// Gathers rows: tokens in [invalid, valid), zeros around them.
void TileReader::gatherRows(const Part &part) {
  Value target = k.scratchAt(part.scratch);
  Value begin = invalid ? invalid : e.i64(0);
  auto clear = [&](Value t) {
    copyRow(e, {}, e.ptr(target, e.mul(t, part.rowBytes)), part.rowBytes);
  };
  if (invalid)
    e.loop(e.i64(0), begin, 1, clear);
  e.loop(begin, valid, 1, [&](Value t) {
    Value from = tokenAt(part, e.add(k.tileStart, t));
    copyRow(e, e.ptr(from, e.mul(k.cacheHead(), part.head)),
            e.ptr(target, e.mul(t, part.rowBytes)), part.rowBytes);
  });
  e.loop(valid, e.i64(k.kvTile()), 1, clear);
}

/// Gathers pair-interleaved V, [dim/16][tile/2][16][2]; the tile lies within
/// one page, whose size is a multiple of the tile's.
void TileReader::gatherPairs(const Part &part, Value source) {
  VectorType pair = e.vec(16, e.i32());
  Value target = k.scratchAt(part.scratch);
  // The halves of a pair are kept or cleared by the bits of their tokens.
  auto half = [&](Value t, int64_t bits) {
    Value keep = e.lessThan(t, valid);
    if (invalid)
      keep = e.andI(keep, e.lessEqual(invalid, t));
    auto constant = [&](int64_t value) {
      return arith::ConstantOp::create(e.b, e.loc,
                                       e.b.getI32IntegerAttr(value));
    };
    return e.select(keep, constant(bits), constant(0));
  };
  e.loop(k.kvTile(), 2, [&](Value t) {
    Value mask = arith::OrIOp::create(e.b, e.loc, half(t, 0xffff),
                                      half(e.add(t, 1), -65536));
    Value wide = e.broadcast(mask, pair);
    e.loop(k.vDim() / 16, 1, [&](Value group) {
      Value from = e.ptr(source, e.mul(e.mul(group, page), 32));
      Value to = e.ptr(target, e.mul(group, k.kvTile() * 32));
      Value x = e.load(e.ptr(from, e.mul(t, 32)), pair);
      e.store(e.andI(x, wide), e.ptr(to, e.mul(t, 32)));
    });
  });
}
