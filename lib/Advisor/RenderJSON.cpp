//===- RenderJSON.cpp - Reports for programs ------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Render.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn::advisor;
using namespace llvm;

static StringRef nameOf(Unit unit) {
  switch (unit) {
  case Unit::Text:
    return "text";
  case Unit::Count:
    return "count";
  case Unit::Tokens:
    return "tokens";
  case Unit::Bytes:
    return "bytes";
  case Unit::BytesPerToken:
    return "bytes/token";
  case Unit::Flops:
    return "flop";
  case Unit::FlopPerByte:
    return "flop/byte";
  case Unit::Seconds:
    return "seconds";
  case Unit::Percent:
    return "percent";
  }
  llvm_unreachable("unknown unit");
}

static json::Value toJSON(const Table &table, bool explain) {
  json::Object units;
  for (const Column &column : table.columns)
    units[column.key] = nameOf(column.unit);
  json::Array rows;
  for (const std::vector<Cell> &row : table.rows) {
    json::Object values, formulas;
    for (auto [cell, column] : zip_equal(row, table.columns)) {
      values[column.key] = cell.value;
      if (!cell.formula.empty())
        formulas[column.key] =
            json::Object{{"formula", cell.formula}, {"working", cell.working}};
    }
    if (explain)
      values["formulas"] = std::move(formulas);
    rows.push_back(std::move(values));
  }
  return json::Object{{"columns", std::move(units)}, {"rows", std::move(rows)}};
}

json::Value attn::advisor::toJSON(const Report &report, bool explain) {
  json::Object inputs, sections;
  for (const auto &[name, value] : report.inputs)
    inputs[name] = value;
  for (const Section &section : report.sections) {
    json::Object tables;
    for (const Table &table : section.tables)
      tables[table.key] = ::toJSON(table, explain);
    sections[section.key] =
        json::Object{{"title", section.title},
                     {"text", json::Array(section.paragraphs)},
                     {"tables", std::move(tables)}};
  }
  return json::Object{{"schema", kSchema},
                      {"title", report.title},
                      {"inputs", std::move(inputs)},
                      {"fits", report.fits},
                      {"log_agrees", report.logAgrees},
                      {"sections", std::move(sections)}};
}
