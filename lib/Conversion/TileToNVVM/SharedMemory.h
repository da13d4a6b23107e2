//===- SharedMemory.h - Code that uses a CTA's shared memory ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_SHAREDMEMORY_H
#define ATTN_LIB_CONVERSION_TILETONVVM_SHAREDMEMORY_H

#include "Kernel.h"

namespace attn::nvvm {

/// Address of chunk `chunk + chunks` of row `row + rows` in a swizzled matrix
/// at `base`; `row` and `chunk` are i32. `rows` is a multiple of 8, which
/// leaves the swizzle alone and so adds a constant; so do whole swizzled groups
/// of `chunks`.
inline Value emitChunk(Emitter &e, const SharedLayout &layout, Value base,
                       Value row, Value chunk, int64_t rows = 0,
                       int64_t chunks = 0) {
  int64_t group = layout.mask + 1, whole = chunks / group * group;
  Value swizzle = e.bitAnd(e.shiftRight(row, layout.shift), layout.mask);
  Value offset =
      e.add(e.mul(row, layout.rowBytes()),
            e.mul(e.bitXor(e.add(chunk, chunks - whole), swizzle), 16));
  return e.ptr(e.ptr(base, offset), rows * layout.rowBytes() + whole * 16);
}

/// The address of the CTA's dynamic shared memory; declares its symbol in the
/// module of `kernel`.
Value emitSharedMemory(Emitter &e, mlir::Operation *kernel);

/// Where a row (i32) of a matrix starts in global memory, and whether it is
/// there to be read (else it is filled with zeros).
using RowSource = llvm::function_ref<std::pair<Value, Value>(Value)>;
/// Moves one chunk: its place in shared memory, its source, and what the row's
/// source said of it.
using ChunkMove = llvm::function_ref<void(Value, Value, Value)>;

/// Moves rows of 16-byte chunks from global to shared memory: several threads a
/// row, as many as read whole segments of a row together. `columns` are the
/// elements to move of each row, to its columns from `firstColumn` on;
/// `chunkBytes` is what a chunk has in global memory.
void emitMoveRows(Emitter &e, CTA cta, const SharedLayout &layout, Value shared,
                  int64_t rows, int64_t columns, int64_t chunkBytes,
                  RowSource row, ChunkMove move, int64_t firstColumn = 0);
/// The same by asynchronous copies, of 16-bit elements.
void emitCopyRows(Emitter &e, CTA cta, const SharedLayout &layout, Value shared,
                  int64_t rows, int64_t columns, RowSource row,
                  int64_t firstColumn = 0);

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_SHAREDMEMORY_H
