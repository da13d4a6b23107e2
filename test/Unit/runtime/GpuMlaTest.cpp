//===-- GpuMlaTest.cpp - MLA's projections on a GPU, up to the launches ---===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuRecorder.h"

#include <cstring>

using namespace attn::test;

namespace {

constexpr int32_t kRank = 512, kRope = 64, kNope = 128, kV = 192;

attn_gpu_kernel_desc latentKernel() {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.name = desc.decode = "mla";
  desc.plan = "mla_plan";
  desc.combine = "mla_combine";
  desc.flags = ATTN_KERNEL_CAUSAL | ATTN_KERNEL_V_IN_K | ATTN_KERNEL_OUT_F32;
  desc.kv_heads = 1;
  desc.k_dim = kRank + kRope;
  desc.v_dim = kRank;
  desc.q_len = 2;
  desc.row_blocks = 2;
  return desc;
}

attn_gpu_kernel_desc fusedKernel() {
  attn_gpu_kernel_desc desc = latentKernel();
  desc.name = desc.decode = "fused";
  desc.plan = "fused_plan";
  desc.combine = "fused_combine";
  desc.flags = ATTN_KERNEL_CAUSAL | ATTN_KERNEL_V_IN_K |
               ATTN_KERNEL_DECOMPRESS | ATTN_KERNEL_UP_TRANSPOSED;
  desc.nope = kNope;
  desc.v = kV;
  return desc;
}

/// Attention over the K and V of every head, as they are made in memory.
attn_gpu_kernel_desc fullKernel() {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.name = desc.decode = "full";
  desc.plan = "full_plan";
  desc.combine = "full_combine";
  desc.kv_heads = 32;
  desc.k_dim = kNope + kRope;
  desc.v_dim = kV;
  desc.q_len = 2;
  return desc;
}

/// What makes `columns` of latent rows, 128 of them at a time.
attn_gpu_project_desc rowProjection(const char *name, int32_t columns,
                                    uint32_t flags, int32_t tail) {
  attn_gpu_project_desc desc = gpuProjection(name, kRank, columns, ATTN_BF16);
  desc.flags = flags | ATTN_KERNEL_LATENT_ROWS;
  desc.ctas_per_sm = 2;
  desc.rows = 128;
  desc.tail_dim = tail;
  return desc;
}

struct GpuMla : Gpu {
  GpuMla() {
    projections = {gpuProjection("query", kNope, kRank, ATTN_BF16),
                   gpuProjection("output", kRank, kV, ATTN_F32)};
    attention = gpuParams();
    attention.flags = ATTN_FLAG_CAUSAL | ATTN_FLAG_V_IN_K;
    attention.kv_heads = 1;
    attention.k_dim = kRank + kRope;
    attention.v_dim = kRank;
    attention.q_len = 2;
    attention.v = nullptr;
    attention.k_stride_token = attention.k_stride_head = kRank + kRope;
    attention.k_stride_block = 16 * (kRank + kRope);
    attention.q = attention.out = attention.workspace = nullptr;
    p.struct_size = sizeof p;
    p.decode = &attention;
    p.nope = kNope;
    p.v = kV;
    p.q_nope = devicePointer<void>(11);
    p.q_rope = devicePointer<void>(12);
    p.q_nope_stride_head = p.q_rope_stride_head = kNope + kRope;
    p.q_nope_stride_token = p.q_rope_stride_token = 32 * (kNope + kRope);
    p.q_nope_stride_batch = p.q_rope_stride_batch = 2 * 32 * (kNope + kRope);
    p.w_uk = devicePointer<void>(13);
    p.w_uv = devicePointer<void>(14);
    p.out = devicePointer<void>(15);
    p.out_stride_head = kV;
    p.out_stride_token = 32 * kV;
    p.out_stride_batch = 2 * 32 * kV;
    p.workspace = devicePointer<void>(16);
    p.workspace_bytes = uint64_t(1) << 40;
  }

  /// A library of the form materialized alone, for a query in one piece.
  void openFull(int64_t sms = 108) {
    projections = {
        rowProjection("keys", kNope, ATTN_KERNEL_UP_TRANSPOSED, kRope),
        rowProjection("values", kV, 0, 0)};
    p.q_rope = static_cast<const char *>(p.q_nope) + kNope * 2;
    ASSERT_EQ(open({fullKernel()}, 80, sms), ATTN_OK) << attn_error_message();
  }

  attn_decode_params attention;
  attn_mla_params p = {};
};

} // namespace

