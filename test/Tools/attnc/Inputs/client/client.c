/* Decodes with the kernels of a pack of Llama-3.1-8B and DeepSeek-V3, linked
   in, and compares with attention written out in double. */

#include "two_attn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 3, PAGE = 64, BLOCKS = 16, MAX_BLOCKS = 5 };
static const int32_t kLens[BATCH] = {1, 100, 300};

static uint16_t toBF16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static float toFloat(uint16_t x) {
  uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static uint16_t *randomTensor(int64_t count) {
  static uint32_t state = 1;
  uint16_t *data = malloc(count * sizeof *data);
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = toBF16((float)(state >> 8) / (1 << 23) - 1);
  }
  return data;
}

static int check(attn_status status) {
  if (status != ATTN_OK)
    fprintf(stderr, "%s: %s\n", attn_status_name(status), attn_error_message());
  return status == ATTN_OK;
}

/* One head of one query token against `tokens` rows of the cache. */
static void attend(const attn_decode_params *p, const uint16_t *q,
                   const int32_t *blocks, int head, int64_t tokens,
                   double *out) {
  const uint16_t *kCache = p->k, *vCache = p->v ? p->v : p->k;
  double sum = 0, *weights = malloc(tokens * sizeof *weights);
  for (int64_t t = 0; t < tokens; ++t) {
    const uint16_t *k = kCache + blocks[t / PAGE] * p->k_stride_block +
                        t % PAGE * p->k_stride_token + head * p->k_stride_head;
    double dot = 0;
    for (int d = 0; d < p->k_dim; ++d)
      dot += (double)toFloat(q[d]) * toFloat(k[d]);
    sum += weights[t] = exp(dot * p->scale); /* small: |dot| <= k_dim */
  }
  memset(out, 0, p->v_dim * sizeof *out);
  for (int64_t t = 0; t < tokens; ++t) {
    const uint16_t *v = vCache + blocks[t / PAGE] * p->v_stride_block +
                        t % PAGE * p->v_stride_token + head * p->v_stride_head;
    for (int d = 0; d < p->v_dim; ++d)
      out[d] += weights[t] / sum * toFloat(v[d]);
  }
  free(weights);
}

/* Runs one layer's attention; the parameters have its facts. */
static int run(const attn_library *library, const char *name,
               attn_decode_params p) {
  int64_t kRow = (int64_t)p.kv_heads * p.k_dim;
  int64_t vRow = (int64_t)p.kv_heads * p.v_dim;
  int64_t rows = (int64_t)BATCH * p.q_len * p.q_heads;
  int latent = (p.flags & ATTN_FLAG_V_IN_K) != 0;
  int32_t table[BATCH][MAX_BLOCKS];
  for (int b = 0; b < BATCH; ++b)
    for (int i = 0; i < MAX_BLOCKS; ++i)
      table[b][i] = (7 * (b * MAX_BLOCKS + i) + 3) % BLOCKS;
  uint16_t *q = randomTensor(rows * p.k_dim);
  uint16_t *k = randomTensor(BLOCKS * PAGE * kRow);
  uint16_t *v = latent ? NULL : randomTensor(BLOCKS * PAGE * vRow);
  uint16_t *out = malloc(rows * p.v_dim * sizeof *out);
  p.max_batch = p.batch = BATCH;
  p.max_seq_len = MAX_BLOCKS * PAGE;
  p.num_blocks = BLOCKS;
  p.q = q;
  p.q_stride_head = p.k_dim;
  p.q_stride_token = (int64_t)p.q_heads * p.k_dim;
  p.q_stride_batch = p.q_len * p.q_stride_token;
  p.k = k;
  p.k_stride_head = p.k_dim;
  p.k_stride_token = kRow;
  p.k_stride_block = PAGE * kRow;
  p.v = v;
  p.v_stride_head = latent ? p.k_stride_head : p.v_dim;
  p.v_stride_token = latent ? p.k_stride_token : vRow;
  p.v_stride_block = latent ? p.k_stride_block : PAGE * vRow;
  p.seq_lens = kLens;
  p.block_table = table[0];
  p.block_table_stride = p.max_blocks = MAX_BLOCKS;
  p.out = out;
  p.out_stride_head = p.v_dim;
  p.out_stride_token = (int64_t)p.q_heads * p.v_dim;
  p.out_stride_batch = p.q_len * p.out_stride_token;
  int ok = check(attn_query_support(library, &p, NULL, 0, NULL)) &&
           check(attn_decode_workspace_size(library, &p, &p.workspace_bytes));
  p.workspace = aligned_alloc(64, (p.workspace_bytes + 63) / 64 * 64);
  ok = ok && check(attn_decode(library, &p));

  double worst = 0, *expected = malloc(p.v_dim * sizeof *expected);
  for (int64_t row = 0; ok && row < rows; ++row) {
    int64_t b = row / (p.q_len * p.q_heads);
    int64_t token = row / p.q_heads % p.q_len, head = row % p.q_heads;
    int64_t tokens = kLens[b] - p.q_len + 1 + token; /* causal */
    attend(&p, q + row * p.k_dim, table[b],
           (int)(head / (p.q_heads / p.kv_heads)), tokens, expected);
    for (int d = 0; d < p.v_dim; ++d) {
      double error = fabs(expected[d] - toFloat(out[row * p.v_dim + d]));
      worst = error > worst ? error : worst;
    }
  }
  /* |v| < 1: rounding weights and output to bf16 is off by 2^-8 at most. */
  ok = ok && worst < 1.0 / 256;
  printf("%s: largest error %.1e: %s\n", name, worst, ok ? "ok" : "WRONG");
  free(q), free(k), free(v), free(out), free(p.workspace), free(expected);
  return ok;
}

int main(void) {
  attn_library *library;
  if (!check(two_attn_open(&library)))
    return 1;
  int ok = LLAMA_3_1_8B_LAYERS == 32 && DEEPSEEK_V3_LAYERS == 61 &&
           llama_3_1_8b_layer_kind(31) == LLAMA_3_1_8B_FULL;
  ok &= run(library, "Llama-3.1-8B", llama_3_1_8b_full(1));
  ok &= run(library, "DeepSeek-V3", deepseek_v3_full(1));
  /* What the pack has no kernel for is refused. */
  attn_decode_params none = llama_3_1_8b_full(2);
  none.num_blocks = BLOCKS;
  none.max_seq_len = PAGE;
  attn_reason reason;
  size_t count;
  if (attn_query_support(library, &none, &reason, 1, &count) == ATTN_OK)
    return 1;
  printf("refused: %s\n", reason.text);
  attn_library_close(library);
  return !ok;
}
