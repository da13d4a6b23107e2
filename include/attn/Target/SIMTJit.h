//===- SIMTJit.h - NVVM kernels compiled for the SIMT emulator --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_SIMTJIT_H
#define ATTN_TARGET_SIMTJIT_H

#include "attn/EmulationSIMT/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace attn {

struct SIMTCompileOptions {
  /// Check loads and stores.
  bool instrument = true;
  /// Of LLVM, 0 to 2. The time is in the emulator, not in this code
  /// (docs/simt.md), so 0 is the fastest as a whole.
  unsigned optLevel = 0;
};

/// The kernels of a module, compiled into this process. The code is for any
/// x86-64 with AVX2, so that it computes the same on every host.
class SIMTJit {
public:
  /// Compiles every kernel of `module` (NVVM dialect; it is changed).
  /// Diagnostics go to the context's handler.
  static llvm::Expected<std::unique_ptr<SIMTJit>>
  create(mlir::ModuleOp module, const SIMTCompileOptions &options = {});
  ~SIMTJit();

  /// What attn::simt::launch takes; it lives as long as this object.
  llvm::Expected<const attn_simt_kernel *> lookup(llvm::StringRef name) const;

private:
  explicit SIMTJit(std::unique_ptr<llvm::orc::LLJIT> jit);
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace attn

#endif // ATTN_TARGET_SIMTJIT_H
