//===- Frame.h - The values of a running function ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_INTERPRETER_FRAME_H
#define ATTN_LIB_INTERPRETER_FRAME_H

#include "attn/Interpreter/Tensor.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <functional>

namespace attn::interp {

/// `message`, preceded by the op's location and name.
llvm::Error errorAt(mlir::Operation *op, const llvm::Twine &message);

/// The values of one function while it runs.
class Frame {
public:
  const Tensor &tensor(mlir::Value value) const {
    return std::get<Tensor>(values.find(value)->second);
  }
  const Cache &cache(mlir::Value value) const {
    return std::get<Cache>(values.find(value)->second);
  }
  /// The value of an optional operand, or null.
  const Tensor *optionalTensor(mlir::Value value) const {
    return value ? &tensor(value) : nullptr;
  }
  const Value &value(mlir::Value value) const {
    return values.find(value)->second;
  }

  /// Gives `target`, defined by `op` or an argument of it, its value. An error
  /// if the value does not fit the type.
  llvm::Error bind(mlir::Operation *op, mlir::Value target, Value value);

  /// AttendParams::roundWeight of every attend.
  std::function<double(double)> roundWeight;
  /// Round each value to the element type of what it is bound to.
  bool roundResults = false;

private:
  llvm::DenseMap<mlir::Value, Value> values;
};

/// Runs one op of the attn dialect, or says that it is not supported.
llvm::Error execute(mlir::Operation *op, Frame &frame);

/// The same of the tensor, linalg and arith dialects (constants excepted).
bool isTensorOp(mlir::Operation *op);
llvm::Error executeTensorOp(mlir::Operation *op, Frame &frame);

} // namespace attn::interp

#endif // ATTN_LIB_INTERPRETER_FRAME_H
