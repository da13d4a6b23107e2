//===- TileToNVVM.h - tile to NVIDIA GPUs -----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_TILETONVVM_TILETONVVM_H
#define ATTN_CONVERSION_TILETONVVM_TILETONVVM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {
/// Name of the dictionary of compile-time facts on a lowered decode kernel:
/// the fields of attn_gpu_kernel_desc.
inline constexpr llvm::StringLiteral kGPUKernelAttrName = "attn.gpu_kernel";
inline constexpr llvm::StringLiteral kGPUProjectionAttrName =
    "attn.gpu_projection";
/// The symbol that stands for a CTA's dynamic shared memory.
inline constexpr llvm::StringLiteral kSharedMemoryName = "attn_smem";

#define GEN_PASS_DECL
#include "attn/Conversion/TileToNVVM/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/TileToNVVM/Passes.h.inc"
} // namespace attn

#endif // ATTN_CONVERSION_TILETONVVM_TILETONVVM_H
