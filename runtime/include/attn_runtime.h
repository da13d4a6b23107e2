/*===-- attn_runtime.h - The runtime's public C ABI -------------*- C -*-===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* Launches generated attention decode kernels. The runtime needs libc, libm,
|* libpthread and libdl; it never exits, aborts, throws or prints.
|*
|* A call's life:
|*
|*   attn_library *lib;
|*   attn_library_open("llama.so", &lib);          load a pack
|*   attn_decode_params p = {0};
|*   p.struct_size = sizeof p;
|*   ... facts and capacities ...
|*   attn_query_support(lib, &p, reasons, n, &count);   once, at start-up
|*   attn_decode_workspace_size(lib, &p, &bytes);       once, at start-up
|*   ... pointers ...
|*   attn_decode(lib, &p);                              each step
|*
|* Conventions
|* - Strides count elements of the tensor they belong to and are 64-bit. The
|*   innermost dimension of every tensor is contiguous. Strides may not be
|*   negative; those of tensors that are written may not make rows overlap.
|* - Lengths and positions count tokens. A length is a count, not an index.
|* - Log-sum-exps are f32, in natural base, of the scaled, capped and masked
|*   logits, without the sink, which is no token's.
|* - Nothing is written before every argument has been checked: a call that
|*   returns an error has left outputs, cache and workspace as they were.
|* - Every function may be called from any thread. Two calls at once may share
|*   a library and a pool, but not a workspace or an output. What a params
|*   struct points to may not change during the call.
|* - Params structs only grow, at their end, and struct_size says which version
|*   the caller was built with: fields that it lacks count as zero, and zero in
|*   an added field always means what the older struct did. A size between two
|*   versions is refused, as is a newer struct that sets what this runtime does
|*   not know.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_RUNTIME_H
#define ATTN_RUNTIME_H

#include "attn_kernel_abi.h"

#include <stddef.h>
#include <stdint.h>

/** Version of this header. 2 adds devices, indptr and indices, the pool of
    attn_append, attn_project, attn_mla_decode, and what the library says of
    itself. 3 adds the form of attn_mla_decode. */
#define ATTN_ABI_VERSION 3

#if defined(__GNUC__)
#define ATTN_API __attribute__((visibility("default")))
#else
#define ATTN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*===--- Status -----------------------------------------------------------===*/

