//===-- Select.cpp - Which kernel fits a call -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Select.h"

#include "Error.h"
#include "Library.h"
#include "Validate.h"
#include "gpu/GpuLibrary.h"

#include <cstring>

using namespace attn::runtime;

// A kernel's flags and a call's are compared bit by bit.
static_assert(ATTN_KERNEL_CAUSAL == uint32_t(ATTN_FLAG_CAUSAL) &&
              ATTN_KERNEL_SINKS == uint32_t(ATTN_FLAG_SINKS) &&
              ATTN_KERNEL_V_IN_K == uint32_t(ATTN_FLAG_V_IN_K) &&
              ATTN_KERNEL_SCORE_MOD == uint32_t(ATTN_FLAG_SCORE_MOD) &&
              ATTN_KERNEL_OUT_F32 == uint32_t(ATTN_FLAG_OUT_F32));

namespace {

/// Collects mismatches, one per fact.
class MaskBuilder {
public:
  void require(bool holds, attn_reason_code code) {
    mask |= holds ? 0 : reasonBit(code);
  }
  ReasonMask mask = 0;
};

/// What decode and merge ask alike.
template <typename Params>
MaskBuilder compareCommon(const attn_kernel_desc &desc, const Params &params,
                          int32_t hostIsa) {
  MaskBuilder builder;
  uint32_t difference = desc.flags ^ params.flags;
  builder.require(!params.kernel_name ||
                      strcmp(params.kernel_name, desc.name) == 0,
                  ATTN_REASON_NAME);
  builder.require((params.device == ATTN_DEVICE_CUDA) == gpu::isKernel(desc),
                  ATTN_REASON_DEVICE);
  builder.require(desc.dtype == params.dtype, ATTN_REASON_DTYPE);
  builder.require(desc.q_heads == params.q_heads, ATTN_REASON_Q_HEADS);
  builder.require(desc.kv_heads == params.kv_heads, ATTN_REASON_KV_HEADS);
  builder.require(desc.v_dim == params.v_dim, ATTN_REASON_V_DIM);
  builder.require(desc.q_len == params.q_len, ATTN_REASON_Q_LEN);
  builder.require(!(difference & ATTN_KERNEL_SINKS), ATTN_REASON_SINKS);
  builder.require(!(difference & ATTN_KERNEL_OUT_F32), ATTN_REASON_OUT_F32);
  // No call may set the bit; attn_mla_decode does, for itself.
  builder.require(!(difference & ATTN_KERNEL_DECOMPRESS),
                  ATTN_REASON_DECOMPRESS);
  builder.require(gpu::isKernel(desc) || params.isa == ATTN_ISA_AUTO ||
                      params.isa == desc.isa,
                  ATTN_REASON_ISA);
  builder.require(desc.isa <= hostIsa, ATTN_REASON_CPU_FEATURE);
  builder.require(!(desc.flags & ATTN_KERNEL_EMULATED) ||
                      (params.flags & ATTN_FLAG_ALLOW_EMULATED),
                  ATTN_REASON_EMULATED);
  return builder;
}

template <typename Params>
const attn_kernel_desc *findBest(const attn_kernel_table &table,
                                 const Params &params, int32_t hostIsa) {
  const attn_kernel_desc *best = nullptr;
  for (uint32_t i = 0; i < table.num_kernels; ++i) {
    const attn_kernel_desc &desc = table.kernels[i];
    if (!findMismatches(desc, params, hostIsa) && isBetter(desc, best))
      best = &desc;
  }
  return best;
}

} // namespace

ReasonMask attn::runtime::findMismatches(const attn_kernel_desc &desc,
                                         const attn_decode_params &params,
                                         int32_t hostIsa) {
  MaskBuilder builder = compareCommon(desc, params, hostIsa);
  uint32_t difference = desc.flags ^ params.flags;
  builder.require(desc.kernel || gpu::isKernel(desc), ATTN_REASON_MERGE_ONLY);
  builder.require(desc.layout == params.layout, ATTN_REASON_LAYOUT);
  builder.require(desc.k_dim == params.k_dim, ATTN_REASON_K_DIM);
  // One query sees every key of its request either way.
  builder.require(!(difference & ATTN_KERNEL_CAUSAL) || params.q_len == 1,
                  ATTN_REASON_CAUSAL);
  builder.require(!(difference & ATTN_KERNEL_V_IN_K), ATTN_REASON_V_IN_K);
  builder.require(!(difference & ATTN_KERNEL_SCORE_MOD), ATTN_REASON_SCORE_MOD);
  // As with ATTN_KERNEL_DECOMPRESS.
  builder.require(!(difference & ATTN_KERNEL_REST), ATTN_REASON_REST);
  builder.require(desc.window == params.window, ATTN_REASON_WINDOW);
  builder.require(desc.scale == params.scale, ATTN_REASON_SCALE);
  builder.require(desc.softcap == params.softcap, ATTN_REASON_SOFTCAP);
  builder.require(params.page_size % desc.page_multiple == 0,
                  ATTN_REASON_PAGE_SIZE);
  return builder.mask;
}

