/*===-- Ops.h - What emulated kernels call -----------------------*- C -*-===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* The functions that `convert-nvvm-to-simt` puts in the place of operations of
|* the NVVM dialect. They act for the calling fiber, hence may be called only by
|* a kernel that attn::simt::launch runs. Each is named after its PTX
|* instruction and follows its section in the PTX ISA 8.7.
|*
|* `site` is the operation's number in attn_simt_kernel::sites. Pointers are
|* host pointers; shared memory lies below 2^31, aligned to 256 KiB, so that 32
|* bits hold its addresses and the low 18 bits are offsets. Enumerations have
|* the values of the NVVM dialect's.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_EMULATIONSIMT_OPS_H
#define ATTN_EMULATIONSIMT_OPS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Special registers. */
enum attn_simt_sreg_id {
  ATTN_SIMT_TID_X,
  ATTN_SIMT_TID_Y,
  ATTN_SIMT_TID_Z,
  ATTN_SIMT_NTID_X,
  ATTN_SIMT_NTID_Y,
  ATTN_SIMT_NTID_Z,
  ATTN_SIMT_CTAID_X,
  ATTN_SIMT_CTAID_Y,
  ATTN_SIMT_CTAID_Z,
  ATTN_SIMT_NCTAID_X,
  ATTN_SIMT_NCTAID_Y,
  ATTN_SIMT_NCTAID_Z,
  ATTN_SIMT_LANEID,
  ATTN_SIMT_WARPID,
  ATTN_SIMT_NWARPID,
  ATTN_SIMT_WARPSIZE,
  ATTN_SIMT_LANEMASK_EQ,
  ATTN_SIMT_LANEMASK_LE,
  ATTN_SIMT_LANEMASK_LT,
  ATTN_SIMT_LANEMASK_GE,
  ATTN_SIMT_LANEMASK_GT,
  ATTN_SIMT_SMID,
  ATTN_SIMT_NSMID,
  ATTN_SIMT_DYNAMIC_SMEM_SIZE
};
int32_t attn_simt_sreg(int32_t which);

/** The start of the CTA's shared memory. */
void *attn_simt_shared(void);

/** Checks an access of `bytes` bytes that follows the call; `alignment` is what
    the instruction needs. The address is generic: shared, global, parameter or
    stack. */
void attn_simt_load(int32_t site, const void *address, int64_t bytes,
                    int32_t alignment);
void attn_simt_store(int32_t site, void *address, int64_t bytes,
                     int32_t alignment);

/** What an atomic operation does with the old value and `operand`. Float ones
    take bits. */
enum attn_simt_atomic_op {
  ATTN_SIMT_ATOMIC_LOAD,
  ATTN_SIMT_ATOMIC_STORE,
  ATTN_SIMT_ATOMIC_XCHG,
  ATTN_SIMT_ATOMIC_ADD,
  ATTN_SIMT_ATOMIC_SUB,
  ATTN_SIMT_ATOMIC_AND,
  ATTN_SIMT_ATOMIC_OR,
  ATTN_SIMT_ATOMIC_XOR,
  ATTN_SIMT_ATOMIC_MAX,
  ATTN_SIMT_ATOMIC_MIN,
  ATTN_SIMT_ATOMIC_UMAX,
  ATTN_SIMT_ATOMIC_UMIN,
  ATTN_SIMT_ATOMIC_FADD,
  ATTN_SIMT_ATOMIC_FMAX,
  ATTN_SIMT_ATOMIC_FMIN,
  ATTN_SIMT_ATOMIC_UINC,
  ATTN_SIMT_ATOMIC_UDEC,
  ATTN_SIMT_ATOMIC_CMPXCHG
};
enum attn_simt_order { ATTN_SIMT_ACQUIRE = 1, ATTN_SIMT_RELEASE = 2 };
/** Performs it and returns the old value; `bytes` is 4 or 8. `order` is a set
   of attn_simt_order bits, none: relaxed. */
int64_t attn_simt_atomic(int32_t site, int32_t op, void *address, int32_t bytes,
                         int64_t operand, int64_t compare, int32_t order);
/** fence.acq_rel, membar. */
void attn_simt_fence(int32_t site);

