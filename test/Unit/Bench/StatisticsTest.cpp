//===- StatisticsTest.cpp - Summaries, timing and teams -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Statistics.h"
#include "attn/Bench/Timing.h"

#include "gtest/gtest.h"

#include <set>

using namespace attn::bench;

TEST(Statistics, SummarizesInAnyOrder) {
  Summary s = summarize({5, 1, 4, 2, 3});
  EXPECT_DOUBLE_EQ(s.median, 3);
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.max, 5);
  EXPECT_DOUBLE_EQ(s.p10, 1.4);
  EXPECT_DOUBLE_EQ(s.p90, 4.6);
  EXPECT_EQ(s.repetitions, 5u);
}

TEST(Statistics, TakesTheMiddleOfTwo) {
  EXPECT_DOUBLE_EQ(summarize({1, 2, 10, 20}).median, 6);
  EXPECT_DOUBLE_EQ(summarize({7}).p90, 7);
}

TEST(Statistics, AnEmptySampleIsZero) {
  EXPECT_EQ(summarize({}).repetitions, 0u);
  EXPECT_EQ(rateOf(summarize({}), 1).median, 0);
}

TEST(Statistics, RatesTurnTimesAround) {
  Summary rate = rateOf(summarize({1, 2, 4}), 8);
  EXPECT_DOUBLE_EQ(rate.median, 4);
  EXPECT_DOUBLE_EQ(rate.min, 2);
  EXPECT_DOUBLE_EQ(rate.max, 8);
  EXPECT_LE(rate.p10, rate.p90);
}

TEST(Timing, KeepsItsRepetitions) {
  TimingOptions options;
  options.minRepetitions = 7;
  options.warmUps = 3;
  options.budgetSeconds = 0;
  std::vector<size_t> rotations;
  Summary s = measure([&](size_t r) { rotations.push_back(r); }, options);
  EXPECT_EQ(s.repetitions, 7u);
  ASSERT_EQ(rotations.size(), 10u);
  for (size_t i = 0; i < rotations.size(); ++i)
    EXPECT_EQ(rotations[i], i);
}

TEST(Timing, StopsAtTheMost) {
  TimingOptions options;
  options.maxRepetitions = 20;
  options.budgetSeconds = 60;
  EXPECT_EQ(measure([](size_t) {}, options).repetitions, 20u);
}

TEST(Timing, TakesTurns) {
  TimingOptions options;
  options.maxRepetitions = 7;
  options.warmUps = 0;
  std::string order;
  auto times = measureInTurn(
      {[&](size_t) { order += 'a'; }, [&](size_t) { order += 'b'; }}, options);
  EXPECT_EQ(times.size(), 2u);
  EXPECT_EQ(order.substr(0, 4), "abab");
}

TEST(Timing, CountsWaitingUpwards) {
  double before = secondsWithoutCore();
  EXPECT_GE(before, 0);
  EXPECT_GE(measure([](size_t) {}).waited, 0);
  EXPECT_GE(secondsWithoutCore(), before);
}

TEST(Timing, ATeamRunsEveryThreadOnce) {
  for (unsigned threads : {1u, 2u, 5u}) {
    ThreadTeam team(threads);
    for (int round = 0; round < 100; ++round) {
      std::vector<int> ran(threads, 0);
      team.run([&](unsigned thread) { ++ran[thread]; });
      EXPECT_EQ(ran, std::vector<int>(threads, 1));
    }
  }
}