/** Outcome of a call. Values are stable; new ones are appended. */
typedef enum attn_status {
  ATTN_OK = 0,
  ATTN_ERROR_NULL_POINTER = 1, /**< a required pointer is null */
  ATTN_ERROR_STRUCT_SIZE = 2,  /**< too small, or unknown fields are set */
  ATTN_ERROR_ENUM = 3,         /**< unknown dtype, layout or isa */
  ATTN_ERROR_FLAGS = 4,        /**< unknown flag bits */
  ATTN_ERROR_VALUE =
      5, /**< scale, softcap, window or split_size out of range */
  ATTN_ERROR_SHAPE = 6, /**< a size below its minimum, or head counts that do
                             not divide */
  ATTN_ERROR_BATCH_CAPACITY = 7, /**< batch over max_batch */
  ATTN_ERROR_CACHE_CAPACITY = 8, /**< max_seq_len does not fit the cache */
  ATTN_ERROR_PAGE_SIZE = 9,      /**< below 1 or no multiple of what the
                                      kernel or the layout needs */
  ATTN_ERROR_MISALIGNED = 10,    /**< a pointer off its element size, or the
                                      workspace off 64 bytes */
  ATTN_ERROR_STRIDE = 11,        /**< negative, overlapping, overflowing, or
                                      not what the layout prescribes */
  ATTN_ERROR_SINKS = 12,         /**< sinks given without ATTN_FLAG_SINKS */
  ATTN_ERROR_V_POINTER = 13,     /**< a V besides K under ATTN_FLAG_V_IN_K */
  ATTN_ERROR_SEQ_LEN_NEGATIVE = 14,
  ATTN_ERROR_SEQ_LEN_CAPACITY = 15, /**< a length over max_seq_len */
  ATTN_ERROR_SEQ_LEN_CAUSAL = 16, /**< 0 < length < q_len under a causal mask */
  ATTN_ERROR_BLOCK_INDEX = 17,    /**< a used block id is not in the pool */
  ATTN_ERROR_SLOT = 18,           /**< a cache slot is not in the pool */
  ATTN_ERROR_WORKSPACE_SIZE = 19, /**< too small, or its size overflows */
  ATTN_ERROR_CPU_FEATURE = 20,    /**< the kernel needs instructions that the
                                       CPU, the OS or the GPU does not offer */
  ATTN_ERROR_UNSUPPORTED = 21,    /**< no kernel fits: attn_query_support */
  ATTN_ERROR_LIBRARY_OPEN = 22,   /**< dlopen failed */
  ATTN_ERROR_LIBRARY_SYMBOL = 23, /**< not a kernel pack */
  ATTN_ERROR_LIBRARY_ABI = 24,    /**< a pack for another runtime version */
  ATTN_ERROR_LIBRARY_TABLE = 25,  /**< a malformed kernel table */
  ATTN_ERROR_OUT_OF_MEMORY = 26,
  ATTN_ERROR_THREADS =
      27, /**< a thread count below 1, or no thread to be had */
  ATTN_ERROR_ADDRESSING = 28, /**< two ways to address a cache, or two sources
                                   of lengths, at once */
  ATTN_ERROR_INDPTR = 29, /**< descending, out of range, or too few pages for a
                               request's length */
  ATTN_ERROR_LAST_PAGE_LEN =
      30, /**< not in [1, page_size], of a request with pages */
  ATTN_ERROR_INDEX_WIDTH = 31, /**< a used int64 block id exceeds int32 */
  ATTN_ERROR_DEVICE = 32,      /**< a stream on a device that has none */
  ATTN_ERROR_NO_DRIVER = 33,   /**< no CUDA driver, or too old a one */
  ATTN_ERROR_CUDA = 34         /**< the CUDA driver reports an error */
} attn_status;

/** The status' enumerator as a string, e.g. "ATTN_ERROR_STRIDE". Never null. */
ATTN_API const char *attn_status_name(attn_status status);

/** What the last call that failed on this thread had to say: one line, in
    English, naming the argument and its value. Empty before the first failure;
    valid until the next failure on this thread. */
ATTN_API const char *attn_error_message(void);

/*===--- Information ------------------------------------------------------===*/

/** What the library says of itself; static. A later library appends fields, so
    compare struct_size before reading what is not in an older header. */
typedef struct attn_build_info {
  uint32_t
      struct_size; /**< sizeof(attn_build_info) when the library was built */
  int32_t abi_version; /**< ATTN_ABI_VERSION of then */
  int32_t
      kernel_abi_version; /**< the packs it opens: ATTN_KERNEL_ABI_VERSION */
  int32_t reserved;       /**< 0 */
  const char *version;    /**< of the project, e.g. "0.1.0" */
  const char *compiler;   /**< name and version */
  const char *build_type; /**< CMake's, e.g. "Release" */
  const char *sanitizers; /**< e.g. "thread"; empty: none */
} attn_build_info;

/** Never null. */
ATTN_API const attn_build_info *attn_get_build_info(void);

/** "bf16", "f16" or "f32"; null for others. */
ATTN_API const char *attn_dtype_name(int32_t dtype);

/** "row" or "own"; null for others. */
ATTN_API const char *attn_layout_name(int32_t layout);

/*===--- CPU features -----------------------------------------------------===*/

/** For attn_decode_params::isa: the best level that host and library share. */
#define ATTN_ISA_AUTO (-1)
/** Result of attn_cpu_isa on a CPU below AVX2 + FMA + F16C. */
#define ATTN_ISA_NONE (-2)

/** The highest `enum attn_isa` level that both CPU and OS offer, from CPUID
    and XGETBV; ATTN_ISA_NONE if none. The first call asks the kernel for
    permission to use AMX tiles, once per process. */
ATTN_API int32_t attn_cpu_isa(void);

/** The features found, space-separated, in /proc/cpuinfo's spelling. */
ATTN_API const char *attn_cpu_features(void);

/** "avx2", "avx512", "avx512bf16", "amx", "auto" or "none"; null for others. */
ATTN_API const char *attn_isa_name(int32_t isa);

