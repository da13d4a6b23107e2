//===-- Append.cpp - attn_append ------------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "ThreadPool.h"
#include "attn_layout.h"
#include "gpu/GpuDecode.h"

#include <algorithm>
#include <cinttypes>

using namespace attn::runtime;

// The struct is an ABI: it may only grow, at its end.
static_assert(sizeof(attn_append_params) == 208);
static constexpr size_t kFirstSize = 176;

namespace {

/// Source and cache of one of K and V.
struct Stream {
  const char *name, *sourceName;
  int64_t dim;
  const char *source;
  int64_t sourceStrideToken, sourceStrideHead;
  char *cache;
  int64_t strideBlock, strideToken, strideHead;
  bool interleaved;
};

} // namespace

static Stream getK(const attn_append_params &p) {
  return {"k",
          "k_src",
          p.k_dim,
          static_cast<const char *>(p.k_src),
          p.k_src_stride_token,
          p.k_src_stride_head,
          static_cast<char *>(p.k),
          p.k_stride_block,
          p.k_stride_token,
          p.k_stride_head,
          false};
}

static Stream getV(const attn_append_params &p) {
  return {"v",
          "v_src",
          p.v_dim,
          static_cast<const char *>(p.v_src),
          p.v_src_stride_token,
          p.v_src_stride_head,
          static_cast<char *>(p.v),
          p.v_stride_block,
          p.v_stride_token,
          p.v_stride_head,
          attn_layout_interleaves_v(p.layout, p.dtype) != 0};
}

static attn_status checkFacts(const attn_append_params &p) {
  ATTN_TRY(checkFlags(p.flags, ATTN_FLAG_V_IN_K));
  ATTN_TRY(checkDtype(p.dtype));
  ATTN_TRY(checkLayout(p.layout));
  ATTN_TRY(checkDevice(p.device, p.stream));
  if (int32_t reserved = p.reserved | p.reserved_2)
    return fail(ATTN_ERROR_VALUE, "reserved is %d", reserved);
  ATTN_TRY(checkMinimum("kv_heads", p.kv_heads, 1));
  ATTN_TRY(checkMinimum("k_dim", p.k_dim, 1));
  if (!(p.flags & ATTN_FLAG_V_IN_K))
    ATTN_TRY(checkMinimum("v_dim", p.v_dim, 1));
  if (p.page_size < 1)
    return fail(ATTN_ERROR_PAGE_SIZE, "page_size is %" PRId64, p.page_size);
  ATTN_TRY(checkCount("page_size", p.page_size, 1));
  ATTN_TRY(checkCount("num_blocks", p.num_blocks, 0));
  return checkCount("tokens", p.tokens, 0);
}

static attn_status checkStream(const attn_append_params &p, const Stream &s) {
  int64_t size = attn_dtype_size(p.dtype);
  ATTN_TRY(checkPointer(s.sourceName, s.source, size));
  ATTN_TRY(checkStrides(
      s.sourceName, s.dim, size, Access::Read,
      {{p.tokens, s.sourceStrideToken}, {p.kv_heads, s.sourceStrideHead}}));
  ATTN_TRY(checkPointer(s.name, s.cache, size));
  if (p.layout != ATTN_LAYOUT_OWN)
    return checkStrides(s.name, s.dim, size, Access::Write,
                        {{p.num_blocks, s.strideBlock},
                         {p.page_size, s.strideToken},
                         {p.kv_heads, s.strideHead}});
  ATTN_TRY(
      checkOwnRows(s.name, p.page_size, s.dim, s.strideToken, s.interleaved));
  return checkStrides(
      s.name, attn_own_chunk_elements(p.page_size, s.dim), size, Access::Write,
      {{p.num_blocks, s.strideBlock}, {p.kv_heads, s.strideHead}});
}

static attn_status checkSlots(const attn_append_params &p) {
  ATTN_TRY(checkPointer("slot_mapping", p.slot_mapping, sizeof(int64_t)));
  int64_t numSlots = p.num_blocks * p.page_size;
  for (int64_t i = 0; i < p.tokens; ++i)
    if (p.slot_mapping[i] < -1 || p.slot_mapping[i] >= numSlots)
      return fail(ATTN_ERROR_SLOT,
                  "slot_mapping[%" PRId64 "] is %" PRId64
                  " in a pool of %" PRId64 " slots",
                  i, p.slot_mapping[i], numSlots);
  return ATTN_OK;
}

