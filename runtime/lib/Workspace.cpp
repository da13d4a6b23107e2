//===-- Workspace.cpp - How a workspace is divided ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workspace.h"

#include "Error.h"

#include <algorithm>
#include <initializer_list>

using namespace attn::runtime;

namespace {

constexpr uint64_t kAlignment = 64;
constexpr int64_t kDefaultSplitTokens = 2048;

} // namespace

uint64_t WorkspaceDivider::add(std::initializer_list<uint64_t> factors) {
  uint64_t bytes = 1;
  for (uint64_t factor : factors)
    overflow |= __builtin_mul_overflow(bytes, factor, &bytes);
  overflow |= __builtin_add_overflow(bytes, kAlignment - 1, &bytes);
  uint64_t offset = total;
  overflow |=
      __builtin_add_overflow(total, bytes / kAlignment * kAlignment, &total);
  return offset;
}

attn_status WorkspaceDivider::finish(uint64_t &bytes) const {
  if (overflow || total > uint64_t(INT64_MAX))
    return fail(ATTN_ERROR_WORKSPACE_SIZE,
                "the workspace for these capacities passes 2^63 bytes");
  bytes = total;
  return ATTN_OK;
}

int64_t attn::runtime::getSplitTokens(int64_t kvTile,
                                      const attn_decode_params &params) {
  if (!(params.flags & ATTN_FLAG_BATCH_INVARIANT))
    return 0;
  // No request is longer than int32 goes, so a larger split never splits.
  int64_t split = params.split_size ? params.split_size : kDefaultSplitTokens;
  split = std::min<int64_t>(split, INT32_MAX);
  return ceilDivide(split, kvTile) * kvTile;
}

PlanShape attn::runtime::getPlanShape(const attn_kernel_desc &desc,
                                      const attn_decode_params &params) {
  PlanShape shape;
  shape.kvTile = desc.kv_tile;
  shape.kvHeads = headsOf(desc);
  shape.qLen = desc.q_len;
  shape.window = desc.window;
  shape.threads = attn_pool_size(params.pool);
  shape.splitTokens = getSplitTokens(desc.kv_tile, params);
  return shape;
}

uint64_t attn::runtime::getScratchStride(int64_t scratchBytes) {
  return (uint64_t(scratchBytes) + kAlignment - 1) / kAlignment * kAlignment;
}

attn_status attn::runtime::layOutWorkspace(const attn_kernel_desc &desc,
                                           const attn_decode_params &params,
                                           const PlanShape &shape,
                                           WorkspaceLayout &layout) {
  PlanCapacity capacity =
      planCapacity(shape, params.max_batch, params.max_seq_len);
  uint64_t slots = uint64_t(capacity.slots);
  uint64_t rows = uint64_t(desc.q_len) * uint64_t(desc.q_heads);
  uint64_t threads = uint64_t(shape.threads);
  WorkspaceDivider divider;
  layout.items =
      divider.add({uint64_t(capacity.items), sizeof(attn_work_item)});
  layout.threadBegin = divider.add({threads + 1, sizeof(int64_t)});
  layout.combines =
      divider.add({uint64_t(capacity.combines), sizeof(attn_combine_item)});
  layout.partialOut =
      divider.add({slots, rows, uint64_t(outWidthOf(desc)), sizeof(float)});
  layout.partialLse = divider.add({slots, rows, sizeof(float)});
  layout.scratchStride = getScratchStride(desc.scratch_bytes);
  layout.scratch = divider.add({threads, layout.scratchStride});
  bool wide = params.index_type == ATTN_INDEX_INT64;
  layout.blockIds =
      divider.add({wide ? uint64_t(params.max_indices) : 0, sizeof(int32_t)});
  return divider.finish(layout.total);
}

/// What decode and merge write alike, and the sinks.
template <typename Params>
static void setOutputs(attn_kernel_args &args, const Params &p) {
  args.sinks = p.sinks;
  args.out = p.out;
  args.out_stride_batch = p.out_stride_batch;
  args.out_stride_token = p.out_stride_token;
  args.out_stride_head = p.out_stride_head;
  args.lse = p.lse;
  args.lse_stride_batch = p.lse_stride_batch;
  args.lse_stride_token = p.lse_stride_token;
  args.lse_stride_head = p.lse_stride_head;
}

attn_kernel_args attn::runtime::getKernelArgs(const attn_decode_params &p,
                                              void *partialOut,
                                              void *partialLse) {
  attn_kernel_args args;
  args.q = p.q;
  args.q_stride_batch = p.q_stride_batch;
  args.q_stride_token = p.q_stride_token;
  args.q_stride_head = p.q_stride_head;
  args.k = p.k;
  args.k_stride_block = p.k_stride_block;
  args.k_stride_token = p.k_stride_token;
  args.k_stride_head = p.k_stride_head;
  args.v = p.v;
  args.v_stride_block = p.v_stride_block;
  args.v_stride_token = p.v_stride_token;
  args.v_stride_head = p.v_stride_head;
  args.page_size = p.page_size;
  setOutputs(args, p);
  args.partial_out = static_cast<float *>(partialOut);
  args.partial_lse = static_cast<float *>(partialLse);
  args.w_uk = args.w_uv = nullptr;
  return args;
}

attn_kernel_args attn::runtime::getMergeArgs(const attn_merge_params &p) {
  attn_kernel_args args = {};
  setOutputs(args, p);
  // The kernels write partial states, a combine only reads them.
  args.partial_out = const_cast<float *>(p.partial_out);
  args.partial_lse = const_cast<float *>(p.partial_lse);
  return args;
}
