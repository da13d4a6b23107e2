//===- Run.cpp - Parse and interpret ----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Interpreter/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn::interp;
using llvm::SmallVector;

llvm::Expected<SmallVector<Value>> test::tryRun(llvm::StringRef ir,
                                                llvm::ArrayRef<Value> args) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<attn::AttnDialect, mlir::arith::ArithDialect,
                      mlir::func::FuncDialect, mlir::math::MathDialect>();
  context.allowUnregisteredDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      ir, mlir::ParserConfig(&context), "test");
  if (!module)
    return llvm::createStringError("the IR does not parse:\n" + ir);
  return interpret(*module->getOps<mlir::func::FuncOp>().begin(), args);
}

SmallVector<Value> test::run(llvm::StringRef ir, llvm::ArrayRef<Value> args) {
  llvm::Expected<SmallVector<Value>> results = tryRun(ir, args);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return {};
}

Tensor test::runTensor(llvm::StringRef ir, llvm::ArrayRef<Value> args) {
  SmallVector<Value> results = run(ir, args);
  EXPECT_EQ(results.size(), 1u);
  return results.empty() ? Tensor() : std::get<Tensor>(results.front());
}

std::string test::runError(llvm::StringRef ir, llvm::ArrayRef<Value> args) {
  llvm::Expected<SmallVector<Value>> results = tryRun(ir, args);
  return results ? "" : llvm::toString(results.takeError());
}

std::string test::tensorType(llvm::ArrayRef<int64_t> shape,
                             llvm::StringRef type) {
  std::string result = "tensor<";
  for (int64_t extent : shape)
    result += std::to_string(extent) + "x";
  return result + type.str() + ">";
}

Tensor test::randomTensor(llvm::ArrayRef<int64_t> shape, Random &random) {
  Tensor tensor = Tensor::zeros(shape);
  std::normal_distribution<double> normal;
  for (double &element : tensor.data)
    element = normal(random);
  return tensor;
}

int64_t test::randomInt(int64_t low, int64_t high, Random &random) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

void test::expectNear(const Tensor &actual, const Tensor &expected,
                      double tolerance) {
  ASSERT_EQ(actual.shape, expected.shape);
  for (auto [i, pair] :
       llvm::enumerate(llvm::zip(actual.data, expected.data))) {
    auto [have, want] = pair;
    if (have == want)
      continue;
    ASSERT_LE(std::fabs(have - want),
              tolerance * std::fmax(1.0, std::fabs(want)))
        << "element " << i << ": " << have << " instead of " << want;
  }
}
