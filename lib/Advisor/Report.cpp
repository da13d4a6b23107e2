//===- Report.cpp - What the advisor says ---------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Report.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace attn::advisor;

static std::string printed(const char *format, double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(format, value);
  return text;
}

std::string attn::advisor::digits(double value) {
  bool integer = value == std::floor(value) && std::abs(value) < 1e15;
  return printed(integer ? "%.0f" : "%.12g", value);
}

/// With a comma before every three digits.
static std::string grouped(double value) {
  std::string text = printed("%.0f", value);
  for (int64_t at = int64_t(text.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
    text.insert(at, ",");
  return text;
}

/// `value` in the largest of `units` in which it is at least 1.
static std::string scaled(double value, double step,
                          std::initializer_list<const char *> units) {
  auto unit = units.begin();
  while (std::abs(value) >= step && unit + 1 != units.end()) {
    value /= step;
    ++unit;
  }
  return printed(std::abs(value) >= 100 ? "%.0f " : "%.2f ", value) + *unit;
}

static std::string duration(double seconds) {
  if (std::isinf(seconds))
    return "never";
  return scaled(seconds * 1e9, 1000, {"ns", "us", "ms", "s"});
}

std::string attn::advisor::format(const Cell &cell, Unit unit) {
  if (auto text = cell.value.getAsString())
    return text->str();
  if (auto truth = cell.value.getAsBoolean())
    return *truth ? "yes" : "no";
  std::optional<double> number = cell.value.getAsNumber();
  if (!number)
    return "-";
  switch (unit) {
  case Unit::Text:
  case Unit::Count:
    if (*number != std::floor(*number))
      return printed("%.2f", *number);
    return grouped(*number);
  case Unit::Tokens:
    return grouped(*number);
  case Unit::BytesPerToken:
    return grouped(*number) + " B";
  case Unit::Bytes:
    if (*number < 1024)
      return grouped(*number) + " B";
    return scaled(*number / 1024, 1024, {"KiB", "MiB", "GiB", "TiB"});
  case Unit::Flops:
    return scaled(*number / 1e6, 1000, {"MFLOP", "GFLOP", "TFLOP", "PFLOP"});
  case Unit::FlopPerByte:
    return printed("%.1f", *number);
  case Unit::Seconds:
    return duration(*number);
  case Unit::Percent:
    return printed("%.2f", *number) + " %";
  }
  llvm_unreachable("unknown unit");
}
