//===-- GpuRecorder.h - A launcher that writes down -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_GPURECORDER_H
#define ATTN_TEST_UNIT_RUNTIME_GPURECORDER_H

#include "GpuProblem.h"
#include "gtest/gtest.h"

#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace attn::test {

/// A launcher that writes down what it is asked for.
struct Recorder {
  struct Launch {
    std::string function;
    attn_gpu_launch shape;
    void *stream;
    attn_gpu_args args;
  };
  std::vector<Launch> launches;
  std::vector<std::string> loaded;
  int unloaded = 0;
  attn_status loadStatus = ATTN_OK;
  int32_t foreignArch = 0; ///< kernels of it have no code for this GPU
  const void *foreignImage = nullptr; ///< neither has this one
  std::string failingLaunch;
  bool hasOthers = true; ///< images have functions that merge and append
  std::string without;   ///< but for the kernel of this name

  attn_gpu_launcher makeLauncher(int32_t arch, int64_t sms) {
    attn_gpu_launcher launcher = {};
    launcher.struct_size = sizeof launcher;
    launcher.arch = arch;
    launcher.sms = sms;
    launcher.context = this;
    launcher.load = [](void *context, const attn_gpu_kernel_desc *kernel,
                       attn_gpu_functions *functions) {
      auto *recorder = static_cast<Recorder *>(context);
      if (recorder->loadStatus)
        return recorder->loadStatus;
      if (kernel->arch == recorder->foreignArch ||
          kernel->image == recorder->foreignImage)
        return ATTN_ERROR_CPU_FEATURE;
      recorder->loaded.push_back(kernel->name);
      *functions = {context,
                    const_cast<char *>(kernel->plan),
                    const_cast<char *>(kernel->decode),
                    const_cast<char *>(kernel->combine),
                    nullptr,
                    nullptr,
                    nullptr};
      if (recorder->hasOthers && kernel->name != recorder->without) {
        functions->merge = recorder->name(kernel->decode, "_merge");
        functions->append = recorder->name(kernel->decode, "_append");
      }
      return ATTN_OK;
    };
    launcher.load_projection = [](void *context,
                                  const attn_gpu_project_desc *projection,
                                  attn_gpu_functions *functions) {
      auto *recorder = static_cast<Recorder *>(context);
      if (projection->arch == recorder->foreignArch)
        return ATTN_ERROR_CPU_FEATURE;
      recorder->loaded.push_back(projection->name);
      *functions = {};
      functions->project = const_cast<char *>(projection->name);
      return ATTN_OK;
    };
    launcher.launch = [](void *context, void *function,
                         const attn_gpu_launch *shape, void *stream,
                         const attn_gpu_args *args) {
      auto *recorder = static_cast<Recorder *>(context);
      std::string name = static_cast<const char *>(function);
      recorder->launches.push_back({name, *shape, stream, *args});
      return name == recorder->failingLaunch ? ATTN_ERROR_CUDA : ATTN_OK;
    };
    launcher.unload = [](void *context, const attn_gpu_functions *) {
      ++static_cast<Recorder *>(context)->unloaded;
    };
    return launcher;
  }

private:
  char *name(const char *decode, const char *suffix) {
    return names.emplace_back(std::string(decode) + suffix).data();
  }
  std::deque<std::string> names;
};

/// X, y and z of a launch.
inline std::vector<uint32_t> gridOf(const Recorder::Launch &launch) {
  return {launch.shape.grid, launch.shape.grid + 3};
}

/// What makes a good call bad, and the status it then has to end with.
template <typename Params>
struct BadCall {
  const char *what;
  std::function<void(Params &)> spoil;
  attn_status status;
};

struct Gpu : testing::Test {
  /// Opens `descs` on a GPU of this capability.
  attn_status open(std::vector<attn_gpu_kernel_desc> descs, int32_t arch = 80,
                   int64_t sms = 108) {
    kernels = std::move(descs);
    table = {ATTN_GPU_ABI_VERSION, uint32_t(kernels.size()),     kernels.data(),
             projections.data(),   uint32_t(projections.size()), 0};
    launcher = recorder.makeLauncher(arch, sms);
    attn_library *opened = nullptr;
    attn_status status =
        attn_library_from_gpu_table(&table, &launcher, &opened);
    lib.reset(opened);
    return status;
  }

  uint64_t workspace(const attn_decode_params &p) {
    uint64_t bytes = 0;
    EXPECT_EQ(attn_decode_workspace_size(lib.get(), &p, &bytes), ATTN_OK)
        << attn_error_message();
    return bytes;
  }

  /// Nothing is launched for any of the cases.
  template <typename Params, size_t N, typename Call>
  void expectRefused(const BadCall<Params> (&cases)[N], const Params &good,
                     Call call) {
    for (const BadCall<Params> &each : cases) {
      Params p = good;
      each.spoil(p);
      EXPECT_EQ(call(&p), each.status)
          << each.what << ": " << attn_error_message();
    }
    EXPECT_TRUE(recorder.launches.empty());
  }

  Recorder recorder;
  std::vector<attn_gpu_kernel_desc> kernels;
  std::vector<attn_gpu_project_desc> projections; ///< of what is opened
  attn_gpu_kernel_table table;
  attn_gpu_launcher launcher;
  Library lib;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_GPURECORDER_H
