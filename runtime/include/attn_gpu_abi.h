/*===-- attn_gpu_abi.h - Between generated GPU kernels and the runtime ----===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* The internal ABI of the NVVM target, whose counterpart for the CPU is
|* attn_kernel_abi.h. The lowering (lib/Conversion/TileToNVVM) takes the field
|* offsets from this very header.
|*
|* One decode call is three launches on one stream, each with an attn_gpu_args
|* by value as its only parameter:
|*
|*   plan     <<<1, plan_threads>>>                        lengths -> work
|*   decode   <<<(parts, heads, row_blocks), threads, shared_bytes>>>
|*   combine  <<<(max_batch, combine_blocks), combine_threads>>>
|*
|* Grids, shared memory and workspace depend on capacities only, so the three
|* can be captured in a graph; lengths are read on the device. `heads` are those
|* that have a K of their own: the kv heads, or, where the kernel decompresses
|* (ATTN_KERNEL_DECOMPRESS), the query heads.
|*
|* Two more functions may stand beside the three in an image, named after the
|* decode function `d`, with the same parameter:
|*
|*   d_merge   <<<(batch, combine_blocks), combine_threads>>>
|*             attn_merge: `parts` states of each request, [parts][batch], from
|*             tensors.partial_out and partial_lse, into tensors.out and lse
|*   d_append  <<<tokens, ATTN_GPU_APPEND_THREADS>>>
|*             attn_append: rows of `append` into tensors.k and tensors.v
|*
|* Neither waits by itself for the launch before it. What they do not need of
|* attn_gpu_args is zero.
|*
|* A projection is a function of its own, with the same parameter, of which it
|* reads `project` alone:
|*
|*   p         <<<(column_blocks, heads), threads, shared_bytes>>>
|*
|* A projection of latent rows (ATTN_KERNEL_LATENT_ROWS) takes the rows of
|* tensors.k, one of each token and KV head, as the decode kernel of that cache
|* would find them, and writes row t of request b and head h to `project`'s
|* tensors.out. Rows past a request's tokens are neither read nor written.
|*
|*   p         <<<(column_blocks, heads, row_parts), threads, shared_bytes>>>
|*
|* It reads and writes without waiting for the launch before it, for which it
|* waits before it ends: neither may that launch write the cache or the lengths,
|* nor may any that it overlaps with read the output.
|*
|* Split-KV. A unit of work is one KV tile of one request (or, in the
|* batch-invariant mode, a chunk of `split_tiles` tiles). The units of all
|* requests stand in one row, T[r] being the number before request r, and every
|* part takes `per_part` consecutive ones. A request that lies within one part
|* (one chunk) is written to the output directly. Any other is split: part p
|* writes what it has of the request that began before it to slot 2p, and of
|* the request that goes on after it to slot 2p + 1 (chunk u to slot u), and the
|* combine kernel merges a request's slots in ascending order. An empty request
|* counts as one unit: its zeros have to be written.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_GPU_ABI_H
#define ATTN_GPU_ABI_H

#include "attn_kernel_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ATTN_GPU_ABI_VERSION 7

/** What follows the decode function's name in the names of these two. */
#define ATTN_GPU_MERGE_SUFFIX "_merge"
#define ATTN_GPU_APPEND_SUFFIX "_append"

/** Threads of a CTA of the append kernel, which copies one token. */
#define ATTN_GPU_APPEND_THREADS 128

/** New rows of K and V, on their way into the cache. */
typedef struct attn_gpu_append {
  const void *k_src; /**< [tokens, kv_heads, k_dim] */
  int64_t k_src_stride_token, k_src_stride_head;
  const void *v_src; /**< [tokens, kv_heads, v_dim]; unused where V is in K */
  int64_t v_src_stride_token, v_src_stride_head;
  const int64_t *slot_mapping; /**< [tokens]: block * page_size + row;
                                    negative: skip */
} attn_gpu_append;

/** A projection: `tensors.out` of all `batch * tokens` rows. They, and eighths
    of tail_dim of all of them, are counted in int32, a CTA's threads past the
    last one. Rows of in, out and tail begin at multiples of 16 bytes. */
typedef struct attn_gpu_project {
  attn_project_args tensors; /**< as for the CPU */
  int64_t batch, tokens;
  /** [batch, tokens, heads, tail_dim] of the output's type, copied behind each
      row of the output, its rest included; null: nothing is. `tail_dim` is a
     multiple of 8. A decode kernel that decompresses reads the query's rotary
     columns here, where keys have any, and the others from attn_kernel_args::q.
   */
  const void *tail;
  int64_t tail_stride_batch, tail_stride_token, tail_stride_head;
  int64_t tail_dim;
  /* Of latent rows; of what is above, `batch`, weight and out are theirs. */
  int64_t group;     /**< heads that read the rows of one KV head */
  int64_t row_parts; /**< grid z: CTAs that share the rows of a head */
  int64_t seen;      /**< tokens at the end of a request to project; 0: all */
  int32_t
      *lengths; /**< [batch] where not null: written, the requests' tokens */
} attn_gpu_project;

