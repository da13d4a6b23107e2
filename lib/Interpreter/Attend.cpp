//===- Attend.cpp - Reference attention in float64 --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Interpreter/Attend.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace attn::interp;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool attn::interp::isVisible(const AttendParams &params, int64_t queryPos,
                             int64_t key) {
  if (params.causal && key > queryPos)
    return false;
  return params.window == 0 || key > queryPos - params.window;
}

/// The modified score of one query row against one cached token.
static double scoreOf(const AttendParams &params, Accessor query, Accessor key,
                      int64_t b, int64_t i, int64_t h, int64_t j) {
  int64_t g = h / (params.qHeads / params.kvHeads);
  double dot = 0;
  for (int64_t d = 0; d < params.kDim; ++d)
    dot += query(b, i, h, d) * key(b, j, g, d);
  double x = params.scale * dot;
  if (params.softcap != 0)
    x = params.softcap * std::tanh(x / params.softcap);
  if (params.score)
    x = params.score(x, b, h, params.lens[b] - params.queries + i, j);
  return x;
}

/// Writes the output and the log-sum-exp of one query row.
static void attendRow(const AttendParams &params, Accessor query, Accessor key,
                      Accessor value, int64_t b, int64_t i, int64_t h,
                      AttendResult &result) {
  int64_t g = h / (params.qHeads / params.kvHeads);
  int64_t queryPos = params.lens[b] - params.queries + i;

  // x[j] = -inf marks a token that the row does not see.
  std::vector<double> x(params.lens[b], -kInfinity);
  for (int64_t j = 0; j < params.lens[b]; ++j)
    if (isVisible(params, queryPos, j))
      x[j] = scoreOf(params, query, key, b, i, h, j);

  // A row that sees no token gives 0 and -inf, sink or not.
  if (llvm::all_of(x, [](double score) { return score == -kInfinity; })) {
    result.lse.at(b, i, h) = -kInfinity;
    return;
  }
  double highest = *std::max_element(x.begin(), x.end());

  std::vector<double> weight(x.size());
  double sum = 0;
  for (size_t j = 0; j < x.size(); ++j) {
    weight[j] = std::exp(x[j] - highest);
    sum += weight[j];
    if (params.roundWeight)
      weight[j] = params.roundWeight(weight[j]);
  }
  result.lse.at(b, i, h) = highest + std::log(sum);

  // The sink adds to the denominator only. Both it and the sum are relative to
  // `highest`; exp may overflow to infinity, and the output is then 0.
  double denominator = sum;
  if (!params.sinks.empty())
    denominator += std::exp(params.sinks[h] - highest);
  std::vector<double> total(params.vDim);
  for (int64_t j = 0; j < params.lens[b]; ++j)
    if (x[j] != -kInfinity) // what is masked is not read
      for (int64_t d = 0; d < params.vDim; ++d)
        total[d] += weight[j] * value(b, j, g, d);
  for (int64_t d = 0; d < params.vDim; ++d)
    result.output.at(b, i, h, d) = total[d] / denominator;
}

AttendResult attn::interp::attendReference(const AttendParams &params,
                                           Accessor query, Accessor key,
                                           Accessor value) {
  AttendResult result;
  result.output =
      Tensor::zeros({params.batch, params.queries, params.qHeads, params.vDim});
  result.lse = Tensor::zeros({params.batch, params.queries, params.qHeads});
  for (int64_t b = 0; b < params.batch; ++b)
    for (int64_t i = 0; i < params.queries; ++i)
      for (int64_t h = 0; h < params.qHeads; ++h)
        attendRow(params, query, key, value, b, i, h, result);
  return result;
}
