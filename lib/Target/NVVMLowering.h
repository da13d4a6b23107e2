//===- NVVMLowering.h - NVVM kernels to the LLVM dialect --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVVMLOWERING_H
#define ATTN_LIB_TARGET_NVVMLOWERING_H

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace attn {

/// Turns the scf, cf and arith ops of kernels, and those nvvm ops that stand
/// for inline assembly, into the LLVM dialect; the other nvvm ops are
/// intrinsics. Whatever else is found is diagnosed.
mlir::LogicalResult lowerNVVMToLLVM(mlir::ModuleOp module);

/// Translates a lowered module; null after a diagnostic. Inline assembly is
/// marked convergent, which MLIR leaves out.
std::unique_ptr<llvm::Module> translateNVVM(mlir::ModuleOp module,
                                            llvm::LLVMContext &context);

} // namespace attn

#endif // ATTN_LIB_TARGET_NVVMLOWERING_H
