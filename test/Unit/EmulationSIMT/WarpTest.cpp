//===- WarpTest.cpp - Warp-wide operations --------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace attn::test;
using namespace attn::simt;

namespace {

std::vector<int32_t> randomInputs(int count) {
  std::mt19937 random(count);
  std::vector<int32_t> result(count);
  for (int32_t &x : result)
    x = static_cast<int32_t>(random());
  return result;
}

/// Runs in each schedule; the results must be `expected(inputs, thread)`.
template <typename Expected>
void expectResults(const std::string &operations, int threads,
                   Expected expected) {
  Snippet snippet(operations);
  std::vector<int32_t> inputs = randomInputs(threads);
  forEachSchedule(
      [&](LaunchConfig config) {
        Report report = snippet.run(inputs, config);
        EXPECT_TRUE(report.ok()) << describe(config) << "\n" << report.str();
        for (int i = 0; i < threads; ++i)
          ASSERT_EQ(snippet.results[i], expected(inputs, i))
              << "thread " << i << ", " << describe(config);
      },
      /*seeds=*/3);
}

using Inputs = std::vector<int32_t>;

TEST(Warp, ShuffleButterfly) {
  for (int distance : {1, 2, 16})
    expectResults("%result = nvvm.shfl.sync bfly %all, %value, %c" +
                      std::to_string(distance) + ", %c31 : i32 -> i32",
                  64,
                  [=](const Inputs &in, int i) { return in[i ^ distance]; });
}

TEST(Warp, ShuffleUpKeepsTheFirstLanes) {
  expectResults(
      "%result = nvvm.shfl.sync up %all, %value, %c3, %c0 : i32 -> i32", 32,
      [](const Inputs &in, int i) { return in[i < 3 ? i : i - 3]; });
}

TEST(Warp, ShuffleDownKeepsTheLastLanes) {
  expectResults(
      "%result = nvvm.shfl.sync down %all, %value, %c5, %c31 : i32 -> i32", 32,
      [](const Inputs &in, int i) { return in[i + 5 < 32 ? i + 5 : i]; });
}

TEST(Warp, ShuffleIndexInSegmentsOfEight) {
  // Segment mask 0b11000, clamp 31.
  expectResults(R"mlir(
  %clamp = arith.constant 0x181f : i32
  %result = nvvm.shfl.sync idx %all, %value, %c6, %clamp : i32 -> i32)mlir",
                32, [](const Inputs &in, int i) { return in[i / 8 * 8 + 6]; });
}

TEST(Warp, ShuffleSaysWhetherTheSourceIsInRange) {
  expectResults(R"mlir(
  %both = nvvm.shfl.sync up %all, %value, %c4, %c0 {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>
  %valid = llvm.extractvalue %both[1] : !llvm.struct<(i32, i1)>
  %result = arith.extui %valid : i1 to i32)mlir",
                32, [](const Inputs &, int i) { return i >= 4; });
}

TEST(Warp, ShuffleOfFloats) {
  expectResults(R"mlir(
  %float = llvm.bitcast %value : i32 to f32
  %moved = nvvm.shfl.sync bfly %all, %float, %c1, %c31 : f32 -> f32
  %result = llvm.bitcast %moved : f32 to i32)mlir",
                32, [](const Inputs &in, int i) { return in[i ^ 1]; });
}

TEST(Warp, Votes) {
  auto vote = [](const char *kind, const char *type, const char *predicate) {
    std::string text = std::string("%p = ") + predicate +
                       "\n%v = nvvm.vote.sync " + kind + " %all, %p -> " +
                       type + "\n";
    return text + (std::string(type) == "i32"
                       ? "%result = arith.addi %v, %c0 : i32"
                       : "%result = arith.extui %v : i1 to i32");
  };
  const char *seven = "arith.cmpi eq, %lane, %c7 : i32";
  const char *any = "arith.cmpi sge, %lane, %c0 : i32";
  expectResults(vote("ballot", "i32", seven), 32,
                [](const Inputs &, int) { return 1 << 7; });
  expectResults(vote("any", "i1", seven), 32,
                [](const Inputs &, int) { return 1; });
  expectResults(vote("all", "i1", seven), 32,
                [](const Inputs &, int) { return 0; });
  expectResults(vote("all", "i1", any), 32,
                [](const Inputs &, int) { return 1; });
  expectResults(vote("uni", "i1", seven), 32,
                [](const Inputs &, int) { return 0; });
  expectResults(vote("uni", "i1", any), 32,
                [](const Inputs &, int) { return 1; });
}

TEST(Warp, Reductions) {
  auto reduction = [](const char *kind) {
    return std::string("%result = nvvm.redux.sync ") + kind +
           " %value, %all : i32 -> i32";
  };
  auto fold = [](auto combine) {
    return [combine](const Inputs &in, int) {
      return std::accumulate(in.begin() + 1, in.end(), in[0], combine);
    };
  };
  using U = uint32_t;
  expectResults(reduction("add"), 32,
                fold([](int a, int b) { return int(U(a) + U(b)); }));
  expectResults(reduction("max"), 32,
                fold([](int a, int b) { return std::max(a, b); }));
  expectResults(reduction("min"), 32,
                fold([](int a, int b) { return std::min(a, b); }));
  expectResults(reduction("umax"), 32,
                fold([](int a, int b) { return int(std::max(U(a), U(b))); }));
  expectResults(reduction("umin"), 32,
                fold([](int a, int b) { return int(std::min(U(a), U(b))); }));
  expectResults(reduction("and"), 32, fold([](int a, int b) { return a & b; }));
  expectResults(reduction("or"), 32, fold([](int a, int b) { return a | b; }));
  expectResults(reduction("xor"), 32, fold([](int a, int b) { return a ^ b; }));
}

