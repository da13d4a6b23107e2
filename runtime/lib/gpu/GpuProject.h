//===-- GpuProject.h - Projections on a GPU ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_GPU_GPUPROJECT_H
#define ATTN_RUNTIME_LIB_GPU_GPUPROJECT_H

#include "../Mla.h"
#include "GpuDecode.h"

namespace attn::runtime::gpu {

/// A projection of a library, and what was loaded of it.
struct Projection {
  const attn_gpu_project_desc *desc;
  void *function;
};
attn_status select(const attn_library &lib, const ProjectionFacts &facts,
                   Projection &projection);

/// Refuses more rows, or chunks of their tails, than the kernels count.
attn_status checkRowCount(int64_t batch, int64_t tokens, int64_t tailDim);

/// `dependent`: the launch before it may still be running. `cache`: arguments
/// of one that reads latent rows.
attn_status launch(const attn_gpu_launcher &launcher,
                   const Projection &projection, const attn_gpu_project &call,
                   void *stream, bool dependent,
                   const attn_gpu_args &cache = {});

/// Params that are checked as for the CPU.
attn_status project(const attn_project_params &params);

/// Checks where the rows of a call's own tensors begin.
attn_status checkAlignment(const attn_mla_params &params,
                           const attn_decode_params &decode);

/// Both take params whose facts are checked, `decode` being the attention's.
attn_status getWorkspaceSize(const attn_library &lib,
                             const attn_mla_params &params,
                             const attn_decode_params &decode, uint64_t &bytes);
attn_status mlaDecode(const attn_library &lib, const attn_mla_params &params,
                      const attn_decode_params &decode);
/// The kernel that decompresses for this call.
attn_status selectDecompressing(const attn_library &lib,
                                const attn_mla_params &params,
                                const attn_decode_params &decode,
                                Selection &selection);
/// Runs it, in three launches: plan, decode, combine. The call's tensors and
/// workspace have been checked.
attn_status decompressAndAttend(const attn_library &lib,
                                const Selection &attention,
                                const attn_mla_params &params,
                                const attn_decode_params &decode);

} // namespace attn::runtime::gpu

#endif // ATTN_RUNTIME_LIB_GPU_GPUPROJECT_H
