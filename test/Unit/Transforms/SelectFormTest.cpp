//===- SelectFormTest.cpp - The chosen form is the cheaper one --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../../lib/Dialect/Attn/Transforms/FormChoice.h"
#include "Block.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;
using namespace attn::test;
using cost::LatentForm;
using cost::LatentShape;

static constexpr double kLong = 1e18;

static FormChoice byFlops(int64_t rank, int64_t rope, int64_t nope, int64_t v) {
  return {flopsOnly(), {16, rank, rope, nope, v, 1, 1}, 1};
}

/// The vectors of notes/engines.md 4.1: heads and rope width cancel.
TEST(FormChoice, ThresholdsByFlops) {
  EXPECT_NEAR(byFlops(512, 64, 128, 128).threshold(kLong), 170.7, 0.05);
  EXPECT_NEAR(byFlops(512, 64, 192, 256).threshold(kLong), 398.2, 0.05);
  EXPECT_NEAR(byFlops(256, 32, 64, 64).threshold(kLong), 85.3, 0.05);
  EXPECT_NEAR(byFlops(512, 64, 128, 128).threshold(1024), 146.3, 0.05);
  EXPECT_NEAR(byFlops(512, 0, 128, 128).threshold(1024), 146.3, 0.05);
  EXPECT_TRUE(std::isinf(byFlops(64, 32, 128, 128).threshold(kLong)));
}

/// Bytes of K and V let the absorbed form win for longer where memory is slow:
/// an H20 has 37 FLOPs a byte, an H100 295.
TEST(FormChoice, SlowMemoryFavoursTheAbsorbedForm) {
  LatentShape v3{128, 512, 64, 128, 128, 1, 1};
  FormChoice h20(*cost::findMachine("h20"), v3, 1);
  FormChoice h100(*cost::findMachine("h100"), v3, 1);
  FormChoice l40s(*cost::findMachine("l40s"), v3, 1);
  EXPECT_NEAR(h20.threshold(kLong), 170.7, 0.05);
  EXPECT_GT(h100.threshold(kLong), h20.threshold(kLong));
  EXPECT_GT(l40s.threshold(kLong), h100.threshold(kLong));
}

/// The closed form is the comparison of the rooflines, with whatever kernels
/// reach of the peak. Where the same bytes bind both forms, it absorbs.
TEST(FormChoice, IsTheRooflineComparison) {
  interp::test::Random random(testSeed());
  auto draw = [&](int64_t low, int64_t high) {
    return interp::test::randomInt(low, high, random);
  };
  int absorbed = 0, cases = 2000;
  for (int i = 0; i < cases; ++i) {
    const auto &machines = cost::knownMachines();
    cost::Machine machine = machines[draw(0, machines.size() - 1)];
    if (i % 2)
      for (cost::FormEfficiency *form :
           {&machine.latent.absorbed, &machine.latent.materialized,
            &machine.latent.fused})
        *form = {double(draw(10, 100)) / 100, double(draw(10, 100)) / 100};
    LatentForm other =
        draw(0, 1) ? LatentForm::FusedDecompress : LatentForm::Materialized;
    int64_t context = int64_t(1) << draw(0, 17);
    LatentShape shape{draw(1, 128),  draw(16, 512), draw(0, 64),
                      draw(16, 192), draw(16, 256), draw(1, context),
                      context};
    int64_t batch = draw(1, 64);
    FormChoice choice(machine, shape, batch, other);
    cost::Roofline mine =
        cost::latentRoofline(machine, LatentForm::Absorbed, shape, batch);
    cost::Roofline theirs = cost::latentRoofline(machine, other, shape, batch);
    bool tie = mine.seconds() == theirs.seconds() && !mine.mathBound();
    bool wins = tie || mine.seconds() < theirs.seconds();
    EXPECT_EQ(choice.absorbs(shape.qLen, context), wins) << "case " << i;
    EXPECT_EQ(shape.qLen < choice.threshold(context), wins) << "case " << i;
    absorbed += wins;
  }
  EXPECT_GT(absorbed, cases / 10);
  EXPECT_LT(absorbed, cases * 9 / 10);
}

