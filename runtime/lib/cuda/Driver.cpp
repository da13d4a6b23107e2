//===-- Driver.cpp - The CUDA driver, loaded when first used --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include "Error.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>

using namespace attn::runtime;

attn_status cuda::check(const Driver &driver, Result result,
                        const char *action) {
  if (result == 0)
    return ATTN_OK;
  const char *name = nullptr, *text = nullptr;
  driver.getErrorName(result, &name);
  driver.getErrorString(result, &text);
  return fail(ATTN_ERROR_CUDA, "%s: %s (%s)", action,
              name ? name : "unknown CUDA error", text ? text : "no text");
}

attn_status cuda::openDriver(const char *path, Driver &driver) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(ATTN_ERROR_NO_DRIVER, "no CUDA driver: %s", dlerror());
  auto find = [&](const char *symbol) { return dlsym(handle, symbol); };
  // NOLINTBEGIN(bugprone-macro-parentheses): a parameter list
#define ATTN_CUDA_FIND(member, symbol, parameters)                             \
  driver.member = reinterpret_cast<Result(*) parameters>(find(#symbol));       \
  if (!driver.member)                                                          \
    return fail(ATTN_ERROR_NO_DRIVER,                                          \
                "the CUDA driver %s has no %s; version 11.8 or later is "      \
                "needed",                                                      \
                path, #symbol);
  ATTN_CUDA_FUNCTIONS(ATTN_CUDA_FIND)
#undef ATTN_CUDA_FIND
  // NOLINTEND(bugprone-macro-parentheses)
  return check(driver, driver.init(0), "cuInit");
}

namespace {

pthread_once_t once = PTHREAD_ONCE_INIT;
cuda::Driver processDriver;
attn_status openStatus;
char openMessage[512];

void openOnce() {
  const char *path = getenv("ATTN_LIBCUDA");
  openStatus =
      cuda::openDriver(path && *path ? path : "libcuda.so.1", processDriver);
  if (openStatus)
    strncpy(openMessage, attn_error_message(), sizeof openMessage - 1);
}

} // namespace

attn_status cuda::getDriver(const Driver *&driver) {
  pthread_once(&once, openOnce);
  if (openStatus)
    return fail(openStatus, "%s", openMessage);
  driver = &processDriver;
  return ATTN_OK;
}
