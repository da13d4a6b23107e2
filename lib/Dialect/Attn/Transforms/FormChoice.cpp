//===- FormChoice.cpp - When to absorb --------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormChoice.h"

#include <algorithm>
#include <limits>

using namespace attn;
using namespace attn::cost;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

Machine attn::flopsOnly() {
  return {"FLOPs alone", 0, /*readGBps=*/kInfinity, /*bf16Flops=*/1e12, 0};
}

// Every term of the costs is bilinear in S and T, so that one token of each
// gives the coefficients.
FormChoice::FormChoice(const Machine &machine, LatentShape shape, int64_t batch,
                       LatentForm other) {
  shape.qLen = shape.context = 1;
  LatentCost absorbed = latentCost(LatentForm::Absorbed, shape);
  LatentCost full = latentCost(other, shape);
  const FormEfficiency &reached = efficiencyOf(machine, LatentForm::Absorbed);
  const FormEfficiency &reachedFull = efficiencyOf(machine, other);
  double unit = 2.0 * double(shape.heads);
  double ridge = machine.ridge(MathType::BF16);
  a = absorbed.coreFlops / unit / reached.attention;
  b = absorbed.projectionFlops / unit / reached.projection;
  m = full.coreFlops / unit / reachedFull.attention;
  c = full.projectionFlops / unit / reachedFull.projection;
  k = ridge * full.kvBytes / unit;
  w = ridge * full.weightBytes / double(batch) / unit;
}

bool FormChoice::absorbs(double newTokens, double context) const {
  return newTokens * (context * a + b) <
         std::max(context * (newTokens * m + c), context * k + w);
}

double FormChoice::threshold(double context) const {
  double slope = context * (a - m) + b;
  double byFlops = slope > 0 ? context * c / slope : kInfinity;
  double byBytes = (context * k + w) / (context * a + b);
  return std::max(byFlops, byBytes);
}
