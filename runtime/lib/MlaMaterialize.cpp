//===-- MlaMaterialize.cpp - attn_mla_decode over K and V in memory -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// K and V of one head of one request at a time: a thread decompresses them to
// memory of its own and attends to them, before it goes on to the next. So they
// are read from where they were written, which is the caches for all but long
// contexts; threads do not wait for each other; and what a head's result is
// depends on its request alone.
//
//===----------------------------------------------------------------------===//

#include "MlaMaterialize.h"

#include "Check.h"
#include "Library.h"
#include "Mla.h"
#include "Select.h"
#include "ThreadPool.h"
#include "Validate.h"
#include "Workspace.h"
#include "attn_layout.h"

#include <algorithm>
#include <cstring>

using namespace attn::runtime;

/// Tokens of a block that holds any request: its kernels count no pages.
static constexpr int64_t kUnpaged = int64_t(1) << 31;

namespace {

/// A checked call, ready to run.
struct MaterializeJob {
  const attn_mla_params *p;
  const attn_decode_params *d;
  const Materialization *kernels;
  PlanBatch batch; ///< of blocks as the caller has them
  attn_kernel_args args;
  bool joined; ///< each head's rotary columns follow the others
  int64_t threads;
};

/// Latent rows at one distance, in elements.
struct Rows {
  const char *first;
  int64_t stride;
};

/// One thread's part of the workspace, and what it does there.
class Worker {
public:
  Worker(const MaterializeJob &job, int32_t thread)
      : job(job), p(*job.p), d(*job.d), kernels(*job.kernels),
        size(attn_dtype_size(d.dtype)),
        memory(static_cast<char *>(p.workspace) +
               uint64_t(thread) * kernels.perThread) {}

  void run(int64_t request, int64_t head);

private:
  const char *rowOf(int64_t request, int64_t token, int64_t kvHead) const;
  /// Elements from a row to the next, where they follow each other.
  int64_t rowStride() const {
    return d.page_size > 1 ? d.k_stride_token : d.k_stride_block;
  }
  bool followEachOther(int64_t request, int64_t kvHead, int64_t first,
                       int64_t count) const;
  Rows getRows(int64_t request, int64_t kvHead, int64_t first, int64_t count);
  void project(const attn_project_desc &desc, int64_t head, int64_t count,
               const Rows &rows, const void *weight, char *to,
               int64_t toStride);
  void decompress(int64_t request, int64_t head, TokenRange tokens);

  const MaterializeJob &job;
  const attn_mla_params &p;
  const attn_decode_params &d;
  const Materialization &kernels;
  int64_t size;
  char *memory;
};

} // namespace

attn_status attn::runtime::selectMaterialized(const attn_library *lib,
                                              const attn_mla_params &p,
                                              const attn_decode_params &d,
                                              Materialization &s) {
  int32_t rope = d.k_dim - d.v_dim;
  // What the heads' own K and V are: rows of one block that ends nowhere.
  attn_decode_params facts = d;
  facts.flags &= ~uint32_t(ATTN_FLAG_V_IN_K);
  facts.layout = ATTN_LAYOUT_ROW;
  facts.kv_heads = d.q_heads;
  facts.k_dim = p.nope + rope;
  facts.v_dim = p.v;
  facts.page_size = kUnpaged;
  ATTN_TRY(selectWithRest([&](bool inParts) {
    attn_decode_params own = facts;
    if (inParts) {
      own.flags |= ATTN_KERNEL_REST;
      own.k_dim += p.nope;
    }
    ATTN_TRY(selectKernel(*lib->table, own, attn_cpu_isa(), s.attention));
    // Of rows as wide as these, other columns may have the rest.
    if (inParts && s.attention->nope != p.nope)
      return fail(ATTN_ERROR_UNSUPPORTED,
                  "the kernel's keys have another rest");
    return ATTN_OK;
  }));
  s.rest = getKeyRest(*s.attention);
  ATTN_TRY(selectProjection(lib, d,
                            {d.dtype, d.dtype, d.q_heads, d.v_dim, p.nope,
                             nullptr, /*transposed=*/true,
                             /*latentRows=*/false, /*rest=*/s.rest > 0},
                            s.key));
  ATTN_TRY(selectProjection(lib, d, {d.dtype, d.dtype, d.q_heads, d.v_dim, p.v},
                            s.value));
  s.shape = getPlanShape(*s.attention, d);

  uint64_t element = uint64_t(attn_dtype_size(d.dtype));
  uint64_t tokens = uint64_t(visibleCapacity(s.shape, d.max_seq_len));
  uint64_t width = uint64_t(p.nope) + uint64_t(rope);
  WorkspaceDivider thread;
  s.keys = thread.add({tokens, width + uint64_t(s.rest), element});
  s.values = thread.add({tokens, uint64_t(p.v), element});
  s.latents =
      thread.add({uint64_t(ATTN_PROJECT_TOKENS), uint64_t(d.k_dim), element});
  s.query = thread.add({uint64_t(d.q_len), width, element});
  s.scratch = thread.add(
      {uint64_t(std::max({s.key->scratch_bytes, s.value->scratch_bytes,
                          s.attention->scratch_bytes}))});
  ATTN_TRY(thread.finish(s.perThread));
  WorkspaceDivider all;
  all.add({uint64_t(attn_pool_size(d.pool)), s.perThread});
  return all.finish(s.total);
}

