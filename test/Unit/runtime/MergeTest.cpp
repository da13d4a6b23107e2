//===-- MergeTest.cpp - attn_merge ----------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <limits>

using namespace attn::test;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Random partial states of a kernel's shape.
struct MergeProblem {
  MergeProblem(FakeKernel kernel, int64_t parts, int64_t batch, uint64_t seed) {
    const attn_kernel_desc &desc = fakeTable().kernels[kernel];
    EXPECT_EQ(attn_library_from_table(&fakeTable(), &library), ATTN_OK);
    p.struct_size = sizeof p;
    p.flags = desc.flags & ATTN_FLAG_SINKS;
    p.dtype = desc.dtype;
    p.isa = ATTN_ISA_AUTO;
    p.q_heads = desc.q_heads;
    p.kv_heads = desc.kv_heads;
    p.v_dim = desc.v_dim;
    p.q_len = desc.q_len;
    p.batch = batch;
    p.parts = parts;
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    rows = batch * p.q_len * p.q_heads;
    for (int64_t i = 0; i < parts * rows; ++i) {
      // Some parts have seen no token of a row.
      bool empty = random() % 4 == 0;
      partialLse.push_back(empty ? -kInfinity : 5 * normal(random));
      for (int64_t d = 0; d < p.v_dim; ++d)
        partialOut.push_back(empty ? 0 : normal(random));
    }
    for (int64_t h = 0; h < p.q_heads; ++h)
      sinks.push_back(3 * normal(random));
    out.assign(size_t(rows * p.v_dim * 4), kCanary);
    lse.resize(size_t(rows));
    p.partial_out = partialOut.data();
    p.partial_lse = partialLse.data();
    p.sinks = p.flags ? sinks.data() : nullptr;
    p.out = out.data();
    p.out_stride_head = p.v_dim;
    p.out_stride_token = p.q_heads * p.v_dim;
    p.out_stride_batch = p.q_len * p.out_stride_token;
    p.lse = lse.data();
    p.lse_stride_head = 1;
    p.lse_stride_token = p.q_heads;
    p.lse_stride_batch = p.q_len * p.q_heads;
  }
  ~MergeProblem() { attn_library_close(library); }

  attn_status run() {
    uint64_t bytes;
    if (attn_status status = attn_merge_workspace_size(library, &p, &bytes))
      return status;
    Workspace workspace(bytes);
    p.workspace = workspace.data();
    p.workspace_bytes = bytes;
    attn_status status = attn_merge(library, &p);
    EXPECT_FALSE(workspace.isOverrun());
    p.workspace = nullptr;
    return status;
  }

  /// Compares with the definition in float64.
  void check() const {
    // In f32, LSEs around 10 make an error of some 10 units in the weights.
    double tolerance = p.dtype == ATTN_F32 ? 1e-5 : 16 * roundingUnit(p.dtype);
    for (int64_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (int64_t part = 0; part < p.parts; ++part)
        sum += std::exp(double(partialLse[size_t(part * rows + row)]));
      if (p.flags && sum > 0)
        sum += std::exp(double(sinks[size_t(row % p.q_heads)]));
      if (sum == 0) {
        ASSERT_EQ(lse[size_t(row)], -kInfinity);
      } else {
        ASSERT_NEAR(lse[size_t(row)], std::log(sum), 1e-5);
      }
      for (int64_t d = 0; d < p.v_dim; ++d) {
        double want = 0;
        for (int64_t part = 0; part < p.parts && sum > 0; ++part) {
          size_t at = size_t(part * rows + row);
          want += std::exp(double(partialLse[at])) / sum *
                  double(partialOut[at * size_t(p.v_dim) + size_t(d)]);
        }
        ASSERT_NEAR(readElement(out.data(), p.dtype, row * p.v_dim + d), want,
                    tolerance);
      }
    }
  }

  attn_library *library = nullptr;
  attn_merge_params p = {};
  int64_t rows;
  std::vector<float> partialOut, partialLse, sinks, lse;
  Bytes out;
};

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
