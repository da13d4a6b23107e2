//===-- Driver.h - The CUDA driver, loaded when first used ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declarations of the driver's ABI (cuda.h), as few as are used, so that the
// runtime is built without CUDA and loaded where there is none. CudaAbiTest
// compares them with cuda.h where that is installed.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_CUDA_DRIVER_H
#define ATTN_RUNTIME_LIB_CUDA_DRIVER_H

#include "attn_runtime.h"

namespace attn::runtime::cuda {

using Result = int; ///< CUresult; 0 is success
using Device = int;
using DevicePtr = unsigned long long;
using Handle = void *; ///< context, module, function, stream, event, graph

/// CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA_ERROR_NOT_FOUND.
constexpr Result NoBinaryForGpu = 209, NotFound = 500;

enum DeviceAttribute {
  ClockRate = 13, ///< kHz
  MultiprocessorCount = 16,
  L2CacheSize = 38, ///< bytes
  CapabilityMajor = 75,
  CapabilityMinor = 76,
  MaxSharedOptin = 97 ///< bytes per CTA
};

enum FunctionAttribute { MaxDynamicShared = 8 };

enum JitOption { JitErrorLog = 5, JitErrorLogBytes = 6 };

enum LaunchAttributeId { ProgrammaticStreamSerialization = 6 };

/// CUlaunchAttribute.
struct LaunchAttribute {
  int id;
  char padding[4];
  union {
    char bytes[64];
    int programmaticStreamSerializationAllowed;
  } value;
};

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedBytes;
  Handle stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};

/// The functions in use: member, exported symbol, parameters.
#define ATTN_CUDA_FUNCTIONS(X)                                                 \
  X(init, cuInit, (unsigned))                                                  \
  X(getErrorName, cuGetErrorName, (Result, const char **))                     \
  X(getErrorString, cuGetErrorString, (Result, const char **))                 \
  X(deviceGetAttribute, cuDeviceGetAttribute, (int *, int, Device))            \
  X(ctxGetCurrent, cuCtxGetCurrent, (Handle *))                                \
  X(ctxGetDevice, cuCtxGetDevice, (Device *))                                  \
  X(moduleLoadDataEx, cuModuleLoadDataEx,                                      \
    (Handle *, const void *, unsigned, int *, void **))                        \
  X(moduleUnload, cuModuleUnload, (Handle))                                    \
  X(moduleGetFunction, cuModuleGetFunction, (Handle *, Handle, const char *))  \
  X(funcSetAttribute, cuFuncSetAttribute, (Handle, int, int))                  \
  X(launchKernelEx, cuLaunchKernelEx,                                          \
    (const LaunchConfig *, Handle, void **, void **))                          \
  /* For tools; the runtime itself calls none of these. */                     \
  X(deviceGet, cuDeviceGet, (Device *, int))                                   \
  X(deviceGetName, cuDeviceGetName, (char *, int, Device))                     \
  X(primaryCtxRetain, cuDevicePrimaryCtxRetain, (Handle *, Device))            \
  X(primaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (Device))                 \
  X(ctxSetCurrent, cuCtxSetCurrent, (Handle))                                  \
  X(memAlloc, cuMemAlloc_v2, (DevicePtr *, size_t))                            \
  X(memFree, cuMemFree_v2, (DevicePtr))                                        \
  X(memcpyHtoD, cuMemcpyHtoD_v2, (DevicePtr, const void *, size_t))            \
  X(memcpyDtoH, cuMemcpyDtoH_v2, (void *, DevicePtr, size_t))                  \
  X(memcpyDtoDAsync, cuMemcpyDtoDAsync_v2,                                     \
    (DevicePtr, DevicePtr, size_t, Handle))                                    \
  X(streamCreate, cuStreamCreate, (Handle *, unsigned))                        \
  X(streamDestroy, cuStreamDestroy_v2, (Handle))                               \
  X(streamSynchronize, cuStreamSynchronize, (Handle))                          \
  X(streamBeginCapture, cuStreamBeginCapture_v2, (Handle, int))                \
  X(streamEndCapture, cuStreamEndCapture, (Handle, Handle *))                  \
  X(graphInstantiate, cuGraphInstantiateWithFlags,                             \
    (Handle *, Handle, unsigned long long))                                    \
  X(graphLaunch, cuGraphLaunch, (Handle, Handle))                              \
  X(graphDestroy, cuGraphDestroy, (Handle))                                    \
  X(graphExecDestroy, cuGraphExecDestroy, (Handle))                            \
  X(eventCreate, cuEventCreate, (Handle *, unsigned))                          \
  X(eventDestroy, cuEventDestroy_v2, (Handle))                                 \
  X(eventRecord, cuEventRecord, (Handle, Handle))                              \
  X(eventElapsedTime, cuEventElapsedTime, (float *, Handle, Handle))

struct Driver {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a declarator
#define ATTN_CUDA_MEMBER(member, symbol, parameters) Result(*member) parameters;
  ATTN_CUDA_FUNCTIONS(ATTN_CUDA_MEMBER)
#undef ATTN_CUDA_MEMBER
};

/// Loads and initialises the driver at `path`, as for dlopen. It stays loaded.
/// Fails with NO_DRIVER or CUDA.
attn_status openDriver(const char *path, Driver &driver);

/// The process' driver: $ATTN_LIBCUDA, else libcuda.so.1. The first call opens
/// it; a failure is reported by every call.
attn_status getDriver(const Driver *&driver);

/// OK, or CUDA with the driver's own words; `action` says what failed.
attn_status check(const Driver &driver, Result result, const char *action);

} // namespace attn::runtime::cuda

#endif // ATTN_RUNTIME_LIB_CUDA_DRIVER_H
