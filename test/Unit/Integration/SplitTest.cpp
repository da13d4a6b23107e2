//===- SplitTest.cpp - Splitting the work changes nothing -----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;

namespace {
class Split : public testing::TestWithParam<CPULevel> {};

/// Asks for sums whose order depends on a request's length alone, of pieces
/// small enough that the problems here have several.
void invariant(attn_decode_params &p) {
  p.flags |= ATTN_FLAG_BATCH_INVARIANT;
  p.split_size = 128;
}

const char *const kLines[] = {
    "gqa:8/2/64 bf16 row lens=700,0,65,1,333",
    "gqa:6/2/80 bf16 own q=2 sinks lens=129,700,2",
    "gqa:6/2/64 bf16 row pages=7 window=300 lens=700,128,127",
    "mla:20/256+64 bf16 row lens=400,129",
    "gqa:4/2/64 f16 row softcap=30 lens=700,1,130",
    "gqa:6/2/64 f32 own q=3 lens=700,3,256",
};
} // namespace

// Long requests of few heads, which a plan for several threads cuts by tokens
// and merges. That it does is seen from the bits: the order of the sums
// differs.
TEST_P(Split, OverThreadsMatchesTheOracle) {
  for (const char *line : {
           "mqa:8/64 bf16 row lens=1500",
           "mqa:6/64 bf16 own q=2 sinks lens=1500,0,40",
           "mqa:5/80 bf16 row pages=17 lens=40,1700",
           "mla:16/256+64 bf16 row lens=4200",
           "gla:16/2/128+64 bf16 row lens=4200",
           "mqa:8/64 bf16 row window=900 sinks lens=1500",
           "mqa:4/64 f16 row score=alibi lens=1500",
           "mqa:3/64 f32 own softcap=5 lens=1500,200",
       }) {
    Case c(line);
    SCOPED_TRACE(c.line);
    Attention attention(c);
    attn_library *library = attention.compile(GetParam());
    ASSERT_NE(library, nullptr);
    std::unique_ptr<Call> call = attention.makeCall(c.lens, c.pages[0]);
    Bytes whole;
    bool split = false;
    for (int32_t threads : {1, 2, 3, 4}) {
      SCOPED_TRACE(std::to_string(threads) + " threads");
      ASSERT_EQ(call->run(library, threads), "");
      EXPECT_EQ(call->check(), "");
      if (threads == 1)
        whole = call->results();
      split |= call->results() != whole;
    }
    EXPECT_TRUE(split) << "too small to be split";
  }
}

TEST_P(Split, BatchInvariantIgnoresThreads) {
  for (const char *line : kLines) {
    Case c(line);
    SCOPED_TRACE(c.line);
    Attention attention(c);
    attn_library *library = attention.compile(GetParam());
    ASSERT_NE(library, nullptr);
    std::unique_ptr<Call> call = attention.makeCall(c.lens, c.pages[0]);
    ASSERT_EQ(call->run(library, 1, invariant), "");
    EXPECT_EQ(call->check(), "");
    Bytes expected = call->results();
    for (int32_t threads : {2, 3, 4}) {
      ASSERT_EQ(call->run(library, threads, invariant), "");
      EXPECT_TRUE(call->results() == expected) << threads << " threads";
    }
  }
}

// Each request alone, at another number of threads, has the bits that it has
// in the batch.
TEST_P(Split, BatchInvariantIgnoresTheBatch) {
  for (const char *line : kLines) {
    Case c(line);
    SCOPED_TRACE(c.line);
    Attention attention(c);
    attn_library *library = attention.compile(GetParam());
    ASSERT_NE(library, nullptr);
    std::unique_ptr<Call> call = attention.makeCall(c.lens, c.pages[0]);
    ASSERT_EQ(call->run(library, 2, invariant), "");
    std::vector<Bytes> expected;
    for (size_t i = 0; i < c.lens.size(); ++i)
      expected.push_back(call->resultsOf(i));
    for (size_t i = 0; i < c.lens.size(); ++i) {
      auto alone = [i](attn_decode_params &p) {
        invariant(p);
        keepRequest(p, i);
      };
      ASSERT_EQ(call->run(library, 3, alone), "");
      EXPECT_TRUE(call->resultsOf(i) == expected[i]) << "request " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Split, testing::ValuesIn(kLevels),
                         [](const testing::TestParamInfo<CPULevel> &info) {
                           return std::string(levelName(info.param));
                         });
