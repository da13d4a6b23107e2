//===- MemoryTest.cpp - Accesses, atomics and asynchronous copies ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace attn::test;
using namespace attn::simt;

namespace {

constexpr const char *value = "\n%result = arith.addi %value, %c0 : i32\n";

//===----------------------------------------------------------------------===//
// Bounds, alignment, what was never written
//===----------------------------------------------------------------------===//

TEST(Memory, UninitializedSharedMemory) {
  Report report =
      expectFinding("%result = llvm.load %other : !llvm.ptr<3> -> i32", 32,
                    FindingKind::Uninitialized);
  EXPECT_NE(report.findings[0].location.find("llvm.load"), std::string::npos);
}

TEST(Memory, OneByteOfAWordIsMissing) {
  const char *text = R"mlir(
  %byte = llvm.trunc %value : i32 to i8
  %half = llvm.trunc %value : i32 to i16
  %at2 = llvm.getelementptr %mine[2] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %at3 = llvm.getelementptr %mine[3] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  llvm.store %half, %mine : i16, !llvm.ptr<3>
  llvm.store %byte, %at2 : i8, !llvm.ptr<3>
  llvm.store %byte, %at3 : i8, !llvm.ptr<3>
  %result = llvm.load %mine : !llvm.ptr<3> -> i32)mlir";
  expectFine(text, 32, [](int i) { return i * 0x01010001; });
  expectFinding(edit(text, "llvm.store %byte, %at3 : i8, !llvm.ptr<3>", ""), 32,
                FindingKind::Uninitialized);
}

TEST(Memory, OutOfBoundsOfSharedMemory) {
  const char *text = R"mlir(
  %far = llvm.getelementptr %mine[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
  llvm.store %value, %far : i32, !llvm.ptr<3>)mlir";
  expectFinding(text + std::string(value), 32, FindingKind::OutOfBounds);
}

TEST(Memory, OutOfBoundsOfABuffer) {
  Report report = expectFinding(R"mlir(
  %far = llvm.getelementptr %from[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %result = llvm.load %far : !llvm.ptr<1> -> i32)mlir",
                                32, FindingKind::OutOfBounds);
  EXPECT_NE(report.str().find("0 bytes after the end of buffer 'in' of 128"),
            std::string::npos)
      << report.str();
}

TEST(Memory, AVectorThatEndsOutsideOfABuffer) {
  expectFinding(R"mlir(
  %v = llvm.load %from {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xi32>
  %result = llvm.extractelement %v[%c0 : i32] : vector<2xi32>)mlir",
                32, FindingKind::OutOfBounds);
}

TEST(Memory, NullPointer) {
  expectFinding(R"mlir(
  %null = llvm.mlir.zero : !llvm.ptr
  %result = llvm.load %null : !llvm.ptr -> i32)mlir",
                32, FindingKind::OutOfBounds);
}

TEST(Memory, WriteToAReadOnlyBuffer) {
  expectFinding("llvm.store %value, %from : i32, !llvm.ptr<1>" +
                    std::string(value),
                32, FindingKind::OutOfBounds);
}

TEST(Memory, Misaligned) {
  const char *text = R"mlir(
  %skewed = llvm.getelementptr %smem[8] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %zero = llvm.mlir.zero : vector<4xi32>
  llvm.store %zero, %skewed : vector<4xi32>, !llvm.ptr<3>)mlir";
  expectFinding(text + std::string(value), 32, FindingKind::Misaligned);
}

TEST(Memory, GenericPointersToAllKinds) {
  expectFine(R"mlir(
  %one = llvm.mlir.constant(1 : i64) : i64
  %stack = llvm.alloca %one x i32 : (i64) -> !llvm.ptr
  %integer = llvm.ptrtoint %stack : !llvm.ptr to i64
  %opaque = llvm.inttoptr %integer : i64 to !llvm.ptr
  %shared = llvm.addrspacecast %mine : !llvm.ptr<3> to !llvm.ptr
  %global = llvm.addrspacecast %from : !llvm.ptr<1> to !llvm.ptr
  %a = llvm.load %global : !llvm.ptr -> i32
  llvm.store %a, %opaque : i32, !llvm.ptr
  %b = llvm.load %opaque : !llvm.ptr -> i32
  llvm.store %b, %shared : i32, !llvm.ptr
  %result = llvm.load %shared : !llvm.ptr -> i32)mlir",
             64, [](int i) { return i; });
}