TEST_F(GpuMla, FiveLaunches) {
  ASSERT_EQ(open({latentKernel()}), ATTN_OK) << attn_error_message();
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 5u);
  const char *const names[] = {"mla_plan", "query", "mla", "mla_combine",
                               "output"};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(recorder.launches[i].function, names[i]);
    EXPECT_EQ(recorder.launches[i].stream, attention.stream);
    EXPECT_FALSE(recorder.launches[i].shape.dependent);
  }
  const auto &query = recorder.launches[1], &output = recorder.launches[4];
  EXPECT_EQ(gridOf(query), (std::vector<uint32_t>{8, 32, 1}));
  EXPECT_EQ(gridOf(output), (std::vector<uint32_t>{3, 32, 1}));
  for (const auto *launch : {&query, &output}) {
    EXPECT_EQ(launch->shape.threads, 128u);
    EXPECT_EQ(launch->shape.shared_bytes, 60u * 1024);
    EXPECT_EQ(launch->args.project.batch, 3);
    EXPECT_EQ(launch->args.project.tokens, 2);
  }
}

// What one writes is what the next one reads.
TEST_F(GpuMla, TheWorkspaceLiesBetweenTheKernels) {
  ASSERT_EQ(open({latentKernel()}), ATTN_OK);
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  const attn_gpu_project &query = recorder.launches[1].args.project;
  const attn_kernel_args &decode = recorder.launches[2].args.tensors;
  const attn_gpu_project &output = recorder.launches[4].args.project;
  EXPECT_EQ(query.tensors.in, p.q_nope);
  EXPECT_EQ(query.tensors.in_stride_batch, p.q_nope_stride_batch);
  EXPECT_EQ(query.tensors.in_stride_token, p.q_nope_stride_token);
  EXPECT_EQ(query.tensors.in_stride_head, p.q_nope_stride_head);
  EXPECT_EQ(query.tensors.weight, p.w_uk);
  EXPECT_EQ(query.tail, p.q_rope);
  EXPECT_EQ(query.tail_dim, kRope);
  EXPECT_EQ(query.tail_stride_head, p.q_rope_stride_head);
  EXPECT_EQ(query.tail_stride_token, p.q_rope_stride_token);
  EXPECT_EQ(query.tail_stride_batch, p.q_rope_stride_batch);

  EXPECT_EQ(decode.q, query.tensors.out);
  EXPECT_EQ(decode.q_stride_batch, query.tensors.out_stride_batch);
  EXPECT_EQ(decode.q_stride_token, query.tensors.out_stride_token);
  EXPECT_EQ(decode.q_stride_head, query.tensors.out_stride_head);
  EXPECT_EQ(decode.q_stride_head, kRank + kRope);
  EXPECT_EQ(decode.q_stride_batch, 2 * 32 * (kRank + kRope));

  EXPECT_EQ(output.tensors.in, decode.out);
  EXPECT_EQ(output.tensors.in_stride_batch, decode.out_stride_batch);
  EXPECT_EQ(output.tensors.in_stride_token, decode.out_stride_token);
  EXPECT_EQ(output.tensors.in_stride_head, decode.out_stride_head);
  EXPECT_EQ(decode.out_stride_batch, 2 * 32 * kRank);
  EXPECT_EQ(output.tensors.weight, p.w_uv);
  EXPECT_EQ(output.tensors.out, p.out);
  EXPECT_EQ(output.tensors.out_stride_batch, p.out_stride_batch);
  EXPECT_EQ(output.tensors.out_stride_token, p.out_stride_token);
  EXPECT_EQ(output.tensors.out_stride_head, p.out_stride_head);
  EXPECT_EQ(output.tail, nullptr);

  auto offset = [&](const void *pointer) {
    return static_cast<const char *>(pointer) -
           static_cast<const char *>(p.workspace);
  };
  // Behind the attention's own: four requests of two tokens.
  attn_decode_params alone = attention;
  alone.flags |= ATTN_FLAG_OUT_F32;
  int64_t rows = 4 * 2 * 32;
  EXPECT_EQ(offset(decode.q), int64_t(workspace(alone)));
  EXPECT_EQ(offset(decode.out) - offset(decode.q), rows * (kRank + kRope) * 2);
  uint64_t bytes = 0;
  ASSERT_EQ(attn_mla_workspace_size(lib.get(), &p, &bytes), ATTN_OK);
  EXPECT_EQ(int64_t(bytes), offset(decode.out) + rows * kRank * 4);
}

