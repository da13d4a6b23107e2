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

#include "MlaProblem.h"

#include <string>

using namespace attn::test;

namespace {

constexpr int64_t kBatch = 3;

/// MlaProblem's call, with one kernel for all of it.
class MlaDecompress : public testing::Test, protected MlaProblem {
protected:
  static float expected(const float *nope, const float *rope, float uk,
                        float uv) {
    return nope[0] + 2 * nope[kNope - 1] + 4 * rope[0] + 8 * rope[kRope - 1] +
           16 * uk + 32 * uv;
  }

  static void attend(const attn_kernel_args *args, const attn_work_item *item,
                     void *) {
    auto *query = static_cast<const float *>(args->q);
    auto *uk = static_cast<const float *>(args->w_uk);
    auto *uv = static_cast<const float *>(args->w_uv);
    auto *out = static_cast<float *>(args->out);
    for (int64_t t = 0; t < kTokens; ++t)
      for (int64_t h = item->head_begin; h < item->head_end; ++h) {
        const float *q = query + item->batch * args->q_stride_batch +
                         t * args->q_stride_token + h * args->q_stride_head;
        for (int64_t d = 0; d < kV; ++d)
          out[item->batch * args->out_stride_batch +
              t * args->out_stride_token + h * args->out_stride_head + d] =
              expected(q, q + kNope, uk[h * kNope * kRank],
                       uv[h * kRank * kV + d]);
      }
  }

  MlaDecompress() {
    attention.flags =
        ATTN_KERNEL_V_IN_K | ATTN_KERNEL_DECOMPRESS | ATTN_KERNEL_UP_TRANSPOSED;
    attention.name = "inside";
    attention.nope = kNope;
    attention.v = kV;
    attention.kernel = attend;
    projections.clear();
  }
  ~MlaDecompress() override { attn_pool_destroy(pool); }

  /// Opens the kernel and fills in a call; the rotary parts lie behind the
  /// others, or by themselves.
  void open(bool joined, int32_t threads) {
    if (attn_cpu_isa() < ATTN_ISA_AVX2)
      GTEST_SKIP() << "no kernel runs below AVX2";
    attn_pool_destroy(pool);
    pool = nullptr;
    ASSERT_EQ(attn_pool_create(threads, &pool), ATTN_OK);
    ASSERT_NO_FATAL_FAILURE(MlaProblem::open(kBatch, pool));
    // No two elements alike.
    auto fill = [](std::vector<float> &data, float step) {
      for (size_t i = 0; i < data.size(); ++i)
        data[i] = step * float(i % 251);
    };
    rope.resize(size_t(kBatch * kTokens * kHeads * kRope));
    fill(query, 0.25f);
    fill(rope, 0.5f);
    fill(weightUK, -0.5f);
    fill(weightUV, 0.125f);
    if (joined)
      return;
    params.q_rope = rope.data();
    params.q_rope_stride_head = kRope;
    params.q_rope_stride_token = kHeads * kRope;
    params.q_rope_stride_batch = kTokens * kHeads * kRope;
  }

  attn_pool *pool = nullptr;
  std::vector<float> rope;
};

} // namespace

TEST_F(MlaDecompress, GivesTheKernelEverything) {
  for (bool joined : {true, false})
    for (int32_t threads : {1, 2, 4}) {
      SCOPED_TRACE((joined ? "joined, " : "apart, ") + std::to_string(threads));
      ASSERT_NO_FATAL_FAILURE(open(joined, threads));
      if (IsSkipped())
        return;
      ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
      for (int64_t row = 0; row < kBatch * kTokens * kHeads; ++row) {
        const float *nope = query.data() + row * (kNope + kRope);
        const float *turned = joined ? nope + kNope : rope.data() + row * kRope;
        int64_t h = row % kHeads;
        for (int64_t d = 0; d < kV; ++d)
          ASSERT_EQ(out[row * kV + d],
                    expected(nope, turned, weightUK[h * kNope * kRank],
                             weightUV[h * kRank * kV + d]));
      }
    }
}

// Of several latent rows a token the work is still counted in query heads, all
// of which are handed out once; the kernel finds the group's rows by the
// stride.
TEST_F(MlaDecompress, CountsQueryHeadsOfSeveralGroups) {
  attention.kv_heads = kHeads; // each head has a latent row of its own
  attention.kernel = [](const attn_kernel_args *args,
                        const attn_work_item *item, void *scratch) {
    EXPECT_EQ(args->k_stride_head, kRank + kRope);
    EXPECT_EQ(args->k_stride_token, kHeads * (kRank + kRope));
    attend(args, item, scratch);
  };
  for (int32_t threads : {1, 2, 7}) {
    ASSERT_NO_FATAL_FAILURE(open(true, threads));
    if (IsSkipped())
      return;
    EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED) << "kv_heads are another's";
    cache.assign(kBatch * kTokens * kHeads * (kRank + kRope), 0);
    decode.kv_heads = kHeads;
    decode.k = cache.data();
    decode.k_stride_token = kHeads * (kRank + kRope);
    decode.k_stride_block = kTokens * decode.k_stride_token;
    ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
    for (int64_t row = 0; row < kBatch * kTokens * kHeads; ++row) {
      const float *nope = query.data() + row * (kNope + kRope);
      int64_t h = row % kHeads;
      for (int64_t d = 0; d < kV; ++d)
        ASSERT_EQ(out[row * kV + d],
                  expected(nope, nope + kNope, weightUK[h * kNope * kRank],
                           weightUV[h * kRank * kV + d]));
    }
  }
}

TEST_F(MlaDecompress, RunsByItsName) {
  ASSERT_NO_FATAL_FAILURE(open(true, 1));
  if (IsSkipped())
    return;
  params.form = ATTN_MLA_FORM_FUSED;
  EXPECT_EQ(run(), ATTN_OK) << attn_error_message();
  params.form = ATTN_MLA_FORM_ABSORBED;
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(),
               "form absorbed asked; for this call the library has fused");
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
  attention.flags &= ~uint32_t(ATTN_KERNEL_UP_TRANSPOSED);
  ASSERT_NO_FATAL_FAILURE(open(true, 1));
  if (IsSkipped())
    return;
  uint64_t bytes;
  EXPECT_EQ(attn_mla_workspace_size(library, &params, &bytes),
            ATTN_ERROR_UNSUPPORTED);
}

TEST_F(MlaDecompress, ATableSaysTheWidths) {
  attention.v = 0;
  EXPECT_EQ(openLibrary(), ATTN_ERROR_LIBRARY_TABLE);
  attention.v = kV;
  attention.flags &= ~uint32_t(ATTN_KERNEL_V_IN_K);
  EXPECT_EQ(openLibrary(), ATTN_ERROR_LIBRARY_TABLE);
}

TEST_F(MlaDecompress, JsonTellsTheWidths) {
  ASSERT_EQ(openLibrary(), ATTN_OK);
  char text[1000];
  size_t length;
  ASSERT_EQ(attn_library_kernel_json(library, 0, text, sizeof text, &length),
            ATTN_OK);
  EXPECT_NE(std::string(text).find(
                R"("decompress": true, "rest": false, "nope": 3, "v": 6)"),
            std::string::npos)
      << text;
}
