//===-- GpuLibrary.h - A library of GPU kernels -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// So that GPU kernels are described and selected by the code that serves those
// for the CPU, a library shows each as an attn_kernel_desc without functions,
// at the level ATTN_ISA_GPU + arch.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_GPU_GPULIBRARY_H
#define ATTN_RUNTIME_LIB_GPU_GPULIBRARY_H

#include "../Library.h"
#include "attn_gpu.h"

namespace attn::runtime {

/// The highest level of a kernel that the library's device can run.
int32_t getHostLevel(const attn_library *lib);

namespace gpu {

/// What a library of GPU kernels has besides their facts. In one allocation
/// with the arrays it points to.
struct Kernels {
  attn_gpu_launcher launcher;
  const attn_gpu_kernel_desc *descs;        ///< the caller's
  const attn_gpu_project_desc *projections; ///< the caller's
  /// Of each kernel, then of each projection; zeros: not loaded.
  attn_gpu_functions *functions;
  attn_kernel_table table; ///< of what stands for them

  attn_gpu_functions &projectFunctions(size_t index) const {
    return functions[table.num_kernels + index];
  }
};

/// Added to the level of a kernel whose code this GPU cannot load, though its
/// capability is not below the kernel's: above every GPU's level.
constexpr int32_t kOtherGpu = 1 << 16;

inline bool isKernel(const attn_kernel_desc &desc) {
  return desc.isa >= ATTN_ISA_GPU;
}

/// Unloads what was loaded and frees. Null is allowed.
void unload(Kernels *kernels);

} // namespace gpu
} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_GPU_GPULIBRARY_H
