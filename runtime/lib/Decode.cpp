//===-- Decode.cpp - attn_decode ------------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decode.h"

#include "Check.h"
#include "Library.h"
#include "Select.h"
#include "Validate.h"
#include "gpu/GpuDecode.h"

#include <cinttypes>

using namespace attn::runtime;

attn_status attn::runtime::selectDecode(const attn_library *lib,
                                        const attn_decode_params &p,
                                        Selection &selection) {
  ATTN_TRY(selectKernel(*lib->table, p, attn_cpu_isa(), selection.desc));
  selection.shape = getPlanShape(*selection.desc, p);
  return layOutWorkspace(*selection.desc, p, selection.shape, selection.layout);
}

/// Kernels read int32 ids. What lies outside the pages that they read may be
/// anything, so the values are not looked at.
static void narrowIds(void *context, int32_t thread) {
  auto *job = static_cast<DecodeJob *>(context);
  int64_t count = job->idsEnd - job->idsBegin;
  int64_t end = job->idsBegin + count * (thread + 1) / job->threads;
  for (int64_t i = job->idsBegin + count * thread / job->threads; i < end; ++i)
    job->ids[i] = int32_t(job->wideIds[i]);
}

static void runKernels(void *context, int32_t thread) {
  auto *job = static_cast<DecodeJob *>(context);
  const Plan &plan = job->plan;
  for (int64_t i = plan.threadBegin[thread]; i < plan.threadBegin[thread + 1];
       ++i)
    job->desc->kernel(&job->args, &plan.items[i], job->getScratch(thread));
}

static void runCombines(void *context, int32_t thread) {
  auto *job = static_cast<DecodeJob *>(context);
  const Plan &plan = job->plan;
  forEachCombine(
      plan.numCombines, headsOf(*job->desc), rowsOf(*job->desc), job->threads,
      thread, [&](int64_t i) { return plan.combines[i]; },
      [&](const attn_combine_item &combine) {
        job->desc->combine(&job->args, &combine, job->getScratch(thread));
      });
}

static DecodeJob makeJob(const attn_decode_params &p,
                         const Selection &selection) {
  const WorkspaceLayout &layout = selection.layout;
  char *workspace = static_cast<char *>(p.workspace);
  DecodeJob job;
  job.desc = selection.desc;
  job.args = getKernelArgs(p, workspace + layout.partialOut,
                           workspace + layout.partialLse);
  job.plan.items = reinterpret_cast<attn_work_item *>(workspace + layout.items);
  job.plan.threadBegin =
      reinterpret_cast<int64_t *>(workspace + layout.threadBegin);
  job.plan.combines =
      reinterpret_cast<attn_combine_item *>(workspace + layout.combines);
  job.threads = selection.shape.threads;
  job.scratch = workspace + layout.scratch;
  job.scratchStride = layout.scratchStride;
  job.ids = reinterpret_cast<int32_t *>(workspace + layout.blockIds);
  bool wide = p.indptr && p.index_type == ATTN_INDEX_INT64;
  job.wideIds = wide ? static_cast<const int64_t *>(p.indices) : nullptr;
  job.idsBegin = wide ? p.indptr[0] : 0;
  job.idsEnd = wide ? p.indptr[p.batch] : 0;
  return job;
}

attn_status attn_decode_workspace_size(const attn_library *lib,
                                       const attn_decode_params *params,
                                       uint64_t *bytes) {
  attn_decode_params p;
  ATTN_TRY(readFacts(lib, params, p));
  if (!bytes)
    return fail(ATTN_ERROR_NULL_POINTER, "bytes is null");
  if (lib->gpu)
    return gpu::getWorkspaceSize(*lib, p, *bytes);
  Selection selection;
  ATTN_TRY(selectDecode(lib, p, selection));
  *bytes = selection.layout.total;
  return ATTN_OK;
}

attn_status attn::runtime::checkBatch(const attn_decode_params &p) {
  ATTN_TRY(checkCount("batch", p.batch, 0));
  if (p.batch > p.max_batch)
    return fail(ATTN_ERROR_BATCH_CAPACITY,
                "batch %" PRId64 " is over max_batch %" PRId64, p.batch,
                p.max_batch);
  return ATTN_OK;
}

attn_status attn::runtime::prepareDecode(const attn_decode_params &p,
                                         const Selection &selection,
                                         DecodeJob &job) {
  ATTN_TRY(checkTensors(p));
  ATTN_TRY(checkLengthsAndBlocks(p, selection.shape));
  ATTN_TRY(
      checkWorkspace(p.workspace, p.workspace_bytes, selection.layout.total));
  job = makeJob(p, selection);
  makePlan(selection.shape, getBatch(p, job.ids), job.plan);
  return ATTN_OK;
}

void attn::runtime::runDecode(DecodeJob &job, PoolSession &session,
                              bool merge) {
  if (job.wideIds)
    session.run(narrowIds, &job);
  session.run(runKernels, &job);
  if (merge && job.plan.numCombines)
    session.run(runCombines, &job);
}

attn_status attn_decode(const attn_library *lib,
                        const attn_decode_params *params) {
  attn_decode_params p;
  ATTN_TRY(readFacts(lib, params, p));
  ATTN_TRY(checkBatch(p));
  if (lib->gpu)
    return gpu::decode(*lib, p);
  Selection selection;
  ATTN_TRY(selectDecode(lib, p, selection));
  if (p.batch == 0)
    return ATTN_OK;
  DecodeJob job;
  ATTN_TRY(prepareDecode(p, selection, job));
  // Work too small to share is all thread 0's, the caller's: then run on the
  // caller alone, without waking the pool or waiting for it.
  const Plan &plan = job.plan;
  bool alone = plan.threadBegin[1] == plan.numItems;
  if (alone)
    job.threads = 1;
  PoolSession session(alone ? nullptr : p.pool);
  runDecode(job, session);
  return ATTN_OK;
}
