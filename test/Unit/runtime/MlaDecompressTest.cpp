//===-- MlaDecompressTest.cpp - attn_mla_decode by one kernel -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel written here stands in for a generated one: it sums what it is
// given, so that every pointer and stride shows in the result.
//
//===----------------------------------------------------------------------===//

#include "attn_runtime.h"
#include "gtest/gtest.h"

#include <string>
#include <vector>

namespace {

constexpr int64_t kHeads = 5, kNope = 3, kRank = 4, kRope = 2, kV = 6;
constexpr int64_t kTokens = 2, kBatch = 3;

float expected(const float *nope, const float *rope, float uk, float uv) {
  return nope[0] + 2 * nope[kNope - 1] + 4 * rope[0] + 8 * rope[kRope - 1] +
         16 * uk + 32 * uv;
}

void attend(const attn_kernel_args *args, const attn_work_item *item, void *) {
  auto *query = static_cast<const float *>(args->q);
  auto *uk = static_cast<const float *>(args->w_uk);
  auto *uv = static_cast<const float *>(args->w_uv);
  auto *out = static_cast<float *>(args->out);
  for (int64_t t = 0; t < kTokens; ++t)
    for (int64_t h = item->head_begin; h < item->head_end; ++h) {
      const float *q = query + item->batch * args->q_stride_batch +
                       t * args->q_stride_token + h * args->q_stride_head;
      for (int64_t d = 0; d < kV; ++d)
        out[item->batch * args->out_stride_batch + t * args->out_stride_token +
            h * args->out_stride_head + d] =
            expected(q, q + kNope, uk[h * kNope * kRank],
                     uv[h * kRank * kV + d]);
    }
}

void combine(const attn_kernel_args *, const attn_combine_item *, void *) {
  ADD_FAILURE() << "one tile is never split";
}

class MlaDecompress : public testing::Test {
protected:
  MlaDecompress() {
    kernel.struct_size = sizeof kernel;
    kernel.flags =
        ATTN_KERNEL_V_IN_K | ATTN_KERNEL_DECOMPRESS | ATTN_KERNEL_UP_TRANSPOSED;
    kernel.name = "inside";
    kernel.isa = ATTN_ISA_AVX2;
    kernel.dtype = ATTN_F32;
    kernel.q_heads = kHeads;
    kernel.kv_heads = 1;
    kernel.k_dim = kRank + kRope;
    kernel.v_dim = kRank;
    kernel.nope = kNope;
    kernel.v = kV;
    kernel.q_len = kTokens;
    kernel.kv_tile = 16;
    kernel.page_multiple = 1;
    kernel.scale = 1;
    kernel.kernel = attend;
    kernel.combine = combine;
  }
  ~MlaDecompress() override {
    attn_library_close(library);
    attn_pool_destroy(pool);
  }

  attn_status openLibrary() {
    table = {ATTN_KERNEL_ABI_VERSION, 1, &kernel, nullptr, 0, 0};
    return attn_library_from_table(&table, &library);
  }

  /// Opens the kernel and fills in a call; the rotary parts lie behind the
  /// others, or by themselves.
  void open(bool joined, int32_t threads) {
    if (attn_cpu_isa() < ATTN_ISA_AVX2)
      GTEST_SKIP() << "no kernel runs below AVX2";
    ASSERT_EQ(openLibrary(), ATTN_OK);
    ASSERT_EQ(attn_pool_create(threads, &pool), ATTN_OK);
    auto fill = [](std::vector<float> &data, size_t size, float step) {
      data.resize(size);
      for (size_t i = 0; i < size; ++i)
        data[i] = step * float(i % 251);
    };
    int64_t rows = kBatch * kTokens * kHeads;
    fill(query, rows * (kNope + kRope), 0.25f);
    fill(rope, rows * kRope, 0.5f);
    fill(weightUK, kHeads * kNope * kRank, -0.5f);
    fill(weightUV, kHeads * kRank * kV, 0.125f);
    cache.assign(kBatch * kTokens * (kRank + kRope), 0);
    lens.assign(kBatch, kTokens);
    out.assign(rows * kV, -1);
    decode.struct_size = sizeof decode;
    decode.flags = ATTN_FLAG_V_IN_K;
    decode.dtype = ATTN_F32;
    decode.isa = ATTN_ISA_AUTO;
    decode.q_heads = kHeads;
    decode.kv_heads = 1;
    decode.k_dim = kRank + kRope;
    decode.v_dim = kRank;
    decode.q_len = kTokens;
    decode.scale = 1;
    decode.max_batch = decode.batch = decode.num_blocks = kBatch;
    decode.max_seq_len = decode.page_size = kTokens;
    decode.pool = pool;
    decode.k = cache.data();
    decode.k_stride_token = decode.k_stride_head = kRank + kRope;
    decode.k_stride_block = kTokens * (kRank + kRope);
    decode.seq_lens = lens.data();
    params.struct_size = sizeof params;
    params.decode = &decode;
    params.nope = kNope;
    params.v = kV;
    int64_t width = kNope + kRope;
    params.q_nope = query.data();
    params.q_nope_stride_head = width;
    params.q_nope_stride_token = kHeads * width;
    params.q_nope_stride_batch = kTokens * kHeads * width;
    params.q_rope = joined ? query.data() + kNope : rope.data();
    int64_t ropeWidth = joined ? width : kRope;
    params.q_rope_stride_head = ropeWidth;
    params.q_rope_stride_token = kHeads * ropeWidth;
    params.q_rope_stride_batch = kTokens * kHeads * ropeWidth;
    params.w_uk = weightUK.data();
    params.w_uv = weightUV.data();
    params.out = out.data();
    params.out_stride_head = kV;
    params.out_stride_token = kHeads * kV;
    params.out_stride_batch = kTokens * kHeads * kV;
  }

