//===- LatentProjection.cpp - Latent rows decompressed ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Keys, or values, of every head and token: a matrix product of as many rows as
// a context has tokens, and bound by arithmetic. For T tokens a CTA of c
// columns of a head makes 2 T k c FLOPs of 2 k c bytes of weights, read once,
// and of 2 T k bytes of rows, which other CTAs read too and so come from L2: c
// FLOPs a byte, 128 for DeepSeek-V3's 128 columns on an H100 (where L2
// gives 5.5 TB/s at best, and mma.sync makes 600 TFLOP/s). Out go 2 T c bytes.
//
// The weights stay in shared memory. Rows come by cp.async through a ring of
// slices of their columns, that runs on from one block of rows to the next; it
// drains between requests.

#include "PageTable.h"
#include "ProjectionKernel.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

namespace {

struct LatentProjection : ProjectionKernel {
  LatentProjection(OpBuilder &b, tile::ProjectionOp op, Value args)
      : ProjectionKernel(b, op, args), pages(e, args) {}

  int64_t rows() { return schedule.getRows(); }
  int64_t rowsOfWarp() { return rows() / schedule.getRowWarps(); }
  int64_t slice() { return sliceColumns(k()); }
  int64_t slices() { return k() / slice(); }
  /// Slices that are under way.
  int64_t ahead() { return schedule.getRowStages() - 1; }
  /// Chunks of the tail that a thread copies of a block.
  int64_t tailChunks() {
    return (rows() * int64_t(op.getTail()) / kChunk + threads() - 1) /
           threads();
  }

  Value cacheField(int64_t offset, Type type) {
    return e.load(e.ptr(args, offset), type, 8);
  }
  Value cacheStride(int64_t offset) { return cacheField(offset, e.i64Type()); }

  /// The `block`th (i32) of this CTA's blocks of rows of the request; where a
  /// row of it lies in the context.
  Value position(Value block, Value row) {
    Value number = e.add(firstBlock, e.mul(block, parts));
    return e.add(e.add(firstToken, e.mul(number, rows())), row);
  }
  Value addresses(Value block) {
    Value slot = e.mul(e.bitAnd(block, 1), layout.addressBytes);
    return e.ptr(shared, e.add(slot, layout.addressesOffset));
  }
  Value outputOf(Value token) {
    Value offset = e.add(outRequest, e.mul(e.toI64(token), outToken));
    return e.ptr(out, e.mul(offset, 2));
  }

  void readArguments();
  Value forEachRequest(Value request, Value turn);
  void multiplyRows();
  Value fetch(Value block);
  void publish(Value block, Value page);
  void issue(Value tile);
  SmallVector<Value> loadTail(Value block);
  void storeTail(Value block, ArrayRef<Value> chunks);
  void forTail(Value block,
               llvm::function_ref<void(int64_t, Value, Value, Value)> body);
  Fragment multiplySlice(Value tile, Value slice, Fragment sums);
  void run(bool dependentLaunch);

  PageTable pages;
  Value rowBase, rowBlock, rowToken; ///< of the cache, for this head
  Value out, outToken;               ///< of this head
  Value parts, part, seen, batch;
  // Of the request.
  Value length, firstToken, outRequest;
  Value firstBlock, count; ///< of this CTA's blocks
};
} // namespace

void LatentProjection::readArguments() {
  Value group = smallField(offsetof(attn_gpu_project, group));
  Value start = e.mul(e.toI64(e.div(head, group)),
                      cacheStride(offsetof(attn_kernel_args, k_stride_head)));
  rowBase = e.ptr(cacheField(offsetof(attn_kernel_args, k), e.pointer(Global)),
                  e.mul(start, 2));
  rowBlock = cacheStride(offsetof(attn_kernel_args, k_stride_block));
  rowToken = cacheStride(offsetof(attn_kernel_args, k_stride_token));
  Value outHead =
      e.mul(e.toI64(head),
            i64Field(offsetof(attn_gpu_project, tensors.out_stride_head)));
  out = e.ptr(pointerField(offsetof(attn_gpu_project, tensors.out)),
              e.mul(outHead, 2));
  outToken = i64Field(offsetof(attn_gpu_project, tensors.out_stride_token));
  parts = smallField(offsetof(attn_gpu_project, row_parts));
  seen = smallField(offsetof(attn_gpu_project, seen));
  batch = smallField(offsetof(attn_gpu_project, batch));
  part = e.special(Register::BlockZ);
}

/// The block of the page table that this thread's row of a block is in.
Value LatentProjection::fetch(Value block) {
  Value at = position(block, thread);
  Value read = e.both(e.less(block, count), e.less(at, length));
  if (rows() < threads())
    read = e.both(read, e.less(thread, rows()));
  return pages.block(at, read);
}

