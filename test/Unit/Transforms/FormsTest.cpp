//===- FormsTest.cpp - The forms of latent attention agree ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each rewrite runs on blocks as models write them; the interpreter runs both
// sides in float64. The dims have the proportions of real models.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;
using namespace attn::test;

namespace {

struct Dims {
  const char *name;
  int64_t heads, rank, rope, nope, v, groups = 1;
  bool ropePerGroup = false;
};
const Dims kModels[] = {{"V2Lite", 2, 32, 4, 8, 8},
                        {"V3", 16, 32, 4, 8, 8},
                        {"MiniCPM3", 5, 16, 2, 4, 4},
                        {"GLM47Flash", 5, 16, 2, 6, 8},
                        {"KimiLinearNoRope", 4, 32, 0, 8, 8},
                        {"OneHead", 1, 8, 2, 4, 3},
                        {"GLA2", 4, 16, 2, 6, 5, 2},
                        {"GLA4NoRope", 12, 4, 0, 3, 2, 4},
                        {"GLA2TwoRopes", 6, 8, 2, 4, 3, 2, true}};

/// Heads on one device of 1 to 16, of models with 128, 64, 40 and 20.
const int64_t kDeviceHeads[] = {128, 64, 32, 16, 12, 20, 10, 8, 5};

const Style kStyles[] = {Style::Separate,  Style::Combined, Style::RopeFirst,
                         Style::RopeOnKey, Style::Reshaped, Style::SlicedQuery};

/// What a case switches on, one at a time and all together.
void setVariant(Block &block, int variant) {
  block.causal = variant != 1;
  if (variant == 2 || variant == 7)
    block.window = 3;
  block.sinks = variant == 3 || variant == 7;
  if (variant == 4 || variant == 7)
    block.softcap = 2.0;
  block.lens = variant == 5 || variant == 7;
  block.alibi = variant == 6 || variant == 7;
  block.lse = variant >= 5;
}
constexpr int kVariants = 8;

/// Runs `check` over the grid, each block with its own seed.
void forGrid(
    llvm::function_ref<void(const Block &, interp::test::Random &)> check) {
  uint64_t seed = testSeed();
  for (const Dims &dims : kModels)
    for (Style style : kStyles)
      for (int variant = 0; variant < kVariants; ++variant)
        for (bool dynamic : {false, true}) {
          Block block;
          block.heads = dims.heads;
          block.rank = dims.rank;
          block.rope = dims.rope;
          block.nope = dims.nope;
          block.v = dims.v;
          block.groups = dims.groups;
          block.ropePerGroup = dims.ropePerGroup;
          block.style = style;
          block.dynamic = dynamic;
          setVariant(block, variant);
          interp::test::Random random(seed++);
          block.queries = interp::test::randomInt(1, 4, random);
          block.tokens = interp::test::randomInt(block.queries, 9, random);
          SCOPED_TRACE(std::string(dims.name) + ": " + block.describe());
          check(block, random);
          if (testing::Test::HasFailure())
            return; // The first is enough.
        }
}

void expectEqual(llvm::ArrayRef<interp::Value> actual,
                 llvm::ArrayRef<interp::Value> expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (auto [have, want] : llvm::zip(actual, expected))
    interp::test::expectNear(std::get<interp::Tensor>(have),
                             std::get<interp::Tensor>(want), 1e-9);
}

llvm::SmallVector<std::unique_ptr<mlir::Pass>>
passes(std::unique_ptr<mlir::Pass> first,
       std::unique_ptr<mlir::Pass> second = {}) {
  llvm::SmallVector<std::unique_ptr<mlir::Pass>> result;
  result.push_back(std::move(first));
  if (second)
    result.push_back(std::move(second));
  return result;
}

} // namespace

