//===-- GpuDecodeTest.cpp - attn_decode on a GPU, up to the launches ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuRecorder.h"

#include <cstring>

using namespace attn::test;

namespace {

int64_t alignUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }

} // namespace

TEST_F(Gpu, ThreeLaunches) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK) << attn_error_message();
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 3u);
  const auto &plan = recorder.launches[0], &decode = recorder.launches[1],
             &combine = recorder.launches[2];

  EXPECT_EQ(plan.function, "gqa_plan");
  EXPECT_EQ(gridOf(plan), (std::vector<uint32_t>{1, 1, 1}));
  EXPECT_EQ(plan.shape.threads, 32u);
  EXPECT_EQ(plan.shape.shared_bytes, 0u);

  EXPECT_EQ(decode.function, "gqa");
  // Two CTAs on each of 108 multiprocessors, dealt to eight KV heads.
  EXPECT_EQ(gridOf(decode), (std::vector<uint32_t>{27, 8, 1}));
  EXPECT_EQ(decode.shape.threads, 128u);
  EXPECT_EQ(decode.shape.shared_bytes, 100u * 1024);

  EXPECT_EQ(combine.function, "gqa_combine");
  EXPECT_EQ(gridOf(combine), (std::vector<uint32_t>{4, 4, 1}));
  EXPECT_EQ(combine.shape.threads, 256u);
  EXPECT_EQ(combine.shape.shared_bytes, 0u);

  for (const auto &launch : recorder.launches) {
    EXPECT_EQ(launch.stream, p.stream);
    EXPECT_FALSE(launch.shape.dependent);
    EXPECT_EQ(memcmp(&launch.args, &plan.args, sizeof plan.args), 0);
  }
}

TEST_F(Gpu, ArgumentsAreThoseOfTheCall) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuParams();
  p.lse = devicePointer<float>(9);
  p.lse_stride_batch = p.lse_stride_token = 32;
  p.lse_stride_head = 1;
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  const attn_gpu_args &args = recorder.launches[0].args;
  EXPECT_EQ(args.tensors.q, p.q);
  EXPECT_EQ(args.tensors.k, p.k);
  EXPECT_EQ(args.tensors.k_stride_block, p.k_stride_block);
  EXPECT_EQ(args.tensors.v, p.v);
  EXPECT_EQ(args.tensors.page_size, 16);
  EXPECT_EQ(args.tensors.out, p.out);
  EXPECT_EQ(args.tensors.lse, p.lse);
  EXPECT_EQ(args.seq_lens, p.seq_lens);
  EXPECT_EQ(args.block_table, p.block_table);
  EXPECT_EQ(args.block_table_stride, 63);
  EXPECT_EQ(args.index_words, 1);
  EXPECT_EQ(args.block_indptr, nullptr);
  EXPECT_EQ(args.batch, 3);
  EXPECT_EQ(args.max_batch, 4);
  EXPECT_EQ(args.parts, 27);
  EXPECT_EQ(args.split_tiles, 0);
}

TEST_F(Gpu, IndptrStandsInForTheTable) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuIndexParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[0].args.block_table, p.indices);
  EXPECT_EQ(recorder.launches[0].args.block_indptr, p.indptr);
  EXPECT_EQ(recorder.launches[0].args.index_words, 1);
}

// FlashInfer's lengths: pages and how full the last one is.
TEST_F(Gpu, LastPageLenStandsInForLengths) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuIndexParams();
  p.seq_lens = nullptr;
  p.last_page_len = devicePointer<int32_t>(12);
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  const attn_gpu_args &args = recorder.launches[0].args;
  EXPECT_EQ(args.seq_lens, nullptr);
  EXPECT_EQ(args.last_page_len, p.last_page_len);
  // Of full pages, which only those of one token are known to be, neither.
  p.last_page_len = nullptr;
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_NULL_POINTER);
  p.page_size = 1;
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
}

TEST_F(Gpu, WideIndicesAreReadWhereTheyLie) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuIndexParams();
  uint64_t bytes = workspace(p);
  p.index_type = ATTN_INDEX_INT64;
  EXPECT_EQ(workspace(p), bytes);
  EXPECT_EQ(attn_query_support(lib.get(), &p, nullptr, 0, nullptr), ATTN_OK);
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[0].args.block_table, p.indices);
  EXPECT_EQ(recorder.launches[0].args.index_words, 2);
  // The kernels read the low words, which is all there is to an id.
  p.num_blocks = int64_t(INT32_MAX) + 1;
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_SHAPE);
}

TEST_F(Gpu, WorkspaceHoldsPlanAndPartials) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  const attn_gpu_args &args = recorder.launches[0].args;
  auto offset = [&](const void *pointer) {
    return static_cast<const char *>(pointer) -
           static_cast<const char *>(p.workspace);
  };
  int64_t planBytes = 4 * (3 + 4 + 27), slots = 2 * 27;
  EXPECT_EQ(offset(args.plan), 0);
  EXPECT_EQ(offset(args.tensors.partial_out), alignUp(planBytes));
  EXPECT_EQ(offset(args.tensors.partial_lse),
            alignUp(planBytes) + slots * 32 * 128 * 4);
  EXPECT_EQ(workspace(p), uint64_t(alignUp(planBytes) + slots * 32 * 128 * 4 +
                                   slots * 32 * 4));
}

