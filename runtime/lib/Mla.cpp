//===-- Mla.cpp - attn_mla_decode -----------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mla.h"

#include "Check.h"
#include "Decode.h"
#include "Library.h"
#include "MlaDecompress.h"
#include "MlaMaterialize.h"
#include "Validate.h"
#include "attn_layout.h"
#include "gpu/GpuProject.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

using namespace attn::runtime;

// The struct is an ABI: it may only grow, at its end.
static_assert(sizeof(attn_mla_params) == 160);
static constexpr size_t kFirstSize = 152;

/// In the order that ATTN_MLA_FORM_AUTO prefers.
static constexpr int32_t kForms[] = {
    ATTN_MLA_FORM_ABSORBED, ATTN_MLA_FORM_FUSED, ATTN_MLA_FORM_MATERIALIZED};

namespace {

/// Byte offsets of the parts of the workspace. The attention's own comes first.
struct MlaLayout {
  uint64_t query, output, merges, scratch, scratchStride, total;
};

/// What sizing and running a call begin with.
struct MlaSelection {
  attn_decode_params decode;
  int32_t form;
  Selection attention;
  const attn_kernel_desc *decompressing;   ///< of the fused form
  const attn_project_desc *query, *output; ///< of the absorbed one
  Materialization materialization;         ///< of the materialized one
  MlaLayout layout;
};

/// A projection of all rows.
struct Projection {
  const attn_project_desc *desc;
  attn_project_merge_args args;
  int64_t batch, tokens;
};

struct MlaJob {
  Projection query, output;
  /// The query's rotary part goes next to what is projected.
  const char *rope;
  int64_t ropeBytes, ropeStrideBatch, ropeStrideToken, ropeStrideHead;
  char *ropeTarget;
  int64_t targetStrideRow, targetStrideHead, qLen;
  int64_t batch, heads, threads;
  char *scratch;
  uint64_t scratchStride;
};

} // namespace

/// Whether a projection is the output's of this attention (null: the query's)
/// as far as merging partial states goes.
static bool mergesFor(const attn_project_desc &desc,
                      const attn_kernel_desc *attention) {
  if (desc.q_len == 0)
    return true;
  uint32_t differing = attention ? desc.flags ^ attention->flags : 0;
  return attention && desc.q_len == attention->q_len &&
         !(differing & ATTN_KERNEL_SINKS);
}

attn_status attn::runtime::selectProjection(const attn_library *lib,
                                            const ProjectionFacts &facts,
                                            int32_t limit, bool allowEmulated,
                                            const attn_project_desc *&best) {
  best = nullptr;
  for (uint32_t i = 0; i < lib->table->num_projections; ++i) {
    const attn_project_desc &desc = lib->table->projections[i];
    bool fits =
        desc.dtype == facts.dtype && desc.in_dtype == facts.inDtype &&
        desc.heads == facts.heads && desc.k_dim == facts.k &&
        desc.n_dim == facts.n && desc.isa <= limit &&
        mergesFor(desc, facts.attention) &&
        facts.transposed == bool(desc.flags & ATTN_KERNEL_UP_TRANSPOSED) &&
        facts.latentRows == bool(desc.flags & ATTN_KERNEL_LATENT_ROWS) &&
        facts.rest == bool(desc.flags & ATTN_KERNEL_REST) &&
        (!(desc.flags & ATTN_KERNEL_EMULATED) || allowEmulated);
    if (fits && (!best || desc.isa > best->isa))
      best = &desc;
  }
  if (best)
    return ATTN_OK;
  return fail(ATTN_ERROR_UNSUPPORTED,
              "the library has no %s projection of %d heads from %" PRId64
              " to %" PRId64 "%s%s that this %s runs",
              attn_dtype_name(facts.dtype), facts.heads, facts.k, facts.n,
              facts.transposed ? " with transposed weights" : "",
              facts.rest ? " in two parts" : "", lib->gpu ? "GPU" : "CPU");
}

attn_status attn::runtime::selectProjection(const attn_library *lib,
                                            const attn_decode_params &d,
                                            const ProjectionFacts &facts,
                                            const attn_project_desc *&desc) {
  return selectProjection(lib, facts,
                          d.isa == ATTN_ISA_AUTO ? attn_cpu_isa() : d.isa,
                          d.flags & ATTN_FLAG_ALLOW_EMULATED, desc);
}

