/*===-- attn_kernel_abi.h - Between generated kernels and the runtime -----===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* The internal ABI: what a generated kernel reads and what the runtime hands
|* it. Users call attn_runtime.h instead. The lowering
(lib/Conversion/TileToCPU)
|* takes the field offsets from this very header; a change here reaches both
|* sides at once, and every change bumps ATTN_KERNEL_ABI_VERSION, which a
|* kernel table carries and the runtime checks.
|*
|* Strides count elements of the tensor they belong to, never bytes, and are
|* 64-bit. Positions and lengths count tokens.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_KERNEL_ABI_H
#define ATTN_KERNEL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATTN_KERNEL_ABI_VERSION 7

/** Element types of query, cache and output. */
enum attn_dtype { ATTN_BF16 = 0, ATTN_F16 = 1, ATTN_F32 = 2 };

/** Instruction levels of the CPU target, each containing the ones before.
    avx2 means AVX2 + FMA + F16C; avx512 means F + BW + DQ + VL. */
enum attn_isa {
  ATTN_ISA_AVX2 = 0,
  ATTN_ISA_AVX512 = 1,
  ATTN_ISA_AVX512BF16 = 2,
  ATTN_ISA_AMX = 3
};

/** How one block (page) of the cache is laid out; `p` is the page size.
    ROW: K and V rows of `dim` contiguous elements at runtime token and head
         strides: every engine's layout.
    OWN: K of a (block, kv head) is `p` contiguous rows. V of a (block, kv head)
         is, for 16-bit bf16, pair-interleaved [v_dim/16][p/2][16][2]: the two
         tokens of a pair lie side by side, so a row of 64 bytes is one row of
         an AMX B tile; for f16 and f32 it is `p` contiguous rows as K is. */
enum attn_layout { ATTN_LAYOUT_ROW = 0, ATTN_LAYOUT_OWN = 1 };

/** Arguments common to all work items of one call. Read only. */
typedef struct attn_kernel_args {
  /** [batch, q_len, q_heads, k_dim] at the strides below; nope and then rotary
      columns where the kernel decompresses. */
  const void *q;
  int64_t q_stride_batch, q_stride_token, q_stride_head;
  const void *k; /**< cache base of K; an MLA latent row is K */
  int64_t k_stride_block, k_stride_token, k_stride_head;
  const void *v; /**< cache base of V; unused where V is a prefix of K */
  int64_t v_stride_block, v_stride_token, v_stride_head;
  int64_t page_size;  /**< tokens per block; >= 1 */
  const float *sinks; /**< [q_heads] natural-log logits, or null */
  /** [batch, q_len, q_heads, v_dim] at the strides below, as are partial
      states; v in the place of v_dim where the kernel decompresses. */
  void *out;
  int64_t out_stride_batch, out_stride_token, out_stride_head;
  float *lse; /**< [batch, q_len, q_heads] natural base, or null */
  int64_t lse_stride_batch, lse_stride_token, lse_stride_head;
  /** Partial states, one slot a work item: partial_out is
      [slot][q_len][q_heads][v_dim] f32 (normalised within the slot),
      partial_lse [slot][q_len][q_heads] (natural base, without the sink). */
  float *partial_out;
  float *partial_lse;
  /** Where the kernel decompresses (ATTN_KERNEL_DECOMPRESS): [q_heads, rank,
      nope] and [q_heads, rank, v], contiguous. */
  const void *w_uk, *w_uv;
} attn_kernel_args;

/** One piece of work: some tokens of one request, for some kv heads. */
typedef struct attn_work_item {
  const int32_t
      *blocks;     /**< the request's block ids; null: the block is `batch` */
  int64_t batch;   /**< request index into q, out, lse */
  int64_t seq_len; /**< tokens of the request, including the q_len new ones */
  int64_t token_begin; /**< first token of this item */
  int64_t
      token_end; /**< one past the last token of this item; >= token_begin */
  /** Heads [begin, end): kv heads, or q heads where the kernel decompresses; so
      in attn_combine_item. */
  int64_t head_begin, head_end;
  int64_t slot; /**< partial slot to write; -1: write out and lse directly */
} attn_work_item;

/** One merge, or a part of one: partial slots of one request into its output.
 */
typedef struct attn_combine_item {
  int64_t batch;
  int64_t head_begin, head_end; /**< as a work item's */
  int64_t slot_begin;           /**< first slot */
  int64_t slot_count;           /**< number of slots; 0 writes zeros and -inf */
  int64_t slot_stride; /**< distance between this request's slots, >= 1 */
  /** Rows [begin, end) of each of these heads; row r is query token r / group,
      query head r % group. */
  int64_t row_begin, row_end;
} attn_combine_item;

/** Generated entry points. `scratch` is 64-byte aligned, of scratch_bytes,
    private to the calling thread and of unspecified contents. */
typedef void (*attn_kernel_fn)(const attn_kernel_args *, const attn_work_item *,
                               void *scratch);
typedef void (*attn_combine_fn)(const attn_kernel_args *,
                                const attn_combine_item *, void *scratch);