/** Reads a name that attn_isa_name gives for a level or for ATTN_ISA_AUTO.
    Errors: NULL_POINTER, ENUM. */
ATTN_API attn_status attn_isa_parse(const char *name, int32_t *isa);

/*===--- Kernel libraries -------------------------------------------------===*/

typedef struct attn_library attn_library;

/** Opens a kernel pack, a shared library exporting ATTN_PACK_TABLE_SYMBOL.
    `path` is as for dlopen.
    Errors: NULL_POINTER, LIBRARY_{OPEN,SYMBOL,ABI,TABLE}, OUT_OF_MEMORY. */
ATTN_API attn_status attn_library_open(const char *path, attn_library **lib);

/** Wraps a table in memory (a JIT session's, a statically linked pack's), which
    must outlive the library. Errors: NULL_POINTER, LIBRARY_{ABI,TABLE},
    OUT_OF_MEMORY. */
ATTN_API attn_status attn_library_from_table(const attn_kernel_table *table,
                                             attn_library **lib);

/** No call may be using the library. Null is allowed. */
ATTN_API void attn_library_close(attn_library *lib);

/** Number of kernels; 0 for null. */
ATTN_API uint32_t attn_library_num_kernels(const attn_library *lib);

/** Facts of one kernel; null if there is no such kernel. */
ATTN_API const attn_kernel_desc *attn_library_kernel(const attn_library *lib,
                                                     uint32_t index);

/** Facts of one kernel as a JSON object on one line: name, device ("cpu" or
    "cuda"), isa (a level, or "sm_80" and the like), dtype,
    layout, q_heads, kv_heads, k_dim, v_dim, q_len, kv_tile, page_multiple,
    window, scale, softcap, causal, sinks, v_in_k, score_mod, out_f32, emulated,
    merge_only, decompress, nope, v, scratch_bytes. *length is the text's,
    without the final zero; at most capacity - 1 bytes and a zero are stored.
    `text` may be null with capacity 0. Errors: NULL_POINTER, VALUE (there is no
    such kernel). */
ATTN_API attn_status attn_library_kernel_json(const attn_library *lib,
                                              uint32_t index, char *text,
                                              size_t capacity, size_t *length);

/** Number of projection kernels; 0 for null. */
ATTN_API uint32_t attn_library_num_projections(const attn_library *lib);

/** Facts of one projection kernel; null if there is no such kernel. One of a
    GPU has no function, and isa ATTN_ISA_GPU + arch (attn_gpu.h). */
ATTN_API const attn_project_desc *
attn_library_projection(const attn_library *lib, uint32_t index);

/*===--- Devices ----------------------------------------------------------===*/

/** Where a call runs, and where all its tensors lie. */
enum attn_device { ATTN_DEVICE_CPU = 0, ATTN_DEVICE_CUDA = 1 };

/** Element type of attn_decode_params::indices. */
enum attn_index_type { ATTN_INDEX_INT32 = 0, ATTN_INDEX_INT64 = 1 };

/*===--- Thread pool ------------------------------------------------------===*/

/** A fixed set of threads. Idle ones spin some 300 us, so that back-to-back
    calls start fast, and then sleep. Affinity is left alone. Calls that share
    a pool take turns. */
typedef struct attn_pool attn_pool;

/** A pool of `num_threads` including the calling thread of each call, so
    `num_threads - 1` threads are started.
    Errors: NULL_POINTER, THREADS, OUT_OF_MEMORY. */
ATTN_API attn_status attn_pool_create(int32_t num_threads, attn_pool **pool);

/** Joins the threads. No call may be using the pool. Null is allowed. */
ATTN_API void attn_pool_destroy(attn_pool *pool);

/** Number of threads; 1 for null, as a null pool means the caller alone. */
ATTN_API int32_t attn_pool_size(const attn_pool *pool);

/*===--- Decode -----------------------------------------------------------===*/

