/*===-- EmulationX86.h - AMX and AVX512-BF16 in plain C++ --------*- C -*-===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* What the instructions of AMX-TILE, AMX-BF16 and AVX512-BF16 compute, for
|* hosts that lack them. The pass `emulate-x86` turns the operations of a kernel
|* into calls of these functions. Each follows the "Operation" section of its
|* instruction in the Intel 64 and IA-32 Architectures Software Developer's
|* Manual (SDM), volume 2; where the manual leaves a choice open (which NaN is
|* propagated, whether tininess is detected before or after rounding) the
|* functions do what Sapphire Rapids does, bit for bit, which
|* test/Unit/EmulationX86 checks on every host that has the instructions.
|*
|* Floating point, common to all: denormal inputs count as zero of the same sign
|* (DAZ), results that are tiny after rounding become zero of the same sign
|* (FTZ), rounding is to nearest even, MXCSR is neither read nor written. Of
|* several NaN inputs of a multiply-add a * b + c the first of a, b, c is
|* returned, quieted; an invalid operation gives 0xFFC00000.
|*
|* Tiles. A tile is a value here, as it is in SSA form, and not a register: it
|* lives in a buffer of ATTN_EMU_TILE_BYTES, aligned to 4 bytes, laid out as
|* palette 1 lays out a tile register: 16 rows at a pitch of 64 bytes. Bytes
|* outside the tile's `rows` x `colsb` are zero, as the manual's
|* write_row_and_zero and zero_upper_rows leave them. The shape is not stored:
|* it is an argument of every call, as it is of LLVM's tile intrinsics.
|*
|* Faults. Where a shape would make the hardware raise #UD or #GP (rows not in
|* 1..16, colsb not in 1..64 or, but for TILEZERO, no multiple of 4), the
|* function records a message for the calling thread (attn_emu_fault) and
returns; a
|* destination tile is then all ones, which is NaN in bf16 and f32.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_EMULATIONX86_EMULATIONX86_H
#define ATTN_EMULATIONX86_EMULATIONX86_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Limits of palette 1 (SDM volume 1, "Programming with Intel AMX"). */
#define ATTN_EMU_TILE_ROWS 16
#define ATTN_EMU_TILE_COLSB 64
#define ATTN_EMU_TILE_BYTES (ATTN_EMU_TILE_ROWS * ATTN_EMU_TILE_COLSB)

/** TILEZERO: all zero. */
void attn_emu_tilezero(void *dst, int64_t rows, int64_t colsb);

/** TILELOADD: row r is the `colsb` bytes at base + r * stride; `stride` is in
    bytes and may be negative. */
void attn_emu_tileloadd(void *dst, int64_t rows, int64_t colsb,
                        const void *base, int64_t stride);

/** TILESTORED: the inverse of TILELOADD. A fault stores nothing. */
void attn_emu_tilestored(const void *src, int64_t rows, int64_t colsb,
                         void *base, int64_t stride);

/** TDPBF16PS: dst = acc + a * b.
    acc, dst: `m` rows of `n_bytes` (f32); a: `m` rows of `k_bytes` (bf16);
    b: k_bytes / 4 rows of `n_bytes` (pairs of bf16, the two rows of a pair
    interleaved). All three are multiples of 4. dst may be any of the others. */
void attn_emu_tdpbf16ps(void *dst, const void *acc, const void *a,
                        const void *b, int64_t m, int64_t n_bytes,
                        int64_t k_bytes);

/** VDPBF16PS on `lanes` f32 lanes: dst[i] = src[i] + a[2i+1] * b[2i+1],
   rounded, then + a[2i] * b[2i], rounded. dst may be src. */
void attn_emu_vdpbf16ps(float *dst, const float *src, const uint16_t *a,
                        const uint16_t *b, int64_t lanes);

/** VCVTNEPS2BF16 on `lanes` lanes. */
void attn_emu_vcvtneps2bf16(uint16_t *dst, const float *src, int64_t lanes);

/** The first fault of the calling thread since the last clear, or null. The
    text stays valid until the thread clears it. */
const char *attn_emu_fault(void);
void attn_emu_clear_fault(void);

/** A function that emulated kernels refer to. */
struct attn_emu_symbol {
  const char *name;
  void *address;
};

/** All functions that emulated kernels may refer to, for a JIT's symbol map;
    `*count` receives their number. */
const struct attn_emu_symbol *attn_emu_symbols(size_t *count);

#ifdef __cplusplus
}
#endif

#endif /* ATTN_EMULATIONX86_EMULATIONX86_H */
