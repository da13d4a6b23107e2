//===- RenderText.cpp - Reports for terminals and in Markdown -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Render.h"
#include "llvm/ADT/StringExtras.h"

using namespace attn::advisor;

namespace {
using Lines = std::vector<std::vector<std::string>>;
} // namespace

/// Title row and value rows as text.
static Lines formatted(const Table &table) {
  Lines lines(1);
  for (const Column &column : table.columns)
    lines[0].push_back(column.title);
  for (const std::vector<Cell> &row : table.rows) {
    lines.emplace_back();
    for (auto [cell, column] : llvm::zip_equal(row, table.columns))
      lines.back().push_back(format(cell, column.unit));
  }
  return lines;
}

static std::vector<size_t> widthsOf(const Lines &lines) {
  std::vector<size_t> widths(lines.front().size(), 0);
  for (const std::vector<std::string> &line : lines)
    for (auto [width, text] : llvm::zip_equal(widths, line))
      width = std::max(width, text.size());
  return widths;
}

/// "context 4,096: bytes = layers * ... = 80 * ..." for the cells that have a
/// formula. Formulas that differ in their numbers only share a line.
static std::vector<std::string> explanations(const Table &table) {
  std::vector<std::string> lines;
  for (auto [index, column] : llvm::enumerate(table.columns)) {
    std::string previous;
    for (const std::vector<Cell> &row : table.rows) {
      const Cell &cell = row[index];
      if (cell.formula.empty())
        continue;
      if (cell.formula != previous)
        lines.push_back(column.title + " = " + cell.formula);
      previous = cell.formula;
      if (!cell.working.empty())
        lines.push_back("    " + cell.working + " = " +
                        digits(*cell.value.getAsNumber()));
    }
  }
  return lines;
}

/// Breaks at spaces to lines of at most 78 characters.
static void wrap(llvm::raw_ostream &os, llvm::StringRef text) {
  size_t column = 0;
  for (llvm::StringRef word : llvm::split(text, ' ')) {
    if (column && column + 1 + word.size() > 78) {
      os << "\n";
      column = 0;
    }
    if (column++)
      os << " ";
    os << word;
    column += word.size();
  }
  os << "\n";
}

void attn::advisor::renderText(llvm::raw_ostream &os, const Report &report,
                               bool explain) {
  os << report.title << "\n";
  for (const auto &[name, value] : report.inputs)
    os << "  --" << name << " " << value << "\n";
  for (const Section &section : report.sections) {
    os << "\n"
       << section.title << "\n"
       << std::string(section.title.size(), '=') << "\n";
    for (const std::string &paragraph : section.paragraphs)
      wrap(os, paragraph);
    for (const Table &table : section.tables) {
      Lines lines = formatted(table);
      std::vector<size_t> widths = widthsOf(lines);
      os << "\n" << table.title << "\n";
      for (const std::vector<std::string> &line : lines) {
        std::string text;
        for (auto [cell, width, column] :
             llvm::zip_equal(line, widths, table.columns)) {
          std::string space(width - cell.size(), ' ');
          text +=
              "  " + (column.unit == Unit::Text ? cell + space : space + cell);
        }
        os << llvm::StringRef(text).rtrim() << "\n";
      }
      if (explain)
        for (const std::string &line : explanations(table))
          os << "  | " << line << "\n";
    }
  }
}

static std::string escapeMarkdown(llvm::StringRef text) {
  std::string escaped;
  for (char c : text) {
    if (c == '|' || c == '*' || c == '<' || c == '`' || c == '_')
      escaped += '\\';
    escaped += c;
  }
  return escaped;
}

void attn::advisor::renderMarkdown(llvm::raw_ostream &os, const Report &report,
                                   bool explain) {
  os << "# " << escapeMarkdown(report.title) << "\n\n";
  for (const auto &[name, value] : report.inputs)
    os << "- `--" << name << "` " << escapeMarkdown(value) << "\n";
  for (const Section &section : report.sections) {
    os << "\n## " << escapeMarkdown(section.title) << "\n";
    for (const std::string &paragraph : section.paragraphs)
      os << "\n" << escapeMarkdown(paragraph) << "\n";
    for (const Table &table : section.tables) {
      os << "\n### " << escapeMarkdown(table.title) << "\n\n";
      bool header = true;
      for (const std::vector<std::string> &line : formatted(table)) {
        os << "|";
        for (const std::string &cell : line)
          os << " " << escapeMarkdown(cell) << " |";
        os << "\n";
        if (header) {
          os << "|";
          for (const Column &column : table.columns)
            os << (column.unit == Unit::Text ? " --- |" : " --: |");
          os << "\n";
        }
        header = false;
      }
      if (!explain)
        continue;
      os << "\n```text\n";
      for (const std::string &line : explanations(table))
        os << line << "\n";
      os << "```\n";
    }
  }
}
