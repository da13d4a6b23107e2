//===- Latent.cpp - The forms of latent attention -------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Latent.h"
#include <limits>

using namespace attn::cost;

LatentCost attn::cost::latentCost(LatentForm form, const LatentShape &shape) {
  double heads = shape.heads, rank = shape.rank, rope = shape.rope;
  double qLen = shape.qLen, context = shape.context;
  double element = shape.elementBytes;
  double keyRest = shape.scoreRest ? shape.nope : 0;
  double queryRest = shape.scoreRest ? shape.rank : 0;
  double headWidths = shape.nope + keyRest + shape.rope + shape.v;
  double projection = 2 * heads * rank * double(shape.nope + shape.v);
  bool absorbed = form == LatentForm::Absorbed;

  LatentCost cost;
  cost.coreFlops = 2 * heads * qLen * context *
                   (absorbed ? 2 * rank + queryRest + rope : headWidths);
  cost.projectionFlops = projection * (absorbed ? qLen : context);
  cost.kvBytes = element * context * double(shape.groups) * (rank + rope);
  if (form == LatentForm::Materialized)
    cost.kvBytes += 2 * element * context * heads * headWidths;
  cost.weightBytes = element * projection / 2;
  return cost;
}

double attn::cost::absorbThreshold(int64_t rank, int64_t nope, int64_t v,
                                   std::optional<int64_t> context,
                                   bool scoreRest) {
  double r = rank, d = nope + v;
  double denominator = 2 * r - d + (scoreRest ? double(rank - nope) : 0.0) +
                       (context ? r * d / double(*context) : 0.0);
  if (denominator <= 0)
    return std::numeric_limits<double>::infinity();
  return r * d / denominator;
}

const FormEfficiency &attn::cost::efficiencyOf(const Machine &machine,
                                               LatentForm form) {
  switch (form) {
  case LatentForm::Absorbed:
    return machine.latent.absorbed;
  case LatentForm::Materialized:
    return machine.latent.materialized;
  case LatentForm::FusedDecompress:
    break;
  }
  return machine.latent.fused;
}

Roofline attn::cost::latentRoofline(const Machine &machine, LatentForm form,
                                    const LatentShape &shape, int64_t batch) {
  LatentCost cost = latentCost(form, shape);
  const FormEfficiency &reached = efficiencyOf(machine, form);
  return roofline(machine, double(batch) * cost.kvBytes + cost.weightBytes,
                  double(batch) * (cost.coreFlops / reached.attention +
                                   cost.projectionFlops / reached.projection),
                  MathType::BF16);
}

std::optional<int64_t> attn::cost::formThreshold(const Machine &machine,
                                                 LatentForm form,
                                                 LatentShape shape,
                                                 int64_t batch) {
  auto slower = [&](int64_t qLen) {
    shape.qLen = qLen;
    return latentRoofline(machine, form, shape, batch).seconds() >=
           latentRoofline(machine, LatentForm::Absorbed, shape, batch)
               .seconds();
  };
  // Where both are bound by memory the times do not depend on the tokens; from
  // there on the absorbed form's grow faster, so that one bisection finds the
  // crossing.
  int64_t last = shape.context;
  if (last < 1 || slower(last))
    return std::nullopt;
  int64_t low = 1;
  while (low < last) {
    int64_t middle = low + (last - low) / 2;
    if (slower(middle))
      low = middle + 1;
    else
      last = middle;
  }
  return low;
}
