/* Context-parallel decode: every rank holds a part of each request's KV cache,
   attends over it, and the partial states, gathered through MPI, are merged.

     attnc test/models/llama-3.1-8b.json test/models/deepseek-v3.json \
           --name cp --kv-dtype f32 -o cp
     cmake -S examples/mpi -B build-mpi -DCMAKE_PREFIX_PATH=$PWD/cp
     cmake --build build-mpi && mpiexec -n 2 build-mpi/context_parallel

   What goes over the wire is one state a rank, v_dim + 1 floats for each query
   head of each request, however long the context is. Every rank gets the
   result, and compares it here with attention over the whole cache. */

#include "cp_attn.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 3, PAGE = 64, BLOCKS_PER_REQUEST = 5 };
static const int32_t kLens[BATCH] = {1, 100, 300};

static void check(attn_status status) {
  if (status == ATTN_OK)
    return;
  fprintf(stderr, "%s: %s\n", attn_status_name(status), attn_error_message());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static float *makeRandom(int64_t count, uint32_t seed) {
  float *data = malloc(count * sizeof *data);
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    data[i] = (float)(seed >> 8) / (1 << 23) - 1;
  }
  return data;
}

/* A cache of whole pages: request b has blocks b * BLOCKS_PER_REQUEST onwards.
 */
typedef struct {
  int32_t lens[BATCH];
  int32_t table[BATCH][BLOCKS_PER_REQUEST];
  float *k, *v; /* v is null where V is a prefix of K */
} Cache;

/* Tokens [first[b], first[b] + cache->lens[b]) of request b's rows, which every
   rank makes from the same seed as if it had received them. */
static void fill(Cache *cache, const attn_decode_params *p,
                 const int32_t *first) {
  int latent = (p->flags & ATTN_FLAG_V_IN_K) != 0;
  int64_t kRow = (int64_t)p->kv_heads * p->k_dim;
  int64_t vRow = (int64_t)p->kv_heads * p->v_dim;
  int64_t rows = BATCH * BLOCKS_PER_REQUEST * PAGE;
  cache->k = calloc(rows * kRow, sizeof(float));
  cache->v = latent ? NULL : calloc(rows * vRow, sizeof(float));
  for (int b = 0; b < BATCH; ++b) {
    for (int i = 0; i < BLOCKS_PER_REQUEST; ++i)
      cache->table[b][i] = b * BLOCKS_PER_REQUEST + i;
    float *k = makeRandom(kLens[b] * kRow, 10 + b);
    float *v = latent ? NULL : makeRandom(kLens[b] * vRow, 20 + b);
    int64_t row = (int64_t)b * BLOCKS_PER_REQUEST * PAGE;
    size_t tokens = cache->lens[b];
    memcpy(cache->k + row * kRow, k + first[b] * kRow,
           tokens * kRow * sizeof(float));
    if (!latent)
      memcpy(cache->v + row * vRow, v + first[b] * vRow,
             tokens * vRow * sizeof(float));
    free(k);
    free(v);
  }
}

/* Attention of q over a cache: out [BATCH][q_heads][v_dim], lse. */
static void decode(const attn_library *library, attn_decode_params p,
                   const Cache *cache, const float *q, float *out, float *lse) {
  p.max_batch = p.batch = BATCH;
  p.max_seq_len = BLOCKS_PER_REQUEST * PAGE;
  p.num_blocks = BATCH * BLOCKS_PER_REQUEST;
  p.q = q;
  p.q_stride_head = p.k_dim;
  p.q_stride_token = p.q_stride_batch = (int64_t)p.q_heads * p.k_dim;
  p.k = cache->k;
  p.k_stride_head = p.k_dim;
  p.k_stride_token = (int64_t)p.kv_heads * p.k_dim;
  p.k_stride_block = PAGE * p.k_stride_token;
  if (cache->v) {
    p.v = cache->v;
    p.v_stride_head = p.v_dim;
    p.v_stride_token = (int64_t)p.kv_heads * p.v_dim;
    p.v_stride_block = PAGE * p.v_stride_token;
  }
  p.seq_lens = cache->lens;
  p.block_table = cache->table[0];
  p.block_table_stride = p.max_blocks = BLOCKS_PER_REQUEST;
  p.out = out;
  p.out_stride_head = p.v_dim;
  p.out_stride_token = p.out_stride_batch = (int64_t)p.q_heads * p.v_dim;
  p.lse = lse;
  p.lse_stride_head = 1;
  p.lse_stride_token = p.lse_stride_batch = p.q_heads;
  check(attn_decode_workspace_size(library, &p, &p.workspace_bytes));
  p.workspace = aligned_alloc(64, (p.workspace_bytes + 63) / 64 * 64);
  check(attn_decode(library, &p));
  free(p.workspace);
}