/** Bits of attn_kernel_desc::flags. */
enum attn_kernel_flags {
  ATTN_KERNEL_CAUSAL = 1u << 0,     /**< bottom-right aligned */
  ATTN_KERNEL_SINKS = 1u << 1,      /**< reads attn_kernel_args::sinks */
  ATTN_KERNEL_V_IN_K = 1u << 2,     /**< V is the first v_dim elements of K */
  ATTN_KERNEL_SCORE_MOD = 1u << 3,  /**< a custom score region is compiled in */
  ATTN_KERNEL_EMULATED = 1u << 4,   /**< calls the x86 emulation library */
  ATTN_KERNEL_OUT_F32 = 1u << 6,    /**< out is f32, whatever dtype is */
  ATTN_KERNEL_DECOMPRESS = 1u << 7, /**< makes K and V of latent rows */
  ATTN_KERNEL_UP_TRANSPOSED =
      1u << 8, /**< reads w_uk as [q_heads, nope, rank]; a projection:
                   its weight as [heads, n_dim, k_dim] */
  ATTN_KERNEL_LATENT_ROWS = 1u << 9, /**< a projection, for a GPU: of the rows
                                          of a latent cache (attn_gpu_abi.h) */
  /** Numbers in two parts, in attn_mla_decode alone. A projection: what
     rounding leaves of the n_dim columns of a row of `out` follows as as many
     more. A kernel: what its query's projection (with V_IN_K: the first v_dim
     columns of `q`) or its keys' (else: the first `nope` of `k`, whose k_dim
     counts them) has left follows those columns. */
  ATTN_KERNEL_REST = 1u << 10
};

/** Compile-time facts of one kernel. */
typedef struct attn_kernel_desc {
  uint32_t struct_size; /**< sizeof(attn_kernel_desc) */
  uint32_t flags;       /**< attn_kernel_flags */
  const char *name;
  int32_t isa;    /**< attn_isa the code needs */
  int32_t dtype;  /**< attn_dtype of q, cache, out */
  int32_t layout; /**< attn_layout */
  int32_t q_heads, kv_heads, k_dim, v_dim;
  int32_t q_len;         /**< query tokens per request */
  int32_t kv_tile;       /**< tokens per inner step */
  int32_t page_multiple; /**< page_size must be a multiple of this; 1: any */
  int64_t
      window;    /**< tokens seen to the left incl. the current; 0: unlimited */
  float scale;   /**< on the raw logit */
  float softcap; /**< 0: none */
  int64_t scratch_bytes; /**< per thread */
  /** Columns that keys without their rotary part, and values, are decompressed
      to (ATTN_KERNEL_DECOMPRESS; the row is k_dim wide, of which v_dim are the
      latent); `nope` also those that have a rest in the cache
      (ATTN_KERNEL_REST); else 0. */
  int32_t nope, v;
  attn_kernel_fn kernel; /**< null: merges only, for attn_merge */
  attn_combine_fn combine;
} attn_kernel_desc;

/** Arguments common to all work items of one projection,
    out[b, t, h, :] = in[b, t, h, :] weight[h]. Read only. */
typedef struct attn_project_args {
  const void *in; /**< [batch, tokens, heads, k_dim] at the strides below; a
                       head stride of 0 gives all heads one input */
  int64_t in_stride_batch, in_stride_token, in_stride_head;
  const void *weight; /**< [heads, k_dim, n_dim], contiguous; [heads, n_dim,
                           k_dim] with ATTN_KERNEL_UP_TRANSPOSED */
  void *out;          /**< [batch, tokens, heads, n_dim] at the strides below */
  int64_t out_stride_batch, out_stride_token, out_stride_head;
} attn_project_args;

/** What a projection that merges partial states (attn_project_desc::q_len) is
    given in the place of attn_project_args. */
typedef struct attn_project_merge_args {
  attn_project_args project;
  /** What the attention's combine function reads, of which lse is written and
      out is not. */
  const attn_kernel_args *attention;
  /** A merge for each request of the attention, of which batch and slots count.
      A slot_count of 0 means that the request was not split: its rows are in
      `in`. Tokens of a batch entry past q_len are those of the next request. */
  const attn_combine_item *merges;
} attn_project_merge_args;

/** Most tokens of one item. */
#define ATTN_PROJECT_TOKENS 256

/** One piece of work: some tokens of one batch entry, for some heads. */
typedef struct attn_project_item {
  int64_t batch;
  int64_t token_begin, token_end; /**< [begin, end) */
  int64_t head_begin, head_end;   /**< [begin, end) */
} attn_project_item;

/** As attn_kernel_fn. */
typedef void (*attn_project_fn)(const attn_project_args *,
                                const attn_project_item *, void *scratch);

/** Compile-time facts of one projection. */
typedef struct attn_project_desc {
  uint32_t struct_size; /**< sizeof(attn_project_desc) */
  uint32_t flags;       /**< ATTN_KERNEL_EMULATED, _UP_TRANSPOSED, _REST; if it
                             merges, also ATTN_KERNEL_SINKS as its attention has
                             it */
  const char *name;
  int32_t isa;      /**< attn_isa the code needs */
  int32_t dtype;    /**< attn_dtype of weight and output; sums are f32 */
  int32_t in_dtype; /**< attn_dtype of the input: dtype, or f32 */
  int32_t heads, k_dim, n_dim;
  int32_t q_len;    /**< query tokens per request of the attention whose partial
                         states it merges; 0: it merges none */
  int32_t reserved; /**< 0 */
  int64_t scratch_bytes; /**< per thread */
  attn_project_fn kernel;
} attn_project_desc;

/** What a pack or a JIT session hands the runtime. */
typedef struct attn_kernel_table {
  uint32_t abi_version; /**< ATTN_KERNEL_ABI_VERSION */
  uint32_t num_kernels;
  const attn_kernel_desc *kernels;
  const attn_project_desc *projections; /**< null if num_projections is 0 */
  uint32_t num_projections;
  uint32_t reserved; /**< 0 */
} attn_kernel_table;

/** Symbol that a pack's shared library exports:
    const attn_kernel_table *attn_pack_table(void). */
#define ATTN_PACK_TABLE_SYMBOL "attn_pack_table"
typedef const attn_kernel_table *(*attn_pack_table_fn)(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_KERNEL_ABI_H */
