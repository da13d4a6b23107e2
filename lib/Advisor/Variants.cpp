//===- Variants.cpp - A model with other attention ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Variants.h"
#include "llvm/Support/FormatVariadic.h"
#include <functional>

using namespace attn;
using namespace attn::advisor;
using model::AttentionSpec;
using model::LayerGroup;
using model::ModelSpec;

/// `spec` with its heads grouped over `kvHeads`.
static AttentionSpec grouped(AttentionSpec spec, int64_t kvHeads) {
  if (spec.latent) {
    spec.kDim = spec.latent->nope;
    spec.vDim = spec.latent->v;
    spec.latent.reset();
    spec.vInK = false;
  }
  spec.kvHeads = kvHeads;
  spec.variant = kvHeads == spec.qHeads ? model::Variant::MHA
                 : kvHeads == 1         ? model::Variant::MQA
                                        : model::Variant::GQA;
  return spec;
}

static AttentionSpec latent(AttentionSpec spec) {
  model::LatentSpec widths{4 * spec.vDim, spec.vDim / 2, spec.kDim, spec.vDim,
                           std::nullopt};
  spec.variant = model::Variant::MLA;
  spec.kvHeads = 1;
  spec.kDim = widths.rank + widths.rope;
  spec.vDim = widths.rank;
  spec.vInK = true;
  spec.latent = widths;
  return spec;
}

/// The model with each growing group's attention changed.
static ModelSpec
changed(ModelSpec spec,
        const std::function<AttentionSpec(const AttentionSpec &)> &change) {
  for (LayerGroup &group : spec.groups)
    if (group.growing())
      group.attention = change(*group.attention);
  return spec;
}

/// The model with `windowed` of every `of` growing layers behind a window.
static ModelSpec withWindows(ModelSpec spec, int64_t windowed, int64_t of,
                             int64_t window) {
  std::vector<LayerGroup> added;
  for (LayerGroup &group : spec.groups) {
    if (!group.growing() || group.count < of)
      continue;
    LayerGroup behind = group;
    behind.kind = "window";
    behind.count = group.count * windowed / of;
    behind.attention->window = window;
    group.count -= behind.count;
    added.push_back(std::move(behind));
  }
  spec.groups.insert(spec.groups.end(), added.begin(), added.end());
  return spec;
}

std::vector<ModelVariant> advisor::variantsOf(const ModelSpec &spec) {
  std::vector<ModelVariant> variants = {{"as it is", spec}};
  const LayerGroup *main = spec.mainGroup();
  if (!main || !main->growing())
    return variants;
  const AttentionSpec &now = *main->attention;
  auto addGrouped = [&](const char *name, int64_t kvHeads) {
    bool same = !now.latent && now.kvHeads == kvHeads;
    if (same || kvHeads > now.qHeads || now.qHeads % kvHeads)
      return;
    variants.push_back({name, changed(spec, [&](const AttentionSpec &a) {
                          return grouped(a, kvHeads);
                        })});
  };
  addGrouped("MHA", now.qHeads);
  if (now.qHeads > 8)
    addGrouped("GQA-8", 8);
  if (now.qHeads > 4)
    addGrouped("GQA-4", 4);
  if (now.qHeads > 1)
    addGrouped("MQA", 1);
  if (!now.latent)
    variants.push_back(
        {llvm::formatv("MLA ({0} + {1})", 4 * now.vDim, now.vDim / 2),
         changed(spec, latent)});
  if (!now.sparse && main->count >= 6) {
    variants.push_back(
        {"5 of 6 windows of 1024", withWindows(spec, 5, 6, 1024)});
    variants.push_back({"1 of 2 windows of 128", withWindows(spec, 1, 2, 128)});
  }
  return variants;
}