TEST(Warp, ElectionElectsOneLaneOfTheMask) {
  Snippet snippet("%e = nvvm.elect.sync -> i1\n"
                  "%result = arith.extui %e : i1 to i32");
  forEachSchedule([&](LaunchConfig config) {
    EXPECT_TRUE(snippet.run(iota(64), config).ok());
    const std::vector<int32_t> &r = snippet.results;
    EXPECT_EQ(std::accumulate(r.begin(), r.begin() + 32, 0), 1);
    // The same mask elects the same lane.
    EXPECT_TRUE(std::equal(r.begin(), r.begin() + 32, r.begin() + 32));
  });
}

/// Lanes 0 to 15 and 16 to 31 in branches of their own, with masks of their
/// own.
std::string halves(const std::string &low, const std::string &high) {
  return R"mlir(
  %lowMask = arith.constant 0x0000ffff : i32
  %highMask = arith.constant 0xffff0000 : i32
  %isLow = arith.cmpi ult, %lane, %c16 : i32
  %result = scf.if %isLow -> i32 {
    %r = nvvm.shfl.sync bfly )mlir" +
         low + R"mlir(, %value, %c1, %c31 : i32 -> i32
    scf.yield %r : i32
  } else {
    %r = nvvm.shfl.sync bfly )mlir" +
         high + R"mlir(, %value, %c2, %c31 : i32 -> i32
    scf.yield %r : i32
  })mlir";
}

TEST(Warp, MasksOfHalves) {
  expectResults(
      halves("%lowMask", "%highMask"), 32,
      [](const Inputs &in, int i) { return in[i < 16 ? i ^ 1 : i ^ 2]; });
}

TEST(Warp, MaskOfOtherLanes) {
  expectFinding(halves("%highMask", "%highMask"), 32, FindingKind::Collective);
}

TEST(Warp, MasksThatDisagree) {
  // The low lanes do not stay away by leaving.
  expectFinding(halves("%lowMask", "%all") + "\nnvvm.bar.warp.sync %all : i32",
                32, FindingKind::Collective);
}

TEST(Warp, OperationsThatDisagree) {
  expectFinding(R"mlir(
  %isLow = arith.cmpi ult, %lane, %c16 : i32
  scf.if %isLow {
    nvvm.bar.warp.sync %all : i32
  } else {
    %v = nvvm.vote.sync ballot %all, %isLow -> i32
  }
  %result = arith.addi %c0, %c0 : i32)mlir",
                32, FindingKind::Collective);
}

/// Lanes from 8 on leave early.
std::string leaving(const std::string &operations) {
  return R"mlir(
  %leaves = arith.cmpi uge, %lane, %c8 : i32
  cf.cond_br %leaves, ^leave, ^stay
^leave:
  llvm.return
^stay:
)mlir" + operations;
}

TEST(Warp, ExitedLanesAreNotWaitedFor) {
  Snippet snippet(leaving("%p = arith.cmpi uge, %lane, %c0 : i32\n"
                          "%result = nvvm.vote.sync ballot %all, %p -> i32"));
  forEachSchedule([&](LaunchConfig config) {
    EXPECT_TRUE(snippet.run(iota(32), config).ok());
    EXPECT_EQ(snippet.results[3], 0xFF);
    EXPECT_EQ(snippet.results[8], -1);
  });
}

TEST(Warp, ShuffleFromAnExitedLane) {
  expectFinding(
      leaving(
          "%result = nvvm.shfl.sync idx %all, %value, %c31, %c31 : i32 -> i32"),
      32, FindingKind::Collective);
}

TEST(Warp, MatrixOperationsNeedTheWholeWarp) {
  expectFinding(leaving(R"mlir(
  %l = nvvm.ldmatrix %smem {num = 1 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
  %result = arith.addi %l, %c0 : i32)mlir"),
                32, FindingKind::Collective);
}

TEST(Warp, AWarpOfFewLanes) {
  expectFinding(
      "%result = nvvm.shfl.sync bfly %all, %value, %c1, %c31 : i32 -> i32", 16,
      FindingKind::Collective);
}

// Shuffles order no memory accesses; bar.warp.sync does.
std::string exchange(const std::string &sync) {
  return "llvm.store %value, %mine : i32, !llvm.ptr<3>\n" + sync +
         "\n%result = llvm.load %other : !llvm.ptr<3> -> i32";
}

TEST(Warp, WarpSyncOrdersMemory) {
  expectResults(exchange("nvvm.bar.warp.sync %all : i32"), 32,
                [](const Inputs &in, int i) { return in[(i + 1) % 32]; });
}

TEST(Warp, ShuffleDoesNotOrderMemory) {
  expectFinding(
      exchange("%s = nvvm.shfl.sync bfly %all, %value, %c1, %c31 : i32 -> i32"),
      32, FindingKind::Race);
}

TEST(Warp, WarpSyncDoesNotOrderOtherWarps) {
  expectFinding(exchange("nvvm.bar.warp.sync %all : i32"), 64,
                FindingKind::Race);
}

} // namespace