/** shfl.sync: the value in the low 32 bits, the predicate above. */
int64_t attn_simt_shfl(int32_t site, int32_t kind, int32_t mask, int32_t value,
                       int32_t offset, int32_t clamp);
int32_t attn_simt_vote(int32_t site, int32_t kind, int32_t mask, int32_t pred);
/** redux.sync on 32-bit integers. */
int32_t attn_simt_redux(int32_t site, int32_t kind, int32_t mask,
                        int32_t value);
int32_t attn_simt_elect(int32_t site, int32_t mask);
void attn_simt_warp_sync(int32_t site, int32_t mask);

/** ldmatrix.m8n8.x`count`.b16, transposed or not, to result[0..count). */
void attn_simt_ldmatrix(int32_t site, int32_t count, int32_t transposed,
                        const void *row, uint32_t *result);
/** stmatrix, the inverse. */
void attn_simt_stmatrix(int32_t site, int32_t count, int32_t transposed,
                        void *row, const uint32_t *values);
enum attn_simt_matrix_type { ATTN_SIMT_F16, ATTN_SIMT_BF16 };
/** mma.sync.m16n8k`k`.row.col with f32 accumulators, k 8 or 16. `registers`:
    the operand registers A (k / 4), B (k / 8), C (4); D replaces C. */
void attn_simt_mma(int32_t site, int32_t k, int32_t type, uint32_t *registers);

/** bar.sync; `count` 0: all threads of the CTA. */
void attn_simt_barrier(int32_t site, int32_t id, int32_t count);
void attn_simt_barrier_arrive(int32_t site, int32_t id, int32_t count);
/** bar.red, `op` of nvvm.reduction: popc, and, or. */
int32_t attn_simt_barrier_reduce(int32_t site, int32_t id, int32_t count,
                                 int32_t op, int32_t predicate);

/** cp.async.shared.global of `bytes` bytes, of which the first `source_bytes`
    are copied and the others zeroed. */
void attn_simt_cp_async(int32_t site, void *shared, const void *global,
                        int32_t bytes, int32_t source_bytes);
void attn_simt_cp_async_commit(int32_t site);
/** Waits until no more than `pending` groups of this thread are incomplete. */
void attn_simt_cp_async_wait(int32_t site, int32_t pending);

/** mbarriers; they live in shared memory, their state in the emulator. */
void attn_simt_mbarrier_init(int32_t site, void *address, int32_t count);
void attn_simt_mbarrier_inval(int32_t site, void *address);
/** mbarrier.expect_tx of `bytes`, then `count` arrivals (0: none); returns the
    state, which is the number of the phase. */
int64_t attn_simt_mbarrier_arrive(int32_t site, void *address, int32_t count,
                                  int32_t bytes);
/** cp.async.mbarrier.arrive, .noinc or not. */
void attn_simt_mbarrier_copies_arrive(int32_t site, void *address,
                                      int32_t noinc);
/** Whether the phase of a parity (or, `is_state`, a phase) is over; if `wait`,
    returns only when it is. */
int32_t attn_simt_mbarrier_test(int32_t site, void *address, int64_t phase,
                                int32_t is_state, int32_t wait);
/** cp.async.bulk.shared.global, which completes `bytes` at the mbarrier. */
void attn_simt_bulk_load(int32_t site, void *shared, const void *global,
                         void *mbarrier, int32_t bytes);

/** ex2.approx.ftz, lg2.approx.ftz, rcp.approx.ftz, rsqrt.approx.ftz,
    sqrt.approx.ftz, tanh.approx: correctly rounded or nearly so. */
float attn_simt_ex2(float x);
float attn_simt_lg2(float x);
float attn_simt_rcp(float x);
float attn_simt_rsqrt(float x);
float attn_simt_sqrt(float x);
float attn_simt_tanh(float x);
/** cvt.rn.bf16.f32; the result is in the low 16 bits, which makes this what
    compilers call __truncsfbf2. */
float attn_simt_bf16(float x);

/** A function that emulated kernels refer to. */
struct attn_simt_symbol {
  const char *name;
  void *address;
};
/** All of them, for a JIT's symbol map; `*count` receives their number. */
const struct attn_simt_symbol *attn_simt_symbols(size_t *count);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_EMULATIONSIMT_OPS_H */