TEST(Forms, AbsorbedEqualsDecompressed) {
  forGrid([](const Block &block, interp::test::Random &random) {
    auto original = compile(block.ir());
    auto absorbed = compile(block.ir(), passes(createAttnAbsorb()));
    ASSERT_TRUE(original && absorbed);
    EXPECT_GE(count<DecompressOp>(*original), 1);
    EXPECT_EQ(count<DecompressOp>(*absorbed), 0);
    EXPECT_EQ(count<ProjectOp>(*absorbed), 2);
    auto arguments = block.arguments(random);
    expectEqual(run(*absorbed, arguments), run(*original, arguments));
  });
}

TEST(Forms, MaterializedEqualsAbsorbed) {
  forGrid([](const Block &block, interp::test::Random &random) {
    auto original = compile(block.ir());
    auto back = compile(block.ir(),
                        passes(createAttnAbsorb(), createAttnMaterialize()));
    ASSERT_TRUE(original && back);
    EXPECT_EQ(count<DecompressOp>(*back), 2);
    EXPECT_EQ(count<ProjectOp>(*back), 0);
    auto arguments = block.arguments(random);
    expectEqual(run(*back, arguments), run(*original, arguments));
  });
}

// Numbers of heads that are no power of two, or one device's share.
TEST(Forms, HeadsOfADevice) {
  uint64_t seed = testSeed();
  for (int64_t heads : kDeviceHeads)
    for (int64_t groups : {1, 2, 4}) {
      if (heads % groups)
        continue;
      interp::test::Random random(seed++);
      Block block;
      block.batch = 1;
      block.tokens = 5;
      block.heads = heads;
      block.groups = groups;
      block.rank = 8;
      block.rope = 2;
      block.nope = block.v = 3;
      block.lse = true;
      SCOPED_TRACE(block.describe());
      auto original = compile(block.ir());
      auto absorbed = compile(block.ir(), passes(createAttnAbsorb()));
      auto back = compile(block.ir(),
                          passes(createAttnAbsorb(), createAttnMaterialize()));
      auto chosen = compile(block.ir(), passes(createAttnSelectForm()));
      auto fused = compile(block.ir(), passes(createAttnFuseDecompress()));
      auto chained = compile(
          block.ir(), passes(createAttnAbsorb(), createAttnFuseProjections()));
      ASSERT_TRUE(original && absorbed && back && chosen && fused && chained);
      absorbed->walk([&](AttendOp op) {
        EXPECT_EQ(op.getHeads().getQ(), heads);
        EXPECT_EQ(op.getHeads().getKv(), groups);
        EXPECT_EQ(op.getLatentAttr().getGroups(), groups);
      });
      auto arguments = block.arguments(random);
      auto expected = run(*original, arguments);
      expectEqual(run(*absorbed, arguments), expected);
      expectEqual(run(*back, arguments), expected);
      expectEqual(run(*chosen, arguments), expected);
      expectEqual(run(*fused, arguments), expected);
      expectEqual(run(*chained, arguments), expected);
    }
}

// Should the comparison above not see a difference, this fails: a scale of the
// absorbed width, the classical mistake.
TEST(Forms, AnotherScaleIsSeen) {
  Block block;
  interp::test::Random random(testSeed());
  auto arguments = block.arguments(random);
  std::string ir = block.ir();
  auto original = compile(ir);
  ir.replace(ir.find("0.375"), 5, "0.250");
  auto other = compile(ir, passes(createAttnAbsorb()));
  ASSERT_TRUE(original && other);
  auto have = std::get<interp::Tensor>(run(*other, arguments)[0]);
  auto want = std::get<interp::Tensor>(run(*original, arguments)[0]);
  double worst = 0;
  for (auto [a, b] : llvm::zip(have.data, want.data))
    worst = std::max(worst, std::abs(a - b));
  EXPECT_GT(worst, 1e-3);
}

TEST(Forms, FusedEqualsDecompressed) {
  forGrid([](const Block &block, interp::test::Random &random) {
    auto original = compile(block.ir());
    auto fused = compile(block.ir(), passes(createAttnFuseDecompress()));
    auto detour = compile(
        block.ir(), passes(createAttnAbsorb(), createAttnFuseDecompress()));
    ASSERT_TRUE(original && fused && detour);
    EXPECT_EQ(count<DecompressOp>(*fused), 0);
    EXPECT_EQ(count<ProjectOp>(*detour), 0);
    auto arguments = block.arguments(random);
    auto expected = run(*original, arguments);
    expectEqual(run(*fused, arguments), expected);
    expectEqual(run(*detour, arguments), expected);
  });
}

