//===-- Library.h - An opened set of kernels --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_LIBRARY_H
#define ATTN_RUNTIME_LIB_LIBRARY_H

#include "attn_runtime.h"

namespace attn::runtime::gpu {
struct Kernels;
} // namespace attn::runtime::gpu

struct attn_library {
  void *handle; ///< of dlopen; null for a table in memory
  /// Of GPU kernels: their facts, in the form of kernels for the CPU.
  const attn_kernel_table *table;
  attn::runtime::gpu::Kernels *gpu; ///< null for kernels for the CPU
};

#endif // ATTN_RUNTIME_LIB_LIBRARY_H