// A query in two parts is taken where the library has it, and lies in the
// workspace as wide as it is.
TEST_F(GpuMla, TheProjectedQueryMayHaveARest) {
  attn_gpu_kernel_desc inParts = latentKernel();
  inParts.name = inParts.decode = "parts";
  inParts.flags |= ATTN_KERNEL_REST;
  projections.push_back(gpuProjection("both", kNope, kRank, ATTN_BF16));
  projections.back().flags = ATTN_KERNEL_REST;
  ASSERT_EQ(open({latentKernel(), inParts}), ATTN_OK) << attn_error_message();
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 5u);
  EXPECT_EQ(recorder.launches[1].function, "both");
  EXPECT_EQ(recorder.launches[2].function, "parts");
  EXPECT_EQ(recorder.launches[4].function, "output");
  const attn_gpu_project &query = recorder.launches[1].args.project;
  const attn_kernel_args &decode = recorder.launches[2].args.tensors;
  int64_t width = 2 * kRank + kRope;
  EXPECT_EQ(query.tail, p.q_rope);
  EXPECT_EQ(query.tensors.out_stride_head, width);
  EXPECT_EQ(query.tensors.out_stride_token, 32 * width);
  EXPECT_EQ(decode.q, query.tensors.out);
  EXPECT_EQ(decode.q_stride_head, width);
  EXPECT_EQ(decode.q_stride_token, 32 * width);
  EXPECT_EQ(decode.q_stride_batch, 2 * 32 * width);
  EXPECT_EQ(decode.k_stride_token, kRank + kRope);
  auto *q = static_cast<const char *>(decode.q);
  auto *out = static_cast<const char *>(decode.out);
  EXPECT_EQ(out - q, 4 * 2 * 32 * width * 2);
  uint64_t bytes = 0;
  ASSERT_EQ(attn_mla_workspace_size(lib.get(), &p, &bytes), ATTN_OK);
  auto *workspace = static_cast<const char *>(p.workspace);
  EXPECT_EQ(int64_t(bytes), out - workspace + 4 * 2 * 32 * kRank * 4);
}

// One part without the other is none.
TEST_F(GpuMla, ARestNeedsBothKernels) {
  attn_gpu_kernel_desc inParts = latentKernel();
  inParts.flags |= ATTN_KERNEL_REST;
  ASSERT_EQ(open({inParts}), ATTN_OK) << attn_error_message();
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(),
               "the library has no bf16 projection of 32 heads from 128 to 512 "
               "in two parts that this GPU runs");
  // Nor does a call of the attention alone read such a query.
  attn_decode_params alone = gpuParams();
  alone.flags = ATTN_FLAG_CAUSAL | ATTN_FLAG_V_IN_K | ATTN_FLAG_OUT_F32;
  alone.kv_heads = 1;
  alone.k_dim = kRank + kRope;
  alone.v_dim = kRank;
  alone.q_len = 2;
  EXPECT_EQ(attn_decode(lib.get(), &alone), ATTN_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(attn_error_message()).find("numbers in two parts"),
            std::string::npos)
      << attn_error_message();
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(GpuMla, KernelsThatWaitMayStartEarly) {
  attn_gpu_kernel_desc desc = latentKernel();
  desc.arch = projections[0].arch = projections[1].arch = 90;
  ASSERT_EQ(open({desc}, 90), ATTN_OK);
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_FALSE(recorder.launches[0].shape.dependent);
  for (size_t i = 1; i < 5; ++i)
    EXPECT_TRUE(recorder.launches[i].shape.dependent) << i;
}

TEST_F(GpuMla, WithoutRopeNothingIsCopied) {
  attn_gpu_kernel_desc desc = latentKernel();
  desc.k_dim = kRank;
  attention.k_dim = kRank;
  p.q_rope = nullptr;
  ASSERT_EQ(open({desc}), ATTN_OK);
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[1].args.project.tail, nullptr);
  EXPECT_EQ(recorder.launches[1].args.project.tail_dim, 0);
}

TEST_F(GpuMla, ShapesAndWorkspaceDependOnCapacitiesAlone) {
  ASSERT_EQ(open({latentKernel()}), ATTN_OK);
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK);
  attention.batch = 1;
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK);
  ASSERT_EQ(recorder.launches.size(), 10u);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_EQ(memcmp(&recorder.launches[i].shape,
                     &recorder.launches[i + 5].shape, sizeof(attn_gpu_launch)),
              0)
        << i;
  attention.batch = 0;
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK);
  EXPECT_EQ(recorder.launches.size(), 10u);
}

// The kernel counts the rotary parts by 16 bytes, eight of them a row.
TEST_F(GpuMla, RowsAreAsManyAsAnInt32CountsPartsOf) {
  ASSERT_EQ(open({latentKernel()}), ATTN_OK);
  attention.max_seq_len = 4; // of which more requests could be counted
  attention.max_batch = (INT32_MAX - 1024) / 8 / 2;
  uint64_t bytes;
  EXPECT_EQ(attn_mla_workspace_size(lib.get(), &p, &bytes), ATTN_OK)
      << attn_error_message();
  ++attention.max_batch;
  EXPECT_EQ(attn_mla_workspace_size(lib.get(), &p, &bytes), ATTN_ERROR_SHAPE);
  EXPECT_NE(std::string(attn_error_message()).find("268435327"),
            std::string::npos)
      << attn_error_message();
}

