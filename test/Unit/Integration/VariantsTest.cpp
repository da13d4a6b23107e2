//===- VariantsTest.cpp - Head groupings, widths and types ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

using namespace attn::test;

namespace {
class Variants : public testing::TestWithParam<const char *> {};
} // namespace

TEST_P(Variants, MatchesTheOracle) { checkCase(Case(GetParam())); }

static std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  return Case(info.param).name();
}

// Query heads per KV head: each of 1 to 9, 12, 16 and 48, no power of two
// among them spared. bf16 differs in its engine from level to level, so every
// group has it in both layouts.
INSTANTIATE_TEST_SUITE_P(
    Groups, Variants,
    testing::Values(
        "mha:3/64 bf16 row", "mha:5/128 bf16 own", "mha:2/80 f32 row q=2",
        "gqa:4/2/128 bf16 row", "gqa:6/3/96 bf16 own pages=32",
        "gqa:4/2/64 f16 own", "gqa:6/2/64 bf16 row q=2", "gqa:9/3/128 bf16 own",
        "gqa:6/2/256 f32 own", "gqa:8/2/128 bf16 row pages=64,7",
        "gqa:32/8/128 bf16 own lens=0,1,65,130", "gqa:8/2/128 f16 row q=4",
        "gqa:10/2/80 bf16 row", "gqa:5/1/64 bf16 own q=3",
        "gqa:10/2/192 f16 row", "gqa:12/2/256 bf16 row",
        "gqa:6/1/128 bf16 own q=8", "gqa:12/2/96 f32 row q=2",
        "gqa:14/2/64 bf16 row q=3", "gqa:7/1/192 bf16 own",
        "gqa:14/2/128 f16 own pages=128", "gqa:16/2/96 bf16 row q=2",
        "gqa:8/1/256 bf16 own pages=128", "gqa:8/1/128 f32 row q=5",
        "gqa:18/2/128 bf16 row", "gqa:9/1/80 bf16 own q=2",
        "gqa:9/1/64 f16 row q=6", "gqa:24/2/64 bf16 row",
        "gqa:12/1/128 bf16 own q=7 lens=0,7,65,130", "gqa:12/1/80 f32 own",
        "gqa:32/2/128 bf16 row", "gqa:16/1/64 bf16 own q=4",
        "gqa:16/1/128 f16 row q=3", "gqa:96/2/64 bf16 row lens=0,1,65,130",
        "gqa:48/1/128 bf16 own q=2 lens=0,2,65,130",
        "gqa:48/1/96 f32 row lens=0,1,65,130"),
    nameOf);

// MQA as StarCoder (32) and Falcon-7B (71) have it.
INSTANTIATE_TEST_SUITE_P(
    OneKVHead, Variants,
    testing::Values("mqa:32/128 bf16 row lens=0,1,63,200",
                    "mqa:71/64 bf16 own lens=0,1,65,130",
                    "mqa:71/64 bf16 row q=2 lens=0,2,65,130",
                    "mqa:71/64 f16 row lens=0,1,65,130"),
    nameOf);

// MLA in its absorbed form: V is a prefix of K's row. DeepSeek (576/512, whole
// and split over ranks: 128 to 8 heads; 20 is GLM-4.7-Flash's), MiniCPM3
// (288/256), and 320/256.
INSTANTIATE_TEST_SUITE_P(
    Latent, Variants,
    testing::Values("mla:128/512+64 bf16 row lens=0,1,70",
                    "mla:64/512+64 bf16 own lens=0,1,65,130",
                    "mla:32/512+64 bf16 row pages=16,64 lens=0,63,130",
                    "mla:20/512+64 bf16 row lens=0,1,65,300",
                    "mla:16/512+64 bf16 row pages=1 lens=0,1,65,300",
                    "mla:12/512+64 bf16 own pages=32 lens=0,33,300",
                    "mla:8/512+64 bf16 row q=2 lens=0,2,65,300",
                    "mla:16/512+64 f16 row lens=0,1,65,130",
                    "mla:8/512+64 f32 own q=3 lens=0,3,65,130",
                    "mla:40/256+32 bf16 row lens=0,1,65,300",
                    "mla:40/256+32 f16 own lens=0,1,65,130",
                    "mla:16/256+64 bf16 row lens=0,1,65,300",
                    "mla:16/256+64 f32 row q=2 lens=0,2,65,130"),
    nameOf);

// Grouped latents: a KV head for each latent row of a token. Few rows a head
// are FMA's on every level, where memory is strided.
INSTANTIATE_TEST_SUITE_P(
    GroupedLatents, Variants,
    testing::Values("gla:128/2/256+64 bf16 row lens=0,1,70",
                    "gla:16/2/256+64 bf16 row pages=1,16 q=3 lens=0,3,65,300",
                    "gla:8/4/128+32 bf16 row lens=0,1,63,300",
                    "gla:12/3/128+32 bf16 own pages=32 lens=0,33,300",
                    "gla:20/2/128+64 f16 row pages=7 lens=0,1,65,130",
                    "gla:6/2/64+32 f32 own q=3 lens=0,3,65,130"),
    nameOf);

// Widths of K and V that differ (192/128: MLA decompressed), and widths that
// leave every engine a tail: 80 is no multiple of 32, 48 none of 64.
INSTANTIATE_TEST_SUITE_P(
    Widths, Variants,
    testing::Values("gqa:8/4/192+128 bf16 row", "mha:4/192+128 bf16 own",
                    "mha:4/192+128 f16 row q=2", "gqa:4/2/64+128 f32 row",
                    "gqa:4/2/80+48 bf16 own pages=32",
                    "gqa:4/2/48+80 bf16 row q=2", "gqa:4/2/32+16 bf16 row",
                    "gqa:4/2/16+32 f32 own", "gqa:4/2/112 f16 row",
                    "gqa:4/2/256+64 bf16 own"),
    nameOf);
