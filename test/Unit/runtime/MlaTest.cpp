//===-- MlaTest.cpp - attn_mla_decode over plain kernels ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MlaProblem.h"
#include "attn_runtime.hpp"
#include "gtest/gtest.h"

#include <string>

using namespace attn::test;

namespace {

class Mla : public testing::Test, protected MlaProblem {
protected:
  ~Mla() override { attn_pool_destroy(pool); }

  void open(int64_t batch, int32_t threads) {
    if (attn_cpu_isa() < ATTN_ISA_AVX2)
      GTEST_SKIP() << "no kernel runs below AVX2";
    attn_pool_destroy(pool);
    pool = nullptr;
    ASSERT_EQ(attn_pool_create(threads, &pool), ATTN_OK);
    MlaProblem::open(batch, pool);
  }

  attn_pool *pool = nullptr;
};

} // namespace

TEST_F(Mla, ChainsProjectionsAndAttention) {
  for (int32_t threads : {1, 2, 7})
    for (int64_t batch : {1, 3}) {
      open(batch, threads);
      if (IsSkipped())
        return;
      ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
      expectRight(batch);
    }
}

/// Batches that do not continue each other are projected one by one.
TEST_F(Mla, StridesWithGaps) {
  open(2, 2);
  if (IsSkipped())
    return;
  params.out_stride_batch += 17;
  out.assign(out.size() + 17, -1);
  params.out = out.data();
  ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
  expectRight(2);
  EXPECT_EQ(out[kTokens * kHeads * kV], -1);
}

TEST_F(Mla, RunsThroughTheWrapper) {
  open(1, 1);
  if (IsSkipped())
    return;
  auto lib = attn::Library::fromTable(table);
  ASSERT_TRUE(bool(lib));
  attn::MlaParams p;
  EXPECT_EQ(p.struct_size, params.struct_size);
  static_cast<attn_mla_params &>(p) = params;
  auto bytes = lib->workspaceSize(p);
  ASSERT_TRUE(bool(bytes)) << bytes.error().message;
  attn::Workspace memory = attn::Workspace::allocate(*bytes);
  p.workspace = memory.data();
  p.workspace_bytes = memory.size();
  attn::Result<void> done = lib->decode(p);
  ASSERT_TRUE(bool(done)) << done.error().message;
  expectRight(1);

  // A kernel's facts are enough to find it, the type of its output included.
  attn::DecodeParams facts = attn::DecodeParams::of(*lib->kernel(0));
  facts.max_batch = facts.max_seq_len = facts.page_size = 16;
  auto index = lib->select(facts);
  EXPECT_TRUE(bool(index)) << index.error().message;
}

/// A query in two parts lies in the workspace as wide as it is.
TEST_F(Mla, TheProjectedQueryMayHaveARest) {
  attention.flags |= ATTN_KERNEL_REST;
  attention.kernel = attend<true>;
  projections[0].flags = ATTN_KERNEL_REST;
  projections[0].kernel = project<kNope, kRank, true>;
  for (int32_t threads : {1, 3}) {
    open(3, threads);
    if (IsSkipped())
      return;
    ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
    expectRight(3);
  }
  // A projection of one part is none for it.
  projections[0].flags = 0;
  open(1, 1);
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(attn_error_message()).find("from 3 to 4 in two parts"),
            std::string::npos)
      << attn_error_message();
}

/// That the library's kernel is for another CPU or page is the better reason
/// than that it has none for a query of one part.
TEST_F(Mla, SaysWhatAKernelOfTwoPartsLacks) {
  attention.flags |= ATTN_KERNEL_REST;
  attention.isa = 1000;
  open(1, 1);
  if (IsSkipped())
    return;
  EXPECT_EQ(run(), ATTN_ERROR_CPU_FEATURE) << attn_error_message();
  attention.isa = ATTN_ISA_AVX2;
  attention.page_multiple = 48;
  open(1, 1);
  EXPECT_EQ(run(), ATTN_ERROR_PAGE_SIZE) << attn_error_message();
}

TEST_F(Mla, NamesTheMissingProjection) {
  projections.pop_back();
  open(1, 1);
  if (IsSkipped())
    return;
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(attn_error_message()).find("5 heads from 4 to 6"),
            std::string::npos)
      << attn_error_message();
}

/// Weights of the same extents that lie the other way round.
TEST_F(Mla, TakesNoTransposedProjection) {
  for (attn_project_desc &each : projections) {
    each.flags = ATTN_KERNEL_UP_TRANSPOSED;
    open(1, 1);
    if (IsSkipped())
      return;
    EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
    each.flags = 0;
  }
}

TEST_F(Mla, SaysWhichFormsThereAre) {
  open(1, 1);
  if (IsSkipped())
    return;
  params.form = ATTN_MLA_FORM_ABSORBED;
  EXPECT_EQ(run(), ATTN_OK) << attn_error_message();
  expectRight(1);
  params.form = ATTN_MLA_FORM_FUSED;
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(),
               "form fused asked; for this call the library has absorbed");
  params.v = kV + 1;
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(),
               "form fused asked; for this call the library has none");
}

/// A caller that does not know the form has passed a shorter struct.
TEST_F(Mla, ReadsTheStructOfVersion2) {
  open(1, 1);
  if (IsSkipped())
    return;
  params.struct_size = offsetof(attn_mla_params, form);
  params.form = 99;
  EXPECT_EQ(run(), ATTN_OK) << attn_error_message();
  expectRight(1);
}

TEST_F(Mla, RefusesBadArguments) {
  open(1, 1);
  if (IsSkipped())
    return;
  attn_mla_params good = params;
  auto expect = [&](attn_status status) {
    EXPECT_EQ(run(), status) << attn_error_message();
    EXPECT_EQ(out[0], -1);
    params = good;
  };
  params.decode = nullptr;
  expect(ATTN_ERROR_NULL_POINTER);
  params.flags = 1;
  expect(ATTN_ERROR_FLAGS);
  params.form = 4;
  expect(ATTN_ERROR_ENUM);
  params.form = -1;
  expect(ATTN_ERROR_ENUM);
  params.reserved = 1;
  expect(ATTN_ERROR_VALUE);
  params.struct_size -= 4;
  expect(ATTN_ERROR_STRUCT_SIZE);
  params.nope = 0;
  expect(ATTN_ERROR_SHAPE);
  params.w_uk = nullptr;
  expect(ATTN_ERROR_NULL_POINTER);
  params.q_rope = nullptr;
  expect(ATTN_ERROR_NULL_POINTER);
  params.out_stride_head = 1;
  expect(ATTN_ERROR_STRIDE);
  decode.flags = 0;
  expect(ATTN_ERROR_FLAGS);
  decode.flags = ATTN_FLAG_V_IN_K;
  ASSERT_EQ(run(), ATTN_OK);
  out[0] = -1;
  params.workspace_bytes -= 1;
  EXPECT_EQ(attn_mla_decode(library, &params), ATTN_ERROR_WORKSPACE_SIZE);
  EXPECT_EQ(out[0], -1);
}