TEST_F(GpuMla, TakesNoTransposedProjection) {
  projections[0].flags = ATTN_KERNEL_UP_TRANSPOSED;
  ASSERT_EQ(open({latentKernel()}), ATTN_OK);
  EXPECT_EQ(attn_library_projection(lib.get(), 0)->flags,
            uint32_t(ATTN_KERNEL_UP_TRANSPOSED));
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  attn_project_params q = gpuProjectParams(lib.get());
  EXPECT_EQ(attn_project(&q), ATTN_ERROR_UNSUPPORTED);
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(GpuMla, RefusesFormsThatTheLibraryLacks) {
  ASSERT_EQ(open({latentKernel()}), ATTN_OK);
  p.form = ATTN_MLA_FORM_FUSED;
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(),
               "form fused asked; the library has no kernel for this GPU that "
               "decompresses such rows");
  p.form = ATTN_MLA_FORM_MATERIALIZED;
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(),
               "no kernel fits; mla misses 5 facts, first kv_heads: 32 asked, "
               "kernel has 1");
  p.form = ATTN_MLA_FORM_ABSORBED;
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
}

// K and V of every head to memory and attention over them, as a cache of one
// block a request; taken where the library has nothing else.
TEST_F(GpuMla, MaterializesInFiveLaunches) {
  openFull();
  attention.max_seq_len = 1000;
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  const auto &launches = recorder.launches;
  const char *const names[] = {"full_plan", "keys", "values", "full",
                               "full_combine"};
  ASSERT_EQ(launches.size(), 5u);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_EQ(launches[i].function, names[i]);

  // The cache is the caller's, the rest the workspace's.
  const attn_gpu_args &keys = launches[1].args, &values = launches[2].args;
  EXPECT_EQ(keys.tensors.k, attention.k);
  EXPECT_EQ(keys.block_table, attention.block_table);
  EXPECT_EQ(keys.seq_lens, attention.seq_lens);
  EXPECT_EQ(keys.project.tensors.weight, p.w_uk);
  EXPECT_EQ(values.project.tensors.weight, p.w_uv);
  EXPECT_EQ(keys.project.batch, attention.batch);
  EXPECT_EQ(keys.project.group, 32);
  EXPECT_EQ(keys.project.seen, 0);
  EXPECT_NE(keys.project.lengths, nullptr);
  EXPECT_EQ(values.project.lengths, nullptr);
  EXPECT_EQ(gridOf(launches[1]), (std::vector<uint32_t>{kNope / 64, 32, 3}));
  EXPECT_EQ(gridOf(launches[2]), (std::vector<uint32_t>{kV / 64, 32, 2}));

  const attn_gpu_args &decode = launches[3].args;
  EXPECT_EQ(decode.tensors.q, p.q_nope);
  EXPECT_EQ(decode.tensors.q_stride_head, p.q_nope_stride_head);
  EXPECT_EQ(decode.tensors.out, p.out);
  EXPECT_EQ(decode.tensors.out_stride_token, p.out_stride_token);
  EXPECT_EQ(decode.tensors.k, keys.project.tensors.out);
  EXPECT_EQ(decode.tensors.v, values.project.tensors.out);
  EXPECT_EQ(decode.tensors.k_stride_token, kNope + kRope);
  EXPECT_EQ(decode.tensors.k_stride_head, 1000 * (kNope + kRope));
  EXPECT_EQ(decode.tensors.k_stride_block, 32 * 1000 * (kNope + kRope));
  EXPECT_EQ(decode.tensors.v_stride_head, 1000 * kV);
  EXPECT_EQ(decode.block_table, nullptr);
  EXPECT_EQ(decode.seq_lens, attention.seq_lens);

  uint64_t bytes = 0;
  ASSERT_EQ(attn_mla_workspace_size(lib.get(), &p, &bytes), ATTN_OK);
  auto *workspace = static_cast<const char *>(p.workspace);
  auto *v = static_cast<const char *>(decode.tensors.v);
  int64_t tokens = int64_t(attention.max_batch) * 32 * 1000;
  EXPECT_EQ(int64_t(bytes), v - workspace + tokens * kV * 2);
  EXPECT_GE(v - static_cast<const char *>(decode.tensors.k),
            tokens * (kNope + kRope) * 2);
  recorder.launches.clear();
  p.workspace_bytes = bytes - 1;
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_WORKSPACE_SIZE);
  EXPECT_TRUE(recorder.launches.empty());
}

