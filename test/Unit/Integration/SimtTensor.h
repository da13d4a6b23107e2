//===- SimtTensor.h - Tensors for kernels in the emulator -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_INTEGRATION_SIMTTENSOR_H
#define ATTN_TEST_UNIT_INTEGRATION_SIMTTENSOR_H

#include "Numbers.h"
#include "attn/EmulationSIMT/Launch.h"

#include <random>

namespace attn::test {

/// A tensor that begins at a multiple of 16 bytes.
struct Tensor : Numbers {
  Tensor(const char *dtype, size_t count)
      : Numbers(dtype, count + 16), count(count) {
    skip = -reinterpret_cast<uintptr_t>(data.data()) % 16 / bytes;
  }
  void fill(std::mt19937_64 &random, double scale = 1) {
    std::normal_distribution<double> normal;
    for (size_t i = 0; i < count; ++i)
      set(skip + i, normal(random) * scale);
  }
  void *begin() { return &data[skip * bytes]; }
  void addTo(simt::Memory &memory, const char *name, bool isWritten) {
    memory.add(begin(), count * bytes, name,
               isWritten ? simt::Memory::ReadWrite : simt::Memory::ReadOnly);
  }
  double operator[](size_t i) const { return get(skip + i); }
  size_t count, skip;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_INTEGRATION_SIMTTENSOR_H
