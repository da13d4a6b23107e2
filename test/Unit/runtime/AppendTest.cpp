//===-- AppendTest.cpp - attn_append --------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AppendProblem.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <sys/mman.h>

using namespace attn::test;

namespace {

TEST(Append, WritesRowsAtTheirSlotsAndNothingElse) {
  for (int32_t dtype : {ATTN_BF16, ATTN_F16, ATTN_F32})
    for (int32_t layout : {ATTN_LAYOUT_ROW, ATTN_LAYOUT_OWN})
      for (bool vInK : {false, true}) {
        AppendProblem problem(dtype, layout, vInK);
        ASSERT_EQ(attn_append(&problem.p), ATTN_OK) << attn_error_message();
        EXPECT_EQ(problem.k, problem.expectedCache(false));
        if (!vInK) {
          EXPECT_EQ(problem.v, problem.expectedCache(true));
        }
      }
}

TEST(Append, LaterTokenOfASlotStays) {
  AppendProblem problem(ATTN_F32, ATTN_LAYOUT_ROW);
  problem.slots = {3, 3, 3, 3, 3};
  ASSERT_EQ(attn_append(&problem.p), ATTN_OK);
  EXPECT_EQ(
      readElement(problem.k.data(), ATTN_F32, 3 * problem.p.k_stride_token),
      readElement(problem.kSource.data(), ATTN_F32,
                  4 * problem.p.k_src_stride_token));
}

// Threads write what one writes, tokens that share a slot included.
TEST(Append, ThreadsWriteTheSameCache) {
  std::mt19937_64 random(3);
  constexpr int64_t kBlocks = 200, kSlots = kBlocks * 4;
  std::vector<int64_t> slots(2000);
  for (int64_t &slot : slots)
    slot = int64_t(random() % (kSlots + 1)) - 1;
  for (int32_t layout : {ATTN_LAYOUT_ROW, ATTN_LAYOUT_OWN}) {
    AppendProblem alone(ATTN_BF16, layout, false, slots, kBlocks);
    ASSERT_EQ(attn_append(&alone.p), ATTN_OK) << attn_error_message();
    EXPECT_FALSE(alone.isUntouched());
    for (int32_t threads : {2, 3, 16}) {
      AppendProblem shared(ATTN_BF16, layout, false, slots, kBlocks);
      ASSERT_EQ(attn_pool_create(threads, &shared.p.pool), ATTN_OK);
      ASSERT_EQ(attn_append(&shared.p), ATTN_OK) << attn_error_message();
      attn_pool_destroy(shared.p.pool);
      EXPECT_EQ(shared.k, alone.k);
      EXPECT_EQ(shared.v, alone.v);
    }
  }
}

TEST(Append, NoTokensIsFine) {
  AppendProblem problem(ATTN_F32, ATTN_LAYOUT_ROW);
  problem.p.tokens = 0;
  problem.p.k_src = problem.p.v_src = nullptr;
  EXPECT_EQ(attn_append(&problem.p), ATTN_OK);
  EXPECT_TRUE(problem.isUntouched());
}

TEST(Append, RefusesBadInputAndWritesNothing) {
  struct Case {
    const char *what;
    attn_status status;
    std::function<void(AppendProblem &, attn_append_params &)> spoil;
  };
#define SPOIL(statement)                                                       \
  [](AppendProblem &problem, attn_append_params &p) {                          \
    (void)problem, (void)p;                                                    \
    statement;                                                                 \
  }
  const Case cases[] = {
      {"size", ATTN_ERROR_STRUCT_SIZE, SPOIL(p.struct_size = 8)},
      {"flags", ATTN_ERROR_FLAGS, SPOIL(p.flags = ATTN_FLAG_CAUSAL)},
      {"dtype", ATTN_ERROR_ENUM, SPOIL(p.dtype = 5)},
      {"layout", ATTN_ERROR_ENUM, SPOIL(p.layout = 5)},
      {"reserved", ATTN_ERROR_VALUE, SPOIL(p.reserved = 5)},
      {"reserved_2", ATTN_ERROR_VALUE, SPOIL(p.reserved_2 = 5)},
      {"device", ATTN_ERROR_ENUM, SPOIL(p.device = -1)},
      {"device CUDA, no library", ATTN_ERROR_NULL_POINTER,
       SPOIL(p.device = ATTN_DEVICE_CUDA)},
      {"stream", ATTN_ERROR_DEVICE, SPOIL(p.stream = &p)},
      {"kv_heads", ATTN_ERROR_SHAPE, SPOIL(p.kv_heads = 0)},
      {"k_dim", ATTN_ERROR_SHAPE, SPOIL(p.k_dim = 0)},
      {"v_dim", ATTN_ERROR_SHAPE, SPOIL(p.v_dim = 0)},
      {"tokens", ATTN_ERROR_SHAPE, SPOIL(p.tokens = -1)},
      {"num_blocks", ATTN_ERROR_SHAPE, SPOIL(p.num_blocks = -1)},
      {"page_size", ATTN_ERROR_PAGE_SIZE, SPOIL(p.page_size = 0)},
      {"odd page", ATTN_ERROR_PAGE_SIZE, SPOIL(p.page_size = 3)},
      {"v_dim no multiple", ATTN_ERROR_SHAPE,
       SPOIL(p.v_dim = p.v_stride_token = 31)},
      {"k_src", ATTN_ERROR_NULL_POINTER, SPOIL(p.k_src = nullptr)},
      {"v_src", ATTN_ERROR_NULL_POINTER, SPOIL(p.v_src = nullptr)},
      {"k", ATTN_ERROR_NULL_POINTER, SPOIL(p.k = nullptr)},
      {"v", ATTN_ERROR_NULL_POINTER, SPOIL(p.v = nullptr)},
      {"slots", ATTN_ERROR_NULL_POINTER, SPOIL(p.slot_mapping = nullptr)},
      {"k misaligned", ATTN_ERROR_MISALIGNED, SPOIL(p.k = &problem.k[1])},
      {"v_src misaligned", ATTN_ERROR_MISALIGNED,
       SPOIL(p.v_src = &problem.vSource[1])},
      {"token stride", ATTN_ERROR_STRIDE, SPOIL(++p.k_stride_token)},
      {"head overlap", ATTN_ERROR_STRIDE,
       SPOIL(p.v_stride_head = p.page_size * p.v_dim - 1)},
      {"block overlap", ATTN_ERROR_STRIDE,
       SPOIL(--p.k_stride_block; p.k_stride_block -= 4)},
      {"source stride", ATTN_ERROR_STRIDE, SPOIL(p.k_src_stride_token = -1)},
      {"slot -2", ATTN_ERROR_SLOT, SPOIL(problem.slots[4] = -2)},
      {"slot high", ATTN_ERROR_SLOT, SPOIL(problem.slots[4] = 20)},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.what);
    AppendProblem problem(ATTN_BF16, ATTN_LAYOUT_OWN);
    c.spoil(problem, problem.p);
    attn_status status = attn_append(&problem.p);
    EXPECT_EQ(status, c.status) << attn_error_message();
    EXPECT_TRUE(problem.isUntouched());
  }
  EXPECT_EQ(attn_append(nullptr), ATTN_ERROR_NULL_POINTER);
  AppendProblem latent(ATTN_BF16, ATTN_LAYOUT_ROW, true);
  latent.p.v_src = latent.kSource.data();
  EXPECT_EQ(attn_append(&latent.p), ATTN_ERROR_V_POINTER);
  AppendProblem rows(ATTN_F32, ATTN_LAYOUT_ROW);
  rows.p.k_stride_token = rows.p.kv_heads * rows.p.k_dim - 1;
  EXPECT_EQ(attn_append(&rows.p), ATTN_ERROR_STRIDE);
  EXPECT_TRUE(rows.isUntouched());
}

TEST(Append, SlotsPast32Bits) {
  AppendProblem problem(ATTN_BF16, ATTN_LAYOUT_ROW, true);
  attn_append_params &p = problem.p;
  const int64_t farStride = int64_t(1) << 32;
  const size_t bytes = size_t(farStride) * 5 * 2;
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  p.k = memory;
  p.k_stride_block = farStride;
  ASSERT_EQ(attn_append(&p), ATTN_OK) << attn_error_message();
  // Slot 19 is row 3 of block 4; the token is the fourth.
  EXPECT_EQ(readElement(memory, p.dtype, 4 * farStride + 3 * p.k_stride_token),
            readElement(p.k_src, p.dtype, 3 * p.k_src_stride_token));
  munmap(memory, bytes);
}

} // namespace
