//===- WorkingTest.cpp - Every number has its working ---------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// No number without its arithmetic: the working of every cell is evaluated and
// compared with the number, for all test models and several setups.
//
//===----------------------------------------------------------------------===//

#include "Evaluate.h"
#include "TestSetup.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace attn;
using namespace attn::advisor;

TEST(Evaluate, KnowsArithmetic) {
  EXPECT_EQ(evaluate("2 * 80 * 8 * (128 + 128)"), 327680);
  EXPECT_EQ(evaluate("max(7 / 2 - 1e1, ceil(2.1)) + min(4, floor(5.9))"), 7);
  EXPECT_EQ(evaluate("2 *"), std::nullopt);
  EXPECT_EQ(evaluate("rank + 1"), std::nullopt);
}

/// How many cells of the report have a working; each is checked.
static int checkWorkings(const Report &report) {
  int checked = 0;
  for (const Section &section : report.sections)
    for (const Table &table : section.tables)
      for (const std::vector<Cell> &row : table.rows) {
        EXPECT_EQ(row.size(), table.columns.size()) << table.key;
        for (size_t i = 0; i < row.size(); ++i) {
          if (row[i].working.empty())
            continue;
          ++checked;
          EXPECT_FALSE(row[i].formula.empty());
          std::optional<double> value = evaluate(row[i].working);
          double number = row[i].value.getAsNumber().value_or(NAN);
          EXPECT_TRUE(value &&
                      std::abs(*value - number) <= 1e-9 * std::abs(number))
              << section.key << "." << table.key << "." << table.columns[i].key
              << ": " << row[i].working << " is not " << number;
        }
      }
  return checked;
}

static std::vector<std::string> allModels() {
  std::vector<std::string> names;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator at(ATTN_TEST_DIR "/models", error),
       end;
       at != end && !error; at.increment(error)) {
    llvm::StringRef stem = llvm::sys::path::stem(at->path());
    if (llvm::sys::path::extension(at->path()) == ".json" && stem != "facts")
      names.push_back(stem.str());
  }
  return names;
}

TEST(Working, YieldsTheNumberForEveryModel) {
  std::vector<std::string> names = allModels();
  EXPECT_GT(names.size(), 50u);
  for (const std::string &name : names) {
    SCOPED_TRACE(name);
    auto report = advise(setupWith({"bf16", "fp8"}, 1), modelNamed(name));
    ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
    EXPECT_GT(checkWorkings(*report), 20);
  }
}

TEST(Working, YieldsTheNumberForOddSetups) {
  Deployment setup = setupWith({"fp8_ds_mla", "6bit", "4bit"}, 8);
  setup.layout.dcp = 4;
  setup.dp = 3;
  setup.qLen = 5;
  setup.batches = {1, 7, 100};
  setup.contexts = {5, 1000, 99999};
  setup.slowestStep = 0.02;
  for (const char *name : {"deepseek-v3", "deepseek-v3.2", "kimi-k3"}) {
    SCOPED_TRACE(name);
    auto report = advise(setup, modelNamed(name));
    ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
    EXPECT_GT(checkWorkings(*report), 100);
  }
}
