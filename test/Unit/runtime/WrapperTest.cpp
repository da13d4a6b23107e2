//===-- WrapperTest.cpp - The runtime through its C++ wrapper -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled without exceptions and with -Werror.
//
//===----------------------------------------------------------------------===//

#include "attn_runtime.hpp"

#include "AppendProblem.h"
#include "MergeProblem.h"
#include "Product.h"

#include "gtest/gtest.h"

#include <array>

using namespace attn::test;

namespace {

attn::Library openFakes() {
  auto lib = attn::Library::fromTable(fakeTable());
  EXPECT_TRUE(bool(lib)) << lib.error().message;
  return std::move(*lib);
}

/// The problem's call, set up through the wrapper.
attn::DecodeParams rebuild(const Problem &problem) {
  const attn_decode_params &from = problem.params;
  attn::DecodeParams p = attn::DecodeParams::of(fakeTable().kernels[GqaF32Row]);
  p.max_batch = from.max_batch;
  p.max_seq_len = from.max_seq_len;
  p.page_size = from.page_size;
  p.num_blocks = from.num_blocks;
  p.setQuery(from.q,
             {from.q_stride_batch, from.q_stride_token, from.q_stride_head});
  p.setKeys(from.k,
            {from.k_stride_block, from.k_stride_token, from.k_stride_head});
  p.setValues(from.v,
              {from.v_stride_block, from.v_stride_token, from.v_stride_head});
  p.setOut(from.out, {from.out_stride_batch, from.out_stride_token,
                      from.out_stride_head});
  p.setLogSumExp(from.lse, {from.lse_stride_batch, from.lse_stride_token,
                            from.lse_stride_head});
  p.setLengths(problem.seqLens);
  p.setBlockTable(problem.blockTable, from.block_table_stride);
  return p;
}

TEST(Wrapper, DecodesByTableAndByIndices) {
  attn::Library lib = openFakes();
  auto pool = attn::Pool::create(2);
  ASSERT_TRUE(bool(pool));
  EXPECT_EQ(pool->size(), 2);
  ProblemOptions options;
  options.seqLens = {70, 0, 33};
  Problem problem(options, 1);
  attn::DecodeParams p = rebuild(problem);
  p.setPool(*pool);

  std::vector<int32_t> indptr = {0}, lastPage;
  std::vector<int64_t> ids;
  for (size_t b = 0; b < problem.seqLens.size(); ++b) {
    int64_t length = problem.seqLens[b];
    for (int64_t t = 0; t < length; t += p.page_size)
      ids.push_back(problem.blockTable[b * size_t(p.block_table_stride) +
                                       size_t(t / p.page_size)]);
    indptr.push_back(int32_t(ids.size()));
    lastPage.push_back(length ? int32_t((length - 1) % p.page_size + 1) : 0);
  }
  const std::vector<int32_t> narrow(ids.begin(), ids.end());
  for (int form = 0; form < 3; ++form) {
    SCOPED_TRACE(form);
    if (form == 1)
      p.setIndices(indptr, narrow);
    if (form == 2) {
      p.setIndices(indptr, ids);
      p.setLastPageLengths(lastPage);
    }
    std::fill(problem.out.begin(), problem.out.end(), kCanary);
    auto bytes = lib.workspaceSize(p);
    ASSERT_TRUE(bool(bytes)) << bytes.error().message;
    attn::Workspace workspace = attn::Workspace::allocate(*bytes);
    EXPECT_EQ(workspace.size(), *bytes);
    p.setWorkspace(workspace);
    attn::Result<void> done = lib.decode(p);
    ASSERT_TRUE(bool(done)) << done.error().message;
    EXPECT_LE(problem.outError(), 200);
    EXPECT_LE(problem.lseError(), 2e-5);
  }
}

TEST(Wrapper, FailuresCarryStatusAndMessage) {
  attn::Result<attn::Library> lib = attn::Library::open("/nonexistent.so");
  ASSERT_FALSE(bool(lib));
  EXPECT_EQ(lib.error().status, ATTN_ERROR_LIBRARY_OPEN);
  EXPECT_NE(lib.error().message, "");
  attn::Result<attn::Pool> pool = attn::Pool::create(0);
  ASSERT_FALSE(bool(pool));
  EXPECT_EQ(pool.error().status, ATTN_ERROR_THREADS);
  attn::Result<void> done = openFakes().decode(attn::DecodeParams());
  ASSERT_FALSE(bool(done));
  EXPECT_EQ(done.error().status, ATTN_ERROR_SHAPE);
}

TEST(Wrapper, TellsReasonsAndFacts) {
  attn::Library lib = openFakes();
  EXPECT_EQ(lib.numKernels(), uint32_t(NumFakeKernels));
  attn::DecodeParams p = attn::DecodeParams::of(*lib.kernel(WindowF32Row));
  p.max_batch = p.max_seq_len = p.page_size = 64;
  auto reasons = lib.findReasons(p);
  ASSERT_TRUE(bool(reasons));
  EXPECT_TRUE(reasons->empty());
  auto index = lib.select(p);
  ASSERT_TRUE(bool(index));
  EXPECT_EQ(*index, uint32_t(WindowF32Row));
  p.scale = 77;
  reasons = lib.findReasons(p);
  ASSERT_TRUE(bool(reasons));
  ASSERT_EQ(reasons->size(), 1u);
  EXPECT_EQ((*reasons)[0].code, ATTN_REASON_SCALE);
  p.page_size = 0;
  reasons = lib.findReasons(p);
  ASSERT_FALSE(bool(reasons));
  EXPECT_EQ(reasons.error().status, ATTN_ERROR_PAGE_SIZE);

  auto json = lib.kernelJson(0);
  ASSERT_TRUE(bool(json));
  EXPECT_EQ(json->front(), '{');
  EXPECT_EQ(json->back(), '}');
  EXPECT_FALSE(bool(lib.kernelJson(NumFakeKernels)));
}

TEST(Wrapper, AppendsMergesAndProjects) {
  AppendProblem tokens(ATTN_BF16, ATTN_LAYOUT_OWN);
  ASSERT_TRUE(bool(attn::append(tokens.p)));
  EXPECT_EQ(tokens.k, tokens.expectedCache(false));
  EXPECT_EQ(attn::append(attn::AppendParams()).error().status,
            ATTN_ERROR_SHAPE);

  attn::Library lib = openFakes();
  MergeProblem states(GqaF32Row, 3, 2, 1);
  auto bytes = lib.workspaceSize(states.p);
  ASSERT_TRUE(bool(bytes));
  attn::Workspace workspace = attn::Workspace::allocate(*bytes);
  states.p.workspace = workspace.data();
  states.p.workspace_bytes = workspace.size();
  ASSERT_TRUE(bool(lib.merge(states.p)));
  states.check();
  EXPECT_EQ(lib.merge(attn::MergeParams()).error().status, ATTN_ERROR_SHAPE);

  Product product(ATTN_F32, {2, 2, 16, 16}, true);
  ASSERT_TRUE(bool(attn::project(product.p)));
  EXPECT_LE(product.worstShare(), 1);
  EXPECT_EQ(attn::project(attn::ProjectParams()).error().status,
            ATTN_ERROR_SHAPE);
}

TEST(Wrapper, SpansViewWhatTheyAreMadeOf) {
  std::vector<int> vector = {1, 2, 3};
  attn::Span<int> span = vector;
  span[1] = 5;
  EXPECT_EQ(vector[1], 5);
  attn::Span<const int> constant = span;
  EXPECT_EQ(constant.size(), 3u);
  int sum = 0;
  for (int value : constant)
    sum += value;
  EXPECT_EQ(sum, 9);
  const std::array<int, 2> array = {4, 5};
  EXPECT_EQ(attn::Span<const int>(array)[1], 5);
  EXPECT_TRUE(attn::Span<int>().empty());
}

} // namespace
