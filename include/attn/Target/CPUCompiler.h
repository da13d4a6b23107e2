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
#include <string>
#include <vector>

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
  /// Threads that will run the kernels; 0: unknown.
  int64_t threads = 0;
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

/// One kernel of a table: facts, and the symbols of its functions.
struct CPUKernel {
  attn_kernel_desc facts; ///< the pointers are null
  std::string name;
  std::string kernel;  ///< symbol; empty where the function merges only
  std::string combine; ///< symbol; empty where there is none
};

/// One projection of a table.
struct CPUProjection {
  attn_project_desc facts; ///< the pointers are null
  std::string name;
  std::string symbol; ///< of its function
};

/// Code without a table.
struct CPUKernels {
  std::unique_ptr<llvm::MemoryBuffer> code;
  std::vector<CPUKernel> kernels;
  std::vector<CPUProjection> projections;
};

/// As compileForCPU, but for a pack, which has one table of many objects: the
/// kernels are hidden symbols, `<name>_<level>` and `<name>_combine_<level>`,
/// as are projections, `<name>_<level>`.
llvm::Expected<CPUKernels>
compileKernelsForCPU(mlir::ModuleOp module, const CPUCompileOptions &options,
                     CPUOutput output = CPUOutput::Object);

/// The object that holds the table of `kernels` and `projections`, in their
/// order, and `attn_pack_table`; their symbols are left to the linker.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
compileKernelTable(llvm::ArrayRef<CPUKernel> kernels,
                   llvm::ArrayRef<CPUProjection> projections);

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