/// The kernel that decompresses has the other's FLOPs and fewer bytes; where it
/// reaches less of the peak, neither is always the better one.
TEST(FormChoice, DominanceIsForAllExtents) {
  LatentShape v3{128, 512, 64, 128, 128, 1, 1};
  cost::Machine machine = *cost::findMachine("h100");
  auto choice = [&](LatentForm form) {
    return FormChoice(machine, v3, 1, form);
  };
  EXPECT_TRUE(choice(LatentForm::FusedDecompress)
                  .dominates(choice(LatentForm::Materialized)));
  EXPECT_FALSE(choice(LatentForm::Materialized)
                   .dominates(choice(LatentForm::FusedDecompress)));
  machine.latent.fused.attention = 0.5;
  EXPECT_FALSE(choice(LatentForm::FusedDecompress)
                   .dominates(choice(LatentForm::Materialized)));
}

static llvm::SmallVector<std::unique_ptr<mlir::Pass>>
selectForm(double readGBps, double tflops) {
  llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes;
  AttnSelectFormOptions options;
  options.readGBps = readGBps;
  options.tflops = tflops;
  passes.push_back(createAttnSelectForm(options));
  return passes;
}

static interp::Tensor output(mlir::ModuleOp module,
                             llvm::ArrayRef<interp::Value> arguments) {
  auto results = run(module, arguments);
  return results.empty() ? interp::Tensor()
                         : std::get<interp::Tensor>(results[0]);
}

/// One that is interpreted in no time.
static Block smallBlock(int64_t queries, int64_t tokens) {
  Block block;
  block.batch = 1;
  block.queries = queries;
  block.tokens = tokens;
  block.rank = 8;
  block.rope = 2;
  block.nope = block.v = 4;
  return block;
}

/// Gives the branches that `which` names another scale; returns how far that
/// moves the output from `expected`.
static double spoil(mlir::ModuleOp module,
                    llvm::ArrayRef<interp::Value> arguments,
                    const interp::Tensor &expected,
                    llvm::function_ref<bool(AttendOp)> which) {
  module.walk([&](AttendOp op) {
    if (which(op))
      op.setScaleAttr(mlir::Builder(op.getContext()).getF32FloatAttr(-1.5));
  });
  interp::Tensor spoilt = output(module, arguments);
  double worst = 0;
  for (auto [a, b] : llvm::zip(spoilt.data, expected.data))
    worst = std::max(worst, std::abs(a - b));
  return worst;
}

/// Both branches compute the block, and the one that the comparison says is
/// taken: one branch gets another scale, and the result shows it or not.
TEST(SelectForm, TakesTheCheaperBranch) {
  uint64_t seed = testSeed();
  int taken[2] = {0, 0};
  // A ridge of 0 and one at which bytes decide for many of the extents.
  for (auto [readGBps, tflops] : {std::pair(0.0, 0.0), std::pair(1000.0, 2.0)})
    for (int64_t queries = 1; queries <= 8; ++queries)
      for (int64_t tokens : {int64_t(8), int64_t(24)}) {
        Block block = smallBlock(queries, tokens);
        block.heads = 3;
        block.dynamic = true;
        block.lse = queries % 2;
        SCOPED_TRACE(block.describe());
        auto original = compile(block.ir());
        auto both = compile(block.ir(), selectForm(readGBps, tflops));
        ASSERT_TRUE(original && both);
        ASSERT_EQ(count<mlir::scf::IfOp>(*both), 1);
        ASSERT_EQ(count<AttendOp>(*both), 2);

        interp::test::Random random(seed++);
        auto arguments = block.arguments(random);
        interp::Tensor expected = output(*original, arguments);
        interp::test::expectNear(output(*both, arguments), expected, 1e-9);

        cost::Machine machine = flopsOnly();
        if (readGBps > 0)
          machine = {"", 0, readGBps, tflops * 1e12, 0};
        LatentShape shape{3, 8, 2, 4, 4, 1, 1, /*elementBytes=*/4};
        bool absorbs = FormChoice(machine, shape, 1).absorbs(queries, tokens);
        double worst = spoil(*both, arguments, expected, [](AttendOp op) {
          return bool(op.getLatentAttr()); // The absorbed branch.
        });
        EXPECT_EQ(worst > 1e-6, absorbs);
        ++taken[absorbs];
      }
  EXPECT_GE(taken[false], 4);
  EXPECT_GE(taken[true], 4);
}

