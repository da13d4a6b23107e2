//===- Statistics.h - Summaries of repeated measurements --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_STATISTICS_H
#define ATTN_BENCH_STATISTICS_H

#include <cstddef>
#include <vector>

namespace attn::bench {

/// Order statistics of a sample, in the unit of the sample.
struct Summary {
  double median = 0, min = 0, max = 0;
  double p10 = 0, p90 = 0;
  size_t repetitions = 0;
  /// Seconds without a core (see `secondsWithoutCore`) for every second of the
  /// measurement; 0 for a sample that was not measured here.
  double waited = 0;
};

/// The `q`-quantile (0 <= q <= 1) of an ascending, non-empty sample, linearly
/// interpolated between neighbours.
double quantile(const std::vector<double> &ascending, double q);

/// Sorts and summarises `sample`; an empty sample gives all zeros.
Summary summarize(std::vector<double> sample);

/// Turns a summary of times [s] into one of rates: `amount` / time. The
/// smallest time becomes the largest rate.
Summary rateOf(const Summary &seconds, double amount);

} // namespace attn::bench

#endif // ATTN_BENCH_STATISTICS_H
