//===- AttendTest.cpp - attn.attend against the textbook --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Interpreter/Attend.h"
#include "Problem.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace attn::interp;
using namespace attn::interp::test;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Every combination of what the op can do, for the head groupings of MHA,
/// GQA (with a group of 3) and MQA.
TEST(Attend, Grid) {
  Random random(1);
  for (auto [qHeads, kvHeads] : {std::pair(3, 3), {6, 2}, {5, 1}})
    for (int64_t queries : {1, 3})
      for (int64_t window : {-1, 0, 1, 4}) // -1: not causal.
        for (double softcap : {0.0, 1.5})
          for (int variant = 0; variant < 8; ++variant) {
            Problem problem;
            problem.qHeads = qHeads;
            problem.kvHeads = kvHeads;
            problem.queries = queries;
            problem.causal = window >= 0;
            problem.window = std::max<int64_t>(window, 0);
            problem.softcap = softcap;
            problem.alibi = variant & 1;
            problem.prefix = variant & 2;
            problem.draw(random, /*withSinks=*/variant & 4);
            problem.expectSolvedBy(
                run(problem.tensorIR(), problem.tensorArgs()));
            if (testing::Test::HasFailure())
              FAIL() << problem.tensorIR();
          }
}

class AttendRandom : public testing::TestWithParam<int> {};

