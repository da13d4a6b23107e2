//===- RecordTest.cpp - Records and the machine's description -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Record.h"
#include "attn/Bench/Machine.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

using namespace attn::bench;

static Record sampleRecord() {
  Record r;
  r.shape = "gqa:32/8/128";
  r.dtype = "bf16";
  r.layout = "own";
  r.page = 64;
  r.context = 8192;
  r.mode = "cold";
  r.copies = 48;
  r.isa = "amx";
  r.setTime(summarize({2e-3, 2e-3, 2.5e-3}));
  r.bytes = 30e6;
  r.flops = 120e6;
  r.ceilingGBps = 20;
  r.peakGFlops = 240;
  r.machine = "amx";
  r.date = utcNow();
  return r;
}

TEST(Record, DerivesItsRates) {
  Record r = sampleRecord();
  EXPECT_DOUBLE_EQ(r.medianUs, 2000);
  EXPECT_DOUBLE_EQ(r.gbps(), 15);
  EXPECT_DOUBLE_EQ(r.gflops(), 60);
  EXPECT_DOUBLE_EQ(r.readFraction(), 0.75);
  EXPECT_DOUBLE_EQ(r.peakFraction(), 0.25);
  EXPECT_DOUBLE_EQ(r.fraction(), 0.75);
  EXPECT_EQ(r.bound(), "read");
  r.ceilingGBps = 0;
  EXPECT_EQ(r.bound(), "compute");
  r.peakGFlops = 0;
  EXPECT_EQ(r.fraction(), 0);
  EXPECT_EQ(r.bound(), "");
}

TEST(Record, KeepsTheWorstDisturbance) {
  Record r = sampleRecord();
  EXPECT_FALSE(r.disturbed());
  Summary ceiling = summarize({18, 20, 22});
  ceiling.waited = 0.5;
  r.setReadCeiling(ceiling);
  EXPECT_DOUBLE_EQ(r.ceilingGBps, 20);
  r.setComputePeak(summarize({240}));
  EXPECT_DOUBLE_EQ(r.waited, 0.5);
  EXPECT_TRUE(r.disturbed());
}

TEST(Record, WritesEveryField) {
  llvm::SmallString<128> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("attn-bench", "json", path));
  Record r = sampleRecord();
  ASSERT_FALSE(bool(writeJSON(path, {r, r})));
  auto text = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(bool(text));
  auto value = llvm::json::parse((*text)->getBuffer());
  ASSERT_TRUE(bool(value));
  const llvm::json::Array *array = value->getAsArray();
  ASSERT_TRUE(array && array->size() == 2);
  const llvm::json::Object &object = *array->front().getAsObject();
  for (const char *field :
       {"shape",   "dtype",     "layout",      "page",     "batch",
        "context", "q_len",     "mode",        "copies",   "threads",
        "isa",     "emulated",  "median_us",   "min_us",   "repetitions",
        "waited",  "disturbed", "bytes",       "gbps",     "ceiling_gbps",
        "flops",   "gflops",    "peak_gflops", "fraction", "bound",
        "machine", "date"})
    EXPECT_NE(object.get(field), nullptr) << field;
  EXPECT_EQ(object.getNumber("gbps"), 15);
  EXPECT_EQ(object.getInteger("copies"), 48);
  llvm::sys::fs::remove(path);
}

TEST(Record, SaysWhereItCannotWrite) {
  llvm::Error error = writeJSON("/nonexistent/records.json", {});
  ASSERT_TRUE(bool(error));
  EXPECT_NE(toString(std::move(error)).find("/nonexistent/records.json"),
            std::string::npos);
}

TEST(Record, TheTableMarksWhatCannotBe) {
  Record fair = sampleRecord(), suspect = sampleRecord();
  suspect.ceilingGBps = 14;
  std::string text;
  llvm::raw_string_ostream os(text);
  printTable(os, {fair, suspect});
  EXPECT_NE(text.find("75.0%  "), std::string::npos) << text;
  EXPECT_NE(text.find("107.1%?"), std::string::npos) << text;
  EXPECT_EQ(llvm::StringRef(text).count('\n'), 3u);
}

TEST(Machine, DescribesItself) {
  Machine machine = describeMachine();
  EXPECT_EQ(machine.machineClass, isaName(hostIsa()));
  EXPECT_GE(machine.cores, 1u);
  EXPECT_GT(machine.memoryBytes, 0);
  EXPECT_FALSE(machine.kernel.empty());
  EXPECT_FALSE(machine.features.empty());
  llvm::json::Object object = toJSON(machine);
  EXPECT_TRUE(object.getString("class"));
  EXPECT_TRUE(object.getArray("features"));
}
