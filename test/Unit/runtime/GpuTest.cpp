//===-- GpuTest.cpp - Calls on a GPU, up to the launches ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn_runtime.hpp"

#include "GpuRecorder.h"

#include <cstring>
#include <functional>

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
  EXPECT_EQ(std::vector<uint32_t>(plan.shape.grid, plan.shape.grid + 3),
            (std::vector<uint32_t>{1, 1, 1}));
  EXPECT_EQ(plan.shape.threads, 32u);
  EXPECT_EQ(plan.shape.shared_bytes, 0u);

  EXPECT_EQ(decode.function, "gqa");
  // Two CTAs on each of 108 multiprocessors, dealt to eight KV heads.
  EXPECT_EQ(std::vector<uint32_t>(decode.shape.grid, decode.shape.grid + 3),
            (std::vector<uint32_t>{27, 8, 1}));
  EXPECT_EQ(decode.shape.threads, 128u);
  EXPECT_EQ(decode.shape.shared_bytes, 100u * 1024);

  EXPECT_EQ(combine.function, "gqa_combine");
  EXPECT_EQ(std::vector<uint32_t>(combine.shape.grid, combine.shape.grid + 3),
            (std::vector<uint32_t>{4, 4, 1}));
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

TEST_F(Gpu, TheHighestArchitectureThatRunsIsChosen) {
  attn_gpu_kernel_desc generic = gpuKernel(), hopper = gpuKernel(),
                       blackwell = gpuKernel();
  generic.name = "generic";
  hopper.name = hopper.decode = "hopper";
  hopper.arch = 90;
  blackwell.name = "blackwell";
  blackwell.arch = 100;
  ASSERT_EQ(open({generic, hopper, blackwell}, 90), ATTN_OK);
  EXPECT_EQ(recorder.loaded, (std::vector<std::string>{"generic", "hopper"}));
  attn_decode_params p = gpuParams();
  uint32_t index = 99;
  ASSERT_EQ(attn_select_kernel(lib.get(), &p, &index), ATTN_OK);
  EXPECT_EQ(index, 1u);
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  EXPECT_EQ(recorder.launches[1].function, "hopper");
  EXPECT_EQ(attn_library_num_kernels(lib.get()), 3u);
  EXPECT_STREQ(attn_library_kernel(lib.get(), 2)->name, "blackwell");
  lib.reset();
  EXPECT_EQ(recorder.unloaded, 2);
}

// A pack has its kernels once an architecture, under one name.
TEST_F(Gpu, OfOneNameTheBestIsLoaded) {
  attn_gpu_kernel_desc old = gpuKernel(), best = gpuKernel(),
                       newer = gpuKernel();
  best.arch = 89;
  best.decode = "best";
  newer.arch = 90;
  ASSERT_EQ(open({old, best, newer}, 89), ATTN_OK);
  EXPECT_EQ(recorder.loaded.size(), 1u);
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[1].function, "best");
  lib.reset();
  EXPECT_EQ(recorder.unloaded, 1);
}

TEST_F(Gpu, KernelsOfOneNameThatDifferInFactsAreToldSo) {
  attn_gpu_kernel_desc windowed = gpuKernel(), best = gpuKernel();
  windowed.window = 128;
  best.arch = 89;
  ASSERT_EQ(open({windowed, best}, 89), ATTN_OK);
  attn_decode_params p = gpuParams();
  p.window = 128;
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_UNSUPPORTED);
  EXPECT_TRUE(recorder.launches.empty());
}

// sm_90a and sm_90 in one pack: the first is better where both run, and the
// second runs where the first does not.
TEST_F(Gpu, OfOneArchitectureTheFirstThatRunsIsLoaded) {
  attn_gpu_kernel_desc hopper = gpuKernel(), generic = gpuKernel();
  hopper.arch = generic.arch = 90;
  hopper.image = "hopper";
  hopper.decode = "hopper";
  generic.decode = "generic";
  attn_decode_params p = gpuParams();
  ASSERT_EQ(open({hopper, generic}, 90), ATTN_OK);
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[1].function, "hopper");
  EXPECT_EQ(recorder.loaded.size(), 1u);

  recorder = Recorder();
  recorder.foreignImage = "hopper";
  ASSERT_EQ(open({hopper, generic}, 100), ATTN_OK);
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[1].function, "generic");
}

// sm_90a on a GPU of the next generation.
TEST_F(Gpu, CodeForOtherGpusIsPassedOver) {
  attn_gpu_kernel_desc generic = gpuKernel(), hopper = gpuKernel();
  generic.decode = "generic";
  hopper.arch = 90;
  recorder.foreignArch = 90;
  ASSERT_EQ(open({generic, hopper}, 100), ATTN_OK) << attn_error_message();
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(recorder.launches[1].function, "generic");

  ASSERT_EQ(open({hopper}, 100), ATTN_OK);
  attn_reason reason;
  size_t count = 0;
  EXPECT_EQ(attn_query_support(lib.get(), &p, &reason, 1, &count),
            ATTN_ERROR_CPU_FEATURE);
  EXPECT_STREQ(reason.text, "GPU: kernel is for compute capability 9.0 alone");
}

TEST_F(Gpu, ReasonsNameTheGpu) {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.arch = 90;
  ASSERT_EQ(open({desc}, 80), ATTN_OK);
  attn_decode_params p = gpuParams();
  attn_reason reason;
  size_t count = 0;
  EXPECT_EQ(attn_query_support(lib.get(), &p, &reason, 1, &count),
            ATTN_ERROR_CPU_FEATURE);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(reason.code, ATTN_REASON_CPU_FEATURE);
  EXPECT_STREQ(reason.text,
               "GPU: kernel is for compute capability 9.0 and above");

  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  p.device = ATTN_DEVICE_CPU;
  p.stream = nullptr;
  EXPECT_EQ(attn_query_support(lib.get(), &p, &reason, 1, &count),
            ATTN_ERROR_UNSUPPORTED);
  EXPECT_EQ(reason.code, ATTN_REASON_DEVICE);
  EXPECT_STREQ(reason.text, "device: CPU asked, kernel is for CUDA");
}

