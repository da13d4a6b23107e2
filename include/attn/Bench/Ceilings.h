//===- Ceilings.h - What this machine can do at best ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Roofs to print beside a kernel's figure. Machines differ and neighbours
// disturb: measure the roof in the same minute as the kernel, on as many
// threads, over the same memory.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_CEILINGS_H
#define ATTN_BENCH_CEILINGS_H

#include "attn/Bench/Machine.h"
#include "attn/Bench/Timing.h"

#include <optional>
#include <string>
#include <vector>

namespace attn::bench {

/// A measured roof.
struct Ceiling {
  Summary rate; ///< GB/s (10^9 bytes) or GFLOP/s (10^9 operations)
  std::string method;
  unsigned threads = 1;
};

/// Consecutive bytes of a pattern.
struct Chunk {
  const char *data = nullptr;
  size_t bytes = 0;
};

/// Memory in the order in which it is read.
using Pattern = std::vector<Chunk>;

/// The pages `order` of a pool of pages of `pageBytes`, in that order.
Pattern pagePattern(const void *pool, const std::vector<int32_t> &order,
                    size_t pageBytes);

size_t patternBytes(const Pattern &pattern);

/// The part of `pattern` that thread `thread` of `threads` reads: a contiguous
/// share of the bytes, cut at cache lines.
Pattern patternShare(const Pattern &pattern, unsigned thread, unsigned threads);

/// Streaming read [GB/s] of `copies`, all of one size, by `threads` threads,
/// each reading a contiguous share once.
///
/// One copy is read again and again (warm: whatever cache holds it gives the
/// roof); several are taken in turn (cold: hand over `coldCopies()` of them).
/// The widest loads of `isa` read, with several ways to prefetch; the way with
/// the best median is the roof, named in `method`. The memory must have been
/// written before.
Ceiling readCeiling(const std::vector<Pattern> &copies, unsigned threads,
                    const TimingOptions &options = {}, Isa isa = hostIsa());

/// Every way of `readCeiling`, in the order tried, for a look at the machine.
std::vector<Ceiling> readCeilings(const std::vector<Pattern> &copies,
                                  unsigned threads,
                                  const TimingOptions &options = {},
                                  Isa isa = hostIsa());

/// f32 fused multiply-add [GFLOP/s; an FMA is 2] with the widest registers of
/// `isa`. None where the host lacks them.
std::optional<Ceiling> fmaPeak(unsigned threads,
                               const TimingOptions &options = {},
                               Isa isa = hostIsa());

/// vdpbf16ps on zmm [GFLOP/s]; none below AVX512BF16.
std::optional<Ceiling> dotBF16Peak(unsigned threads,
                                   const TimingOptions &options = {});

/// AMX bf16, 2x2 tiles, A and B loaded from L1 [GFLOP/s]; none without AMX.
std::optional<Ceiling> amxPeak(unsigned threads,
                               const TimingOptions &options = {});

/// The best of the above that a kernel for `isa` may use: AMX and vdpbf16ps
/// count for `bf16` operands alone.
std::optional<Ceiling> computePeak(unsigned threads, bool bf16,
                                   const TimingOptions &options = {},
                                   Isa isa = hostIsa());

/// Latency [ns] of one FMA of `isa`'s widest registers, from a dependent
/// chain: a check on `fmaPeak` that no clock enters. None as for `fmaPeak`.
std::optional<Summary> fmaLatency(const TimingOptions &options = {},
                                  Isa isa = hostIsa());

} // namespace attn::bench

#endif // ATTN_BENCH_CEILINGS_H
