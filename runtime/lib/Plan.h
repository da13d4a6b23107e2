//===-- Plan.h - Which thread does which tokens -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits a batch into work items. Pure: lengths in, items out, no allocation.
//
// Two ways of cutting, both into one contiguous range of items per thread:
//
// - Balanced. The batch is laid out as one line of KV tiles, cut evenly, so a
//   cut splits at most the request it falls in: t threads make at most t - 1
//   cuts, and requests between the cuts are written without a partial state.
//   A short request is cut by kv heads instead of by tokens where that
//   balances, because heads need no merge.
// - Batch-invariant. A request is split every `splitTokens` of its visible
//   tokens, whatever surrounds it, and the resulting pieces are dealt out. Cuts
//   between threads may divide a piece by heads, which changes no sum.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_PLAN_H
#define ATTN_RUNTIME_LIB_PLAN_H

#include "attn_kernel_abi.h"

#include <cstdint>

namespace attn::runtime {

inline int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// What a plan depends on besides the lengths.
struct PlanShape {
  int64_t kvTile = 1; ///< tokens per tile; token cuts are its multiples
  int64_t kvHeads = 1;
  int64_t qLen = 1;
  int64_t window = 0; ///< 0: unlimited
  int64_t threads = 1;
  int64_t splitTokens = 0; ///< 0: balanced; else a multiple of kvTile
};

struct TokenRange {
  int64_t begin, end;
};

/// Tokens that some query of a request of `seqLen` tokens can see, the start
/// rounded down to a tile.
TokenRange visibleTokens(const PlanShape &shape, int64_t seqLen);

/// Most tokens of such a range, over requests of at most `maxSeqLen` tokens.
int64_t visibleCapacity(const PlanShape &shape, int64_t maxSeqLen);

/// Upper bounds over every batch of at most `maxBatch` requests of at most
/// `maxSeqLen` tokens. Each is attained by some batch, or nearly so.
struct PlanCapacity {
  int64_t items, slots, combines;
};
PlanCapacity planCapacity(const PlanShape &shape, int64_t maxBatch,
                          int64_t maxSeqLen);

/// The plan, in arrays of the caller's.
struct Plan {
  attn_work_item *items;       ///< [PlanCapacity::items]
  int64_t *threadBegin;        ///< [threads + 1]: thread t runs items
                               ///< [threadBegin[t], threadBegin[t + 1])
  attn_combine_item *combines; ///< [PlanCapacity::combines], one a request
  int64_t numItems, numSlots, numCombines;
};

/// The requests of one call: how long each is and where its block ids are.
struct PlanBatch {
  const int32_t *seqLens = nullptr; ///< null: see getLength
  int64_t size = 0;
  const int32_t *blocks = nullptr; ///< null: a contiguous cache
  int64_t blockTableStride = 0;    ///< from row to row, where indptr is null
  const int32_t *indptr = nullptr; ///< where rows begin, one more than requests
  const int32_t *lastPageLen = nullptr; ///< null: all pages are full
  int64_t pageSize = 1;

  int64_t getNumPages(int64_t request) const {
    return int64_t(indptr[request + 1]) - indptr[request];
  }

  int64_t getLength(int64_t request) const {
    if (seqLens)
      return seqLens[request];
    int64_t pages = getNumPages(request);
    if (pages == 0 || !lastPageLen)
      return pages * pageSize;
    return (pages - 1) * pageSize + lastPageLen[request];
  }

  const int32_t *getBlocks(int64_t request) const {
    if (!blocks)
      return nullptr;
    return blocks + (indptr ? indptr[request] : request * blockTableStride);
  }
};

/// Fills the plan's arrays and counts. A request that sees no token gets one
/// item with no tokens. Slots are numbered in token order, so a merge adds up
/// in that order.
void makePlan(const PlanShape &shape, const PlanBatch &batch, Plan &plan);

/// Heads that work items count: those with a K of their own.
inline int64_t headsOf(const attn_kernel_desc &desc) {
  return desc.flags & ATTN_KERNEL_DECOMPRESS ? desc.q_heads : desc.kv_heads;
}

/// Query rows of such a head.
inline int64_t rowsOf(const attn_kernel_desc &desc) {
  return int64_t(desc.q_heads) / headsOf(desc) * desc.q_len;
}

/// Columns of the output.
inline int64_t outWidthOf(const attn_kernel_desc &desc) {
  return desc.flags & ATTN_KERNEL_DECOMPRESS ? desc.v : desc.v_dim;
}

/// Rows of a kv head that are merged at a time: their output stays in L1, and a
/// head with many rows (MLA) is shared by the threads.
constexpr int64_t kCombineRows = 16;

/// Calls `run` with the merges of one thread: an even share of the (merge, kv
/// head, kCombineRows rows) triples, whole heads together where they are no
/// taller. `getCombine(i)` is merge i of `numCombines`; heads and rows are
/// filled in here. `rows` counts those of a kv head.
template <typename GetCombine, typename Run>
void forEachCombine(int64_t numCombines, int64_t kvHeads, int64_t rows,
                    int64_t threads, int64_t thread, GetCombine getCombine,
                    Run run) {
  int64_t chunks = (rows + kCombineRows - 1) / kCombineRows;
  int64_t perMerge = kvHeads * chunks, total = numCombines * perMerge;
  int64_t unit = total * thread / threads;
  int64_t end = total * (thread + 1) / threads;
  while (unit < end) {
    attn_combine_item combine = getCombine(unit / perMerge);
    int64_t within = unit % perMerge, left = end - unit;
    int64_t chunk = within % chunks;
    combine.head_begin = within / chunks;
    int64_t heads = chunks > 1 ? 1
                    : left < kvHeads - combine.head_begin
                        ? left
                        : kvHeads - combine.head_begin;
    combine.head_end = combine.head_begin + heads;
    combine.row_begin = chunk * kCombineRows;
    combine.row_end =
        chunk + 1 < chunks ? combine.row_begin + kCombineRows : rows;
    run(combine);
    unit += heads;
  }
}

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_PLAN_H
