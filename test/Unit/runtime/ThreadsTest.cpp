//===-- ThreadsTest.cpp - Threads, pools and batch invariance -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "RandomCalls.h"
#include "ThreadPool.h"

#include "gtest/gtest.h"

#include <memory>
#include <thread>
#include <unistd.h>

using namespace attn::runtime;
using namespace attn::test;

namespace {

struct Counter {
  std::atomic<int> calls{0};
  std::vector<int> perThread;
};

TEST(ThreadPool, RunsEachThreadOncePerJob) {
  for (int32_t size : {1, 2, 5}) {
    attn_pool *pool;
    ASSERT_EQ(attn_pool_create(size, &pool), ATTN_OK);
    EXPECT_EQ(attn_pool_size(pool), size);
    Counter counter;
    counter.perThread.assign(size_t(size), 0);
    for (int job = 1; job <= 200; ++job) {
      // Often enough back to back, now and then after the threads fell asleep.
      if (job % 50 == 0)
        usleep(2000);
      PoolSession(pool).run(
          [](void *context, int32_t thread) {
            auto *c = static_cast<Counter *>(context);
            ++c->calls;
            ++c->perThread[size_t(thread)];
          },
          &counter);
      ASSERT_EQ(counter.calls, job * size);
      for (int count : counter.perThread)
        ASSERT_EQ(count, job);
    }
    attn_pool_destroy(pool);
  }
}

ProblemOptions mixedOptions(FakeKernel kernel) {
  ProblemOptions options;
  options.kernel = kernel;
  options.seqLens = {900, 3, 0, 1500, 64, 77};
  return options;
}

TEST(Threads, NumberOfThreadsChangesLittle) {
  for (FakeKernel kernel : {GqaF32Row, WindowF32Row, MlaBf16Row}) {
    Problem problem(mixedOptions(kernel), 3);
    for (int32_t size = 1; size <= 4; ++size) {
      attn_pool *pool;
      ASSERT_EQ(attn_pool_create(size, &pool), ATTN_OK);
      problem.params.pool = pool;
      ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
      EXPECT_LE(problem.outError(), problem.params.dtype == ATTN_F32 ? 200 : 4);
      attn_pool_destroy(pool);
    }
  }
}

// The same bits whatever the threads, the batch and the capacities.
TEST(Threads, BatchInvariantModeIsBitwiseEqual) {
  for (FakeKernel kernel : {GqaF32Row, WindowF32Row, MlaBf16Own}) {
    Problem problem(mixedOptions(kernel), 4);
    attn_decode_params &p = problem.params;
    p.flags |= ATTN_FLAG_BATCH_INVARIANT;
    p.split_size = 100;
    ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
    Bytes expected = problem.out;
    for (int32_t size = 2; size <= 5; ++size) {
      attn_pool *pool;
      ASSERT_EQ(attn_pool_create(size, &pool), ATTN_OK);
      p.pool = pool;
      std::fill(problem.out.begin(), problem.out.end(), kCanary);
      ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
      EXPECT_EQ(problem.out, expected);
      p.pool = nullptr;
      attn_pool_destroy(pool);
    }
    // The fourth request alone, at the head of a larger batch capacity.
    Bytes fourth = problem.outputOf(3);
    int64_t element = p.dtype == ATTN_F32 ? 4 : 2;
    p.q = problem.q.data() + 3 * p.q_stride_batch * element;
    p.block_table += 3 * p.block_table_stride;
    p.seq_lens += 3;
    p.batch = 1;
    p.max_batch = 50;
    std::fill(problem.out.begin(), problem.out.end(), kCanary);
    ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
    EXPECT_EQ(problem.outputOf(0), fourth);
  }
}

TEST(Threads, ManyCallersAtOnce) {
  attn_pool *shared;
  ASSERT_EQ(attn_pool_create(3, &shared), ATTN_OK);
  std::vector<std::unique_ptr<Problem>> problems;
  for (uint64_t i = 0; i < 16; ++i) {
    problems.push_back(std::make_unique<Problem>(
        mixedOptions(FakeKernel(i % NumFakeKernels)), i));
    problems.back()->params.pool = i % 4 == 3 ? nullptr : shared;
  }
  // One library and one pool, but a workspace and outputs each.
  std::vector<std::thread> callers;
  for (auto &problem : problems)
    callers.emplace_back([&problem] {
      for (int i = 0; i < 3; ++i)
        EXPECT_EQ(problem->run(), ATTN_OK) << attn_error_message();
    });
  for (std::thread &caller : callers)
    caller.join();
  for (auto &problem : problems)
    EXPECT_LE(problem->outError(), problem->params.dtype == ATTN_F32 ? 200 : 4);
  attn_pool_destroy(shared);
}

// Every function at once, on one pool; the thread sanitizer looks on in
// .ci/run.
TEST(Threads, CallEverythingAtOnce) {
  attn_pool *pool;
  ASSERT_EQ(attn_pool_create(3, &pool), ATTN_OK);
  RandomCalls calls = {pool, &fakeTable(),
                       ATTN_TEST_PACK_DIR "/attn_test_pack_GOOD.so"};
  uint64_t seed = std::random_device{}();
  std::vector<std::thread> callers;
  for (uint64_t i = 0; i < 16; ++i)
    callers.emplace_back([&calls, i, seed] {
      std::mt19937_64 random(seed + i);
      for (int call = 0; call < 10; ++call)
        callAtRandom(calls, random);
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(contractBreaches, 0);
  attn_pool_destroy(pool);
}

TEST(Threads, MessagesAreThreadLocal) {
  EXPECT_EQ(attn_pool_create(0, nullptr), ATTN_ERROR_NULL_POINTER);
  std::string mine = attn_error_message();
  std::thread([] {
    EXPECT_STREQ(attn_error_message(), "");
    attn_pool *pool;
    EXPECT_EQ(attn_pool_create(-3, &pool), ATTN_ERROR_THREADS);
  }).join();
  EXPECT_EQ(attn_error_message(), mine);
}

} // namespace
