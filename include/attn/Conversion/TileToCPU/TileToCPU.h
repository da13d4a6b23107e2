//===- TileToCPU.h - tile to the CPU ----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_TILETOCPU_TILETOCPU_H
#define ATTN_CONVERSION_TILETOCPU_TILETOCPU_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {
/// Name of the dictionary of compile-time facts on a lowered kernel.
inline constexpr llvm::StringLiteral kKernelAttrName = "attn.kernel";
/// The same on a lowered projection.
inline constexpr llvm::StringLiteral kProjectionAttrName = "attn.projection";

#define GEN_PASS_DECL
#include "attn/Conversion/TileToCPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/TileToCPU/Passes.h.inc"
} // namespace attn

#endif // ATTN_CONVERSION_TILETOCPU_TILETOCPU_H
