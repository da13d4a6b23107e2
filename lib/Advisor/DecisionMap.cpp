//===- DecisionMap.cpp - What bounds and what fits, over sizes ------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace attn::advisor;

Map advisor::decisionMap(const Deployment &setup,
                         const model::ModelSpec &spec) {
  const KVType &inUse = setup.types.front();
  Map map{"What bounds a step, and what fits, in " + inUse.name,
          "sequences",
          "context in tokens",
          {},
          {},
          {"weights", "cache", "arithmetic", "fits in a narrower type",
           "does not fit"},
          {}};
  std::vector<int64_t> batches, contexts;
  for (int64_t batch = 1; batch <= 1024; batch *= 2)
    batches.push_back(batch);
  for (int64_t context = 1 << 20; context >= 1024; context /= 2)
    contexts.push_back(context);
  for (int64_t batch : batches)
    map.xs.push_back(batch < 1024 ? std::to_string(batch) : "1k");
  for (int64_t context : contexts) {
    map.ys.push_back(std::to_string(context / 1024) + "k");
    map.cells.emplace_back();
    for (int64_t batch : batches) {
      Step step = *stepOf(setup, spec, inUse, batch, context);
      unsigned category = 1;
      if (step.weightSeconds > step.attentionSeconds)
        category = 0;
      else if (step.mathBound)
        category = 2;
      if (!fits(setup, spec, inUse, batch, context))
        category =
            llvm::any_of(setup.types,
                         [&](const KVType &type) {
                           return fits(setup, spec, type, batch, context);
                         })
                ? 3
                : 4;
      map.cells.back().push_back(category);
    }
  }
  return map;
}
