//===- Problem.h - An attention problem, solved naively ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_INTERPRETER_PROBLEM_H
#define ATTN_UNIT_INTERPRETER_PROBLEM_H

#include "Run.h"

namespace attn::interp::test {

/// One attention problem, with the ways to state it to the interpreter and a
/// solution that shares no code with it.
struct Problem {
  int64_t batch = 2, queries = 1, tokens = 7;
  int64_t qHeads = 4, kvHeads = 2, kDim = 5, vDim = 3;
  std::vector<int64_t> lens;
  double scale = 0.25, softcap = 0;
  bool causal = true;
  int64_t window = 0;
  bool alibi = false;
  std::vector<double> sinks;
  /// V is the first `vDim` elements of K.
  bool prefix = false;

  Tensor query, key, value;

  /// Draws lengths (0 to `tokens`), tensors and, `withSinks`, sinks. Tokens
  /// past the lengths are NaN: no one may read them.
  void draw(Random &random, bool withSinks = false);

  /// `attn.attend` on tensors; arguments as `tensorArgs` gives them.
  std::string tensorIR() const;
  llvm::SmallVector<Value> tensorArgs() const;

  /// `attn.attend` on a cache of this page size (0: contiguous).
  std::string cacheIR(int64_t page) const;
  /// The cache that holds the keys and values. Blocks lie in random order,
  /// slots that no token uses are NaN, unused block table entries garbage.
  Cache makeCache(int64_t page, Random &random) const;
  llvm::SmallVector<Value> cacheArgs(Cache cache) const;

  /// Output and log-sum-exp straight from the textbook, without any care for
  /// overflow.
  std::pair<Tensor, Tensor> solve() const;

  /// Expects [output, lse] to be the solution.
  void expectSolvedBy(llvm::ArrayRef<Value> results) const;

private:
  std::string ir(llvm::StringRef operands, llvm::StringRef types,
                 llvm::StringRef arguments) const;
};

} // namespace attn::interp::test

#endif // ATTN_UNIT_INTERPRETER_PROBLEM_H
