//===-- GpuMergeTest.cpp - attn_merge and attn_append on a GPU ------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuRecorder.h"

using namespace attn::test;

TEST_F(Gpu, MergeIsOneLaunch) {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.arch = 90;
  ASSERT_EQ(open({desc}, 90), ATTN_OK);
  attn_merge_params p = gpuMergeParams();
  p.lse = devicePointer<float>(4);
  p.lse_stride_batch = p.lse_stride_token = 32;
  p.lse_stride_head = 1;
  p.out_stride_head = 132; // no kernel stores 16 bytes at a time here
  p.out_stride_token = p.out_stride_batch = 32 * 132;
  uint64_t bytes = 99;
  ASSERT_EQ(attn_merge_workspace_size(lib.get(), &p, &bytes), ATTN_OK);
  EXPECT_EQ(bytes, 0u);
  ASSERT_EQ(attn_merge(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 1u);
  const auto &launch = recorder.launches[0];
  EXPECT_EQ(launch.function, "gqa_merge");
  EXPECT_EQ(gridOf(launch), (std::vector<uint32_t>{3, 4, 1}));
  EXPECT_EQ(launch.shape.threads, 256u);
  EXPECT_EQ(launch.shape.shared_bytes, 0u);
  EXPECT_FALSE(launch.shape.dependent); // it does not wait by itself
  EXPECT_EQ(launch.stream, p.stream);
  const attn_gpu_args &args = launch.args;
  EXPECT_EQ(args.batch, 3);
  EXPECT_EQ(args.parts, 7);
  EXPECT_EQ(args.tensors.partial_out, p.partial_out);
  EXPECT_EQ(args.tensors.partial_lse, p.partial_lse);
  EXPECT_EQ(args.tensors.sinks, nullptr);
  EXPECT_EQ(args.tensors.out, p.out);
  EXPECT_EQ(args.tensors.out_stride_batch, p.out_stride_batch);
  EXPECT_EQ(args.tensors.out_stride_token, p.out_stride_token);
  EXPECT_EQ(args.tensors.out_stride_head, 132);
  EXPECT_EQ(args.tensors.lse, p.lse);
  EXPECT_EQ(args.tensors.lse_stride_batch, 32);
  EXPECT_EQ(args.tensors.lse_stride_head, 1);
  EXPECT_EQ(args.plan, nullptr);
}

TEST_F(Gpu, MergeOfSinksTakesTheKernelWithThem) {
  attn_gpu_kernel_desc plain = gpuKernel(), sinks = gpuKernel();
  sinks.flags |= ATTN_KERNEL_SINKS;
  sinks.name = sinks.decode = "sinks";
  ASSERT_EQ(open({plain, sinks}), ATTN_OK);
  attn_merge_params p = gpuMergeParams();
  p.flags = ATTN_FLAG_SINKS;
  p.sinks = devicePointer<float>(5);
  ASSERT_EQ(attn_merge(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[0].function, "sinks_merge");
  EXPECT_EQ(recorder.launches[0].args.tensors.sinks, p.sinks);
}

// Zeros have to be written where there are no parts, and nothing where there
// are no requests.
TEST_F(Gpu, MergeOfNothing) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_merge_params p = gpuMergeParams();
  p.parts = 0;
  p.partial_out = p.partial_lse = nullptr;
  ASSERT_EQ(attn_merge(lib.get(), &p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 1u);
  EXPECT_EQ(recorder.launches[0].args.parts, 0);
  p = gpuMergeParams();
  p.batch = 0;
  EXPECT_EQ(attn_merge(lib.get(), &p), ATTN_OK);
  EXPECT_EQ(recorder.launches.size(), 1u);
}

TEST_F(Gpu, MergeCountsUpTo2To30States) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_merge_params p = gpuMergeParams();
  p.batch = 1 << 20;
  p.parts = 1 << 10;
  ASSERT_EQ(attn_merge(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[0].shape.grid[0], 1u << 20);
  ++p.parts;
  EXPECT_EQ(attn_merge(lib.get(), &p), ATTN_ERROR_SHAPE);
  EXPECT_EQ(recorder.launches.size(), 1u);
}

TEST_F(Gpu, BadMergesLaunchNothing) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  const BadCall<attn_merge_params> cases[] = {
      {"CPU",
       [](auto &p) {
         p.device = ATTN_DEVICE_CPU;
         p.stream = nullptr;
       },
       ATTN_ERROR_UNSUPPORTED},
      {"no such width", [](auto &p) { p.v_dim = 64; }, ATTN_ERROR_UNSUPPORTED},
      {"no states", [](auto &p) { p.partial_out = nullptr; },
       ATTN_ERROR_NULL_POINTER},
      {"no out", [](auto &p) { p.out = nullptr; }, ATTN_ERROR_NULL_POINTER},
      {"out off its element", [](auto &p) { p.out = (char *)p.out + 1; },
       ATTN_ERROR_MISALIGNED},
      {"rows overlap", [](auto &p) { p.out_stride_head = 127; },
       ATTN_ERROR_STRIDE},
      {"sinks without the flag",
       [](auto &p) { p.sinks = devicePointer<float>(5); }, ATTN_ERROR_SINKS},
      {"batch", [](auto &p) { p.batch = int64_t(1) << 31; }, ATTN_ERROR_SHAPE},
      {"parts", [](auto &p) { p.parts = int64_t(1) << 31; }, ATTN_ERROR_SHAPE},
  };
  expectRefused(cases, gpuMergeParams(), [&](const attn_merge_params *p) {
    return attn_merge(lib.get(), p);
  });
}

TEST_F(Gpu, AppendIsOneLaunch) {
  attn_gpu_kernel_desc narrow = gpuKernel(), desc = gpuKernel();
  narrow.name = narrow.decode = "narrow";
  narrow.k_dim = narrow.v_dim = 64;
  ASSERT_EQ(open({narrow, desc}, 90), ATTN_OK);
  attn_append_params p = gpuAppendParams(lib.get());
  ASSERT_EQ(attn_append(&p), ATTN_OK) << attn_error_message();
  ASSERT_EQ(recorder.launches.size(), 1u);
  const auto &launch = recorder.launches[0];
  EXPECT_EQ(launch.function, "gqa_append");
  EXPECT_EQ(gridOf(launch), (std::vector<uint32_t>{5, 1, 1}));
  EXPECT_EQ(launch.shape.threads, uint32_t(ATTN_GPU_APPEND_THREADS));
  EXPECT_EQ(launch.shape.shared_bytes, 0u);
  EXPECT_FALSE(launch.shape.dependent);
  EXPECT_EQ(launch.stream, p.stream);
  const attn_kernel_args &tensors = launch.args.tensors;
  EXPECT_EQ(tensors.k, p.k);
  EXPECT_EQ(tensors.k_stride_block, p.k_stride_block);
  EXPECT_EQ(tensors.k_stride_token, p.k_stride_token);
  EXPECT_EQ(tensors.k_stride_head, p.k_stride_head);
  EXPECT_EQ(tensors.v, p.v);
  EXPECT_EQ(tensors.v_stride_block, p.v_stride_block);
  EXPECT_EQ(tensors.v_stride_token, p.v_stride_token);
  EXPECT_EQ(tensors.v_stride_head, p.v_stride_head);
  EXPECT_EQ(tensors.page_size, 16);
  const attn_gpu_append &append = launch.args.append;
  EXPECT_EQ(append.k_src, p.k_src);
  EXPECT_EQ(append.k_src_stride_token, p.k_src_stride_token);
  EXPECT_EQ(append.k_src_stride_head, p.k_src_stride_head);
  EXPECT_EQ(append.v_src, p.v_src);
  EXPECT_EQ(append.v_src_stride_token, p.v_src_stride_token);
  EXPECT_EQ(append.v_src_stride_head, p.v_src_stride_head);
  EXPECT_EQ(append.slot_mapping, p.slot_mapping);
}

TEST_F(Gpu, AppendOfLatentRowsLooksAtKAlone) {
  attn_gpu_kernel_desc apart = gpuKernel(), latent = gpuKernel();
  latent.name = latent.decode = "latent";
  latent.flags |= ATTN_KERNEL_V_IN_K;
  latent.v_dim = 64;
  ASSERT_EQ(open({apart, latent}), ATTN_OK);
  attn_append_params p = gpuAppendParams(lib.get());
  p.flags = ATTN_FLAG_V_IN_K;
  p.v_dim = 0;
  p.v_src = nullptr;
  p.v = nullptr;
  ASSERT_EQ(attn_append(&p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[0].function, "latent_append");
  EXPECT_EQ(recorder.launches[0].args.tensors.v, nullptr);
}

TEST_F(Gpu, AppendTakesAsManyTokensAsAGridIsLong) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_append_params p = gpuAppendParams(lib.get());
  p.tokens = INT32_MAX;
  ASSERT_EQ(attn_append(&p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[0].shape.grid[0], uint32_t(INT32_MAX));
  ++p.tokens;
  EXPECT_EQ(attn_append(&p), ATTN_ERROR_SHAPE);
  p.tokens = 0;
  EXPECT_EQ(attn_append(&p), ATTN_OK);
  EXPECT_EQ(recorder.launches.size(), 1u);
}

// The stride of a dimension of one leads nowhere.
TEST_F(Gpu, AppendOfOneTokenOrHeadNeedsNoStrideThere) {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.kv_heads = 1;
  ASSERT_EQ(open({desc}), ATTN_OK);
  attn_append_params p = gpuAppendParams(lib.get());
  p.kv_heads = p.tokens = 1;
  p.k_src_stride_token = p.v_src_stride_head = p.k_stride_head = 1;
  EXPECT_EQ(attn_append(&p), ATTN_OK) << attn_error_message();
}

TEST_F(Gpu, BadAppendsLaunchNothing) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_kernel_table none = {ATTN_KERNEL_ABI_VERSION, 0, nullptr, nullptr, 0, 0};
  attn_library *opened;
  ASSERT_EQ(attn_library_from_table(&none, &opened), ATTN_OK);
  Library cpu(opened);
  const BadCall<attn_append_params> cases[] = {
      {"no library", [](auto &p) { p.lib = nullptr; }, ATTN_ERROR_NULL_POINTER},
      {"the CPU's library", [&](auto &p) { p.lib = cpu.get(); },
       ATTN_ERROR_UNSUPPORTED},
      {"dtype", [](auto &p) { p.dtype = ATTN_F16; }, ATTN_ERROR_UNSUPPORTED},
      {"heads", [](auto &p) { p.kv_heads = 4; }, ATTN_ERROR_UNSUPPORTED},
      {"k_dim", [](auto &p) { p.k_dim = 64; }, ATTN_ERROR_UNSUPPORTED},
      {"v_dim", [](auto &p) { p.v_dim = 64; }, ATTN_ERROR_UNSUPPORTED},
      {"V in K",
       [](auto &p) {
         p.flags = ATTN_FLAG_V_IN_K;
         p.v_src = p.v = nullptr;
       },
       ATTN_ERROR_UNSUPPORTED},
      {"no k", [](auto &p) { p.k = nullptr; }, ATTN_ERROR_NULL_POINTER},
      {"no v_src", [](auto &p) { p.v_src = nullptr; }, ATTN_ERROR_NULL_POINTER},
      {"no slots", [](auto &p) { p.slot_mapping = nullptr; },
       ATTN_ERROR_NULL_POINTER},
      {"slots off 8 bytes",
       [](auto &p) {
         p.slot_mapping = (const int64_t *)((const char *)p.slot_mapping + 4);
       },
       ATTN_ERROR_MISALIGNED},
      {"k_src off 16 bytes", [](auto &p) { p.k_src = (char *)p.k_src + 8; },
       ATTN_ERROR_MISALIGNED},
      {"v off 16 bytes", [](auto &p) { p.v = (char *)p.v + 8; },
       ATTN_ERROR_MISALIGNED},
      {"v_src's stride off 16 bytes",
       [](auto &p) { p.v_src_stride_token += 4; }, ATTN_ERROR_MISALIGNED},
      {"k_src's stride off 16 bytes", [](auto &p) { p.k_src_stride_head += 4; },
       ATTN_ERROR_MISALIGNED},
      {"k's stride off 16 bytes", [](auto &p) { p.k_stride_block += 4; },
       ATTN_ERROR_MISALIGNED},
      {"v's stride off 16 bytes", [](auto &p) { p.v_stride_block += 4; },
       ATTN_ERROR_MISALIGNED},
      {"rows overlap", [](auto &p) { p.k_stride_token = 8 * 128 - 8; },
       ATTN_ERROR_STRIDE},
      {"negative stride", [](auto &p) { p.k_src_stride_token = -1024; },
       ATTN_ERROR_STRIDE},
  };
  expectRefused(cases, gpuAppendParams(lib.get()), attn_append);
}

TEST_F(Gpu, ImagesWithoutMergeAndAppendStillDecode) {
  recorder.hasOthers = false;
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  attn_merge_params merge = gpuMergeParams();
  EXPECT_EQ(attn_merge(lib.get(), &merge), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(), "kernel gqa has no merge function");
  attn_append_params append = gpuAppendParams(lib.get());
  EXPECT_EQ(attn_append(&append), ATTN_ERROR_UNSUPPORTED);
  EXPECT_TRUE(recorder.launches.empty());
  attn_decode_params p = gpuParams();
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
}

// The kernel that would decode is not asked for more than it has.
TEST_F(Gpu, MergeTakesAnotherKernelThatFits) {
  attn_gpu_kernel_desc old = gpuKernel(), best = gpuKernel();
  old.decode = "old";
  best.name = best.decode = "best";
  best.arch = 89;
  recorder.without = "best";
  ASSERT_EQ(open({old, best}, 89), ATTN_OK);
  attn_merge_params p = gpuMergeParams();
  ASSERT_EQ(attn_merge(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[0].function, "old_merge");
  // One that does not fit is no help.
  p.kernel_name = "best";
  EXPECT_EQ(attn_merge(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_STREQ(attn_error_message(), "kernel best has no merge function");
}

TEST_F(Gpu, FailedLaunchesOfMergeAndAppendAreReported) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  recorder.failingLaunch = "gqa_merge";
  attn_merge_params merge = gpuMergeParams();
  EXPECT_EQ(attn_merge(lib.get(), &merge), ATTN_ERROR_CUDA);
  recorder.failingLaunch = "gqa_append";
  attn_append_params append = gpuAppendParams(lib.get());
  EXPECT_EQ(attn_append(&append), ATTN_ERROR_CUDA);
}
