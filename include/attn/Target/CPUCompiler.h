//===- CPUCompiler.h - From attn IR to machine code for the CPU -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPUCOMPILER_H
#define ATTN_TARGET_CPUCOMPILER_H

#include "attn/Target/CPUFeatures.h"
#include "attn_kernel_abi.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace attn {

struct CPUCompileOptions {
  CPULevel level = CPULevel::AVX2;
  /// Replace the instructions of `level` that are not in `hostLevel` by calls
  /// of the emulation library and compile the rest for `hostLevel`.
  bool emulate = false;
  CPULevel hostLevel = CPULevel::AVX2;
};

/// The forms in which compilation can stop.
enum class CPUOutput { LLVMIR, Assembly, Object };

/// Compiles every kernel of `module` (attn or tile ops; it is changed) and adds
/// the table of kernels, exported as `attn_pack_table`
/// (runtime/include/attn_kernel_abi.h). Diagnostics go to the context's
/// handler.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
compileForCPU(mlir::ModuleOp module, const CPUCompileOptions &options,
              CPUOutput output = CPUOutput::Object);

/// An object made by compileForCPU, linked into this process. What is tested is
/// what ships: the same bytes go into a pack.
class CPUJit {
public:
  static llvm::Expected<std::unique_ptr<CPUJit>>
  create(std::unique_ptr<llvm::MemoryBuffer> object);
  ~CPUJit();

  /// The table of kernels; lives as long as this object.
  const attn_kernel_table *getTable() const { return table; }

private:
  explicit CPUJit(std::unique_ptr<llvm::orc::LLJIT> jit);
  std::unique_ptr<llvm::orc::LLJIT> jit;
  const attn_kernel_table *table = nullptr;
};

} // namespace attn

#endif // ATTN_TARGET_CPUCOMPILER_H
