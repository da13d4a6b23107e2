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
  int64_t rows = shape.batch * shape.q_heads * shape.max_seq_len;
  m.keys = bench::Buffer(rows * m.attention->k_dim * bytes);
  m.values = bench::Buffer(rows * m.attention->v_dim * bytes);
  m.scratch = bench::Buffer(
      std::max({m.key->scratch_bytes, m.value->scratch_bytes,
                m.attention->scratch_bytes, int64_t(64)}));
  return result;
}

/// The tokens of each request, a page (or its part that one item may have) at a
/// time: `body(request, token, count, row)`, the row's address in the cache.
static void
forEachPage(const attn_decode_params &p, int64_t bytes,
            llvm::function_ref<void(int64_t, int64_t, int64_t, const char *)>
                body) {
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t t = 0; t < p.seq_lens[b];) {
      int64_t within = t % p.page_size;
      int64_t count =
          std::min({p.page_size - within, p.seq_lens[b] - t,
                    int64_t(ATTN_PROJECT_TOKENS)});
      int64_t block =
          p.block_table
              ? p.block_table[b * p.block_table_stride + t / p.page_size]
              : b;
      body(b, t, count,
           static_cast<const char *>(p.k) +
               (block * p.k_stride_block + within * p.k_stride_token) * bytes);
      t += count;
    }
}

/// Multiplies the latent part of each row by each head's matrix.
void Materialized::project(const attn_project_desc &desc,
                           const attn_decode_params &cache, const void *weight,
                           bench::Buffer &target, int64_t rowWidth) {
  int64_t bytes = problem.attention().elementBytes();
  forEachPage(cache, bytes, [&](int64_t b, int64_t t, int64_t count,
                                const char *row) {
    int64_t first = b * cache.q_heads * cache.max_seq_len + t;
    attn_project_args args = {row,
                              0,
                              cache.k_stride_token,
                              /*in_stride_head=*/0,
                              weight,
                              target.data() + first * rowWidth * bytes,
                              0,
                              rowWidth,
                              cache.max_seq_len * rowWidth};
    attn_project_item item = {0, 0, count, 0, cache.q_heads};
    desc.kernel(&args, &item, scratch.data());
  });
}

/// The rotary part is the same in every head's key.
void Materialized::copyRope(const attn_decode_params &cache) {
  int64_t bytes = problem.attention().elementBytes();
  int64_t rank = problem.dims().getRank(), nope = problem.dims().getNope();
  int64_t rope = problem.dims().getRope(), width = nope + rope;
  forEachPage(cache, bytes, [&](int64_t b, int64_t t, int64_t count,
                                const char *row) {
    for (int64_t h = 0; h < cache.q_heads; ++h)
      for (int64_t i = 0; i < count; ++i) {
        int64_t token = (b * cache.q_heads + h) * cache.max_seq_len + t + i;
        std::memcpy(keys.data() + (token * width + nope) * bytes,
                    row + (i * cache.k_stride_token + rank) * bytes,
                    rope * bytes);
      }
  });
}

void Materialized::decompress(size_t copy) {
  attn_decode_params cache = problem.attention().params(copy);
  attn_mla_params weights = problem.params(copy);
  project(*key, cache, weights.w_uk, keys, attention->k_dim);
  project(*value, cache, weights.w_uv, values, attention->v_dim);
  copyRope(cache);
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
