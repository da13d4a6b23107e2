//===- DecodeTimer.cpp - Timing a decode kernel on the host ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/DecodeTimer.h"

using namespace attn;
using namespace attn::harness;

llvm::Expected<std::unique_ptr<DecodeTimer>>
DecodeTimer::create(mlir::ModuleOp module, const CPUCompileOptions &compile,
                    Problem &problem, size_t copies, int32_t threads,
                    uint32_t flags) {
  std::unique_ptr<DecodeTimer> timer(new DecodeTimer);
  auto session = Session::create(module, compile, threads);
  if (!session)
    return session.takeError();
  timer->session = std::move(*session);
  for (size_t copy = 0; copy < copies; ++copy) {
    timer->calls.push_back(problem.params(copy));
    timer->calls.back().flags |= flags;
  }
  for (attn_decode_params &call : timer->calls)
    if (llvm::Error error = timer->session->prepare(call))
      return std::move(error);
  return timer;
}

llvm::Expected<bench::Summary>
DecodeTimer::measure(const bench::TimingOptions &timing) {
  // A call that fails once fails always.
  std::string failure;
  bench::Summary time = bench::measure(
      [&](size_t rotation) {
        if (!failure.empty())
          return;
        if (llvm::Error error = session->decode(calls[rotation % calls.size()]))
          failure = llvm::toString(std::move(error));
      },
      timing);
  if (!failure.empty())
    return llvm::createStringError(failure);
  return time;
}
