//===- BarrierTest.cpp - CTA barriers -------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

#include <gtest/gtest.h>

using namespace attn::test;
using namespace attn::simt;

namespace {

/// Stores, `sync`, and reads what the next thread stored.
std::string exchange(const std::string &sync) {
  return "llvm.store %value, %mine : i32, !llvm.ptr<3>\n" + sync +
         "\n%result = llvm.load %other : !llvm.ptr<3> -> i32";
}

/// The first 64 threads do one thing, the others another.
std::string split(const std::string &first, const std::string &second) {
  return "%isFirst = arith.cmpi ult, %tid, %c64 : i32\nscf.if %isFirst {\n" +
         first + "\n} else {\n" + second + "\n}\n";
}

TEST(Barrier, OrdersMemory) {
  expectFine(exchange("nvvm.barrier id = %c3"), 128,
             [](int i) { return (i + 1) % 128; });
}

TEST(Barrier, NamedOnesOfWarps) {
  // 64 threads each, neighbours within.
  std::string text = R"mlir(
  %half = arith.divui %tid, %c64 : i32
  %id = arith.addi %half, %c1 : i32
  llvm.store %value, %mine : i32, !llvm.ptr<3>
  nvvm.barrier id = %id number_of_threads = %c64
  %flipped = arith.xori %tid, %c32 : i32
  %peer = llvm.getelementptr %smem[%flipped] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %result = llvm.load %peer : !llvm.ptr<3> -> i32)mlir";
  expectFine(text, 128, [](int i) { return i ^ 32; });
  // The same with a neighbour who waits at the other one.
  expectFinding(edit(text, "%tid, %c32", "%tid, %c64"), 128, FindingKind::Race);
}

TEST(Barrier, ArrivalsReleaseButDoNotAcquire) {
  // The first half hands its values to the second; 128 threads in all.
  std::string text =
      "%c128 = arith.constant 128 : i32\n"
      "llvm.store %value, %mine : i32, !llvm.ptr<3>\n" +
      split("nvvm.barrier.arrive id = %c1 number_of_threads = %c128",
            "nvvm.barrier id = %c1 number_of_threads = %c128") +
      R"mlir(
  %c63 = arith.constant 63 : i32
  %low = arith.andi %tid, %c63 : i32
  %from2 = arith.select %isFirst, %tid, %low : i32
  %peer = llvm.getelementptr %smem[%from2] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %result = llvm.load %peer : !llvm.ptr<3> -> i32)mlir";
  expectFine(text, 128, [](int i) { return i % 64; });
  // Those that only arrive may not read what the others stored.
  expectFinding(edit(text, "%isFirst, %tid, %low", "%isFirst, %wrapped, %low"),
                128, FindingKind::Race);
}

TEST(Barrier, Reductions) {
  auto reduction = [](const char *kind) {
    return std::string("%odd = arith.andi %tid, %c1 : i32\n"
                       "%result = nvvm.barrier #nvvm.reduction<") +
           kind + "> %odd -> i32";
  };
  expectFine(reduction("popc"), 96, [](int) { return 48; });
  expectFine(reduction("and"), 96, [](int) { return 0; });
  expectFine(reduction("or"), 96, [](int) { return 1; });
}

TEST(Barrier, ExitedThreadsAreNotWaitedFor) {
  Snippet snippet(R"mlir(
  %leaves = arith.cmpi uge, %tid, %c64 : i32
  cf.cond_br %leaves, ^leave, ^stay
^leave:
  llvm.return
^stay:
  nvvm.barrier0
  %result = arith.addi %value, %c0 : i32)mlir");
  forEachSchedule([&](LaunchConfig config) {
    Report report = snippet.run(iota(128), config);
    EXPECT_TRUE(report.ok()) << report.str();
  });
}

TEST(Barrier, LanesOfAWarpAtDifferentBarriers) {
  expectFinding(R"mlir(
  %isOdd = arith.trunci %tid : i32 to i1
  scf.if %isOdd {
    nvvm.barrier0
  } else {
    nvvm.barrier0
  }
  %result = arith.addi %value, %c0 : i32)mlir",
                64, FindingKind::Barrier);
}

TEST(Barrier, CountsThatDisagree) {
  // Neither half is enough for its own count.
  expectFinding("%c96 = arith.constant 96 : i32\n"
                "%c128 = arith.constant 128 : i32\n" +
                    split("nvvm.barrier id = %c1 number_of_threads = %c128",
                          "nvvm.barrier id = %c1 number_of_threads = %c96") +
                    "%result = arith.addi %value, %c0 : i32",
                128, FindingKind::Barrier);
}

TEST(Barrier, CountsThatCannotBe) {
  for (const char *count : {"%c16", "%c64"})
    expectFinding(std::string("nvvm.barrier id = %c1 number_of_threads = ") +
                      count + "\n%result = arith.addi %value, %c0 : i32",
                  32, FindingKind::Barrier);
}

TEST(Barrier, IdThatCannotBe) {
  expectFinding("nvvm.barrier id = %c16\n"
                "%result = arith.addi %value, %c0 : i32",
                32, FindingKind::Barrier);
}

TEST(Barrier, DeadlockNamesTheState) {
  Report report =
      expectFinding(split("nvvm.barrier id = %c1", "nvvm.barrier id = %c2") +
                        "%result = arith.addi %value, %c0 : i32",
                    128, FindingKind::Deadlock);
  std::string text = report.str();
  EXPECT_NE(text.find("threads 0-63: waiting in bar.sync 0x1"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("threads 64-127: waiting in bar.sync 0x2"),
            std::string::npos)
      << text;
}

} // namespace
