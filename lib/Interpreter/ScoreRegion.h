//===- ScoreRegion.h - Evaluation of score regions --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_INTERPRETER_SCOREREGION_H
#define ATTN_LIB_INTERPRETER_SCOREREGION_H

#include "mlir/IR/Block.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <optional>

namespace attn::interp {

/// A scalar op as a function of its operands.
using ScalarFunction = std::function<double(llvm::ArrayRef<double>)>;

/// What a scalar op of `arith` or `math` computes; empty if it is not
/// supported.
///
/// Floats are evaluated in float64 whatever their type. Integers, up to 32
/// bits, are exact in a double: they wrap at their width, and an i1 is 0 or 1.
/// What MLIR leaves undefined (division by zero, a conversion out of range) is
/// NaN.
ScalarFunction scalarFunction(mlir::Operation *op);

/// The score region of `attn.attend`, as a list of steps over doubles.
class ScoreRegion {
public:
  /// The value of a scalar defined outside of the region, if it is known.
  using Capture = llvm::function_ref<std::optional<double>(mlir::Value)>;

  /// An error names the first op that is not supported.
  static llvm::Expected<ScoreRegion> create(mlir::Block &block,
                                            Capture capture);

  /// The value of the region's `attn.yield` for these block arguments.
  double evaluate(llvm::ArrayRef<double> arguments) const;

private:
  struct Step {
    ScalarFunction function;
    llvm::SmallVector<unsigned> operands;
  };

  /// A value's number: the block's arguments, the captured scalars, then one
  /// for each step.
  llvm::SmallVector<double> captured;
  llvm::SmallVector<Step> steps;
  unsigned result = 0;
};

} // namespace attn::interp

#endif // ATTN_LIB_INTERPRETER_SCOREREGION_H
