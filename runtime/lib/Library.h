//===-- Library.h - An opened set of kernels --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_LIBRARY_H
#define ATTN_RUNTIME_LIB_LIBRARY_H

#include "attn_runtime.h"

struct attn_library {
  void *handle; ///< of dlopen; null for a table in memory
  const attn_kernel_table *table;
};

#endif // ATTN_RUNTIME_LIB_LIBRARY_H
