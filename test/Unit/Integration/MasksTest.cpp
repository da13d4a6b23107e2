//===- MasksTest.cpp - What hides or changes a logit ----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

using namespace attn::test;

namespace {
class Masks : public testing::TestWithParam<const char *> {};
} // namespace

TEST_P(Masks, MatchesTheOracle) { checkCase(Case(GetParam())); }

static std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  return Case(info.param).name();
}

// 1 to 8 query tokens, causal (bottom-right aligned) and not.
INSTANTIATE_TEST_SUITE_P(
    QueryTokens, Masks,
    testing::Values("gqa:8/2/64 bf16 row q=1 full", "gqa:6/2/64 bf16 own q=2",
                    "gqa:8/2/64 bf16 row q=2 full", "gqa:6/2/64 bf16 own q=3",
                    "gqa:8/2/64 bf16 row q=4 full", "gqa:6/2/64 bf16 own q=5",
                    "gqa:8/2/64 bf16 row q=5 full", "gqa:6/2/64 bf16 own q=6",
                    "gqa:8/2/64 bf16 row q=7 full", "gqa:6/2/64 bf16 own q=8",
                    "gqa:8/2/64 bf16 row q=8 full",
                    "gqa:8/2/64 f16 row q=3 full", "gqa:8/2/64 f32 row q=7",
                    "mla:16/256+64 bf16 row q=4 lens=0,4,65,130",
                    "mla:16/256+64 bf16 row q=4 full lens=0,1,3,130"),
    nameOf);

// Sliding windows in Hugging Face's meaning, the current token included: 1
// leaves a token itself alone.
INSTANTIATE_TEST_SUITE_P(
    Windows, Masks,
    testing::Values(
        "gqa:8/2/64 bf16 row window=1", "gqa:8/2/64 bf16 own window=5 q=2",
        "gqa:8/2/64 f16 row window=5", "gqa:8/2/64 f32 own window=64",
        "gqa:8/2/64 bf16 row window=64 q=4 pages=64,16",
        "gqa:8/2/64 bf16 own window=100",
        "gqa:8/2/64 f16 row window=100 q=8 pages=7",
        "gqa:8/2/64 f32 row window=1 q=3",
        "mla:16/256+64 bf16 row window=100 lens=0,1,99,100,101,300"),
    nameOf);

// Sinks enter the denominator alone; gpt-oss has them with a window of 128 on
// every other layer.
INSTANTIATE_TEST_SUITE_P(
    Sinks, Masks,
    testing::Values("gqa:16/2/64 bf16 row sinks",
                    "gqa:16/2/64 bf16 own sinks window=100 q=2",
                    "gqa:16/2/64 f16 row sinks window=5",
                    "gqa:9/3/64 f32 row sinks q=3",
                    "mha:3/64 bf16 row sinks full q=2",
                    "mla:16/256+64 bf16 row sinks lens=0,1,65,300"),
    nameOf);

// A soft-cap comes before the mask (Gemma 2: 50).
INSTANTIATE_TEST_SUITE_P(
    Softcap, Masks,
    testing::Values("gqa:8/4/256 bf16 row softcap=50",
                    "gqa:8/4/64 bf16 own softcap=1.5 window=100 q=2",
                    "gqa:6/2/64 f16 row softcap=5",
                    "gqa:6/2/64 f32 row softcap=0.5 sinks",
                    "mla:8/256+64 bf16 row softcap=2 lens=0,1,65,300"),
    nameOf);

// Score regions, alone and together with everything else.
INSTANTIATE_TEST_SUITE_P(
    ScoreRegions, Masks,
    testing::Values(
        "gqa:8/2/64 bf16 row score=alibi",
        "gqa:8/2/64 bf16 own score=alibi q=3",
        "mqa:71/64 bf16 row score=alibi lens=0,1,65,300",
        "gqa:6/2/64 f16 row score=alibi q=2", "gqa:6/2/64 f32 row score=alibi",
        "gqa:8/2/64 bf16 row score=alibi softcap=3 window=100 sinks q=2",
        "gqa:8/2/64 bf16 row score=documents q=2",
        "gqa:8/2/64 f32 own score=documents",
        "gqa:4/2/64 bf16 own score=nothing",
        "gqa:4/2/64 f16 row score=nothing sinks",
        "gqa:4/2/64 bf16 row score=functions",
        "gqa:4/2/64 f32 row score=functions q=2",
        "gqa:4/2/64 bf16 own score=batch",
        "mla:8/256+64 bf16 row score=batch lens=0,1,65,300"),
    nameOf);