/* The states of all ranks, [parts][BATCH][q_heads]..., into one. */
static void merge(const attn_library *library, const attn_decode_params *facts,
                  int parts, const float *partialOut, const float *partialLse,
                  float *out) {
  attn_merge_params p;
  memset(&p, 0, sizeof p);
  p.struct_size = sizeof p;
  p.dtype = facts->dtype;
  p.isa = ATTN_ISA_AUTO;
  p.q_heads = facts->q_heads;
  p.kv_heads = facts->kv_heads;
  p.v_dim = facts->v_dim;
  p.q_len = 1;
  p.batch = BATCH;
  p.parts = parts;
  p.partial_out = partialOut;
  p.partial_lse = partialLse;
  p.out = out;
  p.out_stride_head = p.v_dim;
  p.out_stride_token = p.out_stride_batch = (int64_t)p.q_heads * p.v_dim;
  check(attn_merge_workspace_size(library, &p, &p.workspace_bytes));
  p.workspace = aligned_alloc(64, (p.workspace_bytes + 63) / 64 * 64);
  check(attn_merge(library, &p));
  free(p.workspace);
}

/* One layer's attention, split over the ranks and whole; the largest
   difference. */
static double run(const attn_library *library, attn_decode_params facts,
                  int rank, int ranks) {
  int states = BATCH * facts.q_heads, elements = states * facts.v_dim;
  float *q = makeRandom((int64_t)states * facts.k_dim, 1);
  float *out = malloc(elements * sizeof *out);
  float *lse = malloc(states * sizeof *lse);
  float *allOut = malloc((size_t)ranks * elements * sizeof *allOut);
  float *allLse = malloc((size_t)ranks * states * sizeof *allLse);

  Cache mine;
  int32_t first[BATCH];
  for (int b = 0; b < BATCH; ++b) { /* a short request leaves ranks with none */
    first[b] = (int32_t)((int64_t)kLens[b] * rank / ranks);
    mine.lens[b] = (int32_t)((int64_t)kLens[b] * (rank + 1) / ranks) - first[b];
  }
  fill(&mine, &facts, first);
  decode(library, facts, &mine, q, out, lse);
  MPI_Allgather(out, elements, MPI_FLOAT, allOut, elements, MPI_FLOAT,
                MPI_COMM_WORLD);
  MPI_Allgather(lse, states, MPI_FLOAT, allLse, states, MPI_FLOAT,
                MPI_COMM_WORLD);
  merge(library, &facts, ranks, allOut, allLse, out);

  Cache whole;
  memset(first, 0, sizeof first);
  memcpy(whole.lens, kLens, sizeof kLens);
  fill(&whole, &facts, first);
  float *expected = malloc(elements * sizeof *expected);
  decode(library, facts, &whole, q, expected, lse);
  double worst = 0;
  for (int i = 0; i < elements; ++i)
    worst = fmax(worst, isnan(out[i]) ? INFINITY : fabs(out[i] - expected[i]));
  free(q), free(out), free(lse), free(allOut), free(allLse), free(expected);
  free(mine.k), free(mine.v), free(whole.k), free(whole.v);
  return worst;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank, ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  attn_library *library;
  check(cp_attn_open(&library));
  double error[2] = {run(library, llama_3_1_8b_full(1), rank, ranks),
                     run(library, deepseek_v3_full(1), rank, ranks)};
  double worst[2];
  MPI_Allreduce(error, worst, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  int ok = worst[0] < 1e-5 && worst[1] < 1e-5;
  if (rank == 0)
    printf("%d ranks against one: Llama-3.1-8B %.1e, DeepSeek-V3 %.1e: %s\n",
           ranks, worst[0], worst[1], ok ? "ok" : "WRONG");
  attn_library_close(library);
  MPI_Finalize();
  return !ok;
}