// Keys in two parts lie in the workspace as wide as they are; the query and the
// values are as ever.
TEST_F(GpuMla, MaterializedKeysMayHaveARest) {
  attn_gpu_kernel_desc inParts = fullKernel();
  inParts.name = inParts.decode = "parts";
  inParts.flags |= ATTN_KERNEL_REST;
  inParts.k_dim += kNope;
  inParts.nope = kNope;
  projections = {rowProjection("keys", kNope, ATTN_KERNEL_UP_TRANSPOSED, kRope),
                 rowProjection("both", kNope,
                               ATTN_KERNEL_UP_TRANSPOSED | ATTN_KERNEL_REST,
                               kRope),
                 rowProjection("values", kV, 0, 0)};
  p.q_rope = static_cast<const char *>(p.q_nope) + kNope * 2;
  ASSERT_EQ(open({fullKernel(), inParts}), ATTN_OK) << attn_error_message();
  attention.max_seq_len = 1000;
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 5u);
  EXPECT_EQ(recorder.launches[1].function, "both");
  EXPECT_EQ(recorder.launches[2].function, "values");
  EXPECT_EQ(recorder.launches[3].function, "parts");
  const attn_gpu_project &keys = recorder.launches[1].args.project;
  const attn_kernel_args &decode = recorder.launches[3].args.tensors;
  int64_t width = 2 * kNope + kRope;
  EXPECT_EQ(keys.tensors.out_stride_token, width);
  EXPECT_EQ(keys.tensors.out_stride_head, 1000 * width);
  EXPECT_EQ(decode.k, keys.tensors.out);
  EXPECT_EQ(decode.k_stride_token, width);
  EXPECT_EQ(decode.k_stride_head, 1000 * width);
  EXPECT_EQ(decode.k_stride_block, 32 * 1000 * width);
  EXPECT_EQ(decode.q, p.q_nope);
  EXPECT_EQ(decode.q_stride_head, p.q_nope_stride_head);
  EXPECT_EQ(decode.v_stride_token, kV);
  EXPECT_GE(static_cast<const char *>(decode.v) -
                static_cast<const char *>(decode.k),
            int64_t(attention.max_batch) * 32 * 1000 * width * 2);

  // A rest of other columns is another model's.
  inParts.nope = kNope / 2;
  recorder.launches.clear();
  ASSERT_EQ(open({fullKernel(), inParts}), ATTN_OK) << attn_error_message();
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[1].function, "keys");
  EXPECT_EQ(recorder.launches[3].function, "full");
}

// With lengths that pages alone give, the keys' projection counts the tokens
// for the attention, which has no table to count them by.
TEST_F(GpuMla, MaterializesByPages) {
  openFull();
  attention.block_table = nullptr;
  attention.block_table_stride = attention.max_blocks = 0;
  attention.seq_lens = nullptr;
  attention.indptr = devicePointer<int32_t>(20);
  attention.indices = devicePointer<void>(21);
  attention.last_page_len = devicePointer<int32_t>(22);
  attention.max_indices = 200;
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 5u);
  const attn_gpu_args &keys = recorder.launches[1].args;
  EXPECT_EQ(keys.block_indptr, attention.indptr);
  EXPECT_EQ(keys.last_page_len, attention.last_page_len);
  const attn_gpu_args &decode = recorder.launches[3].args;
  EXPECT_EQ(decode.seq_lens, keys.project.lengths);
  EXPECT_EQ(decode.block_indptr, nullptr);
  EXPECT_EQ(decode.last_page_len, nullptr);
}

// What a capture has fixed must do for any batch.
TEST_F(GpuMla, MaterializationDependsOnCapacitiesAlone) {
  openFull(/*sms=*/1000);
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK);
  attention.batch = 1;
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK);
  ASSERT_EQ(recorder.launches.size(), 10u);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_EQ(memcmp(&recorder.launches[i].shape,
                     &recorder.launches[i + 5].shape, sizeof(attn_gpu_launch)),
              0)
        << i;
}

TEST_F(GpuMla, MaterializationRefusesBadCalls) {
  openFull();
  const BadCall<attn_mla_params> cases[] = {
      {"a rotary part elsewhere",
       [](auto &p) { p.q_rope = devicePointer<void>(12); }, ATTN_ERROR_STRIDE},
      {"another nope", [](auto &p) { p.nope = 64; }, ATTN_ERROR_UNSUPPORTED},
      {"another v", [](auto &p) { p.v = 64; }, ATTN_ERROR_UNSUPPORTED},
      {"no weights", [](auto &p) { p.w_uk = nullptr; },
       ATTN_ERROR_NULL_POINTER},
  };
  expectRefused(cases, p, [&](const attn_mla_params *call) {
    return attn_mla_decode(lib.get(), call);
  });
  projections[0].tail_dim = 32;
  ASSERT_EQ(open({fullKernel()}), ATTN_OK);
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
}

