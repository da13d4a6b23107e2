//===-- GpuDecode.cpp - attn_decode on a GPU ------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuDecode.h"

#include "Select.h"
#include "Validate.h"
#include "Workspace.h"
#include "attn_layout.h"

#include <cinttypes>

using namespace attn::runtime;

attn_status gpu::layOut(const attn_gpu_kernel_desc &kernel, int64_t sms,
                        const attn_decode_params &p, Layout &layout) {
  int64_t maxTiles = ceilDivide(p.max_seq_len, kernel.kv_tile);
  layout.parts = attn_gpu_parts(&kernel, sms);
  layout.splitTiles =
      getSplitTokens(kernel.kv_tile, p) / int64_t(kernel.kv_tile);
  // The plan counts in int32, and a part past the last unit begins at a
  // multiple of the units of one part.
  if (p.max_batch * maxTiles > INT32_MAX - layout.parts)
    return fail(ATTN_ERROR_SHAPE,
                "max_batch %" PRId64 " times max_seq_len %" PRId64
                " is more KV tiles of %d tokens than an int32 counts",
                p.max_batch, p.max_seq_len, kernel.kv_tile);
  uint64_t slots = uint64_t(
      attn_gpu_slots(p.max_batch, layout.parts, maxTiles, layout.splitTiles));
  uint64_t rows = uint64_t(kernel.q_len) * uint64_t(kernel.q_heads);
  uint64_t width =
      uint64_t(kernel.flags & ATTN_KERNEL_DECOMPRESS ? kernel.v : kernel.v_dim);
  WorkspaceDivider divider;
  layout.plan =
      divider.add({uint64_t(attn_gpu_plan_elements(p.max_batch, layout.parts)),
                   sizeof(int32_t)});
  layout.partialOut = divider.add({slots, rows, width, sizeof(float)});
  layout.partialLse = divider.add({slots, rows, sizeof(float)});
  return divider.finish(layout.total);
}

attn_status gpu::select(const attn_library &lib, const attn_decode_params &p,
                        Selection &selection) {
  const attn_kernel_desc *view;
  ATTN_TRY(selectKernel(*lib.table, p, getHostLevel(&lib), view));
  return select(lib, *view, p, selection);
}

attn_status gpu::select(const attn_library &lib, const attn_kernel_desc &view,
                        const attn_decode_params &p, Selection &selection) {
  int64_t index = &view - lib.table->kernels;
  selection.desc = &lib.gpu->descs[index];
  selection.functions = &lib.gpu->functions[index];
  if (!selection.functions->decode)
    return fail(ATTN_ERROR_UNSUPPORTED,
                "kernel %.80s is not loaded: another of its name is",
                selection.desc->name);
  return gpu::layOut(*selection.desc, lib.gpu->launcher.sms, p,
                     selection.layout);
}

attn_status gpu::checkRows(const char *name, const void *pointer, int32_t dtype,
                           std::initializer_list<Dimension> dimensions) {
  constexpr int64_t kAlignment = 16;
  ATTN_TRY(checkPointer(name, pointer, kAlignment));
  int64_t elements = kAlignment / attn_dtype_size(dtype);
  for (const Dimension &dimension : dimensions)
    if (dimension.extent > 1 && dimension.stride % elements)
      return fail(ATTN_ERROR_MISALIGNED,
                  "%s has stride %" PRId64 "; on a GPU rows begin at multiples "
                  "of %" PRId64 " elements",
                  name, dimension.stride, elements);
  return ATTN_OK;
}

static attn_status checkAlignment(const attn_decode_params &p) {
  ATTN_TRY(gpu::checkRows("q", p.q, p.dtype,
                          {{p.batch, p.q_stride_batch},
                           {p.q_len, p.q_stride_token},
                           {p.q_heads, p.q_stride_head}}));
  ATTN_TRY(gpu::checkRows("k", p.k, p.dtype,
                          {{p.num_blocks, p.k_stride_block},
                           {p.page_size, p.k_stride_token},
                           {p.kv_heads, p.k_stride_head}}));
  if (!(p.flags & ATTN_FLAG_V_IN_K))
    ATTN_TRY(gpu::checkRows("v", p.v, p.dtype,
                            {{p.num_blocks, p.v_stride_block},
                             {p.page_size, p.v_stride_token},
                             {p.kv_heads, p.v_stride_head}}));
  int32_t outDtype = p.flags & ATTN_FLAG_OUT_F32 ? ATTN_F32 : p.dtype;
  return gpu::checkRows("out", p.out, outDtype,
                        {{p.batch, p.out_stride_batch},
                         {p.q_len, p.out_stride_token},
                         {p.q_heads, p.out_stride_head}});
}