/** The parameter of all kernels; pointers are device pointers. */
typedef struct attn_gpu_args {
  attn_kernel_args tensors; /**< as for the CPU; partial_out and partial_lse
                                 hold `slots` slots */
  /** [batch] tokens, the new ones included. Null: the n block ids that
      `block_indptr` gives request b are full pages, but for the last one, which
      holds last_page_len[b] where that is not null. */
  const int32_t *seq_lens;
  const int32_t *last_page_len;
  /** Block ids of request b start at entry b * block_table_stride, or, where
      `block_indptr` ([batch + 1] positions) is not null, at entry
      block_indptr[b]. A null table: request b lives in block b.
      An entry is `index_words` words of 32 bits, 1 or 2. Of two the kernels
      read the low one: an id is below num_blocks, which is an int32. */
  const void *block_table;
  int64_t block_table_stride;
  int64_t index_words;
  const int32_t *block_indptr;
  /** Written by the plan kernel, read by the others, int32:
      [0] per_part; [1] the number of units; [2 .. 2 + batch] T;
      [3 + max_batch ..] for each part, the request its first unit is of. */
  int32_t *plan;
  int64_t batch;            /**< requests of this call, <= max_batch */
  int64_t max_batch;        /**< capacity */
  int64_t parts;            /**< parts that the units are dealt to */
  int64_t split_tiles;      /**< 0: balanced; else tiles per chunk, the
                                 batch-invariant mode */
  attn_gpu_append append;   /**< of the append kernel */
  attn_gpu_project project; /**< of a projection */
} attn_gpu_args;

/** int32 elements of attn_gpu_args::plan. */
static inline int64_t attn_gpu_plan_elements(int64_t max_batch, int64_t parts) {
  return 3 + max_batch + parts;
}

/** Partial slots that a call can write. `max_tiles` is the capacity in tokens
    over the kernel's kv_tile, rounded up. */
static inline int64_t attn_gpu_slots(int64_t max_batch, int64_t parts,
                                     int64_t max_tiles, int64_t split_tiles) {
  if (split_tiles == 0)
    return 2 * parts;
  return max_batch * ((max_tiles + split_tiles - 1) / split_tiles);
}

/** Compile-time facts of one kernel on one GPU architecture. */
typedef struct attn_gpu_kernel_desc {
  uint32_t struct_size; /**< sizeof(attn_gpu_kernel_desc) */
  uint32_t flags;       /**< attn_kernel_flags */
  const char *name;
  int32_t arch;  /**< lowest compute capability it runs on, times ten: 80, 90 */
  int32_t dtype; /**< attn_dtype of q, cache, out */
  int32_t layout; /**< attn_layout: ATTN_LAYOUT_ROW */
  int32_t q_heads, kv_heads, k_dim, v_dim;
  int32_t q_len;   /**< query tokens per request */
  int32_t kv_tile; /**< tokens per inner step */
  int64_t
      window;    /**< tokens seen to the left incl. the current; 0: unlimited */
  float scale;   /**< on the raw logit */
  float softcap; /**< 0: none */
  int32_t threads;      /**< a CTA of the decode kernel */
  int32_t shared_bytes; /**< dynamic shared memory of the decode kernel */
  int32_t row_blocks;   /**< grid z: blocks of query rows of a KV head */
  int32_t ctas_per_sm;  /**< that the schedule means to be resident */
  int32_t plan_threads; /**< a CTA of the plan kernel */
  int32_t combine_threads;
  int32_t combine_blocks; /**< grid y of the combine kernel */
  int32_t nope, v;        /**< as in attn_kernel_desc */
  /** Names of the three functions in `image`. */
  const char *plan, *decode, *combine;
  /** What cuModuleLoadData takes: a cubin, a fat binary or PTX text. Null in a
      session of the SIMT emulator. */
  const void *image;
  uint64_t image_bytes;
} attn_gpu_kernel_desc;

/** Compile-time facts of one projection on one GPU architecture. */
typedef struct attn_gpu_project_desc {
  uint32_t struct_size; /**< sizeof(attn_gpu_project_desc) */
  uint32_t flags;       /**< ATTN_KERNEL_UP_TRANSPOSED, _LATENT_ROWS, _REST */
  const char *name;     /**< also of the function in `image` */
  int32_t arch;         /**< as a kernel's */
  int32_t dtype;        /**< attn_dtype of weight and output; sums are f32 */
  int32_t in_dtype;     /**< attn_dtype of the input: dtype, or f32 */
  int32_t heads, k_dim, n_dim;
  int32_t threads;       /**< a CTA */
  int32_t shared_bytes;  /**< dynamic shared memory */
  int32_t column_blocks; /**< grid x */
  int32_t ctas_per_sm;   /**< as a kernel's */
  int32_t rows;          /**< of the input that are multiplied at a time */
  int32_t tail_dim;  /**< of latent rows: columns behind k_dim, copied behind
                          each row of the output */
  const void *image; /**< as a kernel's */
  uint64_t image_bytes;
} attn_gpu_project_desc;

/** What a pack or a JIT session hands the runtime. */
typedef struct attn_gpu_kernel_table {
  uint32_t abi_version; /**< ATTN_GPU_ABI_VERSION */
  uint32_t num_kernels;
  const attn_gpu_kernel_desc *kernels;
  const attn_gpu_project_desc *projections; /**< null if num_projections is 0 */
  uint32_t num_projections;
  uint32_t reserved; /**< 0 */
} attn_gpu_kernel_table;

/** Grid y of the decode kernel. */
static inline int32_t attn_gpu_heads(const attn_gpu_kernel_desc *kernel) {
  return kernel->flags & ATTN_KERNEL_DECOMPRESS ? kernel->q_heads
                                                : kernel->kv_heads;
}

/** Parts that fill a GPU once: grid x of the decode kernel. */
static inline int64_t attn_gpu_parts(const attn_gpu_kernel_desc *kernel,
                                     int64_t sms) {
  int64_t parts = sms * kernel->ctas_per_sm /
                  ((int64_t)attn_gpu_heads(kernel) * kernel->row_blocks);
  return parts > 1 ? parts : 1;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_GPU_ABI_H */
