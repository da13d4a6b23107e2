//===- PlantedBugsTest.cpp - Bugs planted in generated kernels ------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Each bug is an edit of the kernels that the GPU pipeline makes. It must be
// found in every schedule: by a finding of the given kind, or, where nothing
// but the arithmetic is wrong, by the result. The correct kernels are run over
// many seeds in DecodeTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "Decode.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;
using namespace attn::simt;

namespace {

constexpr const char *barrier = "nvvm.barrier0";
constexpr const char *copy = "nvvm.cp.async.shared.global";

class PlantedBug : public testing::Test {
protected:
  PlantedBug() : generated(problem.generate()), lines(generated.source) {
    problem.fill();
    decode = lines.find(0, "llvm.func @decode(");
    wait = lines.find(decode, "nvvm.cp.async.wait.group");
  }

  /// Barrier `n` of the loop over tiles; 0 is the one after the wait.
  size_t loopBarrier(int n) const {
    size_t line = lines.find(wait, barrier);
    for (; n > 0; --n)
      line = lines.find(line + 1, barrier);
    return line;
  }

  /// Runs the edited kernels; `isFound` judges the report.
  template <typename Judge>
  void expectFound(Judge isFound) {
    Kernels kernels(lines.str());
    forEachSchedule(
        [&](LaunchConfig config) {
          Report report = problem.run(kernels, generated, config);
          EXPECT_TRUE(isFound(report))
              << describe(config) << ", error " << problem.maxError() << "\n"
              << report.str();
        },
        /*seeds=*/2);
  }
  void expect(FindingKind kind) {
    expectFound([&](const Report &report) { return report.has(kind); });
  }
  void expectWrongResult() {
    expectFound([&](const Report &) {
      return problem.maxError() > DecodeProblem::kTolerance;
    });
  }

