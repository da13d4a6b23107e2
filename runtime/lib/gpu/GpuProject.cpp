//===-- GpuProject.cpp - attn_project on a GPU ----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuProject.h"
#include "GpuDecode.h"

#include <algorithm>
#include <cinttypes>

using namespace attn::runtime;

attn_status gpu::select(const attn_library &lib, const ProjectionFacts &facts,
                        Projection &projection) {
  const attn_project_desc *view;
  ATTN_TRY(selectProjection(&lib, facts, getHostLevel(&lib),
                            /*allowEmulated=*/false, view));
  int64_t index = view - lib.table->projections;
  projection = {&lib.gpu->projections[index],
                lib.gpu->projectFunctions(size_t(index)).project};
  if (!projection.function)
    return fail(ATTN_ERROR_UNSUPPORTED,
                "projection %.80s is not loaded: another of its name is",
                view->name);
  return ATTN_OK;
}

attn_status gpu::checkRowCount(int64_t batch, int64_t tokens, int64_t tailDim) {
  // What lies past the last one is still counted: a block of rows, or the
  // threads of a CTA.
  constexpr int64_t kMaxCount = INT32_MAX - 1024, kChunk = 8;
  int64_t maxRows = kMaxCount / std::max<int64_t>(tailDim / kChunk, 1);
  if (tokens && batch > maxRows / tokens)
    return fail(ATTN_ERROR_SHAPE,
                "%" PRId64 " times %" PRId64 " rows are more than the %" PRId64
                " that a GPU kernel counts",
                batch, tokens, maxRows);
  return ATTN_OK;
}

attn_status gpu::launch(const attn_gpu_launcher &launcher,
                        const Projection &projection,
                        const attn_gpu_project &call, void *stream,
                        bool dependent, const attn_gpu_args &cache) {
  const attn_gpu_project_desc &desc = *projection.desc;
  attn_gpu_args args = cache;
  args.project = call;
  attn_gpu_launch shape = {{uint32_t(desc.column_blocks), uint32_t(desc.heads),
                            uint32_t(std::max<int64_t>(call.row_parts, 1))},
                           uint32_t(desc.threads),
                           uint32_t(desc.shared_bytes),
                           dependent};
  return launcher.launch(launcher.context, projection.function, &shape, stream,
                         &args);
}

/// The kernels read weights in one piece.
static attn_status checkWeight(const attn_project_params &p) {
  ATTN_TRY(gpu::checkRows("weight", p.weight, p.dtype, {}));
  int64_t perHead = int64_t(p.in_dim) * p.out_dim;
  if (p.weight_stride_out != 1 || p.weight_stride_in != p.out_dim ||
      (p.heads > 1 && p.weight_stride_head != perHead))
    return fail(ATTN_ERROR_STRIDE,
                "on a GPU weight is [heads, in_dim, out_dim] in one piece; its "
                "strides are %" PRId64 ", %" PRId64 ", %" PRId64,
                p.weight_stride_head, p.weight_stride_in, p.weight_stride_out);
  return ATTN_OK;
}

attn_status gpu::project(const attn_project_params &p) {
  if (!p.lib)
    return fail(ATTN_ERROR_NULL_POINTER,
                "lib is null; on a GPU attn_project runs a library's kernel");
  if (!p.lib->gpu)
    return fail(ATTN_ERROR_UNSUPPORTED, "lib is for the CPU");
  Projection projection;
  ATTN_TRY(select(*p.lib, {p.dtype, p.dtype, p.heads, p.in_dim, p.out_dim},
                  projection));
  ATTN_TRY(checkRowCount(1, p.rows, /*tailDim=*/0));
  ATTN_TRY(checkRows("in", p.in, p.dtype,
                     {{p.rows, p.in_stride_row}, {p.heads, p.in_stride_head}}));
  ATTN_TRY(checkWeight(p));
  ATTN_TRY(
      checkRows("out", p.out, p.dtype,
                {{p.rows, p.out_stride_row}, {p.heads, p.out_stride_head}}));
  attn_gpu_project call = {};
  call.tensors = {p.in,
                  /*in_stride_batch=*/0,
                  p.in_stride_row,
                  p.in_stride_head,
                  p.weight,
                  p.out,
                  /*out_stride_batch=*/0,
                  p.out_stride_row,
                  p.out_stride_head};
  call.batch = 1;
  call.tokens = p.rows;
  // Whatever came before it may have written the weights.
  return launch(p.lib->gpu->launcher, projection, call, p.stream,
                /*dependent=*/false);
}
