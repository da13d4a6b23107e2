//===- SharedMemory.cpp - Code that uses a CTA's shared memory --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedMemory.h"
#include "attn/Conversion/TileToNVVM/TileToNVVM.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

Value attn::nvvm::emitSharedMemory(Emitter &e, Operation *kernel) {
  auto module = kernel->getParentOfType<ModuleOp>();
  auto global = module.lookupSymbol<LLVM::GlobalOp>(kSharedMemoryName);
  if (!global) {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(module.getBody());
    // Of no size: launches say how much there is.
    global = LLVM::GlobalOp::create(
        e.b, e.loc, LLVM::LLVMArrayType::get(e.b.getI8Type(), 0),
        /*isConstant=*/false, LLVM::Linkage::External, kSharedMemoryName,
        Attribute(), /*alignment=*/1024, Shared);
  }
  return LLVM::AddressOfOp::create(e.b, e.loc, global);
}

void attn::nvvm::emitMoveRows(Emitter &e, CTA cta, const SharedLayout &layout,
                              Value shared, int64_t rows, int64_t columns,
                              int64_t chunkBytes, RowSource row, ChunkMove move,
                              int64_t firstColumn) {
  // The chunks that a swizzle permutes among themselves: 128 bytes of a row for
  // most widths.
  int64_t perRow = layout.mask + 1, chunks = columns / kChunk;
  int64_t pass = cta.threads / perRow;
  Value first = e.div(cta.thread, perRow), chunk = e.rem(cta.thread, perRow);
  for (int64_t start = 0; start < rows; start += pass) {
    Value r = e.add(first, start);
    auto moveRow = [&] {
      auto [source, valid] = row(r);
      Value from = e.ptr(source, e.mul(chunk, chunkBytes));
      Value to = emitChunk(e, layout, shared, r, chunk, /*rows=*/0,
                           firstColumn / kChunk);
      for (int64_t c = 0; c < chunks; c += perRow) {
        auto one = [&, source = from, valid = valid] {
          move(e.ptr(to, c * 16), e.ptr(source, c * chunkBytes), valid);
        };
        if (c + perRow <= chunks)
          one();
        else
          e.ifThen(e.less(chunk, chunks - c), one);
      }
    };
    if (start + pass <= rows)
      moveRow();
    else
      e.ifThen(e.less(r, rows), moveRow);
  }
}

void attn::nvvm::emitCopyRows(Emitter &e, CTA cta, const SharedLayout &layout,
                              Value shared, int64_t rows, int64_t columns,
                              RowSource row, int64_t firstColumn) {
  emitMoveRows(
      e, cta, layout, shared, rows, columns, /*chunkBytes=*/16, row,
      [&](Value to, Value from, Value valid) { e.copyAsync(to, from, valid); },
      firstColumn);
}