TEST(Forms, ChainedEqualsDecompressed) {
  forGrid([](const Block &block, interp::test::Random &random) {
    auto original = compile(block.ir());
    auto chained = compile(
        block.ir(), passes(createAttnAbsorb(), createAttnFuseProjections()));
    ASSERT_TRUE(original && chained);
    EXPECT_EQ(count<ProjectOp>(*chained), 0);
    auto arguments = block.arguments(random);
    expectEqual(run(*chained, arguments), run(*original, arguments));
  });
}

// The rows in a paged cache, of one group or of several: both rewrites keep it,
// and the interpreter reads no slot past a sequence's end.
TEST(Forms, OverACache) {
  uint64_t seed = testSeed();
  for (int64_t groups : {1, 2, 4}) {
    SCOPED_TRACE(groups);
    std::string ir = llvm::formatv(R"mlir(
    !cache = !attn.kv_cache<heads = {0}, parts = [latent : 8, rope : 2], f32, page = 4>
    func.func @block(%qn: tensor<2x2x4x4xf32>, %qr: tensor<2x2x4x2xf32>, %rows: !cache,
                     %wt: tensor<4x4x8xf32>, %wv: tensor<4x8x5xf32>) -> (tensor<2x2x4x5xf32>, tensor<2x2x4xf32>) {{
      %ql = attn.project %qn, %wt : (tensor<2x2x4x4xf32>, tensor<4x4x8xf32>) -> tensor<2x2x4x8xf32>
      %q = tensor.concat dim(3) %ql, %qr : (tensor<2x2x4x8xf32>, tensor<2x2x4x2xf32>) -> tensor<2x2x4x10xf32>
      %ol, %lse = attn.attend %q, %rows {{heads = #attn.heads<q = 4, kv = {0}>, mask = #attn.mask<causal>,
          latent = #attn.latent<rank = 8, rope = 2, nope = 4, v = 5, groups = {0}>, scale = 0.4 : f32}
         : (tensor<2x2x4x10xf32>, !cache) -> (tensor<2x2x4x8xf32>, tensor<2x2x4xf32>)
      %o = attn.project %ol, %wv : (tensor<2x2x4x8xf32>, tensor<4x8x5xf32>) -> tensor<2x2x4x5xf32>
      return %o, %lse : tensor<2x2x4x5xf32>, tensor<2x2x4xf32>
    })mlir",
                                   groups);
    interp::test::Random random(seed++);
    auto draw = [&](llvm::ArrayRef<int64_t> shape) {
      return interp::test::randomTensor(shape, random);
    };
    interp::Cache cache;
    cache.heads = groups;
    cache.kDim = 10;
    cache.vDim = 8;
    cache.page = 4;
    cache.latent = true;
    cache.blocks = {{3, 1}, {0}};
    cache.lens = {7, 3};
    int64_t row = groups * 10;
    cache.k.assign(4 * 4 * row, std::nan(""));
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t j = 0; j < cache.lens[b]; ++j)
        llvm::copy(draw({row}).data, cache.k.begin() + cache.slot(b, j) * row);
    llvm::SmallVector<interp::Value> arguments = {
        draw({2, 2, 4, 4}), draw({2, 2, 4, 2}), cache, draw({4, 4, 8}),
        draw({4, 8, 5})};
    auto original = compile(ir);
    auto fused = compile(ir, passes(createAttnFuseDecompress()));
    auto chained = compile(ir, passes(createAttnFuseProjections()));
    ASSERT_TRUE(original && fused && chained);
    EXPECT_EQ(count<ProjectOp>(*fused), 0);
    EXPECT_EQ(count<ProjectOp>(*chained), 0);
    auto expected = run(*original, arguments);
    expectEqual(run(*fused, arguments), expected);
    expectEqual(run(*chained, arguments), expected);
  }
}
