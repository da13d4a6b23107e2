//===-- CudaTest.cpp - The CUDA launcher over a fake driver ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include "GpuProblem.h"
#include "cuda/Launcher.h"
#include "gtest/gtest.h"

#include <dlfcn.h>

using namespace attn::runtime;
using namespace attn::test;

namespace {

constexpr const char *kFake = ATTN_TEST_PACK_DIR "/attn_fake_cuda.so";
constexpr const char *kOldFake = ATTN_TEST_PACK_DIR "/attn_fake_cuda_old.so";

struct Cuda : testing::Test {
  void SetUp() override {
    ASSERT_EQ(cuda::openDriver(kFake, driver), ATTN_OK) << attn_error_message();
    void *handle = dlopen(kFake, RTLD_NOW | RTLD_NOLOAD);
    ASSERT_TRUE(handle);
    auto get = reinterpret_cast<FakeCudaFn>(dlsym(handle, "fake_cuda"));
    ASSERT_TRUE(get);
    fake = get();
    fake->reset();
  }

  void TearDown() override {
    lib.reset();
    fake->reset();
  }

  attn_status open(attn_gpu_kernel_desc desc) {
    kernel = desc;
    table = {ATTN_GPU_ABI_VERSION, 1, &kernel, &projection, hasProjection, 0};
    attn_gpu_launcher launcher;
    if (attn_status status = cuda::makeLauncher(driver, launcher))
      return status;
    attn_library *opened = nullptr;
    attn_status status =
        attn_library_from_gpu_table(&table, &launcher, &opened);
    lib.reset(opened);
    return status;
  }

  cuda::Driver driver;
  FakeCuda *fake = nullptr;
  attn_gpu_kernel_desc kernel;
  attn_gpu_project_desc projection =
      gpuProjection("absorb", 128, 512, ATTN_BF16);
  bool hasProjection = false;
  attn_gpu_kernel_table table;
  Library lib;
};

std::string message() { return attn_error_message(); }

} // namespace

TEST(CudaDriver, AMissingDriverIsSaidSo) {
  cuda::Driver driver;
  EXPECT_EQ(cuda::openDriver("attn-no-such-driver.so", driver),
            ATTN_ERROR_NO_DRIVER);
  EXPECT_NE(message().find("attn-no-such-driver.so"), std::string::npos);
}

TEST(CudaDriver, AnOldDriverIsSaidSo) {
  cuda::Driver driver;
  EXPECT_EQ(cuda::openDriver(kOldFake, driver), ATTN_ERROR_NO_DRIVER);
  EXPECT_NE(message().find("cuLaunchKernelEx"), std::string::npos);
  EXPECT_NE(message().find("11.8"), std::string::npos);
}

TEST_F(Cuda, AFailedInitIsSaidSo) {
  fake->failing = "cuInit";
  fake->failure = 100;
  cuda::Driver second;
  EXPECT_EQ(cuda::openDriver(kFake, second), ATTN_ERROR_CUDA);
  EXPECT_EQ(message(), "cuInit: CUDA_ERROR_FAKE (as the test asked)");
}

TEST_F(Cuda, LauncherHasTheDevicesFacts) {
  fake->capability = 89;
  fake->sms = 58;
  attn_gpu_launcher launcher;
  ASSERT_EQ(cuda::makeLauncher(driver, launcher), ATTN_OK);
  EXPECT_EQ(launcher.arch, 89);
  EXPECT_EQ(launcher.sms, 58);
}

TEST_F(Cuda, NoContextIsSaidSo) {
  fake->hasContext = false;
  attn_gpu_launcher launcher;
  EXPECT_EQ(cuda::makeLauncher(driver, launcher), ATTN_ERROR_CUDA);
  EXPECT_NE(message().find("no CUDA context"), std::string::npos);
}

TEST_F(Cuda, LoadingAsksForSharedMemoryOver48KiB) {
  ASSERT_EQ(open(gpuKernel()), ATTN_OK) << message();
  ASSERT_EQ(fake->sharedLimits.size(), 1u);
  EXPECT_EQ(fake->sharedLimits[0].first, "gqa");
  EXPECT_EQ(fake->sharedLimits[0].second, 100 * 1024);
  fake->reset();
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.shared_bytes = 48 * 1024;
  ASSERT_EQ(open(desc), ATTN_OK);
  EXPECT_TRUE(fake->sharedLimits.empty());
}

TEST_F(Cuda, ModulesAreUnloaded) {
  ASSERT_EQ(open(gpuKernel()), ATTN_OK);
  EXPECT_EQ(fake->loadedModules, 1);
  lib.reset();
  EXPECT_EQ(fake->loadedModules, 0);
}