/// With a kernel that decompresses, and efficiencies by which each form is the
/// best somewhere, the branch taken is the one of the least time.
TEST(SelectForm, TakesTheCheapestOfThree) {
  uint64_t seed = testSeed();
  int taken[3] = {0, 0, 0};
  AttnSelectFormOptions options;
  options.fused = true;
  options.efficiency = {0.5, 0.05, 1.0, 0.3, 0.4, 0.6};
  for (int64_t queries = 1; queries <= 24; queries += queries < 8 ? 1 : 8)
    for (int64_t tokens : {int64_t(4), int64_t(8), int64_t(24)}) {
      Block block = smallBlock(queries, tokens);
      block.heads = 3;
      block.dynamic = true;
      if (queries > tokens)
        continue;
      SCOPED_TRACE(block.describe());
      llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes;
      passes.push_back(createAttnSelectForm(options));
      auto original = compile(block.ir());
      auto all = compile(block.ir(), std::move(passes));
      ASSERT_TRUE(original && all);
      ASSERT_EQ(count<mlir::scf::IfOp>(*all), 2);
      ASSERT_EQ(count<AttendOp>(*all), 3);
      interp::test::Random random(seed++);
      auto arguments = block.arguments(random);
      interp::Tensor expected = output(*original, arguments);
      interp::test::expectNear(output(*all, arguments), expected, 1e-9);

      cost::Machine machine = flopsOnly();
      machine.latent = {{0.5, 0.05}, {1, 0.3}, {0.4, 0.6}};
      LatentShape shape{3, 8, 2, 4, 4, queries, tokens, /*elementBytes=*/4};
      LatentForm best = LatentForm::Absorbed;
      for (LatentForm form :
           {LatentForm::FusedDecompress, LatentForm::Materialized})
        if (cost::latentRoofline(machine, form, shape, 1).seconds() <
            cost::latentRoofline(machine, best, shape, 1).seconds())
          best = form;
      double worst = spoil(*all, arguments, expected, [&](AttendOp op) {
        return best == (op.hasUpProjections() ? LatentForm::FusedDecompress
                        : op.getLatentAttr()  ? LatentForm::Absorbed
                                              : LatentForm::Materialized);
      });
      EXPECT_GT(worst, 1e-6);
      ++taken[int(best)];
    }
  for (int form = 0; form < 3; ++form)
    EXPECT_GE(taken[form], 1) << "of form " << form;
}

/// A block in the absorbed form is chosen for just the same.
TEST(SelectForm, ReadsBothForms) {
  for (int64_t queries : {2, 7}) {
    Block block = smallBlock(queries, /*tokens=*/24);
    auto passes = selectForm(0, 0);
    passes.insert(passes.begin(), createAttnAbsorb());
    auto direct = compile(block.ir(), selectForm(0, 0));
    auto detour = compile(block.ir(), std::move(passes));
    ASSERT_TRUE(direct && detour);
    int decompressions = queries == 2 ? 0 : 2;
    EXPECT_EQ(count<DecompressOp>(*direct), decompressions);
    EXPECT_EQ(count<DecompressOp>(*detour), decompressions);
    interp::test::Random random(testSeed());
    auto arguments = block.arguments(random);
    interp::test::expectNear(output(*detour, arguments),
                             output(*direct, arguments), 1e-9);
  }
}
