//===-- Select.h - Which kernel fits a call ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_SELECT_H
#define ATTN_RUNTIME_LIB_SELECT_H

#include "attn_runtime.h"

namespace attn::runtime {

/// A set of attn_reason_code.
using ReasonMask = uint32_t;
constexpr ReasonMask reasonBit(attn_reason_code code) {
  return ReasonMask(1) << code;
}

/// Everything that keeps a kernel from serving the call on a CPU of level
/// `hostIsa`.
ReasonMask findMismatches(const attn_kernel_desc &desc,
                          const attn_decode_params &params, int32_t hostIsa);

/// What keeps a kernel's combine function from serving a merge.
ReasonMask findMismatches(const attn_kernel_desc &desc,
                          const attn_merge_params &params, int32_t hostIsa);

/// Whether `desc` is to be preferred to `best`, both of which fit. `best` may
/// be null.
bool isBetter(const attn_kernel_desc &desc, const attn_kernel_desc *best);

/// Sets `fewest` to the fewest mismatches that any kernel has and returns the
/// status that says what kind they are, apart from the rest where the caller
/// can do something about it: another page size, another CPU.
template <typename Params>
attn_status findNearest(const attn_kernel_table &table, const Params &params,
                        int32_t hostIsa, int &fewest);

/// Writes what was asked for and what the kernel has.
void describeReason(attn_reason_code code, const attn_kernel_desc &desc,
                    const attn_decode_params &params, char *text, size_t size);

/// The kernel for a call, as attn_select_kernel describes; sets `best`.
attn_status selectKernel(const attn_kernel_table &table,
                         const attn_decode_params &params, int32_t hostIsa,
                         const attn_kernel_desc *&best);
attn_status selectKernel(const attn_kernel_table &table,
                         const attn_merge_params &params, int32_t hostIsa,
                         const attn_kernel_desc *&best);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_SELECT_H
