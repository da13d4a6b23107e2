/*===-- Client.c - The runtime's C ABI with generated kernels -------------===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* What an engine does, in C: opens a table, asks whether it fits, appends the
|* tokens of two requests, decodes, and compares with plain loops.
|*
\*===----------------------------------------------------------------------===*/

#include "attn_runtime.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  REQUESTS = 2,
  Q_HEADS = 4,
  KV_HEADS = 2,
  DIM = 32,
  PAGE = 16,
  BLOCKS = 8,
  MAX_TOKENS = 64,
  ROW = KV_HEADS * DIM
};

static const int32_t lengths[REQUESTS] = {37, 5};
static const int32_t blocks[REQUESTS][4] = {{6, 1, 3, -7}, {4, -7, -7, -7}};

static float k_rows[MAX_TOKENS][ROW], v_rows[MAX_TOKENS][ROW];
static float k_pool[BLOCKS][PAGE][ROW], v_pool[BLOCKS][PAGE][ROW];
static float query[REQUESTS][Q_HEADS * DIM], out[REQUESTS][Q_HEADS * DIM];
static float lse[REQUESTS][Q_HEADS];

static float draw(void) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / (float)(1u << 23) - 1.0f;
}

static int append(int request, int first_row) {
  int64_t slots[MAX_TOKENS];
  for (int t = 0; t < lengths[request]; ++t)
    slots[t] = blocks[request][t / PAGE] * PAGE + t % PAGE;
  attn_append_params p = {0};
  p.struct_size = sizeof p;
  p.dtype = ATTN_F32;
  p.layout = ATTN_LAYOUT_ROW;
  p.kv_heads = KV_HEADS;
  p.k_dim = p.v_dim = DIM;
  p.tokens = lengths[request];
  p.page_size = PAGE;
  p.num_blocks = BLOCKS;
  p.slot_mapping = slots;
  p.k_src = k_rows[first_row];
  p.v_src = v_rows[first_row];
  p.k = k_pool;
  p.v = v_pool;
  p.k_src_stride_token = p.v_src_stride_token = ROW;
  p.k_src_stride_head = p.v_src_stride_head = DIM;
  p.k_stride_block = p.v_stride_block = PAGE * ROW;
  p.k_stride_token = p.v_stride_token = ROW;
  p.k_stride_head = p.v_stride_head = DIM;
  return attn_append(&p) == ATTN_OK;
}

static double worst_error(float scale) {
  double worst = 0;
  for (int r = 0, first = 0; r < REQUESTS; first += lengths[r++])
    for (int h = 0; h < Q_HEADS; ++h) {
      double sum = 0, weighted[DIM] = {0};
      int g = h / (Q_HEADS / KV_HEADS);
      for (int t = 0; t < lengths[r]; ++t) {
        double logit = 0;
        for (int d = 0; d < DIM; ++d)
          logit += (double)query[r][h * DIM + d] *
                   (double)k_rows[first + t][g * DIM + d];
        double weight = exp(logit * (double)scale);
        sum += weight;
        for (int d = 0; d < DIM; ++d)
          weighted[d] += weight * (double)v_rows[first + t][g * DIM + d];
      }
      worst = fmax(worst, fabs((double)lse[r][h] - log(sum)));
      for (int d = 0; d < DIM; ++d)
        worst =
            fmax(worst, fabs((double)out[r][h * DIM + d] - weighted[d] / sum));
    }
  return worst;
}

static int failed(char *message, size_t size, const char *step) {
  snprintf(message, size, "%s: %s", step, attn_error_message());
  return 0;
}

/* Declared in ClientTest.cpp. */
int attn_test_client(const attn_kernel_table *table, char *message,
                     size_t size) {
  attn_library *library = NULL;
  if (attn_library_from_table(table, &library) != ATTN_OK)
    return failed(message, size, "attn_library_from_table");
  attn_pool *pool = NULL;
  if (attn_pool_create(2, &pool) != ATTN_OK)
    return failed(message, size, "attn_pool_create");

  attn_decode_params p = {0};
  p.struct_size = sizeof p;
  p.flags = ATTN_FLAG_CAUSAL | ATTN_FLAG_ALLOW_EMULATED;
  p.dtype = ATTN_F32;
  p.layout = ATTN_LAYOUT_ROW;
  p.q_heads = Q_HEADS;
  p.kv_heads = KV_HEADS;
  p.k_dim = p.v_dim = DIM;
  p.q_len = 1;
  p.isa = ATTN_ISA_AUTO;
  p.scale = attn_library_kernel(library, 0)->scale;
  p.max_batch = REQUESTS;
  p.max_seq_len = MAX_TOKENS;
  p.page_size = PAGE;
  p.num_blocks = BLOCKS;
  p.pool = pool;
  attn_reason reasons[4];
  size_t count = 0;
  p.q_heads = Q_HEADS + KV_HEADS;
  if (attn_query_support(library, &p, reasons, 4, &count) !=
          ATTN_ERROR_UNSUPPORTED ||
      count != 1 || reasons[0].code != ATTN_REASON_Q_HEADS) {
    snprintf(message, size, "6 heads: %zu reasons, %s", count,
             count ? reasons[0].text : "none");
    return 0;
  }
  p.q_heads = Q_HEADS;
  if (attn_query_support(library, &p, reasons, 4, &count) != ATTN_OK)
    return failed(message, size, "attn_query_support");
  if (attn_decode_workspace_size(library, &p, &p.workspace_bytes) != ATTN_OK)
    return failed(message, size, "attn_decode_workspace_size");
  p.workspace = aligned_alloc(64, (p.workspace_bytes + 63) / 64 * 64);

  for (int t = 0; t < MAX_TOKENS; ++t)
    for (int d = 0; d < ROW; ++d) {
      k_rows[t][d] = draw();
      v_rows[t][d] = draw();
    }
  for (int r = 0; r < REQUESTS; ++r)
    for (int d = 0; d < Q_HEADS * DIM; ++d)
      query[r][d] = draw();
  if (!append(0, 0) || !append(1, lengths[0]))
    return failed(message, size, "attn_append");
  p.batch = REQUESTS;
  p.q = query;
  p.q_stride_batch = p.q_stride_token = Q_HEADS * DIM;
  p.q_stride_head = DIM;
  p.k = k_pool;
  p.v = v_pool;
  p.k_stride_block = p.v_stride_block = PAGE * ROW;
  p.k_stride_token = p.v_stride_token = ROW;
  p.k_stride_head = p.v_stride_head = DIM;
  p.seq_lens = lengths;
  p.block_table = blocks[0];
  p.block_table_stride = p.max_blocks = 4;
  p.out = out;
  p.out_stride_batch = p.out_stride_token = Q_HEADS * DIM;
  p.out_stride_head = DIM;
  p.lse = lse[0];
  p.lse_stride_batch = p.lse_stride_token = Q_HEADS;
  p.lse_stride_head = 1;
  if (attn_decode(library, &p) != ATTN_OK)
    return failed(message, size, "attn_decode");
  free(p.workspace);
  attn_pool_destroy(pool);
  attn_library_close(library);
  double error = worst_error(p.scale);
  snprintf(message, size, "off by %g", error);
  return error < 1e-5;
}
