//===-- FakeCuda.h - A driver that records its calls ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FakeCuda.cpp is a shared library that stands for libcuda.so.1. Its device
// memory is the host's, and kernels do nothing. What it was asked and what it
// shall answer lies in one object, which fake_cuda() returns.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_FAKECUDA_H
#define ATTN_TEST_UNIT_RUNTIME_FAKECUDA_H

#include "attn_gpu_abi.h"

#include <string>
#include <vector>

namespace attn::test {

/// One cuLaunchKernelEx.
struct FakeLaunch {
  std::string function;
  unsigned grid[3], block[3], shared;
  void *stream;
  bool dependent; ///< programmatic stream serialization
  attn_gpu_args args;
};

struct FakeCuda {
  std::vector<std::string> calls; ///< symbols, in order
  std::vector<FakeLaunch> launches;
  std::vector<std::pair<std::string, int>> sharedLimits; ///< function, bytes
  int loadedModules = 0;

  int capability = 90, sms = 132;
  bool hasContext = true;
  std::string failing; ///< this symbol returns `failure`
  int failure = 0;
  std::string jitLog;  ///< that cuModuleLoadDataEx writes
  std::string missing; ///< no such function in the module

  void reset() { *this = FakeCuda(); }
};

using FakeCudaFn = FakeCuda *(*)();

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_FAKECUDA_H
