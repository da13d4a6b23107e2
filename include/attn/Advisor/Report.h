//===- Report.h - What the advisor says -------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A report is data: sections of paragraphs, tables and figures. What computes
// it knows nothing of how it is shown, and each way of showing it (Render.h)
// knows nothing of what it says.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_REPORT_H
#define ATTN_ADVISOR_REPORT_H

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace attn::advisor {

/// What a column's numbers count. JSON has them unscaled, in these units.
enum class Unit {
  Text,
  Count,
  Tokens,
  Bytes,         ///< people read it scaled to KiB, MiB, GiB
  BytesPerToken, ///< always to the byte
  Flops,
  FlopPerByte,
  Seconds,
  Percent
};

/// One entry of a table: text, truth, a number or nothing.
struct Cell {
  llvm::json::Value value = nullptr;
  /// Where a number comes from, in names; for text, empty.
  std::string formula;
  /// The same in numbers, in + - * / ( ) min() max() ceil() floor() only: its
  /// value is `value`. Empty where the number was given, not computed.
  std::string working;

  Cell() = default;
  template <typename Value, typename = std::enable_if_t<std::is_constructible_v<
                                llvm::json::Value, Value>>>
  Cell(Value &&value, std::string formula = "", std::string working = "")
      : value(std::forward<Value>(value)), formula(std::move(formula)),
        working(std::move(working)) {}

  bool isNumber() const { return value.getAsNumber().has_value(); }
};

/// A number with more digits than any of our tolerances, for a working.
std::string digits(double value);

/// A computed cell: `numbers` fill {0}, {1} ... of `workingFormat`.
template <typename Number, typename... Numbers>
Cell computed(Number value, std::string formula, const char *workingFormat,
              Numbers... numbers) {
  return Cell(value, std::move(formula),
              llvm::formatv(workingFormat, digits(double(numbers))...).str());
}

struct Column {
  std::string key;   ///< in JSON; never changes within a schema version
  std::string title; ///< for people
  Unit unit = Unit::Text;
};

struct Table {
  std::string key;
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

/// Lines and points over logarithmic axes.
struct Plot {
  struct Series {
    std::string name;
    std::vector<std::pair<double, double>> points;
    bool line = true; ///< joined; otherwise dots
  };
  std::string title, xTitle, yTitle;
  Unit xUnit, yUnit;
  std::vector<Series> series;
};

/// A map of categories over two axes.
struct Map {
  std::string title, xTitle, yTitle;
  std::vector<std::string> xs, ys;
  std::vector<std::string> categories;
  std::vector<std::vector<unsigned>> cells; ///< [y][x], into `categories`
};

struct Section {
  std::string key;
  std::string title;
  std::vector<std::string> paragraphs;
  std::vector<Table> tables;
  std::vector<Plot> plots;
  std::vector<Map> maps;
};

struct Report {
  std::string title;
  /// What was asked, as text by option name; opens every output.
  std::vector<std::pair<std::string, std::string>> inputs;
  std::vector<Section> sections;
  bool fits = true;      ///< all requested points do
  bool logAgrees = true; ///< as far as a log was checked
};

/// The number as people read it: 70,272 B; 2.50 GiB; 12.3 us.
std::string format(const Cell &cell, Unit unit);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_REPORT_H
