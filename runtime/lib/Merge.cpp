//===-- Merge.cpp - attn_merge --------------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Library.h"
#include "Plan.h"
#include "Select.h"
#include "ThreadPool.h"
#include "Validate.h"
#include "Workspace.h"
#include "gpu/GpuDecode.h"

using namespace attn::runtime;

// The struct is an ABI: it may only grow, at its end.
static_assert(sizeof(attn_merge_params) == 184);
static constexpr size_t kFirstSize = 168;

namespace {

/// A checked call, ready to run.
struct MergeJob {
  const attn_kernel_desc *desc;
  attn_kernel_args args;
  int64_t batch, parts, threads;
  char *scratch;
  uint64_t scratchStride;
};

} // namespace

static void runMerge(void *context, int32_t thread) {
  auto *job = static_cast<MergeJob *>(context);
  forEachCombine(
      job->batch, headsOf(*job->desc), rowsOf(*job->desc), job->threads, thread,
      // Slots are [part][batch]: a request's lie `batch` apart.
      [&](int64_t request) {
        attn_combine_item combine = {};
        combine.batch = combine.slot_begin = request;
        combine.slot_count = job->parts;
        combine.slot_stride = job->batch;
        return combine;
      },
      [&](const attn_combine_item &combine) {
        job->desc->combine(&job->args, &combine,
                           job->scratch +
                               uint64_t(thread) * job->scratchStride);
      });
}

/// Reads the params, checks the facts and picks the kernel.
static attn_status prepare(const attn_library *lib,
                           const attn_merge_params *params,
                           attn_merge_params &p,
                           const attn_kernel_desc *&desc) {
  if (!lib)
    return fail(ATTN_ERROR_NULL_POINTER, "lib is null");
  ATTN_TRY(readStruct("attn_merge_params", params, p, kFirstSize));
  ATTN_TRY(checkFlags(p.flags, ATTN_FLAG_SINKS | ATTN_FLAG_ALLOW_EMULATED));
  ATTN_TRY(checkDtype(p.dtype));
  ATTN_TRY(checkIsa(p.isa));
  ATTN_TRY(checkDevice(p.device, p.stream));
  if (p.reserved_2)
    return fail(ATTN_ERROR_VALUE, "reserved_2 is %d", p.reserved_2);
  ATTN_TRY(checkHeads(p.q_heads, p.kv_heads));
  ATTN_TRY(checkMinimum("v_dim", p.v_dim, 1));
  ATTN_TRY(checkMinimum("q_len", p.q_len, 1));
  return selectKernel(*lib->table, p, getHostLevel(lib), desc);
}

static uint64_t getWorkspaceSize(const attn_kernel_desc &desc,
                                 const attn_merge_params &p) {
  return gpu::isKernel(desc) ? 0
                             : uint64_t(attn_pool_size(p.pool)) *
                                   getScratchStride(desc.scratch_bytes);
}

/// The parts must be there unless there are none.
static attn_status checkParts(const attn_merge_params &p) {
  if (p.parts == 0)
    return ATTN_OK;
  ATTN_TRY(checkPointer("partial_out", p.partial_out, sizeof(float)));
  ATTN_TRY(checkPointer("partial_lse", p.partial_lse, sizeof(float)));
  int64_t row = int64_t(p.q_heads) * p.v_dim;
  return checkStrides("partial_out", row, sizeof(float), Access::Read,
                      {{p.parts * p.batch, row * p.q_len}});
}

attn_status attn_merge_workspace_size(const attn_library *lib,
                                      const attn_merge_params *params,
                                      uint64_t *bytes) {
  attn_merge_params p;
  const attn_kernel_desc *desc;
  ATTN_TRY(prepare(lib, params, p, desc));
  if (!bytes)
    return fail(ATTN_ERROR_NULL_POINTER, "bytes is null");
  *bytes = getWorkspaceSize(*desc, p);
  return ATTN_OK;
}

attn_status attn_merge(const attn_library *lib,
                       const attn_merge_params *params) {
  attn_merge_params p;
  const attn_kernel_desc *desc;
  ATTN_TRY(prepare(lib, params, p, desc));
  ATTN_TRY(checkCount("batch", p.batch, 0));
  ATTN_TRY(checkCount("parts", p.parts, 0));
  if (p.batch == 0)
    return ATTN_OK;
  ATTN_TRY(checkParts(p));
  ATTN_TRY(checkOutputs(p));
  if (uint64_t needed = getWorkspaceSize(*desc, p))
    ATTN_TRY(checkWorkspace(p.workspace, p.workspace_bytes, needed));

  if (gpu::isKernel(*desc))
    return gpu::merge(*lib, *desc, p);

  MergeJob job;
  job.desc = desc;
  job.args = getMergeArgs(p);
  job.batch = p.batch;
  job.parts = p.parts;
  job.threads = attn_pool_size(p.pool);
  job.scratch = static_cast<char *>(p.workspace);
  job.scratchStride = getScratchStride(desc->scratch_bytes);
  PoolSession(p.pool).run(runMerge, &job);
  return ATTN_OK;
}