TEST_F(Gpu, JsonAndWrapperNameTheDevice) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  char text[1000];
  size_t length;
  ASSERT_EQ(attn_library_kernel_json(lib.get(), 0, text, sizeof text, &length),
            ATTN_OK);
  std::string json = text;
  EXPECT_NE(json.find(R"("device": "cuda", "isa": "sm_80")"), json.npos)
      << json;
  EXPECT_NE(json.find(R"("merge_only": false)"), json.npos) << json;
  attn::DecodeParams p =
      attn::DecodeParams::of(*attn_library_kernel(lib.get(), 0));
  p.max_batch = p.max_seq_len = p.page_size = 64;
  EXPECT_EQ(attn_query_support(lib.get(), &p, nullptr, 0, nullptr), ATTN_OK)
      << attn_error_message();
  auto opened = attn::Library::fromGpuTable(table, launcher);
  ASSERT_TRUE(bool(opened)) << opened.error().message;
  EXPECT_TRUE(bool(opened->select(p)));
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
  struct {
    const char *what;
    std::function<void(attn_decode_params &)> spoil;
    attn_status status;
  } const cases[] = {
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
  for (const auto &each : cases) {
    attn_decode_params p = gpuParams();
    each.spoil(p);
    EXPECT_EQ(attn_decode(lib.get(), &p), each.status)
        << each.what << ": " << attn_error_message();
  }
  EXPECT_TRUE(recorder.launches.empty());
}

TEST_F(Gpu, AFailedLaunchEndsTheCall) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  recorder.failingLaunch = "gqa";
  attn_decode_params p = gpuParams();
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_CUDA);
  EXPECT_EQ(recorder.launches.size(), 2u);
}

TEST_F(Gpu, AFailedLoadLeavesNoLibrary) {
  recorder.loadStatus = ATTN_ERROR_CUDA;
  EXPECT_EQ(open({gpuKernel()}), ATTN_ERROR_CUDA);
  EXPECT_EQ(lib, nullptr);
  EXPECT_EQ(recorder.unloaded, 0);
}

TEST_F(Gpu, BadTablesAreRefused) {
  struct {
    const char *what;
    std::function<void(attn_gpu_kernel_desc &)> spoil;
  } const cases[] = {
      {"size", [](auto &d) { d.struct_size = 8; }},
      {"no function", [](auto &d) { d.combine = nullptr; }},
      {"layout", [](auto &d) { d.layout = ATTN_LAYOUT_OWN; }},
      {"dtype", [](auto &d) { d.dtype = ATTN_F32; }},
      {"heads", [](auto &d) { d.q_heads = 33; }},
      {"threads", [](auto &d) { d.threads = 2048; }},
      {"grid", [](auto &d) { d.row_blocks = 0; }},
      {"residency", [](auto &d) { d.ctas_per_sm = 0; }},
      {"tile", [](auto &d) { d.kv_tile = 0; }},
      {"shared", [](auto &d) { d.shared_bytes = -1; }},
  };
  for (const auto &each : cases) {
    attn_gpu_kernel_desc desc = gpuKernel();
    each.spoil(desc);
    EXPECT_EQ(open({desc}), ATTN_ERROR_LIBRARY_TABLE) << each.what;
  }
  EXPECT_TRUE(recorder.loaded.empty());
  table.abi_version = 99;
  attn_library *opened;
  EXPECT_EQ(attn_library_from_gpu_table(&table, &launcher, &opened),
            ATTN_ERROR_LIBRARY_ABI);
}

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
  EXPECT_EQ(std::vector<uint32_t>(launch.shape.grid, launch.shape.grid + 3),
            (std::vector<uint32_t>{3, 4, 1}));
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
  struct {
    const char *what;
    std::function<void(attn_merge_params &)> spoil;
    attn_status status;
  } const cases[] = {
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
  for (const auto &each : cases) {
    attn_merge_params p = gpuMergeParams();
    each.spoil(p);
    EXPECT_EQ(attn_merge(lib.get(), &p), each.status)
        << each.what << ": " << attn_error_message();
  }
  EXPECT_TRUE(recorder.launches.empty());
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
  EXPECT_EQ(std::vector<uint32_t>(launch.shape.grid, launch.shape.grid + 3),
            (std::vector<uint32_t>{5, 1, 1}));
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
  struct {
    const char *what;
    std::function<void(attn_append_params &)> spoil;
    attn_status status;
  } const cases[] = {
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
  for (const auto &each : cases) {
    attn_append_params p = gpuAppendParams(lib.get());
    each.spoil(p);
    EXPECT_EQ(attn_append(&p), each.status)
        << each.what << ": " << attn_error_message();
  }
  EXPECT_TRUE(recorder.launches.empty());
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

TEST_F(Gpu, FailedLaunchesOfMergeAndAppendAreReported) {
  ASSERT_EQ(open({gpuKernel()}), ATTN_OK);
  recorder.failingLaunch = "gqa_merge";
  attn_merge_params merge = gpuMergeParams();
  EXPECT_EQ(attn_merge(lib.get(), &merge), ATTN_ERROR_CUDA);
  recorder.failingLaunch = "gqa_append";
  attn_append_params append = gpuAppendParams(lib.get());
  EXPECT_EQ(attn_append(&append), ATTN_ERROR_CUDA);
}