TEST_F(Cuda, LaunchesInOrderWithTheirAttributes) {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.arch = 90;
  ASSERT_EQ(open(desc), ATTN_OK);
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK) << message();
  ASSERT_EQ(fake->launches.size(), 3u);
  const FakeLaunch &plan = fake->launches[0], &decode = fake->launches[1],
                   &combine = fake->launches[2];
  EXPECT_EQ(plan.function, "gqa_plan");
  EXPECT_EQ(decode.function, "gqa");
  EXPECT_EQ(combine.function, "gqa_combine");
  EXPECT_FALSE(plan.dependent);
  EXPECT_TRUE(decode.dependent);
  EXPECT_TRUE(combine.dependent);
  EXPECT_EQ(decode.grid[0], 33u); // 132 SMs * 2 / 8
  EXPECT_EQ(decode.grid[1], 8u);
  EXPECT_EQ(decode.grid[2], 1u);
  EXPECT_EQ(decode.block[0], 128u);
  EXPECT_EQ(decode.block[1], 1u);
  EXPECT_EQ(decode.shared, 100u * 1024);
  EXPECT_EQ(combine.grid[0], 4u);
  EXPECT_EQ(combine.grid[1], 4u);
  for (const FakeLaunch &launch : fake->launches) {
    EXPECT_EQ(launch.stream, p.stream);
    EXPECT_EQ(launch.args.batch, 3);
    EXPECT_EQ(launch.args.tensors.q, p.q);
  }
}

TEST_F(Cuda, OlderGpusGetNoAttribute) {
  fake->capability = 80;
  ASSERT_EQ(open(gpuKernel()), ATTN_OK);
  attn_decode_params p = gpuParams();
  ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  for (const FakeLaunch &launch : fake->launches)
    EXPECT_FALSE(launch.dependent);
}

// Anything else would break a capture or cost time on every step: allocation,
// synchronisation, copies, loading, queries.
TEST_F(Cuda, DecodeCallsNothingButLaunches) {
  ASSERT_EQ(open(gpuKernel()), ATTN_OK);
  attn_decode_params p = gpuParams();
  fake->calls.clear();
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(attn_decode(lib.get(), &p), ATTN_OK);
  EXPECT_EQ(fake->calls, std::vector<std::string>(6, "cuLaunchKernelEx"));
  uint64_t bytes;
  fake->calls.clear();
  ASSERT_EQ(attn_decode_workspace_size(lib.get(), &p, &bytes), ATTN_OK);
  ASSERT_EQ(attn_query_support(lib.get(), &p, nullptr, 0, nullptr), ATTN_OK);
  EXPECT_TRUE(fake->calls.empty());
}

TEST_F(Cuda, MergeAndAppendAreNamedAfterTheDecodeFunction) {
  ASSERT_EQ(open(gpuKernel()), ATTN_OK) << message();
  attn_append_params append = gpuAppendParams(lib.get());
  attn_merge_params merge = gpuMergeParams();
  fake->calls.clear();
  ASSERT_EQ(attn_append(&append), ATTN_OK) << message();
  ASSERT_EQ(attn_merge(lib.get(), &merge), ATTN_OK) << message();
  EXPECT_EQ(fake->calls, std::vector<std::string>(2, "cuLaunchKernelEx"));
  ASSERT_EQ(fake->launches.size(), 2u);
  EXPECT_EQ(fake->launches[0].function, "gqa_append");
  EXPECT_EQ(fake->launches[0].grid[0], 5u);
  EXPECT_EQ(fake->launches[0].block[0], unsigned(ATTN_GPU_APPEND_THREADS));
  EXPECT_EQ(fake->launches[0].args.append.k_src, append.k_src);
  EXPECT_EQ(fake->launches[1].function, "gqa_merge");
  EXPECT_EQ(fake->launches[1].grid[0], 3u);
  EXPECT_EQ(fake->launches[1].grid[1], 4u);
  EXPECT_EQ(fake->launches[1].block[0], 256u);
  EXPECT_EQ(fake->launches[1].args.parts, 7);
  for (const FakeLaunch &launch : fake->launches) {
    EXPECT_EQ(launch.stream, append.stream);
    EXPECT_EQ(launch.shared, 0u);
    EXPECT_FALSE(launch.dependent);
  }
}

TEST_F(Cuda, AnImageMayLackMergeAndAppend) {
  fake->missing = "gqa_merge";
  ASSERT_EQ(open(gpuKernel()), ATTN_OK) << message();
  attn_append_params append = gpuAppendParams(lib.get());
  attn_merge_params merge = gpuMergeParams();
  EXPECT_EQ(attn_merge(lib.get(), &merge), ATTN_ERROR_UNSUPPORTED);
  EXPECT_EQ(attn_append(&append), ATTN_OK) << message();
  fake->missing = "gqa_append";
  ASSERT_EQ(open(gpuKernel()), ATTN_OK) << message();
  append.lib = lib.get();
  EXPECT_EQ(attn_append(&append), ATTN_ERROR_UNSUPPORTED);
  EXPECT_EQ(attn_merge(lib.get(), &merge), ATTN_OK) << message();
  fake->missing = "gqa_combine";
  EXPECT_EQ(open(gpuKernel()), ATTN_ERROR_CUDA);
  EXPECT_EQ(fake->loadedModules, 0);
}

