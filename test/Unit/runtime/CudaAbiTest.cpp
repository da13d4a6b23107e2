//===-- CudaAbiTest.cpp - Our declarations beside cuda.h ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Built where cuda.h is installed. All is checked when it is compiled.
//
//===----------------------------------------------------------------------===//

#include "cuda/Driver.h"
#include "gtest/gtest.h"

#include <cstddef>
#include <cuda.h>
#include <type_traits>

using namespace attn::runtime;

static_assert(sizeof(cuda::DevicePtr) == sizeof(CUdeviceptr));
static_assert(sizeof(cuda::LaunchAttribute) == sizeof(CUlaunchAttribute));
static_assert(offsetof(cuda::LaunchAttribute, value) ==
              offsetof(CUlaunchAttribute, value));
static_assert(sizeof(cuda::LaunchConfig) == sizeof(CUlaunchConfig));
static_assert(offsetof(cuda::LaunchConfig, sharedBytes) ==
              offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(cuda::LaunchConfig, stream) ==
              offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(cuda::LaunchConfig, attributes) ==
              offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(cuda::LaunchConfig, numAttributes) ==
              offsetof(CUlaunchConfig, numAttrs));

static_assert(int(cuda::ClockRate) == CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
static_assert(int(cuda::MultiprocessorCount) ==
              CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(int(cuda::L2CacheSize) == CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
static_assert(int(cuda::CapabilityMajor) ==
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(int(cuda::CapabilityMinor) ==
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(int(cuda::MaxSharedOptin) ==
              CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
static_assert(int(cuda::MaxDynamicShared) ==
              CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(int(cuda::JitErrorLog) == CU_JIT_ERROR_LOG_BUFFER);
static_assert(int(cuda::JitErrorLogBytes) ==
              CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
static_assert(int(cuda::ProgrammaticStreamSerialization) ==
              CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
static_assert(CUDA_SUCCESS == 0);
static_assert(cuda::NoBinaryForGpu == CUDA_ERROR_NO_BINARY_FOR_GPU);
static_assert(cuda::NotFound == CUDA_ERROR_NOT_FOUND);

/// Same number of parameters, each of the same size: what the calling
/// convention sees.
template <typename Ours, typename Theirs>
struct IsCallable : std::false_type {};
template <typename R, typename... Ours, typename S, typename... Theirs>
struct IsCallable<R (*)(Ours...), S (*)(Theirs...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(Ours) == sizeof...(Theirs))
      return ((sizeof(Ours) == sizeof(Theirs)) && ...);
    return false;
  }();
};

// cuda.h maps names to the versions of its toolkit; the symbols here are the
// ones that the runtime asks for, whose types the versioned names keep.
#define CHECK_TYPE(member, symbol)                                             \
  static_assert(                                                               \
      IsCallable<decltype(cuda::Driver::member), decltype(&symbol)>::value)
CHECK_TYPE(init, cuInit);
CHECK_TYPE(getErrorName, cuGetErrorName);
CHECK_TYPE(getErrorString, cuGetErrorString);
CHECK_TYPE(deviceGetAttribute, cuDeviceGetAttribute);
CHECK_TYPE(ctxGetCurrent, cuCtxGetCurrent);
CHECK_TYPE(ctxGetDevice, cuCtxGetDevice);
CHECK_TYPE(moduleLoadDataEx, cuModuleLoadDataEx);
CHECK_TYPE(moduleUnload, cuModuleUnload);
CHECK_TYPE(moduleGetFunction, cuModuleGetFunction);
CHECK_TYPE(funcSetAttribute, cuFuncSetAttribute);
CHECK_TYPE(launchKernelEx, cuLaunchKernelEx);
CHECK_TYPE(deviceGet, cuDeviceGet);
CHECK_TYPE(deviceGetName, cuDeviceGetName);
CHECK_TYPE(primaryCtxRetain, cuDevicePrimaryCtxRetain);
CHECK_TYPE(primaryCtxRelease, cuDevicePrimaryCtxRelease);
CHECK_TYPE(ctxSetCurrent, cuCtxSetCurrent);
CHECK_TYPE(memAlloc, cuMemAlloc);
CHECK_TYPE(memFree, cuMemFree);
CHECK_TYPE(memcpyHtoD, cuMemcpyHtoD);
CHECK_TYPE(memcpyDtoH, cuMemcpyDtoH);
CHECK_TYPE(memcpyDtoDAsync, cuMemcpyDtoDAsync);
CHECK_TYPE(streamCreate, cuStreamCreate);
CHECK_TYPE(streamDestroy, cuStreamDestroy);
CHECK_TYPE(streamSynchronize, cuStreamSynchronize);
CHECK_TYPE(streamBeginCapture, cuStreamBeginCapture);
CHECK_TYPE(streamEndCapture, cuStreamEndCapture);
CHECK_TYPE(graphInstantiate, cuGraphInstantiateWithFlags);
CHECK_TYPE(graphLaunch, cuGraphLaunch);
CHECK_TYPE(graphDestroy, cuGraphDestroy);
CHECK_TYPE(graphExecDestroy, cuGraphExecDestroy);
CHECK_TYPE(eventCreate, cuEventCreate);
CHECK_TYPE(eventDestroy, cuEventDestroy);
CHECK_TYPE(eventRecord, cuEventRecord);
CHECK_TYPE(eventElapsedTime, cuEventElapsedTime);

TEST(CudaAbi, IsThatOfTheHeader) { SUCCEED() << CUDA_VERSION; }
