//===- Facts.cpp - What a config says -------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"
#include "llvm/ADT/StringExtras.h"

using namespace attn;
using namespace attn::advisor;

static Cell optional(std::optional<int64_t> value) {
  return value ? Cell(*value) : Cell();
}

static std::vector<Cell> groupRow(const model::LayerGroup &group) {
  if (!group.attention) {
    std::string variant = group.recurrent ? group.recurrent->kind : "none";
    return {group.kind, group.count, variant, {}, {}, {}, {}, {}, {}, {}};
  }
  const model::AttentionSpec &a = *group.attention;
  return {group.kind,
          group.count,
          model::toString(a.variant),
          a.qHeads,
          a.kvHeads,
          computed(a.group(), "query heads / KV heads", "{0} / {1}", a.qHeads,
                   a.kvHeads),
          a.kDim,
          a.vDim,
          optional(a.window ? a.window : a.chunk),
          group.sharesCache};
}

Section advisor::factsSection(const model::ModelSpec &spec) {
  Section section;
  section.key = "facts";
  section.title = "Facts";
  Table fields{"fields",
               "What was read",
               {{"field", "Field", Unit::Text},
                {"value", "Value", Unit::Text},
                {"json_key", "JSON key", Unit::Text}},
               {}};
  for (const model::Fact &fact : spec.facts)
    fields.rows.push_back({fact.field, fact.value, fact.jsonKey});
  Table layers{"layers",
               "Layers, as a decode kernel sees them",
               {{"kind", "Layers", Unit::Text},
                {"count", "Count", Unit::Count},
                {"variant", "Variant", Unit::Text},
                {"q_heads", "Q heads", Unit::Count},
                {"kv_heads", "KV heads", Unit::Count},
                {"group", "Q per KV", Unit::Count},
                {"k_dim", "K width", Unit::Count},
                {"v_dim", "V width", Unit::Count},
                {"window", "Window", Unit::Tokens},
                {"shares_cache", "Another layer's cache", Unit::Text}},
               {}};
  for (const model::LayerGroup &group : spec.groups)
    layers.rows.push_back(groupRow(group));
  section.tables = {std::move(fields), std::move(layers)};
  for (const std::string &note : spec.notes)
    section.paragraphs.push_back("Note: " + note);
  if (!spec.unrecognizedKeys.empty())
    section.paragraphs.push_back(
        "Keys that were not recognised (none of them is known to shape "
        "attention): " +
        llvm::join(spec.unrecognizedKeys, ", "));
  return section;
}

std::string advisor::headsText(const model::AttentionSpec &a) {
  std::string widths = std::to_string(a.kDim);
  if (a.latent)
    widths = llvm::formatv("({0} + {1})", a.latent->rank, a.latent->rope);
  else if (a.kDim != a.vDim)
    widths = llvm::formatv("({0} | {1})", a.kDim, a.vDim);
  return llvm::formatv("{0} / {1} x {2}", a.qHeads, a.kvHeads, widths);
}