/** Bits of the params' flags. */
enum attn_flags {
  /** Query i of q_len sees keys up to seq_len - q_len + i (bottom-right
      aligned). With q_len = 1 the bit makes no difference. */
  ATTN_FLAG_CAUSAL = 1u << 0,
  /** `sinks` adds a logit per query head to the denominator only. */
  ATTN_FLAG_SINKS = 1u << 1,
  /** V is the first v_dim elements of a K row (the MLA latent); `v` is null or
      equal to `k`. */
  ATTN_FLAG_V_IN_K = 1u << 2,
  /** Ask for a kernel with a custom score region; kernel_name says which. */
  ATTN_FLAG_SCORE_MOD = 1u << 3,
  /** The order of additions depends on a request's own length alone: the same
      bits whatever else is in the batch and however many threads run. */
  ATTN_FLAG_BATCH_INVARIANT = 1u << 4,
  /** Allow kernels that call the x86 emulation library: right, but slow. */
  ATTN_FLAG_ALLOW_EMULATED = 1u << 5,
  /** out is f32, whatever dtype is: for kernels that are followed by another,
      as attn_mla_decode's is. */
  ATTN_FLAG_OUT_F32 = 1u << 6
};

/** One decode step of one layer. Zero-initialise, set struct_size, then fill.

    The first part (facts) must equal what a kernel was compiled for, floats bit
    for bit. Facts and capacities decide which kernel runs and how much
    workspace it takes; attn_query_support and attn_decode_workspace_size read
    only those two parts.

    The cache is paged: token t of request b is row t % page_size of block
    block_table[b][t / page_size]. Only block ids of tokens that the request's
    queries can see are read: under a window of w tokens the pages left of
    token max(0, seq_len - q_len - w + 1), rounded down to the kernel's kv_tile,
    may have been freed. Instead of block_table, `indptr` and `indices` may say
    where the blocks are: those of request b are
    indices[indptr[b]] ... indices[indptr[b + 1] - 1]. A contiguous cache has
    neither: request b lives in block b, and page_size is its capacity.

    The length of request b is seq_lens[b] or, where seq_lens is null and there
    is an indptr, (n - 1) * page_size + last_page_len[b] of its n pages (0 of
    none). With page_size 1, last_page_len may be null too: all pages are full.

    ATTN_LAYOUT_ROW: element d of row t of head h in block n is at
    n*stride_block + t*stride_token + h*stride_head + d. ATTN_LAYOUT_OWN: see
    attn_layout.h; token strides must be k_dim and v_dim. */
