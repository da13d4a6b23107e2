//===- ErrorTest.cpp - what the interpreter refuses -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "gtest/gtest.h"

using namespace attn::interp;
using namespace attn::interp::test;

static void expectError(llvm::StringRef ir, llvm::ArrayRef<Value> args,
                        llvm::StringRef message) {
  std::string error = runError(ir, args);
  EXPECT_NE(error.find(message.str()), std::string::npos)
      << "got '" << error << "'";
}

static constexpr llvm::StringLiteral kIdentity = R"mlir(
  func.func @f(%x: tensor<2x?xf32>) -> tensor<2x?xf32> {
    return %x : tensor<2x?xf32>
  })mlir";

TEST(Error, UnsupportedOpWithItsLocation) {
  expectError("func.func @f(%x: f32) -> f32 {\n"
              "  %y = math.exp %x : f32\n"
              "  return %y : f32\n}",
              {Tensor{{}, {1}}},
              "loc(\"test\":2:8): 'math.exp' op is not supported");
}

TEST(Error, Declaration) {
  expectError("func.func private @f()", {}, "needs a body of one block");
}

TEST(Error, NumberOfArguments) {
  expectError(kIdentity, {}, "takes 1 arguments, got 0");
}

TEST(Error, ArgumentsThatDoNotFit) {
  EXPECT_EQ(runError(kIdentity, {Tensor::zeros({2, 3})}), "");
  expectError(kIdentity, {Tensor::zeros({3, 3})}, "the shape differs");
  expectError(kIdentity, {Tensor::zeros({2})}, "the shape differs");
  expectError(kIdentity, {Tensor{{2, 3}, {1}}},
              "the number of elements is not that of the shape");
  expectError(kIdentity, {Cache()}, "a cache is no such value");
}

TEST(Error, CachesThatDoNotFit) {
  Random random(1);
  Problem problem;
  problem.draw(random);
  problem.lens = {7, 3};
  Cache good = problem.makeCache(/*page=*/4, random);
  auto check = [&](auto &&spoil, llvm::StringRef message) {
    Cache cache = good;
    spoil(cache);
    expectError(problem.cacheIR(4), problem.cacheArgs(cache), message);
  };
  check([](Cache &c) { c.heads = 1; }, "heads or parts differ");
  check([](Cache &c) { c.latent = true; }, "heads or parts differ");
  check([](Cache &c) { c.page = 8; }, "the page size differs");
  check([](Cache &c) { c.v.pop_back(); }, "the sizes of the pools");
  check([](Cache &c) { c.lens.pop_back(); }, "differ in batch");
  check([](Cache &c) { c.lens[0] = 9; }, "exceeds the sequence's blocks");
  check([](Cache &c) { c.lens[0] = -1; }, "exceeds the sequence's blocks");
  check([](Cache &c) { c.blocks[0][1] = 1000; }, "outside of the pools");
  check([](Cache &c) { c.blocks[1][0] = -1; }, "outside of the pools");
  expectError(problem.cacheIR(4), {problem.query, problem.query},
              "a tensor is no such value");
}

/// What a verifier cannot see in `?` extents is checked when they are known.
TEST(Error, DynamicExtents) {
  constexpr llvm::StringLiteral attend = R"mlir(
    func.func @f(%q: tensor<?x1x2x?xf32>, %k: tensor<?x?x1x?xf32>,
                 %v: tensor<?x?x1x?xf32>, %n: tensor<?xi32>)
        -> tensor<?x1x2x?xf32> {
      %o = attn.attend %q, %k, %v lens(%n) {heads = #attn.heads<q = 2, kv = 1>,
             scale = 1.0 : f32}
        : (tensor<?x1x2x?xf32>, tensor<?x?x1x?xf32>, tensor<?x?x1x?xf32>,
           tensor<?xi32>) -> tensor<?x1x2x?xf32>
      return %o : tensor<?x1x2x?xf32>
    })mlir";
  Tensor query = Tensor::zeros({3, 1, 2, 8}), key = Tensor::zeros({3, 5, 1, 8});
  Tensor value = Tensor::zeros({3, 5, 1, 4}), lens = Tensor::zeros({3});
  EXPECT_EQ(runError(attend, {query, key, value, lens}), "");
  expectError(attend, {query, Tensor::zeros({2, 5, 1, 8}), value, lens},
              "key must be [3, 5, 1, 8], got [2, 5, 1, 8]");
  expectError(attend, {query, Tensor::zeros({3, 5, 1, 7}), value, lens},
              "key must be [3, 5, 1, 8], got [3, 5, 1, 7]");
  expectError(attend, {query, key, Tensor::zeros({3, 6, 1, 4}), lens},
              "value must be [3, 5, 1, 4], got [3, 6, 1, 4]");
  expectError(attend, {query, key, value, Tensor::zeros({2})},
              "lens must be [3], got [2]");
  expectError(attend, {query, key, value, Tensor{{3}, {0, 6, 0}}},
              "a length is not in 0 to 5");
}

