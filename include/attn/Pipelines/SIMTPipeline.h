//===- SIMTPipeline.h - From NVVM kernels to the host's LLVM dialect *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_SIMTPIPELINE_H
#define ATTN_PIPELINES_SIMTPIPELINE_H

#include "mlir/Pass/PassManager.h"

namespace attn {

/// Lowers a module of NVVM kernels (scf, arith, math, llvm and nvvm in
/// `llvm.func`) to the LLVM dialect with calls of the SIMT emulator.
/// `instrument`: check loads and stores.
void buildSIMTPipeline(mlir::OpPassManager &pm, bool instrument = true);

/// Registers it as `nvvm-to-simt`.
void registerSIMTPipeline();

} // namespace attn

#endif // ATTN_PIPELINES_SIMTPIPELINE_H