TEST_F(Cuda, ProjectionsAreModulesOfTheirOwn) {
  hasProjection = true;
  ASSERT_EQ(open(gpuKernel()), ATTN_OK) << message();
  EXPECT_EQ(fake->loadedModules, 2);
  ASSERT_EQ(fake->sharedLimits.size(), 2u);
  EXPECT_EQ(fake->sharedLimits[1].first, "absorb");
  EXPECT_EQ(fake->sharedLimits[1].second, 60 * 1024);
  attn_project_params p = gpuProjectParams(lib.get());
  fake->calls.clear();
  ASSERT_EQ(attn_project(&p), ATTN_OK) << message();
  EXPECT_EQ(fake->calls, std::vector<std::string>(1, "cuLaunchKernelEx"));
  ASSERT_EQ(fake->launches.size(), 1u);
  EXPECT_EQ(fake->launches[0].function, "absorb");
  EXPECT_EQ(fake->launches[0].args.project.tensors.weight, p.weight);
  lib.reset();
  EXPECT_EQ(fake->loadedModules, 0);

  fake->missing = "absorb";
  EXPECT_EQ(open(gpuKernel()), ATTN_ERROR_CUDA);
  EXPECT_EQ(fake->loadedModules, 0);
  fake->missing.clear();
  projection.image = nullptr;
  EXPECT_EQ(open(gpuKernel()), ATTN_ERROR_LIBRARY_TABLE);
}

TEST_F(Cuda, DriverErrorsKeepTheirWords) {
  struct {
    const char *symbol, *action;
  } const loading[] = {
      {"cuModuleLoadDataEx", "loading kernel gqa"},
      {"cuModuleGetFunction", "gqa_plan"},
      {"cuFuncSetAttribute", "dynamic shared memory"},
  };
  for (const auto &each : loading) {
    fake->reset();
    fake->failing = each.symbol;
    fake->failure = 2;
    EXPECT_EQ(open(gpuKernel()), ATTN_ERROR_CUDA) << each.symbol;
    EXPECT_NE(message().find("CUDA_ERROR_OUT_OF_MEMORY"), std::string::npos);
    EXPECT_NE(message().find(each.action), std::string::npos) << message();
    EXPECT_EQ(fake->loadedModules, 0) << each.symbol;
  }
  fake->reset();
  ASSERT_EQ(open(gpuKernel()), ATTN_OK);
  fake->failing = "cuLaunchKernelEx";
  fake->failure = 1;
  attn_decode_params p = gpuParams();
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_CUDA);
  EXPECT_EQ(message(), "cuLaunchKernelEx: CUDA_ERROR_FAKE (as the test asked)");
}

TEST_F(Cuda, WhyPtxDoesNotCompileIsSaid) {
  fake->failing = "cuModuleLoadDataEx";
  fake->failure = 218;
  fake->jitLog = "ptxas error: line 7";
  EXPECT_EQ(open(gpuKernel()), ATTN_ERROR_CUDA);
  EXPECT_NE(message().find("ptxas error: line 7"), std::string::npos);
}

TEST_F(Cuda, AnImageForOtherGpusIsNoError) {
  fake->failing = "cuModuleLoadDataEx";
  fake->failure = cuda::NoBinaryForGpu;
  ASSERT_EQ(open(gpuKernel()), ATTN_OK) << message();
  attn_decode_params p = gpuParams();
  EXPECT_EQ(attn_decode(lib.get(), &p), ATTN_ERROR_CPU_FEATURE);
  EXPECT_TRUE(fake->launches.empty());
}

TEST_F(Cuda, AKernelWithoutImageIsRefused) {
  attn_gpu_kernel_desc desc = gpuKernel();
  desc.image = nullptr;
  EXPECT_EQ(open(desc), ATTN_ERROR_LIBRARY_TABLE);
}

// In a process of its own: the driver is opened once.
TEST(CudaDriverDeathTest, TheEnvironmentNamesTheDriver) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto launcherStatus = [](const char *path) {
    setenv("ATTN_LIBCUDA", path, 1);
    attn_gpu_launcher launcher;
    attn_status status = attn_cuda_launcher(&launcher);
    exit(status == attn_cuda_launcher(&launcher) ? status : 99);
  };
  EXPECT_EXIT(launcherStatus(kFake), testing::ExitedWithCode(ATTN_OK), "");
  EXPECT_EXIT(launcherStatus("/nowhere/libcuda.so"),
              testing::ExitedWithCode(ATTN_ERROR_NO_DRIVER), "");
}
