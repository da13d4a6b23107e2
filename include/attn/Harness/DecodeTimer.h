//===- DecodeTimer.h - Timing a decode kernel on the host -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A problem's kernel, compiled and ready to be timed: for attn-bench, and for
// what learns the costs of kernels.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_DECODETIMER_H
#define ATTN_HARNESS_DECODETIMER_H

#include "attn/Bench/Timing.h"
#include "attn/Harness/Problem.h"
#include "attn/Harness/Session.h"

namespace attn::harness {

class DecodeTimer {
public:
  /// Compiles `module`; `problem` is of its op, has `copies` of the cache and
  /// outlives the timer. `flags` are added to every call's.
  static llvm::Expected<std::unique_ptr<DecodeTimer>>
  create(mlir::ModuleOp module, const CPUCompileOptions &compile,
         Problem &problem, size_t copies, int32_t threads, uint32_t flags = 0);

  /// Seconds of a call; the copies of the cache take turns.
  llvm::Expected<bench::Summary> measure(const bench::TimingOptions &timing);

  const Session &getSession() const { return *session; }

private:
  DecodeTimer() = default;
  std::unique_ptr<Session> session;
  std::vector<attn_decode_params> calls;
};

} // namespace attn::harness

#endif // ATTN_HARNESS_DECODETIMER_H