/// A latent row, where the caller has it. Ids may be of 64 bits here: no kernel
/// reads them.
const char *Worker::rowOf(int64_t request, int64_t token,
                          int64_t kvHead) const {
  int64_t page = token / d.page_size, block = request;
  if (d.indptr && d.index_type == ATTN_INDEX_INT64)
    block = static_cast<const int64_t *>(d.indices)[d.indptr[request] + page];
  else if (const int32_t *blocks = job.batch.getBlocks(request))
    block = blocks[page];
  return static_cast<const char *>(d.k) +
         (block * d.k_stride_block + kvHead * d.k_stride_head +
          token % d.page_size * d.k_stride_token) *
             size;
}

/// Whether one page's rows continue those of the page before. As numbers: the
/// stride of a dimension of one may be anything.
bool Worker::followEachOther(int64_t request, int64_t kvHead, int64_t first,
                             int64_t count) const {
  auto addressOf = [&](int64_t token) {
    return reinterpret_cast<uintptr_t>(rowOf(request, token, kvHead));
  };
  uintptr_t start = addressOf(first);
  for (int64_t token = first + d.page_size - first % d.page_size;
       token < first + count; token += d.page_size)
    if (addressOf(token) != start + uintptr_t(token - first) *
                                        uintptr_t(rowStride()) *
                                        uintptr_t(size))
      return false;
  return true;
}

/// The rows where they are, or brought together.
Rows Worker::getRows(int64_t request, int64_t kvHead, int64_t first,
                     int64_t count) {
  if (followEachOther(request, kvHead, first, count))
    return {rowOf(request, first, kvHead), rowStride()};
  char *latents = memory + kernels.latents;
  int64_t bytes = d.k_dim * size;
  for (int64_t i = 0; i < count; ++i)
    memcpy(latents + i * bytes, rowOf(request, first + i, kvHead),
           size_t(bytes));
  return {latents, d.k_dim};
}

/// Multiplies the latent part of the rows by a head's matrix.
void Worker::project(const attn_project_desc &desc, int64_t head, int64_t count,
                     const Rows &rows, const void *weight, char *to,
                     int64_t toStride) {
  attn_project_args args = {rows.first,
                            /*in_stride_batch=*/0,
                            rows.stride,
                            /*in_stride_head=*/0,
                            weight,
                            to,
                            /*out_stride_batch=*/0,
                            toStride,
                            /*out_stride_head=*/0};
  attn_project_item item = {0, 0, count, head, head + 1};
  desc.kernel(&args, &item, memory + kernels.scratch);
}

/// Makes K and V of the tokens; the first of them is the first row.
void Worker::decompress(int64_t request, int64_t head, TokenRange tokens) {
  int64_t rank = d.v_dim, rope = d.k_dim - rank;
  int64_t made = p.nope + kernels.rest, width = made + rope;
  int64_t kvHead = head / (d.q_heads / d.kv_heads);
  for (int64_t first = tokens.begin; first < tokens.end;
       first += int64_t(ATTN_PROJECT_TOKENS)) {
    int64_t count = std::min(tokens.end - first, int64_t(ATTN_PROJECT_TOKENS));
    Rows rows = getRows(request, kvHead, first, count);
    char *keys = memory + kernels.keys + (first - tokens.begin) * width * size;
    char *values =
        memory + kernels.values + (first - tokens.begin) * p.v * size;
    project(*kernels.key, head, count, rows, p.w_uk, keys, width);
    project(*kernels.value, head, count, rows, p.w_uv, values, p.v);
    // The rotary part is a key's as it is.
    for (int64_t i = 0; rope && i < count; ++i)
      memcpy(keys + (i * width + made) * size,
             rows.first + (i * rows.stride + rank) * size, size_t(rope * size));
  }
}

