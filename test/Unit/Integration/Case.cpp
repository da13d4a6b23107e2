//===- Case.cpp - Problems as lines of text -------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>

using namespace attn::test;

[[noreturn]] static void reject(const std::string &line,
                                const std::string &word) {
  fprintf(stderr, "test case '%s': '%s' is not understood\n", line.c_str(),
          word.c_str());
  abort();
}

Case::Case(const std::string &text) : line(text) {
  std::istringstream words(text);
  words >> shape;
  for (std::string word; words >> word;) {
    std::string key = word.substr(0, word.find('='));
    std::string value = key == word ? "" : word.substr(key.size() + 1);
    auto numbers = [&](auto &list) {
      list.clear();
      std::istringstream parts(value);
      for (std::string part; std::getline(parts, part, ',');)
        list.push_back(std::stoll(part));
    };
    if (word == "bf16" || word == "f16" || word == "f32")
      dtype = word;
    else if (word == "row" || word == "own")
      layout = word;
    else if (word == "sinks")
      sinks = true;
    else if (word == "full")
      causal = false;
    else if (word == "nolse")
      lse = false;
    else if (key == "q" && !value.empty())
      qLen = std::stoll(value);
    else if (key == "window" && !value.empty())
      window = std::stoll(value);
    else if (key == "softcap" && !value.empty())
      softcap = std::stof(value);
    else if (key == "score" && !value.empty())
      score = value;
    else if (key == "pages" && !value.empty())
      numbers(pages);
    else if (key == "lens" && !value.empty())
      numbers(lens);
    else
      reject(line, word);
  }
  if (shape.empty() || pages.empty())
    reject(line, line);
}

std::string Case::name() const {
  std::string name;
  for (char c : line.substr(0, line.find(" lens=")))
    name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

std::vector<int32_t> attn::test::defaultLengths(const Case &c, int64_t page) {
  constexpr int64_t tile = 64;
  std::vector<int64_t> wanted = {200,      0,        c.qLen,   1,
                                 tile - 1, tile,     tile + 1, page - 1,
                                 page,     page + 1, 333};
  if (c.window)
    for (int64_t n : {c.window - 1, c.window, c.window + c.qLen})
      wanted.push_back(n);
  std::vector<int32_t> lens;
  std::set<int64_t> seen;
  for (int64_t n : wanted) {
    bool meaningless = c.causal && n > 0 && n < c.qLen;
    if (n >= 0 && n <= 400 && !meaningless && seen.insert(n).second)
      lens.push_back(static_cast<int32_t>(n));
  }
  return lens;
}
