//===- PagesTest.cpp - Where the tokens lie -------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

using namespace attn::test;

namespace {
class Pages : public testing::TestWithParam<const char *> {};
} // namespace

TEST_P(Pages, MatchesTheOracle) { checkCase(Case(GetParam())); }

static std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  return Case(info.param).name();
}

// Row layout takes any page size at run time, a contiguous cache included; a
// tile then lies in one page, in several, or at an odd offset.
INSTANTIATE_TEST_SUITE_P(
    Row, Pages,
    testing::Values(
        "gqa:8/2/64 bf16 row pages=1,7,16,17,64,100,128,256",
        "gqa:6/2/80 f16 row pages=1,7,16,17,64,100,128,256",
        "gqa:4/2/64 f32 row pages=1,17,64,100,256",
        "mla:16/256+64 bf16 row pages=1,7,64,100,256 lens=0,1,65,300",
        "gqa:8/2/64 bf16 row pages=0", "gqa:6/2/80 f16 row pages=0 q=2",
        "gqa:4/2/64 f32 row pages=0 window=100",
        "mla:16/256+64 bf16 row pages=0 lens=0,1,65,300"),
    nameOf);

// Our own layout takes multiples of 32; 96 is no multiple of a tile of 64.
INSTANTIATE_TEST_SUITE_P(
    Own, Pages,
    testing::Values("gqa:8/2/64 bf16 own pages=32",
                    "gqa:8/2/64 bf16 own pages=64 window=100",
                    "gqa:8/2/128 bf16 own pages=96 q=2",
                    "gqa:8/2/80 bf16 own pages=128 sinks",
                    "gqa:8/2/64 bf16 own pages=256",
                    "gqa:8/2/64 f16 own pages=32",
                    "gqa:8/2/96 f16 own pages=96",
                    "gqa:8/2/128 f32 own pages=128 q=2",
                    "gqa:8/2/64 f32 own pages=32 window=5",
                    "mla:16/256+64 bf16 own pages=32 lens=0,1,33,300",
                    "mla:16/256+64 bf16 own pages=256 lens=0,1,255,257,300",
                    "mla:8/256+64 f32 own pages=96 lens=0,1,97,300"),
    nameOf);

// The caller need not ask for the log-sum-exp.
INSTANTIATE_TEST_SUITE_P(WithoutLogSumExp, Pages,
                         testing::Values("gqa:8/2/64 bf16 row nolse",
                                         "gqa:8/2/64 f32 own nolse q=2"),
                         nameOf);
