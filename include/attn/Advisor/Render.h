//===- Render.h - Text, Markdown, JSON and HTML of a report -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ways to show a report.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_RENDER_H
#define ATTN_ADVISOR_RENDER_H

#include "attn/Advisor/Report.h"
#include "llvm/Support/raw_ostream.h"

namespace attn::advisor {

/// Of the JSON output. The minor number grows with additions; the major one
/// when a key goes or changes its meaning.
constexpr const char *kSchema = "attn-advise/1.1";

/// Aligned tables for a terminal; `explain` adds every number's formula.
void renderText(llvm::raw_ostream &os, const Report &report, bool explain);

/// GitHub's Markdown.
void renderMarkdown(llvm::raw_ostream &os, const Report &report, bool explain);

/// {"schema", "title", "inputs", "fits", "log_agrees", "sections": {key:
///   {"title", "text": [...], "tables": {key: {"columns": {column key: unit},
///   "rows": [{column key: value, ...}, ...]}}}}}.
/// Numbers are unscaled, in the unit that "columns" gives.
/// `explain` adds "formulas" beside each row. Keys are sorted
/// and no date is written: equal questions give equal bytes.
llvm::json::Value toJSON(const Report &report, bool explain);

/// One page without scripts or references to elsewhere; figures as SVG.
void renderHTML(llvm::raw_ostream &os, const Report &report);

/// The figures of the page: an <svg> element each.
void renderSVG(llvm::raw_ostream &os, const Plot &plot);
void renderSVG(llvm::raw_ostream &os, const Map &map);

/// `text` with &, <, > and quotes written as entities.
std::string escapeHTML(llvm::StringRef text);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_RENDER_H
