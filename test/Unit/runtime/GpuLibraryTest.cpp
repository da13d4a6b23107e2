//===-- GpuLibraryTest.cpp - What is loaded of GPU kernels, and chosen ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuRecorder.h"
#include "attn_runtime.hpp"

using namespace attn::test;

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
      {"nope, but no decompression", [](auto &d) { d.nope = 128; }},
      {"decompression to nothing",
       [](auto &d) {
         d.flags |= ATTN_KERNEL_DECOMPRESS | ATTN_KERNEL_V_IN_K;
         d.nope = 128;
       }},
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
