//===- ProjectionKernel.cpp - What projections share ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProjectionKernel.h"
#include "attn/Conversion/KernelFacts.h"
#include "attn/Conversion/TileToNVVM/TileToNVVM.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

void ProjectionKernel::identify() {
  thread = e.special(Register::ThreadX);
  warp = e.div(thread, kWarp);
  lane = e.bitAnd(thread, kWarp - 1);
  int64_t columnWarps = schedule.getWarps() / schedule.getRowWarps();
  columnWarp = schedule.getRowWarps() == 1 ? warp : e.rem(warp, columnWarps);
  rowWarp = e.div(warp, columnWarps);
  firstColumn = e.mul(e.special(Register::BlockX), columns());
  head = e.special(Register::BlockY);
  shared = emitSharedMemory(e, op);
}

void ProjectionKernel::sendForWeights() {
  Value base = pointerField(offsetof(attn_gpu_project, tensors.weight));
  Value perHead = e.mul(e.toI64(head), k() * n());
  Value column = e.toI64(firstColumn);
  Value target = e.ptr(shared, layout.weightOffset);
  Value valid = e.equal(e.i32(0), 0);
  if (op.getTransposed()) {
    base = e.ptr(base, e.mul(e.add(perHead, e.mul(column, k())), 2));
    emitCopyRows(
        e, cta(), layout.weight, target, columns(), k(), [&](Value row) {
          return std::pair(e.ptr(base, e.mul(e.toI64(row), k() * 2)), valid);
        });
    return e.commitCopies();
  }
  base = e.ptr(base, e.mul(e.add(perHead, column), 2));
  for (int64_t stage = 0; stage < schedule.getStages(); ++stage) {
    int64_t first = firstStep(stage) * 16, end = firstStep(stage + 1) * 16;
    emitCopyRows(e, cta(), layout.weight,
                 e.ptr(target, first * layout.weight.rowBytes()), end - first,
                 columns(), [&](Value row) {
                   Value offset = e.mul(e.toI64(e.add(row, first)), n() * 2);
                   return std::pair(e.ptr(base, offset), valid);
                 });
    e.commitCopies();
  }
}

SmallVector<Value> ProjectionKernel::weights(Value base, int64_t step,
                                             int64_t j) {
  Operands operands{e, lane};
  Value first = e.mul(columnWarp, blocks());
  if (op.getTransposed())
    return operands.bFromRows(layout.weight, base, e.mul(first, 8), j * 8,
                              /*blocks=*/2, step);
  return operands.bFromColumns(layout.weight, base, step * 16, first, j);
}

void ProjectionKernel::store(
    const Fragment &sums,
    llvm::function_ref<std::pair<Value, Value>(Value)> target) {
  int64_t count = blocks(), rowBlocks = sums.size() / (4 * count);
  Value column = e.add(e.add(firstColumn, e.mul(columnWarp, count * 8)),
                       e.mul(e.rem(lane, 4), 2));
  for (int64_t r = 0; r < 2 * rowBlocks; ++r) {
    auto [start, exists] =
        target(e.add(e.div(lane, 4), r / 2 * 16 + r % 2 * 8));
    e.ifThen(exists, [&, start = start] {
      Value to = e.ptr(start, e.mul(e.toI64(column), 2));
      for (int64_t j = 0; j < count; ++j) {
        int64_t i = (r / 2 * count + j) * 4 + r % 2 * 2;
        Value rounded = e.roundPair(sums[i], sums[i + 1], element());
        e.store(rounded, e.ptr(to, j * 16), 4);
        if (op.getRest())
          e.store(e.roundRest(sums[i], sums[i + 1], rounded),
                  e.ptr(to, n() * 2 + j * 16), 4);
      }
    });
  }
}

void ProjectionKernel::attachFacts(LLVM::LLVMFuncOp func) {
  Builder b(op.getContext());
  SmallVector<NamedAttribute> list;
  auto set = [&](StringRef name, int64_t value) {
    list.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
  };
  set("column_blocks", n() / columns());
  set("ctas_per_sm", schedule.getCtasPerSm());
  set("dtype", dtypeOf(element()));
  set("flags", flagsOf(op));
  set("heads", op.getHeads());
  set("in_dtype", wide() ? ATTN_F32 : dtypeOf(element()));
  set("k_dim", k());
  set("n_dim", n());
  set("rows", schedule.getRows());
  set("shared_bytes", layout.bytes);
  set("stages", schedule.getStages());
  set("tail", op.getTail());
  set("threads", threads());
  func->setAttr(kGPUProjectionAttrName, b.getDictionaryAttr(list));
}
