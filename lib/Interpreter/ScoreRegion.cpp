//===- ScoreRegion.cpp - Evaluation of score regions ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"
#include "Frame.h"
#include "mlir/IR/Operation.h"

using namespace attn::interp;

llvm::Expected<ScoreRegion> ScoreRegion::create(mlir::Block &block,
                                                Capture capture) {
  ScoreRegion region;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  auto add = [&](mlir::Value value) {
    numbers.try_emplace(value, static_cast<unsigned>(numbers.size()));
  };

  for (mlir::BlockArgument argument : block.getArguments())
    add(argument);
  for (mlir::Operation &op : block) {
    for (mlir::Value operand : op.getOperands()) {
      if (operand.getParentBlock() == &block)
        continue;
      std::optional<double> scalar = capture(operand);
      if (!scalar)
        return errorAt(&op, "reads a value that is not a known scalar");
      if (numbers.contains(operand))
        continue;
      add(operand);
      region.captured.push_back(*scalar);
    }
  }

  for (mlir::Operation &op : block.without_terminator()) {
    Step step{scalarFunction(&op), {}};
    if (!step.function)
      return errorAt(&op, "is not supported in a score region");
    for (mlir::Value operand : op.getOperands())
      step.operands.push_back(numbers.at(operand));
    region.steps.push_back(std::move(step));
    add(op.getResult(0));
  }
  region.result = numbers.at(block.getTerminator()->getOperand(0));
  return region;
}

double ScoreRegion::evaluate(llvm::ArrayRef<double> arguments) const {
  llvm::SmallVector<double> values(arguments);
  values.append(captured);
  for (const Step &step : steps) {
    llvm::SmallVector<double> operands;
    for (unsigned number : step.operands)
      operands.push_back(values[number]);
    values.push_back(step.function(operands));
  }
  return values[result];
}