  DecodeProblem problem;
  GeneratedDecode generated;
  Lines lines;
  size_t decode = 0, wait = 0; ///< the kernel, the wait in its loop
};

TEST_F(PlantedBug, NoBarrierAfterWait) {
  lines.drop(loopBarrier(0));
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, NoWait) {
  lines.drop(wait);
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, WaitForOneGroupTooFew) {
  lines.replace(wait, "group 2", "group 3");
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, NoCommit) {
  lines.drop(lines.find(wait, "commit.group"));
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, CopyIntoTheStageThatIsRead) {
  lines.replace(lines.find(wait, "arith.addi"), "%c3_i32", "%c4_i32");
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, NoBarrierForMaxima) {
  lines.drop(loopBarrier(1));
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, NoBarrierForWeightsAndSums) {
  lines.drop(loopBarrier(2));
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, NoBarrierForAddresses) {
  lines.drop(lines.find(decode, barrier));
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, NoBarrierInPlan) {
  lines.drop(lines.find(0, barrier));
  expect(FindingKind::Race);
}

TEST_F(PlantedBug, BarrierInADivergentBranch) {
  size_t line = loopBarrier(1);
  lines.swap(line - 1, line);
  expect(FindingKind::Deadlock);
}

TEST_F(PlantedBug, StalePagePointer) {
  // What the loop carries is the block of a tile that comes later.
  problem.parts = 1;
  size_t loop = lines.findBefore(wait, "scf.for");
  size_t fetch = lines.find(loopBarrier(0), "-> (i32) {");
  size_t yield = lines.find(fetch, "scf.yield");
  lines.replace(yield, lines.operand(yield, 0), lines.operand(loop, 4));
  expectWrongResult();
}

TEST_F(PlantedBug, NoZeroFill) {
  size_t query = lines.find(decode, copy);
  for (size_t line = lines.find(query + 1, copy), n = 0; n < 16; ++n) {
    lines.replace(line, ", " + lines.operand(line, 2), "");
    lines.replace(line, ", i32", "");
    if (n < 15)
      line = lines.find(line + 1, copy);
  }
  expectWrongResult();
}

TEST_F(PlantedBug, OtherSwizzleOnRead) {
  // The first ldmatrix is the query's.
  size_t query = lines.find(wait, "nvvm.ldmatrix");
  size_t keys = lines.find(query + 1, "nvvm.ldmatrix");
  lines.replace(lines.findBefore(keys, "arith.xori"), "arith.xori",
                "arith.ori");
  expectWrongResult();
}

TEST_F(PlantedBug, OtherSwizzleOnWrite) {
  size_t second = lines.find(lines.find(wait, copy) + 1, copy);
  lines.replace(lines.findBefore(second, "arith.xori"), "arith.xori",
                "arith.ori");
  expectFound([&](const Report &report) {
    return report.has(FindingKind::Uninitialized) &&
           report.has(FindingKind::Race);
  });
}

TEST_F(PlantedBug, OneTokenTooManyInTheMask) {
  size_t shuffle = lines.find(wait, "nvvm.shfl.sync");
  size_t compare = lines.findBefore(shuffle, "arith.cmpi slt");
  lines.replace(compare, "slt", "sle");
  lines.replace(lines.findBefore(compare, "arith.cmpi slt"), "slt", "sle");
  expectWrongResult();
}

TEST_F(PlantedBug, OneTokenTooManyInTheCopies) {
  for (size_t end = wait, line = lines.find(decode, "arith.cmpi slt");
       line < end; line = lines.find(line + 1, "arith.cmpi slt"))
    if (lines.has(line - 1, "arith.cmpi sge"))
      lines.replace(line, "slt", "sle");
  expectWrongResult();
}

TEST_F(PlantedBug, OneRowTooManyOfTheQuery) {
  size_t query = lines.find(decode, copy);
  size_t valid = lines.definition(lines.definition(query, 2), 0);
  lines.replace(valid, "slt", "sle");
  expect(FindingKind::OutOfBounds);
}

TEST_F(PlantedBug, WrongLaneMask) {
  size_t shuffle = lines.find(wait, "nvvm.shfl.sync");
  lines.replace(shuffle, "%c-1_i32", "%c31_i32");
  expect(FindingKind::Collective);
}

TEST_F(PlantedBug, WrongShuffleDistance) {
  // Of the sums; another distance for the maxima would do no harm.
  size_t first = lines.find(loopBarrier(1), "nvvm.shfl.sync");
  lines.replace(lines.find(first + 1, "nvvm.shfl.sync"), "%c2_i32", "%c1_i32");
  expectWrongResult();
}

TEST_F(PlantedBug, ShuffleInADivergentBranch) {
  // Lanes whose maxima are stored: one of four.
  size_t branch = lines.findBefore(loopBarrier(1), "scf.if");
  lines.insert(branch + 1, "nvvm.shfl.sync bfly %c-1_i32, %c-1_i32, %c1_i32, "
                           "%c31_i32 : i32 -> i32");
  lines.replace(branch + 1, "nvvm", "%planted = nvvm");
  expectFound([](const Report &report) {
    return report.has(FindingKind::Collective) ||
           report.has(FindingKind::Deadlock);
  });
}

TEST_F(PlantedBug, MisalignedRow) {
  size_t line = lines.findBefore(loopBarrier(2) + 200, "nvvm.ldmatrix");
  lines.replace(lines.definition(line, 0), "[2048]", "[2056]");
  expect(FindingKind::Misaligned);
}

TEST_F(PlantedBug, ValuesNotTransposed) {
  size_t line = lines.find(loopBarrier(2), "#nvvm.mma_layout<col>, num = 4");
  lines.replace(line, "#nvvm.mma_layout<col>", "#nvvm.mma_layout<row>");
  expectWrongResult();
}

TEST_F(PlantedBug, TooLittleSharedMemory) {
  generated.sharedBytes -= 16;
  expect(FindingKind::OutOfBounds);
}

TEST_F(PlantedBug, OnePartialTooMany) {
  // Loads past the last piece are of the last one.
  size_t combine = lines.find(0, "llvm.func @decode_combine(");
  size_t loop = lines.find(combine, "scf.for");
  lines.replace(lines.findBefore(loop, "arith.addi"), "%c-1_i32", "%c0_i32");
  // The last slot of all has none after it.
  expectFound([](const Report &report) {
    return report.has(FindingKind::Uninitialized) ||
           report.has(FindingKind::OutOfBounds);
  });
}

} // namespace
