//===- CallBuffers.cpp - The memory of a decode call ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/CallBuffers.h"
#include "attn_layout.h"

#include <cstring>

using namespace attn::harness;

/// Bytes from the first element of a strided tensor to behind its last.
static size_t
spanOf(int64_t elementBytes, int64_t inner,
       std::initializer_list<std::pair<int64_t, int64_t>> dimensions) {
  int64_t elements = inner;
  for (auto [extent, stride] : dimensions) {
    if (extent == 0)
      return 0;
    elements += (extent - 1) * stride;
  }
  return elements * elementBytes;
}

namespace {
/// The tensors of one struct of parameters.
struct BufferList {
  explicit BufferList(const void *params)
      : params(static_cast<const char *>(params)) {}

  void add(const char *name, size_t field, size_t bytes, bool isWritten) {
    void *pointer;
    std::memcpy(static_cast<void *>(&pointer), params + field, sizeof pointer);
    if (pointer && bytes)
      buffers.push_back({name, field, pointer, bytes, isWritten});
  }

  const char *params;
  std::vector<CallBuffer> buffers;
};
} // namespace

std::vector<CallBuffer>
attn::harness::listBuffers(const attn_decode_params &p) {
  BufferList list(&p);
  auto add = [&](const char *name, size_t field, size_t bytes, bool isWritten) {
    list.add(name, field, bytes, isWritten);
  };
  int64_t element = attn_dtype_size(p.dtype);
  add("q", offsetof(attn_decode_params, q),
      spanOf(element, p.k_dim,
             {{p.batch, p.q_stride_batch},
              {p.q_len, p.q_stride_token},
              {p.q_heads, p.q_stride_head}}),
      false);
  add("k", offsetof(attn_decode_params, k),
      spanOf(element, p.k_dim,
             {{p.num_blocks, p.k_stride_block},
              {p.page_size, p.k_stride_token},
              {p.kv_heads, p.k_stride_head}}),
      false);
  if (!(p.flags & ATTN_FLAG_V_IN_K))
    add("v", offsetof(attn_decode_params, v),
        spanOf(element, p.v_dim,
               {{p.num_blocks, p.v_stride_block},
                {p.page_size, p.v_stride_token},
                {p.kv_heads, p.v_stride_head}}),
        false);
  add("sinks", offsetof(attn_decode_params, sinks), p.q_heads * sizeof(float),
      false);
  add("seq_lens", offsetof(attn_decode_params, seq_lens),
      p.batch * sizeof(int32_t), false);
  add("block_table", offsetof(attn_decode_params, block_table),
      spanOf(sizeof(int32_t), p.max_blocks, {{p.batch, p.block_table_stride}}),
      false);
  add("indptr", offsetof(attn_decode_params, indptr),
      (p.batch + 1) * sizeof(int32_t), false);
  add("indices", offsetof(attn_decode_params, indices),
      p.max_indices * (p.index_type == ATTN_INDEX_INT64 ? sizeof(int64_t)
                                                        : sizeof(int32_t)),
      false);
  add("last_page_len", offsetof(attn_decode_params, last_page_len),
      p.batch * sizeof(int32_t), false);
  add("out", offsetof(attn_decode_params, out),
      spanOf(element, p.v_dim,
             {{p.batch, p.out_stride_batch},
              {p.q_len, p.out_stride_token},
              {p.q_heads, p.out_stride_head}}),
      true);
  add("lse", offsetof(attn_decode_params, lse),
      spanOf(sizeof(float), 1,
             {{p.batch, p.lse_stride_batch},
              {p.q_len, p.lse_stride_token},
              {p.q_heads, p.lse_stride_head}}),
      true);
  return list.buffers;
}

std::vector<CallBuffer>
attn::harness::listBuffers(const attn_mla_params &p,
                           const attn_decode_params &d) {
  BufferList list(&p);
  int64_t element = attn_dtype_size(d.dtype);
  int64_t rope = d.k_dim - d.v_dim, perHead = int64_t(d.v_dim) * d.q_heads;
  bool joined =
      p.q_rope == static_cast<const char *>(p.q_nope) + p.nope * element;
  list.add("q_nope", offsetof(attn_mla_params, q_nope),
           spanOf(element, p.nope + (joined ? rope : 0),
                  {{d.batch, p.q_nope_stride_batch},
                   {d.q_len, p.q_nope_stride_token},
                   {d.q_heads, p.q_nope_stride_head}}),
           false);
  if (rope && !joined)
    list.add("q_rope", offsetof(attn_mla_params, q_rope),
             spanOf(element, rope,
                    {{d.batch, p.q_rope_stride_batch},
                     {d.q_len, p.q_rope_stride_token},
                     {d.q_heads, p.q_rope_stride_head}}),
             false);
  list.add("w_uk", offsetof(attn_mla_params, w_uk), perHead * p.nope * element,
           false);
  list.add("w_uv", offsetof(attn_mla_params, w_uv), perHead * p.v * element,
           false);
  list.add("out", offsetof(attn_mla_params, out),
           spanOf(element, p.v,
                  {{d.batch, p.out_stride_batch},
                   {d.q_len, p.out_stride_token},
                   {d.q_heads, p.out_stride_head}}),
           true);
  return list.buffers;
}
