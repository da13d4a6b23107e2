//===-- MlaDecompress.cpp - attn_mla_decode by one kernel -----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MlaDecompress.h"

#include "Check.h"
#include "Library.h"
#include "Mla.h"
#include "Select.h"
#include "attn_layout.h"
#include "gpu/GpuLibrary.h"

using namespace attn::runtime;

namespace {

/// Query rows brought together, each head's rotary columns behind the others.
struct JoinJob {
  const attn_mla_params *p;
  const attn_decode_params *d;
  char *to;
  int64_t threads;
};

} // namespace

const attn_kernel_desc *
attn::runtime::findDecompressing(const attn_library &lib,
                                 const attn_mla_params &p,
                                 const attn_decode_params &d) {
  int32_t host = getHostLevel(&lib);
  attn_decode_params facts = d;
  facts.flags |= ATTN_KERNEL_DECOMPRESS;
  const attn_kernel_desc *best = nullptr;
  for (uint32_t i = 0; i < lib.table->num_kernels; ++i) {
    const attn_kernel_desc &desc = lib.table->kernels[i];
    if (!findMismatches(desc, facts, host) && desc.nope == p.nope &&
        desc.v == p.v && (desc.flags & ATTN_KERNEL_UP_TRANSPOSED) &&
        isBetter(desc, best))
      best = &desc;
  }
  return best;
}

attn_status attn::runtime::selectDecompressing(const attn_kernel_desc &desc,
                                               const attn_decode_params &d,
                                               Selection &selection,
                                               uint64_t &bytes) {
  selection.desc = &desc;
  selection.shape = getPlanShape(desc, d);
  ATTN_TRY(layOutWorkspace(desc, d, selection.shape, selection.layout));
  WorkspaceDivider divider;
  divider.add({selection.layout.total});
  // The query's rows, where they have to be brought together.
  uint64_t width = uint64_t(desc.nope) + uint64_t(desc.k_dim - desc.v_dim);
  divider.add({uint64_t(d.max_batch), uint64_t(d.q_len), uint64_t(d.q_heads),
               width, uint64_t(attn_dtype_size(d.dtype))});
  return divider.finish(bytes);
}

/// Copies one thread's share of the rows.
static void joinRows(void *context, int32_t thread) {
  const auto &job = *static_cast<JoinJob *>(context);
  const attn_mla_params &p = *job.p;
  const attn_decode_params &d = *job.d;
  int64_t size = attn_dtype_size(d.dtype), heads = d.q_heads;
  int64_t width = p.nope + d.k_dim - d.v_dim, rows = d.batch * d.q_len;
  for (int64_t row = rows * thread / job.threads;
       row < rows * (thread + 1) / job.threads; ++row)
    for (int64_t head = 0; head < heads; ++head)
      joinQueryRow(p, d, row / d.q_len, row % d.q_len, head,
                   job.to + (row * heads + head) * width * size);
}

attn_status attn::runtime::decompressAndAttend(const attn_mla_params &p,
                                               attn_decode_params &d,
                                               const Selection &selection) {
  auto *workspace = static_cast<char *>(p.workspace);
  // The checks see a query and an output as wide as the rows; both have been
  // checked as they are.
  setDenseRows(d, p.q_nope, p.out);
  d.workspace = workspace;
  d.workspace_bytes = selection.layout.total;
  DecodeJob job;
  ATTN_TRY(prepareDecode(d, selection, job));
  attn_kernel_args &args = job.args;
  setRowStrides(p, args);
  args.w_uk = p.w_uk;
  args.w_uv = p.w_uv;
  PoolSession session(d.pool);
  if (!areQueriesJoined(p, d)) {
    // Behind the attention's own, as selectDecompressing divides it.
    JoinJob join = {&p, &d, workspace + selection.layout.total, job.threads};
    session.run(joinRows, &join);
    args.q = join.to;
    args.q_stride_head = p.nope + d.k_dim - d.v_dim;
    args.q_stride_token = d.q_heads * args.q_stride_head;
    args.q_stride_batch = d.q_len * args.q_stride_token;
  }
  runDecode(job, session);
  return ATTN_OK;
}
