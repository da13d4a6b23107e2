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

/// The address of the CTA's dynamic shared memory; declares its symbol.
Value emitSharedMemory(Kernel &k);

/// Copies rows of 16-byte chunks from global to shared memory, asynchronously:
/// several threads a row, as many as read whole segments of a row together.
/// `row(i)` gives, for row i (i32) of the matrix, where it starts in global
/// memory and whether it is read (else it is filled with zeros). `columns` are
/// the elements to copy of each row.
void emitCopyRows(Kernel &k, const SharedLayout &layout, Value shared,
                  int64_t rows, int64_t columns,
                  llvm::function_ref<std::pair<Value, Value>(Value)> row);

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_SHAREDMEMORY_H
