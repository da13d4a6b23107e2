//===-- Validate.cpp - Checks of a decode call ----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Validate.h"

#include "Check.h"
#include "Plan.h"
#include "attn_layout.h"

#include <cinttypes>
#include <cmath>

using namespace attn::runtime;

// The struct is an ABI: it may only grow, at its end.
static_assert(sizeof(attn_decode_params) == 336);

static attn_status checkMask(const attn_decode_params &p) {
  if (!std::isfinite(p.scale))
    return fail(ATTN_ERROR_VALUE, "scale is not finite");
  if (!std::isfinite(p.softcap) || p.softcap < 0)
    return fail(ATTN_ERROR_VALUE, "softcap is %g", double(p.softcap));
  if (p.window < 0)
    return fail(ATTN_ERROR_VALUE, "window is %" PRId64, p.window);
  if (p.split_size < 0)
    return fail(ATTN_ERROR_VALUE, "split_size is %" PRId64, p.split_size);
  return ATTN_OK;
}

attn_status attn::runtime::readFacts(const attn_library *lib,
                                     const attn_decode_params *params,
                                     attn_decode_params &p) {
  if (!lib)
    return fail(ATTN_ERROR_NULL_POINTER, "lib is null");
  ATTN_TRY(readStruct("attn_decode_params", params, p));
  ATTN_TRY(checkFlags(p.flags, ATTN_FLAG_CAUSAL | ATTN_FLAG_SINKS |
                                   ATTN_FLAG_V_IN_K | ATTN_FLAG_SCORE_MOD |
                                   ATTN_FLAG_BATCH_INVARIANT |
                                   ATTN_FLAG_ALLOW_EMULATED));
  ATTN_TRY(checkDtype(p.dtype));
  ATTN_TRY(checkLayout(p.layout));
  ATTN_TRY(checkIsa(p.isa));
  ATTN_TRY(checkHeads(p.q_heads, p.kv_heads));
  ATTN_TRY(checkMinimum("k_dim", p.k_dim, 1));
  ATTN_TRY(checkMinimum("v_dim", p.v_dim, 1));
  ATTN_TRY(checkMinimum("q_len", p.q_len, 1));
  if ((p.flags & ATTN_FLAG_V_IN_K) && p.v_dim > p.k_dim)
    return fail(ATTN_ERROR_SHAPE, "V in K, but v_dim %d exceeds k_dim %d",
                p.v_dim, p.k_dim);
  ATTN_TRY(checkMask(p));
  ATTN_TRY(checkCount("max_batch", p.max_batch, 1));
  ATTN_TRY(checkCount("max_seq_len", p.max_seq_len, 1));
  if (p.page_size < 1)
    return fail(ATTN_ERROR_PAGE_SIZE, "page_size is %" PRId64, p.page_size);
  return checkCount("page_size", p.page_size, 1);
}

template <typename Params>
attn_status attn::runtime::checkOutputs(const Params &p) {
  int64_t size = attn_dtype_size(p.dtype);
  ATTN_TRY(checkPointer("out", p.out, size));
  ATTN_TRY(checkStrides("out", p.v_dim, size, Access::Write,
                        {{p.batch, p.out_stride_batch},
                         {p.q_len, p.out_stride_token},
                         {p.q_heads, p.out_stride_head}}));
  if (p.lse) {
    ATTN_TRY(checkPointer("lse", p.lse, sizeof(float)));
    ATTN_TRY(checkStrides("lse", 1, sizeof(float), Access::Write,
                          {{p.batch, p.lse_stride_batch},
                           {p.q_len, p.lse_stride_token},
                           {p.q_heads, p.lse_stride_head}}));
  }
  if (p.flags & ATTN_FLAG_SINKS)
    return checkPointer("sinks", p.sinks, sizeof(float));
  if (p.sinks)
    return fail(ATTN_ERROR_SINKS, "sinks are given without ATTN_FLAG_SINKS");
  return ATTN_OK;
}

template attn_status attn::runtime::checkOutputs(const attn_decode_params &);
template attn_status attn::runtime::checkOutputs(const attn_merge_params &);

