//===-- MlaMergeTest.cpp - attn_mla_decode of split requests --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A part of a split request has MlaProblem's output times one more than its
// index, and merging adds parts up.
//
//===----------------------------------------------------------------------===//

#include "MlaProblem.h"

#include <algorithm>

using namespace attn::test;

namespace {

constexpr int64_t kSplitTokens = 32;

struct MlaMerge : public testing::Test, protected MlaProblem {
  static float *rowOf(const attn_kernel_args *args, int64_t batch, int64_t t,
                      int64_t h, int64_t slot) {
    if (slot >= 0)
      return args->partial_out + ((slot * kTokens + t) * kHeads + h) * kRank;
    return static_cast<float *>(args->out) + batch * args->out_stride_batch +
           t * args->out_stride_token + h * args->out_stride_head;
  }
  static void attendPart(const attn_kernel_args *args,
                         const attn_work_item *item, void *scratch) {
    if (item->slot < 0)
      return attend(args, item, scratch);
    attn_kernel_args part = *args;
    part.out = rowOf(args, 0, 0, 0, item->slot);
    part.out_stride_batch = 0;
    part.out_stride_token = kHeads * kRank;
    part.out_stride_head = kRank;
    attend(&part, item, scratch);
    int64_t index = item->token_begin / kSplitTokens;
    for (int64_t i = 0; i < kTokens * kHeads * kRank; ++i)
      static_cast<float *>(part.out)[i] *= float(1 + index);
  }
  static void mergeRow(const attn_kernel_args *args,
                       const attn_combine_item *item, int64_t t, int64_t h,
                       float *row) {
    for (int64_t d = 0; d < kRank; ++d) {
      row[d] = 0;
      for (int64_t i = 0; i < item->slot_count; ++i)
        row[d] +=
            rowOf(args, 0, t, h, item->slot_begin + i * item->slot_stride)[d];
    }
  }
  static void merge(const attn_kernel_args *args, const attn_combine_item *item,
                    void *) {
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    for (int64_t r = item->row_begin; r < item->row_end; ++r)
      mergeRow(args, item, r / kHeads, r % kHeads,
               rowOf(args, item->batch, r / kHeads, r % kHeads, -1));
  }
  static void mergeAndProject(const attn_project_args *args,
                              const attn_project_item *item, void *) {
    auto *more = reinterpret_cast<const attn_project_merge_args *>(args);
    for (int64_t t = item->token_begin; t < item->token_end; ++t)
      for (int64_t h = item->head_begin; h < item->head_end; ++h) {
        const attn_combine_item &part = more->merges[item->batch + t / kTokens];
        float row[kRank];
        attn_project_args one = *args;
        one.in = static_cast<const float *>(args->in) +
                 item->batch * args->in_stride_batch +
                 t * args->in_stride_token + h * args->in_stride_head;
        if (part.slot_count) {
          EXPECT_EQ(part.batch, item->batch + t / kTokens);
          EXPECT_GT(part.slot_count, 1);
          mergeRow(more->attention, &part, t % kTokens, h, row);
          one.in = row;
        }
        one.in_stride_batch = one.in_stride_token = one.in_stride_head = 0;
        attn_project_item place = {item->batch, t, t + 1, h, h + 1};
        project<kRank, kV>(&one, &place, nullptr);
      }
  }

  MlaMerge() {
    attention.kernel = attendPart;
    attention.combine = merge;
  }
  void fuse(int32_t qLen) {
    projections[1].kernel = mergeAndProject;
    projections[1].q_len = qLen;
  }
  static int calls;
};

int MlaMerge::calls = 0;

} // namespace

/// Requests that are split and others that are not: with a projection that
/// merges no phase of merges runs.
TEST_F(MlaMerge, MergesInEitherPlace) {
  if (attn_cpu_isa() < ATTN_ISA_AVX2)
    GTEST_SKIP() << "no kernel runs below AVX2";
  for (bool fused : {false, true}) {
    if (fused)
      fuse(kTokens);
    for (int32_t threads : {1, 3}) {
      attn_pool *pool = nullptr;
      ASSERT_EQ(attn_pool_create(threads, &pool), ATTN_OK);
      open(4, pool);
      lens = {2, 100, 20, 33};
      cache.assign(size_t(4 * 100 * (kRank + kRope)), 0);
      decode.k = cache.data();
      decode.seq_lens = lens.data();
      decode.max_seq_len = decode.page_size = 100;
      decode.k_stride_block = 100 * (kRank + kRope);
      decode.split_size = kSplitTokens;
      decode.flags |= ATTN_FLAG_BATCH_INVARIANT;
      calls = 0;
      EXPECT_EQ(run(), ATTN_OK) << attn_error_message();
      EXPECT_EQ(calls > 0, !fused);
      for (int64_t i = 0; i < int64_t(out.size()); ++i) {
        int64_t row = i / kV, token = row / kHeads, b = token / kTokens;
        int64_t parts = (lens[size_t(b)] + kSplitTokens - 1) / kSplitTokens;
        int64_t sum = parts * (parts + 1) / 2;
        ASSERT_FLOAT_EQ(out[size_t(i)],
                        expected(b, token % kTokens, row % kHeads, i % kV) *
                            float(sum))
            << i;
      }
      attn_pool_destroy(pool);
    }
  }
}

/// A projection that merges is for attention of its query tokens and sinks.
TEST_F(MlaMerge, SelectsTheProjectionThatFits) {
  if (attn_cpu_isa() < ATTN_ISA_AVX2)
    GTEST_SKIP() << "no kernel runs below AVX2";
  fuse(kTokens + 1);
  open(1, nullptr);
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  fuse(kTokens);
  projections[1].flags = ATTN_KERNEL_SINKS;
  open(1, nullptr);
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  projections[1].flags = 0;
  open(1, nullptr);
  EXPECT_EQ(run(), ATTN_OK) << attn_error_message();
  expectRight(1);
}
