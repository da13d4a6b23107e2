//===-- DecodeTest.cpp - attn_decode against float64 ----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"

#include "gtest/gtest.h"

#include <cmath>
#include <sys/mman.h>

using namespace attn::test;

namespace {

/// Error that f32 arithmetic and one rounding to the dtype may make of values
/// of a few units.
void checkAccuracy(const Problem &problem) {
  bool isF32 = problem.params.dtype == ATTN_F32;
  EXPECT_LE(problem.outError(), isF32 ? 200 : 4);
  if (problem.params.lse) {
    EXPECT_LE(problem.lseError(), 2e-5);
  }
}

class PoolTest : public testing::TestWithParam<int> {
protected:
  void SetUp() override {
    ASSERT_EQ(attn_pool_create(GetParam(), &pool), ATTN_OK);
  }
  void TearDown() override { attn_pool_destroy(pool); }
  attn_pool *pool = nullptr;
};

using Decode = PoolTest;

// Every kernel, cache and mode on random lengths, some of them 0.
TEST_P(Decode, MatchesTheOracle) {
  uint64_t seed = std::random_device{}();
  for (int kernel = 0; kernel < NumFakeKernels; ++kernel)
    for (bool contiguous : {false, true})
      for (uint32_t mode : {0u, uint32_t(ATTN_FLAG_BATCH_INVARIANT)}) {
        SCOPED_TRACE("seed " + std::to_string(++seed) + " kernel " +
                     std::to_string(kernel) + " mode " + std::to_string(mode));
        std::mt19937_64 random(seed);
        ProblemOptions options;
        options.kernel = FakeKernel(kernel);
        options.contiguous = contiguous;
        options.hasLse = random() % 4 != 0;
        options.pageSize = 16 << random() % 3;
        int32_t qLen = fakeTable().kernels[kernel].q_len;
        for (uint64_t i = 0, n = 1 + random() % 6; i < n; ++i)
          options.seqLens.push_back(
              random() % 5 ? qLen + int32_t(random() % 700) : 0);
        Problem problem(options, seed);
        problem.params.flags |= mode;
        problem.params.split_size = mode ? 60 : 0;
        problem.params.pool = pool;
        ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
        checkAccuracy(problem);
      }
}

TEST_P(Decode, TakesAnyPageSizeTheKernelTakes) {
  for (int64_t page : {1, 3, 8, 100})
    for (FakeKernel kernel : {GqaF32Row, WindowF32Row, MlaBf16Row}) {
      ProblemOptions options;
      options.kernel = kernel;
      options.pageSize = page;
      options.seqLens = {99, 100, 101, 3, 257};
      Problem problem(options, uint64_t(page));
      problem.params.pool = pool;
      ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
      checkAccuracy(problem);
    }
}

// Pages that lie left of the window may be freed: their ids are not looked at.
TEST_P(Decode, FreedPagesLeftOfTheWindowAreIgnored) {
  ProblemOptions options;
  options.kernel = WindowF32Row;
  options.pageSize = 8;
  options.seqLens = {500, 30};
  Problem problem(options, 1);
  // Queries 497 to 499 see from 497 - 36 = 461 on, in page 57.
  for (int64_t page = 0; page < 57; ++page)
    problem.blockTable[size_t(page)] = -12345;
  problem.params.pool = pool;
  ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  checkAccuracy(problem);
  problem.blockTable[57] = -12345;
  EXPECT_EQ(problem.run(), ATTN_ERROR_BLOCK_INDEX);
}

TEST_P(Decode, EmptyRowsAreZeroAndMinusInfinity) {
  ProblemOptions options;
  options.kernel = WindowF32Row;
  options.seqLens = {0, 0, 0};
  Problem problem(options, 1);
  problem.params.pool = pool;
  ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  for (float lse : problem.lse)
    EXPECT_EQ(lse, -INFINITY);
  EXPECT_EQ(problem.outError(), 0);
}

TEST_P(Decode, EmptyBatchDoesNothing) {
  ProblemOptions options;
  options.seqLens = {4};
  Problem problem(options, 1);
  problem.params.batch = 0;
  problem.params.pool = pool;
  problem.params.q = problem.params.k = problem.params.v = nullptr;
  problem.params.out = nullptr;
  EXPECT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  EXPECT_TRUE(problem.outputsAreUntouched());
}

TEST_P(Decode, WorkspaceDependsOnCapacitiesAlone) {
  ProblemOptions options;
  options.seqLens = {500, 2, 0};
  Problem problem(options, 1);
  attn_decode_params &p = problem.params;
  p.pool = pool;
  p.max_batch = 7;
  p.num_blocks = 1 << 20;
  for (uint32_t mode : {0u, uint32_t(ATTN_FLAG_BATCH_INVARIANT)}) {
    p.flags = mode;
    uint64_t before, after;
    ASSERT_EQ(attn_decode_workspace_size(problem.library, &p, &before),
              ATTN_OK);
    p.batch = 1;
    p.seq_lens = nullptr;
    ASSERT_EQ(attn_decode_workspace_size(problem.library, &p, &after), ATTN_OK);
    EXPECT_EQ(before, after);
    EXPECT_EQ(after % 64, 0u);
    p.batch = 3;
    p.seq_lens = problem.seqLens.data();
  }
}

// Work too small to share stays on the caller, its merges too.
TEST_P(Decode, TinyWorkIsMergedToo) {
  ProblemOptions options;
  options.kernel = MlaBf16Row;
  options.seqLens = {20};
  Problem problem(options, 1);
  problem.params.flags |= ATTN_FLAG_BATCH_INVARIANT;
  problem.params.split_size = 8;
  problem.params.pool = pool;
  ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  checkAccuracy(problem);
}

INSTANTIATE_TEST_SUITE_P(Threads, Decode, testing::Values(1, 2, 3, 4));

// Blocks whose offsets pass 2^31 elements, in a sparse mapping: only pages that
// are touched take memory.
TEST(DecodeFar, BlockOffsetsPast32Bits) {
  ProblemOptions options;
  options.seqLens = {40};
  Problem problem(options, 7);
  attn_decode_params &p = problem.params;
  const int64_t farStride = int64_t(3) << 30; // elements; > 2^31
  const int64_t numBlocks = 4;
  auto map = [&] {
    void *memory =
        mmap(nullptr, size_t(farStride * numBlocks * 4), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    return static_cast<float *>(memory);
  };
  float *k = map(), *v = map();
  // Move the three blocks to the far end, in the order 3, 2, 1.
  auto *oldK = static_cast<const float *>(p.k);
  auto *oldV = static_cast<const float *>(p.v);
  for (int64_t page = 0; page < 3; ++page) {
    int64_t from = problem.blockTable[size_t(page)], to = 3 - page;
    std::copy_n(oldK + from * p.k_stride_block, p.k_stride_block,
                k + to * farStride);
    std::copy_n(oldV + from * p.v_stride_block, p.v_stride_block,
                v + to * farStride);
    problem.blockTable[size_t(page)] = int32_t(to);
  }
  p.k = k;
  p.v = v;
  p.k_stride_block = p.v_stride_block = farStride;
  p.num_blocks = numBlocks;
  ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  checkAccuracy(problem);
  munmap(k, size_t(farStride * numBlocks * 4));
  munmap(v, size_t(farStride * numBlocks * 4));
}

} // namespace
