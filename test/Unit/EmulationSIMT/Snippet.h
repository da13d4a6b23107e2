//===- Snippet.h - A few operations as a kernel --------------- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_EMULATIONSIMT_SNIPPET_H
#define ATTN_TEST_UNIT_EMULATIONSIMT_SNIPPET_H

#include "Kernel.h"

#include <vector>

namespace attn::test {

/// A kernel around some operations, which make an i32 `%result` of each thread
/// from its input `%value`. They may use %tid, %lane, %in and %out (global),
/// %smem, the pointers %mine and %other to the i32 of this thread and the next
/// in shared memory, %all (the lane mask) and the constants %c0 to %c8, %c16,
/// %c31, %c32, %c64.
class Snippet {
public:
  explicit Snippet(const std::string &operations);

  /// One CTA (or `config.grid`), a thread for each input.
  simt::Report run(const std::vector<int32_t> &inputs,
                   simt::LaunchConfig config = {});

  std::vector<int32_t> results; ///< of the last run, by thread
  simt::Memory memory;          ///< for what else the operations access

private:
  Kernels kernels;
};

/// 0, 1, 2, …
std::vector<int32_t> iota(int count);

/// Runs the snippet on iota(threads) in each schedule, which must find nothing
/// and result in `expected(thread)`. `sharedBytes` 0: an i32 a thread.
void expectFine(const std::string &operations, int threads,
                const std::function<int32_t(int)> &expected,
                uint32_t sharedBytes = 0);

/// The same, where each schedule must find `kind`; the last report.
simt::Report expectFinding(const std::string &operations, int threads,
                           simt::FindingKind kind, uint32_t sharedBytes = 0);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_EMULATIONSIMT_SNIPPET_H
