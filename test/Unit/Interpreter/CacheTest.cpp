//===- CacheTest.cpp - attention over caches, and cache_append --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "attn/Interpreter/Ops.h"
#include "gtest/gtest.h"

#include <limits>

using namespace attn::interp;
using namespace attn::interp::test;

class CacheRandom : public testing::TestWithParam<int> {};

/// One problem, its keys and values in tensors, in a contiguous cache and in
/// paged caches (block order random, unused slots NaN): all agree, bit for bit,
/// and with the solution.
TEST_P(CacheRandom, PagedIsContiguousIsTensors) {
  Random random(GetParam());
  Problem problem;
  problem.queries = randomInt(1, 3, random);
  problem.tokens = randomInt(1, 30, random);
  problem.prefix = randomInt(0, 1, random); // Latent.
  problem.kvHeads = problem.prefix ? 1 : randomInt(1, 3, random);
  problem.qHeads = problem.kvHeads * randomInt(1, 4, random);
  problem.kDim = randomInt(4, 12, random);
  problem.vDim = problem.prefix ? randomInt(1, problem.kDim, random)
                                : randomInt(1, 12, random);
  problem.window = randomInt(0, 6, random);
  problem.alibi = randomInt(0, 1, random);
  problem.draw(random, randomInt(0, 1, random));
  llvm::SmallVector<Value> expected =
      run(problem.tensorIR(), problem.tensorArgs());
  problem.expectSolvedBy(expected);
  for (int64_t page : {0, 1, 3, 8, 64}) {
    llvm::SmallVector<Value> results =
        run(problem.cacheIR(page),
            problem.cacheArgs(problem.makeCache(page, random)));
    ASSERT_EQ(results.size(), 2u);
    for (int i : {0, 1})
      expectNear(std::get<Tensor>(results[i]), std::get<Tensor>(expected[i]),
                 /*tolerance=*/0);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CacheRandom, testing::Range(0, 20));

namespace {
/// A cache of two heads, K of 2 and V of 1 elements, three blocks of two
/// tokens.
Cache smallCache() {
  Cache cache;
  cache.heads = 2;
  cache.kDim = 2;
  cache.vDim = 1;
  cache.page = 2;
  cache.k.assign(6 * 2 * 2, 0);
  cache.v.assign(6 * 2 * 1, 0);
  cache.blocks = {{2, 0}};
  cache.lens = {3};
  return cache;
}

constexpr llvm::StringLiteral kAppend = R"mlir(
  !cache = !attn.kv_cache<heads = 2, parts = [k : 2, v : 1], f32, page = 2>
  func.func @append(%c: !cache, %k: tensor<?x2x2xf32>, %v: tensor<?x2x1xf32>,
                    %s: tensor<?xi64>) -> !cache {
    %r = attn.cache_append %c, %k, %v slots(%s)
      : (!cache, tensor<?x2x2xf32>, tensor<?x2x1xf32>, tensor<?xi64>) -> !cache
    return %r : !cache
  })mlir";
} // namespace

