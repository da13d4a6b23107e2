//===- Json.cpp - Parsing JSON as Python writes it ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Model/Json.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace attn::model;

namespace {
constexpr size_t kMaxBytes = size_t(16) << 20;
constexpr int kMaxDepth = 64;

Error textError(const Twine &what) {
  return createStringError(inconvertibleErrorCode(), what);
}

/// The length of the string literal that starts at text[0] == '"', up to and
/// including the closing quote (or to the end, where the parser complains).
size_t stringLength(StringRef text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return text.size();
}

/// Copies `text` with Python's non-JSON numbers quoted; fails on deep nesting.
Expected<std::string> makeStrict(StringRef text) {
  std::string strict;
  strict.reserve(text.size() + 16);
  int depth = 0;
  while (!text.empty()) {
    size_t length = 1;
    StringRef word;
    for (StringRef name : {"NaN", "Infinity", "-Infinity"})
      if (text.starts_with(name))
        word = name;
    if (!word.empty()) {
      strict += '"';
      strict += word;
      strict += '"';
      text = text.drop_front(word.size());
      continue;
    }
    if (text[0] == '"')
      length = stringLength(text);
    else if (text[0] == '[' || text[0] == '{')
      ++depth;
    else if (text[0] == ']' || text[0] == '}')
      --depth;
    if (depth > kMaxDepth)
      return textError("nested more than " + Twine(kMaxDepth) + " deep");
    strict += text.take_front(length);
    text = text.drop_front(length);
  }
  return strict;
}
} // namespace

Expected<json::Value> attn::model::parseJson(StringRef text) {
  if (text.size() > kMaxBytes)
    return textError("larger than " + Twine(kMaxBytes) + " bytes");
  Expected<std::string> strict = makeStrict(text);
  if (!strict)
    return strict.takeError();
  Expected<json::Value> value = json::parse(*strict);
  if (!value)
    return textError("not JSON: " + toString(value.takeError()));
  return value;
}

std::string attn::model::describe(const json::Value &value) {
  constexpr size_t kMaxShown = 60;
  std::string text = formatv("{0}", value);
  if (const json::Array *list = value.getAsArray())
    if (text.size() > kMaxShown)
      return formatv("a list of {0}", list->size());
  if (text.size() > kMaxShown)
    return text.substr(0, kMaxShown) + "...";
  return text;
}
