//===-- GpuMlaMaterialize.cpp - MLA over K and V in memory, on a GPU ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuMlaMaterialize.h"

#include "../Validate.h"
#include "../Workspace.h"
#include "attn_layout.h"

#include <algorithm>
#include <cinttypes>

using namespace attn::runtime;

/// Rows, among them those past the last one that a block still counts, and the
/// blocks fetched ahead, are counted in int32.
static constexpr int64_t kMaxTokens = INT32_MAX - 65536;

static attn_status checkTail(const gpu::Projection &projection, int32_t rope) {
  if (projection.desc->tail_dim == rope)
    return ATTN_OK;
  return fail(ATTN_ERROR_UNSUPPORTED,
              "projection %.80s copies %d rotary columns, the call has %d",
              projection.desc->name, projection.desc->tail_dim, rope);
}

attn_status gpu::selectMaterialized(const attn_library &lib,
                                    const attn_mla_params &p,
                                    const attn_decode_params &d,
                                    Materialization &s) {
  int32_t rope = d.k_dim - d.v_dim;
  // What the heads' own K and V are: a block for each request.
  attn_decode_params facts = d;
  facts.flags &= ~uint32_t(ATTN_FLAG_V_IN_K | ATTN_FLAG_OUT_F32);
  facts.kv_heads = d.q_heads;
  facts.k_dim = p.nope + rope;
  facts.v_dim = p.v;
  ATTN_TRY(selectWithRest([&](bool inParts) {
    attn_decode_params own = facts;
    if (inParts) {
      own.flags |= ATTN_KERNEL_REST;
      own.k_dim += p.nope;
    }
    ATTN_TRY(select(lib, own, s.attention));
    // Of rows as wide as these, other columns may have the rest.
    if (inParts && s.attention.desc->nope != p.nope)
      return fail(ATTN_ERROR_UNSUPPORTED,
                  "the kernel's keys have another rest");
    return ATTN_OK;
  }));
  s.rest = getKeyRest(*s.attention.desc);
  ATTN_TRY(select(lib,
                  {d.dtype, d.dtype, d.q_heads, d.v_dim, p.nope, nullptr,
                   /*transposed=*/true, /*latentRows=*/true,
                   /*rest=*/s.rest > 0},
                  s.key));
  ATTN_TRY(select(lib,
                  {d.dtype, d.dtype, d.q_heads, d.v_dim, p.v, nullptr,
                   /*transposed=*/false, /*latentRows=*/true},
                  s.value));
  ATTN_TRY(checkTail(s.key, rope));
  ATTN_TRY(checkTail(s.value, 0));
  if (d.max_seq_len > kMaxTokens)
    return fail(ATTN_ERROR_SHAPE,
                "max_seq_len %" PRId64 " is more than the %" PRId64
                " tokens that a GPU kernel decompresses",
                d.max_seq_len, kMaxTokens);
  uint64_t element = uint64_t(attn_dtype_size(d.dtype));
  uint64_t batch = uint64_t(d.max_batch), heads = uint64_t(d.q_heads);
  uint64_t tokens = uint64_t(d.max_seq_len);
  WorkspaceDivider divider;
  divider.add({s.attention.layout.total});
  s.lengths = divider.add({batch, sizeof(int32_t)});
  s.keys = divider.add(
      {batch, heads, tokens, uint64_t(facts.k_dim + s.rest), element});
  s.values = divider.add({batch, heads, tokens, uint64_t(p.v), element});
  return divider.finish(s.total);
}

/// CTAs that share the rows of a head: as many as fill the GPU once, if there
/// are blocks for them. A matter of capacities.
static int64_t getRowParts(const attn_gpu_project_desc &desc, int64_t sms,
                           const attn_decode_params &d) {
  constexpr int64_t kMaxGrid = 65535;
  int64_t wanted =
      sms * desc.ctas_per_sm / (int64_t(desc.heads) * desc.column_blocks);
  int64_t blocks = d.max_batch * ceilDivide(d.max_seq_len, desc.rows);
  return std::max<int64_t>(std::min({wanted, blocks, kMaxGrid}), 1);
}