  void run() {
    uint64_t bytes = 0;
    ASSERT_EQ(attn_mla_workspace_size(library, &params, &bytes), ATTN_OK)
        << attn_error_message();
    workspace.assign(bytes + 64 + 16, 0x5a);
    auto address = reinterpret_cast<uintptr_t>(workspace.data());
    params.workspace = workspace.data() + (64 - address % 64) % 64;
    params.workspace_bytes = bytes;
    ASSERT_EQ(attn_mla_decode(library, &params), ATTN_OK)
        << attn_error_message();
    for (size_t i = 0; i < 16; ++i)
      EXPECT_EQ(static_cast<char *>(params.workspace)[bytes + i], 0x5a);
  }

  attn_kernel_desc kernel = {};
  attn_kernel_table table;
  attn_library *library = nullptr;
  attn_pool *pool = nullptr;
  attn_decode_params decode = {};
  attn_mla_params params = {};
  std::vector<float> query, rope, weightUK, weightUV, cache, out;
  std::vector<int32_t> lens;
  std::vector<char> workspace;
};

} // namespace

TEST_F(MlaDecompress, GivesTheKernelEverything) {
  for (bool joined : {true, false})
    for (int32_t threads : {1, 2, 4}) {
      SCOPED_TRACE((joined ? "joined, " : "apart, ") + std::to_string(threads));
      ASSERT_NO_FATAL_FAILURE(open(joined, threads));
      if (IsSkipped())
        return;
      ASSERT_NO_FATAL_FAILURE(run());
      for (int64_t row = 0; row < kBatch * kTokens * kHeads; ++row) {
        const float *nope = query.data() + row * (kNope + kRope);
        const float *turned = joined ? nope + kNope : rope.data() + row * kRope;
        int64_t h = row % kHeads;
        for (int64_t d = 0; d < kV; ++d)
          ASSERT_EQ(out[row * kV + d],
                    expected(nope, turned, weightUK[h * kNope * kRank],
                             weightUV[h * kRank * kV + d]));
      }
      attn_library_close(library);
      attn_pool_destroy(pool);
      library = nullptr;
      pool = nullptr;
    }
}

TEST_F(MlaDecompress, ServesNoOtherCall) {
  ASSERT_NO_FATAL_FAILURE(open(true, 1));
  if (IsSkipped())
    return;
  EXPECT_EQ(attn_query_support(library, &decode, nullptr, 0, nullptr),
            ATTN_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(attn_error_message()).find("decompression"),
            std::string::npos);
  uint64_t bytes;
  params.nope = kNope + 1;
  EXPECT_EQ(attn_mla_workspace_size(library, &params, &bytes),
            ATTN_ERROR_UNSUPPORTED);
  params.nope = kNope;
  params.v = kV - 1;
  EXPECT_EQ(attn_mla_workspace_size(library, &params, &bytes),
            ATTN_ERROR_UNSUPPORTED);
}

/// attn_mla_decode has W_UK as [q_heads, nope, rank].
TEST_F(MlaDecompress, LeavesKernelsOfTheOtherLayoutAlone) {
  kernel.flags &= ~uint32_t(ATTN_KERNEL_UP_TRANSPOSED);
  ASSERT_NO_FATAL_FAILURE(open(true, 1));
  if (IsSkipped())
    return;
  uint64_t bytes;
  EXPECT_EQ(attn_mla_workspace_size(library, &params, &bytes),
            ATTN_ERROR_UNSUPPORTED);
}

TEST_F(MlaDecompress, ATableSaysTheWidths) {
  kernel.v = 0;
  EXPECT_EQ(openLibrary(), ATTN_ERROR_LIBRARY_TABLE);
  kernel.v = kV;
  kernel.flags &= ~uint32_t(ATTN_KERNEL_V_IN_K);
  EXPECT_EQ(openLibrary(), ATTN_ERROR_LIBRARY_TABLE);
}
