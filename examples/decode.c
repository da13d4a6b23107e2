/* One decode step from C: append the new token's K and V, attend, read the
   output. The kernel is Llama-3.1-8B's, compiled ahead of time:

     attn-run test/models/llama-3.1-8b.json --emit asm --isa avx2 > llama.s
     cc -shared llama.s -o llama.so
     cc examples/decode.c -Iruntime/include -Lbuild/lib -lattn_runtime \
        -Wl,-rpath,build/lib -o decode
     ./decode ./llama.so

   Two sequences of 100 and 37 tokens. Each V row holds its sequence's number
   and K is 0, so every output is that number. */

#include "attn_runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  Q_HEADS = 32,
  KV_HEADS = 8,
  DIM = 128,
  PAGE = 64,
  BLOCKS = 4,
  BATCH = 2
};

typedef uint16_t bf16;
static bf16 k[BLOCKS][PAGE][KV_HEADS][DIM], v[BLOCKS][PAGE][KV_HEADS][DIM];
static bf16 q[BATCH][Q_HEADS][DIM], out[BATCH][Q_HEADS][DIM];

static float toFloat(bf16 x) {
  uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static void check(attn_status status) {
  if (status == ATTN_OK)
    return;
  fprintf(stderr, "%s: %s\n", attn_status_name(status), attn_error_message());
  exit(1);
}

int main(int argc, char **argv) {
  attn_library *library;
  check(attn_library_open(argc > 1 ? argv[1] : "./llama.so", &library));
  attn_pool *pool;
  check(attn_pool_create(2, &pool));

  /* The engine's bookkeeping: which blocks hold which tokens. */
  const int32_t lengths[BATCH] = {100, 37};
  const int32_t blocks[BATCH][2] = {{2, 0}, {3, -1}};
  for (int b = 0; b < BATCH; ++b)
    for (int64_t t = 0; t < lengths[b]; ++t) {
      static bf16 newK[KV_HEADS][DIM], newV[KV_HEADS][DIM];
      for (int i = 0; i < KV_HEADS * DIM; ++i)
        newV[0][i] = b == 0 ? 0x3f80 : 0x4000; /* 1 and 2 */
      int64_t slot = blocks[b][t / PAGE] * (int64_t)PAGE + t % PAGE;
      attn_append_params append = {.struct_size = sizeof append,
                                   .dtype = ATTN_BF16,
                                   .layout = ATTN_LAYOUT_ROW,
                                   .kv_heads = KV_HEADS,
                                   .k_dim = DIM,
                                   .v_dim = DIM,
                                   .tokens = 1,
                                   .page_size = PAGE,
                                   .num_blocks = BLOCKS,
                                   .slot_mapping = &slot,
                                   .k_src = newK,
                                   .k_src_stride_token = KV_HEADS * DIM,
                                   .k_src_stride_head = DIM,
                                   .v_src = newV,
                                   .v_src_stride_token = KV_HEADS * DIM,
                                   .v_src_stride_head = DIM,
                                   .k = k,
                                   .k_stride_block = PAGE * KV_HEADS * DIM,
                                   .k_stride_token = KV_HEADS * DIM,
                                   .k_stride_head = DIM,
                                   .v = v,
                                   .v_stride_block = PAGE * KV_HEADS * DIM,
                                   .v_stride_token = KV_HEADS * DIM,
                                   .v_stride_head = DIM};
      check(attn_append(&append));
    }

  attn_decode_params decode = {.struct_size = sizeof decode,
                               .flags = ATTN_FLAG_CAUSAL,
                               /* Facts: what the kernel was compiled for. */
                               .dtype = ATTN_BF16,
                               .layout = ATTN_LAYOUT_ROW,
                               .q_heads = Q_HEADS,
                               .kv_heads = KV_HEADS,
                               .k_dim = DIM,
                               .v_dim = DIM,
                               .q_len = 1,
                               .isa = ATTN_ISA_AUTO,
                               .scale = 0.0883883461f,
                               /* Capacities: they size the workspace, once. */
                               .max_batch = BATCH,
                               .max_seq_len = 2 * PAGE,
                               .page_size = PAGE,
                               .num_blocks = BLOCKS,
                               .pool = pool,
                               /* This step. */
                               .batch = BATCH,
                               .q = q,
                               .q_stride_batch = Q_HEADS * DIM,
                               .q_stride_token = Q_HEADS * DIM,
                               .q_stride_head = DIM,
                               .k = k,
                               .k_stride_block = PAGE * KV_HEADS * DIM,
                               .k_stride_token = KV_HEADS * DIM,
                               .k_stride_head = DIM,
                               .v = v,
                               .v_stride_block = PAGE * KV_HEADS * DIM,
                               .v_stride_token = KV_HEADS * DIM,
                               .v_stride_head = DIM,
                               .seq_lens = lengths,
                               .block_table = blocks[0],
                               .block_table_stride = 2,
                               .max_blocks = 2,
                               .out = out,
                               .out_stride_batch = Q_HEADS * DIM,
                               .out_stride_token = Q_HEADS * DIM,
                               .out_stride_head = DIM};
  attn_reason reasons[8];
  size_t count = 0;
  attn_status fits = attn_query_support(library, &decode, reasons, 8, &count);
  for (size_t i = 0; i < count && i < 8; ++i)
    fprintf(stderr, "not supported: %s\n", reasons[i].text);
  check(fits);
  check(attn_decode_workspace_size(library, &decode, &decode.workspace_bytes));
  decode.workspace = aligned_alloc(64, (decode.workspace_bytes + 63) / 64 * 64);
  check(attn_decode(library, &decode));
  printf("out: %g %g\n", toFloat(out[0][0][0]), toFloat(out[1][31][127]));

  free(decode.workspace);
  attn_pool_destroy(pool);
  attn_library_close(library);
  return 0;
}