typedef struct attn_decode_params {
  uint32_t struct_size; /**< sizeof(attn_decode_params) */
  uint32_t flags;       /**< attn_flags */

  /* Facts. */
  int32_t dtype;    /**< attn_dtype of q, k, v, out */
  int32_t layout;   /**< attn_layout of the cache */
  int32_t q_heads;  /**< a multiple of kv_heads */
  int32_t kv_heads; /**< >= 1 */
  int32_t k_dim;    /**< elements of a q row and of a K row */
  int32_t v_dim;    /**< elements of a V row and of an out row */
  int32_t q_len;    /**< query tokens per request, >= 1 */
  int32_t isa;      /**< exactly this attn_isa, or ATTN_ISA_AUTO */
  float scale;      /**< multiplies the raw logit; finite */
  float softcap;    /**< c in c*tanh(x/c) on the scaled logit; 0: none */
  int64_t window;   /**< tokens seen to the left, the query's own included (the
                         Hugging Face meaning); 0: unlimited */
  const char *kernel_name; /**< only the kernel of this name; null: any */

  /* Capacities. */
  int64_t max_batch;   /**< >= batch; at most 2^31 - 1 */
  int64_t max_seq_len; /**< >= every length; at most 2^31 - 1 */
  int64_t page_size;   /**< tokens per block; >= 1 */
  int64_t num_blocks;  /**< blocks in the pool */
  int64_t split_size; /**< batch-invariant mode: tokens per partial sum, rounded
                           up to the kernel's kv_tile; 0: 2048 */
  attn_pool *pool;    /**< null: the calling thread alone */

  /* Inputs of this call. */
  int64_t batch; /**< requests; 0 is allowed and does nothing */
  const void *q; /**< [batch, q_len, q_heads, k_dim] */
  int64_t q_stride_batch, q_stride_token, q_stride_head;
  const void *k; /**< [num_blocks, page_size, kv_heads, k_dim] */
  int64_t k_stride_block, k_stride_token, k_stride_head;
  const void *v; /**< [num_blocks, page_size, kv_heads, v_dim] */
  int64_t v_stride_block, v_stride_token, v_stride_head;
  const float *sinks;      /**< [q_heads], natural log; see ATTN_FLAG_SINKS */
  const int32_t *seq_lens; /**< [batch]: tokens in the cache, this step's q_len
                                included; 0: an empty row, whose output is 0
                                and LSE -inf, sinks or not */
  const int32_t *block_table; /**< [batch, max_blocks]; null: see above */
  int64_t
      block_table_stride; /**< elements from one request's row to the next */
  int64_t max_blocks;     /**< entries per row of block_table */

  /* Outputs and scratch. */
  void *out; /**< [batch, q_len, q_heads, v_dim] */
  int64_t out_stride_batch, out_stride_token, out_stride_head;
  float *lse; /**< [batch, q_len, q_heads], or null */
  int64_t lse_stride_batch, lse_stride_token, lse_stride_head;
  void
      *workspace; /**< 64-byte aligned; contents before and after unspecified */
  uint64_t workspace_bytes; /**< >= attn_decode_workspace_size */

  /* Since ABI version 2. */
  int32_t device;      /**< fact: attn_device */
  int32_t index_type;  /**< capacity: attn_index_type of indices; on the CPU an
                            int32 copy of int64 ones takes 4 * max_indices
                            bytes of workspace */
  int64_t max_indices; /**< capacity: most entries of indices, of all requests
                            together; at most 2^31 - 1 */
  void *stream;        /**< CUstream on CUDA; null on the CPU, where a call
                            returns when it is done */
  const int32_t *indptr; /**< [batch + 1], ascending, in [0, max_indices] */
  const void *indices;   /**< [indptr[batch]] block ids; null if max_indices is
                              0 */
  const int32_t *last_page_len; /**< [batch], in [1, page_size]; of a request
                                   without pages it is not looked at */
} attn_decode_params;

/** Why a kernel does not fit. Values are stable; new ones are appended. */
enum attn_reason_code {
  ATTN_REASON_NO_KERNELS = 0, /**< the library is empty */
  ATTN_REASON_NAME = 1,
  ATTN_REASON_DTYPE = 2,
  ATTN_REASON_LAYOUT = 3,
  ATTN_REASON_Q_HEADS = 4,
  ATTN_REASON_KV_HEADS = 5,
  ATTN_REASON_K_DIM = 6,
  ATTN_REASON_V_DIM = 7,
  ATTN_REASON_Q_LEN = 8,
  ATTN_REASON_CAUSAL = 9,
  ATTN_REASON_SINKS = 10,
  ATTN_REASON_V_IN_K = 11,
  ATTN_REASON_SCORE_MOD = 12,
  ATTN_REASON_WINDOW = 13,
  ATTN_REASON_SCALE = 14,
  ATTN_REASON_SOFTCAP = 15,
  ATTN_REASON_PAGE_SIZE = 16,
  ATTN_REASON_ISA = 17,         /**< not the level asked for */
  ATTN_REASON_CPU_FEATURE = 18, /**< a level this host does not offer */
  ATTN_REASON_EMULATED = 19,    /**< needs ATTN_FLAG_ALLOW_EMULATED */
  ATTN_REASON_MERGE_ONLY = 20,  /**< an attn.merge: for attn_merge alone */
  ATTN_REASON_DEVICE = 21,      /**< runs on another device */
  ATTN_REASON_INDEX_TYPE = 22,  /**< no longer given: all kernels take both */
  ATTN_REASON_OUT_F32 = 23,     /**< out in f32, or not */
  ATTN_REASON_DECOMPRESS = 24,  /**< decompresses: for attn_mla_decode alone */
  ATTN_REASON_REST = 25 /**< reads numbers in two parts: for attn_mla_decode
                             alone */
};

typedef struct attn_reason {
  int32_t code;   /**< attn_reason_code */
  int32_t kernel; /**< index into the library; -1 with NO_KERNELS */
  char text[120]; /**< what was asked for and what the kernel has */
} attn_reason;

