//===-- Passes.h - Emulating missing x86 instructions -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// createEmulateX86Pass([EmulateX86PassOptions]) and registerEmulateX86Passes().
// What the emulated kernel calls is in attn/EmulationX86/EmulationX86.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_EMULATEX86_PASSES_H
#define ATTN_CONVERSION_EMULATEX86_PASSES_H

#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>

namespace attn {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "attn/Conversion/EmulateX86/Passes.h.inc"

} // namespace attn

#endif // ATTN_CONVERSION_EMULATEX86_PASSES_H
