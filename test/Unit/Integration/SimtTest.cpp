//===- SimtTest.cpp - GPU kernels in the SIMT emulator --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernels that ship for NVIDIA GPUs, run on this CPU with the emulator
// watching: held to the oracle and tolerances of the CPU target, with nothing
// found.
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

#include <iostream>
#include <random>

using namespace attn::test;

namespace {
class Simt : public testing::TestWithParam<const char *> {};
} // namespace

TEST_P(Simt, MatchesTheOracleAndNothingIsFound) {
  checkCaseSimt(Case(GetParam()));
}

static std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  return Case(info.param).name();
}

// Query heads per KV head, no power of two among them spared: rows of group and
// query tokens are packed, so an odd group wastes nothing.
INSTANTIATE_TEST_SUITE_P(
    Groups, Simt,
    testing::Values("mha:3/64 bf16 lens=0,1,63,130",
                    "gqa:4/2/128 bf16 pages=64,7 lens=0,1,64,200",
                    "gqa:6/2/64 f16 q=2 lens=0,2,65,130",
                    "gqa:10/2/128 bf16 lens=0,1,33,130",
                    "gqa:12/2/64 bf16 lens=0,1,65,130",
                    "gqa:7/1/128 f16 lens=0,1,65,200",
                    "gqa:16/2/128 f16 q=4 lens=0,4,65,130",
                    "gqa:9/1/64 bf16 q=6 lens=0,6,65,130",
                    "gqa:48/1/128 bf16 q=2 lens=0,2,65",
                    "mqa:71/64 bf16 lens=0,1,130",
                    "gqa:8/1/128 bf16 q=8 lens=0,8,70"),
    nameOf);

// Widths of heads, also such as leave warps or swizzles something odd, and K
// wider than V.
INSTANTIATE_TEST_SUITE_P(Widths, Simt,
                         testing::Values("gqa:4/2/80 bf16 lens=0,1,79,80,170",
                                         "gqa:4/2/96 f16 lens=0,1,48,130",
                                         "gqa:2/1/192 bf16 lens=0,1,65,100",
                                         "gqa:4/2/256 f16 lens=0,1,65,100",
                                         "gqa:4/2/192+128 bf16 lens=0,1,65,100",
                                         "gqa:4/2/48 bf16 lens=0,1,65,130",
                                         "gqa:4/2/112 bf16 lens=0,1,65,130"),
                         nameOf);

// MLA in its absorbed form: V is a prefix of K's rows, which are read once.
INSTANTIATE_TEST_SUITE_P(
    Latent, Simt,
    testing::Values(
        "mla:128/512+64 bf16 lens=0,1,70",
        "mla:20/512+64 bf16 pages=16 lens=0,1,70",
        "mla:16/512+64 f16 pages=1 lens=0,1,65",
        "mla:8/512+64 bf16 q=2 lens=0,2,65", "mla:40/256+32 bf16 lens=0,1,65",
        "mla:16/256+64 f16 lens=0,1,130", "mla:64/128+32 bf16 lens=0,1,70",
        "mla:32/128+32 bf16 lens=0,1,70", "mla:12/128+32 bf16 lens=0,1,70"),
    nameOf);

// Grouped latents: a KV head for each latent row of a token.
INSTANTIATE_TEST_SUITE_P(
    GroupedLatents, Simt,
    testing::Values("gla:128/2/256+64 bf16 lens=0,1,70",
                    "gla:12/4/128+32 f16 q=2 pages=16 lens=0,2,65",
                    "gla:20/2/64+16 bf16 pages=1 lens=0,1,65"),
    nameOf);

INSTANTIATE_TEST_SUITE_P(
    Modifiers, Simt,
    testing::Values("gqa:4/2/64 bf16 window=50 lens=0,1,49,50,51,200",
                    "gqa:4/2/64 bf16 window=50 q=4 pages=16 lens=0,4,60,200",
                    "gqa:4/2/64 bf16 sinks lens=0,1,65,200",
                    "gqa:4/2/64 bf16 sinks window=33 q=2 lens=0,2,65,200",
                    "gqa:4/2/64 bf16 softcap=30 lens=0,1,65,130",
                    "gqa:4/2/64 bf16 full q=3 lens=0,1,65,130",
                    "gqa:4/2/64 bf16 nolse lens=0,1,65,130",
                    "gqa:4/2/64 f16 score=alibi q=2 lens=0,2,65,130",
                    "mla:16/512+64 bf16 sinks softcap=20 lens=0,1,65"),
    nameOf);

INSTANTIATE_TEST_SUITE_P(
    Pages, Simt,
    testing::Values("gqa:4/2/64 bf16 pages=1,3,16,48,100,256 lens=0,1,47,200",
                    "gqa:4/2/64 bf16 pages=0 lens=0,1,47,48,200"),
    nameOf);

// The bits of a request are its own: with the rest of the batch gone, they
// stay.
TEST(SimtSplit, BatchInvariantIgnoresTheBatch) {
  Case c("gqa:6/2/64 bf16 lens=130,0,65,300,1");
  Attention attention(c);
  std::unique_ptr<Call> call = attention.makeCall(c.lens, c.pages[0]);
  SimtRun run;
  run.batchInvariant = true;
  ASSERT_EQ(attention.runSimt(*call, run), "");
  std::vector<Bytes> expected;
  for (size_t i = 0; i < c.lens.size(); ++i)
    expected.push_back(call->resultsOf(i));
  for (size_t i = 0; i < c.lens.size(); ++i) {
    auto alone = [i](attn_decode_params &p) { keepRequest(p, i); };
    ASSERT_EQ(attention.runSimt(*call, run, alone), "");
    EXPECT_TRUE(call->resultsOf(i) == expected[i]) << "request " << i;
  }
}

// What nobody thought of. ATTN_TEST_SEED repeats a run.
TEST(SimtRandom, ShapesMatchTheOracle) {
  const char *given = std::getenv("ATTN_TEST_SEED");
  uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  std::cout << "ATTN_TEST_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  const int widths[] = {64, 80, 96, 128};
  for (int i = 0; i < 6; ++i) {
    int group = 1 + random() % 12, heads = 1 + random() % 3;
    int q = 1 + random() % 4;
    std::string line =
        "gqa:" + std::to_string(group * heads) + "/" + std::to_string(heads) +
        "/" + std::to_string(widths[random() % 4]) +
        (random() % 2 ? " bf16" : " f16") + " q=" + std::to_string(q) +
        " pages=" + std::to_string(1 + random() % 70);
    if (random() % 3 == 0)
      line += " window=" + std::to_string(1 + random() % 100);
    if (random() % 3 == 0)
      line += " sinks";
    line += " lens=0";
    for (int r = 0; r < 3; ++r)
      line += "," + std::to_string(q + random() % 200);
    checkCaseSimt(Case(line), seed + i);
  }
}
