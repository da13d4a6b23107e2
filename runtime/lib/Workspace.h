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

#include <initializer_list>

namespace attn::runtime {

/// Adds the parts of a workspace up, each at a multiple of 64 bytes, and
/// remembers an overflow.
class WorkspaceDivider {
public:
  /// Offset of a part of as many bytes as the factors' product.
  uint64_t add(std::initializer_list<uint64_t> factors);
  /// Sets the sum; fails where it passes 2^63 bytes.
  attn_status finish(uint64_t &bytes) const;

private:
  uint64_t total = 0;
  bool overflow = false;
};

/// Byte offsets of the parts of a decode call's workspace, each at a multiple
/// of 64. They depend on the kernel and on capacities alone.
struct WorkspaceLayout {
  uint64_t items, threadBegin, combines, partialOut, partialLse, scratch;
  uint64_t blockIds;      ///< int64 indices as int32, max_indices of them
  uint64_t scratchStride; ///< bytes from one thread's scratch to the next
  uint64_t total;
};

/// Tokens of a partial sum in the batch-invariant mode, whole tiles; 0 in the
/// balanced one.
int64_t getSplitTokens(int64_t kvTile, const attn_decode_params &params);

/// What the planner needs to know of kernel, mode and pool.
PlanShape getPlanShape(const attn_kernel_desc &desc,
                       const attn_decode_params &params);

/// Fails where the total passes 2^63 bytes.
attn_status layOutWorkspace(const attn_kernel_desc &desc,
                            const attn_decode_params &params,
                            const PlanShape &shape, WorkspaceLayout &layout);

/// What kernels read of a call: tensors and strides, and the partial states.
attn_kernel_args getKernelArgs(const attn_decode_params &params,
                               void *partialOut, void *partialLse);
/// What a merge reads and writes; the rest is null.
attn_kernel_args getMergeArgs(const attn_merge_params &params);

/// Bytes from one thread's scratch to the next; whole cache lines.
uint64_t getScratchStride(int64_t scratchBytes);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_WORKSPACE_H
