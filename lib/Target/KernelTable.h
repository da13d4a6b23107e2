//===- KernelTable.h - The table of kernels in an LLVM module ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_KERNELTABLE_H
#define ATTN_LIB_TARGET_KERNELTABLE_H

#include "attn/Target/CPUCompiler.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"

namespace attn {

/// The kernels of a module lowered by convert-tile-to-cpu; the symbols are the
/// functions' names. A kernel `x` is paired with its combine function
/// `x_combine`.
std::vector<CPUKernel> collectKernels(mlir::ModuleOp module, CPULevel level,
                                      bool emulated);

/// The projections of a module lowered by convert-tile-to-cpu.
std::vector<CPUProjection> collectProjections(mlir::ModuleOp module,
                                              CPULevel level, bool emulated);

/// A function of a kernel; where the module lacks it, declared, hidden.
llvm::Function *getKernelFunction(llvm::Module &module, llvm::StringRef symbol);

/// Adds constant descriptors of `projections`; null if there are none.
llvm::Constant *addProjectionDescs(llvm::Module &module,
                                   llvm::ArrayRef<CPUProjection> projections);

/// Adds constant descriptors of `kernels` and `projections` and the function
/// attn_pack_table that returns them (see getKernelFunction).
void addKernelTable(llvm::Module &module, llvm::ArrayRef<CPUKernel> kernels,
                    llvm::ArrayRef<CPUProjection> projections = {});

/// Adds the constant table {version, number of descriptors, descriptors, more
/// fields} and the function `getter` that returns it.
void addTableGetter(llvm::Module &module, llvm::StringRef getter,
                    uint32_t version, llvm::StructType *descType,
                    llvm::ArrayRef<llvm::Constant *> descs,
                    llvm::ArrayRef<llvm::Constant *> more = {});

/// The object of a module that holds data and getters only.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
compileTable(llvm::function_ref<void(llvm::Module &)> fill);

} // namespace attn

#endif // ATTN_LIB_TARGET_KERNELTABLE_H