TEST(Memory, SharedAddressesFitInto32Bits) {
  expectFine(R"mlir(
  %address = llvm.ptrtoint %mine : !llvm.ptr<3> to i32
  %again = llvm.inttoptr %address : i32 to !llvm.ptr<3>
  llvm.store %value, %again : i32, !llvm.ptr<3>
  %result = llvm.load %mine : !llvm.ptr<3> -> i32)mlir",
             64, [](int i) { return i; });
}

TEST(Memory, BlocksAreChecked) {
  const char *text = R"mlir(
  %bytes = llvm.mlir.constant(4 : i64) : i64
  "llvm.intr.memcpy"(%mine, %from, %bytes) <{isVolatile = false}> : (!llvm.ptr<3>, !llvm.ptr<1>, i64) -> ()
  %result = llvm.load %mine : !llvm.ptr<3> -> i32)mlir";
  expectFine(text, 32, [](int i) { return i; });
  expectFinding(edit(text, "4 : i64", "8 : i64"), 32, FindingKind::OutOfBounds);
}

//===----------------------------------------------------------------------===//
// Races
//===----------------------------------------------------------------------===//

TEST(Races, ReadAfterWrite) {
  Report report = expectFinding(R"mlir(
  llvm.store %value, %mine : i32, !llvm.ptr<3>
  %result = llvm.load %other : !llvm.ptr<3> -> i32)mlir",
                                32, FindingKind::Race);
  for (const Finding &finding : report.findings)
    if (finding.kind == FindingKind::Race)
      EXPECT_EQ(finding.threads.size(), 2u);
}

TEST(Races, WriteAfterReadByManyThreads) {
  // All read word 0, then thread 5 writes it.
  std::string text = R"mlir(
  %isFifth = arith.cmpi eq, %tid, %c5 : i32
  scf.if %isFifth { llvm.store %value, %smem : i32, !llvm.ptr<3> }
  nvvm.barrier0
  %result = llvm.load %smem : !llvm.ptr<3> -> i32
  nvvm.barrier id = %c1
  scf.if %isFifth { llvm.store %tid, %smem : i32, !llvm.ptr<3> })mlir";
  expectFine(text, 128, [](int) { return 5; });
  expectFinding(edit(text, "nvvm.barrier id = %c1", ""), 128,
                FindingKind::Race);
}

TEST(Races, WriteAfterWrite) {
  expectFinding("llvm.store %value, %smem : i32, !llvm.ptr<3>" +
                    std::string(value),
                32, FindingKind::Race);
}

TEST(Races, BytesOfAWordAreApart) {
  const char *text = R"mlir(
  %half = llvm.trunc %value : i32 to i16
  %at = llvm.getelementptr %smem[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
  llvm.store %half, %at : i16, !llvm.ptr<3>
  %again = llvm.load %at : !llvm.ptr<3> -> i16
  %result = llvm.zext %again : i16 to i32)mlir";
  expectFine(text, 64, [](int i) { return i; });
}

TEST(Races, GlobalMemoryWithinACTA) {
  std::string text = R"mlir(
  %place = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %place : i32, !llvm.ptr<1>
  nvvm.barrier0
  %last = arith.subi %threads, %c1 : i32
  %mirror = arith.subi %last, %tid : i32
  %peer = llvm.getelementptr %out[%mirror] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %result = llvm.load %peer : !llvm.ptr<1> -> i32
  nvvm.barrier id = %c1)mlir";
  expectFine(text, 64, [](int i) { return 63 - i; });
  expectFinding(edit(text, "nvvm.barrier0", ""), 64, FindingKind::Race);
}

