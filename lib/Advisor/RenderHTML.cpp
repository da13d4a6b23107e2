//===- RenderHTML.cpp - Reports for browsers ------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Render.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn::advisor;

/// Colours that stay apart for people who see few, by Okabe and Ito.
static const char *kStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #57606a;
  --rule: #d0d7de; --band: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117;
  --soft: #9aa4ae; --rule: #30363d; --band: #161b22; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); max-width: 1100px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { max-width: 75ch; overflow-wrap: anywhere; }
nav a, .inputs code { margin-right: .8em; display: inline-block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { padding: 3px 10px; border-bottom: 1px solid var(--rule);
  text-align: left; white-space: nowrap; }
th { background: var(--band); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td[title] { text-decoration: underline dotted var(--soft); }
details { font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 16px; }
figure { margin: 8px 0; flex: 1 1 360px; min-width: 0; max-width: 640px; }
figcaption { font-weight: 600; }
svg { width: 100%; height: auto; display: block; }
svg text { font-size: 13px; fill: var(--ink); }
.grid { stroke: var(--rule); stroke-width: 1; }
.l { fill: none; stroke: var(--c); stroke-width: 2; }
.p, .b { fill: var(--c); }
.p { stroke: var(--paper); }
.c0 { --c: #0072b2; } .c1 { --c: #d55e00; } .c2 { --c: #009e73; }
.c3 { --c: #cc79a7; } .c4 { --c: #e69f00; } .c5 { --c: #56b4e9; }
.c6 { --c: #8c6d1f; } .c7 { --c: #7f7f7f; }
.m0 { fill: #0072b2; } .m1 { fill: #d55e00; } .m2 { fill: #009e73; }
.m3 { fill: #f0e442; } .m4 { fill: #8b949e; }
)";

std::string attn::advisor::escapeHTML(llvm::StringRef text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
    case '&':
      escaped += "&amp;";
      break;
    case '<':
      escaped += "&lt;";
      break;
    case '>':
      escaped += "&gt;";
      break;
    case '"':
      escaped += "&quot;";
      break;
    case '\'':
      escaped += "&#39;";
      break;
    default:
      escaped += c;
    }
  }
  return escaped;
}

/// "formula = working", for a cell's title.
static std::string explanation(const Cell &cell) {
  if (cell.working.empty())
    return cell.formula;
  return cell.formula + " = " + cell.working;
}

static void renderTable(llvm::raw_ostream &os, const Table &table) {
  os << "<h3>" << escapeHTML(table.title)
     << "</h3>\n<div class='scroll'><table>\n<tr>";
  for (const Column &column : table.columns)
    os << (column.unit == Unit::Text ? "<th>" : "<th class='n'>")
       << escapeHTML(column.title) << "</th>";
  os << "</tr>\n";
  for (const std::vector<Cell> &row : table.rows) {
    os << "<tr>";
    for (auto [cell, column] : llvm::zip_equal(row, table.columns)) {
      os << (column.unit == Unit::Text ? "<td" : "<td class='n'");
      if (std::string why = explanation(cell); !why.empty())
        os << " title=\"" << escapeHTML(why) << "\"";
      os << ">" << escapeHTML(format(cell, column.unit)) << "</td>";
    }
    os << "</tr>\n";
  }
  os << "</table></div>\n";
}

/// The formulas in names, which a touch screen cannot show as titles.
static void renderFormulas(llvm::raw_ostream &os, const Section &section) {
  std::vector<std::string> lines;
  for (const Table &table : section.tables)
    for (auto [index, column] : llvm::enumerate(table.columns))
      for (const std::vector<Cell> &row : table.rows) {
        if (row[index].formula.empty())
          continue;
        std::string line = column.title + " = " + row[index].formula;
        if (!llvm::is_contained(lines, line))
          lines.push_back(line);
      }
  if (lines.empty())
    return;
  os << "<details><summary>Formulas</summary>\n";
  for (const std::string &line : lines)
    os << escapeHTML(line) << "<br>\n";
  os << "</details>\n";
}

void attn::advisor::renderHTML(llvm::raw_ostream &os, const Report &report) {
  os << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
        "charset=\"utf-8\">\n"
     << "<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n<title>"
     << escapeHTML(report.title) << "</title>\n<style>" << kStyle
     << "</style>\n</head>\n<body>\n<h1>" << escapeHTML(report.title)
     << "</h1>\n<p class='inputs'>";
  for (const auto &[name, value] : report.inputs)
    os << "<code>--" << escapeHTML(name) << " " << escapeHTML(value)
       << "</code> ";
  os << "</p>\n<nav>";
  for (const Section &section : report.sections)
    os << "<a href='#" << escapeHTML(section.key) << "'>"
       << escapeHTML(section.title) << "</a> ";
  os << "</nav>\n";
  for (const Section &section : report.sections) {
    os << "<section id='" << escapeHTML(section.key) << "'>\n<h2>"
       << escapeHTML(section.title) << "</h2>\n";
    for (const std::string &paragraph : section.paragraphs)
      os << "<p>" << escapeHTML(paragraph) << "</p>\n";
    os << "<div class='figures'>\n";
    for (const Plot &plot : section.plots) {
      os << "<figure><figcaption>" << escapeHTML(plot.title)
         << "</figcaption>\n";
      renderSVG(os, plot);
      os << "</figure>\n";
    }
    for (const Map &map : section.maps) {
      os << "<figure><figcaption>" << escapeHTML(map.title)
         << "</figcaption>\n";
      renderSVG(os, map);
      os << "</figure>\n";
    }
    os << "</div>\n";
    for (const Table &table : section.tables)
      renderTable(os, table);
    renderFormulas(os, section);
    os << "</section>\n";
  }
  os << "</body>\n</html>\n";
}
