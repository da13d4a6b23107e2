//===-- FakeKernels.h - Scalar kernels that obey the kernel ABI -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_FAKEKERNELS_H
#define ATTN_TEST_UNIT_RUNTIME_FAKEKERNELS_H

#include "attn_runtime.h"

#include <atomic>

namespace attn::test {

/// Reads and writes element `i` of an array of `dtype`.
double readElement(const void *base, int32_t dtype, int64_t i);
void writeElement(void *base, int32_t dtype, int64_t i, double value);

/// A table of scalar kernels of all dtypes, layouts and mask facts. They also
/// check what the runtime owes a kernel and count the breaches.
const attn_kernel_table &fakeTable();
extern std::atomic<int> contractBreaches;

/// Index into fakeTable().
enum FakeKernel {
  GqaF32Row,     ///< groups of 3, nothing else
  GqaBf16Own,    ///< interleaved V
  GqaF16Own,     ///< OWN, not interleaved
  CausalBf16Row, ///< three queries, bottom-right aligned
  WindowF32Row,  ///< three queries, window, softcap, sinks
  MlaBf16Row,    ///< V in K, one kv head
  MlaBf16Own,    ///< V in K, OWN
  FullQ2F32Row,  ///< two queries that see everything
  NumFakeKernels
};

/// Params with the facts of a kernel, and nothing else, set.
attn_decode_params factsOf(const attn_kernel_desc &desc);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_FAKEKERNELS_H
