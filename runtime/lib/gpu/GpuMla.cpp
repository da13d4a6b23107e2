//===-- GpuMla.cpp - attn_mla_decode on a GPU -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Decode.h"
#include "../Validate.h"
#include "GpuDecode.h"
#include "GpuMlaMaterialize.h"
#include "GpuProject.h"
#include "attn_layout.h"

using namespace attn::runtime;

namespace {

/// The kernels of a call and how its workspace is divided: the attention's own,
/// and, of the absorbed form, queries in the latent space and what the
/// attention makes of them.
struct MlaSelection {
  int32_t form; ///< attn_mla_form
  gpu::Selection attention;
  gpu::Projection query, output;
  int64_t rest; ///< columns of a query in the latent space behind its first
  uint64_t queries, outputs, total; ///< byte offsets
  gpu::Materialization materialization;
};

} // namespace

static attn_status selectAbsorbed(const attn_library &lib,
                                  const attn_mla_params &p,
                                  attn_decode_params d, MlaSelection &s) {
  s.form = ATTN_MLA_FORM_ABSORBED;
  // What the output's projection reads.
  d.flags |= ATTN_FLAG_OUT_F32;
  ATTN_TRY(selectWithRest([&](bool inParts) {
    attn_decode_params facts = d;
    if (inParts)
      facts.flags |= ATTN_KERNEL_REST;
    return gpu::select(lib, facts, s.attention);
  }));
  s.rest = getQueryRest(*s.attention.desc);
  ProjectionFacts query = {d.dtype, d.dtype, d.q_heads, p.nope, d.v_dim};
  query.rest = s.rest > 0;
  ATTN_TRY(gpu::select(lib, query, s.query));
  ATTN_TRY(
      gpu::select(lib, {d.dtype, ATTN_F32, d.q_heads, d.v_dim, p.v}, s.output));
  ATTN_TRY(gpu::checkRowCount(d.max_batch, d.q_len, d.k_dim - d.v_dim));
  WorkspaceDivider divider;
  divider.add({s.attention.layout.total});
  uint64_t rows = uint64_t(d.max_batch) * uint64_t(d.q_len);
  uint64_t heads = uint64_t(d.q_heads);
  s.queries = divider.add({rows, heads, uint64_t(d.k_dim + s.rest),
                           uint64_t(attn_dtype_size(d.dtype))});
  s.outputs = divider.add({rows, heads, uint64_t(d.v_dim), sizeof(float)});
  return divider.finish(s.total);
}

static attn_status selectFused(const attn_library &lib,
                               const attn_mla_params &p,
                               const attn_decode_params &d, MlaSelection &s) {
  s.form = ATTN_MLA_FORM_FUSED;
  ATTN_TRY(gpu::selectDecompressing(lib, p, d, s.attention));
  s.total = s.attention.layout.total;
  return ATTN_OK;
}

static attn_status selectMaterialized(const attn_library &lib,
                                      const attn_mla_params &p,
                                      const attn_decode_params &d,
                                      MlaSelection &s) {
  s.form = ATTN_MLA_FORM_MATERIALIZED;
  ATTN_TRY(gpu::selectMaterialized(lib, p, d, s.materialization));
  s.total = s.materialization.total;
  return ATTN_OK;
}

/// Chooses the form, and its kernels.
static attn_status select(const attn_library &lib, const attn_mla_params &p,
                          const attn_decode_params &d, MlaSelection &s) {
  switch (p.form) {
  case ATTN_MLA_FORM_AUTO:
    if (selectAbsorbed(lib, p, d, s) == ATTN_OK ||
        selectFused(lib, p, d, s) == ATTN_OK ||
        selectMaterialized(lib, p, d, s) == ATTN_OK)
      return ATTN_OK;
    // Once more, for what the absorbed form lacks.
    [[fallthrough]];
  case ATTN_MLA_FORM_ABSORBED:
    return selectAbsorbed(lib, p, d, s);
  case ATTN_MLA_FORM_FUSED:
    return selectFused(lib, p, d, s);
  default:
    return selectMaterialized(lib, p, d, s);
  }
}

