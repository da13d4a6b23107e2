//===- TileViews.cpp - Where the K and V tiles of a step are ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A tile that lies within one page, whole, is read where it is. Any other (the
// last tile of a sequence, pages smaller than a tile or at odd offsets) is
// gathered token by token into scratch, with zeros past the end: weights there
// are 0, and 0 times what an unused slot holds may be NaN.

#include "Kernel.h"
#include "attn_kernel_abi.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static bool isPaired(const Kernel &k) {
  return k.cache.getLayout() == tile::CacheLayout::Own &&
         k.element().isBF16() && !k.cache.getVInK();
}

GatherScratch attn::cpu::reserveGather(Kernel &k) {
  int64_t es = Emitter::bytes(k.element());
  GatherScratch gather;
  gather.key = k.reserve(k.kvTile() * k.kDim() * es);
  gather.value =
      k.cache.getVInK() ? gather.key : k.reserve(k.kvTile() * k.vDim() * es);
  return gather;
}

namespace {

/// Loads of the call's fields that addressing needs, in bytes where strides.
struct Fields {
  explicit Fields(Kernel &k) : k(k) {
    page = arg(offsetof(attn_kernel_args, page_size));
    blocks = k.e.loadField(k.item, offsetof(attn_work_item, blocks), ptrType());
    contiguous = k.e.isNull(blocks);
  }
  Type ptrType() { return LLVM::LLVMPointerType::get(k.e.b.getContext()); }
  Value arg(int64_t offset) {
    return k.e.loadField(k.args, offset, k.e.b.getI64Type());
  }
  Value bytes(int64_t offset) {
    return k.e.mul(arg(offset), Emitter::bytes(k.element()));
  }
  /// Block id of the page with index `index` in the sequence.
  Value block(Value index) {
    Emitter &e = k.e;
    auto op = scf::IfOp::create(
        e.b, e.loc, contiguous,
        [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, k.batch); },
        [&](OpBuilder &b, Location loc) {
          OpBuilder::InsertionGuard guard(e.b);
          e.b.restoreInsertionPoint(b.saveInsertionPoint());
          Value id = e.load(e.ptr(blocks, e.mul(index, 4)), e.i32(), 4);
          Value wide = arith::ExtSIOp::create(e.b, loc, e.b.getI64Type(), id);
          scf::YieldOp::create(e.b, loc, wide);
        });
    return op.getResult(0);
  }

  Kernel &k;
  Value page, blocks, contiguous;
};

/// One of K and V.
struct Part {
  Part(Fields &f, bool value) {
    Kernel &k = f.k;
    base = k.e.loadField(k.args,
                         value ? offsetof(attn_kernel_args, v)
                               : offsetof(attn_kernel_args, k),
                         f.ptrType());
    block = f.bytes(value ? offsetof(attn_kernel_args, v_stride_block)
                          : offsetof(attn_kernel_args, k_stride_block));
    token = f.bytes(value ? offsetof(attn_kernel_args, v_stride_token)
                          : offsetof(attn_kernel_args, k_stride_token));
    head = f.bytes(value ? offsetof(attn_kernel_args, v_stride_head)
                         : offsetof(attn_kernel_args, k_stride_head));
    rowBytes = (value ? k.vDim() : k.kDim()) * Emitter::bytes(k.element());
  }
  Value base, block, token, head;
  int64_t rowBytes;
};

/// Copies `rowBytes` bytes (a multiple of 32) from `from` (null: zeros) to `to`.
void copyRow(Emitter &e, Value from, Value to, int64_t rowBytes) {
  VectorType chunk = e.vec(8, e.i32());
  e.loop(rowBytes, 32, [&](Value byte) {
    Value x = from ? e.load(e.ptr(from, byte), chunk) : e.zeros(chunk);
    e.store(x, e.ptr(to, byte));
  });
}

/// Gathers rows of `part`: real tokens below `valid`, zeros above.
void gatherRows(Fields &f, const Part &part, Value valid, Value target) {
  Kernel &k = f.k;
  Emitter &e = k.e;
  e.loop(e.i64(0), valid, 1, [&](Value t) {
    Value token = e.add(k.tileStart, t);
    Value index = e.divU(token, f.page);
    Value offset = e.sub(token, e.mul(index, f.page));
    Value from = e.ptr(
        part.base, e.add(e.add(e.mul(f.block(index), part.block),
                               e.mul(offset, part.token)),
                         e.mul(k.head, part.head)));
    copyRow(e, from, e.ptr(target, e.mul(t, part.rowBytes)), part.rowBytes);
  });
  e.loop(valid, e.i64(k.kvTile()), 1, [&](Value t) {
    copyRow(e, {}, e.ptr(target, e.mul(t, part.rowBytes)), part.rowBytes);
  });
}