/// The attention over what the projections leave. Its lengths are those of the
/// pages where the caller gives no others: counted by the keys' projection.
static attn_gpu_args makeAttention(const attn_gpu_args &latent,
                                   const gpu::Materialization &s,
                                   const attn_mla_params &p,
                                   const attn_decode_params &d) {
  char *workspace = static_cast<char *>(p.workspace);
  attn_gpu_args args = latent;
  attn_kernel_args &tensors = args.tensors;
  auto layOut = [&](const void *&base, uint64_t offset, int64_t width,
                    int64_t &block, int64_t &head, int64_t &token) {
    base = workspace + offset;
    token = width;
    head = d.max_seq_len * width;
    block = d.q_heads * head;
  };
  layOut(tensors.k, s.keys, p.nope + s.rest + d.k_dim - d.v_dim,
         tensors.k_stride_block, tensors.k_stride_head, tensors.k_stride_token);
  layOut(tensors.v, s.values, p.v, tensors.v_stride_block,
         tensors.v_stride_head, tensors.v_stride_token);
  tensors.page_size = d.max_seq_len;
  args.block_table = nullptr;
  args.block_indptr = args.last_page_len = nullptr;
  if (!args.seq_lens)
    args.seq_lens = reinterpret_cast<int32_t *>(workspace + s.lengths);
  setRowStrides(p, tensors);
  return args;
}

/// Five launches: plan, keys, values, and the attention's decode and combine.
/// Only the plan waits for what came before the call. The projections read
/// nothing that a launch of the call writes, and what they write nobody reads
/// before them: they run beside each other, and the values' waits for the keys'
/// before it ends, so that the attention has waited for both.
attn_status gpu::materializeAndAttend(const attn_library &lib,
                                      const Materialization &s,
                                      const attn_mla_params &p,
                                      const attn_decode_params &decode) {
  if (!areQueriesJoined(p, decode))
    return fail(
        ATTN_ERROR_STRIDE,
        "on a GPU form materialized reads each head's q_nope and q_rope "
        "as one row; here q_rope does not follow q_nope");
  attn_decode_params d = decode;
  d.workspace = p.workspace;
  d.workspace_bytes = p.workspace_bytes;
  // The checks see a query and an output as wide as the rows; both have been
  // checked as they are.
  setDenseRows(d, p.q_nope, p.out);
  ATTN_TRY(check(s.attention, d));
  char *workspace = static_cast<char *>(p.workspace);
  attn_gpu_args latent = makeArgs(d, s.attention.layout);
  attn_gpu_args attention = makeAttention(latent, s, p, d);
  const attn_gpu_launcher &launcher = lib.gpu->launcher;

  auto project = [&](const Projection &projection, const void *weight,
                     const void *out, int64_t token, int64_t head,
                     int64_t batch, uint64_t lengths) {
    const attn_gpu_project_desc &desc = *projection.desc;
    attn_gpu_project call = {};
    call.tensors.weight = weight;
    call.tensors.out = const_cast<void *>(out);
    call.tensors.out_stride_token = token;
    call.tensors.out_stride_head = head;
    call.tensors.out_stride_batch = batch;
    call.batch = d.batch;
    call.group = d.q_heads / d.kv_heads;
    call.row_parts = getRowParts(desc, launcher.sms, d);
    // Of which any query sees one.
    call.seen =
        d.window ? std::min(d.window, kMaxTokens - d.q_len) + d.q_len - 1 : 0;
    if (lengths)
      call.lengths = reinterpret_cast<int32_t *>(workspace + lengths);
    return launch(launcher, projection, call, d.stream,
                  waitsByItself(desc.arch), latent);
  };
  const attn_kernel_args &made = attention.tensors;
  ATTN_TRY(launchPlan(launcher, s.attention, latent, d.stream));
  ATTN_TRY(project(s.key, p.w_uk, made.k, made.k_stride_token,
                   made.k_stride_head, made.k_stride_block, s.lengths));
  ATTN_TRY(project(s.value, p.w_uv, made.v, made.v_stride_token,
                   made.v_stride_head, made.v_stride_block, /*lengths=*/0));
  return launchDecode(launcher, s.attention, attention, d.stream);
}
