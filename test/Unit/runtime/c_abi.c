/*===-- c_abi.c - The runtime used from C11 -------------------------------===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* Appends, decodes and merges with a kernel of one head that takes the mean of
|* V, which is attention with all keys zero. Also built against the header's
|* first version (v1/), which the library must go on serving.
|*
\*===----------------------------------------------------------------------===*/

#include "attn_layout.h"
#include "attn_runtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(ATTN_TEST_V1) == defined(ATTN_ABI_VERSION)
#error "not the header that this build is about"
#endif

enum { DIM = 4, PAGE = 8, LENGTH = 13 };

static void kernel(const attn_kernel_args *args, const attn_work_item *item,
                   void *scratch) {
  (void)scratch;
  float *out = item->slot < 0
                   ? (float *)args->out + item->batch * args->out_stride_batch
                   : args->partial_out + item->slot * DIM;
  int64_t count = item->token_end - item->token_begin;
  for (int64_t d = 0; d < DIM; ++d) {
    float sum = 0;
    for (int64_t t = item->token_begin; t < item->token_end; ++t)
      sum += ((const float *)
                  args->v)[item->blocks[t / PAGE] * args->v_stride_block +
                           attn_row_offset(args->v_stride_token, t % PAGE, d)];
    out[d] = sum / (float)count;
  }
  float *lse = item->slot < 0 ? args->lse + item->batch * args->lse_stride_batch
                              : args->partial_lse + item->slot;
  *lse = logf((float)count);
}

static void combine(const attn_kernel_args *args, const attn_combine_item *item,
                    void *scratch) {
  (void)scratch;
  float sum = 0;
  float *out = (float *)args->out + item->batch * args->out_stride_batch;
  for (int64_t d = 0; d < DIM; ++d)
    out[d] = 0;
  for (int64_t i = 0; i < item->slot_count; ++i) {
    int64_t slot = item->slot_begin + i * item->slot_stride;
    float weight = expf(args->partial_lse[slot]);
    sum += weight;
    for (int64_t d = 0; d < DIM; ++d)
      out[d] += weight * args->partial_out[slot * DIM + d];
  }
  for (int64_t d = 0; d < DIM; ++d)
    out[d] /= sum;
  args->lse[item->batch * args->lse_stride_batch] = logf(sum);
}

static const attn_kernel_desc kernels[] = {
    {.struct_size = sizeof(attn_kernel_desc),
     .name = "mean",
     .isa = ATTN_ISA_AVX2,
     .dtype = ATTN_F32,
     .layout = ATTN_LAYOUT_ROW,
     .q_heads = 1,
     .kv_heads = 1,
     .k_dim = DIM,
     .v_dim = DIM,
     .q_len = 1,
     .kv_tile = PAGE,
     .page_multiple = PAGE,
     .scale = 1,
     .kernel = kernel,
     .combine = combine}};
static const attn_kernel_table table = {
    ATTN_KERNEL_ABI_VERSION, 1, kernels, NULL, 0, 0};

static void check(attn_status status) {
  if (status == ATTN_OK)
    return;
  fprintf(stderr, "%s: %s\n", attn_status_name(status), attn_error_message());
  exit(1);
}

static void expectNear(const char *what, float got, float want) {
  if (fabsf(got - want) <= 1e-5f)
    return;
  fprintf(stderr, "%s is %g, not %g\n", what, (double)got, (double)want);
  exit(1);
}

/* Value, name and message of a refusal. */
static void expectRefusal(attn_status got, attn_status want, const char *name) {
  if (got == want && strcmp(attn_status_name(got), name) == 0 &&
      attn_error_message()[0])
    return;
  fprintf(stderr, "%s (%s) instead of %s\n", attn_status_name(got),
          attn_error_message(), name);
  exit(1);
}