/// Writes one row. Only 2-byte elements are interleaved.
static void writeRow(const Stream &s, int64_t pageSize, int64_t size,
                     const char *row, char *chunk, int64_t token) {
  if (!s.interleaved) {
    memcpy(chunk + attn_row_offset(s.strideToken, token, 0) * size, row,
           size_t(s.dim * size));
    return;
  }
  auto *from = reinterpret_cast<const uint16_t *>(row);
  auto *to = reinterpret_cast<uint16_t *>(chunk);
  for (int64_t dim = 0; dim < s.dim; ++dim)
    to[attn_own_v_offset(pageSize, token, dim)] = from[dim];
}

/// Whether a thread writes a slot. All tokens of a slot are one thread's, which
/// takes them in order; runs of slots keep neighbouring rows, which may share a
/// cache line, together.
static bool ownsSlot(int64_t slot, int64_t thread, int64_t threads) {
  constexpr int64_t kRun = 16;
  return slot >= 0 && slot / kRun % threads == thread;
}

static void writeStream(const attn_append_params &p, const Stream &s,
                        int64_t thread, int64_t threads) {
  int64_t size = attn_dtype_size(p.dtype);
  for (int64_t i = 0; i < p.tokens; ++i) {
    int64_t slot = p.slot_mapping[i];
    if (!ownsSlot(slot, thread, threads))
      continue;
    int64_t block = slot / p.page_size, token = slot % p.page_size;
    for (int64_t head = 0; head < p.kv_heads; ++head) {
      const char *row =
          s.source +
          (i * s.sourceStrideToken + head * s.sourceStrideHead) * size;
      char *chunk =
          s.cache + (block * s.strideBlock + head * s.strideHead) * size;
      writeRow(s, p.page_size, size, row, chunk, token);
    }
  }
}

namespace {

/// A checked call, ready to run.
struct AppendJob {
  const attn_append_params *params;
  int64_t threads;
};

} // namespace

static void runAppend(void *context, int32_t thread) {
  auto *job = static_cast<AppendJob *>(context);
  const attn_append_params &p = *job->params;
  if (thread >= job->threads)
    return;
  writeStream(p, getK(p), thread, job->threads);
  if (!(p.flags & ATTN_FLAG_V_IN_K))
    writeStream(p, getV(p), thread, job->threads);
}

/// Threads that are worth waking for what there is to copy.
static int64_t countThreads(const attn_append_params &p) {
  constexpr double kBytesPerThread = 64 << 10;
  double row = double(p.k_dim) + (p.flags & ATTN_FLAG_V_IN_K ? 0 : p.v_dim);
  double bytes =
      double(p.tokens) * p.kv_heads * row * double(attn_dtype_size(p.dtype));
  double pool = attn_pool_size(p.pool);
  return int64_t(std::clamp(bytes / kBytesPerThread, 1.0, pool));
}

attn_status attn_append(const attn_append_params *params) {
  attn_append_params p;
  ATTN_TRY(readStruct("attn_append_params", params, p, kFirstSize));
  ATTN_TRY(checkFacts(p));
  if (p.tokens == 0)
    return ATTN_OK;
  bool hasV = !(p.flags & ATTN_FLAG_V_IN_K);
  ATTN_TRY(checkStream(p, getK(p)));
  if (hasV)
    ATTN_TRY(checkStream(p, getV(p)));
  else if (p.v_src || (p.v && p.v != p.k))
    return fail(ATTN_ERROR_V_POINTER,
                "a V besides K is given under ATTN_FLAG_V_IN_K");
  if (p.device != ATTN_DEVICE_CPU)
    return gpu::append(p);
  ATTN_TRY(checkSlots(p));
  AppendJob job = {&p, countThreads(p)};
  PoolSession(job.threads > 1 ? p.pool : nullptr).run(runAppend, &job);
  return ATTN_OK;
}
