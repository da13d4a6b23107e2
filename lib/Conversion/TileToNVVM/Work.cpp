//===- Work.cpp - How the units of a call are dealt -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Work.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

Split attn::nvvm::emitSplit(Kernel &k, Value request) {
  Emitter &e = k.e;
  Split split;
  split.balanced =
      e.equal(k.smallField(offsetof(attn_gpu_args, split_tiles)), 0);
  split.perPart = k.planEntry(e.i32(0));
  split.begin = k.planEntry(e.add(request, 2));
  split.end = k.planEntry(e.add(request, 3));
  split.firstPart = e.div(split.begin, split.perPart);
  Value lastPart = e.div(e.add(split.end, -1), split.perPart);
  split.count =
      e.select(split.balanced, e.add(e.sub(lastPart, split.firstPart), 1),
               e.sub(split.end, split.begin));
  return split;
}

Value attn::nvvm::emitSlot(Kernel &k, const Split &split, Value index) {
  Emitter &e = k.e;
  // The first piece is what its part goes on with after it: the odd slot.
  Value part = e.add(split.firstPart, index);
  Value odd = e.select(e.equal(index, 0), e.i32(1), e.i32(0));
  return e.select(split.balanced, e.add(e.mul(part, 2), odd),
                  e.add(split.begin, index));
}
