//===- NVVMToSIMT.h - NVVM to the SIMT emulator --------------- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// createConvertNVVMToSIMT([ConvertNVVMToSIMTOptions]). How to compile and run
// the result: attn/Pipelines/SIMTPipeline.h, attn/Target/SIMTJit.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_NVVMTOSIMT_NVVMTOSIMT_H
#define ATTN_CONVERSION_NVVMTOSIMT_NVVMTOSIMT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {

#define GEN_PASS_DECL
#include "attn/Conversion/NVVMToSIMT/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/NVVMToSIMT/Passes.h.inc"

} // namespace attn

#endif // ATTN_CONVERSION_NVVMTOSIMT_NVVMTOSIMT_H
