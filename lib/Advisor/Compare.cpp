//===- Compare.cpp - Caches of several models -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Advise.h"
#include "attn/Advisor/Sections.h"

using namespace attn;
using namespace attn::advisor;

/// Bytes of a token in what grows.
static std::optional<int64_t> perToken(const model::ModelSpec &spec,
                                       cost::CacheFormat format) {
  auto size = cost::cacheSize(spec, format);
  if (!size)
    return std::nullopt;
  return size->growingPerToken + size->indexPerToken;
}

Section advisor::compareSection(const Deployment &setup,
                                const std::vector<model::ModelSpec> &specs) {
  Section section;
  section.key = "compare";
  section.title = "Comparison";
  section.paragraphs = {
      "Cache of a token, and how much less that is than each model's in bf16."};
  Table table{"per_token",
              "Caches that grow",
              {{"model", "Model", Unit::Text},
               {"type", "Type", Unit::Text},
               {"heads", "Q / KV x width", Unit::Text},
               {"layers", "Growing layers", Unit::Count},
               {"per_token", "Cache/token", Unit::BytesPerToken}},
              {}};
  for (const model::ModelSpec &spec : specs) {
    std::string name = displayName(spec.name);
    table.columns.push_back(
        {"less_than_" + name, "Less than " + name, Unit::Percent});
  }
  for (const model::ModelSpec &spec : specs)
    for (const KVType &type : setup.types) {
      auto bytes = perToken(spec, type.format);
      if (!bytes)
        continue;
      const model::LayerGroup *main = spec.mainGroup();
      std::vector<Cell> row = {displayName(spec.name), type.name,
                               main ? headsText(*main->attention) : "none",
                               spec.growingLayers(),
                               Cell(*bytes, "growing + index bytes")};
      for (const model::ModelSpec &other : specs) {
        int64_t reference = *perToken(other, cost::CacheFormat::BF16);
        row.push_back(
            reference ? computed(100 * (1 - double(*bytes) / double(reference)),
                                 "100 * (1 - bytes / the other's in bf16)",
                                 "100 * (1 - {0} / {1})", *bytes, reference)
                      : Cell());
      }
      table.rows.push_back(std::move(row));
    }
  section.tables = {std::move(table)};
  return section;
}