TEST(Races, GlobalMemoryBetweenCTAs) {
  Snippet snippet("llvm.store %value, %out : i32, !llvm.ptr<1>" +
                  std::string(value));
  for (int i = 0; i < 4; ++i) {
    LaunchConfig config;
    config.grid.x = 2;
    Report report = snippet.run({0, 1}, config);
    EXPECT_TRUE(report.has(FindingKind::Race)) << report.str();
  }
}

//===----------------------------------------------------------------------===//
// Atomic operations
//===----------------------------------------------------------------------===//

/// CTAs of one thread leave their inputs in `left`; the last to arrive at the
/// counter behind them adds them up.
std::string lastArriver(const std::vector<int32_t> &left,
                        const std::string &fence, const std::string &order) {
  return "%address = llvm.mlir.constant(" +
         std::to_string(reinterpret_cast<uintptr_t>(left.data())) +
         " : i64) : i64\n%left = llvm.inttoptr %address : i64 to !llvm.ptr<1>" +
         R"mlir(
  %place = llvm.getelementptr %left[%cta] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %ctas = nvvm.read.ptx.sreg.nctaid.x : i32
  %counter = llvm.getelementptr %left[%ctas] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %place : i32, !llvm.ptr<1>
  )mlir" +
         fence + "\n%before = llvm.atomicrmw add %counter, %c1 " + order +
         " : !llvm.ptr<1>, i32\n" + fence + R"mlir(
  %last = arith.subi %ctas, %c1 : i32
  %isLast = arith.cmpi eq, %before, %last : i32
  %result = scf.if %isLast -> i32 {
    %sum = scf.for %i = %c0 to %ctas step %c1 iter_args(%acc = %c0) -> i32 : i32 {
      %peer = llvm.getelementptr %left[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %x = llvm.load %peer : !llvm.ptr<1> -> i32
      %y = arith.addi %acc, %x : i32
      scf.yield %y : i32
    }
    scf.yield %sum : i32
  } else {
    scf.yield %c0 : i32
  })mlir";
}

TEST(Atomics, OrderCTAs) {
  std::vector<int32_t> left(9);
  auto run = [&](const std::string &fence, const std::string &order,
                 bool ordered) {
    Snippet snippet(lastArriver(left, fence, order));
    snippet.memory.add(left.data(), 9 * sizeof(int32_t), "left");
    forEachSchedule(
        [&](LaunchConfig config) {
          left[8] = 0;
          config.grid.x = 8;
          Report report = snippet.run(iota(8), config);
          if (!ordered) {
            EXPECT_TRUE(report.has(FindingKind::Race)) << describe(config);
            return;
          }
          EXPECT_TRUE(report.ok()) << describe(config) << "\n" << report.str();
          EXPECT_EQ(
              std::count(snippet.results.begin(), snippet.results.end(), 28),
              1);
        },
        /*seeds=*/5);
  };
  run("nvvm.memory.barrier #nvvm.mem_scope<gpu>", "monotonic", true);
  run("", "acq_rel", true);
  run("", "monotonic", false);
  run("", "release", false);
}

TEST(Atomics, MatchTheirDefinitions) {
  // Each thread has a word of its own: 12 + value, twice.
  auto atomic = [](const char *op) {
    return std::string("%c12 = arith.constant 12 : i32\n"
                       "llvm.store %c12, %mine : i32, !llvm.ptr<3>\n"
                       "%old = llvm.atomicrmw ") +
           op +
           " %mine, %value monotonic : !llvm.ptr<3>, i32\n"
           "%result = llvm.load %mine : !llvm.ptr<3> -> i32";
  };
  expectFine(atomic("add"), 32, [](int i) { return 12 + i; });
  expectFine(atomic("sub"), 32, [](int i) { return 12 - i; });
  expectFine(atomic("xchg"), 32, [](int i) { return i; });
  expectFine(atomic("_and"), 32, [](int i) { return 12 & i; });
  expectFine(atomic("_or"), 32, [](int i) { return 12 | i; });
  expectFine(atomic("_xor"), 32, [](int i) { return 12 ^ i; });
  expectFine(atomic("max"), 32, [](int i) { return std::max(12, i); });
  expectFine(atomic("umin"), 32, [](int i) { return std::min(12, i); });
  expectFine(atomic("uinc_wrap"), 32, [](int i) { return 12 >= i ? 0 : 13; });
  expectFine(atomic("udec_wrap"), 32, [](int i) { return 12 > i ? i : 11; });
}

