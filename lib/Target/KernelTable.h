//===- KernelTable.h - The table of kernels in an LLVM module ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_KERNELTABLE_H
#define ATTN_LIB_TARGET_KERNELTABLE_H

#include "attn/Target/CPUFeatures.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"

namespace attn {

/// A lowered function and its facts (the `attn.kernel` dictionary).
struct KernelFacts {
  std::string name;
  mlir::DictionaryAttr facts;
};

/// The kernels of a module lowered by convert-tile-to-cpu.
llvm::SmallVector<KernelFacts> collectKernels(mlir::ModuleOp module);

/// Adds constant descriptors of `kernels` and the function attn_pack_table that
/// returns them. A kernel `x` is paired with its combine function `x_combine`.
void addKernelTable(llvm::Module &module, llvm::ArrayRef<KernelFacts> kernels,
                    CPULevel level, bool emulated);

} // namespace attn

#endif // ATTN_LIB_TARGET_KERNELTABLE_H
