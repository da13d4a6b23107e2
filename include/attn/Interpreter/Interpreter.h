//===- Interpreter.h - The reference interpreter of attn --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INTERPRETER_INTERPRETER_H
#define ATTN_INTERPRETER_INTERPRETER_H

#include "attn/Interpreter/Tensor.h"
#include "llvm/Support/Error.h"

#include <functional>

namespace mlir {
namespace func {
class FuncOp;
} // namespace func
} // namespace mlir

namespace attn::interp {

/// Runs `func` on `args` in float64 and returns what it returns. Nothing is
/// rounded on the way, whatever the element types say: this is the oracle that
/// kernels are measured against (DESIGN.md, section 5).
///
/// Understands the attn ops, constants, `func.return` and what rewrites put
/// between attn ops: `tensor` ops on shapes, slices and concatenations,
/// structured `linalg` ops and `linalg.softmax`, scalar `arith`, `scf.if`; in a
/// score region the scalar ops of `arith` and `math`. Anything else, a shape
/// that does not fit, or an index outside of a cache is an error that names the
/// op and its location. `roundWeight`, where given, is
/// AttendParams::roundWeight of every attend. With `roundResults`, what an op
/// computes in float64 is rounded to its tensor's element type, as a kernel per
/// op leaves it in memory: not the oracle, but a yardstick for its errors. What
/// an attend computes is left alone, since a projection behind it reads f32.
llvm::Expected<llvm::SmallVector<Value>>
interpret(mlir::func::FuncOp func, llvm::ArrayRef<Value> args,
          std::function<double(double)> roundWeight = {},
          bool roundResults = false);

} // namespace attn::interp

#endif // ATTN_INTERPRETER_INTERPRETER_H
