//===-- FakeCuda.cpp - A driver that records its calls --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"

#include "cuda/Driver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

using namespace attn::runtime::cuda;
using attn::test::FakeCuda;
using attn::test::FakeLaunch;

#define EXPORT extern "C" __attribute__((visibility("default")))

static FakeCuda state;
static std::vector<std::unique_ptr<std::string>> functions;

EXPORT FakeCuda *fake_cuda() { return &state; }

static Result record(const char *symbol) {
  state.calls.push_back(symbol);
  return state.failing == symbol ? state.failure : 0;
}

#define RECORD()                                                               \
  if (Result result = record(__func__))                                        \
  return result

static Handle makeHandle() { return reinterpret_cast<Handle>(uintptr_t(64)); }

EXPORT Result cuInit(unsigned) { return record(__func__); }

EXPORT Result cuGetErrorName(Result result, const char **name) {
  *name = result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE";
  return 0;
}

EXPORT Result cuGetErrorString(Result, const char **text) {
  *text = "as the test asked";
  return 0;
}

EXPORT Result cuDeviceGet(Device *device, int) {
  RECORD();
  *device = 0;
  return 0;
}

EXPORT Result cuDeviceGetName(char *name, int size, Device) {
  RECORD();
  snprintf(name, size_t(size), "fake GPU");
  return 0;
}

EXPORT Result cuDeviceGetAttribute(int *value, int attribute, Device) {
  RECORD();
  switch (attribute) {
  case CapabilityMajor:
    *value = state.capability / 10;
    return 0;
  case CapabilityMinor:
    *value = state.capability % 10;
    return 0;
  case MultiprocessorCount:
    *value = state.sms;
    return 0;
  case L2CacheSize:
    *value = 1 << 20;
    return 0;
  case MaxSharedOptin:
    *value = 227 * 1024;
    return 0;
  case ClockRate:
    *value = 1980000;
    return 0;
  default:
    return 1;
  }
}

EXPORT Result cuCtxGetCurrent(Handle *context) {
  RECORD();
  *context = state.hasContext ? makeHandle() : nullptr;
  return 0;
}

EXPORT Result cuCtxSetCurrent(Handle) { return record(__func__); }

EXPORT Result cuCtxGetDevice(Device *device) {
  RECORD();
  *device = 0;
  return 0;
}

EXPORT Result cuDevicePrimaryCtxRetain(Handle *context, Device) {
  RECORD();
  *context = makeHandle();
  return 0;
}

EXPORT Result cuDevicePrimaryCtxRelease_v2(Device) { return record(__func__); }

EXPORT Result cuModuleLoadDataEx(Handle *module, const void *, unsigned count,
                                 int *options, void **values) {
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == JitErrorLog)
      strcpy(static_cast<char *>(values[i]), state.jitLog.c_str());
  RECORD();
  ++state.loadedModules;
  *module = makeHandle();
  return 0;
}

EXPORT Result cuModuleUnload(Handle) {
  --state.loadedModules;
  return record(__func__);
}

EXPORT Result cuModuleGetFunction(Handle *function, Handle, const char *name) {
  RECORD();
  if (state.missing == name)
    return NotFound;
  functions.push_back(std::make_unique<std::string>(name));
  *function = functions.back().get();
  return 0;
}

static std::string nameOf(Handle function) {
  return *static_cast<std::string *>(function);
}

EXPORT Result cuFuncSetAttribute(Handle function, int attribute, int value) {
  RECORD();
  if (attribute != MaxDynamicShared)
    return 1;
  state.sharedLimits.push_back({nameOf(function), value});
  return 0;
}

#ifndef FAKE_CUDA_OLD // drivers before 11.8 have no cuLaunchKernelEx
EXPORT Result cuLaunchKernelEx(const LaunchConfig *config, Handle function,
                               void **parameters, void **) {
  RECORD();
  FakeLaunch launch = {};
  launch.function = nameOf(function);
  memcpy(launch.grid, &config->gridX, sizeof launch.grid);
  memcpy(launch.block, &config->blockX, sizeof launch.block);
  launch.shared = config->sharedBytes;
  launch.stream = config->stream;
  for (unsigned i = 0; i < config->numAttributes; ++i)
    if (config->attributes[i].id == ProgrammaticStreamSerialization)
      launch.dependent =
          config->attributes[i].value.programmaticStreamSerializationAllowed;
  memcpy(&launch.args, parameters[0], sizeof launch.args);
  state.launches.push_back(launch);
  return 0;
}
#endif

// Of tools.

// Called by benchmarks/gpu alone, as cuMemsetD8Async below.
EXPORT Result cuLaunchKernel(Handle, unsigned, unsigned, unsigned, unsigned,
                             unsigned, unsigned, unsigned, Handle, void **,
                             void **) {
  return record(__func__);
}

EXPORT Result cuMemAlloc_v2(DevicePtr *pointer, size_t bytes) {
  RECORD();
  void *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
  *pointer = reinterpret_cast<DevicePtr>(memory);
  return memory ? 0 : 2;
}

EXPORT Result cuMemFree_v2(DevicePtr pointer) {
  RECORD();
  free(reinterpret_cast<void *>(pointer));
  return 0;
}

EXPORT Result cuMemcpyHtoD_v2(DevicePtr to, const void *from, size_t bytes) {
  RECORD();
  memcpy(reinterpret_cast<void *>(to), from, bytes);
  return 0;
}

EXPORT Result cuMemcpyDtoH_v2(void *to, DevicePtr from, size_t bytes) {
  RECORD();
  memcpy(to, reinterpret_cast<void *>(from), bytes);
  return 0;
}

EXPORT Result cuMemcpyDtoDAsync_v2(DevicePtr to, DevicePtr from, size_t bytes,
                                   Handle) {
  RECORD();
  memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
  return 0;
}

EXPORT Result cuMemsetD8Async(DevicePtr to, unsigned char value, size_t bytes,
                              Handle) {
  RECORD();
  memset(reinterpret_cast<void *>(to), value, bytes);
  return 0;
}

EXPORT Result cuStreamCreate(Handle *stream, unsigned) {
  RECORD();
  *stream = makeHandle();
  return 0;
}

EXPORT Result cuStreamBeginCapture_v2(Handle, int) { return record(__func__); }

EXPORT Result cuStreamEndCapture(Handle, Handle *graph) {
  RECORD();
  *graph = makeHandle();
  return 0;
}

EXPORT Result cuGraphInstantiateWithFlags(Handle *exec, Handle,
                                          unsigned long long) {
  RECORD();
  *exec = makeHandle();
  return 0;
}

EXPORT Result cuEventCreate(Handle *event, unsigned) {
  RECORD();
  *event = makeHandle();
  return 0;
}

EXPORT Result cuEventElapsedTime(float *milliseconds, Handle, Handle) {
  RECORD();
  *milliseconds = 1;
  return 0;
}

#define RECORD_ONLY(symbol, ...)                                               \
  EXPORT Result symbol(__VA_ARGS__) { return record(__func__); }
RECORD_ONLY(cuStreamDestroy_v2, Handle)
RECORD_ONLY(cuStreamSynchronize, Handle)
RECORD_ONLY(cuGraphLaunch, Handle, Handle)
RECORD_ONLY(cuGraphDestroy, Handle)
RECORD_ONLY(cuGraphExecDestroy, Handle)
RECORD_ONLY(cuEventDestroy_v2, Handle)
RECORD_ONLY(cuEventRecord, Handle, Handle)
