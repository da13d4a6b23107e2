/*===-- attn_layout.h - Where a cache element lies --------------*- C -*-===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* The index algebra of the cache layouts, pure and in one place: the runtime's
|* append, the reference interpreter and the tests share it.
|*
|* All offsets count elements from the chunk's base, which is
|*   base + block * stride_block + head * stride_head
|* where a chunk holds what one kv head has in one block ("page") of p tokens.
|*
|* ROW, K and V      [p] rows of dim elements, token stride at run time
|* OWN, K            [p][dim]
|* OWN, V, f16, f32  [p][dim]
|* OWN, V, bf16      [dim/16][p/2][16][2]: the innermost pair is two tokens, so
|*                   64 contiguous bytes are one row of an AMX B tile, ready
|*                   for the dot product over tokens that P*V is
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_LAYOUT_H
#define ATTN_LAYOUT_H

#include "attn_kernel_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Dims per column block of pair-interleaved V. */
#define ATTN_OWN_V_COLUMNS 16

/** Whether V is pair-interleaved. Then the page size must be even and v_dim a
    multiple of ATTN_OWN_V_COLUMNS. */
static inline int attn_layout_interleaves_v(int32_t layout, int32_t dtype) {
  return layout == ATTN_LAYOUT_OWN && dtype == ATTN_BF16;
}

/** Bytes of one element; 0 for an unknown dtype. */
static inline int64_t attn_dtype_size(int32_t dtype) {
  return dtype == ATTN_F32                         ? 4
         : dtype == ATTN_BF16 || dtype == ATTN_F16 ? 2
                                                   : 0;
}

/** Elements of an OWN chunk, of K or of V. */
static inline int64_t attn_own_chunk_elements(int64_t page_size, int64_t dim) {
  return page_size * dim;
}

/** Element `dim` of token `token` (0 <= token < page_size) in a chunk of rows:
    K of every layout, V where it is not interleaved. */
static inline int64_t attn_row_offset(int64_t token_stride, int64_t token,
                                      int64_t dim) {
  return token * token_stride + dim;
}

/** The same in a chunk of pair-interleaved V. */
static inline int64_t attn_own_v_offset(int64_t page_size, int64_t token,
                                        int64_t dim) {
  int64_t column_block = dim / ATTN_OWN_V_COLUMNS;
  int64_t column = dim % ATTN_OWN_V_COLUMNS;
  int64_t pairs = page_size / 2;
  int64_t row = column_block * pairs + token / 2;
  return (row * ATTN_OWN_V_COLUMNS + column) * 2 + token % 2;
}

/** Element `dim` of V's token `token` in a chunk of any layout. */
static inline int64_t attn_v_offset(int32_t layout, int32_t dtype,
                                    int64_t page_size, int64_t token_stride,
                                    int64_t token, int64_t dim) {
  return attn_layout_interleaves_v(layout, dtype)
             ? attn_own_v_offset(page_size, token, dim)
             : attn_row_offset(token_stride, token, dim);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_LAYOUT_H */
