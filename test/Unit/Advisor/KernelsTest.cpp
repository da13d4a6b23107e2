//===- KernelsTest.cpp - Kernels and measured times -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Kernels.h"
#include "TestSetup.h"
#include "attn/Advisor/Sections.h"
#include "llvm/Support/FileSystem.h"

using namespace attn;
using namespace attn::advisor;

static std::string written(llvm::StringRef content) {
  llvm::SmallString<64> path;
  int descriptor;
  EXPECT_FALSE(
      llvm::sys::fs::createTemporaryFile("results", "json", descriptor, path));
  llvm::raw_fd_ostream os(descriptor, true);
  os << content;
  return path.str().str();
}

static const char *kRecord = R"([{"shape": "gqa:32/8/128", "dtype": "bf16",
  "batch": 1, "context": 8192, "q_len": 1, "mode": "cold", "isa": "amx",
  "machine": "amx", "date": "2026-11-24", "threads": 1, "median_us": 5000,
  "disturbed": %d, "emulated": false}])";

static std::string recordWith(const char *disturbed) {
  std::string text = kRecord;
  return text.replace(text.find("%d"), 2, disturbed);
}

TEST(Kernels, ShapesAsTheBenchWritesThem) {
  auto shapeOf = [](const char *model) {
    return benchShape(*modelNamed(model).mainGroup()->attention);
  };
  EXPECT_EQ(shapeOf("llama-3.1-8b"), "gqa:32/8/128");
  EXPECT_EQ(shapeOf("llama-2-7b"), "mha:32/128");
  EXPECT_EQ(shapeOf("falcon-7b"), "mqa:71/64");
  EXPECT_EQ(shapeOf("deepseek-v3"), "mla:128/512+64");
  EXPECT_EQ(shapeOf("mimo-v2-flash"), "gqa:64/4/192+128");
}

TEST(Kernels, MeasuredTimesOfTheSameShapeOnly) {
  Deployment setup = setupWith({"bf16"}, 1);
  setup.resultsFile = written(recordWith("false"));
  auto same = kernelSection(setup, modelNamed("llama-3.1-8b"), nullptr);
  ASSERT_TRUE(bool(same));
  ASSERT_EQ(same->tables.size(), 1u);
  EXPECT_EQ(format(same->tables[0].rows[0][5], Unit::Seconds), "5.00 ms");
  auto other = kernelSection(setup, modelNamed("llama-2-7b"), nullptr);
  EXPECT_TRUE(other->tables.empty());
  setup.resultsFile = written(recordWith("true"));
  auto disturbed = kernelSection(setup, modelNamed("llama-3.1-8b"), nullptr);
  EXPECT_TRUE(disturbed->tables.empty());
}

TEST(Kernels, FilesThatAreNoResultsAreRefused) {
  for (const char *content : {"", "{}", "[{}]", "[3]", "["}) {
    auto read = readMeasurements(written(content));
    EXPECT_FALSE(bool(read)) << content;
    llvm::consumeError(read.takeError());
  }
}

TEST(Kernels, ReasonsOfTheCompilerAreShown) {
  auto refuse = [](const model::AttentionSpec &,
                   const Deployment &) -> llvm::Expected<std::string> {
    return llvm::createStringError("no such kernel");
  };
  auto section =
      kernelSection(setupWith({"bf16"}, 1), modelNamed("llama-3.1-8b"), refuse);
  ASSERT_TRUE(bool(section));
  const std::vector<Cell> &row = section->tables[0].rows[0];
  EXPECT_EQ(format(row[2], Unit::Text), "no");
  EXPECT_EQ(format(row[3], Unit::Text), "no such kernel");
}