int main(void) {
  printf("host: %s (%s)\n", attn_isa_name(attn_cpu_isa()), attn_cpu_features());
  attn_library *lib;
  attn_pool *pool;
  check(attn_library_from_table(&table, &lib));
  check(attn_pool_create(2, &pool));

  /* Fill a cache of three blocks; the request's are 2 and 0. */
  static float k[3][PAGE][DIM], v[3][PAGE][DIM];
  float kSource[LENGTH][DIM] = {{0}}, vSource[LENGTH][DIM];
  const int32_t blocks[2] = {2, 0};
  int64_t slots[LENGTH];
  for (int t = 0; t < LENGTH; ++t) {
    slots[t] = (int64_t)blocks[t / PAGE] * PAGE + t % PAGE;
    for (int d = 0; d < DIM; ++d)
      vSource[t][d] = (float)(t * 10 + d);
  }
  attn_append_params append = {.struct_size = sizeof append,
                               .dtype = ATTN_F32,
                               .layout = ATTN_LAYOUT_ROW,
                               .kv_heads = 1,
                               .k_dim = DIM,
                               .v_dim = DIM,
                               .tokens = LENGTH,
                               .page_size = PAGE,
                               .num_blocks = 3,
                               .slot_mapping = slots,
                               .k_src = kSource,
                               .k_src_stride_token = DIM,
                               .v_src = vSource,
                               .v_src_stride_token = DIM,
                               .k = k,
                               .k_stride_block = PAGE * DIM,
                               .k_stride_token = DIM,
                               .v = v,
                               .v_stride_block = PAGE * DIM,
                               .v_stride_token = DIM};
  check(attn_append(&append));

  const float q[DIM] = {0};
  const int32_t length = LENGTH;
  float out[DIM], lse;
  attn_decode_params decode = {.struct_size = sizeof decode,
                               .flags = ATTN_FLAG_BATCH_INVARIANT,
                               .dtype = ATTN_F32,
                               .layout = ATTN_LAYOUT_ROW,
                               .q_heads = 1,
                               .kv_heads = 1,
                               .k_dim = DIM,
                               .v_dim = DIM,
                               .q_len = 1,
                               .isa = ATTN_ISA_AUTO,
                               .scale = 1,
                               .max_batch = 1,
                               .max_seq_len = 2 * PAGE,
                               .page_size = PAGE,
                               .num_blocks = 3,
                               .split_size = PAGE,
                               .pool = pool,
                               .batch = 1,
                               .q = q,
                               .k = k,
                               .k_stride_block = PAGE * DIM,
                               .k_stride_token = DIM,
                               .v = v,
                               .v_stride_block = PAGE * DIM,
                               .v_stride_token = DIM,
                               .seq_lens = &length,
                               .block_table = blocks,
                               .max_blocks = 2,
                               .out = out,
                               .lse = &lse};
  size_t numReasons;
  check(attn_query_support(lib, &decode, NULL, 0, &numReasons));
  check(attn_decode_workspace_size(lib, &decode, &decode.workspace_bytes));
  decode.workspace = aligned_alloc(64, decode.workspace_bytes);
  check(attn_decode(lib, &decode));
  expectNear("out[0]", out[0], 60);
  expectNear("out[3]", out[3], 63);
  expectNear("lse", lse, logf(LENGTH));

  attn_decode_params bad = decode;
  attn_reason reasons[2];
  bad.num_blocks = 2;
  expectRefusal(attn_decode(lib, &bad), ATTN_ERROR_BLOCK_INDEX,
                "ATTN_ERROR_BLOCK_INDEX");
  bad.struct_size -= 8;
  expectRefusal(attn_decode(lib, &bad), ATTN_ERROR_STRUCT_SIZE,
                "ATTN_ERROR_STRUCT_SIZE");
  bad = decode;
  bad.v_dim = 2 * DIM;
  expectRefusal(attn_query_support(lib, &bad, reasons, 2, &numReasons),
                ATTN_ERROR_UNSUPPORTED, "ATTN_ERROR_UNSUPPORTED");
  if (numReasons != 1 || reasons[0].code != ATTN_REASON_V_DIM) {
    fprintf(stderr, "%zu reasons, first %d\n", numReasons, reasons[0].code);
    exit(1);
  }

  /* Two parts of one and three tokens. */
  const float partialOut[2][DIM] = {{8, 8, 8, 8}, {0, 4, 0, 4}};
  const float partialLse[2] = {0, logf(3)};
  attn_merge_params merge = {.struct_size = sizeof merge,
                             .dtype = ATTN_F32,
                             .isa = ATTN_ISA_AUTO,
                             .q_heads = 1,
                             .kv_heads = 1,
                             .v_dim = DIM,
                             .q_len = 1,
                             .batch = 1,
                             .parts = 2,
                             .partial_out = &partialOut[0][0],
                             .partial_lse = partialLse,
                             .out = out,
                             .lse = &lse};
  check(attn_merge(lib, &merge));
  expectNear("merged out[0]", out[0], 2);
  expectNear("merged out[1]", out[1], 5);
  expectNear("merged lse", lse, logf(4));

  free(decode.workspace);
  attn_pool_destroy(pool);
  attn_library_close(lib);
  puts("passed");
  return 0;
}
