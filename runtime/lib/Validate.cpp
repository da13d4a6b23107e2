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
#include <type_traits>

using namespace attn::runtime;

// The struct is an ABI: it may only grow, at its end.
static_assert(sizeof(attn_decode_params) == 384);
static constexpr size_t kFirstSize = 336;

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
  ATTN_TRY(readStruct("attn_decode_params", params, p, kFirstSize));
  ATTN_TRY(checkFlags(p.flags,
                      ATTN_FLAG_CAUSAL | ATTN_FLAG_SINKS | ATTN_FLAG_V_IN_K |
                          ATTN_FLAG_SCORE_MOD | ATTN_FLAG_BATCH_INVARIANT |
                          ATTN_FLAG_ALLOW_EMULATED | ATTN_FLAG_OUT_F32));
  ATTN_TRY(checkDtype(p.dtype));
  ATTN_TRY(checkLayout(p.layout));
  ATTN_TRY(checkIsa(p.isa));
  ATTN_TRY(checkDevice(p.device, p.stream));
  if (p.index_type != ATTN_INDEX_INT32 && p.index_type != ATTN_INDEX_INT64)
    return fail(ATTN_ERROR_ENUM, "%d is no attn_index_type", p.index_type);
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
  ATTN_TRY(checkCount("max_indices", p.max_indices, 0));
  if (p.page_size < 1)
    return fail(ATTN_ERROR_PAGE_SIZE, "page_size is %" PRId64, p.page_size);
  return checkCount("page_size", p.page_size, 1);
}

