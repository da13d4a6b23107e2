//===- KernelsTest.cpp - Kernels and measured times -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Kernels.h"
#include "TestSetup.h"
#include "attn/Advisor/Render.h"
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
  "layout": "row", "page": 64,
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

/// A CPU whose kernels' costs are round numbers; see lib/Cost/KernelTime.h.
static Deployment onCPU() {
  static const char *file = R"({"name": "cpu:amx", "memory_gb": 64,
    "read_gbps": 32, "bf16_tflops": 5,
    "threads": [{"count": 1, "bf16_tflops": 2.5,
                 "read": [[1048576, 64], [1073741824, 16]]},
                {"count": 2, "bf16_tflops": 5,
                 "read": [[1048576, 128], [1073741824, 32]]}],
    "kernels": [{"engine": "fma", "element": "bf16", "layout": "row",
                 "page": 64, "latent": false, "row_block": 16,
                 "element_ps": 20, "product_ps": 5, "score_ps": 0,
                 "row_element_ps": 0, "exposed_cache": 0,
                 "exposed_memory": 1.25, "reached_cache": 1,
                 "reached_memory": 0.8}]})";
  Deployment setup = setupWith({"bf16"}, 1);
  setup.machine = llvm::cantFail(
      machineFromJSON(llvm::cantFail(llvm::json::parse(file)), "file"));
  setup.batches = {1};
  setup.contexts = {8192};
  setup.layout.page = 64;
  setup.threads = 1;
  return setup;
}

static llvm::Expected<ServedKernel> servedByFMA(const model::AttentionSpec &,
                                                const Deployment &) {
  return ServedKernel{"#schedule", "amx",
                      KernelKind{"fma", "bf16", "row", 64, false, 16}};
}

/// The row of a section's table as JSON has it.
static llvm::json::Object rowOf(const Section &section, llvm::StringRef table) {
  Report report;
  report.sections = {section};
  llvm::json::Value json = toJSON(report, true);
  return *(*rowsOf(json, "kernels", table))[0].getAsObject();
}

TEST(Kernels, TimesAreThoseOfTheCostModel) {
  Deployment setup = onCPU();
  setup.results = written(recordWith("false"));
  Section section = llvm::cantFail(
      kernelSection(setup, modelNamed("llama-3.1-8b"), servedByFMA));
  // 8 heads x 8192 tokens x 256 elements, of 20 ps and of 4 rows x 5 ps each;
  // 2 bytes each over 16 GB/s; of 64 GB/s, L2's rate, core has the time
  // already.
  double elements = 8.0 * 8192 * 256;
  double core = elements * (20 + 4 * 5) * 1e-12;
  double transfer = 2 * elements / 16e9;
  llvm::json::Object point = rowOf(section, "times");
  double memory = core + 1.25 * (transfer - 2 * elements / 64e9);
  EXPECT_NEAR(*point.getNumber("from_memory"), memory, 1e-9);
  EXPECT_LT(*point.getNumber("from_cache"), *point.getNumber("from_memory"));
  EXPECT_NEAR(*point.getNumber("measured"), 5e-3, 1e-9);
  llvm::json::Object record = rowOf(section, "measured");
  EXPECT_NEAR(*record.getNumber("ratio"), memory / 5e-3, 1e-9);
}

TEST(Kernels, NoTimeWithoutCostsOfTheKind) {
  auto otherPages = [](const model::AttentionSpec &spec,
                       const Deployment &setup) {
    llvm::Expected<ServedKernel> served = servedByFMA(spec, setup);
    served->kind->page = 16;
    return served;
  };
  Section section = llvm::cantFail(
      kernelSection(onCPU(), modelNamed("llama-3.1-8b"), otherPages));
  EXPECT_FALSE(rowOf(section, "times").getNumber("from_memory"));
  EXPECT_NE(section.paragraphs[0].find("No kernels of the kind"),
            std::string::npos);
}

TEST(Kernels, AFolderOfResults) {
  llvm::SmallString<64> folder;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("results", folder));
  auto empty = readMeasurements(folder);
  EXPECT_FALSE(bool(empty));
  llvm::consumeError(empty.takeError());
  llvm::SmallString<64> inner = folder;
  inner += "/amx";
  ASSERT_FALSE(llvm::sys::fs::create_directory(inner));
  std::error_code error;
  llvm::raw_fd_ostream((inner + "/cpu.json").str(), error)
      << recordWith("false");
  EXPECT_EQ(llvm::cantFail(readMeasurements(folder)).size(), 1u);
}

TEST(Kernels, MeasuredTimesOfTheSameShapeAndMachineOnly) {
  Deployment setup = onCPU();
  setup.results = written(recordWith("false"));
  auto same = kernelSection(setup, modelNamed("llama-3.1-8b"), nullptr);
  ASSERT_TRUE(bool(same));
  ASSERT_EQ(same->tables.size(), 1u);
  EXPECT_NEAR(*rowOf(*same, "measured").getNumber("measured"), 5e-3, 1e-9);
  auto other = kernelSection(setup, modelNamed("llama-2-7b"), nullptr);
  EXPECT_TRUE(other->tables.empty());
  Deployment elsewhere = setupWith({"bf16"}, 1); // an H200
  elsewhere.results = setup.results;
  auto gpu = kernelSection(elsewhere, modelNamed("llama-3.1-8b"), nullptr);
  EXPECT_TRUE(gpu->tables.empty());
  setup.results = written(recordWith("true"));
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
                   const Deployment &) -> llvm::Expected<ServedKernel> {
    return llvm::createStringError("no such kernel");
  };
  auto section =
      kernelSection(setupWith({"bf16"}, 1), modelNamed("llama-3.1-8b"), refuse);
  ASSERT_TRUE(bool(section));
  const std::vector<Cell> &row = section->tables[0].rows[0];
  EXPECT_EQ(format(row[2], Unit::Text), "no");
  EXPECT_EQ(format(row[4], Unit::Text), "no such kernel");
}
