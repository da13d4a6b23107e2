//===- MachinesTest.cpp - Where peaks come from ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Machines.h"
#include "gtest/gtest.h"

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

TEST(Machines, UnknownNameListsTheKnown) {
  auto choice = findMachine("h900");
  ASSERT_FALSE(bool(choice));
  std::string message = llvm::toString(choice.takeError());
  EXPECT_NE(message.find("h200"), std::string::npos);
  EXPECT_NE(message.find("cpu:this"), std::string::npos);
}
