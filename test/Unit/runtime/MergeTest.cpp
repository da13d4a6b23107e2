//===-- MergeTest.cpp - attn_merge ----------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MergeProblem.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <limits>

using namespace attn::test;

namespace {

TEST(Merge, MatchesTheDefinition) {
  for (int32_t threads : {1, 3}) {
    attn_pool *pool;
    ASSERT_EQ(attn_pool_create(threads, &pool), ATTN_OK);
    for (FakeKernel kernel :
         {GqaF32Row, GqaBf16Own, WindowF32Row, MlaBf16Row, FullQ2F32Row})
      for (int64_t parts : {0, 1, 2, 7}) {
        MergeProblem problem(kernel, parts, 5, uint64_t(parts));
        problem.p.pool = pool;
        ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
        problem.check();
      }
    attn_pool_destroy(pool);
  }
}

TEST(Merge, EmptyBatchDoesNothing) {
  MergeProblem problem(GqaF32Row, 2, 3, 1);
  problem.p.batch = 0;
  EXPECT_EQ(problem.run(), ATTN_OK);
  EXPECT_EQ(problem.out[0], kCanary);
}

TEST(Merge, RefusesBadInputAndWritesNothing) {
  struct Case {
    const char *what;
    attn_status status;
    std::function<void(attn_merge_params &)> spoil;
  };
  const Case cases[] = {
      {"size", ATTN_ERROR_STRUCT_SIZE, [](auto &p) { p.struct_size = 0; }},
      {"flags", ATTN_ERROR_FLAGS, [](auto &p) { p.flags |= ATTN_FLAG_CAUSAL; }},
      {"dtype", ATTN_ERROR_ENUM, [](auto &p) { p.dtype = 5; }},
      {"isa", ATTN_ERROR_ENUM, [](auto &p) { p.isa = 5; }},
      {"heads", ATTN_ERROR_SHAPE, [](auto &p) { p.kv_heads = 0; }},
      {"v_dim", ATTN_ERROR_SHAPE, [](auto &p) { p.v_dim = 0; }},
      {"q_len", ATTN_ERROR_SHAPE, [](auto &p) { p.q_len = 0; }},
      {"device", ATTN_ERROR_ENUM, [](auto &p) { p.device = 2; }},
      {"CUDA", ATTN_ERROR_UNSUPPORTED,
       [](auto &p) { p.device = ATTN_DEVICE_CUDA; }},
      {"stream", ATTN_ERROR_DEVICE, [](auto &p) { p.stream = &p; }},
      {"reserved_2", ATTN_ERROR_VALUE, [](auto &p) { p.reserved_2 = 1; }},
      {"batch", ATTN_ERROR_SHAPE, [](auto &p) { p.batch = -1; }},
      {"parts", ATTN_ERROR_SHAPE, [](auto &p) { p.parts = -1; }},
      {"no such kernel", ATTN_ERROR_UNSUPPORTED, [](auto &p) { ++p.v_dim; }},
      {"no sinks", ATTN_ERROR_UNSUPPORTED, [](auto &p) { p.flags = 0; }},
      {"sinks", ATTN_ERROR_NULL_POINTER, [](auto &p) { p.sinks = nullptr; }},
      {"out", ATTN_ERROR_NULL_POINTER, [](auto &p) { p.out = nullptr; }},
      {"partial_out", ATTN_ERROR_NULL_POINTER,
       [](auto &p) { p.partial_out = nullptr; }},
      {"partial_lse", ATTN_ERROR_NULL_POINTER,
       [](auto &p) { p.partial_lse = nullptr; }},
      {"out stride", ATTN_ERROR_STRIDE, [](auto &p) { p.out_stride_head = 1; }},
      {"workspace", ATTN_ERROR_NULL_POINTER,
       [](auto &p) { p.workspace = nullptr; }},
      {"workspace size", ATTN_ERROR_WORKSPACE_SIZE,
       [](auto &p) { --p.workspace_bytes; }},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.what);
    MergeProblem problem(WindowF32Row, 2, 3, 1);
    uint64_t bytes;
    ASSERT_EQ(attn_merge_workspace_size(problem.library, &problem.p, &bytes),
              ATTN_OK);
    Workspace workspace(bytes);
    problem.p.workspace = workspace.data();
    problem.p.workspace_bytes = bytes;
    c.spoil(problem.p);
    EXPECT_EQ(attn_merge(problem.library, &problem.p), c.status)
        << attn_error_message();
    for (unsigned char byte : problem.out)
      ASSERT_EQ(byte, kCanary);
    EXPECT_TRUE(workspace.isUntouched());
  }
  MergeProblem problem(WindowF32Row, 2, 3, 1);
  uint64_t bytes;
  EXPECT_EQ(attn_merge(nullptr, &problem.p), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_merge(problem.library, nullptr), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_merge_workspace_size(problem.library, &problem.p, nullptr),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_merge_workspace_size(problem.library, nullptr, &bytes),
            ATTN_ERROR_NULL_POINTER);
  MergeProblem plain(GqaF32Row, 2, 3, 1);
  plain.p.sinks = plain.sinks.data();
  EXPECT_EQ(plain.run(), ATTN_ERROR_SINKS);
}

} // namespace