ReasonMask attn::runtime::findMismatches(const attn_kernel_desc &desc,
                                         const attn_merge_params &params,
                                         int32_t hostIsa) {
  return compareCommon(desc, params, hostIsa).mask;
}

bool attn::runtime::isBetter(const attn_kernel_desc &desc,
                             const attn_kernel_desc *best) {
  if (!best)
    return true;
  uint32_t emulated = desc.flags & ATTN_KERNEL_EMULATED;
  uint32_t bestEmulated = best->flags & ATTN_KERNEL_EMULATED;
  return emulated != bestEmulated ? emulated < bestEmulated
                                  : desc.isa > best->isa;
}

template <typename Params>
attn_status attn::runtime::findNearest(const attn_kernel_table &table,
                                       const Params &params, int32_t hostIsa,
                                       int &fewest) {
  attn_status status = ATTN_ERROR_UNSUPPORTED;
  fewest = INT32_MAX;
  for (uint32_t i = 0; i < table.num_kernels; ++i) {
    ReasonMask mask = findMismatches(table.kernels[i], params, hostIsa);
    fewest =
        __builtin_popcount(mask) < fewest ? __builtin_popcount(mask) : fewest;
    if (mask == reasonBit(ATTN_REASON_PAGE_SIZE))
      status = ATTN_ERROR_PAGE_SIZE;
    else if (mask == reasonBit(ATTN_REASON_CPU_FEATURE) &&
             status == ATTN_ERROR_UNSUPPORTED)
      status = ATTN_ERROR_CPU_FEATURE;
  }
  return status;
}

template attn_status attn::runtime::findNearest(const attn_kernel_table &,
                                                const attn_decode_params &,
                                                int32_t, int &);
template attn_status attn::runtime::findNearest(const attn_kernel_table &,
                                                const attn_merge_params &,
                                                int32_t, int &);

attn_status attn::runtime::selectKernel(const attn_kernel_table &table,
                                        const attn_decode_params &params,
                                        int32_t hostIsa,
                                        const attn_kernel_desc *&best) {
  best = findBest(table, params, hostIsa);
  if (best)
    return ATTN_OK;
  int fewest;
  attn_status status = findNearest(table, params, hostIsa, fewest);
  for (uint32_t i = 0; i < table.num_kernels; ++i) {
    ReasonMask mask = findMismatches(table.kernels[i], params, hostIsa);
    if (__builtin_popcount(mask) != fewest)
      continue;
    char text[sizeof attn_reason{}.text];
    describeReason(attn_reason_code(__builtin_ctz(mask)), table.kernels[i],
                   params, text, sizeof text);
    return fail(status, "no kernel fits; %.60s misses %d fact%s, first %s",
                table.kernels[i].name, fewest, fewest == 1 ? "" : "s", text);
  }
  return fail(status, "no kernel fits: the library has none");
}

attn_status attn::runtime::selectKernel(const attn_kernel_table &table,
                                        const attn_merge_params &params,
                                        int32_t hostIsa,
                                        const attn_kernel_desc *&best) {
  best = findBest(table, params, hostIsa);
  if (best)
    return ATTN_OK;
  int fewest;
  return fail(findNearest(table, params, hostIsa, fewest),
              "no kernel's combine fits: dtype %d, %d q heads, %d kv heads, "
              "v_dim %d, q_len %d, sinks %s, device %s",
              params.dtype, params.q_heads, params.kv_heads, params.v_dim,
              params.q_len, params.flags & ATTN_FLAG_SINKS ? "yes" : "no",
              params.device == ATTN_DEVICE_CPU ? "CPU" : "CUDA");
}

attn_status attn_select_kernel(const attn_library *lib,
                               const attn_decode_params *params,
                               uint32_t *index) {
  attn_decode_params p;
  ATTN_TRY(readFacts(lib, params, p));
  if (!index)
    return fail(ATTN_ERROR_NULL_POINTER, "index is null");
  const attn_kernel_desc *best;
  ATTN_TRY(selectKernel(*lib->table, p, getHostLevel(lib), best));
  *index = uint32_t(best - lib->table->kernels);
  return ATTN_OK;
}
