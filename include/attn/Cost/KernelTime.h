//===- KernelTime.h - The time of a CPU decode kernel -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a decode call takes on a CPU, where a floor (Machine.h) says what no
// kernel beats. Two times make it up:
//
//   core      what one core does with a cache that lies in its L2: the counts
//             of KernelWork times what each of them costs a kind of kernels
//   transfer  the bytes of the cache over the rate at which the machine reads
//             memory that is as far away
//
//   time = max(transfer / reached, core + exposed * (transfer - near))
//
// `near` is the transfer at the rate of L2, which core has already. `exposed`
// is the share of the rest that the core waits for: 0 is a roofline, 1 the
// execution-cache-memory model (Treibig and Hager, 2009). `reached` is the
// share of the machine's rate at which the kernel reads when it waits for
// nothing else.
//
// The costs and the shares come from timing a few small calls of each kind of
// kernels on the machine; nothing of it knows the call that is predicted.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_KERNELTIME_H
#define ATTN_COST_KERNELTIME_H

#include "attn/Cost/Attention.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace attn::cost {

/// Where a cache lies when a call begins.
enum class Residence {
  Cache, ///< wherever the call before left it: it read the same
  Memory ///< in none of the caches
};

/// How many threads take part, and what they read, all of them together.
struct ReadCurve {
  int64_t threads = 1;
  /// Bytes of each thread's share, ascending, and 1e9 bytes a second; the first
  /// is within L2, the last beyond all caches.
  std::vector<std::pair<double, double>> points;

  /// Of shares of so many bytes: between points as straight lines over the
  /// logarithm of the bytes, beyond the ends as at the ends.
  double rateAt(double bytesOfThread) const;
  double nearRate() const { return points.front().second; }
  double memoryRate() const { return points.back().second; }
};

/// How an engine takes the query rows (RowBlocks.h).
struct RowRule {
  int64_t tallest = 16; ///< rows of a block at most
  bool uniform = true;  ///< blocks of one height; else cut to the rows

  bool operator==(const RowRule &other) const {
    return tallest == other.tallest && uniform == other.uniform;
  }
};

/// What a call does, over all its sequences and KV heads.
struct KernelWork {
  enum { Elements, Products, Scores, RowElements, NumCounts };
  /// Elements:    tokens * (K + V width): loads, conversions; where blocks are
  ///              cut to the rows, once for each block
  /// Products:    those times the query rows that share them; of uniform
  ///              blocks, whose cost does not depend on their height, times
  ///              the tallest
  /// Scores:      tokens * padded query rows: the softmax
  /// RowElements: query rows * (K + V width): packing q, storing the result
  std::array<double, NumCounts> counts{};
  double cacheBytes = 0;
};

KernelWork kernelWork(const AttentionShape &shape, const RowRule &rule);

/// How a kind of kernels reads what lies farther away than L2.
struct Distance {
  double exposed = 0, reached = 1; ///< see above
};

struct KernelCosts {
  /// For each of the counts, on one core.
  std::array<double, KernelWork::NumCounts> seconds{};
  Distance cache, memory;
};

struct KernelTime {
  double core = 0, transfer = 0, near = 0; ///< [s]
  Distance distance;
  double seconds() const;
};

/// One call. Work is dealt evenly: a call that has fewer KV heads and sequences
/// than threads splits its tokens, packs its rows once for each part, and
/// merges the parts' results.
KernelTime kernelTime(const KernelCosts &costs, const ReadCurve &reads,
                      const AttentionShape &shape, const RowRule &rule,
                      Residence residence);

/// A call that was timed on one thread.
struct TimedCall {
  AttentionShape shape;
  Residence residence;
  double seconds;
};

/// The costs that fit the calls best: least squares of the relative errors, no
/// cost below 0. Calls whose cache lies in L2 give the costs of the counts, the
/// others the shares of their distance: `reached` is the best of the calls,
/// `exposed` is found to a hundredth.
KernelCosts fitKernelCosts(const std::vector<TimedCall> &calls,
                           const ReadCurve &reads, const RowRule &rule);

} // namespace attn::cost

#endif // ATTN_COST_KERNELTIME_H
