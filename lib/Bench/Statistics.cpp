//===- Statistics.cpp - Summaries of repeated measurements ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace attn::bench;

double attn::bench::quantile(const std::vector<double> &ascending, double q) {
  assert(!ascending.empty() && q >= 0 && q <= 1 && "no such quantile");
  double position = q * double(ascending.size() - 1);
  size_t below = size_t(std::floor(position));
  size_t above = std::min(below + 1, ascending.size() - 1);
  double weight = position - double(below);
  return ascending[below] * (1 - weight) + ascending[above] * weight;
}

Summary attn::bench::summarize(std::vector<double> sample) {
  if (sample.empty())
    return {};
  std::sort(sample.begin(), sample.end());
  Summary summary;
  summary.median = quantile(sample, 0.5);
  summary.min = sample.front();
  summary.max = sample.back();
  summary.p10 = quantile(sample, 0.1);
  summary.p90 = quantile(sample, 0.9);
  summary.repetitions = sample.size();
  return summary;
}

Summary attn::bench::rateOf(const Summary &seconds, double amount) {
  if (seconds.repetitions == 0)
    return {};
  Summary rate;
  rate.median = amount / seconds.median;
  rate.min = amount / seconds.max;
  rate.max = amount / seconds.min;
  rate.p10 = amount / seconds.p90;
  rate.p90 = amount / seconds.p10;
  rate.repetitions = seconds.repetitions;
  rate.waited = seconds.waited;
  return rate;
}
