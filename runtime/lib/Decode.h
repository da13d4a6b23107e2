//===-- Decode.h - A decode call, checked and run ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_DECODE_H
#define ATTN_RUNTIME_LIB_DECODE_H

#include "Plan.h"
#include "ThreadPool.h"
#include "Workspace.h"

namespace attn::runtime {

/// What sizing and running a call begin with.
struct Selection {
  const attn_kernel_desc *desc;
  PlanShape shape;
  WorkspaceLayout layout;
};

/// Chooses the kernel and divides the workspace.
attn_status selectDecode(const attn_library *lib, const attn_decode_params &p,
                         Selection &selection);

/// A checked call, ready to run.
struct DecodeJob {
  const attn_kernel_desc *desc;
  attn_kernel_args args;
  Plan plan;
  int64_t threads;
  char *scratch;
  uint64_t scratchStride;
  /// What to narrow before the kernels run: [idsBegin, idsEnd) of `wideIds`.
  const int64_t *wideIds;
  int32_t *ids;
  int64_t idsBegin, idsEnd;

  void *getScratch(int32_t thread) const {
    return scratch + uint64_t(thread) * scratchStride;
  }
};

/// Checks the batch against its capacity.
attn_status checkBatch(const attn_decode_params &p);

/// Checks tensors, lengths and workspace of a call of at least one request, and
/// plans it.
attn_status prepareDecode(const attn_decode_params &p,
                          const Selection &selection, DecodeJob &job);

/// Runs it on `job.threads` threads of the session, phase by phase. Without
/// `merge`, what reads the result of split requests merges their states.
void runDecode(DecodeJob &job, PoolSession &session, bool merge = true);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_DECODE_H
