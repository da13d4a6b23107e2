//===- PageTable.cpp - Where the tokens of a request lie --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageTable.h"
#include "attn_gpu_abi.h"

#include <cstddef>

using namespace mlir;
using namespace attn::nvvm;

static Value globalField(Emitter &e, Value args, int64_t offset) {
  return e.load(e.ptr(args, offset), e.pointer(Global), 8);
}
static Value i64Field(Emitter &e, Value args, int64_t offset) {
  return e.load(e.ptr(args, offset), e.i64Type(), 8);
}

Value attn::nvvm::emitLength(Emitter &e, Value args, Value request) {
  Value offset = e.mul(e.toI64(request), 4);
  auto load = [&](Value array, int64_t at) {
    return e.load(e.ptr(e.ptr(array, offset), 4 * at), e.i32Type(), 4);
  };
  Value lens = globalField(e, args, offsetof(attn_gpu_args, seq_lens));
  auto fromPages = [&]() -> SmallVector<Value> {
    Value indptr = globalField(e, args, offsetof(attn_gpu_args, block_indptr));
    Value lasts = globalField(e, args, offsetof(attn_gpu_args, last_page_len));
    Value page =
        e.toI32(i64Field(e, args, offsetof(attn_kernel_args, page_size)));
    Value pages = e.sub(load(indptr, 1), load(indptr, 0));
    Value last = e.choose(
        e.isNull(lasts), e.i32Type(),
        [&]() -> SmallVector<Value> { return {page}; },
        [&]() -> SmallVector<Value> { return {load(lasts, 0)}; })[0];
    Value length = e.add(e.mul(e.add(pages, -1), page), last);
    return {e.select(e.less(pages, 1), e.i32(0), length)};
  };
  return e.choose(e.isNull(lens), e.i32Type(), fromPages,
                  [&]() -> SmallVector<Value> { return {load(lens, 0)}; })[0];
}

PageTable::PageTable(Emitter &e, Value args)
    : e(e),
      page(e.toI32(i64Field(e, args, offsetof(attn_kernel_args, page_size)))),
      blockTable(globalField(e, args, offsetof(attn_gpu_args, block_table))),
      tableStride(
          i64Field(e, args, offsetof(attn_gpu_args, block_table_stride))),
      indexWords(
          e.toI32(i64Field(e, args, offsetof(attn_gpu_args, index_words)))),
      indptr(globalField(e, args, offsetof(attn_gpu_args, block_indptr))) {}

void PageTable::turnTo(Value to) {
  request = to;
  Value wide = e.toI64(request);
  Value begin = e.choose(
      e.isNull(indptr), e.i64Type(),
      [&]() -> SmallVector<Value> { return {e.mul(wide, tableStride)}; },
      [&]() -> SmallVector<Value> {
        Value entry = e.ptr(indptr, e.mul(wide, 4));
        return {e.toI64(e.load(entry, e.i32Type(), 4))};
      })[0];
  row = e.ptr(blockTable, e.mul(e.mul(begin, e.toI64(indexWords)), 4));
}

Value PageTable::block(Value position, Value isRead) {
  return e.choose(
      e.both(isRead, e.negate(e.isNull(blockTable))), e.i32Type(),
      [&]() -> SmallVector<Value> {
        // The first word of an int64 is the low one; the other is 0. Words are
        // below 2^32, and counting them in 32 bits saves two registers.
        Value word = e.mul(e.div(position, page), indexWords);
        Value entry = e.ptr(row, e.mul(e.zeroExtend(word), 4));
        return {e.load(entry, e.i32Type(), 4)};
      },
      // A contiguous cache: the request's block.
      [&]() -> SmallVector<Value> { return {request}; })[0];
}