TEST_P(AttendRandom, Tensors) {
  Random random(GetParam());
  Problem problem;
  problem.batch = randomInt(1, 3, random);
  problem.queries = randomInt(1, 4, random);
  problem.tokens = randomInt(1, 40, random);
  problem.kvHeads = randomInt(1, 4, random);
  problem.qHeads = problem.kvHeads * randomInt(1, 5, random);
  problem.kDim = randomInt(1, 24, random);
  problem.prefix = randomInt(0, 1, random);
  problem.vDim = randomInt(1, problem.prefix ? problem.kDim : 24, random);
  problem.causal = randomInt(0, 3, random);
  problem.window = problem.causal ? randomInt(0, 12, random) : 0;
  problem.softcap = randomInt(0, 2, random);
  problem.alibi = randomInt(0, 1, random);
  problem.draw(random, randomInt(0, 1, random));
  problem.expectSolvedBy(run(problem.tensorIR(), problem.tensorArgs()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, AttendRandom, testing::Range(0, 40));

/// With q = 0 all visible tokens weigh the same, and with V the identity the
/// output spells out which ones those are.
TEST(Attend, WindowIsThatOfHuggingFace) {
  constexpr int64_t tokens = 10, window = 3;
  AttendParams params;
  params.batch = params.qHeads = params.kvHeads = params.kDim = 1;
  params.queries = params.vDim = tokens;
  params.lens = {tokens};
  params.causal = true;
  params.window = window;
  auto zero = [](int64_t, int64_t, int64_t, int64_t) { return 0.0; };
  auto identity = [](int64_t, int64_t j, int64_t, int64_t d) {
    return j == d ? 1.0 : 0.0;
  };
  AttendResult result = attendReference(params, zero, zero, identity);
  for (int64_t i = 0; i < tokens; ++i) {
    // transformers: sliding_window_overlay is kv_idx > q_idx - sliding_window.
    std::vector<int64_t> seen;
    for (int64_t j = 0; j <= i; ++j)
      if (j > i - window)
        seen.push_back(j);
    EXPECT_EQ(static_cast<int64_t>(seen.size()), std::min(i + 1, window));
    for (int64_t j = 0; j < tokens; ++j)
      EXPECT_DOUBLE_EQ(result.output.at(0, i, 0, j),
                       llvm::is_contained(seen, j) ? 1.0 / seen.size() : 0.0);
  }
}

/// The last query token sees the last cached token; with fewer tokens than
/// query tokens the first rows have nothing to see.
TEST(Attend, CausalIsBottomRightAligned) {
  AttendParams params;
  params.batch = 2;
  params.queries = 3;
  params.qHeads = params.kvHeads = params.kDim = 1;
  params.vDim = 5;
  params.lens = {5, 2};
  params.causal = true;
  auto zero = [](int64_t, int64_t, int64_t, int64_t) { return 0.0; };
  auto identity = [](int64_t, int64_t j, int64_t, int64_t d) {
    return j == d ? 1.0 : 0.0;
  };
  AttendResult result = attendReference(params, zero, zero, identity);
  const int64_t expected[2][3] = {{3, 4, 5}, {0, 1, 2}};
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t i = 0; i < 3; ++i) {
      int64_t count = expected[b][i];
      for (int64_t j = 0; j < 5; ++j)
        EXPECT_DOUBLE_EQ(result.output.at(b, i, 0, j),
                         j < count ? 1.0 / count : 0.0);
      EXPECT_EQ(result.lse.at(b, i, 0),
                count ? std::log(double(count)) : -kInfinity);
    }
}

TEST(Attend, EmptySequenceGivesZero) {
  for (bool withSinks : {false, true}) {
    Random random(7);
    Problem problem;
    problem.draw(random, withSinks);
    problem.lens = {0, 0};
    llvm::SmallVector<Value> results =
        run(problem.tensorIR(), problem.tensorArgs());
    for (double element : std::get<Tensor>(results[0]).data)
      EXPECT_EQ(element, 0);
    for (double element : std::get<Tensor>(results[1]).data)
      EXPECT_EQ(element, -kInfinity);
  }
}

/// A score region may hide every token of a row: that row is empty too.
TEST(Attend, ScoresOfMinusInfinityAreMasked) {
  AttendParams params;
  params.batch = params.queries = params.qHeads = params.kvHeads = 1;
  params.kDim = params.vDim = 1;
  params.lens = {4};
  params.score = [](double, int64_t, int64_t, int64_t, int64_t) {
    return -kInfinity;
  };
  auto one = [](int64_t, int64_t, int64_t, int64_t) { return 1.0; };
  AttendResult result = attendReference(params, one, one, one);
  EXPECT_EQ(result.output.at(0, 0, 0, 0), 0);
  EXPECT_EQ(result.lse.at(0, 0, 0), -kInfinity);
}

/// Whatever a masked token holds, NaN too, does not matter.
TEST(Attend, MaskedTokensAreNotRead) {
  AttendParams params;
  params.batch = params.queries = params.qHeads = params.kvHeads = 1;
  params.kDim = params.vDim = 1;
  params.lens = {5};
  params.causal = true;
  params.window = 2;
  auto one = [](int64_t, int64_t, int64_t, int64_t) { return 1.0; };
  auto token = [](int64_t, int64_t j, int64_t, int64_t) {
    return j < 3 ? kNaN : j;
  };
  AttendResult result = attendReference(params, one, token, token);
  double w3 = std::exp(3.0), w4 = std::exp(4.0);
  EXPECT_DOUBLE_EQ(result.output.at(0, 0, 0, 0), (3 * w3 + 4 * w4) / (w3 + w4));
  EXPECT_DOUBLE_EQ(result.lse.at(0, 0, 0), std::log(w3 + w4));
}

/// A NaN that is seen is not swept under the rug.
TEST(Attend, PropagatesNaN) {
  AttendParams params;
  params.batch = params.queries = params.qHeads = params.kvHeads = 1;
  params.kDim = params.vDim = 1;
  params.lens = {1};
  auto one = [](int64_t, int64_t, int64_t, int64_t) { return 1.0; };
  auto nan = [](int64_t, int64_t, int64_t, int64_t) { return kNaN; };
  EXPECT_TRUE(
      std::isnan(attendReference(params, one, nan, one).output.at(0, 0, 0, 0)));
  EXPECT_TRUE(
      std::isnan(attendReference(params, one, one, nan).output.at(0, 0, 0, 0)));
}

/// Scores far from zero neither overflow nor vanish; nor do sinks.
TEST(Attend, StableForLargeScores) {
  AttendParams params;
  params.batch = params.queries = params.qHeads = params.kvHeads = 1;
  params.kDim = params.vDim = 1;
  params.lens = {2};
  auto one = [](int64_t, int64_t, int64_t, int64_t) { return 1.0; };
  auto token = [](int64_t, int64_t j, int64_t, int64_t) { return double(j); };
  for (double offset : {-2000.0, 2000.0}) {
    params.scale = offset;
    params.sinks.clear();
    AttendResult plain = attendReference(params, one, one, token);
    EXPECT_DOUBLE_EQ(plain.output.at(0, 0, 0, 0), 0.5);
    EXPECT_DOUBLE_EQ(plain.lse.at(0, 0, 0), offset + std::log(2.0));
    params.sinks = {offset + std::log(2.0)};
    AttendResult halved = attendReference(params, one, one, token);
    EXPECT_NEAR(halved.output.at(0, 0, 0, 0), 0.25, 1e-12);
    EXPECT_EQ(halved.lse.at(0, 0, 0), plain.lse.at(0, 0, 0));
    params.sinks = {-kInfinity};
    EXPECT_DOUBLE_EQ(
        attendReference(params, one, one, token).output.at(0, 0, 0, 0), 0.5);
  }
  params.sinks = {1e6}; // Outweighs everything.
  EXPECT_EQ(attendReference(params, one, one, token).output.at(0, 0, 0, 0), 0);
}

/// A sink is an epilogue on the log-sum-exp: out / (1 + exp(sink - lse)).
TEST(Attend, SinkIsAnEpilogue) {
  Random random(11);
  Problem problem;
  problem.draw(random, /*withSinks=*/true);
  llvm::SmallVector<Value> with = run(problem.tensorIR(), problem.tensorArgs());
  std::vector<double> sinks = std::move(problem.sinks);
  problem.sinks.clear();
  llvm::SmallVector<Value> without =
      run(problem.tensorIR(), problem.tensorArgs());
  Tensor expected = std::get<Tensor>(without[0]);
  const Tensor &lse = std::get<Tensor>(without[1]);
  for (int64_t b = 0; b < problem.batch; ++b)
    for (int64_t h = 0; h < problem.qHeads; ++h)
      for (int64_t d = 0; d < problem.vDim; ++d)
        expected.at(b, 0, h, d) /= 1 + std::exp(sinks[h] - lse.at(b, 0, h));
  expectNear(std::get<Tensor>(with[0]), expected);
  expectNear(std::get<Tensor>(with[1]), lse, 0);
}

/// Without lens all tokens of the tensors count.
TEST(Attend, LensDefaultToAllTokens) {
  Random random(13);
  Tensor query = randomTensor({1, 1, 2, 4}, random);
  Tensor key = randomTensor({1, 6, 2, 4}, random);
  Tensor value = randomTensor({1, 6, 2, 4}, random);
  Tensor without = runTensor(R"mlir(
    func.func @f(%q: tensor<1x1x2x4xf32>, %k: tensor<1x6x2x4xf32>,
                 %v: tensor<1x6x2x4xf32>) -> tensor<1x1x2x4xf32> {
      %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 2, kv = 2>,
             scale = 0.5 : f32}
        : (tensor<1x1x2x4xf32>, tensor<1x6x2x4xf32>, tensor<1x6x2x4xf32>)
        -> tensor<1x1x2x4xf32>
      return %o : tensor<1x1x2x4xf32>
    })mlir",
                             {query, key, value});
  Tensor with = runTensor(R"mlir(
    func.func @f(%q: tensor<1x1x2x4xf32>, %k: tensor<1x6x2x4xf32>,
                 %v: tensor<1x6x2x4xf32>) -> tensor<1x1x2x4xf32> {
      %n = arith.constant dense<6> : tensor<1xi32>
      %o = attn.attend %q, %k, %v lens(%n) {heads = #attn.heads<q = 2, kv = 2>,
             scale = 0.5 : f32}
        : (tensor<1x1x2x4xf32>, tensor<1x6x2x4xf32>, tensor<1x6x2x4xf32>,
           tensor<1xi32>) -> tensor<1x1x2x4xf32>
      return %o : tensor<1x1x2x4xf32>
    })mlir",
                          {query, key, value});
  expectNear(with, without, 0);
}
