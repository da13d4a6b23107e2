//===- Materialized.cpp - Run latent attention decompressed -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/Materialized.h"

#include <cstring>

using namespace attn;
using namespace attn::harness;

llvm::Expected<std::unique_ptr<Materialized>>
Materialized::create(LatentProblem &problem, attn_library *library,
                     llvm::StringRef name) {
  std::unique_ptr<Materialized> result(new Materialized(problem));
  Materialized &m = *result;
  for (uint32_t i = 0; i < attn_library_num_projections(library); ++i) {
    const attn_project_desc *desc = attn_library_projection(library, i);
    if (desc->name == (name + "_key").str())
      m.key = desc;
    if (desc->name == (name + "_value").str())
      m.value = desc;
  }
  for (uint32_t i = 0; i < attn_library_num_kernels(library); ++i)
    if (attn_library_kernel(library, i)->name == name)
      m.attention = attn_library_kernel(library, i);
  if (!m.key || !m.value || !m.attention)
    return llvm::createStringError("the library lacks the kernels of " + name +
                                   " in the materialized form");
  const attn_decode_params &shape = problem.attention().shape();
  int64_t bytes = problem.attention().elementBytes();
  int64_t tokens = shape.batch * shape.q_heads * shape.max_seq_len;
  m.rows = bench::Buffer(ATTN_PROJECT_TOKENS * shape.k_dim * bytes);
  m.keys = bench::Buffer(tokens * m.attention->k_dim * bytes);
  m.values = bench::Buffer(tokens * m.attention->v_dim * bytes);
  m.scratch =
      bench::Buffer(std::max({m.key->scratch_bytes, m.value->scratch_bytes,
                              m.attention->scratch_bytes, int64_t(64)}));
  return result;
}

/// Brings `count` rows of a request together, from token `first` on.
void Materialized::gather(const attn_decode_params &p, int64_t request,
                          int64_t first, int64_t count) {
  int64_t bytes = problem.attention().elementBytes();
  for (int64_t i = 0; i < count; ++i) {
    int64_t page = (first + i) / p.page_size, slot = (first + i) % p.page_size;
    int64_t block = p.block_table
                        ? p.block_table[request * p.block_table_stride + page]
                        : request;
    std::memcpy(rows.data() + i * p.k_dim * bytes,
                static_cast<const char *>(p.k) +
                    (block * p.k_stride_block + slot * p.k_stride_token) *
                        bytes,
                p.k_dim * bytes);
  }
}

/// Multiplies the latent part of the gathered rows by each head's matrix, into
/// rows of `target` from row `first` on.
void Materialized::project(const attn_project_desc &desc, int64_t count,
                           const void *weight, bench::Buffer &target,
                           int64_t first, int64_t rowWidth) {
  const attn_decode_params &shape = problem.attention().shape();
  int64_t bytes = problem.attention().elementBytes();
  attn_project_args args = {rows.data(),
                            0,
                            shape.k_dim,
                            /*in_stride_head=*/0,
                            weight,
                            target.data() + first * rowWidth * bytes,
                            0,
                            rowWidth,
                            shape.max_seq_len * rowWidth};
  attn_project_item item = {0, 0, count, 0, shape.q_heads};
  desc.kernel(&args, &item, scratch.data());
}

void Materialized::decompress(size_t copy) {
  attn_decode_params cache = problem.attention().params(copy);
  attn_mla_params weights = problem.params(copy);
  int64_t bytes = problem.attention().elementBytes();
  int64_t rank = problem.dims().getRank(), nope = problem.dims().getNope();
  int64_t rope = problem.dims().getRope(), width = nope + rope;
  for (int64_t b = 0; b < cache.batch; ++b)
    for (int64_t t = 0; t < cache.seq_lens[b]; t += ATTN_PROJECT_TOKENS) {
      int64_t count =
          std::min<int64_t>(cache.seq_lens[b] - t, ATTN_PROJECT_TOKENS);
      int64_t first = b * cache.q_heads * cache.max_seq_len + t;
      gather(cache, b, t, count);
      project(*key, count, weights.w_uk, keys, first, width);
      project(*value, count, weights.w_uv, values, first, attention->v_dim);
      // The rotary part is the same in every head's key.
      for (int64_t h = 0; rope && h < cache.q_heads; ++h)
        for (int64_t i = 0; i < count; ++i)
          std::memcpy(
              keys.data() +
                  ((first + h * cache.max_seq_len + i) * width + nope) * bytes,
              rows.data() + (i * cache.k_dim + rank) * bytes, rope * bytes);
    }
}

void Materialized::attend() {
  attn_decode_params shape = problem.attention().params();
  attn_mla_params tensors = problem.params();
  int64_t tokens = shape.max_seq_len, heads = shape.q_heads;
  int64_t kDim = attention->k_dim, vDim = attention->v_dim;
  attn_kernel_args args = {};
  args.q = tensors.q_nope; // The rotary part follows in the same rows.
  args.q_stride_batch = tensors.q_nope_stride_batch;
  args.q_stride_token = tensors.q_nope_stride_token;
  args.q_stride_head = tensors.q_nope_stride_head;
  args.k = keys.data();
  args.k_stride_block = heads * tokens * kDim;
  args.k_stride_head = tokens * kDim;
  args.k_stride_token = kDim;
  args.v = values.data();
  args.v_stride_block = heads * tokens * vDim;
  args.v_stride_head = tokens * vDim;
  args.v_stride_token = vDim;
  args.page_size = tokens;
  args.out = tensors.out;
  args.out_stride_batch = tensors.out_stride_batch;
  args.out_stride_token = tensors.out_stride_token;
  args.out_stride_head = tensors.out_stride_head;
  args.lse = shape.lse;
  args.lse_stride_batch = shape.lse_stride_batch;
  args.lse_stride_token = shape.lse_stride_token;
  args.lse_stride_head = shape.lse_stride_head;
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t h = 0; h < heads; ++h) {
      attn_work_item item = {};
      item.batch = b;
      item.seq_len = item.token_end = shape.seq_lens[b];
      item.head_begin = h;
      item.head_end = h + 1;
      item.slot = -1;
      attention->kernel(&args, &item, scratch.data());
    }
}

void Materialized::run(size_t copy) {
  decompress(copy);
  attend();
}
