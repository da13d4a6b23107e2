//===-- ThreadPool.cpp - Threads that wait for work -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include "Error.h"

#include <atomic>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <linux/futex.h>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace attn::runtime;

namespace {

/// A number that threads wait on. Waiting spins for a while and then sleeps, so
/// that a change that comes soon is seen in well under a microsecond, while a
/// pool at rest costs nothing.
class Gate {
public:
  uint32_t load() const { return value.load(std::memory_order_acquire); }

  /// Adds to the number and wakes the threads waiting for it to change.
  uint32_t add(uint32_t amount) {
    uint32_t result = value.fetch_add(amount) + amount;
    // Sequentially consistent against the waiter's increment and re-read:
    // either the waiter sees the new value or this thread sees the waiter.
    if (sleepers.load() != 0)
      futex(FUTEX_WAKE_PRIVATE, INT_MAX);
    return result;
  }

  /// Returns once the number differs from `old`.
  void waitWhile(uint32_t old) {
    if (spinWhile(old))
      return;
    sleepers.fetch_add(1);
    while (value.load() == old)
      futex(FUTEX_WAIT_PRIVATE, old);
    sleepers.fetch_sub(1);
  }

private:
  // Longer than two threads of one call differ: on a virtual machine a thread
  // that fell asleep takes tens of microseconds to come back.
  static constexpr int64_t kSpinNanoseconds = 300000;

  static int64_t now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t(time.tv_sec) * 1000000000 + time.tv_nsec;
  }

  bool spinWhile(uint32_t old) const {
    int64_t deadline = now() + kSpinNanoseconds;
    do {
      for (int i = 0; i < 16; ++i) {
        if (load() != old)
          return true;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
      // The awaited thread may be queued behind this one: on a busy machine two
      // threads of a pool often share a CPU, and then a mere spin costs the
      // whole deadline, on each side, in each call.
      sched_yield();
    } while (now() < deadline);
    return false;
  }

  void futex(int operation, uint32_t argument) {
    syscall(SYS_futex, &value, operation, argument, nullptr, nullptr, 0);
  }

  std::atomic<uint32_t> value{0};
  std::atomic<uint32_t> sleepers{0};
};

/// One started thread. `index` counts from 1: the caller is thread 0.
struct Worker {
  attn_pool *pool;
  int32_t index;
  pthread_t thread;
};

} // namespace

struct attn_pool {
  int32_t size = 1;
  int32_t numWorkers = 0;
  Worker *workers = nullptr;
  pthread_mutex_t session = PTHREAD_MUTEX_INITIALIZER;
  // Written by the session's owner before `jobs` changes; a null task ends the
  // threads.
  PoolTask task = nullptr;
  void *context = nullptr;
  // On cache lines of their own: one is hammered while the other is awaited.
  alignas(64) Gate jobs;
  alignas(64) Gate finished;
};

static void *runWorker(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  attn_pool *pool = worker->pool;
  for (uint32_t seen = 0;; ++seen) {
    pool->jobs.waitWhile(seen);
    PoolTask task = pool->task;
    if (!task)
      return nullptr;
    task(pool->context, worker->index);
    pool->finished.add(1);
  }
}

PoolSession::PoolSession(attn_pool *pool) : pool(pool) {
  if (pool)
    pthread_mutex_lock(&pool->session);
}

PoolSession::~PoolSession() {
  if (pool)
    pthread_mutex_unlock(&pool->session);
}

void PoolSession::run(PoolTask task, void *context) {
  if (!pool || pool->numWorkers == 0)
    return task(context, 0);
  uint32_t target = pool->finished.load() + uint32_t(pool->numWorkers);
  pool->task = task;
  pool->context = context;
  pool->jobs.add(1);
  task(context, 0);
  for (uint32_t seen = pool->finished.load(); seen != target;
       seen = pool->finished.load())
    pool->finished.waitWhile(seen);
}

attn_status attn_pool_create(int32_t num_threads, attn_pool **pool) {
  if (!pool)
    return fail(ATTN_ERROR_NULL_POINTER, "attn_pool_create: null argument");
  *pool = nullptr;
  constexpr int32_t kMaxThreads = 4096;
  if (num_threads < 1 || num_threads > kMaxThreads)
    return fail(ATTN_ERROR_THREADS, "num_threads is %d, not in [1, %d]",
                num_threads, kMaxThreads);
  void *memory = aligned_alloc(alignof(attn_pool), sizeof(attn_pool));
  auto *workers =
      static_cast<Worker *>(calloc(size_t(num_threads), sizeof(Worker)));
  if (!memory || !workers) {
    free(memory);
    free(workers);
    return fail(ATTN_ERROR_OUT_OF_MEMORY, "out of memory for a pool");
  }
  auto *result = new (memory) attn_pool;
  result->size = num_threads;
  result->workers = workers;
  for (int32_t i = 1; i < num_threads; ++i) {
    Worker &worker = workers[result->numWorkers];
    worker.pool = result;
    worker.index = i;
    if (pthread_create(&worker.thread, nullptr, runWorker, &worker)) {
      attn_pool_destroy(result);
      return fail(ATTN_ERROR_THREADS, "could start only %d of %d threads", i,
                  num_threads);
    }
    ++result->numWorkers;
  }
  *pool = result;
  return ATTN_OK;
}

void attn_pool_destroy(attn_pool *pool) {
  if (!pool)
    return;
  pool->task = nullptr;
  pool->jobs.add(1);
  for (int32_t i = 0; i < pool->numWorkers; ++i)
    pthread_join(pool->workers[i].thread, nullptr);
  pthread_mutex_destroy(&pool->session);
  free(pool->workers);
  pool->~attn_pool();
  free(pool);
}

int32_t attn_pool_size(const attn_pool *pool) { return pool ? pool->size : 1; }