/// Writes where a block's rows lie, in bytes from the cache's start: a thread a
/// row. Rows that do not exist are at -1.
void LatentProjection::publish(Value block, Value page) {
  auto write = [&] {
    Value at = position(block, thread);
    Value offset = e.add(e.mul(e.toI64(page), rowBlock),
                         e.mul(e.toI64(pages.tokenOfBlock(at)), rowToken));
    Value exists = e.both(e.less(block, count), e.less(at, length));
    Value marked = e.select(exists, e.mul(offset, 2), e.i64(-1));
    e.store(marked, e.ptr(addresses(block), e.mul(thread, 8)), 8);
  };
  if (rows() == threads())
    write();
  else
    e.ifThen(e.less(thread, rows()), write);
}

/// Sends for slice `tile` of all that this CTA reads of the request, in a
/// commit of its own.
void LatentProjection::issue(Value tile) {
  Value block = e.div(tile, slices());
  e.ifThen(e.less(block, count), [&] {
    Value from = addresses(block);
    Value source = e.ptr(rowBase, e.mul(e.rem(tile, slices()), slice() * 2));
    Value stage = e.mul(e.rem(tile, schedule.getRowStages()), layout.partBytes);
    emitCopyRows(
        e, cta(), layout.input, e.ptr(shared, e.add(stage, layout.inputOffset)),
        rows(), slice(), [&](Value row) {
          Value offset = e.load(e.ptr(from, e.mul(row, 8)), e.i64Type(), 8);
          Value valid = e.lessEqual(e.i64(0), offset);
          return std::pair(e.ptr(source, e.max(offset, e.i64(0))), valid);
        });
  });
  e.commitCopies();
}

/// `body(i, row, chunk, exists)` for this thread's chunks of a block's tails,
/// which the CTA of the first columns copies.
void LatentProjection::forTail(
    Value block, llvm::function_ref<void(int64_t, Value, Value, Value)> body) {
  int64_t perRow = op.getTail() / kChunk;
  for (int64_t i = 0; i < tailChunks(); ++i) {
    Value index = e.add(thread, i * threads());
    Value row = e.div(index, perRow);
    Value exists =
        e.both(e.equal(firstColumn, 0), e.less(position(block, row), length));
    if ((i + 1) * threads() > rows() * perRow)
      exists = e.both(exists, e.less(row, rows()));
    body(i, row, e.mul(e.rem(index, perRow), 16), exists);
  }
}

/// Loads them, so that the product hides the latency.
SmallVector<Value> LatentProjection::loadTail(Value block) {
  Type type = VectorType::get({4}, e.i32Type());
  Value from = addresses(block);
  SmallVector<Value> chunks;
  forTail(block, [&](int64_t, Value row, Value chunk, Value exists) {
    chunks.push_back(e.choose(
        exists, type,
        [&]() -> SmallVector<Value> {
          Value offset = e.load(e.ptr(from, e.mul(row, 8)), e.i64Type(), 8);
          Value source = e.ptr(e.ptr(rowBase, offset), chunk);
          return {e.load(e.ptr(source, k() * 2), type, 16)};
        },
        [&]() -> SmallVector<Value> {
          return {LLVM::ZeroOp::create(e.b, e.loc, type)};
        })[0]);
  });
  return chunks;
}

void LatentProjection::storeTail(Value block, ArrayRef<Value> chunks) {
  forTail(block, [&](int64_t i, Value row, Value chunk, Value exists) {
    e.ifThen(exists, [&] {
      Value to = e.ptr(outputOf(position(block, row)), outColumns() * 2);
      e.store(chunks[i], e.ptr(to, chunk), 16);
    });
  });
}

/// Adds the product of a slice of the rows, which is `tile` of the request,
/// with the weights that it meets.
Fragment LatentProjection::multiplySlice(Value tile, Value slice,
                                         Fragment sums) {
  Operands operands{e, lane};
  int64_t rowBlocks = rowsOfWarp() / 16, n = blocks();
  Value stage = e.mul(e.rem(tile, schedule.getRowStages()), layout.partBytes);
  Value input = e.ptr(shared, e.add(stage, layout.inputOffset));
  input = e.ptr(input, e.mul(rowWarp, rowsOfWarp() * layout.input.rowBytes()));
  // A slice is whole groups of the swizzle: rows of the weights, or chunks of
  // transposed ones.
  int64_t bytes = op.getTransposed() ? this->slice() * 2
                                     : this->slice() * layout.weight.rowBytes();
  Value weight = e.ptr(e.ptr(shared, layout.weightOffset), e.mul(slice, bytes));
  for (int64_t step = 0; step < this->slice() / 16; ++step) {
    SmallVector<SmallVector<Value>> a;
    for (int64_t m = 0; m < rowBlocks; ++m)
      a.push_back(operands.a(layout.input, input, m * 16, step));
    for (int64_t j = 0; j < n; j += 2) {
      SmallVector<Value> b = weights(weight, step, j);
      for (int64_t m = 0; m < rowBlocks; ++m)
        for (int64_t i = 0; i < 2; ++i)
          multiply(e, sums, (m * n + j + i) * 4, a[m],
                   ArrayRef<Value>(b).slice(2 * i, 2), element());
    }
  }
  return sums;
}

