//===- MBarrierTest.cpp - mbarriers and bulk copies -----------------------===//
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

/// Room for the values and the mbarriers behind them.
constexpr uint32_t kShared = 4096;

/// The mbarriers %full and %empty, initialised by thread 0 for `full` and
/// `empty` arrivals and known to all.
std::string barriers(const std::string &full, const std::string &empty) {
  return R"mlir(
  %full = llvm.getelementptr %smem[2048] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %empty = llvm.getelementptr %smem[2056] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %isZero = arith.cmpi eq, %tid, %c0 : i32
  scf.if %isZero {
    nvvm.mbarrier.init %full, )mlir" +
         full + R"mlir( : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %empty, )mlir" +
         empty + R"mlir( : !llvm.ptr<3>, i32
  }
  nvvm.barrier0
)mlir";
}

const char *arrive = "%s = nvvm.mbarrier.arrive %full : !llvm.ptr<3> -> i64\n";
const char *waitFull =
    "nvvm.mbarrier.try_wait.parity %full, %c0, %c0 : !llvm.ptr<3>, i32, i32\n";

/// Stores, synchronises and reads what the next thread stored.
std::string exchange(const std::string &sync) {
  return "llvm.store %value, %mine : i32, !llvm.ptr<3>\n" + sync +
         "%result = llvm.load %other : !llvm.ptr<3> -> i32\n";
}

TEST(MBarrier, ArrivalsAndWaitOrderMemory) {
  std::string text =
      barriers("%c64", "%c1") + exchange(std::string(arrive) + waitFull);
  expectFine(text, 64, [](int i) { return (i + 1) % 64; }, kShared);
  expectFinding(edit(text, waitFull, ""), 64, FindingKind::Race, kShared);
  // The parity of the phase before passes at once.
  expectFinding(edit(text, "%full, %c0, %c0", "%full, %c1, %c0"), 64,
                FindingKind::Race, kShared);
}

TEST(MBarrier, StatesAndPolls) {
  std::string poll = R"mlir(
  scf.while : () -> () {
    %done = nvvm.mbarrier.test.wait %full, %s : !llvm.ptr<3>, i64 -> i1
    %true = arith.constant true
    %more = arith.xori %done, %true : i1
    scf.condition(%more)
  } do {
    scf.yield
  }
)mlir";
  expectFine(
      barriers("%c64", "%c1") + exchange(arrive + poll), 64,
      [](int i) { return (i + 1) % 64; }, kShared);
}

TEST(MBarrier, TooManyArrivals) {
  expectFinding(
      barriers("%c64", "%c1") +
          "%n = nvvm.mbarrier.arrive %full, %c64 : !llvm.ptr<3> -> i64\n"
          "%m = nvvm.mbarrier.arrive %empty, %c2 : !llvm.ptr<3> -> i64\n"
          "%result = arith.addi %value, %c0 : i32\n",
      32, FindingKind::Barrier, kShared);
}

TEST(MBarrier, TooFewArrivals) {
  expectFinding(barriers("%c64", "%c1") +
                    exchange(std::string(arrive) + waitFull),
                32, FindingKind::Deadlock, kShared);
}

TEST(MBarrier, NotInitialised) {
  expectFinding("%full = llvm.getelementptr %smem[2048] : (!llvm.ptr<3>) -> "
                "!llvm.ptr<3>, i8\n" +
                    std::string(arrive) +
                    "%result = arith.addi %value, %c0 : i32\n",
                32, FindingKind::Barrier, kShared);
}

TEST(MBarrier, InitialisationHasToBeKnown) {
  // Without the barrier some thread may come too early.
  Snippet snippet(edit(barriers("%c64", "%c1"), "nvvm.barrier0", "") +
                  exchange(std::string(arrive) + waitFull));
  forEachSchedule([&](LaunchConfig config) {
    config.dynamicSharedBytes = kShared;
    Report report = snippet.run(iota(64), config);
    EXPECT_TRUE(report.has(FindingKind::Race) ||
                report.has(FindingKind::Barrier))
        << report.str();
  });
}

