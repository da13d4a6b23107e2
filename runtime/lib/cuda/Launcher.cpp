//===-- Launcher.cpp - Running kernels with the CUDA driver ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launcher.h"

#include "Error.h"

#include <cstdio>

using namespace attn::runtime;
using namespace attn::runtime::cuda;

static const Driver &driverOf(void *context) {
  return *static_cast<const Driver *>(context);
}

static attn_status loadModule(const Driver &driver, const char *name,
                              const void *image, Handle &module) {
  if (!image)
    return fail(ATTN_ERROR_LIBRARY_TABLE, "kernel %.80s has no image", name);
  // Why PTX does not compile is said here alone.
  char log[256] = "";
  int options[] = {JitErrorLog, JitErrorLogBytes};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the driver takes the number
  void *values[] = {log, reinterpret_cast<void *>(uintptr_t(sizeof log))};
  Result result = driver.moduleLoadDataEx(&module, image, 2, options, values);
  char action[400];
  if (result == NoBinaryForGpu)
    return fail(ATTN_ERROR_CPU_FEATURE,
                "the image of kernel %.80s has no code for this GPU", name);
  snprintf(action, sizeof action, "loading kernel %.80s%s%.240s", name,
           *log ? ", " : "", log);
  return check(driver, result, action);
}

/// More dynamic shared memory than every GPU allows has to be asked for.
static attn_status allowShared(const Driver &driver, Handle function,
                               int32_t bytes) {
  constexpr int32_t kAlwaysAllowed = 48 * 1024;
  if (bytes <= kAlwaysAllowed)
    return ATTN_OK;
  return check(driver,
               driver.funcSetAttribute(function, MaxDynamicShared, bytes),
               "asking for dynamic shared memory");
}

static attn_status findFunctions(const Driver &driver,
                                 const attn_gpu_kernel_desc &kernel,
                                 attn_gpu_functions &functions) {
  struct {
    const char *name;
    void *&function;
  } const wanted[] = {{kernel.plan, functions.plan},
                      {kernel.decode, functions.decode},
                      {kernel.combine, functions.combine}};
  for (const auto &each : wanted)
    ATTN_TRY(check(
        driver,
        driver.moduleGetFunction(&each.function, functions.module, each.name),
        each.name));
  return allowShared(driver, functions.decode, kernel.shared_bytes);
}

/// The functions that stand beside the decode function, where they do.
static attn_status findOthers(const Driver &driver,
                              const attn_gpu_kernel_desc &kernel,
                              attn_gpu_functions &functions) {
  struct {
    const char *suffix;
    void *&function;
  } const wanted[] = {{ATTN_GPU_MERGE_SUFFIX, functions.merge},
                      {ATTN_GPU_APPEND_SUFFIX, functions.append}};
  for (const auto &each : wanted) {
    char name[256];
    snprintf(name, sizeof name, "%.200s%s", kernel.decode, each.suffix);
    Result result =
        driver.moduleGetFunction(&each.function, functions.module, name);
    if (result == NotFound)
      each.function = nullptr;
    else
      ATTN_TRY(check(driver, result, name));
  }
  return ATTN_OK;
}

static attn_status load(void *context, const attn_gpu_kernel_desc *kernel,
                        attn_gpu_functions *functions) {
  const Driver &driver = driverOf(context);
  attn_gpu_functions loaded = {};
  ATTN_TRY(loadModule(driver, kernel->name, kernel->image, loaded.module));
  attn_status status = findFunctions(driver, *kernel, loaded);
  if (!status)
    status = findOthers(driver, *kernel, loaded);
  if (status) {
    driver.moduleUnload(loaded.module);
    return status;
  }
  *functions = loaded;
  return ATTN_OK;
}

static attn_status loadProjection(void *context,
                                  const attn_gpu_project_desc *projection,
                                  attn_gpu_functions *functions) {
  const Driver &driver = driverOf(context);
  attn_gpu_functions loaded = {};
  const char *name = projection->name;
  ATTN_TRY(loadModule(driver, name, projection->image, loaded.module));
  attn_status status = check(
      driver, driver.moduleGetFunction(&loaded.project, loaded.module, name),
      name);
  if (!status)
    status = allowShared(driver, loaded.project, projection->shared_bytes);
  if (status) {
    driver.moduleUnload(loaded.module);
    return status;
  }
  *functions = loaded;
  return ATTN_OK;
}

static attn_status launch(void *context, void *function,
                          const attn_gpu_launch *shape, void *stream,
                          const attn_gpu_args *args) {
  const Driver &driver = driverOf(context);
  LaunchAttribute attribute = {};
  attribute.id = ProgrammaticStreamSerialization;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  LaunchConfig config = {};
  config.gridX = shape->grid[0];
  config.gridY = shape->grid[1];
  config.gridZ = shape->grid[2];
  config.blockX = shape->threads;
  config.blockY = config.blockZ = 1;
  config.sharedBytes = shape->shared_bytes;
  config.stream = stream;
  config.attributes = &attribute;
  config.numAttributes = shape->dependent ? 1 : 0;
  void *parameters[] = {const_cast<attn_gpu_args *>(args)};
  return check(driver,
               driver.launchKernelEx(&config, function, parameters, nullptr),
               "cuLaunchKernelEx");
}

static void unload(void *context, const attn_gpu_functions *functions) {
  driverOf(context).moduleUnload(functions->module);
}

attn_status cuda::makeLauncher(const Driver &driver,
                               attn_gpu_launcher &launcher) {
  Handle current = nullptr;
  ATTN_TRY(check(driver, driver.ctxGetCurrent(&current), "cuCtxGetCurrent"));
  if (!current)
    return fail(ATTN_ERROR_CUDA, "no CUDA context is current on this thread");
  Device device;
  ATTN_TRY(check(driver, driver.ctxGetDevice(&device), "cuCtxGetDevice"));
  auto get = [&](DeviceAttribute attribute, int &value) {
    return check(driver, driver.deviceGetAttribute(&value, attribute, device),
                 "cuDeviceGetAttribute");
  };
  int major, minor, sms;
  ATTN_TRY(get(CapabilityMajor, major));
  ATTN_TRY(get(CapabilityMinor, minor));
  ATTN_TRY(get(MultiprocessorCount, sms));
  launcher = {};
  launcher.struct_size = sizeof launcher;
  launcher.arch = major * 10 + minor;
  launcher.sms = sms;
  launcher.context = const_cast<Driver *>(&driver);
  launcher.load = load;
  launcher.launch = launch;
  launcher.unload = unload;
  launcher.load_projection = loadProjection;
  return ATTN_OK;
}

attn_status attn_cuda_launcher(attn_gpu_launcher *launcher) {
  if (!launcher)
    return fail(ATTN_ERROR_NULL_POINTER, "launcher is null");
  const Driver *driver;
  ATTN_TRY(getDriver(driver));
  return makeLauncher(*driver, *launcher);
}