/** The code's enumerator as a string, e.g. "ATTN_REASON_DTYPE". Never null. */
ATTN_API const char *attn_reason_name(int32_t code);

/** Whether a kernel fits the facts and capacities of `params`.
    ATTN_OK: one does, *num_reasons is 0. UNSUPPORTED, PAGE_SIZE or CPU_FEATURE:
    none does; for every kernel that misses the fewest facts, all it misses is
    listed. At most `capacity` reasons are stored; *num_reasons counts all.
    `reasons` may be null with capacity 0; `num_reasons` may be null.
    Other errors: NULL_POINTER, STRUCT_SIZE, ENUM, FLAGS, VALUE, SHAPE. */
ATTN_API attn_status attn_query_support(const attn_library *lib,
                                        const attn_decode_params *params,
                                        attn_reason *reasons, size_t capacity,
                                        size_t *num_reasons);

/** Index of the kernel that attn_decode would run: among those that fit, one
    that is not emulated before one that is, then the highest isa level, then
    the first. Errors as attn_query_support. */
ATTN_API attn_status attn_select_kernel(const attn_library *lib,
                                        const attn_decode_params *params,
                                        uint32_t *index);

/** Exact bytes of workspace for facts and capacities, independent of batch and
    lengths. Errors as attn_query_support, WORKSPACE_SIZE on overflow. */
ATTN_API attn_status attn_decode_workspace_size(
    const attn_library *lib, const attn_decode_params *params, uint64_t *bytes);

/** Attention of q over the cache. Allocates nothing. Every error above may be
    returned but for SLOT, LIBRARY_*, OUT_OF_MEMORY and THREADS. */
ATTN_API attn_status attn_decode(const attn_library *lib,
                                 const attn_decode_params *params);

/*===--- Append -----------------------------------------------------------===*/

/** Writing new tokens into a cache. */
typedef struct attn_append_params {
  uint32_t struct_size; /**< sizeof(attn_append_params) */
  uint32_t flags;       /**< ATTN_FLAG_V_IN_K: there are only K rows */
  int32_t dtype;        /**< attn_dtype of source and cache */
  int32_t layout;       /**< attn_layout */
  int32_t kv_heads, k_dim, v_dim;
  int32_t reserved; /**< 0 */
  int64_t tokens;   /**< 0 is allowed */
  int64_t page_size, num_blocks;
  const int64_t
      *slot_mapping; /**< [tokens]: block * page_size + row; -1: skip */
  const void *k_src; /**< [tokens, kv_heads, k_dim] */
  int64_t k_src_stride_token, k_src_stride_head;
  const void *v_src; /**< [tokens, kv_heads, v_dim] */
  int64_t v_src_stride_token, v_src_stride_head;
  void *k; /**< [num_blocks, page_size, kv_heads, k_dim], as in decode */
  int64_t k_stride_block, k_stride_token, k_stride_head;
  void *v; /**< [num_blocks, page_size, kv_heads, v_dim], as in decode */
  int64_t v_stride_block, v_stride_token, v_stride_head;

  /* Since ABI version 2. */
  int32_t device;     /**< attn_device */
  int32_t reserved_2; /**< 0 */
  void *stream;       /**< as in decode */
  attn_pool *pool;    /**< null: the calling thread alone */
  /** On a GPU: whose append kernel to run, not null. Not looked at on the
      CPU. */
  const attn_library *lib;
} attn_append_params;

/** Writes K and V rows at their slots, in order: of two tokens with one slot
    the later stays. What differs on a GPU is in attn_gpu.h. Errors:
    NULL_POINTER, STRUCT_SIZE, ENUM, FLAGS, VALUE, SHAPE, PAGE_SIZE, MISALIGNED,
    STRIDE, V_POINTER, SLOT, DEVICE; on a GPU no SLOT, but UNSUPPORTED and
    CUDA. */
ATTN_API attn_status attn_append(const attn_append_params *params);

/*===--- Merge ------------------------------------------------------------===*/

/** Merging `parts` attention states over disjoint tokens of the same requests,
    e.g. one per rank under context parallelism. A partial output is normalised
    within its part and carries no sink; a part that saw no token of a row has
    LSE -inf there. */
