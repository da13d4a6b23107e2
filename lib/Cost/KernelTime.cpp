//===- KernelTime.cpp - The time of a CPU decode kernel -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/KernelTime.h"
#include "attn/Cost/RowBlocks.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace attn::cost;

/// A cache is in L2 where it is read at this share of L2's rate.
static constexpr double kNearShare = 0.9;

/// A call mostly waits for memory where the core takes less of the transfer.
static constexpr double kStreams = 2.0 / 3;

double ReadCurve::rateAt(double bytesOfThread) const {
  if (bytesOfThread <= points.front().first)
    return nearRate();
  for (size_t i = 1; i < points.size(); ++i) {
    auto [bytes, rate] = points[i];
    if (bytesOfThread > bytes)
      continue;
    auto [bytesBefore, rateBefore] = points[i - 1];
    double way =
        std::log(bytesOfThread / bytesBefore) / std::log(bytes / bytesBefore);
    return rateBefore + way * (rate - rateBefore);
  }
  return memoryRate();
}

KernelWork attn::cost::kernelWork(const AttentionShape &shape,
                                  const RowRule &rule) {
  int64_t rows = shape.qHeads / shape.kvHeads * shape.qLen;
  cpu::RowBlocks blocks = rule.uniform ? cpu::blockRowsUniform(rows)
                                       : cpu::blockRowsFma(rows, rule.tallest);
  int64_t numBlocks = 0;
  for (const cpu::RowSegment &segment : blocks.segments)
    numBlocks += segment.count;
  double heads = double(shape.batch) * double(shape.kvHeads);
  double widths = double(shape.kDim + shape.vDim);
  double tokens = heads * double(tokensRead(shape));
  KernelWork work;
  work.counts[KernelWork::Elements] =
      tokens * widths * double(rule.uniform ? 1 : numBlocks);
  work.counts[KernelWork::Products] =
      tokens * widths *
      double(rule.uniform ? numBlocks * rule.tallest : blocks.padded);
  work.counts[KernelWork::Scores] = tokens * double(blocks.padded);
  work.counts[KernelWork::RowElements] = heads * double(rows) * widths;
  work.cacheBytes = double(attentionCost(shape).kvBytes);
  return work;
}

/// Seconds on `threads` cores with the cache in L2. Each of several parts of a
/// head's tokens packs all of its rows, and stores results that are merged.
static double coreSeconds(const KernelCosts &costs, const KernelWork &work,
                          double threads, double parts) {
  double rowPasses = parts > 1 ? 2 * parts : 1;
  double seconds = 0;
  for (int i = 0; i < KernelWork::NumCounts; ++i)
    seconds += costs.seconds[i] * work.counts[i] *
               (i == KernelWork::RowElements ? rowPasses : 1);
  return seconds / threads;
}

double KernelTime::seconds() const {
  return std::max(transfer / distance.reached,
                  core + distance.exposed * (transfer - near));
}

KernelTime attn::cost::kernelTime(const KernelCosts &costs,
                                  const ReadCurve &reads,
                                  const AttentionShape &shape,
                                  const RowRule &rule, Residence residence) {
  KernelWork work = kernelWork(shape, rule);
  double threads = double(reads.threads);
  double heads = double(shape.batch) * double(shape.kvHeads);
  KernelTime time;
  time.core = coreSeconds(costs, work, threads, std::max(1.0, threads / heads));
  time.near = work.cacheBytes / (reads.nearRate() * 1e9);
  bool cold = residence == Residence::Memory;
  double rate =
      cold ? reads.memoryRate() : reads.rateAt(work.cacheBytes / threads);
  time.transfer = work.cacheBytes / (rate * 1e9);
  // What is read from L2 takes what core says, which was timed there.
  if (rate >= kNearShare * reads.nearRate())
    time.transfer = time.near = 0;
  time.distance = cold ? costs.memory : costs.cache;
  return time;
}

//===----------------------------------------------------------------------===//
// Fitting
//===----------------------------------------------------------------------===//

namespace {
constexpr int kCounts = KernelWork::NumCounts;
using Counts = std::array<double, kCounts>;
} // namespace

