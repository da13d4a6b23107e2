//===-- AllocationTest.cpp - Calls of a step allocate nothing -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts what this program, the runtime in it, asks the C library for. Left out
// under sanitizers, which bring their own.
//
//===----------------------------------------------------------------------===//

#include "AppendProblem.h"
#include "MergeProblem.h"
#include "MlaProblem.h"
#include "Product.h"

#include "gtest/gtest.h"

#include <cstdlib>

using namespace attn::test;

static std::atomic<int64_t> allocations{0};

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

namespace {

/// How often `call` allocates, on all threads together.
template <typename Call>
int64_t countAllocations(Call call) {
  int64_t before = allocations;
  call();
  return allocations - before;
}

class Allocation : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(attn_pool_create(3, &pool), ATTN_OK);
    // The scalar kernels allocate themselves.
    desc.kernel = [](const attn_kernel_args *, const attn_work_item *, void *) {
    };
    desc.combine = [](const attn_kernel_args *, const attn_combine_item *,
                      void *) {};
  }
  void TearDown() override { attn_pool_destroy(pool); }

  attn_kernel_desc desc = fakeTable().kernels[GqaF32Row];
  attn_kernel_table table = {ATTN_KERNEL_ABI_VERSION, 1, &desc, nullptr, 0, 0};
  attn_pool *pool = nullptr;
};

TEST_F(Allocation, CounterCounts) {
  EXPECT_EQ(countAllocations([] { free(malloc(1)); }), 1);
  EXPECT_GT(countAllocations([] {
              attn_pool *other;
              ASSERT_EQ(attn_pool_create(2, &other), ATTN_OK);
              attn_pool_destroy(other);
            }),
            0);
}

TEST_F(Allocation, NoneToDecode) {
  ProblemOptions options;
  options.table = &table;
  options.kernel = 0;
  options.seqLens = {900, 3, 0, 1500};
  Problem problem(options, 1);
  attn_decode_params &p = problem.params;
  p.pool = pool;
  for (uint32_t flags : {0u, uint32_t(ATTN_FLAG_BATCH_INVARIANT)}) {
    p.flags = flags;
    uint64_t bytes;
    EXPECT_EQ(countAllocations([&] {
                ASSERT_EQ(
                    attn_decode_workspace_size(problem.library, &p, &bytes),
                    ATTN_OK);
              }),
              0);
    Workspace workspace(bytes);
    p.workspace = workspace.data();
    p.workspace_bytes = bytes;
    EXPECT_EQ(countAllocations([&] {
                ASSERT_EQ(attn_decode(problem.library, &p), ATTN_OK);
              }),
              0);
  }
  // A refusal's message neither.
  p.max_batch = 0;
  EXPECT_EQ(countAllocations([&] {
              ASSERT_EQ(attn_decode(problem.library, &p), ATTN_ERROR_SHAPE);
            }),
            0);
}

TEST_F(Allocation, NoneToAppendMergeAndProject) {
  AppendProblem tokens(ATTN_BF16, ATTN_LAYOUT_OWN);
  tokens.p.pool = pool;
  EXPECT_EQ(
      countAllocations([&] { ASSERT_EQ(attn_append(&tokens.p), ATTN_OK); }), 0);

  MergeProblem states(GqaF32Row, 3, 8, 1);
  attn_library *lib;
  ASSERT_EQ(attn_library_from_table(&table, &lib), ATTN_OK);
  uint64_t bytes;
  states.p.pool = pool;
  ASSERT_EQ(attn_merge_workspace_size(lib, &states.p, &bytes), ATTN_OK);
  Workspace workspace(bytes);
  states.p.workspace = workspace.data();
  states.p.workspace_bytes = bytes;
  EXPECT_EQ(
      countAllocations([&] { ASSERT_EQ(attn_merge(lib, &states.p), ATTN_OK); }),
      0);
  attn_library_close(lib);

  Product product(ATTN_BF16, {5, 3, 128, 512}, true);
  product.p.pool = pool;
  EXPECT_EQ(
      countAllocations([&] { ASSERT_EQ(attn_project(&product.p), ATTN_OK); }),
      0);
}

TEST_F(Allocation, NoneToDecodeMla) {
  MlaProblem problem;
  problem.open(3, pool);
  uint64_t bytes;
  EXPECT_EQ(countAllocations([&] {
              ASSERT_EQ(attn_mla_workspace_size(problem.library,
                                                &problem.params, &bytes),
                        ATTN_OK);
            }),
            0);
  Workspace workspace(bytes);
  problem.params.workspace = workspace.data();
  problem.params.workspace_bytes = bytes;
  EXPECT_EQ(countAllocations([&] {
              ASSERT_EQ(attn_mla_decode(problem.library, &problem.params),
                        ATTN_OK);
            }),
            0);
  problem.expectRight(3);
}

TEST_F(Allocation, NoneToDecodeMlaMaterialized) {
  MlaProblem problem;
  problem.attention.flags = 0;
  problem.attention.kv_heads = MlaProblem::kHeads;
  problem.attention.k_dim = MlaProblem::kNope + MlaProblem::kRope;
  problem.attention.v_dim = MlaProblem::kV;
  problem.attention.kernel = desc.kernel;
  auto project = [](const attn_project_args *, const attn_project_item *,
                    void *) {};
  problem.projections = {
      MlaProblem::projection(MlaProblem::kRank, MlaProblem::kNope, project),
      MlaProblem::projection(MlaProblem::kRank, MlaProblem::kV, project)};
  problem.projections[0].flags = ATTN_KERNEL_UP_TRANSPOSED;
  problem.open(3, pool);
  uint64_t bytes;
  EXPECT_EQ(countAllocations([&] {
              ASSERT_EQ(attn_mla_workspace_size(problem.library,
                                                &problem.params, &bytes),
                        ATTN_OK);
            }),
            0);
  Workspace workspace(bytes);
  problem.params.workspace = workspace.data();
  problem.params.workspace_bytes = bytes;
  EXPECT_EQ(countAllocations([&] {
              ASSERT_EQ(attn_mla_decode(problem.library, &problem.params),
                        ATTN_OK);
            }),
            0);
  problem.params.form = ATTN_MLA_FORM_FUSED; // nor a refusal's message
  EXPECT_EQ(countAllocations([&] {
              ASSERT_EQ(attn_mla_decode(problem.library, &problem.params),
                        ATTN_ERROR_UNSUPPORTED);
            }),
            0);
}

} // namespace
