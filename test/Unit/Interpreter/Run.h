//===- Run.h - Parse and interpret ------------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_INTERPRETER_RUN_H
#define ATTN_UNIT_INTERPRETER_RUN_H

#include "attn/Interpreter/Tensor.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <random>
#include <string>

namespace attn::interp::test {

/// Parses `ir`, which has one function, and interprets that on `args`. IR that
/// does not parse or verify is an error too.
llvm::Expected<llvm::SmallVector<Value>> tryRun(llvm::StringRef ir,
                                                llvm::ArrayRef<Value> args);

/// The same, where an error fails the test (and gives no results).
llvm::SmallVector<Value> run(llvm::StringRef ir, llvm::ArrayRef<Value> args);

/// The only result, a tensor.
Tensor runTensor(llvm::StringRef ir, llvm::ArrayRef<Value> args);

/// The message of an error that is expected; empty if there is none.
std::string runError(llvm::StringRef ir, llvm::ArrayRef<Value> args);

/// `[2, 3]` as `tensor<2x3xTYPE>`.
std::string tensorType(llvm::ArrayRef<int64_t> shape,
                       llvm::StringRef type = "f32");

using Random = std::mt19937_64;

/// Standard normal elements.
Tensor randomTensor(llvm::ArrayRef<int64_t> shape, Random &random);
int64_t randomInt(int64_t low, int64_t high, Random &random);

/// Equal shapes, and elements within `tolerance` absolute or relative; equal
/// infinities are near each other.
void expectNear(const Tensor &actual, const Tensor &expected,
                double tolerance = 1e-12);

} // namespace attn::interp::test

#endif // ATTN_UNIT_INTERPRETER_RUN_H
