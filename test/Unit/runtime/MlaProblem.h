//===-- MlaProblem.h - A call of attn_mla_decode ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels written here stand in for generated ones: projections that multiply,
// and attention over one token, whose output is that token's row times the sum
// of the query's rotary part. What the chain must give is then plain
// arithmetic.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_MLAPROBLEM_H
#define ATTN_TEST_UNIT_RUNTIME_MLAPROBLEM_H

#include "attn_runtime.h"
#include "gtest/gtest.h"

#include <cstring>
#include <vector>

namespace attn::test {

/// A table of three kernels, and a call that fits it.
struct MlaProblem {
  static constexpr int64_t kHeads = 5, kNope = 3, kRank = 4, kRope = 2, kV = 6;
  static constexpr int64_t kTokens = 2;

  /// With a rest, half of each number stands N columns on.
  template <int64_t K, int64_t N, bool HasRest = false>
  static void project(const attn_project_args *args,
                      const attn_project_item *item, void *) {
    auto *in = static_cast<const float *>(args->in);
    auto *weight = static_cast<const float *>(args->weight);
    auto *out = static_cast<float *>(args->out);
    for (int64_t t = item->token_begin; t < item->token_end; ++t)
      for (int64_t h = item->head_begin; h < item->head_end; ++h)
        for (int64_t j = 0; j < N; ++j) {
          float sum = 0;
          for (int64_t i = 0; i < K; ++i)
            sum +=
                in[item->batch * args->in_stride_batch +
                   t * args->in_stride_token + h * args->in_stride_head + i] *
                weight[(h * K + i) * N + j];
          float *to = out + item->batch * args->out_stride_batch +
                      t * args->out_stride_token + h * args->out_stride_head +
                      j;
          *to = HasRest ? sum / 2 : sum;
          if (HasRest)
            to[N] = sum / 2;
        }
  }

  template <bool HasRest = false>
  static void attend(const attn_kernel_args *args, const attn_work_item *item,
                     void *) {
    auto *query = static_cast<const float *>(args->q);
    auto *out = static_cast<float *>(args->out);
    for (int64_t t = 0; t < kTokens; ++t)
      for (int64_t h = 0; h < kHeads; ++h) {
        const float *q = query + item->batch * args->q_stride_batch +
                         t * args->q_stride_token + h * args->q_stride_head;
        const float *rope = q + (HasRest ? 2 * kRank : kRank);
        for (int64_t d = 0; d < kRank; ++d)
          out[item->batch * args->out_stride_batch +
              t * args->out_stride_token + h * args->out_stride_head + d] =
              (HasRest ? q[d] + q[kRank + d] : q[d]) * (rope[0] + 2 * rope[1]);
      }
  }

  static void combine(const attn_kernel_args *, const attn_combine_item *,
                      void *) {
    ADD_FAILURE() << "one tile is never split";
  }

  static attn_project_desc projection(int32_t k, int32_t n,
                                      attn_project_fn kernel) {
    attn_project_desc desc = {};
    desc.struct_size = sizeof desc;
    desc.name = "projection";
    desc.isa = ATTN_ISA_AVX2;
    desc.dtype = desc.in_dtype = ATTN_F32;
    desc.heads = kHeads;
    desc.k_dim = k;
    desc.n_dim = n;
    desc.scratch_bytes = 100;
    desc.kernel = kernel;
    return desc;
  }

  /// What kernels and calls have alike.
  template <typename T>
  static T makeFacts() {
    T facts = {};
    facts.struct_size = sizeof facts;
    facts.dtype = ATTN_F32;
    facts.q_heads = kHeads;
    facts.kv_heads = 1;
    facts.k_dim = kRank + kRope;
    facts.v_dim = kRank;
    facts.q_len = kTokens;
    facts.scale = 1;
    return facts;
  }

  MlaProblem() {
    attention.flags = ATTN_KERNEL_V_IN_K | ATTN_KERNEL_OUT_F32;
    attention.name = "latent";
    attention.isa = ATTN_ISA_AVX2;
    attention.kv_tile = 16;
    attention.page_multiple = 1;
    attention.kernel = attend<>;
    attention.combine = combine;
    projections = {projection(kNope, kRank, project<kNope, kRank>),
                   projection(kRank, kV, project<kRank, kV>)};
  }
  ~MlaProblem() { attn_library_close(library); }
  MlaProblem(const MlaProblem &) = delete;
  MlaProblem &operator=(const MlaProblem &) = delete;

