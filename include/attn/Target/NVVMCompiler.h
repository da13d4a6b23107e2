//===- NVVMCompiler.h - From NVVM kernels to code for GPUs ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVVMCOMPILER_H
#define ATTN_TARGET_NVVMCOMPILER_H

#include "attn/Target/NVVMArch.h"
#include "attn/Target/Ptxas.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>

namespace attn {

/// Wall-clock seconds of the steps of one compilation.
struct NVVMTimes {
  double lower = 0;    ///< scf, arith, cf and nvvm to LLVM IR
  double optimize = 0; ///< LLVM's O3
  double codegen = 0;  ///< LLVM IR to PTX
  double assemble = 0; ///< ptxas, or the cache in its place
};

/// Compiles `module` to PTX, in this process: `llvm.func` kernels (with
/// `nvvm.kernel`) whose bodies are made of scf, arith, cf, llvm and nvvm ops.
/// The module is lowered in place. No libdevice is linked: a call of a
/// `__nv_` function is an error, as is anything that LLVM cannot select for
/// `arch`. Diagnostics go to the context's handler.
///
/// Pointers to shared memory are 32 bits wide in the code. Inline assembly is
/// taken as convergent: LLVM does not move it into or out of a branch.
llvm::Expected<std::string> compileToPTX(mlir::ModuleOp module,
                                         const NVVMArch &arch,
                                         NVVMTimes *times = nullptr);

struct NVVMCompileOptions {
  /// One architecture gives a cubin; several, a fat binary with a cubin for
  /// each and the PTX of the first, which drivers compile for newer GPUs.
  llvm::SmallVector<NVVMArch> archs;
  PtxasOptions ptxas;
};

enum class NVVMForm { PTX, Cubin, Fatbin };

/// What cuModuleLoadData takes.
struct NVVMImage {
  NVVMForm form = NVVMForm::PTX;
  std::string bytes; ///< with a final zero where it is PTX
  /// Why this is PTX alone although code was asked for: no ptxas. Else empty.
  std::string note;
  struct Part {
    NVVMArch arch;
    std::string ptx;
    PtxasReport report; ///< empty where there is no ptxas
    NVVMTimes times;
  };
  llvm::SmallVector<Part> parts; ///< as the options' architectures
};

/// Compiles clones of `module` for each architecture and packs the results.
/// Where ptxas is not installed the image is the PTX for the first one and
/// `note` says so; a ptxas that is named but fails to run is an error.
llvm::Expected<NVVMImage> compileForNVVM(mlir::ModuleOp module,
                                         const NVVMCompileOptions &options);

} // namespace attn

#endif // ATTN_TARGET_NVVMCOMPILER_H
