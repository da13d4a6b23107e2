//===- LLVMSupport.h - LLVM, as every target sets it up ------ -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_LLVMSUPPORT_H
#define ATTN_LIB_TARGET_LLVMSUPPORT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Passes/PassBuilder.h"

#include <utility>

namespace attn {

/// What all code for the CPU is compiled for, up to the features.
inline constexpr llvm::StringLiteral kCPUTriple = "x86_64-unknown-linux-gnu";

/// Registers LLVM's X86 target, once.
void initializeX86Target();

/// Runs LLVM's default pipeline of `level` for `machine`.
void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              llvm::OptimizationLevel level,
              llvm::PipelineTuningOptions tuning = {});

/// What code may refer to: memcpy and the like of this process, and functions
/// by their addresses, so that the executable need not export them.
llvm::Error
defineSymbols(llvm::orc::LLJIT &jit,
              llvm::ArrayRef<std::pair<const char *, void *>> symbols);

} // namespace attn

#endif // ATTN_LIB_TARGET_LLVMSUPPORT_H
