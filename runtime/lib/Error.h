//===-- Error.h - Status and message of a failure ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_ERROR_H
#define ATTN_RUNTIME_LIB_ERROR_H

#include "attn_runtime.h"

namespace attn::runtime {

/// Formats the thread's error message and returns `status`.
attn_status fail(attn_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

} // namespace attn::runtime

/// Returns early with the status of a failed expression.
#define ATTN_TRY(expression)                                                   \
  do {                                                                         \
    if (attn_status attnStatus = (expression))                                 \
      return attnStatus;                                                       \
  } while (false)

#endif // ATTN_RUNTIME_LIB_ERROR_H
