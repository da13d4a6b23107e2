//===- RenderSVG.cpp - Plots and maps -------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The figures are drawn 420 units wide with text of 11 and more, so that they
// can be read on a telephone; colours come from the page's style sheet.
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Render.h"
#include "llvm/Support/Format.h"
#include <algorithm>
#include <cmath>

using namespace attn::advisor;

namespace {
constexpr double kWidth = 420, kLeft = 76, kRight = 18, kTop = 8;
constexpr unsigned kColours = 8; ///< classes c0 ... c7 of the style sheet

/// One logarithmic axis, from data to units of the drawing.
struct Axis {
  double low = INFINITY, high = 0;
  double from, to;

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double operator()(double value) const {
    double span = std::log(high / low);
    double share = span > 0 ? std::log(value / low) / span : 0.5;
    return from + share * (to - from);
  }
  /// At most six powers of `base`.
  std::vector<double> ticks(double base) const {
    double first = std::ceil(std::log(low) / std::log(base) - 1e-9);
    double last = std::floor(std::log(high) / std::log(base) + 1e-9);
    double step = std::max(1.0, std::ceil((last - first + 1) / 6));
    std::vector<double> ticks;
    int count = first <= last ? int((last - first) / step) + 1 : 0;
    for (int i = 0; i < count; ++i)
      ticks.push_back(std::pow(base, first + i * step));
    return ticks;
  }
};
} // namespace

static std::string n(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.1f", value);
  return text;
}

static void text(llvm::raw_ostream &os, double x, double y, const char *anchor,
                 llvm::StringRef content) {
  os << "<text x='" << n(x) << "' y='" << n(y) << "' text-anchor='" << anchor
     << "'>" << escapeHTML(content) << "</text>\n";
}

static void line(llvm::raw_ostream &os, double x1, double y1, double x2,
                 double y2) {
  os << "<line class='grid' x1='" << n(x1) << "' y1='" << n(y1) << "' x2='"
     << n(x2) << "' y2='" << n(y2) << "'/>\n";
}

/// "4k", "1M", "2.0 GiB", "1e12": short enough for a tick.
static std::string tickText(double value, Unit unit) {
  if (unit == Unit::Tokens)
    return value >= 1 << 20 ? std::to_string(int64_t(value) >> 20) + "M"
                            : std::to_string(int64_t(value / 1024)) + "k";
  if (unit == Unit::FlopPerByte)
    return std::to_string(int64_t(value));
  std::string full = format(Cell(value), unit);
  llvm::StringRef number = llvm::StringRef(full).split(' ').first;
  return (number.split('.').first + " " +
          llvm::StringRef(full).split(' ').second)
      .str();
}

static void open(llvm::raw_ostream &os, llvm::StringRef title, double height) {
  os << "<svg viewBox='0 0 " << n(kWidth) << " " << n(height)
     << "' role='img' aria-label='" << escapeHTML(title) << "'>\n<title>"
     << escapeHTML(title) << "</title>\n";
}

static void drawSeries(llvm::raw_ostream &os, const Plot::Series &series,
                       unsigned colour, const Axis &x, const Axis &y) {
  if (series.line) {
    os << "<polyline class='l c" << colour << "' points='";
    for (auto [px, py] : series.points)
      os << n(x(px)) << "," << n(y(py)) << " ";
    os << "'/>\n";
    return;
  }
  for (auto [px, py] : series.points)
    os << "<circle class='p c" << colour << "' cx='" << n(x(px)) << "' cy='"
       << n(y(py)) << "' r='4.5'/>\n";
}

void attn::advisor::renderSVG(llvm::raw_ostream &os, const Plot &plot) {
  constexpr double kPlotHeight = 240, kLegendLine = 17;
  double bottom = kTop + kPlotHeight;
  double height = bottom + 42 + kLegendLine * double(plot.series.size());
  Axis x, y;
  x.from = kLeft;
  x.to = kWidth - kRight;
  y.from = bottom;
  y.to = kTop;
  for (const Plot::Series &series : plot.series)
    for (auto [px, py] : series.points) {
      x.include(px);
      y.include(py);
    }
  open(os, plot.title, height);
  for (double tick : x.ticks(plot.xUnit == Unit::Tokens ? 2 : 10)) {
    line(os, x(tick), kTop, x(tick), bottom);
    text(os, x(tick), bottom + 14, "middle", tickText(tick, plot.xUnit));
  }
  for (double tick : y.ticks(plot.yUnit == Unit::Bytes ? 4 : 10)) {
    line(os, kLeft, y(tick), kWidth - kRight, y(tick));
    text(os, kLeft - 4, y(tick) + 4, "end", tickText(tick, plot.yUnit));
  }
  text(os, (kLeft + kWidth - kRight) / 2, bottom + 30, "middle",
       plot.xTitle + "; upwards: " + plot.yTitle);
  unsigned index = 0;
  for (const Plot::Series &series : plot.series) {
    unsigned colour = index % kColours;
    drawSeries(os, series, colour, x, y);
    double at = bottom + 42 + kLegendLine * index++;
    os << "<rect class='b c" << colour << "' x='" << n(kLeft) << "' y='"
       << n(at) << "' width='12' height='12'/>\n";
    text(os, kLeft + 18, at + 10.5, "start", series.name);
  }
  os << "</svg>\n";
}

void attn::advisor::renderSVG(llvm::raw_ostream &os, const Map &map) {
  constexpr double kCellHeight = 22, kLegendLine = 17;
  double bottom = kTop + kCellHeight * double(map.ys.size());
  double cellWidth = (kWidth - kLeft - kRight) / double(map.xs.size());
  double height = bottom + 42 + kLegendLine * double(map.categories.size());
  open(os, map.title, height);
  for (size_t row = 0; row < map.ys.size(); ++row) {
    double top = kTop + kCellHeight * double(row);
    text(os, kLeft - 4, top + 15, "end", map.ys[row]);
    for (size_t column = 0; column < map.xs.size(); ++column) {
      unsigned category = map.cells[row][column];
      os << "<rect class='m m" << category << "' x='"
         << n(kLeft + cellWidth * double(column)) << "' y='" << n(top)
         << "' width='" << n(cellWidth - 1) << "' height='"
         << n(kCellHeight - 1) << "'><title>" << escapeHTML(map.xs[column])
         << " x " << escapeHTML(map.ys[row]) << ": "
         << escapeHTML(map.categories[category]) << "</title></rect>\n";
    }
  }
  for (size_t column = 0; column < map.xs.size(); ++column)
    text(os, kLeft + cellWidth * (double(column) + 0.5), bottom + 14, "middle",
         map.xs[column]);
  text(os, (kLeft + kWidth - kRight) / 2, bottom + 30, "middle",
       map.xTitle + "; upwards: " + map.yTitle);
  for (size_t i = 0; i < map.categories.size(); ++i) {
    double at = bottom + 42 + kLegendLine * double(i);
    os << "<rect class='m m" << i << "' x='" << n(kLeft) << "' y='" << n(at)
       << "' width='12' height='12'/>\n";
    text(os, kLeft + 18, at + 10.5, "start", map.categories[i]);
  }
  os << "</svg>\n";
}