typedef struct attn_merge_params {
  uint32_t struct_size; /**< sizeof(attn_merge_params) */
  uint32_t flags;       /**< ATTN_FLAG_SINKS, ATTN_FLAG_ALLOW_EMULATED */
  int32_t dtype;        /**< attn_dtype of out */
  int32_t isa;          /**< as in decode */
  int32_t q_heads, kv_heads, v_dim, q_len;
  const char *kernel_name; /**< the combine of this kernel; null: any */
  attn_pool *pool;
  int64_t batch, parts;     /**< both may be 0; on a GPU their product is at
                                 most 2^30 */
  const float *partial_out; /**< [parts, batch, q_len, q_heads, v_dim], dense */
  const float *partial_lse; /**< [parts, batch, q_len, q_heads], dense */
  const float *sinks;
  void *out; /**< [batch, q_len, q_heads, v_dim] */
  int64_t out_stride_batch, out_stride_token, out_stride_head;
  float *lse; /**< [batch, q_len, q_heads], or null */
  int64_t lse_stride_batch, lse_stride_token, lse_stride_head;
  void *workspace;          /**< 64-byte aligned */
  uint64_t workspace_bytes; /**< >= attn_merge_workspace_size */

  /* Since ABI version 2. */
  int32_t device;     /**< attn_device */
  int32_t reserved_2; /**< 0 */
  void *stream;       /**< as in decode */
} attn_merge_params;

/** Bytes of workspace for the facts and the pool of `params`. */
ATTN_API attn_status attn_merge_workspace_size(const attn_library *lib,
                                               const attn_merge_params *params,
                                               uint64_t *bytes);

/** Merges the parts in order, with the combine function of a kernel whose
    dtype, heads, v_dim, q_len and use of sinks match. Errors: as attn_decode,
    without those about the cache. */
ATTN_API attn_status attn_merge(const attn_library *lib,
                                const attn_merge_params *params);

/*===--- Projections ------------------------------------------------------===*/

/** A matrix product per head, out[r][h] = in[r][h] * weight[h], summed in f32:
    MLA's way into the latent space and out of it (DeepSeek-V2,
    arXiv 2405.04434, section 2.1; the op attn.project).
    Absorb:     in = q_nope [batch*q_len, heads, nope],
                weight = W_UK [heads, nope, rank], out = q in the latent space.
    Decompress: in = o [batch*q_len, heads, rank], the result of attn_decode,
                weight = W_UV [heads, rank, v].
    Strides let in and out be parts of wider rows, and both weights be used as
    they lie in a checkpoint's kv_b_proj.weight [heads * (nope + v), rank]:
    both with stride_head (nope + v) * rank; W_UK from its start with stride_in
    rank and stride_out 1, W_UV from row nope with stride_in 1 and stride_out
    rank.
    On the CPU it is part of the runtime, for any shape; on a GPU it runs a
    projection of a library (attn_gpu.h). attn_mla_decode runs both products by
    generated kernels on either. Zero-initialise, set struct_size, then fill. */
typedef struct attn_project_params {
  uint32_t struct_size; /**< sizeof(attn_project_params) */
  uint32_t flags;       /**< 0 */
  int32_t dtype;        /**< attn_dtype of in, weight and out */
  int32_t device;       /**< attn_device */
  int32_t isa;          /**< at most this attn_isa, or ATTN_ISA_AUTO */
  int32_t heads, in_dim, out_dim; /**< >= 1 */
  int64_t rows;                   /**< batch * q_len; 0 is allowed */
  const void *in;                 /**< [rows, heads, in_dim] */
  int64_t in_stride_row, in_stride_head;
  const void *weight; /**< [heads, in_dim, out_dim] */
  /** One of the last two is 1. */
  int64_t weight_stride_head, weight_stride_in, weight_stride_out;
  void *out; /**< [rows, heads, out_dim]; overlaps neither in nor weight */
  int64_t out_stride_row, out_stride_head;
  attn_pool *pool; /**< null: the calling thread alone */
  void *stream;    /**< as in decode */

  /* Since ABI version 2. */
  /** On a GPU: whose projection to run, not null. Not looked at on the CPU. */
  const attn_library *lib;
} attn_project_params;

