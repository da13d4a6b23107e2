//===- Rounding.h - Rounding to narrower formats ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INTERPRETER_ROUNDING_H
#define ATTN_INTERPRETER_ROUNDING_H

#include "attn/Interpreter/Tensor.h"

namespace llvm {
struct fltSemantics;
} // namespace llvm
namespace mlir {
class Type;
} // namespace mlir

namespace attn::interp {

/// `value` rounded to the nearest number of the format, ties to even, overflow
/// to infinity: what a store to bf16, f16 or f32 leaves.
double roundTo(const llvm::fltSemantics &format, double value);

/// The same for a float type; a value of any other type is returned as it is.
double roundTo(mlir::Type type, double value);

/// Rounds every element of a tensor, or of a cache's pools.
void roundTo(mlir::Type type, Value &value);

} // namespace attn::interp

#endif // ATTN_INTERPRETER_ROUNDING_H
