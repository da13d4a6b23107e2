//===- Loops.h - The inner loops of the ceilings ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All of them are inline assembly: no compiler can spill an accumulator or drop
// a load, and no compiler flag decides which instructions there are. Each may
// be called only where the host has the instructions in its name.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_BENCH_LOOPS_H
#define ATTN_LIB_BENCH_LOOPS_H

#include "attn/Bench/Machine.h"

#include <cstddef>

namespace attn::bench::loops {

constexpr size_t lineBytes = 64;

/// Reads whole cache lines with the widest loads of one level.
struct ReadLoops {
  /// Reads `lines` lines from `p` on.
  void (*plain)(const char *p, size_t lines);
  /// The same, and prefetches (t0) `ahead` bytes away from every line read.
  void (*ahead)(const char *p, size_t lines, ptrdiff_t ahead);
  /// Reads four runs of `lines` lines each, `distance` bytes apart, in turn;
  /// `lines` is a multiple of 2.
  void (*streams)(const char *p, size_t lines, size_t distance);
};

const ReadLoops &readLoops(Isa isa);

/// Independent chains of a multiply-add loop: latency 4 to 6 times two a cycle.
constexpr size_t chains = 12;

/// `iterations` times `chains` independent f32 FMAs of 8 or 16 lanes.
void fmaYmm(size_t iterations);
void fmaZmm(size_t iterations);

/// `iterations` times `chains` FMAs, each on the result of the one before.
void dependentFmaYmm(size_t iterations);
void dependentFmaZmm(size_t iterations);

/// `iterations` times `chains` independent vdpbf16ps of 16 lanes and 2
/// products.
void dotBF16Zmm(size_t iterations);

/// One iteration of the AMX loop: 4 steps along k, each 2x2 products of a
/// 16x32 by a 32x16 tile, all operands (16 KiB) loaded from L1.
constexpr size_t amxSteps = 4;
constexpr size_t amxFlops = amxSteps * 4 * (2 * 16 * 16 * 32);
void amxBF16(size_t iterations);

} // namespace attn::bench::loops

#endif // ATTN_LIB_BENCH_LOOPS_H