static attn_status layOut(const attn_decode_params &p, MlaSelection &s) {
  WorkspaceDivider divider;
  divider.add({s.attention.layout.total});
  uint64_t rows = uint64_t(p.max_batch) * uint64_t(p.q_len);
  uint64_t heads = uint64_t(p.q_heads), size = attn_dtype_size(p.dtype);
  uint64_t width = uint64_t(p.k_dim + getQueryRest(*s.attention.desc));
  s.layout.query = divider.add({rows, heads, width, size});
  s.layout.output =
      divider.add({rows, heads, uint64_t(p.v_dim), sizeof(float)});
  s.layout.merges = divider.add(
      {s.output->q_len ? uint64_t(p.max_batch) : 0, sizeof(attn_combine_item)});
  int64_t scratch = std::max(s.query->scratch_bytes, s.output->scratch_bytes);
  s.layout.scratchStride = getScratchStride(scratch);
  s.layout.scratch =
      divider.add({uint64_t(attn_pool_size(p.pool)), s.layout.scratchStride});
  return divider.finish(s.layout.total);
}

/// Reads the params and checks the facts; the attention's are copied.
static attn_status readMla(const attn_library *lib,
                           const attn_mla_params *params, attn_mla_params &p,
                           attn_decode_params &decode) {
  ATTN_TRY(readStruct("attn_mla_params", params, p, kFirstSize));
  ATTN_TRY(checkFlags(p.flags, 0));
  if (p.form < ATTN_MLA_FORM_AUTO || p.form > ATTN_MLA_FORM_MATERIALIZED)
    return fail(ATTN_ERROR_ENUM, "%d is no attn_mla_form", p.form);
  if (p.reserved)
    return fail(ATTN_ERROR_VALUE, "reserved is %d", p.reserved);
  ATTN_TRY(readFacts(lib, p.decode, decode));
  if (!(decode.flags & ATTN_FLAG_V_IN_K))
    return fail(ATTN_ERROR_FLAGS, "attn_mla_decode reads latent rows: "
                                  "decode->flags lacks ATTN_FLAG_V_IN_K");
  ATTN_TRY(checkMinimum("nope", p.nope, 1));
  ATTN_TRY(checkMinimum("v", p.v, 1));
  // Whose output is in f32 is for each form to say.
  decode.flags &= ~uint32_t(ATTN_FLAG_OUT_F32);
  return ATTN_OK;
}

static attn_status selectAbsorbed(const attn_library *lib,
                                  const attn_mla_params &p, MlaSelection &s) {
  s.decode.flags |= ATTN_FLAG_OUT_F32;
  const attn_decode_params &d = s.decode;
  ATTN_TRY(selectWithRest([&](bool inParts) {
    attn_decode_params facts = d;
    if (inParts)
      facts.flags |= ATTN_KERNEL_REST;
    return selectDecode(lib, facts, s.attention);
  }));
  ProjectionFacts query = {d.dtype, d.dtype, d.q_heads, p.nope, d.v_dim};
  query.rest = getQueryRest(*s.attention.desc) > 0;
  ATTN_TRY(selectProjection(lib, d, query, s.query));
  ATTN_TRY(selectProjection(
      lib, d, {d.dtype, ATTN_F32, d.q_heads, d.v_dim, p.v, s.attention.desc},
      s.output));
  return layOut(s.decode, s);
}

static attn_status selectFused(const attn_library *lib,
                               const attn_mla_params &p, MlaSelection &s) {
  s.decompressing = findDecompressing(*lib, p, s.decode);
  if (!s.decompressing)
    return fail(ATTN_ERROR_UNSUPPORTED, "no kernel decompresses such rows");
  return selectDecompressing(*s.decompressing, s.decode, s.attention,
                             s.layout.total);
}

const char *attn::runtime::formName(int32_t form) {
  static const char *const names[] = {"auto", "absorbed", "fused",
                                      "materialized"};
  return names[form];
}

/// Chooses the kernels of one form for the attention `s.decode`.
static attn_status selectForm(const attn_library *lib, const attn_mla_params &p,
                              int32_t form, MlaSelection &s) {
  s.form = form;
  switch (form) {
  case ATTN_MLA_FORM_ABSORBED:
    return selectAbsorbed(lib, p, s);
  case ATTN_MLA_FORM_FUSED:
    return selectFused(lib, p, s);
  default:
    ATTN_TRY(selectMaterialized(lib, p, s.decode, s.materialization));
    s.layout.total = s.materialization.total;
    return ATTN_OK;
  }
}