TEST(Atomics, FloatsAdd) {
  expectFine(R"mlir(
  %half = llvm.mlir.constant(5.0e-01 : f32) : f32
  llvm.store %half, %mine : f32, !llvm.ptr<3>
  %x = llvm.sitofp %value : i32 to f32
  %old = llvm.atomicrmw fadd %mine, %x monotonic : !llvm.ptr<3>, f32
  %sum = llvm.load %mine : !llvm.ptr<3> -> f32
  %twice = llvm.fadd %sum, %sum : f32
  %result = llvm.fptosi %twice : f32 to i32)mlir",
             32, [](int i) { return 2 * i + 1; });
}

TEST(Atomics, DoNotRaceWithEachOther) {
  expectFine(R"mlir(
  %isZero = arith.cmpi eq, %tid, %c0 : i32
  scf.if %isZero { llvm.store %c0, %smem : i32, !llvm.ptr<3> }
  nvvm.barrier0
  %old = llvm.atomicrmw add %smem, %c1 monotonic : !llvm.ptr<3>, i32
  nvvm.barrier id = %c1
  %result = llvm.load %smem : !llvm.ptr<3> -> i32)mlir",
             128, [](int) { return 128; });
}

TEST(Atomics, RaceWithOrdinaryAccesses) {
  expectFinding(R"mlir(
  %isZero = arith.cmpi eq, %tid, %c0 : i32
  scf.if %isZero { llvm.store %c0, %smem : i32, !llvm.ptr<3> }
  nvvm.barrier0
  %old = llvm.atomicrmw add %smem, %c1 monotonic : !llvm.ptr<3>, i32
  %result = llvm.load %smem : !llvm.ptr<3> -> i32)mlir",
                64, FindingKind::Race);
}

/// Thread 0 of a warp hands a value to thread 32 through a flag.
std::string flag(const std::string &release, const std::string &acquire) {
  return R"mlir(
  %flag = llvm.getelementptr %smem[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %c41 = arith.constant 41 : i32
  %isZero = arith.cmpi eq, %tid, %c0 : i32
  scf.if %isZero { llvm.store %c0, %flag : i32, !llvm.ptr<3> }
  nvvm.barrier0
  scf.if %isZero {
    llvm.store %c41, %smem : i32, !llvm.ptr<3>
    )mlir" +
         release + R"mlir(
  }
  %isReader = arith.cmpi eq, %tid, %c32 : i32
  %result = scf.if %isReader -> i32 {
    scf.while : () -> () {
      )mlir" +
         acquire + R"mlir(
      %waits = arith.cmpi eq, %f, %c0 : i32
      scf.condition(%waits)
    } do {
      scf.yield
    }
    %x = llvm.load %smem : !llvm.ptr<3> -> i32
    scf.yield %x : i32
  } else {
    scf.yield %value : i32
  })mlir";
}

TEST(Atomics, ReleaseAndAcquireOrder) {
  auto expected = [](int i) { return i == 32 ? 41 : i; };
  const char *storeRelease =
      "llvm.store %c1, %flag atomic release {alignment = "
      "4 : i64} : i32, !llvm.ptr<3>";
  const char *storeRelaxed =
      "llvm.store %c1, %flag atomic monotonic {alignment "
      "= 4 : i64} : i32, !llvm.ptr<3>";
  const char *loadAcquire =
      "%f = llvm.load %flag atomic acquire {alignment = 4 "
      ": i64} : !llvm.ptr<3> -> i32";
  const char *loadRelaxed =
      "%f = llvm.load %flag atomic monotonic {alignment = "
      "4 : i64} : !llvm.ptr<3> -> i32";
  std::string fence = "nvvm.memory.barrier #nvvm.mem_scope<cta>\n";
  expectFine(flag(storeRelease, loadAcquire), 64, expected);
  expectFine(flag(fence + storeRelaxed, loadRelaxed + ("\n" + fence)), 64,
             expected);
  expectFinding(flag(storeRelaxed, loadAcquire), 64, FindingKind::Race);
  expectFinding(flag(storeRelease, loadRelaxed), 64, FindingKind::Race);
}

