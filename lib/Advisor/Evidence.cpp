//===- Evidence.cpp - Publications on quality -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evidence.h"

using namespace attn::advisor;

// The figures are those of notes/engines.md section 3.3, which has them from
// the papers named here.
Table attn::advisor::evidenceTable() {
  const char *gqa = "arXiv 2305.13245, table 1";
  const char *v2Grouped = "arXiv 2405.04434, table 8";
  const char *v2Latent = "arXiv 2405.04434, table 9";
  Table table{"evidence",
              "Published evidence on quality",
              {{"compared", "Compared", Unit::Text},
               {"setting", "Setting", Unit::Text},
               {"figures", "Figures", Unit::Text},
               {"source", "Source", Unit::Text},
               {"date", "Date", Unit::Text}},
              {}};
  table.rows = {
      {"MHA, GQA-8, MQA", "T5-XXL; average over tasks", "47.2, 47.1, 46.6", gqa,
       "2023-05"},
      {"MHA, GQA-8, MQA", "7B dense, from scratch; BBH", "37.0, 35.6, 33.2",
       v2Grouped, "2024-05"},
      {"MHA, GQA-8, MQA", "7B dense, from scratch; MMLU", "45.2, 41.2, 37.9",
       v2Grouped, "2024-05"},
      {"MHA, GQA-8, MQA", "7B dense, from scratch; C-Eval", "42.9, 37.7, 30.0",
       v2Grouped, "2024-05"},
      {"MHA, GQA-8, MQA", "7B dense, from scratch; CMMLU", "43.5, 38.4, 34.6",
       v2Grouped, "2024-05"},
      {"MHA, MLA", "large mixture of experts; MMLU", "57.5, 59.0", v2Latent,
       "2024-05"},
      {"MHA, MLA", "large mixture of experts; BBH", "46.6, 50.7", v2Latent,
       "2024-05"},
      {"MHA, MLA", "small mixture of experts; C-Eval (MLA's one loss)",
       "51.6, 50.9", v2Latent, "2024-05"},
  };
  return table;
}