/// Solves the normal equations of the unknowns in `used`, the others being 0;
/// false where the samples do not determine them.
static bool solve(const std::vector<Counts> &samples, unsigned used,
                  Counts &solution) {
  double matrix[kCounts][kCounts + 1] = {};
  for (const Counts &sample : samples)
    for (int i = 0; i < kCounts; ++i)
      for (int j = 0; j <= kCounts; ++j)
        matrix[i][j] += sample[i] * (j < kCounts ? sample[j] : 1);
  solution = {};
  // Gauss and Jordan; the matrix is positive definite where it is regular.
  for (int i = 0; i < kCounts; ++i) {
    if (!(used >> i & 1))
      continue;
    double pivot = matrix[i][i];
    double scale = 0;
    for (const Counts &sample : samples)
      scale += sample[i] * sample[i];
    if (!(pivot > 1e-9 * scale))
      return false;
    for (int k = 0; k < kCounts; ++k) {
      if (k == i || !(used >> k & 1))
        continue;
      double factor = matrix[k][i] / pivot;
      for (int j = 0; j <= kCounts; ++j)
        matrix[k][j] -= factor * matrix[i][j];
    }
  }
  for (int i = 0; i < kCounts; ++i)
    if (used >> i & 1)
      solution[i] = matrix[i][kCounts] / matrix[i][i];
  return true;
}

/// Of all subsets of unknowns whose solution has none below 0, the best: with
/// four unknowns there are sixteen.
static Counts nonNegativeFit(const std::vector<Counts> &samples) {
  Counts best = {}, solution;
  double leastError = double(samples.size());
  for (unsigned used = 1; used < 1u << kCounts; ++used) {
    if (!solve(samples, used, solution) ||
        *std::min_element(solution.begin(), solution.end()) < 0)
      continue;
    double error = 0;
    for (const Counts &sample : samples) {
      double miss = 1;
      for (int i = 0; i < kCounts; ++i)
        miss -= solution[i] * sample[i];
      error += miss * miss;
    }
    if (error < leastError) {
      leastError = error;
      best = solution;
    }
  }
  return best;
}

/// The shares that suit the calls of one residence whose cache is not in L2.
static Distance fitDistance(const KernelCosts &costs,
                            const std::vector<TimedCall> &calls,
                            const ReadCurve &reads, const RowRule &rule,
                            Residence residence) {
  std::vector<std::pair<KernelTime, double>> timed;
  double reached = 0;
  for (const TimedCall &call : calls) {
    KernelTime time =
        kernelTime(costs, reads, call.shape, rule, call.residence);
    if (call.residence != residence || time.transfer == 0)
      continue;
    timed.emplace_back(time, call.seconds);
    // Only a call that waits for its bytes tells how fast they can come.
    if (time.core < kStreams * time.transfer)
      reached = std::max(reached, time.transfer / call.seconds);
  }
  if (timed.empty())
    return {};
  // No kernel reads faster than the ceiling, but one may be timed so.
  Distance best, tried{0, reached > 0 ? std::min(reached, 1.0) : 1.0};
  double leastError = std::numeric_limits<double>::infinity();
  for (int hundredth = 0; hundredth <= 200; ++hundredth) {
    tried.exposed = hundredth / 100.0;
    double error = 0;
    for (auto &[time, seconds] : timed) {
      time.distance = tried;
      double miss = 1 - time.seconds() / seconds;
      error += miss * miss;
    }
    if (error < leastError) {
      leastError = error;
      best = tried;
    }
  }
  return best;
}

KernelCosts attn::cost::fitKernelCosts(const std::vector<TimedCall> &calls,
                                       const ReadCurve &reads,
                                       const RowRule &rule) {
  KernelCosts costs;
  std::vector<Counts> samples;
  for (const TimedCall &call : calls) {
    if (kernelTime(costs, reads, call.shape, rule, call.residence).transfer > 0)
      continue;
    Counts sample = kernelWork(call.shape, rule).counts;
    for (double &count : sample)
      count /= call.seconds;
    samples.push_back(sample);
  }
  costs.seconds = nonNegativeFit(samples);
  costs.cache = fitDistance(costs, calls, reads, rule, Residence::Cache);
  costs.memory = fitDistance(costs, calls, reads, rule, Residence::Memory);
  return costs;
}