/// Says which forms the library has in the place of the one that was asked for.
static attn_status refuseForm(const attn_library *lib, const attn_mla_params &p,
                              const attn_decode_params &decode) {
  char others[64] = "none";
  size_t length = 0;
  for (int32_t form : kForms) {
    MlaSelection s;
    s.decode = decode;
    if (form != p.form && selectForm(lib, p, form, s) == ATTN_OK)
      length += size_t(snprintf(others + length, sizeof others - length, "%s%s",
                                length ? ", " : "", formName(form)));
  }
  return fail(ATTN_ERROR_UNSUPPORTED,
              "form %s asked; for this call the library has %s",
              formName(p.form), others);
}

/// Chooses the form, and its kernels.
static attn_status selectMla(const attn_library *lib, const attn_mla_params &p,
                             MlaSelection &s) {
  const attn_decode_params decode = s.decode;
  if (p.form != ATTN_MLA_FORM_AUTO) {
    // A kernel for another page size or CPU is a reason by itself.
    attn_status status = selectForm(lib, p, p.form, s);
    return status == ATTN_ERROR_UNSUPPORTED ? refuseForm(lib, p, decode)
                                            : status;
  }
  for (int32_t form : kForms) {
    s.decode = decode;
    if (selectForm(lib, p, form, s) == ATTN_OK)
      return ATTN_OK;
  }
  // Once more, for what the absorbed form lacks.
  s.decode = decode;
  return selectForm(lib, p, ATTN_MLA_FORM_ABSORBED, s);
}

attn_status attn::runtime::checkTensors(const attn_mla_params &p,
                                        const attn_decode_params &d) {
  int64_t size = attn_dtype_size(d.dtype), heads = d.q_heads;
  int64_t rope = d.k_dim - d.v_dim;
  ATTN_TRY(checkPointer("q_nope", p.q_nope, size));
  ATTN_TRY(checkStrides("q_nope", p.nope, size, Access::Read,
                        {{d.batch, p.q_nope_stride_batch},
                         {d.q_len, p.q_nope_stride_token},
                         {heads, p.q_nope_stride_head}}));
  if (rope) {
    ATTN_TRY(checkPointer("q_rope", p.q_rope, size));
    ATTN_TRY(checkStrides("q_rope", rope, size, Access::Read,
                          {{d.batch, p.q_rope_stride_batch},
                           {d.q_len, p.q_rope_stride_token},
                           {heads, p.q_rope_stride_head}}));
  }
  ATTN_TRY(checkPointer("w_uk", p.w_uk, size));
  ATTN_TRY(checkPointer("w_uv", p.w_uv, size));
  ATTN_TRY(checkPointer("out", p.out, size));
  return checkStrides("out", p.v, size, Access::Write,
                      {{d.batch, p.out_stride_batch},
                       {d.q_len, p.out_stride_token},
                       {heads, p.out_stride_head}});
}

bool attn::runtime::areQueriesJoined(const attn_mla_params &p,
                                     const attn_decode_params &d) {
  if (d.k_dim == d.v_dim)
    return true;
  auto *nope = static_cast<const char *>(p.q_nope);
  return p.q_rope == nope + p.nope * attn_dtype_size(d.dtype) &&
         p.q_rope_stride_batch == p.q_nope_stride_batch &&
         p.q_rope_stride_token == p.q_nope_stride_token &&
         p.q_rope_stride_head == p.q_nope_stride_head;
}

void attn::runtime::joinQueryRow(const attn_mla_params &p,
                                 const attn_decode_params &d, int64_t request,
                                 int64_t token, int64_t head, char *to) {
  int64_t size = attn_dtype_size(d.dtype);
  auto *nope = static_cast<const char *>(p.q_nope);
  auto *rope = static_cast<const char *>(p.q_rope);
  memcpy(to,
         nope + (request * p.q_nope_stride_batch +
                 token * p.q_nope_stride_token + head * p.q_nope_stride_head) *
                    size,
         size_t(p.nope * size));
  if (d.k_dim > d.v_dim)
    memcpy(to + p.nope * size,
           rope +
               (request * p.q_rope_stride_batch +
                token * p.q_rope_stride_token + head * p.q_rope_stride_head) *
                   size,
           size_t((d.k_dim - d.v_dim) * size));
}