template <typename Params>
attn_status attn::runtime::checkOutputs(const Params &p) {
  int64_t size =
      attn_dtype_size(p.flags & ATTN_FLAG_OUT_F32 ? ATTN_F32 : p.dtype);
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

/// At most one way to address the cache, and what goes with it.
static attn_status checkAddressing(const attn_decode_params &p) {
  if (p.indptr && p.block_table)
    return fail(ATTN_ERROR_ADDRESSING, "both block_table and indptr are given");
  if (!p.indptr) {
    if (p.indices || p.last_page_len || p.index_type)
      return fail(ATTN_ERROR_ADDRESSING, "%s set, but indptr is null",
                  p.indices         ? "indices are"
                  : p.last_page_len ? "last_page_len is"
                                    : "index_type is");
    return checkPointer("seq_lens", p.seq_lens, sizeof(int32_t));
  }
  ATTN_TRY(checkPointer("indptr", p.indptr, sizeof(int32_t)));
  if (p.indices || p.max_indices)
    ATTN_TRY(checkPointer("indices", p.indices,
                          p.index_type == ATTN_INDEX_INT64 ? sizeof(int64_t)
                                                           : sizeof(int32_t)));
  if (p.seq_lens && p.last_page_len)
    return fail(ATTN_ERROR_ADDRESSING,
                "both seq_lens and last_page_len are given");
  if (p.seq_lens)
    return checkPointer("seq_lens", p.seq_lens, sizeof(int32_t));
  // A page of one token is full.
  if (p.page_size == 1 && !p.last_page_len)
    return ATTN_OK;
  return checkPointer("last_page_len, which stands in for seq_lens,",
                      p.last_page_len, sizeof(int32_t));
}

static attn_status checkCacheCapacity(const attn_decode_params &p) {
  if (p.indptr)
    return ATTN_OK; // checked request by request
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
  ATTN_TRY(checkAddressing(p));
  return checkCacheCapacity(p);
}

/// Where the request's page ids begin and end, and how full the last page is.
static attn_status checkPages(const attn_decode_params &p, int64_t request) {
  int64_t begin = p.indptr[request], end = p.indptr[request + 1];
  if (begin < 0 || end < begin || end > p.max_indices)
    return fail(ATTN_ERROR_INDPTR,
                "indptr[%" PRId64 "] and the next are %" PRId64 " and %" PRId64
                ": descending, or not in [0, max_indices %" PRId64 "]",
                request, begin, end, p.max_indices);
  // What engines compute of no pages is 0 or page_size or what was there.
  if (!p.last_page_len || begin == end)
    return ATTN_OK;
  int64_t last = p.last_page_len[request];
  if (last < 1 || last > p.page_size)
    return fail(ATTN_ERROR_LAST_PAGE_LEN,
                "last_page_len[%" PRId64 "] is %" PRId64
                ", not in [1, page_size %" PRId64 "]",
                request, last, p.page_size);
  return ATTN_OK;
}

static attn_status checkLength(const attn_decode_params &p,
                               const PlanBatch &batch, int64_t request) {
  int64_t length = batch.getLength(request);
  if (length < 0)
    return fail(ATTN_ERROR_SEQ_LEN_NEGATIVE,
                "seq_lens[%" PRId64 "] is %" PRId64, request, length);
  if (length > p.max_seq_len)
    return fail(ATTN_ERROR_SEQ_LEN_CAPACITY,
                "request %" PRId64 " has %" PRId64
                " tokens, over max_seq_len %" PRId64,
                request, length, p.max_seq_len);
  if ((p.flags & ATTN_FLAG_CAUSAL) && length > 0 && length < p.q_len)
    return fail(ATTN_ERROR_SEQ_LEN_CAUSAL,
                "request %" PRId64 " has %" PRId64
                " tokens, less than the %d query tokens they count",
                request, length, p.q_len);
  if (p.indptr && batch.getNumPages(request) < ceilDivide(length, p.page_size))
    return fail(ATTN_ERROR_INDPTR,
                "indptr gives request %" PRId64 " %" PRId64 " pages of %" PRId64
                " for %" PRId64 " tokens",
                request, batch.getNumPages(request), p.page_size, length);
  return ATTN_OK;
}

/// Checks the ids of entries [begin, end) of a request's row.
template <typename Id>
static attn_status checkBlocks(const attn_decode_params &p, int64_t request,
                               const Id *row, int64_t begin, int64_t end) {
  // Branch-free over the row: a pool of single tokens has an id per token.
  auto blocks = std::make_unsigned_t<Id>(p.num_blocks);
  bool bad = false;
  for (int64_t i = begin; i < end; ++i)
    bad |= std::make_unsigned_t<Id>(row[i]) >= blocks;
  if (!bad)
    return ATTN_OK;
  int64_t i = begin;
  while (std::make_unsigned_t<Id>(row[i]) < blocks)
    ++i;
  int64_t id = row[i];
  if (id > INT32_MAX)
    return fail(ATTN_ERROR_INDEX_WIDTH,
                "page %" PRId64 " of request %" PRId64 " is block %" PRId64
                ", above 2^31 - 1",
                i, request, id);
  return fail(ATTN_ERROR_BLOCK_INDEX,
              "page %" PRId64 " of request %" PRId64 " is block %" PRId64
              " in a pool of %" PRId64 " blocks",
              i, request, id, p.num_blocks);
}

PlanBatch attn::runtime::getBatch(const attn_decode_params &p,
                                  const int32_t *narrowed) {
  PlanBatch batch;
  batch.seqLens = p.seq_lens;
  batch.size = p.batch;
  batch.blocks = !p.indptr ? p.block_table
                 : p.index_type == ATTN_INDEX_INT64
                     ? narrowed
                     : static_cast<const int32_t *>(p.indices);
  batch.blockTableStride = p.block_table_stride;
  batch.indptr = p.indptr;
  batch.lastPageLen = p.last_page_len;
  batch.pageSize = p.page_size;
  return batch;
}

attn_status attn::runtime::checkLengthsAndBlocks(const attn_decode_params &p,
                                                 const PlanShape &shape) {
  PlanBatch batch = getBatch(p, nullptr);
  bool wide = p.indptr && p.index_type == ATTN_INDEX_INT64;
  for (int64_t request = 0; request < p.batch; ++request) {
    if (p.indptr)
      ATTN_TRY(checkPages(p, request));
    ATTN_TRY(checkLength(p, batch, request));
    if (!p.block_table && !p.indptr)
      continue;
    TokenRange range = visibleTokens(shape, batch.getLength(request));
    int64_t begin = range.begin / p.page_size;
    int64_t end = ceilDivide(range.end, p.page_size);
    if (wide)
      ATTN_TRY(checkBlocks(p, request,
                           static_cast<const int64_t *>(p.indices) +
                               p.indptr[request],
                           begin, end));
    else
      ATTN_TRY(checkBlocks(p, request, batch.getBlocks(request), begin, end));
  }
  return ATTN_OK;
}