attn_status gpu::checkAlignment(const attn_mla_params &p,
                                const attn_decode_params &d) {
  ATTN_TRY(checkRows("q_nope", p.q_nope, d.dtype,
                     {{d.batch, p.q_nope_stride_batch},
                      {d.q_len, p.q_nope_stride_token},
                      {d.q_heads, p.q_nope_stride_head}}));
  if (d.k_dim > d.v_dim)
    ATTN_TRY(checkRows("q_rope", p.q_rope, d.dtype,
                       {{d.batch, p.q_rope_stride_batch},
                        {d.q_len, p.q_rope_stride_token},
                        {d.q_heads, p.q_rope_stride_head}}));
  ATTN_TRY(checkRows("w_uk", p.w_uk, d.dtype, {}));
  ATTN_TRY(checkRows("w_uv", p.w_uv, d.dtype, {}));
  return checkRows("out", p.out, d.dtype,
                   {{d.batch, p.out_stride_batch},
                    {d.q_len, p.out_stride_token},
                    {d.q_heads, p.out_stride_head}});
}

/// The attention between the projections, over their rows in the workspace.
static attn_decode_params makeAttention(const attn_mla_params &p,
                                        const attn_decode_params &decode,
                                        const MlaSelection &s) {
  char *workspace = static_cast<char *>(p.workspace);
  attn_decode_params d = decode;
  d.flags |= ATTN_FLAG_OUT_F32;
  d.workspace = workspace;
  d.workspace_bytes = s.queries;
  setDenseRows(d, workspace + s.queries, workspace + s.outputs, s.rest);
  return d;
}

attn_status gpu::getWorkspaceSize(const attn_library &lib,
                                  const attn_mla_params &p,
                                  const attn_decode_params &decode,
                                  uint64_t &bytes) {
  MlaSelection s;
  ATTN_TRY(::select(lib, p, decode, s));
  bytes = s.total;
  return ATTN_OK;
}

/// The absorbed form is five launches. The plan comes first, as it is the one
/// that waits for all that came before the call. Each of the others waits for
/// the one before it before it ends, so that whoever waits for it has waited
/// for all of them.
attn_status gpu::mlaDecode(const attn_library &lib, const attn_mla_params &p,
                           const attn_decode_params &decode) {
  ATTN_TRY(checkBatch(decode));
  MlaSelection s;
  ATTN_TRY(::select(lib, p, decode, s));
  if (decode.batch == 0)
    return ATTN_OK;
  ATTN_TRY(checkTensors(p, decode));
  ATTN_TRY(checkAlignment(p, decode));
  ATTN_TRY(checkWorkspace(p.workspace, p.workspace_bytes, s.total));
  if (s.form == ATTN_MLA_FORM_FUSED)
    return decompressAndAttend(lib, s.attention, p, decode);
  if (s.form == ATTN_MLA_FORM_MATERIALIZED)
    return materializeAndAttend(lib, s.materialization, p, decode);
  attn_decode_params d = makeAttention(p, decode, s);
  ATTN_TRY(check(s.attention, d));

  attn_gpu_project query = {}, output = {};
  query.batch = output.batch = d.batch;
  query.tokens = output.tokens = d.q_len;
  query.tensors = {p.q_nope,
                   p.q_nope_stride_batch,
                   p.q_nope_stride_token,
                   p.q_nope_stride_head,
                   p.w_uk,
                   static_cast<char *>(p.workspace) + s.queries,
                   d.q_stride_batch,
                   d.q_stride_token,
                   d.q_stride_head};
  query.tail_dim = d.k_dim - d.v_dim;
  if (query.tail_dim) {
    query.tail = p.q_rope;
    query.tail_stride_batch = p.q_rope_stride_batch;
    query.tail_stride_token = p.q_rope_stride_token;
    query.tail_stride_head = p.q_rope_stride_head;
  }
  output.tensors = {
      d.out, d.out_stride_batch, d.out_stride_token, d.out_stride_head, p.w_uv,
      p.out, p.out_stride_batch, p.out_stride_token, p.out_stride_head};
  const attn_gpu_launcher &launcher = lib.gpu->launcher;
  auto project = [&](const Projection &projection,
                     const attn_gpu_project &call) {
    return launch(launcher, projection, call, d.stream,
                  waitsByItself(projection.desc->arch));
  };
  ATTN_TRY(launchPlan(launcher, s.attention, d));
  ATTN_TRY(project(s.query, query));
  ATTN_TRY(launchDecode(launcher, s.attention, d));
  return project(s.output, output);
}
