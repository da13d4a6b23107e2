//===- Evaluate.cpp - A calculator for workings ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluate.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

namespace {
/// Recursive descent; a failed parse leaves `ok` false.
struct Parser {
  const char *at;
  bool ok = true;

  void skip() {
    while (*at == ' ')
      ++at;
  }
  bool take(char c) {
    skip();
    if (*at != c)
      return false;
    ++at;
    return true;
  }

  double sum() {
    double value = product();
    while (ok) {
      if (take('+'))
        value += product();
      else if (take('-'))
        value -= product();
      else
        break;
    }
    return value;
  }

  double product() {
    double value = factor();
    while (ok) {
      if (take('*'))
        value *= factor();
      else if (take('/'))
        value /= factor();
      else
        break;
    }
    return value;
  }

  double factor() {
    if (take('-'))
      return -factor();
    if (take('(')) {
      double value = sum();
      ok &= take(')');
      return value;
    }
    skip();
    if (*at >= 'a' && *at <= 'z')
      return call();
    char *end;
    double value = std::strtod(at, &end);
    ok &= end != at;
    at = end;
    return value;
  }

  double call() {
    std::string name;
    while (*at >= 'a' && *at <= 'z')
      name += *at++;
    ok &= take('(');
    double value = sum();
    if (name == "min" || name == "max") {
      ok &= take(',');
      double other = sum();
      value = name == "min" ? std::min(value, other) : std::max(value, other);
    } else if (name == "ceil") {
      value = std::ceil(value);
    } else if (name == "floor") {
      value = std::floor(value);
    } else {
      ok = false;
    }
    ok &= take(')');
    return value;
  }
};
} // namespace

std::optional<double> evaluate(llvm::StringRef text) {
  std::string copy = text.str();
  Parser parser{copy.c_str()};
  double value = parser.sum();
  parser.skip();
  if (!parser.ok || *parser.at)
    return std::nullopt;
  return value;
}
