//===-- Mla.h - What attn_mla_decode shares with other devices --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_MLA_H
#define ATTN_RUNTIME_LIB_MLA_H

#include "attn_runtime.h"

namespace attn::runtime {

/// What a projection is found by.
struct ProjectionFacts {
  int32_t dtype, inDtype, heads;
  int64_t k, n;
  /// The attention behind which it is, whose partial states it may merge; null:
  /// it may not.
  const attn_kernel_desc *attention = nullptr;
  /// Whether its weight lies as [heads, n, k].
  bool transposed = false;
  /// Whether it reads the rows of a latent cache where they lie.
  bool latentRows = false;
  /// Whether what rounding leaves follows the n numbers of an output's row.
  bool rest = false;
};

/// The projection of the highest level up to `limit` that has these facts.
attn_status selectProjection(const attn_library *lib,
                             const ProjectionFacts &facts, int32_t limit,
                             bool allowEmulated,
                             const attn_project_desc *&desc);

/// The same at the level and with the permissions of a call on the CPU.
attn_status selectProjection(const attn_library *lib,
                             const attn_decode_params &decode,
                             const ProjectionFacts &facts,
                             const attn_project_desc *&desc);

/// A form's name, as messages have it.
const char *formName(int32_t form);

/// Checks pointers and strides of a call's own tensors; reads none.
attn_status checkTensors(const attn_mla_params &params,
                         const attn_decode_params &decode);

/// Whether each head's rotary columns follow the others where they are.
bool areQueriesJoined(const attn_mla_params &params,
                      const attn_decode_params &decode);
/// Copies a query's row to `to`, the rotary columns behind the others.
void joinQueryRow(const attn_mla_params &params,
                  const attn_decode_params &decode, int64_t request,
                  int64_t token, int64_t head, char *to);

/// Has a kernel that reads q_nope and writes out find their rows.
void setRowStrides(const attn_mla_params &params, attn_kernel_args &args);

/// Has the attention read its query at `q` and write to `out`: rows as wide as
/// the cache's, in one piece, the query's by its rest wider.
void setDenseRows(attn_decode_params &decode, const void *q, void *out,
                  int64_t queryRest = 0);

/// Columns of a rest that the query of this kernel, of a CPU or a GPU, has, or
/// its keys.
template <typename DescT>
int64_t getQueryRest(const DescT &desc) {
  constexpr uint32_t both = ATTN_KERNEL_REST | ATTN_KERNEL_V_IN_K;
  return (desc.flags & both) == both ? desc.v_dim : 0;
}
template <typename DescT>
int64_t getKeyRest(const DescT &desc) {
  return (desc.flags & ATTN_KERNEL_REST) && !(desc.flags & ATTN_KERNEL_V_IN_K)
             ? desc.nope
             : 0;
}

/// Chooses, by `select(inParts)`, the kernel whose query or keys keep a rest
/// where the library has one, as it has where that is worth it; else the other.
/// That the former is for another CPU or page is a better reason than that
/// there is none of the latter.
template <typename Select>
attn_status selectWithRest(Select select) {
  attn_status inParts = select(true);
  if (inParts == ATTN_OK)
    return ATTN_OK;
  attn_status whole = select(false);
  return whole == ATTN_ERROR_UNSUPPORTED && inParts != whole ? select(true)
                                                             : whole;
}

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_MLA_H
