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

/// Adds parts up and remembers an overflow.
class Divider {
public:
  /// Offset of a part of as many bytes as the factors' product.
  uint64_t add(std::initializer_list<uint64_t> factors) {
    uint64_t bytes = 1;
    for (uint64_t factor : factors)
      overflow |= __builtin_mul_overflow(bytes, factor, &bytes);
    overflow |= __builtin_add_overflow(bytes, kAlignment - 1, &bytes);
    uint64_t offset = total;
    overflow |=
        __builtin_add_overflow(total, bytes / kAlignment * kAlignment, &total);
    return offset;
  }

  uint64_t total = 0;
  bool overflow = false;
};

} // namespace

PlanShape attn::runtime::getPlanShape(const attn_kernel_desc &desc,
                                      const attn_decode_params &params) {
  PlanShape shape;
  shape.kvTile = desc.kv_tile;
  shape.kvHeads = desc.kv_heads;
  shape.qLen = desc.q_len;
  shape.window = desc.window;
  shape.threads = attn_pool_size(params.pool);
  if (params.flags & ATTN_FLAG_BATCH_INVARIANT) {
    // No request is longer than int32 goes, so a larger split never splits.
    int64_t split = params.split_size ? params.split_size : kDefaultSplitTokens;
    split = std::min<int64_t>(split, INT32_MAX);
    shape.splitTokens = ceilDivide(split, desc.kv_tile) * desc.kv_tile;
  }
  return shape;
}

uint64_t attn::runtime::getScratchStride(const attn_kernel_desc &desc) {
  return (uint64_t(desc.scratch_bytes) + kAlignment - 1) / kAlignment *
         kAlignment;
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
  Divider divider;
  layout.items =
      divider.add({uint64_t(capacity.items), sizeof(attn_work_item)});
  layout.threadBegin = divider.add({threads + 1, sizeof(int64_t)});
  layout.combines =
      divider.add({uint64_t(capacity.combines), sizeof(attn_combine_item)});
  layout.partialOut =
      divider.add({slots, rows, uint64_t(desc.v_dim), sizeof(float)});
  layout.partialLse = divider.add({slots, rows, sizeof(float)});
  layout.scratchStride = getScratchStride(desc);
  layout.scratch = divider.add({threads, layout.scratchStride});
  bool wide = params.index_type == ATTN_INDEX_INT64;
  layout.blockIds =
      divider.add({wide ? uint64_t(params.max_indices) : 0, sizeof(int32_t)});
  layout.total = divider.total;
  if (divider.overflow || layout.total > uint64_t(INT64_MAX))
    return fail(ATTN_ERROR_WORKSPACE_SIZE,
                "the workspace for these capacities passes 2^63 bytes");
  return ATTN_OK;
}
