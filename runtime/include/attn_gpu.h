/*===-- attn_gpu.h - Kernels on GPUs ----------------------------*- C -*-===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* Libraries of GPU kernels, and the launchers that run them. A library made
|* here serves attn_query_support, attn_select_kernel, attn_decode, attn_merge,
|* attn_mla_decode and their workspace sizes, attn_append and attn_project, with
|* device = ATTN_DEVICE_CUDA:
|*
|*   attn_gpu_launcher cuda;
|*   attn_cuda_launcher(&cuda);       the GPU of the current CUDA context
|*   attn_library *lib;
|*   attn_library_from_gpu_table(table, &cuda, &lib);      loads the code
|*   p.device = ATTN_DEVICE_CUDA;
|*   p.stream = stream;
|*   attn_decode(lib, &p);            three launches; returns at once
|*
|* What differs from a call on the CPU:
|* - attn_decode makes three launches, attn_mla_decode five, attn_merge,
|*   attn_append and attn_project one each, and nothing else: no allocation, no
|*   synchronisation and no read of device memory, so they can be captured in a
|*   CUDA graph. The grids of attn_decode and attn_mla_decode, and their
|*   workspaces, depend on capacities; lengths are read when the kernels run, so
|*   a graph captured at one length is right and balanced at any other.
|* - Device memory cannot be inspected. That tensors, lengths, block ids and
|*   slots are device memory, and that lengths lie in [0, max_seq_len], and ids
|*   and slots in the pool, is the caller's promise; ATTN_ERROR_SEQ_LEN_*,
|*   BLOCK_INDEX, INDPTR, LAST_PAGE_LEN and SLOT are not returned. What the host
|*   can see (capacities, strides, alignment, sizes) is checked as for the CPU.
|* - Rows of attn_decode's q, k, v and out, of attn_mla_decode's q_nope, q_rope
|*   and out, of attn_append's k_src, v_src, k and v, and of attn_project's in
|*   and out begin at multiples of 16 bytes, as do all weights
|*   (ATTN_ERROR_MISALIGNED).
|* - int64 indices are read where they lie and take no workspace. `isa` and
|*   `pool` are not looked at.
|* - attn_merge needs no workspace, and merges at most 2^30 states (parts times
|*   batch, ATTN_ERROR_SHAPE).
|* - attn_append needs attn_append_params::lib (ATTN_ERROR_NULL_POINTER), one of
|*   whose loaded kernels has a cache of its dtype, layout, kv_heads and widths.
|*   Any negative slot is skipped; of two tokens with one slot either stays, or
|*   parts of both.
|* - attn_project needs attn_project_params::lib (ATTN_ERROR_NULL_POINTER), one
|*   of whose projections is of its dtype, heads and widths
|*   (ATTN_ERROR_UNSUPPORTED), and weights that are [heads, in_dim, out_dim] in
|*   one piece (ATTN_ERROR_STRIDE). It multiplies at most 2^31 - 1025 rows;
|*   attn_mla_decode as many over an eighth of the width of q_rope
|*   (ATTN_ERROR_SHAPE).
|* - An image may lack the functions of attn_merge and attn_append, which are
|*   ATTN_ERROR_UNSUPPORTED then.
|* - The workspace may not be shared by calls that can overlap. It needs no
|*   initialisation.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_GPU_H
#define ATTN_GPU_H

#include "attn_gpu_abi.h"
#include "attn_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/** attn_kernel_desc::isa of a GPU kernel, as attn_library_kernel shows it, is
    this plus attn_gpu_kernel_desc::arch. */
#define ATTN_ISA_GPU (1 << 20)

/** What one attn_gpu_kernel_desc or attn_gpu_project_desc becomes when it is
    loaded. */
typedef struct attn_gpu_functions {
  void *module;
  void *plan, *decode, *combine;
  void *merge, *append; /**< null: the image has none */
  void *project;        /**< of a projection, which has nothing else */
} attn_gpu_functions;

/** Shape of one launch. */
typedef struct attn_gpu_launch {
  uint32_t grid[3];      /**< CTAs in x, y, z */
  uint32_t threads;      /**< of a CTA */
  uint32_t shared_bytes; /**< dynamic shared memory of a CTA */
  /** Not 0: the kernel itself waits for the launch before it on the stream
      (griddepcontrol.wait), so it may be started early. */
  uint32_t dependent;
} attn_gpu_launch;

/** Runs kernels: the CUDA driver, or an emulator in its place. The functions
    return an attn_status; they are called from the threads that make, use and
    close the library. */
typedef struct attn_gpu_launcher {
  uint32_t struct_size; /**< sizeof(attn_gpu_launcher) */
  int32_t arch;  /**< compute capability times ten; kernels above it are not
                      selected and not loaded */
  int64_t sms;   /**< streaming multiprocessors */
  void *context; /**< handed to the functions; outlives the library */
  /** CPU_FEATURE: the image has no code for this GPU, which is no error. */
  attn_status (*load)(void *context, const attn_gpu_kernel_desc *kernel,
                      attn_gpu_functions *functions);
  /** Enqueues one launch. `args` may be copied but not kept. */
  attn_status (*launch)(void *context, void *function,
                        const attn_gpu_launch *shape, void *stream,
                        const attn_gpu_args *args);
  void (*unload)(void *context, const attn_gpu_functions *functions);
  /** As `load`. */
  attn_status (*load_projection)(void *context,
                                 const attn_gpu_project_desc *projection,
                                 attn_gpu_functions *functions);
} attn_gpu_launcher;

/** The launcher of the CUDA context that is current on this thread, and has to
    be on every thread that makes, uses or closes a library of it. The driver is
    looked for as $ATTN_LIBCUDA, else libcuda.so.1, once a process; nothing
    of CUDA is needed to build or load this library.
    Errors: NULL_POINTER, NO_DRIVER, CUDA. */
ATTN_API attn_status attn_cuda_launcher(attn_gpu_launcher *launcher);

/** Loads the kernels and projections of a table, which must outlive the
    library, for the launcher's GPU; no other call loads anything. Kernels of
    one name differ in `arch` and schedule alone: of them the one of the highest
    arch that the GPU can run is loaded, of two of one arch (sm_90a and sm_90)
    the table's first. Close the library
    with attn_library_close, while its CUDA context is alive.
    Errors: NULL_POINTER, STRUCT_SIZE, LIBRARY_{ABI,TABLE}, OUT_OF_MEMORY and
    what the launcher's `load` returns. */
ATTN_API attn_status attn_library_from_gpu_table(
    const attn_gpu_kernel_table *table, const attn_gpu_launcher *launcher,
    attn_library **lib);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_GPU_H */