TEST_F(Gpu, BatchInvariantSplitsAreWholeTiles) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuParams();
  p.flags |= ATTN_FLAG_BATCH_INVARIANT;
  p.split_size = 200; // four tiles of 64
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  const attn_gpu_args &args = recorder.launches[0].args;
  EXPECT_EQ(args.split_tiles, 4);
  // 16 tiles, so four chunks of each of four requests.
  int64_t slots = 16;
  EXPECT_EQ(reinterpret_cast<char *>(args.tensors.partial_lse) -
                reinterpret_cast<char *>(args.tensors.partial_out),
            slots * 32 * 128 * 4);
}

// What may be captured in a graph depends on nothing that a step changes.
TEST_F(Gpu, ShapesAndWorkspaceDependOnCapacitiesAlone) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuParams();
  uint64_t bytes = workspace(p);
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  p.batch = 1;
  p.seq_lens = devicePointer<int32_t>(12);
  EXPECT_EQ(workspace(p), bytes);
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  ASSERT_EQ(recorder.launches.size(), 6u);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(memcmp(&recorder.launches[i].shape,
                     &recorder.launches[i + 3].shape, sizeof(attn_gpu_launch)),
              0);
}

TEST_F(Gpu, KernelsThatWaitMayStartEarly) {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.arch = 90;
  ASSERT_EQ(open({desc}, 100), ATTN_OK);
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  EXPECT_FALSE(recorder.launches[0].shape.dependent);
  EXPECT_TRUE(recorder.launches[1].shape.dependent);
  EXPECT_TRUE(recorder.launches[2].shape.dependent);
}

TEST_F(Gpu, EmptyBatchLaunchesNothing) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuParams();
  p.batch = 0;
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(Gpu, FewSMsStillGetAPart) {
  ASSERT_EQ(open({gpuKernel()}, 80, 1), ATTN_OK);
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  EXPECT_EQ(recorder.launches[1].shape.grid[0], 1u);
}

TEST_F(Gpu, FactsAreComparedAsOnTheCpu) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_decode_params p = gpuParams();
  p.window = 128;
  attn_reason reason;
  size_t count = 0;
  EXPECT_EQ(attn_query_support(lib.get(), &p, &reason, 1, &count),
            ATTN_ERROR_UNSUPPORTED);
  EXPECT_EQ(reason.code, ATTN_REASON_WINDOW);
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(Gpu, BadCallsLaunchNothing) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  const BadCall<attn_decode_params> cases[] = {
      {"no q", [](auto &p) { p.q = nullptr; }, ATTN_ERROR_NULL_POINTER},
      {"no workspace", [](auto &p) { p.workspace = nullptr; },
       ATTN_ERROR_NULL_POINTER},
      {"small workspace", [](auto &p) { p.workspace_bytes = 1000; },
       ATTN_ERROR_WORKSPACE_SIZE},
      {"k off 16 bytes", [](auto &p) { p.k = (const char *)p.k + 8; },
       ATTN_ERROR_MISALIGNED},
      {"v's stride off 16 bytes", [](auto &p) { p.v_stride_token += 4; },
       ATTN_ERROR_MISALIGNED},
      {"out's stride off 16 bytes", [](auto &p) { p.out_stride_batch += 4; },
       ATTN_ERROR_MISALIGNED},
      {"negative stride", [](auto &p) { p.q_stride_head = -128; },
       ATTN_ERROR_STRIDE},
      {"batch over capacity", [](auto &p) { p.batch = 5; },
       ATTN_ERROR_BATCH_CAPACITY},
      {"table too narrow", [](auto &p) { p.max_blocks = 62; },
       ATTN_ERROR_CACHE_CAPACITY},
      {"no lengths", [](auto &p) { p.seq_lens = nullptr; },
       ATTN_ERROR_NULL_POINTER},
      {"wide indices off 8 bytes",
       [](auto &p) {
         p = gpuIndexParams();
         p.indices = (const char *)p.indices + 4;
         p.index_type = ATTN_INDEX_INT64;
       },
       ATTN_ERROR_MISALIGNED},
      {"indices and a table",
       [](auto &p) { p.indptr = devicePointer<int32_t>(10); },
       ATTN_ERROR_ADDRESSING},
      {"more tiles than int32 counts",
       [](auto &p) {
         p.max_batch = INT32_MAX;
         p.max_seq_len = 129;
         p.batch = 1;
       },
       ATTN_ERROR_SHAPE},
      {"sinks without the flag",
       [](auto &p) { p.sinks = devicePointer<float>(12); }, ATTN_ERROR_SINKS},
  };
  expectRefused(cases, gpuParams(), [&](const attn_decode_params *p) {
    return attn_decode(lib.get(), p);
  });
}

TEST_F(Gpu, AFailedLaunchEndsTheCall) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  recorder.failingLaunch = "gqa";
  attn_decode_params p = gpuParams();
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_CUDA);
  EXPECT_EQ(recorder.launches.size(), 2u);
}