attn_gpu_args gpu::makeArgs(const attn_decode_params &p, const Layout &layout) {
  char *workspace = static_cast<char *>(p.workspace);
  attn_gpu_args args = {};
  args.tensors = getKernelArgs(p, workspace + layout.partialOut,
                               workspace + layout.partialLse);
  args.seq_lens = p.seq_lens;
  args.last_page_len = p.last_page_len;
  args.block_table = p.indptr ? p.indices : p.block_table;
  args.block_table_stride = p.block_table_stride;
  args.index_words = p.index_type == ATTN_INDEX_INT64 ? 2 : 1;
  args.block_indptr = p.indptr;
  args.plan = reinterpret_cast<int32_t *>(workspace + layout.plan);
  args.batch = p.batch;
  args.max_batch = p.max_batch;
  args.parts = layout.parts;
  args.split_tiles = layout.splitTiles;
  return args;
}

attn_status gpu::check(const Selection &selection,
                       const attn_decode_params &p) {
  ATTN_TRY(checkTensors(p));
  ATTN_TRY(checkAlignment(p));
  return checkWorkspace(p.workspace, p.workspace_bytes, selection.layout.total);
}

bool gpu::waitsByItself(int32_t arch) {
  constexpr int32_t kFirstDependentArch = 90;
  return arch >= kFirstDependentArch;
}

attn_status gpu::launchPlan(const attn_gpu_launcher &launcher,
                            const Selection &selection,
                            const attn_decode_params &p) {
  return launchPlan(launcher, selection, makeArgs(p, selection.layout),
                    p.stream);
}

attn_status gpu::launchPlan(const attn_gpu_launcher &launcher,
                            const Selection &selection,
                            const attn_gpu_args &args, void *stream) {
  attn_gpu_launch shape = {
      {1, 1, 1}, uint32_t(selection.desc->plan_threads), 0, 0};
  return launcher.launch(launcher.context, selection.functions->plan, &shape,
                         stream, &args);
}

attn_status gpu::launchDecode(const attn_gpu_launcher &launcher,
                              const Selection &selection,
                              const attn_decode_params &p) {
  return launchDecode(launcher, selection, makeArgs(p, selection.layout),
                      p.stream);
}

attn_status gpu::launchDecode(const attn_gpu_launcher &launcher,
                              const Selection &selection,
                              const attn_gpu_args &args, void *stream) {
  const attn_gpu_kernel_desc &kernel = *selection.desc;
  const attn_gpu_functions &functions = *selection.functions;
  bool dependent = waitsByItself(kernel.arch);
  auto run = [&](void *function, attn_gpu_launch shape) {
    return launcher.launch(launcher.context, function, &shape, stream, &args);
  };
  ATTN_TRY(run(functions.decode,
               {{uint32_t(args.parts), uint32_t(attn_gpu_heads(&kernel)),
                 uint32_t(kernel.row_blocks)},
                uint32_t(kernel.threads),
                uint32_t(kernel.shared_bytes),
                dependent}));
  return run(functions.combine,
             {{uint32_t(args.max_batch), uint32_t(kernel.combine_blocks), 1},
              uint32_t(kernel.combine_threads),
              0,
              dependent});
}

attn_status gpu::getWorkspaceSize(const attn_library &lib,
                                  const attn_decode_params &p,
                                  uint64_t &bytes) {
  Selection selection;
  ATTN_TRY(select(lib, p, selection));
  bytes = selection.layout.total;
  return ATTN_OK;
}

attn_status gpu::decode(const attn_library &lib, const attn_decode_params &p) {
  Selection selection;
  ATTN_TRY(select(lib, p, selection));
  if (p.batch == 0)
    return ATTN_OK;
  ATTN_TRY(check(selection, p));
  const attn_gpu_launcher &launcher = lib.gpu->launcher;
  ATTN_TRY(launchPlan(launcher, selection, p));
  return launchDecode(launcher, selection, p);
}
