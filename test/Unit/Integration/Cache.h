//===- Cache.h - A call's cache, somewhere else -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_INTEGRATION_CACHE_H
#define ATTN_TEST_UNIT_INTEGRATION_CACHE_H

#include "attn_layout.h"
#include "attn_runtime.h"

#include <cstddef>
#include <functional>

namespace attn::test {

/// The element offsets of one token's rows in the pools of a call.
class CacheView {
public:
  explicit CacheView(const attn_decode_params &params) : p(params) {}

  bool hasValues() const { return !(p.flags & ATTN_FLAG_V_IN_K); }
  int64_t bytes() const { return attn_dtype_size(p.dtype); }
  int64_t block(int64_t request, int64_t token) const {
    return p.block_table[request * p.block_table_stride + token / p.page_size];
  }
  int64_t slot(int64_t request, int64_t token) const {
    return block(request, token) * p.page_size + token % p.page_size;
  }

  /// Where element `dim` of K, of V lies.
  char *key(int64_t request, int64_t token, int64_t head, int64_t dim) const {
    int64_t offset =
        block(request, token) * p.k_stride_block + head * p.k_stride_head +
        attn_row_offset(p.k_stride_token, token % p.page_size, dim);
    return static_cast<char *>(const_cast<void *>(p.k)) + offset * bytes();
  }
  char *value(int64_t request, int64_t token, int64_t head, int64_t dim) const {
    int64_t offset = block(request, token) * p.v_stride_block +
                     head * p.v_stride_head +
                     attn_v_offset(p.layout, p.dtype, p.page_size,
                                   p.v_stride_token, token % p.page_size, dim);
    return static_cast<char *>(const_cast<void *>(p.v)) + offset * bytes();
  }

  /// Calls `visit(request, token, head)` for all tokens of all requests.
  void forEachRow(
      const std::function<void(int64_t, int64_t, int64_t)> &visit) const {
    for (int64_t request = 0; request < p.batch; ++request)
      for (int64_t token = 0; token < p.seq_lens[request]; ++token)
        for (int64_t head = 0; head < p.kv_heads; ++head)
          visit(request, token, head);
  }

  const attn_decode_params &p;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_INTEGRATION_CACHE_H