// One kernel in the place of three: its grid is of query heads, its partial
// states are as wide as values, and its query's rotary part lies where it lies.
TEST_F(GpuMla, DecompressesInThreeLaunches) {
  ASSERT_EQ(open({fusedKernel()}), ATTN_OK) << attn_error_message();
  p.q_rope_stride_head = kRope;
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 3u);
  const auto &launches = recorder.launches;
  const char *const names[] = {"fused_plan", "fused", "fused_combine"};
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(launches[i].function, names[i]);
  const attn_gpu_kernel_desc desc = fusedKernel();
  EXPECT_EQ(gridOf(launches[1]),
            (std::vector<uint32_t>{uint32_t(launches[1].args.parts),
                                   uint32_t(desc.q_heads),
                                   uint32_t(desc.row_blocks)}));
  const attn_gpu_args &args = launches[1].args;
  const attn_kernel_args &tensors = args.tensors;
  EXPECT_EQ(tensors.q, p.q_nope);
  EXPECT_EQ(tensors.q_stride_head, p.q_nope_stride_head);
  EXPECT_EQ(tensors.q_stride_token, p.q_nope_stride_token);
  EXPECT_EQ(tensors.q_stride_batch, p.q_nope_stride_batch);
  EXPECT_EQ(args.project.tail, p.q_rope);
  EXPECT_EQ(args.project.tail_stride_head, kRope);
  EXPECT_EQ(args.project.tail_stride_token, p.q_rope_stride_token);
  EXPECT_EQ(args.project.tail_stride_batch, p.q_rope_stride_batch);
  EXPECT_EQ(tensors.w_uk, p.w_uk);
  EXPECT_EQ(tensors.w_uv, p.w_uv);
  EXPECT_EQ(tensors.out, p.out);
  EXPECT_EQ(tensors.out_stride_head, kV);
  EXPECT_EQ(tensors.out_stride_token, p.out_stride_token);
  EXPECT_EQ(tensors.out_stride_batch, p.out_stride_batch);

  uint64_t bytes = 0;
  ASSERT_EQ(attn_mla_workspace_size(lib.get(), &p, &bytes), ATTN_OK);
  int64_t rows = 2 * args.parts * desc.q_len * desc.q_heads;
  auto *workspace = static_cast<const char *>(p.workspace);
  auto *out = reinterpret_cast<const char *>(tensors.partial_out);
  auto *lse = reinterpret_cast<const char *>(tensors.partial_lse);
  EXPECT_GE(lse - out, rows * kV * 4);
  EXPECT_LT(lse - out, rows * kV * 4 + 256);
  EXPECT_EQ(int64_t(bytes), (lse - workspace) + rows * 4);
  p.workspace_bytes = bytes - 1;
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_WORKSPACE_SIZE);
}

TEST_F(GpuMla, DecompressionDependsOnCapacitiesAlone) {
  ASSERT_EQ(open({fusedKernel()}), ATTN_OK);
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK);
  attention.batch = 1;
  ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK);
  ASSERT_EQ(recorder.launches.size(), 6u);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(memcmp(&recorder.launches[i].shape,
                     &recorder.launches[i + 3].shape, sizeof(attn_gpu_launch)),
              0)
        << i;
}