void attn::runtime::setRowStrides(const attn_mla_params &p,
                                  attn_kernel_args &args) {
  args.q_stride_batch = p.q_nope_stride_batch;
  args.q_stride_token = p.q_nope_stride_token;
  args.q_stride_head = p.q_nope_stride_head;
  args.out_stride_batch = p.out_stride_batch;
  args.out_stride_token = p.out_stride_token;
  args.out_stride_head = p.out_stride_head;
}

void attn::runtime::setDenseRows(attn_decode_params &d, const void *q,
                                 void *out, int64_t queryRest) {
  d.q = q;
  d.q_stride_head = d.k_dim + queryRest;
  d.q_stride_token = d.q_heads * d.q_stride_head;
  d.q_stride_batch = d.q_len * d.q_stride_token;
  d.out = out;
  d.out_stride_head = d.v_dim;
  d.out_stride_token = int64_t(d.q_heads) * d.v_dim;
  d.out_stride_batch = d.q_len * d.out_stride_token;
}

/// Makes one batch entry of several where their tokens continue each other, so
/// that the weights are read once for all of them.
static void joinBatches(Projection &p) {
  attn_project_args &a = p.args.project;
  auto follows = [&](int64_t batchStride, int64_t tokenStride) {
    return batchStride == p.tokens * tokenStride;
  };
  if (p.tokens == 1) {
    a.in_stride_token = a.in_stride_batch;
    a.out_stride_token = a.out_stride_batch;
  } else if (!follows(a.in_stride_batch, a.in_stride_token) ||
             !follows(a.out_stride_batch, a.out_stride_token)) {
    return;
  }
  p.tokens *= p.batch;
  p.batch = 1;
}

/// The heads of one thread. Several batch entries take turns at each head,
/// whose weights are then read from memory once.
static void runProjection(const Projection &p, const MlaJob &job,
                          int32_t thread) {
  int64_t begin = job.heads * thread / job.threads;
  int64_t end = job.heads * (thread + 1) / job.threads;
  int64_t step = p.batch > 1 ? 1 : end - begin;
  void *scratch = job.scratch + uint64_t(thread) * job.scratchStride;
  attn_project_item item;
  for (int64_t head = begin; head < end; head += step) {
    item.head_begin = head;
    item.head_end = head + step;
    for (item.batch = 0; item.batch < p.batch; ++item.batch)
      for (int64_t token = 0; token < p.tokens;
           token += int64_t(ATTN_PROJECT_TOKENS)) {
        item.token_begin = token;
        item.token_end =
            std::min(token + int64_t(ATTN_PROJECT_TOKENS), p.tokens);
        p.desc->kernel(&p.args.project, &item, scratch);
      }
  }
}

static void runQuery(void *context, int32_t thread) {
  auto &job = *static_cast<MlaJob *>(context);
  runProjection(job.query, job, thread);
  int64_t end = job.heads * (thread + 1) / job.threads;
  for (int64_t head = job.heads * thread / job.threads;
       job.ropeBytes && head < end; ++head)
    for (int64_t b = 0; b < job.batch; ++b)
      for (int64_t t = 0; t < job.qLen; ++t)
        memcpy(job.ropeTarget + (b * job.qLen + t) * job.targetStrideRow +
                   head * job.targetStrideHead,
               job.rope + b * job.ropeStrideBatch + t * job.ropeStrideToken +
                   head * job.ropeStrideHead,
               size_t(job.ropeBytes));
}

static void runOutput(void *context, int32_t thread) {
  auto &job = *static_cast<MlaJob *>(context);
  runProjection(job.output, job, thread);
}

/// Has the output's projection merge the partial states of the attention.
static void mergeInProjection(const DecodeJob &attention, int64_t batch,
                              attn_combine_item *merges,
                              attn_project_merge_args &args) {
  memset(merges, 0, size_t(batch) * sizeof(attn_combine_item));
  for (int64_t i = 0; i < attention.plan.numCombines; ++i)
    merges[attention.plan.combines[i].batch] = attention.plan.combines[i];
  args.attention = &attention.args;
  args.merges = merges;
}

