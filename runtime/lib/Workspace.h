//===-- Workspace.h - How a workspace is divided ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_WORKSPACE_H
#define ATTN_RUNTIME_LIB_WORKSPACE_H

#include "Plan.h"
#include "attn_runtime.h"

namespace attn::runtime {

/// Byte offsets of the parts of a decode call's workspace, each at a multiple
/// of 64. They depend on the kernel and on capacities alone.
struct WorkspaceLayout {
  uint64_t items, threadBegin, combines, partialOut, partialLse, scratch;
  uint64_t blockIds;      ///< int64 indices as int32, max_indices of them
  uint64_t scratchStride; ///< bytes from one thread's scratch to the next
  uint64_t total;
};

/// What the planner needs to know of kernel, mode and pool.
PlanShape getPlanShape(const attn_kernel_desc &desc,
                       const attn_decode_params &params);

/// Fails where the total passes 2^63 bytes.
attn_status layOutWorkspace(const attn_kernel_desc &desc,
                            const attn_decode_params &params,
                            const PlanShape &shape, WorkspaceLayout &layout);

/// Bytes from one thread's scratch to the next; whole cache lines.
uint64_t getScratchStride(const attn_kernel_desc &desc);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_WORKSPACE_H