/// Where token 0 of a request would be, whose row `first` is at `rows`. Formed
/// as a number: it may lie outside of the workspace.
static const void *originOf(const char *rows, int64_t first, int64_t bytes) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<const void *>(reinterpret_cast<uintptr_t>(rows) -
                                        uintptr_t(first) * uintptr_t(bytes));
}

void Worker::run(int64_t request, int64_t head) {
  int64_t length = job.batch.getLength(request);
  TokenRange tokens = visibleTokens(kernels.shape, length);
  decompress(request, head, tokens);
  int64_t width = p.nope + d.k_dim - d.v_dim;
  attn_kernel_args args = job.args;
  args.k = originOf(memory + kernels.keys, tokens.begin,
                    (width + kernels.rest) * size);
  args.v = originOf(memory + kernels.values, tokens.begin, p.v * size);
  if (!job.joined) {
    char *query = memory + kernels.query;
    for (int64_t t = 0; t < d.q_len; ++t)
      joinQueryRow(p, d, request, t, head, query + t * width * size);
    args.q = query;
    args.q_stride_batch = args.q_stride_head = 0;
    args.q_stride_token = width;
  }
  attn_work_item item = {nullptr,    request, length,   tokens.begin,
                         tokens.end, head,    head + 1, /*slot=*/-1};
  kernels.attention->kernel(&args, &item, memory + kernels.scratch);
}

/// The units, head by head and in each request by request, are a line as long
/// as their tokens; a thread has those whose middle lies in its share of it.
/// The weights of a head then stay with a thread, or two.
static void runHeads(void *context, int32_t thread) {
  const auto &job = *static_cast<const MaterializeJob *>(context);
  if (thread >= job.threads)
    return;
  auto costOf = [&](int64_t request) {
    TokenRange tokens =
        visibleTokens(job.kernels->shape, job.batch.getLength(request));
    // An empty request's output must be written too.
    return std::max<int64_t>(tokens.end - tokens.begin, 1);
  };
  int64_t perHead = 0;
  for (int64_t request = 0; request < job.batch.size; ++request)
    perHead += costOf(request);
  // Sums of some 2^31 requests of 2^31 tokens, times heads and threads.
  using Wide = __int128;
  Wide total = Wide(perHead) * job.d->q_heads, place = 0;
  Wide begin = total * thread, end = total * (thread + 1);
  Worker worker(job, thread);
  for (int64_t head = 0; head < job.d->q_heads; ++head)
    for (int64_t request = 0; request < job.batch.size; ++request) {
      int64_t cost = costOf(request);
      Wide middle = (2 * place + cost) * job.threads / 2;
      if (middle >= begin && middle < end)
        worker.run(request, head);
      place += cost;
    }
}

attn_status
attn::runtime::materializeAndAttend(const attn_mla_params &p,
                                    attn_decode_params &d,
                                    const Materialization &kernels) {
  // The checks see a query and an output as wide as the rows; both have been
  // checked as they are.
  setDenseRows(d, p.q_nope, p.out);
  ATTN_TRY(checkTensors(d));
  ATTN_TRY(checkLengthsAndBlocks(d, kernels.shape));
  MaterializeJob job;
  job.p = &p;
  job.d = &d;
  job.kernels = &kernels;
  job.batch = getBatch(d, /*narrowed=*/nullptr);
  job.joined = areQueriesJoined(p, d);
  attn_kernel_args &args = job.args;
  args = getKernelArgs(d, /*partialOut=*/nullptr, /*partialLse=*/nullptr);
  setRowStrides(p, args);
  args.k_stride_block = args.k_stride_head = 0;
  args.k_stride_token = p.nope + kernels.rest + d.k_dim - d.v_dim;
  args.v_stride_block = args.v_stride_head = 0;
  args.v_stride_token = p.v;
  args.page_size = kUnpaged;
  job.threads = std::min<int64_t>(attn_pool_size(d.pool), d.batch * d.q_heads);
  PoolSession(job.threads > 1 ? d.pool : nullptr).run(runHeads, &job);
  return ATTN_OK;
}