/// Gathers pair-interleaved V, [dim/16][tile/2][16][2]; the tile lies within
/// one page (its page is a multiple of the tile), only its tail is invalid.
void gatherPairs(Fields &f, Value source, Value groupStride, Value valid,
                 Value target) {
  Kernel &k = f.k;
  Emitter &e = k.e;
  VectorType pair = e.vec(16, e.i32());
  e.loop(k.vDim() / 16, 1, [&](Value group) {
    Value from = e.ptr(source, e.mul(group, groupStride));
    Value to = e.ptr(target, e.mul(group, k.kvTile() * 32));
    Value whole = e.mul(e.divU(valid, e.i64(2)), 2);
    e.loop(e.i64(0), whole, 2, [&](Value t) {
      e.store(e.load(e.ptr(from, e.mul(t, 32)), pair), e.ptr(to, e.mul(t, 32)));
    });
    e.loop(whole, e.i64(k.kvTile()), 2, [&](Value t) {
      e.store(e.zeros(pair), e.ptr(to, e.mul(t, 32)));
    });
    // An odd last token: keep the low half of its pair.
    e.ifThen(e.lessThan(whole, valid), [&] {
      Value x = e.load(e.ptr(from, e.mul(whole, 32)), pair);
      Value low = arith::AndIOp::create(e.b, e.loc, x,
                                        e.splat(int64_t(0xffff), pair));
      e.store(low, e.ptr(to, e.mul(whole, 32)));
    });
  });
}

} // namespace

TileViews attn::cpu::emitTileViews(Kernel &k, const GatherScratch &gather) {
  Emitter &e = k.e;
  Fields f(k);
  bool paired = isPaired(k), separate = !k.cache.getVInK();
  Value left = e.sub(k.tokenEnd, k.tileStart);
  Value valid = e.min(left, e.i64(k.kvTile()));
  Value index = e.divU(k.tileStart, f.page);
  Value offset = e.sub(k.tileStart, e.mul(index, f.page));
  Value whole = e.lessEqual(e.i64(k.kvTile()), left);
  Value inPage = e.lessEqual(e.add(offset, k.kvTile()), f.page);
  Value direct = e.andI(whole, inPage);
  Value gathered = arith::XOrIOp::create(
      e.b, e.loc, direct,
      arith::ConstantOp::create(e.b, e.loc, e.b.getBoolAttr(true)));
  Value block = f.block(index);

  Part key(f, /*value=*/false);
  auto within = [&](const Part &part) {
    return e.ptr(part.base,
                 e.add(e.mul(block, part.block), e.mul(k.head, part.head)));
  };
  Value keyScratch = k.scratchAt(gather.key);
  Value keyAt = e.ptr(within(key), e.mul(offset, key.token));
  e.ifThen(gathered, [&] { gatherRows(f, key, valid, keyScratch); });
  TileViews views;
  views.key.base = e.select(direct, keyAt, keyScratch);
  views.key.stride = e.select(direct, key.token, e.i64(key.rowBytes));
  if (!separate) {
    views.value = views.key;
    return views;
  }
  Part value(f, /*value=*/true);
  Value valueScratch = k.scratchAt(gather.value);
  Value valueAt, valueStride, gatheredStride;
  if (paired) {
    valueStride = e.mul(f.page, 32);
    valueAt = e.ptr(within(value), e.mul(offset, 32));
    gatheredStride = e.i64(k.kvTile() * 32);
    e.ifThen(gathered, [&] {
      gatherPairs(f, valueAt, valueStride, valid, valueScratch);
    });
  } else {
    valueStride = value.token;
    valueAt = e.ptr(within(value), e.mul(offset, value.token));
    gatheredStride = e.i64(value.rowBytes);
    e.ifThen(gathered, [&] { gatherRows(f, value, valid, valueScratch); });
  }
  views.value.base = e.select(direct, valueAt, valueScratch);
  views.value.stride = e.select(direct, valueStride, gatheredStride);
  views.value.paired = paired;
  return views;
}
