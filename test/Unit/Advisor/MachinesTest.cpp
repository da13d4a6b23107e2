//===- MachinesTest.cpp - Where peaks come from ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Machines.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "gtest/gtest.h"

#include <cstring>

using namespace attn::advisor;

static llvm::Expected<MachineChoice> parsed(llvm::StringRef text) {
  return machineFromJSON(llvm::cantFail(llvm::json::parse(text)), "file");
}

static std::string refusalOf(llvm::StringRef text) {
  auto choice = parsed(text);
  return choice ? "" : llvm::toString(choice.takeError());
}

TEST(Machines, FileWithPeaks) {
  auto choice = parsed(R"({"name": "x", "memory_gb": 24, "read_gbps": 1000,
                           "bf16_tflops": 200})");
  ASSERT_TRUE(bool(choice));
  EXPECT_EQ(choice->machine.bf16Flops, 200e12);
  EXPECT_EQ(choice->machine.fp8Flops, 0);
  EXPECT_EQ(choice->machine.ridge(attn::cost::MathType::BF16), 200);
}

TEST(Machines, FileIsRefusedRatherThanGuessed) {
  EXPECT_NE(refusalOf(R"({"name": "x", "memory_gb": 24, "read_gbps": 1000})")
                .find("'bf16_tflops' must be a number above 0"),
            std::string::npos);
  EXPECT_NE(refusalOf(R"({"name": "x", "memory_gib": 24})")
                .find("unknown key 'memory_gib'"),
            std::string::npos);
  EXPECT_NE(refusalOf(R"({"memory_gb": 24})").find("'name'"),
            std::string::npos);
  EXPECT_FALSE(refusalOf(R"({"name": "x", "memory_gb": -1, "read_gbps": 1,
                             "bf16_tflops": 1})")
                   .empty());
  EXPECT_FALSE(refusalOf("3").empty());
  EXPECT_FALSE(refusalOf("[]").empty());
}

TEST(Machines, BestCeilingsOfBenchRecords) {
  auto choice = parsed(R"([
    {"mode": "cold", "dtype": "bf16", "ceiling_gbps": 10, "peak_gflops": 300,
     "disturbed": false, "machine": "amx"},
    {"mode": "cold", "dtype": "f32", "ceiling_gbps": 12, "peak_gflops": 900,
     "disturbed": false, "machine": "amx"},
    {"mode": "warm", "dtype": "bf16", "ceiling_gbps": 99, "peak_gflops": 310,
     "disturbed": false, "machine": "amx"},
    {"mode": "cold", "dtype": "bf16", "ceiling_gbps": 50, "peak_gflops": 800,
     "disturbed": true, "machine": "amx"}])");
  ASSERT_TRUE(bool(choice)) << llvm::toString(choice.takeError());
  EXPECT_EQ(choice->machine.name, "cpu:amx");
  EXPECT_EQ(choice->machine.readGBps, 12);
  EXPECT_EQ(choice->machine.bf16Flops, 310e9);
  EXPECT_EQ(choice->machine.memoryGB, 0);
}

// LLVM's parser recurses.
TEST(Machines, DeepFilesAreRefused) {
  llvm::SmallString<64> path;
  int descriptor;
  ASSERT_FALSE(
      llvm::sys::fs::createTemporaryFile("deep", "json", descriptor, path));
  llvm::FileRemover remover(path);
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true)
      << std::string(1000000, '[');
  auto choice = findMachine(path);
  ASSERT_FALSE(bool(choice));
  EXPECT_NE(llvm::toString(choice.takeError()).find("nested more than"),
            std::string::npos);
}

TEST(Machines, UnknownNameListsTheKnown) {
  auto choice = findMachine("h900");
  ASSERT_FALSE(bool(choice));
  std::string message = llvm::toString(choice.takeError());
  EXPECT_NE(message.find("h200"), std::string::npos);
  EXPECT_NE(message.find("cpu:this"), std::string::npos);
}

static const char *kCPU = R"({"name": "cpu:avx2", "memory_gb": 16,
  "read_gbps": 20, "bf16_tflops": 0.2, "source": "a test",
  "threads": [{"count": 1, "bf16_tflops": 0.1, "read": [[131072, 40], [1e9, 10]]},
              {"count": 4, "bf16_tflops": 0.4, "read": [[131072, 160], [1e9, 20]]}],
  "kernels": [{"engine": "fma", "element": "f16", "layout": "own", "page": 32,
    "latent": true, "row_block": 1, "element_ps": 1, "product_ps": 2,
    "score_ps": 3, "row_element_ps": 4, "exposed_cache": 0.5,
    "exposed_memory": 1, "reached_cache": 1, "reached_memory": 0.75}]})";

TEST(Machines, WhatIsWrittenIsReadAgain) {
  MachineChoice choice = llvm::cantFail(parsed(kCPU));
  ASSERT_EQ(choice.threads.size(), 2u);
  EXPECT_EQ(choice.threads[1].reads.memoryRate(), 20);
  const CalibratedKind *kernel =
      choice.find({"fma", "f16", "own", 32, true, 1});
  ASSERT_TRUE(kernel);
  EXPECT_DOUBLE_EQ(kernel->costs.seconds[1], 2e-12);
  EXPECT_EQ(kernel->costs.memory.reached, 0.75);
  EXPECT_FALSE(choice.find({"fma", "f16", "own", 64, true, 1}));
  std::string once = llvm::formatv("{0:2}", toJSON(choice)).str();
  MachineChoice again = llvm::cantFail(parsed(once));
  EXPECT_EQ(again.threads[0].reads.points, choice.threads[0].reads.points);
  EXPECT_DOUBLE_EQ(again.kernels[0].costs.seconds[3], 4e-12);
}

TEST(Machines, ThreadsThatWereMeasured) {
  MachineChoice choice = llvm::cantFail(parsed(kCPU));
  EXPECT_FALSE(bool(choice.useThreads(4)));
  EXPECT_EQ(choice.machine.readGBps, 20);
  EXPECT_DOUBLE_EQ(choice.machine.bf16Flops, 0.4e12);
  EXPECT_EQ(llvm::toString(choice.useThreads(3)),
            "--threads 3: cpu:avx2 was measured with 1 and 4 of them");
}

TEST(Machines, WrongEntriesAreNamedWithTheirPlace) {
  auto with = [](const char *from, const char *to) {
    std::string text = kCPU;
    text.replace(text.find(from), strlen(from), to);
    return refusalOf(text);
  };
  EXPECT_EQ(with("\"element_ps\": 1", "\"element_ps\": -1"),
            "kernels[0]: 'element_ps' must be a number of at least 0");
  EXPECT_EQ(with("[131072, 160]", "[2e9, 160]"),
            "threads[1]: 'read' must be pairs of ascending bytes and of GB/s");
  EXPECT_EQ(with("\"count\": 1", "\"count\": 0"),
            "threads[0]: 'count' must be a count from 1 to 4096");
  EXPECT_EQ(with("\"latent\"", "\"latents\"").substr(0, 34),
            "kernels[0]: unknown key 'latents';");
  EXPECT_EQ(with("[{\"engine\"", "[3, {\"engine\""),
            "kernels[0]: must be an object");
}