TEST(CacheAppend, WritesSlotsAndSkipsPadding) {
  Cache before = smallCache();
  Tensor key{{3, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
  Tensor value{{3, 2, 1}, {21, 22, 23, 24, 25, 26}};
  Tensor slots{{3}, {5, -1, 0}};
  llvm::SmallVector<Value> results = run(kAppend, {before, key, value, slots});
  ASSERT_EQ(results.size(), 1u);
  const Cache &after = std::get<Cache>(results[0]);
  // Row 0 went to block 2, offset 1; row 1 nowhere; row 2 to block 0, offset 0.
  EXPECT_EQ(after.k, (std::vector<double>{9, 10, 11, 12, 0, 0, 0, 0, //
                                          0, 0,  0,  0,  0, 0, 0, 0, //
                                          0, 0,  0,  0,  1, 2, 3, 4}));
  EXPECT_EQ(after.v,
            (std::vector<double>{25, 26, 0, 0, 0, 0, 0, 0, 0, 0, 21, 22}));
  EXPECT_EQ(after.lens, before.lens);
  EXPECT_EQ(after.blocks, before.blocks);
  EXPECT_EQ(after.key(0, 1, 1, 0), 3); // Token 1 is block 2, offset 1.
}

TEST(CacheAppend, RefusesSlotsOutsideOfThePoolAndTwice) {
  Tensor key = Tensor::zeros({2, 2, 2}), value = Tensor::zeros({2, 2, 1});
  for (auto [first, second, message] :
       {std::tuple(0.0, 6.0, "slot 6 is outside of the pool of 6"),
        {-2.0, 0.0, "slot -2 is outside of the pool of 6"},
        {3.0, 3.0, "two rows write slot 3"}})
    EXPECT_NE(runError(kAppend,
                       {smallCache(), key, value, Tensor{{2}, {first, second}}})
                  .find(message),
              std::string::npos);
}

/// Appending token by token and attending equals attending over all tokens.
TEST(CacheAppend, ThenAttend) {
  Random random(3);
  Problem problem;
  problem.draw(random);
  problem.lens = {4, 7};
  problem.key = randomTensor(problem.key.shape, random);
  problem.value = randomTensor(problem.value.shape, random);
  Cache cache = problem.makeCache(/*page=*/4, random);
  cache.k.assign(cache.k.size(), std::numeric_limits<double>::quiet_NaN());
  cache.v.assign(cache.v.size(), std::numeric_limits<double>::quiet_NaN());
  for (int64_t j = 0; j < problem.tokens; ++j) {
    Tensor key = Tensor::zeros({problem.batch, problem.kvHeads, problem.kDim});
    Tensor value =
        Tensor::zeros({problem.batch, problem.kvHeads, problem.vDim});
    Tensor slots = Tensor::zeros({problem.batch});
    for (int64_t b = 0; b < problem.batch; ++b) {
      slots.at(b) = j < problem.lens[b] ? cache.slot(b, j) : -1;
      for (int64_t g = 0; g < problem.kvHeads; ++g) {
        for (int64_t d = 0; d < problem.kDim; ++d)
          key.at(b, g, d) = problem.key.at(b, j, g, d);
        for (int64_t d = 0; d < problem.vDim; ++d)
          value.at(b, g, d) = problem.value.at(b, j, g, d);
      }
    }
    cache = llvm::cantFail(cacheAppend(std::move(cache), key, &value, slots));
  }
  problem.expectSolvedBy(run(problem.cacheIR(4), problem.cacheArgs(cache)));
}

/// A latent row is one operand, and V is its prefix.
TEST(CacheAppend, Latent) {
  Cache cache;
  cache.heads = 1;
  cache.kDim = 3;
  cache.vDim = 2;
  cache.page = 2;
  cache.latent = true;
  cache.k.assign(4 * 3, 0);
  cache.blocks = {{1}};
  cache.lens = {1};
  llvm::SmallVector<Value> results =
      run(R"mlir(
    !cache = !attn.kv_cache<heads = 1, parts = [latent : 2, rope : 1], f32, page = ?>
    func.func @append(%c: !cache, %k: tensor<1x1x3xf32>, %s: tensor<1xi64>) -> !cache {
      %r = attn.cache_append %c, %k slots(%s)
        : (!cache, tensor<1x1x3xf32>, tensor<1xi64>) -> !cache
      return %r : !cache
    })mlir",
          {cache, Tensor{{1, 1, 3}, {7, 8, 9}}, Tensor{{1}, {2}}});
  ASSERT_EQ(results.size(), 1u);
  const Cache &after = std::get<Cache>(results[0]);
  EXPECT_EQ(after.key(0, 0, 0, 2), 9);
  EXPECT_EQ(after.value(0, 0, 0, 1), 8);
}

/// Of several latent rows a token, each has its place beside the other.
TEST(CacheAppend, GroupedLatents) {
  Cache cache;
  cache.heads = 2;
  cache.kDim = 3;
  cache.vDim = 2;
  cache.page = 2;
  cache.latent = true;
  cache.k.assign(4 * 2 * 3, 0);
  cache.blocks = {{1}};
  cache.lens = {1};
  llvm::SmallVector<Value> results =
      run(R"mlir(
    !cache = !attn.kv_cache<heads = 2, parts = [latent : 2, rope : 1], f32, page = ?>
    func.func @append(%c: !cache, %k: tensor<1x2x3xf32>, %s: tensor<1xi64>) -> !cache {
      %r = attn.cache_append %c, %k slots(%s)
        : (!cache, tensor<1x2x3xf32>, tensor<1xi64>) -> !cache
      return %r : !cache
    })mlir",
          {cache, Tensor{{1, 2, 3}, {1, 2, 3, 4, 5, 6}}, Tensor{{1}, {2}}});
  ASSERT_EQ(results.size(), 1u);
  const Cache &after = std::get<Cache>(results[0]);
  EXPECT_EQ(after.key(0, 0, 0, 2), 3);
  EXPECT_EQ(after.value(0, 0, 1, 1), 5);
  EXPECT_EQ(after.key(0, 0, 1, 2), 6);
}
