//===- WhatIf.cpp - The model with other attention ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evidence.h"
#include "attn/Advisor/Sections.h"
#include "attn/Advisor/Variants.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace attn::advisor;

/// The type that the variants are compared in: fp8_ds_mla is for latents alone.
static KVType commonType(const Deployment &setup) {
  KVType type = setup.types.front();
  if (type.format == cost::CacheFormat::FP8Packed)
    return llvm::cantFail(parseKVType("fp8"));
  return type;
}

static int64_t perToken(const model::ModelSpec &spec, const KVType &type) {
  cost::CacheSize size = *cost::cacheSize(spec, type.format);
  return size.growingPerToken + size.indexPerToken;
}

static Cell lessThan(int64_t bytes, int64_t other, const char *formula) {
  if (!other)
    return {};
  return computed(100 * (1 - double(bytes) / double(other)), formula,
                  "100 * (1 - {0} / {1})", bytes, other);
}

static std::vector<Cell> variantRow(const Deployment &setup,
                                    const ModelVariant &variant,
                                    const KVType &type, int64_t asIs,
                                    int64_t asMHA) {
  const model::LayerGroup &main = *variant.spec.mainGroup();
  int64_t batch = *llvm::max_element(setup.batches);
  int64_t context = *llvm::max_element(setup.contexts);
  int64_t bytes = perToken(variant.spec, type);
  std::vector<Cell> row = {
      variant.name,
      headsText(*main.attention),
      Cell(bytes, "growing + index bytes of a token, over all layers"),
      lessThan(bytes, asIs, "100 * (1 - variant / as it is)"),
      lessThan(bytes, asMHA, "100 * (1 - variant / MHA)"),
      Cell(*cost::sequenceBytes(variant.spec, type.format, context),
           "context * bytes of a token + filled windows + states")};
  std::string reason = cost::refusal(variant.spec, setup.layout);
  if (!reason.empty()) {
    row.resize(9);
    row.push_back(reason);
    return row;
  }
  cost::AttentionShape shape = *layerShape(setup, main, type, batch, context);
  cost::AttentionCost cost = cost::attentionCost(shape);
  Step step = *stepOf(setup, variant.spec, type, batch, context);
  row.push_back(
      computed(cost.flops(), "2 * sequences * Q heads * visible pairs * widths",
               "2 * {0} * {1} * {2} * ({3} + {4})", shape.batch, shape.qHeads,
               cost::visiblePairs(shape), shape.kDim, shape.vDim));
  row.push_back(computed(cost.intensity(), "FLOPs of a layer / its KV bytes",
                         "{0} / {1}", cost.flops(), cost.kvBytes));
  row.push_back(
      Cell(step.attentionSeconds,
           "sum over layers of max(bytes / bandwidth, FLOPs / peak)"));
  row.push_back(step.mathBound ? "arithmetic" : "memory");
  return row;
}

static Table variantTable(const Deployment &setup,
                          const std::vector<ModelVariant> &variants,
                          const KVType &type) {
  Table table{"variants",
              llvm::formatv("Variants in {0}; work and time at batch {1}, "
                            "context {2}, on one device",
                            type.name, *llvm::max_element(setup.batches),
                            *llvm::max_element(setup.contexts)),
              {{"variant", "Variant", Unit::Text},
               {"heads", "Q / KV x width", Unit::Text},
               {"per_token", "Cache/token", Unit::BytesPerToken},
               {"less_than_as_is", "Less than now", Unit::Percent},
               {"less_than_mha", "Less than MHA", Unit::Percent},
               {"sequence", "A sequence", Unit::Bytes},
               {"flops", "Work of a layer", Unit::Flops},
               {"intensity", "FLOP/KV B", Unit::FlopPerByte},
               {"attention_floor", "Attention", Unit::Seconds},
               {"bound", "Bound by", Unit::Text}},
              {}};
  int64_t asIs = perToken(variants.front().spec, type);
  int64_t asMHA = asIs; // unless there is a variant of that name
  for (const ModelVariant &variant : variants)
    if (variant.name == "MHA")
      asMHA = perToken(variant.spec, type);
  for (const ModelVariant &variant : variants)
    table.rows.push_back(variantRow(setup, variant, type, asIs, asMHA));
  return table;
}

static Plot bytesPlot(const std::vector<ModelVariant> &variants,
                      const KVType &type) {
  Plot plot{"Cache of one sequence in " + type.name,
            "context in tokens",
            "bytes",
            Unit::Tokens,
            Unit::Bytes,
            {}};
  for (const ModelVariant &variant : variants) {
    Plot::Series series{variant.name, {}};
    for (int64_t context = 1024; context <= 1 << 20; context *= 2)
      if (int64_t bytes =
              *cost::sequenceBytes(variant.spec, type.format, context))
        series.points.push_back({double(context), double(bytes)});
    plot.series.push_back(std::move(series));
  }
  return plot;
}

Section advisor::whatIfSection(const Deployment &setup,
                               const model::ModelSpec &spec) {
  Section section;
  section.key = "what_if";
  section.title = "What if";
  if (!spec.mainGroup()) {
    section.paragraphs = {"The model has no attention to replace."};
    return section;
  }
  std::vector<ModelVariant> variants = variantsOf(spec);
  KVType type = commonType(setup);
  section.paragraphs = {
      "The same layers, query heads and head widths with other attention where "
      "the cache grows. Such a model must be trained, or converted and trained "
      "on. Weights of the projections change too and are not counted.",
      "Quality: below are published comparisons, as measured there. They do "
      "not "
      "transfer as percentages to another model. For windows, and for caches "
      "of "
      "8 or fewer bits, our sources quote no figure: evaluate before you "
      "decide."};
  section.tables = {variantTable(setup, variants, type), evidenceTable()};
  section.plots = {bytesPlot(variants, type)};
  return section;
}