/// K and V, and the block table that leads to their blocks.
static attn_status checkCache(const attn_decode_params &p) {
  int64_t size = attn_dtype_size(p.dtype);
  bool own = p.layout == ATTN_LAYOUT_OWN;
  ATTN_TRY(checkCount("num_blocks", p.num_blocks, 0));
  ATTN_TRY(checkPointer("k", p.k, size));
  ATTN_TRY(checkStrides("k", p.k_dim, size, Access::Read,
                        {{p.num_blocks, p.k_stride_block},
                         {p.page_size, p.k_stride_token},
                         {p.kv_heads, p.k_stride_head}}));
  if (own)
    ATTN_TRY(checkOwnRows("k", p.page_size, p.k_dim, p.k_stride_token, false));
  if (p.flags & ATTN_FLAG_V_IN_K) {
    if (p.v && p.v != p.k)
      return fail(ATTN_ERROR_V_POINTER,
                  "v is neither null nor k under ATTN_FLAG_V_IN_K");
    return ATTN_OK;
  }
  ATTN_TRY(checkPointer("v", p.v, size));
  ATTN_TRY(checkStrides("v", p.v_dim, size, Access::Read,
                        {{p.num_blocks, p.v_stride_block},
                         {p.page_size, p.v_stride_token},
                         {p.kv_heads, p.v_stride_head}}));
  return own ? checkOwnRows("v", p.page_size, p.v_dim, p.v_stride_token,
                            attn_layout_interleaves_v(p.layout, p.dtype))
             : ATTN_OK;
}

static attn_status checkCacheCapacity(const attn_decode_params &p) {
  if (!p.block_table) {
    if (p.page_size < p.max_seq_len)
      return fail(ATTN_ERROR_CACHE_CAPACITY,
                  "contiguous cache: page_size %" PRId64
                  " holds less than max_seq_len %" PRId64,
                  p.page_size, p.max_seq_len);
    if (p.num_blocks < p.batch)
      return fail(ATTN_ERROR_CACHE_CAPACITY,
                  "contiguous cache: %" PRId64
                  " blocks for a batch of %" PRId64,
                  p.num_blocks, p.batch);
    return ATTN_OK;
  }
  ATTN_TRY(checkPointer("block_table", p.block_table, sizeof(int32_t)));
  ATTN_TRY(checkCount("max_blocks", p.max_blocks, 1));
  ATTN_TRY(checkStrides("block_table", p.max_blocks, sizeof(int32_t),
                        Access::Read, {{p.batch, p.block_table_stride}}));
  if (p.max_blocks * p.page_size < p.max_seq_len)
    return fail(ATTN_ERROR_CACHE_CAPACITY,
                "%" PRId64 " blocks of %" PRId64
                " tokens hold less than max_seq_len %" PRId64,
                p.max_blocks, p.page_size, p.max_seq_len);
  return ATTN_OK;
}

attn_status attn::runtime::checkTensors(const attn_decode_params &p) {
  int64_t size = attn_dtype_size(p.dtype);
  ATTN_TRY(checkPointer("q", p.q, size));
  ATTN_TRY(checkStrides("q", p.k_dim, size, Access::Read,
                        {{p.batch, p.q_stride_batch},
                         {p.q_len, p.q_stride_token},
                         {p.q_heads, p.q_stride_head}}));
  ATTN_TRY(checkCache(p));
  ATTN_TRY(checkOutputs(p));
  ATTN_TRY(checkCacheCapacity(p));
  return checkPointer("seq_lens", p.seq_lens, sizeof(int32_t));
}

static attn_status checkLength(const attn_decode_params &p, int64_t request) {
  int64_t length = p.seq_lens[request];
  if (length < 0)
    return fail(ATTN_ERROR_SEQ_LEN_NEGATIVE,
                "seq_lens[%" PRId64 "] is %" PRId64, request, length);
  if (length > p.max_seq_len)
    return fail(ATTN_ERROR_SEQ_LEN_CAPACITY,
                "seq_lens[%" PRId64 "] is %" PRId64
                ", over max_seq_len %" PRId64,
                request, length, p.max_seq_len);
  if ((p.flags & ATTN_FLAG_CAUSAL) && length > 0 && length < p.q_len)
    return fail(ATTN_ERROR_SEQ_LEN_CAUSAL,
                "seq_lens[%" PRId64 "] is %" PRId64
                ", less than the %d query tokens it counts",
                request, length, p.q_len);
  return ATTN_OK;
}

attn_status attn::runtime::checkLengthsAndBlocks(const attn_decode_params &p,
                                                 const PlanShape &shape) {
  for (int64_t request = 0; request < p.batch; ++request) {
    ATTN_TRY(checkLength(p, request));
    if (!p.block_table)
      continue;
    TokenRange range = visibleTokens(shape, p.seq_lens[request]);
    int64_t end = ceilDivide(range.end, p.page_size);
    const int32_t *row = p.block_table + request * p.block_table_stride;
    for (int64_t i = range.begin / p.page_size; i < end; ++i)
      if (row[i] < 0 || row[i] >= p.num_blocks)
        return fail(ATTN_ERROR_BLOCK_INDEX,
                    "block_table[%" PRId64 "][%" PRId64
                    "] is %d in a pool of %" PRId64 " blocks",
                    request, i, row[i], p.num_blocks);
  }
  return ATTN_OK;
}