  attn_status openLibrary() {
    attn_library_close(library);
    table = {ATTN_KERNEL_ABI_VERSION,      1, &attention, projections.data(),
             uint32_t(projections.size()), 0};
    return attn_library_from_table(&table, &library);
  }

  /// Opens the kernels and fills in a call of `batch` requests.
  void open(int64_t batch, attn_pool *pool) {
    ASSERT_EQ(openLibrary(), ATTN_OK);
    auto fill = [](std::vector<float> &data, size_t size, float step) {
      data.resize(size);
      for (size_t i = 0; i < size; ++i)
        data[i] = 1 + step * float(i % 13);
    };
    fill(query, batch * kTokens * kHeads * (kNope + kRope), 0.25f);
    fill(weightUK, kHeads * kNope * kRank, -0.5f);
    fill(weightUV, kHeads * kRank * kV, 0.125f);
    cache.assign(batch * kTokens * (kRank + kRope), 0);
    lens.assign(batch, kTokens);
    out.assign(batch * kTokens * kHeads * kV, -1);
    decode = makeFacts<attn_decode_params>();
    decode.flags = ATTN_FLAG_V_IN_K;
    decode.isa = ATTN_ISA_AUTO;
    decode.max_batch = decode.batch = decode.num_blocks = batch;
    decode.max_seq_len = decode.page_size = kTokens;
    decode.pool = pool;
    decode.k = cache.data();
    decode.k_stride_token = decode.k_stride_head = kRank + kRope;
    decode.k_stride_block = kTokens * (kRank + kRope);
    decode.seq_lens = lens.data();
    params = {};
    params.struct_size = sizeof params;
    params.decode = &decode;
    params.nope = kNope;
    params.v = kV;
    int64_t width = kNope + kRope;
    params.q_nope = query.data();
    params.q_rope = query.data() + kNope;
    params.q_nope_stride_head = params.q_rope_stride_head = width;
    params.q_nope_stride_token = params.q_rope_stride_token = kHeads * width;
    params.q_nope_stride_batch = params.q_rope_stride_batch =
        kTokens * kHeads * width;
    params.w_uk = weightUK.data();
    params.w_uv = weightUV.data();
    params.out = out.data();
    params.out_stride_head = kV;
    params.out_stride_token = kHeads * kV;
    params.out_stride_batch = kTokens * kHeads * kV;
  }

  /// Runs the call in a workspace of its own, behind which nothing is written.
  attn_status run() {
    uint64_t bytes = 0;
    attn_status status = attn_mla_workspace_size(library, &params, &bytes);
    if (status)
      return status;
    workspace.assign(bytes + 64 + 16, '\xff');
    auto address = reinterpret_cast<uintptr_t>(workspace.data());
    char *aligned = workspace.data() + (64 - address % 64) % 64;
    params.workspace = aligned;
    params.workspace_bytes = bytes;
    status = attn_mla_decode(library, &params);
    for (size_t i = 0; i < 16; ++i)
      EXPECT_EQ(aligned[bytes + i], '\xff');
    return status;
  }
  float expected(int64_t b, int64_t t, int64_t h, int64_t j) const {
    const float *q = &query[((b * kTokens + t) * kHeads + h) * (kNope + kRope)];
    float factor = q[kNope] + 2 * q[kNope + 1], sum = 0;
    for (int64_t r = 0; r < kRank; ++r) {
      float latent = 0;
      for (int64_t i = 0; i < kNope; ++i)
        latent += q[i] * weightUK[(h * kNope + i) * kRank + r];
      sum += latent * factor * weightUV[(h * kRank + r) * kV + j];
    }
    return sum;
  }
  void expectRight(int64_t batch) {
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < kTokens; ++t)
        for (int64_t h = 0; h < kHeads; ++h)
          for (int64_t j = 0; j < kV; ++j)
            ASSERT_FLOAT_EQ(
                out[b * params.out_stride_batch + t * params.out_stride_token +
                    h * params.out_stride_head + j],
                expected(b, t, h, j))
                << b << " " << t << " " << h << " " << j;
  }

  attn_kernel_desc attention = makeFacts<attn_kernel_desc>();
  std::vector<attn_project_desc> projections;
  attn_kernel_table table;
  attn_library *library = nullptr;
  std::vector<float> query, weightUK, weightUV, cache, out;
  std::vector<int32_t> lens;
  std::vector<char> workspace;
  attn_decode_params decode;
  attn_mla_params params;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_MLAPROBLEM_H
