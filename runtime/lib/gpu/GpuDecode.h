//===-- GpuDecode.h - attn_decode on a GPU ----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_GPU_GPUDECODE_H
#define ATTN_RUNTIME_LIB_GPU_GPUDECODE_H

#include "Check.h"
#include "GpuLibrary.h"

namespace attn::runtime::gpu {

/// How a call is split and its workspace divided. Depends on kernel, GPU and
/// capacities alone.
struct Layout {
  int64_t parts, splitTiles;                    ///< of attn_gpu_args
  uint64_t plan, partialOut, partialLse, total; ///< byte offsets
};
attn_status layOut(const attn_gpu_kernel_desc &kernel, int64_t sms,
                   const attn_decode_params &params, Layout &layout);

/// A kernel that fits, what was loaded of it, and how the call is laid out.
struct Selection {
  const attn_gpu_kernel_desc *desc;
  const attn_gpu_functions *functions;
  Layout layout;
};
/// Takes params that readFacts has checked.
attn_status select(const attn_library &lib, const attn_decode_params &params,
                   Selection &selection);
/// Takes `view` of the library's table, a kernel that fits.
attn_status select(const attn_library &lib, const attn_kernel_desc &view,
                   const attn_decode_params &params, Selection &selection);
/// Checks what the host can see of a call of at least one request.
attn_status check(const Selection &selection, const attn_decode_params &params);

/// Whether kernels for compute capability `arch` wait for the launch before
/// them by themselves, so that they may be started early.
bool waitsByItself(int32_t arch);
/// The launches that attn_gpu_abi.h describes. The plan waits for what came
/// before it, which may still be reading the workspace.
attn_status launchPlan(const attn_gpu_launcher &launcher,
                       const Selection &selection,
                       const attn_decode_params &params);
/// Decode and combine.
attn_status launchDecode(const attn_gpu_launcher &launcher,
                         const Selection &selection,
                         const attn_decode_params &params);

/// What the two pass their kernels.
attn_gpu_args makeArgs(const attn_decode_params &params, const Layout &layout);
/// The same launches with other arguments.
attn_status launchPlan(const attn_gpu_launcher &launcher,
                       const Selection &selection, const attn_gpu_args &args,
                       void *stream);
attn_status launchDecode(const attn_gpu_launcher &launcher,
                         const Selection &selection, const attn_gpu_args &args,
                         void *stream);

/// Rows that begin where the kernels' 16-byte accesses need them.
attn_status checkRows(const char *name, const void *pointer, int32_t dtype,
                      std::initializer_list<Dimension> dimensions);

/// Both take params that readFacts has checked, decode also a checked batch.
attn_status getWorkspaceSize(const attn_library &lib,
                             const attn_decode_params &params, uint64_t &bytes);
attn_status decode(const attn_library &lib, const attn_decode_params &params);

/// Params that are checked as for the CPU; `desc` is a kernel that fits.
attn_status merge(const attn_library &lib, const attn_kernel_desc &desc,
                  const attn_merge_params &params);
/// Params whose facts, tensors and strides are checked.
attn_status append(const attn_append_params &params);

} // namespace attn::runtime::gpu

#endif // ATTN_RUNTIME_LIB_GPU_GPUDECODE_H
