//===-- RandomCalls.h - Calls of the whole ABI, at random -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_RANDOMCALLS_H
#define ATTN_TEST_UNIT_RUNTIME_RANDOMCALLS_H

#include "attn_runtime.h"

#include <random>

namespace attn::test {

/// What random calls share, and how large they get.
struct RandomCalls {
  attn_pool *pool;
  const attn_kernel_table *table; ///< whose kernels decode
  const char *pack;               ///< a pack that opens
  /// Multiply-adds of a decode call's float64 oracle, about.
  double work = 3e5;
};

/// One call of the ABI with inputs of a random shape, or a few that belong
/// together, and the check of its results: decode over any kind of cache,
/// append, merge, project, MLA in one call, the queries, refusals, libraries
/// and pools. Fails the GoogleTest that runs where a result is wrong.
void callAtRandom(const RandomCalls &calls, std::mt19937_64 &random);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_RANDOMCALLS_H
