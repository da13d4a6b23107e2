//===-- Error.cpp - Status and message of a failure -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Error.h"

#include <cstdarg>
#include <cstdio>

// A plain array: a thread-local object with a constructor would pull in the C++
// runtime library.
static thread_local char message[512];

attn_status attn::runtime::fail(attn_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

const char *attn_error_message(void) { return message; }

const char *attn_status_name(attn_status status) {
  switch (status) {
#define ATTN_STATUS_CASE(name)                                                 \
  case name:                                                                   \
    return #name;
    ATTN_STATUS_CASE(ATTN_OK)
    ATTN_STATUS_CASE(ATTN_ERROR_NULL_POINTER)
    ATTN_STATUS_CASE(ATTN_ERROR_STRUCT_SIZE)
    ATTN_STATUS_CASE(ATTN_ERROR_ENUM)
    ATTN_STATUS_CASE(ATTN_ERROR_FLAGS)
    ATTN_STATUS_CASE(ATTN_ERROR_VALUE)
    ATTN_STATUS_CASE(ATTN_ERROR_SHAPE)
    ATTN_STATUS_CASE(ATTN_ERROR_BATCH_CAPACITY)
    ATTN_STATUS_CASE(ATTN_ERROR_CACHE_CAPACITY)
    ATTN_STATUS_CASE(ATTN_ERROR_PAGE_SIZE)
    ATTN_STATUS_CASE(ATTN_ERROR_MISALIGNED)
    ATTN_STATUS_CASE(ATTN_ERROR_STRIDE)
    ATTN_STATUS_CASE(ATTN_ERROR_SINKS)
    ATTN_STATUS_CASE(ATTN_ERROR_V_POINTER)
    ATTN_STATUS_CASE(ATTN_ERROR_SEQ_LEN_NEGATIVE)
    ATTN_STATUS_CASE(ATTN_ERROR_SEQ_LEN_CAPACITY)
    ATTN_STATUS_CASE(ATTN_ERROR_SEQ_LEN_CAUSAL)
    ATTN_STATUS_CASE(ATTN_ERROR_BLOCK_INDEX)
    ATTN_STATUS_CASE(ATTN_ERROR_SLOT)
    ATTN_STATUS_CASE(ATTN_ERROR_WORKSPACE_SIZE)
    ATTN_STATUS_CASE(ATTN_ERROR_CPU_FEATURE)
    ATTN_STATUS_CASE(ATTN_ERROR_UNSUPPORTED)
    ATTN_STATUS_CASE(ATTN_ERROR_LIBRARY_OPEN)
    ATTN_STATUS_CASE(ATTN_ERROR_LIBRARY_SYMBOL)
    ATTN_STATUS_CASE(ATTN_ERROR_LIBRARY_ABI)
    ATTN_STATUS_CASE(ATTN_ERROR_LIBRARY_TABLE)
    ATTN_STATUS_CASE(ATTN_ERROR_OUT_OF_MEMORY)
    ATTN_STATUS_CASE(ATTN_ERROR_THREADS)
    ATTN_STATUS_CASE(ATTN_ERROR_ADDRESSING)
    ATTN_STATUS_CASE(ATTN_ERROR_INDPTR)
    ATTN_STATUS_CASE(ATTN_ERROR_LAST_PAGE_LEN)
    ATTN_STATUS_CASE(ATTN_ERROR_INDEX_WIDTH)
    ATTN_STATUS_CASE(ATTN_ERROR_DEVICE)
    ATTN_STATUS_CASE(ATTN_ERROR_NO_DRIVER)
    ATTN_STATUS_CASE(ATTN_ERROR_CUDA)
#undef ATTN_STATUS_CASE
  }
  return "unknown attn_status";
}