// The absorbed form where the library has it, or the form that is asked for.
TEST_F(GpuMla, TakesTheFormThatIsAsked) {
  ASSERT_EQ(open({fusedKernel(), latentKernel()}), ATTN_OK);
  struct {
    int32_t form;
    size_t launches;
  } const cases[] = {{ATTN_MLA_FORM_AUTO, 5},
                     {ATTN_MLA_FORM_ABSORBED, 5},
                     {ATTN_MLA_FORM_FUSED, 3}};
  for (const auto &each : cases) {
    recorder.launches.clear();
    p.form = each.form;
    ASSERT_EQ(attn_mla_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
    EXPECT_EQ(recorder.launches.size(), each.launches) << each.form;
  }
}

// A kernel for other widths, or one that reads W_UK as [heads, rank, nope],
// which no call passes.
TEST_F(GpuMla, DecompressesByFittingKernelsAlone) {
  struct {
    const char *what;
    std::function<void(attn_gpu_kernel_desc &)> spoil;
  } const cases[] = {
      {"nope", [](auto &d) { d.nope = 64; }},
      {"v", [](auto &d) { d.v = 64; }},
      {"W_UK",
       [](auto &d) { d.flags &= ~uint32_t(ATTN_KERNEL_UP_TRANSPOSED); }},
      {"q_len", [](auto &d) { d.q_len = 3; }},
  };
  for (const auto &each : cases) {
    attn_gpu_kernel_desc desc = fusedKernel();
    each.spoil(desc);
    ASSERT_EQ(open({desc}), ATTN_OK) << each.what;
    EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED)
        << each.what;
  }
  // Nor does attn_decode take one that fits.
  ASSERT_EQ(open({fusedKernel()}), ATTN_OK);
  attention.q = p.q_nope;
  attention.out = p.out;
  EXPECT_EQ(attn_decode(lib.get(), &attention), ATTN_ERROR_UNSUPPORTED);
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(GpuMla, NamesTheMissingProjection) {
  projections.pop_back();
  ASSERT_EQ(open({latentKernel()}), ATTN_OK);
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(attn_error_message())
                .find("32 heads from 512 to 192 that this GPU runs"),
            std::string::npos)
      << attn_error_message();
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(Gpu, LatentAttentionInOneCallNeedsItsOutputInF32) {
  attn_gpu_kernel_desc latent = gpuKernel();
  latent.flags |= ATTN_KERNEL_V_IN_K;
  ASSERT_EQ(open({latent}), ATTN_OK);
  attn_decode_params decode = gpuParams();
  decode.flags |= ATTN_FLAG_V_IN_K;
  attn_mla_params p = {};
  p.struct_size = sizeof p;
  p.decode = &decode;
  p.nope = p.v = 128;
  EXPECT_EQ(attn_mla_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(
      attn_error_message(),
      "no kernel fits; gqa misses 1 fact, first out in f32: yes asked, "
      "kernel has no");
}

TEST_F(GpuMla, BadCallsLaunchNothing) {
  ASSERT_EQ(open({latentKernel()}), ATTN_OK);
  struct {
    const char *what;
    std::function<void(attn_mla_params &, attn_decode_params &)> spoil;
    attn_status status;
  } const cases[] = {
      {"no W_UK", [](auto &m, auto &) { m.w_uk = nullptr; },
       ATTN_ERROR_NULL_POINTER},
      {"no q_rope", [](auto &m, auto &) { m.q_rope = nullptr; },
       ATTN_ERROR_NULL_POINTER},
      {"q_nope off 16 bytes",
       [](auto &m, auto &) { m.q_nope = (const char *)m.q_nope + 8; },
       ATTN_ERROR_MISALIGNED},
      {"q_rope's stride off 16 bytes",
       [](auto &m, auto &) { m.q_rope_stride_token += 4; },
       ATTN_ERROR_MISALIGNED},
      {"W_UV off 16 bytes",
       [](auto &m, auto &) { m.w_uv = (const char *)m.w_uv + 2; },
       ATTN_ERROR_MISALIGNED},
      {"out's stride off 16 bytes",
       [](auto &m, auto &) { m.out_stride_batch += 4; }, ATTN_ERROR_MISALIGNED},
      {"rows of out overlap", [](auto &m, auto &) { m.out_stride_head = 8; },
       ATTN_ERROR_STRIDE},
      {"small workspace", [](auto &m, auto &) { m.workspace_bytes = 4096; },
       ATTN_ERROR_WORKSPACE_SIZE},
      {"no lengths", [](auto &, auto &d) { d.seq_lens = nullptr; },
       ATTN_ERROR_NULL_POINTER},
      {"batch over capacity", [](auto &, auto &d) { d.batch = 5; },
       ATTN_ERROR_BATCH_CAPACITY},
      {"more rows than int32 counts",
       [](auto &, auto &d) { d.max_batch = INT32_MAX / 2 + 1; },
       ATTN_ERROR_SHAPE},
  };
  for (const auto &each : cases) {
    attn_mla_params mla = p;
    attn_decode_params decode = attention;
    mla.decode = &decode;
    each.spoil(mla, decode);
    EXPECT_EQ(attn_mla_decode(lib.get(), &mla), each.status)
        << each.what << ": " << attn_error_message();
  }
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(GpuMla, ProjectIsOneLaunch) {
  for (attn_gpu_project_desc &projection : projections)
    projection.arch = 90;
  ASSERT_EQ(open({}, 90), ATTN_OK);
  attn_project_params q = gpuProjectParams(lib.get());
  ASSERT_EQ(attn_project(&q), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 1u);
  const auto &launch = recorder.launches[0];
  EXPECT_EQ(launch.function, "query");
  EXPECT_EQ(gridOf(launch), (std::vector<uint32_t>{8, 32, 1}));
  EXPECT_EQ(launch.stream, q.stream);
  EXPECT_FALSE(launch.shape.dependent);
  const attn_gpu_project &call = launch.args.project;
  EXPECT_EQ(call.batch * call.tokens, 7);
  EXPECT_EQ(call.tensors.in, q.in);
  EXPECT_EQ(call.tensors.in_stride_token, q.in_stride_row);
  EXPECT_EQ(call.tensors.in_stride_head, q.in_stride_head);
  EXPECT_EQ(call.tensors.weight, q.weight);
  EXPECT_EQ(call.tensors.out, q.out);
  EXPECT_EQ(call.tensors.out_stride_token, q.out_stride_row);
  EXPECT_EQ(call.tensors.out_stride_head, q.out_stride_head);
  EXPECT_EQ(call.tail, nullptr);
  q.rows = 0;
  EXPECT_EQ(attn_project(&q), ATTN_OK);
  EXPECT_EQ(recorder.launches.size(), 1u);
}

TEST_F(GpuMla, BadProjectsLaunchNothing) {
  ASSERT_EQ(open({}), ATTN_OK);
  const BadCall<attn_project_params> cases[] = {
      {"no library", [](auto &q) { q.lib = nullptr; }, ATTN_ERROR_NULL_POINTER},
      {"an old caller's struct", [](auto &q) { q.struct_size = 136; },
       ATTN_ERROR_NULL_POINTER},
      {"no such width", [](auto &q) { q.out_dim = 256; },
       ATTN_ERROR_UNSUPPORTED},
      // It takes f32.
      {"the output's projection",
       [](auto &q) {
         q.in_dim = kRank;
         q.out_dim = kV;
         q.in_stride_head = kRank;
         q.in_stride_row = 32 * kRank;
       },
       ATTN_ERROR_UNSUPPORTED},
      {"weights by column",
       [](auto &q) {
         q.weight_stride_in = 1;
         q.weight_stride_out = 128;
       },
       ATTN_ERROR_STRIDE},
      {"weights with gaps", [](auto &q) { q.weight_stride_head += 512; },
       ATTN_ERROR_STRIDE},
      {"weights off 16 bytes",
       [](auto &q) { q.weight = (const char *)q.weight + 2; },
       ATTN_ERROR_MISALIGNED},
      {"in off 16 bytes", [](auto &q) { q.in_stride_head += 4; },
       ATTN_ERROR_MISALIGNED},
      {"out off 16 bytes", [](auto &q) { q.out_stride_row += 4; },
       ATTN_ERROR_MISALIGNED},
      {"rows", [](auto &q) { q.rows = INT32_MAX; }, ATTN_ERROR_SHAPE},
  };
  expectRefused(cases, gpuProjectParams(lib.get()), attn_project);
}

// As kernels, projections of one name are of one GPU each.
TEST_F(GpuMla, OfOneNameTheBestProjectionIsLoaded) {
  projections = {gpuProjection("query", kNope, kRank, ATTN_BF16),
                 gpuProjection("query", kNope, kRank, ATTN_BF16),
                 gpuProjection("query", kNope, kRank, ATTN_BF16)};
  projections[1].arch = 90;
  projections[2].arch = 100;
  ASSERT_EQ(open({}, 90), ATTN_OK);
  EXPECT_EQ(recorder.loaded, std::vector<std::string>{"query"});
  EXPECT_EQ(attn_library_num_projections(lib.get()), 3u);
  EXPECT_EQ(attn_library_projection(lib.get(), 1)->isa, ATTN_ISA_GPU + 90);
  attn_project_params q = gpuProjectParams(lib.get());
  EXPECT_EQ(attn_project(&q), ATTN_OK) << attn_error_message();
  lib.reset();
  EXPECT_EQ(recorder.unloaded, 1);

  recorder.foreignArch = 90; // code for another GPU alone
  ASSERT_EQ(open({}, 90), ATTN_OK) << attn_error_message();
  q.lib = lib.get();
  EXPECT_EQ(attn_project(&q), ATTN_OK) << attn_error_message();
}

TEST_F(GpuMla, BadProjectionsAreRefused) {
  struct {
    const char *what;
    std::function<void(attn_gpu_project_desc &)> spoil;
  } const cases[] = {
      {"size", [](auto &d) { d.struct_size = 8; }},
      {"name", [](auto &d) { d.name = nullptr; }},
      {"input", [](auto &d) { d.in_dtype = ATTN_F16; }},
      {"heads", [](auto &d) { d.heads = 1 << 16; }},
      {"width", [](auto &d) { d.n_dim = 0; }},
      {"threads", [](auto &d) { d.threads = 2048; }},
      {"grid", [](auto &d) { d.column_blocks = 0; }},
      {"shared", [](auto &d) { d.shared_bytes = -1; }},
  };
  for (const auto &each : cases) {
    projections = {gpuProjection("query", kNope, kRank, ATTN_BF16)};
    each.spoil(projections[0]);
    EXPECT_EQ(open({}), ATTN_ERROR_LIBRARY_TABLE) << each.what;
  }
}
