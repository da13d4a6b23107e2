//===-- MlaMaterialize.h - attn_mla_decode over K and V in memory -*- C++ -*-=//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_MLAMATERIALIZE_H
#define ATTN_RUNTIME_LIB_MLAMATERIALIZE_H

#include "Plan.h"
#include "attn_runtime.h"

namespace attn::runtime {

/// The kernels of the materialized form, and how a thread divides its part of
/// the workspace: byte offsets.
struct Materialization {
  const attn_project_desc *key, *value;
  const attn_kernel_desc *attention;
  PlanShape shape; ///< of the attention, for the tokens that it sees
  int64_t rest;    ///< columns of a key behind its nope ones
  uint64_t keys, values, latents, query, scratch, perThread;
  uint64_t total; ///< bytes of the whole workspace
};

/// Chooses the kernels for the call, `d` being its attention over latent rows.
attn_status selectMaterialized(const attn_library *lib,
                               const attn_mla_params &p,
                               const attn_decode_params &d,
                               Materialization &selection);

/// Runs the call, whose own tensors and workspace have been checked.
attn_status materializeAndAttend(const attn_mla_params &p,
                                 attn_decode_params &d,
                                 const Materialization &selection);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_MLAMATERIALIZE_H
