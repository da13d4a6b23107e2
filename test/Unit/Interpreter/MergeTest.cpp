//===- MergeTest.cpp - a merged split equals the whole ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "attn/Interpreter/Attend.h"
#include "attn/Interpreter/Ops.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <limits>

using namespace attn::interp;
using namespace attn::interp::test;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

class MergeRandom : public testing::TestWithParam<int> {};

/// Attention over random ranges of the tokens (some of them empty), merged, is
/// attention over all of them; under a causal window, too, since the positions
/// stay those of the whole.
TEST_P(MergeRandom, SplitEqualsWhole) {
  Random random(GetParam());
  Problem problem;
  problem.queries = randomInt(1, 3, random);
  problem.tokens = randomInt(0, 20, random);
  problem.window = randomInt(0, 8, random);
  problem.draw(random);
  auto [output, lse] = problem.solve();

  int64_t states = randomInt(1, 5, random);
  std::vector<int64_t> cuts = {0, problem.tokens};
  for (int64_t n = 1; n < states; ++n)
    cuts.push_back(randomInt(0, problem.tokens, random));
  std::sort(cuts.begin(), cuts.end());

  AttendParams params;
  params.batch = problem.batch;
  params.queries = problem.queries;
  params.qHeads = problem.qHeads;
  params.kvHeads = problem.kvHeads;
  params.kDim = problem.kDim;
  params.vDim = problem.vDim;
  params.lens = problem.lens;
  params.scale = problem.scale;
  params.causal = true;
  params.window = problem.window;
  auto read = [](const Tensor &tensor) {
    return [&tensor](int64_t a, int64_t b, int64_t c, int64_t d) {
      return tensor.at(a, b, c, d);
    };
  };
  Tensor outs = Tensor::zeros(
      {states, problem.batch, problem.queries, problem.qHeads, problem.vDim});
  Tensor lses =
      Tensor::zeros({states, problem.batch, problem.queries, problem.qHeads});
  for (int64_t n = 0; n < states; ++n) {
    params.score = [&](double x, int64_t, int64_t, int64_t, int64_t j) {
      return cuts[n] <= j && j < cuts[n + 1] ? x : -kInfinity;
    };
    AttendResult part = attendReference(params, read(problem.query),
                                        read(problem.key), read(problem.value));
    std::copy(part.output.data.begin(), part.output.data.end(),
              outs.data.begin() + n * part.output.data.size());
    std::copy(part.lse.data.begin(), part.lse.data.end(),
              lses.data.begin() + n * part.lse.data.size());
  }

  std::string outsType = tensorType(outs.shape);
  std::string lsesType = tensorType(lses.shape);
  std::string types =
      "(" + tensorType(output.shape) + ", " + tensorType(lse.shape) + ")";
  llvm::SmallVector<Value> results =
      run("func.func @f(%o: " + outsType + ", %l: " + lsesType + ") -> " +
              types + " {\n%r:2 = attn.merge %o, %l : (" + outsType + ", " +
              lsesType + ") -> " + types + "\nreturn %r#0, %r#1 : " +
              types.substr(1, types.size() - 2) + "\n}",
          {outs, lses});
  problem.expectSolvedBy(results);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MergeRandom, testing::Range(0, 30));

TEST(Merge, StatesOfMinusInfinityDoNotCount) {
  Tensor outs{{3, 1, 1, 1, 1}, {kNaN, 5, kNaN}};
  Tensor lses{{3, 1, 1, 1}, {-kInfinity, 2, -kInfinity}};
  MergeResult result = merge(outs, lses);
  EXPECT_EQ(result.output.data[0], 5);
  EXPECT_EQ(result.lse.data[0], 2);
}

TEST(Merge, OfNothingIsEmpty) {
  MergeResult empty = merge(Tensor{{2, 1, 1, 1, 1}, {kNaN, kNaN}},
                            Tensor{{2, 1, 1, 1}, {-kInfinity, -kInfinity}});
  EXPECT_EQ(empty.output.data[0], 0);
  EXPECT_EQ(empty.lse.data[0], -kInfinity);
  MergeResult none =
      merge(Tensor::zeros({0, 1, 1, 1, 1}), Tensor::zeros({0, 1, 1, 1}));
  EXPECT_EQ(none.output.data[0], 0);
  EXPECT_EQ(none.lse.data[0], -kInfinity);
}

TEST(Merge, StableForLargeLogSumExps) {
  MergeResult result = merge(Tensor{{2, 1, 1, 1, 1}, {1, 3}},
                             Tensor{{2, 1, 1, 1}, {5000, 5000}});
  EXPECT_NEAR(result.output.data[0], 2, 1e-12);
  EXPECT_NEAR(result.lse.data[0], 5000 + std::log(2.0), 1e-9);
}