/** Computes out. The order of additions depends on the level, the shape and the
    strides of weight alone. Errors: NULL_POINTER, STRUCT_SIZE, ENUM, FLAGS,
    SHAPE, MISALIGNED, STRIDE, DEVICE, CPU_FEATURE (below AVX2 + FMA + F16C, or
    below `isa`); on a GPU no CPU_FEATURE, but UNSUPPORTED and CUDA. */
ATTN_API attn_status attn_project(const attn_project_params *params);

/*===--- Latent attention -------------------------------------------------===*/

/** Which way latent attention is computed; the result is the same up to
    rounding. Cheap for few query tokens: ABSORBED; for many, which share what
    is decompressed: the others. */
typedef enum attn_mla_form {
  /** The first of the following that the library has for the call's facts. */
  ATTN_MLA_FORM_AUTO = 0,
  /** q_nope W_UK, attention over the latent rows, and the result times W_UV
      (attn.attend with `form = absorbed`). */
  ATTN_MLA_FORM_ABSORBED = 1,
  /** One kernel, which makes K and V of the rows as it reads them (`form =
      fused_decompress`). */
  ATTN_MLA_FORM_FUSED = 2,
  /** K and V of each head are made in memory, then read as any others (`form =
      materialized`). On the CPU the memory is part of the workspace, for each
      thread K and V of one head: (nope + rope + v) * max_seq_len elements, or
      of the tokens that a window leaves. */
  ATTN_MLA_FORM_MATERIALIZED = 3
} attn_mla_form;

/** MLA's attention from the query to the output in one call on one pool or
    stream, by the kernels that attn.attend over latent rows with its
    up-projections was compiled to, in the form that `form` asks for. On a GPU
    it is any; MATERIALIZED reads q_nope and q_rope as one row there, and has K
    and V of all heads of max_batch requests in the workspace: max_batch *
    q_heads * max_seq_len * (nope + rope + v) elements. Zero-initialise, set
    struct_size, then fill. */
typedef struct attn_mla_params {
  uint32_t struct_size; /**< sizeof(attn_mla_params) */
  uint32_t flags;       /**< 0 */
  /** The attention: facts (with ATTN_FLAG_V_IN_K; k_dim = rank + rope, v_dim =
      rank), capacities, cache, lengths, lse, pool. Its q, out, their strides
      and its workspace are not read: the call has its own. Whether
      ATTN_FLAG_OUT_F32 is set does not matter. */
  const attn_decode_params *decode;
  int32_t nope;       /**< fact: width of q_nope, >= 1 */
  int32_t v;          /**< fact: width of out, >= 1 */
  const void *q_nope; /**< [batch, q_len, q_heads, nope] */
  int64_t q_nope_stride_batch, q_nope_stride_token, q_nope_stride_head;
  const void *q_rope; /**< [batch, q_len, q_heads, k_dim - v_dim], after RoPE;
                           not read where that width is 0 */
  int64_t q_rope_stride_batch, q_rope_stride_token, q_rope_stride_head;
  const void *w_uk; /**< [q_heads, nope, rank], contiguous */
  const void *w_uv; /**< [q_heads, rank, v], contiguous */
  void *out;        /**< [batch, q_len, q_heads, v] */
  int64_t out_stride_batch, out_stride_token, out_stride_head;
  void *workspace;          /**< 64-byte aligned */
  uint64_t workspace_bytes; /**< >= attn_mla_workspace_size */

  /* Since ABI version 3. */
  int32_t form;     /**< attn_mla_form */
  int32_t reserved; /**< 0 */
} attn_mla_params;

/** Bytes of workspace for the facts, capacities and pool of `params`. */
ATTN_API attn_status attn_mla_workspace_size(const attn_library *lib,
                                             const attn_mla_params *params,
                                             uint64_t *bytes);

/** Writes out, and decode->lse where given. Errors: as attn_decode, and
    UNSUPPORTED where the library lacks the form, or with AUTO a kernel or one
    of the projections. */
ATTN_API attn_status attn_mla_decode(const attn_library *lib,
                                     const attn_mla_params *params);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_RUNTIME_H */