/// Thread 0 produces twice 128 bytes (the inputs, which every thread takes its
/// word of), the others consume; one stage.
std::string pipeline() {
  return barriers("%c1", "%c32") + R"mlir(
  %c128 = arith.constant 128 : i32
  %isProducer = arith.cmpi eq, %tid, %c32 : i32
  %isConsumer = arith.cmpi ult, %tid, %c32 : i32
  %result = scf.if %isConsumer -> i32 {
    %sum = scf.for %i = %c0 to %c2 step %c1 iter_args(%acc = %c0) -> i32 : i32 {
      nvvm.mbarrier.try_wait.parity %full, %i, %c0 : !llvm.ptr<3>, i32, i32
      %x = llvm.load %mine : !llvm.ptr<3> -> i32
      %released = nvvm.mbarrier.arrive %empty : !llvm.ptr<3> -> i64
      %twice = arith.addi %acc, %acc : i32
      %next2 = arith.addi %twice, %x : i32
      scf.yield %next2 : i32
    }
    scf.yield %sum : i32
  } else {
    scf.if %isProducer {
      scf.for %i = %c0 to %c2 step %c1 : i32 {
        %before = arith.xori %i, %c1 : i32
        nvvm.mbarrier.try_wait.parity %empty, %before, %c0 : !llvm.ptr<3>, i32, i32
        nvvm.mbarrier.arrive.expect_tx %full, %c128 : !llvm.ptr<3>, i32
        %offset = arith.muli %i, %c32 : i32
        %source = llvm.getelementptr %in[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
        nvvm.cp.async.bulk.shared.cluster.global %smem, %source, %full, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
      }
    }
    scf.yield %c0 : i32
  })mlir";
}

TEST(BulkCopy, PipelineOfOneStage) {
  expectFine(
      pipeline(), 64, [](int i) { return i < 32 ? 2 * i + (i + 32) : 0; },
      kShared);
}

TEST(BulkCopy, ConsumersThatDoNotWait) {
  expectFinding(edit(pipeline(),
                     "nvvm.mbarrier.try_wait.parity %full, %i, %c0 : "
                     "!llvm.ptr<3>, i32, i32",
                     ""),
                64, FindingKind::Race, kShared);
}

TEST(BulkCopy, ConsumersWithTheWrongParity) {
  // They may all have read the first data twice, and done no other harm.
  Snippet snippet(edit(pipeline(), "try_wait.parity %full, %i, %c0",
                       "try_wait.parity %full, %c0, %c0"));
  forEachSchedule([&](LaunchConfig config) {
    config.dynamicSharedBytes = kShared;
    Report report = snippet.run(iota(64), config);
    EXPECT_TRUE(!report.ok() || snippet.results[0] != 32) << describe(config);
  });
}

TEST(BulkCopy, AProducerThatDoesNotWait) {
  Snippet snippet(edit(pipeline(),
                       "nvvm.mbarrier.try_wait.parity %empty, %before, %c0 : "
                       "!llvm.ptr<3>, i32, i32",
                       ""));
  forEachSchedule([&](LaunchConfig config) {
    config.dynamicSharedBytes = kShared;
    EXPECT_FALSE(snippet.run(iota(64), config).ok()) << describe(config);
  });
}

TEST(BulkCopy, ConsumersThatDoNotRelease) {
  expectFinding(
      edit(pipeline(),
           "%released = nvvm.mbarrier.arrive %empty : !llvm.ptr<3> -> i64", ""),
      64, FindingKind::Deadlock, kShared);
}

TEST(BulkCopy, MoreBytesExpectedThanComes) {
  expectFinding(
      edit(pipeline(), "expect_tx %full, %c128", "expect_tx %full, %c31"), 64,
      FindingKind::Deadlock, kShared);
}

TEST(AsyncCopyOnMBarrier, CompletionIsAnArrival) {
  std::string text = barriers("%c64", "%c1") + R"mlir(
  nvvm.cp.async.shared.global %mine, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.mbarrier.arrive %full {noinc = true} : !llvm.ptr<3>
  nvvm.mbarrier.try_wait.parity %full, %c0, %c0 : !llvm.ptr<3>, i32, i32
  %result = llvm.load %other : !llvm.ptr<3> -> i32)mlir";
  expectFine(text, 64, [](int i) { return (i + 1) % 64; }, kShared);
  expectFinding(edit(text, waitFull, ""), 64, FindingKind::Race, kShared);
}

TEST(AsyncCopyOnMBarrier, AGroupBeforeItUnlearnsNothing) {
  // The mbarrier tells of both copies, the wait then of the first alone.
  expectFine(
      barriers("%c64", "%c1") + R"mlir(
  %later = llvm.getelementptr %mine[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  nvvm.cp.async.shared.global %mine, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.shared.global %later, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.mbarrier.arrive %full {noinc = true} : !llvm.ptr<3>
  nvvm.mbarrier.try_wait.parity %full, %c0, %c0 : !llvm.ptr<3>, i32, i32
  nvvm.cp.async.wait.group 0
  %result = llvm.load %later : !llvm.ptr<3> -> i32)mlir",
      64, [](int i) { return i; }, kShared);
}

} // namespace
