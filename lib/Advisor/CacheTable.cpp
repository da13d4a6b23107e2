//===- CacheTable.cpp - Bytes of the KV cache -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"
#include "llvm/ADT/StringExtras.h"

using namespace attn;
using namespace attn::advisor;

namespace {
/// A sum over groups of layers, with its working.
struct Sum {
  int64_t value = 0;
  std::vector<std::string> terms;

  void add(int64_t count, int64_t each) {
    if (count * each == 0)
      return;
    value += count * each;
    terms.push_back(llvm::formatv("{0} * {1}", count, each));
  }
  Cell cell(std::string formula) const {
    return Cell(value, std::move(formula),
                terms.empty() ? "0" : llvm::join(terms, " + "));
  }
};
} // namespace

/// How a layer's row comes about, for the first growing group.
static std::string rowFormula(const model::AttentionSpec &spec) {
  if (spec.latent)
    return "(rank + rope) of one latent row";
  return "KV heads * (K width + V width)";
}

static std::vector<Cell> typeRow(const model::ModelSpec &spec,
                                 const KVType &type) {
  std::optional<cost::CacheSize> size = cost::cacheSize(spec, type.format);
  if (!size)
    return {type.name, {}, {}, {}, {}, {}, {}, {}};
  Sum growing, every, index, windows;
  std::string row = "bytes of a row";
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention || group.sharesCache)
      continue;
    const model::AttentionSpec &a = *group.attention;
    int64_t bytes = *cost::bytesPerToken(a, type.format);
    every.add(group.count, bytes);
    if (group.growing())
      growing.add(group.count, bytes);
    else
      windows.add(group.count * bytes, a.window.value_or(a.chunk.value_or(0)));
    if (a.sparse)
      index.add(a.sparse->layersWithIndex, cost::indexBytesPerToken(*a.sparse));
  }
  if (const model::LayerGroup *main = spec.mainGroup())
    row = "(" + rowFormula(*main->attention) + ", in bytes of the type)";
  int64_t perToken = size->growingPerToken + size->indexPerToken;
  return {type.name,
          growing.cell("sum of growing layers * " + row),
          index.cell("layers with an index * bytes of an index row"),
          computed(perToken, "growing + index", "{0} + {1}",
                   size->growingPerToken, size->indexPerToken),
          every.cell("sum of all layers with a cache * " + row),
          windows.cell("sum of (windowed layers * bytes of a row) * window"),
          Cell(size->stateBytes, "states of the recurrent layers"),
          Cell(size->mtpPerToken, "multi-token-prediction layers * row")};
}

static Table perToken(const Deployment &setup, const model::ModelSpec &spec) {
  Table table{"per_token",
              "Bytes for each token, and fixed bytes for each sequence",
              {{"type", "Type", Unit::Text},
               {"growing", "Growing/token", Unit::BytesPerToken},
               {"index", "Index/token", Unit::BytesPerToken},
               {"per_token", "Sum/token", Unit::BytesPerToken},
               {"all_layers", "All layers/token", Unit::BytesPerToken},
               {"windows", "Windows, full", Unit::Bytes},
               {"states", "States", Unit::Bytes},
               {"mtp", "MTP/token", Unit::BytesPerToken}},
              {}};
  for (const KVType &type : setup.types)
    table.rows.push_back(typeRow(spec, type));
  return table;
}

static Table perSequence(const Deployment &setup,
                         const model::ModelSpec &spec) {
  Table table{"per_sequence",
              "One sequence: in theory, and as an engine allocates it",
              {{"type", "Type", Unit::Text},
               {"context", "Context", Unit::Tokens},
               {"theory", "In theory", Unit::Bytes},
               {"device", "On a device", Unit::Bytes},
               {"devices", "On all of them", Unit::Bytes},
               {"overhead", "More than theory", Unit::Percent}},
              {}};
  for (const KVType &type : setup.types)
    for (int64_t context : setup.contexts) {
      auto theory = cost::sequenceBytes(spec, type.format, context);
      auto device =
          cost::engineSequenceBytes(spec, type.format, setup.layout, context);
      if (!theory || !device)
        continue;
      int64_t all = *device * setup.layout.tp;
      table.rows.push_back(
          {type.name, context,
           Cell(*theory, "context * (growing + index) + filled windows + "
                         "states"),
           Cell(*device,
                "sum of (layers + padding) * whole pages * row of the device's "
                "heads + index + states / tp"),
           computed(all, "device * tp", "{0} * {1}", *device, setup.layout.tp),
           *theory ? computed(100 * (double(all) / double(*theory) - 1),
                              "100 * (all devices / theory - 1)",
                              "100 * ({0} / {1} - 1)", all, *theory)
                   : Cell()});
    }
  return table;
}

/// What makes the engine's bytes differ from the theory.
static std::vector<std::string> reasons(const Deployment &setup,
                                        const model::ModelSpec &spec) {
  std::vector<std::string> lines = {llvm::formatv(
      "Engine: pages of {0} tokens; a window takes one page more.",
      setup.layout.page)};
  bool unequal = false;
  for (const model::LayerGroup &group : spec.groups) {
    unequal |= bool(group.recurrent);
    if (!group.attention || group.sharesCache)
      continue;
    if (int64_t padding = cost::paddingLayers(spec, group))
      lines.push_back(llvm::formatv(
          "vLLM's hybrid manager pads the {0} layers of kind '{1}' by {2}, so "
          "that groups have equal size.",
          group.count, group.kind, padding));
    int64_t copies = setup.layout.tp / setup.layout.dcp;
    int64_t heads = group.attention->kvHeads;
    if (copies > heads)
      lines.push_back(llvm::formatv(
          "The {0} KV head(s) of the layers of kind '{1}' are copied {2} times "
          "over {3} tensor-parallel devices{4}.",
          heads, group.kind, copies / heads, setup.layout.tp,
          group.attention->latent ? " (the latent is one KV head)" : ""));
  }
  if (unequal)
    lines.push_back("Recurrent states are counted as they are: vLLM enlarges "
                    "the attention pages to the states' size, which is not "
                    "modelled.");
  return lines;
}

Section advisor::cacheSection(const Deployment &setup,
                              const model::ModelSpec &spec) {
  Section section;
  section.key = "kv";
  section.title = "KV cache";
  section.paragraphs = reasons(setup, spec);
  section.tables = {perToken(setup, spec), perSequence(setup, spec)};
  return section;
}