TEST(Atomics, WaitingForWhatNobodySets) {
  Snippet snippet(
      flag("", "%f = llvm.load volatile %flag : !llvm.ptr<3> -> i32"));
  LaunchConfig config;
  config.pollSeconds = 0.05;
  Report report = snippet.run(iota(64), config);
  EXPECT_TRUE(report.has(FindingKind::Deadlock)) << report.str();
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

/// Each thread copies its input and reads it, or the next thread's.
std::string copy(const std::string &wait, const char *from) {
  return R"mlir(
  nvvm.cp.async.shared.global %mine, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
)mlir" + wait +
         "\n%result = llvm.load " + from + " : !llvm.ptr<3> -> i32";
}

TEST(AsyncCopy, IsThereAfterTheWait) {
  expectFine(
      copy("nvvm.cp.async.commit.group\nnvvm.cp.async.wait.group 0", "%mine"),
      64, [](int i) { return i; });
}

TEST(AsyncCopy, OfOthersIsThereAfterTheBarrier) {
  std::string wait = "nvvm.cp.async.commit.group\nnvvm.cp.async.wait.group 0\n";
  expectFine(copy(wait + "nvvm.barrier0", "%other"), 64,
             [](int i) { return (i + 1) % 64; });
  expectFinding(copy(wait, "%other"), 64, FindingKind::Race);
  // The barrier alone is not enough.
  expectFinding(copy("nvvm.cp.async.commit.group\nnvvm.barrier0", "%other"), 64,
                FindingKind::Race);
}

TEST(AsyncCopy, NeedsCommitAndWait) {
  expectFinding(copy("", "%mine"), 64, FindingKind::Race);
  expectFinding(copy("nvvm.cp.async.wait.group 0", "%mine"), 64,
                FindingKind::Race);
  expectFinding(
      copy("nvvm.cp.async.commit.group\nnvvm.cp.async.wait.group 1", "%mine"),
      64, FindingKind::Race);
}

TEST(AsyncCopy, GroupsCompleteInOrder) {
  // Of two groups the first is waited for.
  std::string text = R"mlir(
  %second = llvm.getelementptr %mine[64] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
  nvvm.cp.async.shared.global %mine, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.shared.global %second, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 1
  %result = llvm.load %mine : !llvm.ptr<3> -> i32)mlir";
  for (bool first : {true, false}) {
    Snippet snippet(first ? text
                          : edit(text, "llvm.load %mine", "llvm.load %second"));
    forEachSchedule([&](LaunchConfig config) {
      config.dynamicSharedBytes = 512;
      EXPECT_EQ(snippet.run(iota(64), config).ok(), first);
    });
  }
}

TEST(AsyncCopy, IntoMemoryThatIsRead) {
  // Thread i reads word i + 1, which thread i + 1 then copies to.
  std::string text = R"mlir(
  llvm.store %value, %mine : i32, !llvm.ptr<3>
  nvvm.barrier0
  %result = llvm.load %other : !llvm.ptr<3> -> i32
  nvvm.barrier id = %c1
  nvvm.cp.async.shared.global %mine, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0)mlir";
  expectFine(text, 64, [](int i) { return (i + 1) % 64; });
  expectFinding(edit(text, "nvvm.barrier id = %c1", ""), 64, FindingKind::Race);
}

TEST(AsyncCopy, OfMoreThanItsSize) {
  expectFinding(R"mlir(
  nvvm.cp.async.shared.global %mine, %from, 4, cache = ca, %c8 : !llvm.ptr<3>, !llvm.ptr<1>, i32)mlir" +
                    std::string(value),
                32, FindingKind::AsyncCopy);
}

} // namespace