TEST(Error, DynamicExtentsOfTheOtherOps) {
  expectError(R"mlir(
    func.func @f(%x: tensor<?x?x?x?xf32>, %w: tensor<?x?x?xf32>) -> tensor<?x?x?x?xf32> {
      %y = attn.project %x, %w : (tensor<?x?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?x?xf32>
      return %y : tensor<?x?x?x?xf32>
    })mlir",
              {Tensor::zeros({1, 1, 2, 3}), Tensor::zeros({2, 4, 5})},
              "weight must be [2, 3, 5], got [2, 4, 5]");
  expectError(R"mlir(
    func.func @f(%x: tensor<?x?x?xf32>, %w: tensor<?x?x?xf32>) -> tensor<?x?x?x?xf32> {
      %y = attn.decompress %x, %w : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?x?xf32>
      return %y : tensor<?x?x?x?xf32>
    })mlir",
              {Tensor::zeros({1, 2, 3}), Tensor::zeros({2, 4, 5})},
              "weight must be [2, 3, 5], got [2, 4, 5]");
  expectError(
      R"mlir(
    func.func @f(%x: tensor<?x?x?xf32>, %w: tensor<?x?xf32>, %g: tensor<?xf32>) -> tensor<?x?x?xf32> {
      %y = attn.compress %x, %w norm(%g)
        : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?x?xf32>
      return %y : tensor<?x?x?xf32>
    })mlir",
      {Tensor::zeros({1, 2, 3}), Tensor::zeros({3, 4}), Tensor::zeros({5})},
      "norm must be [4], got [5]");
  expectError(R"mlir(
    func.func @f(%x: tensor<?x?x?x?xf32>, %p: tensor<?x?xi32>) -> tensor<?x?x?x?xf32> {
      %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 4 : i64, dims = 4 : i64}
        : (tensor<?x?x?x?xf32>, tensor<?x?xi32>) -> tensor<?x?x?x?xf32>
      return %y : tensor<?x?x?x?xf32>
    })mlir",
              {Tensor::zeros({1, 1, 2, 6}), Tensor::zeros({1, 1})},
              "offset + dims exceeds the head's width");
  expectError(R"mlir(
    func.func @f(%o: tensor<?x?x?x?x?xf32>, %l: tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32> {
      %r:2 = attn.merge %o, %l
        : (tensor<?x?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> (tensor<?x?x?x?xf32>, tensor<?x?x?xf32>)
      return %r#0 : tensor<?x?x?x?xf32>
    })mlir",
              {Tensor::zeros({2, 1, 1, 1, 4}), Tensor::zeros({3, 1, 1, 1})},
              "lses must be [2, 1, 1, 1], got [3, 1, 1, 1]");
}

/// A static result that the operands' extents contradict.
TEST(Error, ResultThatDoesNotFit) {
  expectError(R"mlir(
    func.func @f(%x: tensor<?x1x2x3xf32>, %w: tensor<2x3x4xf32>) -> tensor<7x1x2x4xf32> {
      %y = attn.project %x, %w : (tensor<?x1x2x3xf32>, tensor<2x3x4xf32>) -> tensor<7x1x2x4xf32>
      return %y : tensor<7x1x2x4xf32>
    })mlir",
              {Tensor::zeros({6, 1, 2, 3}), Tensor::zeros({2, 3, 4})},
              "a value does not fit tensor<7x1x2x4xf32>: the shape differs");
}

TEST(Constant, TensorsAndScalars) {
  llvm::SmallVector<Value> results = run(R"mlir(
    func.func @f() -> (f32, i32, tensor<2xf32>, tensor<2x1xi64>, tensor<3xbf16>, i1) {
      %a = arith.constant 1.5 : f32
      %b = arith.constant -3 : i32
      %c = arith.constant dense<[0.5, -2.0]> : tensor<2xf32>
      %d = arith.constant dense<[[-1], [9]]> : tensor<2x1xi64>
      %e = arith.constant dense<2.0> : tensor<3xbf16>
      %f = arith.constant true
      return %a, %b, %c, %d, %e, %f : f32, i32, tensor<2xf32>, tensor<2x1xi64>, tensor<3xbf16>, i1
    })mlir",
                                         {});
  ASSERT_EQ(results.size(), 6u);
  std::vector<std::vector<double>> expected = {{1.5},   {-3},      {0.5, -2},
                                               {-1, 9}, {2, 2, 2}, {1}};
  for (auto [result, data] : llvm::zip(results, expected))
    EXPECT_EQ(std::get<Tensor>(result).data, data);
}
