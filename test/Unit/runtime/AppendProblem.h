//===-- AppendProblem.h - Tokens for a cache --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_APPENDPROBLEM_H
#define ATTN_TEST_UNIT_RUNTIME_APPENDPROBLEM_H

#include "Problem.h"

#include "attn_layout.h"

namespace attn::test {

/// Tokens to append to a cache of canaries.
struct AppendProblem {
  AppendProblem(int32_t dtype, int32_t layout, bool vInK = false,
                std::vector<int64_t> atSlots = {7, -1, 0, 19, 6},
                int64_t numBlocks = 5)
      : slots(std::move(atSlots)) {
    p.struct_size = sizeof p;
    p.flags = vInK ? uint32_t(ATTN_FLAG_V_IN_K) : 0;
    p.dtype = dtype;
    p.layout = layout;
    p.kv_heads = 3;
    p.k_dim = 24;
    p.v_dim = 32;
    p.tokens = int64_t(slots.size());
    p.page_size = 4;
    p.num_blocks = numBlocks;
    p.slot_mapping = slots.data();
    bool own = layout == ATTN_LAYOUT_OWN;
    auto setUp = [&](Bytes &source, int64_t dim, int64_t seed, int64_t &token,
                     int64_t &head) {
      head = dim + 1;
      token = p.kv_heads * head + 5;
      source.resize(size_t(p.tokens * token * attn_dtype_size(dtype)));
      for (int64_t i = 0; i < p.tokens * token; ++i)
        writeElement(source.data(), dtype, i, double((i * 7 + seed) % 251));
    };
    auto setUpCache = [&](Bytes &cache, int64_t dim, int64_t &block,
                          int64_t &token, int64_t &head) {
      token = own ? dim : p.kv_heads * dim + 2;
      head = own ? p.page_size * dim + 4 : dim;
      block = own ? p.kv_heads * head : p.page_size * token;
      cache.assign(size_t(p.num_blocks * block * attn_dtype_size(dtype)),
                   kCanary);
    };
    setUp(kSource, p.k_dim, 1, p.k_src_stride_token, p.k_src_stride_head);
    setUpCache(k, p.k_dim, p.k_stride_block, p.k_stride_token, p.k_stride_head);
    p.k_src = kSource.data();
    p.k = k.data();
    if (vInK)
      return;
    setUp(vSource, p.v_dim, 2, p.v_src_stride_token, p.v_src_stride_head);
    setUpCache(v, p.v_dim, p.v_stride_block, p.v_stride_token, p.v_stride_head);
    p.v_src = vSource.data();
    p.v = v.data();
  }

  bool isUntouched() const {
    for (const Bytes *bytes : {&k, &v})
      for (unsigned char byte : *bytes)
        if (byte != kCanary)
          return false;
    return true;
  }

  /// What the cache should hold: canaries but for the tokens' elements.
  Bytes expectedCache(bool isV) const {
    Bytes cache((isV ? v : k).size(), kCanary);
    int64_t dim = isV ? p.v_dim : p.k_dim;
    for (int64_t t = 0; t < p.tokens; ++t)
      for (int64_t h = 0; h < p.kv_heads && slots[size_t(t)] >= 0; ++h)
        for (int64_t d = 0; d < dim; ++d) {
          int64_t block = slots[size_t(t)] / p.page_size;
          int64_t row = slots[size_t(t)] % p.page_size;
          int64_t to = isV ? block * p.v_stride_block + h * p.v_stride_head +
                                 attn_v_offset(p.layout, p.dtype, p.page_size,
                                               p.v_stride_token, row, d)
                           : block * p.k_stride_block + h * p.k_stride_head +
                                 attn_row_offset(p.k_stride_token, row, d);
          int64_t from =
              isV ? t * p.v_src_stride_token + h * p.v_src_stride_head + d
                  : t * p.k_src_stride_token + h * p.k_src_stride_head + d;
          writeElement(cache.data(), p.dtype, to,
                       readElement(isV ? p.v_src : p.k_src, p.dtype, from));
        }
    return cache;
  }

  std::vector<int64_t> slots;
  attn_append_params p = {};
  Bytes kSource, vSource, k, v;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_APPENDPROBLEM_H
