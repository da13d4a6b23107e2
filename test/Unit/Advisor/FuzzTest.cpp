//===- FuzzTest.cpp - Configs with wrong numbers --------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Configs with wrong numbers are refused by the importer or reported on without
// a crash: no division by zero, no endless search, no figure that is no number.
//
//===----------------------------------------------------------------------===//

#include "TestSetup.h"
#include "attn/Advisor/Render.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <random>

using namespace attn;
using namespace attn::advisor;

/// `text` with one run of digits replaced by an odd number.
static std::string mutated(const std::string &text, std::mt19937 &random) {
  static const char *numbers[] = {"0",   "1",          "-1",  "3",
                                  "7",   "64",         "129", "65536",
                                  "0.5", "2147483648", "1e9", "null"};
  std::vector<std::pair<size_t, size_t>> runs;
  for (size_t at = 0; at < text.size(); ++at) {
    size_t end = at;
    while (end < text.size() && isdigit(text[end]))
      ++end;
    if (end > at && at && (text[at - 1] == ' ' || text[at - 1] == ':'))
      runs.push_back({at, end - at});
    at = std::max(at, end);
  }
  if (runs.empty())
    return text;
  auto [at, length] = runs[random() % runs.size()];
  std::string copy = text;
  return copy.replace(at, length, numbers[random() % std::size(numbers)]);
}

/// Whether every number of the report is finite.
static bool isFinite(const Report &report) {
  for (const Section &section : report.sections)
    for (const Table &table : section.tables)
      for (const std::vector<Cell> &row : table.rows)
        for (const Cell &cell : row)
          if (std::optional<double> number = cell.value.getAsNumber())
            if (!std::isfinite(*number))
              return false;
  return true;
}

TEST(Fuzz, MutatedConfigsAreRefusedOrReportedOn) {
  std::mt19937 random(7);
  int accepted = 0, refused = 0;
  for (const char *name :
       {"llama-3.1-8b", "deepseek-v3.2", "gemma-3-27b", "kimi-linear-48b-a3b",
        "gpt-oss-20b", "minimax-m3", "nemotron-3-nano", "longcat-flash"}) {
    std::string path = ATTN_TEST_DIR "/models/" + std::string(name) + ".json";
    std::string text = (*llvm::MemoryBuffer::getFile(path))->getBuffer().str();
    for (int round = 0; round < 60; ++round) {
      std::string config = mutated(text, random);
      auto spec = model::parseConfig(config, name);
      if (!spec) {
        EXPECT_FALSE(llvm::toString(spec.takeError()).empty());
        ++refused;
        continue;
      }
      auto report = advise(setupWith({"bf16", "fp8"}, 1), *spec);
      ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
      EXPECT_TRUE(isFinite(*report)) << config;
      std::string page;
      llvm::raw_string_ostream os(page);
      renderHTML(os, *report);
      ++accepted;
    }
  }
  EXPECT_GT(accepted, 50);
  EXPECT_GT(refused, 50);
}
