//===-- GpuMlaMaterialize.h - MLA over K and V in memory, on a GPU -*- C++ -*-//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_GPU_GPUMLAMATERIALIZE_H
#define ATTN_RUNTIME_LIB_GPU_GPUMLAMATERIALIZE_H

#include "GpuDecode.h"
#include "GpuProject.h"

namespace attn::runtime::gpu {

/// The kernels of the materialized form, and how its workspace is divided: the
/// attention's own, then byte offsets.
struct Materialization {
  Selection attention;
  Projection key, value;
  int64_t rest;     ///< columns of a key behind its nope ones
  uint64_t lengths; ///< [max_batch] int32
  uint64_t keys;    ///< [max_batch][q_heads][max_seq_len][nope + rest + rope]
  uint64_t values;  ///< [max_batch][q_heads][max_seq_len][v]
  uint64_t total;
};

/// Chooses the kernels for the call, `decode` being its attention over latent
/// rows.
attn_status selectMaterialized(const attn_library &lib,
                               const attn_mla_params &params,
                               const attn_decode_params &decode,
                               Materialization &selection);

/// Runs them. The call's own tensors and workspace have been checked.
attn_status materializeAndAttend(const attn_library &lib,
                                 const Materialization &selection,
                                 const attn_mla_params &params,
                                 const attn_decode_params &decode);

} // namespace attn::runtime::gpu

#endif // ATTN_RUNTIME_LIB_GPU_GPUMLAMATERIALIZE_H