/// All blocks of this CTA of the request. As in a TileStream, a row's block id
/// is fetched a block of rows before its address is published, and that before
/// the copies are issued, so that none of these waits for another.
void LatentProjection::multiplyRows() {
  // The request before this one has been multiplied by everybody.
  e.barrier();
  publish(e.i32(0), fetch(e.i32(0)));
  Value next = fetch(e.i32(1));
  e.barrier();
  for (int64_t tile = 0; tile < ahead(); ++tile)
    issue(e.i32(tile));
  e.loop(e.i32(0), count, e.i32(1), {next},
         [&](Value block, ValueRange carried) -> SmallVector<Value> {
           // Into the place of the block before, whose copies all were issued
           // before the last barrier.
           publish(e.add(block, 1), carried[0]);
           Value later = fetch(e.add(block, 2));
           SmallVector<Value> tail = loadTail(block);
           Fragment sums(rowsOfWarp() / 16 * blocks() * 4, e.f32(0));
           Value firstTile = e.mul(block, slices());
           Fragment product(
               e.loop(e.i32(0), e.i32(slices()), e.i32(1), sums,
                      [&](Value slice, ValueRange so) -> SmallVector<Value> {
                        Value tile = e.add(firstTile, slice);
                        e.waitCopies(ahead() - 1);
                        // Everybody's copies of this slice, and at first of the
                        // weights, have landed; the slice before has been read.
                        e.barrier();
                        issue(e.add(tile, ahead()));
                        return multiplySlice(tile, slice, Fragment(so));
                      }));
           store(product, [&](Value local) {
             Value row = e.add(e.mul(rowWarp, rowsOfWarp()), local);
             Value token = position(block, row);
             return std::pair(outputOf(token), e.less(token, length));
           });
           storeTail(block, tail);
           return {later};
         });
}

/// Of the blocks of rows of all requests in one line, every `parts`th is this
/// CTA's. `turn`: whose the request's first one is; returns the same of the
/// next request.
Value LatentProjection::forEachRequest(Value request, Value turn) {
  length = e.max(emitLength(e, args, request), e.i32(0));
  Value lengths = pointerField(offsetof(attn_gpu_project, lengths));
  Value writes = e.both(e.equal(firstColumn, 0),
                        e.both(e.equal(head, 0), e.equal(part, 0)));
  writes =
      e.both(writes, e.both(e.equal(thread, 0), e.negate(e.isNull(lengths))));
  e.ifThen(writes, [&] {
    e.store(length, e.ptr(lengths, e.mul(e.toI64(request), 4)), 4);
  });
  firstToken = e.select(e.equal(seen, 0), e.i32(0),
                        e.max(e.sub(length, seen), e.i32(0)));
  Value all = e.ceilDiv(e.sub(length, firstToken), rows());
  firstBlock = e.rem(e.sub(e.add(part, parts), turn), parts);
  count = e.select(e.less(firstBlock, all),
                   e.ceilDiv(e.sub(all, firstBlock), parts), e.i32(0));
  e.ifThen(e.less(e.i32(0), count), [&] {
    pages.turnTo(request);
    outRequest =
        e.mul(e.toI64(request),
              i64Field(offsetof(attn_gpu_project, tensors.out_stride_batch)));
    multiplyRows();
  });
  return e.rem(e.add(turn, all), parts);
}

void LatentProjection::run(bool dependentLaunch) {
  identify();
  if (dependentLaunch)
    e.launchDependents();
  sendForWeights();
  readArguments();
  e.loop(e.i32(0), batch, e.i32(1), {e.i32(0)},
         [&](Value request, ValueRange turn) -> SmallVector<Value> {
           return {forEachRequest(request, turn[0])};
         });
  // Nothing that is read here was written by the launch before this one, and
  // nobody reads any more what is written (see attn_gpu_abi.h); but whoever
  // waits for this one has waited for that.
  if (dependentLaunch)
    e.waitForPredecessor();
}

void attn::nvvm::emitLatentProjection(OpBuilder &b, tile::ProjectionOp op,
                                      Value args, bool dependentLaunch) {
  LatentProjection(b, op, args).run(dependentLaunch);
}
