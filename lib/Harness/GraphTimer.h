//===-- GraphTimer.h - Timing what a CUDA graph holds -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_HARNESS_GRAPHTIMER_H
#define ATTN_LIB_HARNESS_GRAPHTIMER_H

#include "cuda/Driver.h"

#include <functional>

namespace attn::harness {

/// Captures launches in a CUDA graph and times its runs by events.
class GraphTimer {
public:
  explicit GraphTimer(const runtime::cuda::Driver &driver) : driver(driver) {}
  ~GraphTimer();
  GraphTimer(const GraphTimer &) = delete;
  GraphTimer &operator=(const GraphTimer &) = delete;

  /// Makes stream and events.
  attn_status open();
  /// Captures what `enqueue` puts on the stream.
  attn_status capture(
      const std::function<attn_status(runtime::cuda::Handle stream)> &enqueue);
  /// Runs the graph and waits for its end.
  attn_status run(double &seconds);

private:
  const runtime::cuda::Driver &driver;
  runtime::cuda::Handle stream = nullptr, begin = nullptr, end = nullptr;
  runtime::cuda::Handle graph = nullptr, executable = nullptr;
};

} // namespace attn::harness

#endif // ATTN_LIB_HARNESS_GRAPHTIMER_H
