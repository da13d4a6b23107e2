//===-- GpuMerge.cpp - attn_merge and attn_append on a GPU ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuDecode.h"
#include "Select.h"
#include "Workspace.h"

#include <cinttypes>

using namespace attn::runtime;

/// The best kernel that fits among those that have a merge function; -1 if
/// there is none. Which of them decodes best says nothing about that.
static int64_t findMerge(const attn_library &lib, const attn_merge_params &p) {
  int64_t best = -1;
  for (uint32_t i = 0; i < lib.table->num_kernels; ++i) {
    const attn_kernel_desc &desc = lib.table->kernels[i];
    if (lib.gpu->functions[i].merge &&
        !findMismatches(desc, p, getHostLevel(&lib)) &&
        isBetter(desc, best < 0 ? nullptr : &lib.table->kernels[best]))
      best = i;
  }
  return best;
}

attn_status gpu::merge(const attn_library &lib, const attn_kernel_desc &desc,
                       const attn_merge_params &p) {
  int64_t index = findMerge(lib, p);
  if (index < 0)
    return fail(ATTN_ERROR_UNSUPPORTED, "kernel %.80s has no merge function",
                desc.name);
  const attn_gpu_kernel_desc &kernel = lib.gpu->descs[index];
  void *function = lib.gpu->functions[index].merge;
  // The kernel counts states in int32, some at a time.
  constexpr int64_t kMaxStates = int64_t(1) << 30;
  if (p.parts * p.batch > kMaxStates)
    return fail(ATTN_ERROR_SHAPE,
                "%" PRId64 " parts of a batch of %" PRId64
                " are more than the 2^30 states that a GPU kernel counts",
                p.parts, p.batch);
  attn_gpu_args args = {};
  args.tensors = getMergeArgs(p);
  args.batch = args.max_batch = p.batch;
  args.parts = p.parts;
  attn_gpu_launch shape = {
      {uint32_t(p.batch), uint32_t(kernel.combine_blocks), 1},
      uint32_t(kernel.combine_threads),
      0,
      0};
  const attn_gpu_launcher &launcher = lib.gpu->launcher;
  return launcher.launch(launcher.context, function, &shape, p.stream, &args);
}

static attn_status checkAlignment(const attn_append_params &p) {
  ATTN_TRY(gpu::checkRows(
      "k_src", p.k_src, p.dtype,
      {{p.tokens, p.k_src_stride_token}, {p.kv_heads, p.k_src_stride_head}}));
  ATTN_TRY(gpu::checkRows("k", p.k, p.dtype,
                          {{p.num_blocks, p.k_stride_block},
                           {p.page_size, p.k_stride_token},
                           {p.kv_heads, p.k_stride_head}}));
  if (p.flags & ATTN_FLAG_V_IN_K)
    return ATTN_OK;
  ATTN_TRY(gpu::checkRows(
      "v_src", p.v_src, p.dtype,
      {{p.tokens, p.v_src_stride_token}, {p.kv_heads, p.v_src_stride_head}}));
  return gpu::checkRows("v", p.v, p.dtype,
                        {{p.num_blocks, p.v_stride_block},
                         {p.page_size, p.v_stride_token},
                         {p.kv_heads, p.v_stride_head}});
}

/// The function of a kernel whose cache is of this kind; null: there is none.
static void *findAppend(const attn_library &lib, const attn_append_params &p) {
  bool vInK = p.flags & ATTN_FLAG_V_IN_K;
  for (uint32_t i = 0; i < lib.table->num_kernels; ++i) {
    const attn_kernel_desc &desc = lib.table->kernels[i];
    bool fits = desc.dtype == p.dtype && desc.layout == p.layout &&
                desc.kv_heads == p.kv_heads && desc.k_dim == p.k_dim &&
                bool(desc.flags & ATTN_KERNEL_V_IN_K) == vInK &&
                (vInK || desc.v_dim == p.v_dim);
    if (fits && lib.gpu->functions[i].append)
      return lib.gpu->functions[i].append;
  }
  return nullptr;
}

attn_status gpu::append(const attn_append_params &p) {
  if (!p.lib)
    return fail(ATTN_ERROR_NULL_POINTER,
                "lib is null; on a GPU attn_append runs a library's kernel");
  void *function = p.lib->gpu ? findAppend(*p.lib, p) : nullptr;
  if (!function)
    return fail(ATTN_ERROR_UNSUPPORTED,
                "no GPU kernel of the library has a cache of dtype %d, layout "
                "%d, %d kv heads, k_dim %d, v_dim %d",
                p.dtype, p.layout, p.kv_heads, p.k_dim, p.v_dim);
  ATTN_TRY(checkAlignment(p));
  ATTN_TRY(checkPointer("slot_mapping", p.slot_mapping, sizeof(int64_t)));
  attn_gpu_args args = {};
  args.tensors.k = p.k;
  args.tensors.k_stride_block = p.k_stride_block;
  args.tensors.k_stride_token = p.k_stride_token;
  args.tensors.k_stride_head = p.k_stride_head;
  args.tensors.v = p.v;
  args.tensors.v_stride_block = p.v_stride_block;
  args.tensors.v_stride_token = p.v_stride_token;
  args.tensors.v_stride_head = p.v_stride_head;
  args.tensors.page_size = p.page_size;
  args.append = {p.k_src,       p.k_src_stride_token, p.k_src_stride_head,
                 p.v_src,       p.v_src_stride_token, p.v_src_stride_head,
                 p.slot_mapping};
  attn_gpu_launch shape = {
      {uint32_t(p.tokens), 1, 1}, ATTN_GPU_APPEND_THREADS, 0, 0};
  const attn_gpu_launcher &launcher = p.lib->gpu->launcher;
  return launcher.launch(launcher.context, function, &shape, p.stream, &args);
}
