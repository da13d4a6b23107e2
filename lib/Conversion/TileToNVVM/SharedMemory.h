//===- SharedMemory.h - A decode CTA's shared memory ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_SHAREDMEMORY_H
#define ATTN_LIB_CONVERSION_TILETONVVM_SHAREDMEMORY_H

#include "Kernel.h"

namespace attn::nvvm {

/// What lies where in a decode CTA's dynamic shared memory; byte offsets.
struct SharedMemory {
  explicit SharedMemory(Kernel &k)
      : query(k.cache.getK()), key(k.cache.getK()),
        value(k.cache.getVInK() ? k.cache.getK() : k.cache.getV()),
        weights(k.kvTile()) {
    int64_t rows = k.schedule.getRows(), tokens = k.kvTile();
    queryOffset = reserve(rows * query.rowBytes());
    stageBytes = tokens * key.rowBytes();
    valueInStage = k.cache.getVInK() ? 0 : stageBytes;
    if (!k.cache.getVInK())
      stageBytes += tokens * value.rowBytes();
    stagesOffset = reserve(k.schedule.getStages() * stageBytes);
    weightsOffset = reserve(rows * weights.rowBytes());
    maximaOffset = reserve(k.warps() * rows * 4);
    sumsOffset = reserve(k.warps() * rows * 4);
    addressBytes = tokens * 8;
    // Two tiles' addresses of K and of V.
    addressesOffset = reserve(2 * 2 * addressBytes);
  }

  SharedLayout query, key, value, weights;
  int64_t queryOffset, stagesOffset, stageBytes;
  int64_t valueInStage; ///< V of a stage, from its start
  int64_t weightsOffset;
  int64_t maximaOffset, sumsOffset; ///< [warp][row] f32
  int64_t addressesOffset;          ///< [tile % 2][K, V][token] i64
  int64_t addressBytes;
  int64_t bytes = 0;

private:
  int64_t reserve(int64_t size) {
    int64_t offset = bytes;
    bytes += llvm::alignTo(size, 128);
    return offset;
  }
};

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
