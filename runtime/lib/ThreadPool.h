//===-- ThreadPool.h - Threads that wait for work ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_THREADPOOL_H
#define ATTN_RUNTIME_LIB_THREADPOOL_H

#include "attn_runtime.h"

namespace attn::runtime {

/// Work of one thread; thread 0 is the caller.
using PoolTask = void (*)(void *context, int32_t thread);

/// Holds a pool for the calls made during its lifetime, so that the phases of
/// one decode are not interleaved with another's. Null: the caller alone.
class PoolSession {
public:
  explicit PoolSession(attn_pool *pool);
  ~PoolSession();
  PoolSession(const PoolSession &) = delete;
  PoolSession &operator=(const PoolSession &) = delete;

  /// Runs `task` once on each thread and returns when all are done: what any
  /// of them wrote is visible to all threads of the next run.
  void run(PoolTask task, void *context);

private:
  attn_pool *pool;
};

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_THREADPOOL_H
