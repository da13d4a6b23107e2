//===-- GraphTimer.cpp - Timing what a CUDA graph holds -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphTimer.h"

#include "Error.h"

using namespace attn::harness;
using namespace attn::runtime;
using attn::runtime::cuda::check;
using attn::runtime::cuda::Handle;
using attn::runtime::cuda::Result;

GraphTimer::~GraphTimer() {
  if (executable)
    driver.graphExecDestroy(executable);
  if (graph)
    driver.graphDestroy(graph);
  for (Handle event : {begin, end})
    if (event)
      driver.eventDestroy(event);
  if (stream)
    driver.streamDestroy(stream);
}

attn_status GraphTimer::open() {
  constexpr unsigned kNonBlocking = 1, kDefaultEvent = 0;
  ATTN_TRY(check(driver, driver.streamCreate(&stream, kNonBlocking),
                 "cuStreamCreate"));
  ATTN_TRY(check(driver, driver.eventCreate(&begin, kDefaultEvent),
                 "cuEventCreate"));
  return check(driver, driver.eventCreate(&end, kDefaultEvent),
               "cuEventCreate");
}

attn_status
GraphTimer::capture(const std::function<attn_status(Handle stream)> &enqueue) {
  constexpr int kThreadLocal = 1;
  ATTN_TRY(check(driver, driver.streamBeginCapture(stream, kThreadLocal),
                 "cuStreamBeginCapture"));
  attn_status status = enqueue(stream);
  Result ended = driver.streamEndCapture(stream, &graph);
  ATTN_TRY(status);
  ATTN_TRY(check(driver, ended, "cuStreamEndCapture"));
  return check(driver, driver.graphInstantiate(&executable, graph, 0),
               "cuGraphInstantiate");
}

attn_status GraphTimer::run(double &seconds) {
  ATTN_TRY(check(driver, driver.eventRecord(begin, stream), "cuEventRecord"));
  ATTN_TRY(
      check(driver, driver.graphLaunch(executable, stream), "cuGraphLaunch"));
  ATTN_TRY(check(driver, driver.eventRecord(end, stream), "cuEventRecord"));
  ATTN_TRY(check(driver, driver.streamSynchronize(stream),
                 "running what the graph holds"));
  float milliseconds = 0;
  ATTN_TRY(check(driver, driver.eventElapsedTime(&milliseconds, begin, end),
                 "cuEventElapsedTime"));
  seconds = milliseconds * 1e-3;
  return ATTN_OK;
}