static MlaJob makeJob(const attn_mla_params &p, const MlaSelection &s,
                      const DecodeJob &attention) {
  const attn_decode_params &d = s.decode;
  char *workspace = static_cast<char *>(p.workspace);
  char *query = workspace + s.layout.query;
  char *output = workspace + s.layout.output;
  int64_t size = attn_dtype_size(d.dtype), heads = d.q_heads;
  MlaJob job;
  job.query = {s.query, {}, d.batch, d.q_len};
  job.query.args.project = {p.q_nope,
                            p.q_nope_stride_batch,
                            p.q_nope_stride_token,
                            p.q_nope_stride_head,
                            p.w_uk,
                            query,
                            d.q_stride_batch,
                            d.q_stride_token,
                            d.q_stride_head};
  job.output = {s.output, {}, d.batch, d.q_len};
  job.output.args.project = {output,
                             d.q_len * heads * d.v_dim,
                             heads * d.v_dim,
                             d.v_dim,
                             p.w_uv,
                             p.out,
                             p.out_stride_batch,
                             p.out_stride_token,
                             p.out_stride_head};
  if (s.output->q_len)
    mergeInProjection(
        attention, d.batch,
        reinterpret_cast<attn_combine_item *>(workspace + s.layout.merges),
        job.output.args);
  // How a row is multiplied depends on how many rows there are.
  if (!(d.flags & ATTN_FLAG_BATCH_INVARIANT)) {
    joinBatches(job.query);
    joinBatches(job.output);
  }
  job.rope = static_cast<const char *>(p.q_rope);
  job.ropeBytes = (d.k_dim - d.v_dim) * size;
  job.ropeStrideBatch = p.q_rope_stride_batch * size;
  job.ropeStrideToken = p.q_rope_stride_token * size;
  job.ropeStrideHead = p.q_rope_stride_head * size;
  job.ropeTarget = query + (d.v_dim + getQueryRest(*s.attention.desc)) * size;
  job.targetStrideRow = d.q_stride_token * size;
  job.targetStrideHead = d.q_stride_head * size;
  job.qLen = d.q_len;
  job.batch = d.batch;
  job.heads = heads;
  job.threads = attn_pool_size(d.pool);
  job.scratch = workspace + s.layout.scratch;
  job.scratchStride = s.layout.scratchStride;
  return job;
}

attn_status attn_mla_workspace_size(const attn_library *lib,
                                    const attn_mla_params *params,
                                    uint64_t *bytes) {
  attn_mla_params p;
  MlaSelection selection;
  ATTN_TRY(readMla(lib, params, p, selection.decode));
  if (!bytes)
    return fail(ATTN_ERROR_NULL_POINTER, "bytes is null");
  if (lib->gpu)
    return gpu::getWorkspaceSize(*lib, p, selection.decode, *bytes);
  ATTN_TRY(selectMla(lib, p, selection));
  *bytes = selection.layout.total;
  return ATTN_OK;
}

attn_status attn_mla_decode(const attn_library *lib,
                            const attn_mla_params *params) {
  attn_mla_params p;
  MlaSelection s;
  attn_decode_params &d = s.decode;
  ATTN_TRY(readMla(lib, params, p, d));
  if (lib->gpu)
    return gpu::mlaDecode(*lib, p, d);
  ATTN_TRY(selectMla(lib, p, s));
  ATTN_TRY(checkBatch(d));
  if (d.batch == 0)
    return ATTN_OK;
  ATTN_TRY(checkTensors(p, d));
  ATTN_TRY(checkWorkspace(p.workspace, p.workspace_bytes, s.layout.total));
  if (s.form == ATTN_MLA_FORM_FUSED)
    return decompressAndAttend(p, d, s.attention);
  if (s.form == ATTN_MLA_FORM_MATERIALIZED)
    return materializeAndAttend(p, d, s.materialization);
  char *workspace = static_cast<char *>(p.workspace);
  setDenseRows(d, workspace + s.layout.query, workspace + s.layout.output,
               getQueryRest(*s.attention.desc));
  d.workspace = workspace;
  d.workspace_bytes = s.layout.query;
  DecodeJob attention;
  ATTN_TRY(prepareDecode(d, s.attention, attention));
  MlaJob job = makeJob(p, s, attention);
  PoolSession session(d.pool);
  session.run(runQuery, &job);
  runDecode(attention, session, /*merge=*/s.output->q_len == 0);
  session.run(runOutput, &job);
  return ATTN_OK;
}
