//===- Work.h - How the units of a call are dealt ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The closed forms of attn_gpu_abi.h: who has which unit, and which slot a
// piece of a split request is written to. Decode and combine kernel both ask
// here, so that they cannot disagree.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_WORK_H
#define ATTN_LIB_CONVERSION_TILETONVVM_WORK_H

#include "Kernel.h"

namespace attn::nvvm {

/// How a request is split. All i32, but for the condition.
struct Split {
  Value balanced;   ///< not in the batch-invariant mode (i1)
  Value begin, end; ///< its units
  Value perPart;    ///< units of a part
  Value firstPart;  ///< the part that has its first unit
  Value count;      ///< pieces; 1: written directly
};

/// Reads the plan of a request.
Split emitSplit(Kernel &k, Value request);

/// Slot of a request's piece `index`.
Value emitSlot(Kernel &k, const Split &split, Value index);

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_WORK_H
