//===- OpsTest.cpp - rope, compress, decompress and project -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Interpreter/Ops.h"
#include "Run.h"
#include "gtest/gtest.h"

#include <cmath>
#include <complex>

using namespace attn::interp;
using namespace attn::interp::test;

static constexpr llvm::StringLiteral kHalf = R"mlir(
  func.func @f(%x: tensor<2x3x2x10xf32>, %p: tensor<2x3xi32>) -> tensor<2x3x2x10xf32> {
    %y = attn.rope %x, %p {theta = 500.0 : f32, offset = 2 : i64, dims = 6 : i64}
      : (tensor<2x3x2x10xf32>, tensor<2x3xi32>) -> tensor<2x3x2x10xf32>
    return %y : tensor<2x3x2x10xf32>
  })mlir";
static constexpr llvm::StringLiteral kInterleaved = R"mlir(
  func.func @f(%x: tensor<2x3x2x10xf32>, %p: tensor<2x3xi32>) -> tensor<2x3x2x10xf32> {
    %y = attn.rope %x, %p {theta = 500.0 : f32, offset = 2 : i64, dims = 6 : i64, interleaved}
      : (tensor<2x3x2x10xf32>, tensor<2x3xi32>) -> tensor<2x3x2x10xf32>
    return %y : tensor<2x3x2x10xf32>
  })mlir";

/// Each pair is a complex number, turned by position * theta^(-2 i / dims);
/// the elements around the rotary part stay.
TEST(Rope, IsAComplexRotation) {
  Random random(5);
  Tensor input = randomTensor({2, 3, 2, 10}, random);
  Tensor positions{{2, 3}, {0, 1, 2, 100, 7, 4095}};
  for (bool interleaved : {false, true}) {
    Tensor expected = input;
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t s = 0; s < 3; ++s)
        for (int64_t h = 0; h < 2; ++h)
          for (int64_t i = 0; i < 3; ++i) {
            int64_t re = interleaved ? 2 + 2 * i : 2 + i;
            int64_t im = interleaved ? 3 + 2 * i : 5 + i;
            std::complex<double> turn =
                std::polar(1.0, positions.at(b, s) / std::pow(500.0, i / 3.0));
            std::complex<double> turned =
                turn * std::complex<double>(input.at(b, s, h, re),
                                            input.at(b, s, h, im));
            expected.at(b, s, h, re) = turned.real();
            expected.at(b, s, h, im) = turned.imag();
          }
    expectNear(
        runTensor(interleaved ? kInterleaved : kHalf, {input, positions}),
        expected, 1e-11);
  }
}

/// Frequencies stand in the place of theta's powers.
TEST(Rope, FrequenciesOfItsOwn) {
  Random random(7);
  Tensor input = randomTensor({2, 3, 2, 10}, random);
  Tensor positions{{2, 3}, {0, 1, 2, 100, 7, 4095}};
  Tensor result = runTensor(R"mlir(
    func.func @f(%x: tensor<2x3x2x10xf32>, %p: tensor<2x3xi32>) -> tensor<2x3x2x10xf32> {
      %y = attn.rope %x, %p {frequencies = array<f32: 0.5, 0.0, 0.25>, offset = 2 : i64, dims = 6 : i64}
        : (tensor<2x3x2x10xf32>, tensor<2x3xi32>) -> tensor<2x3x2x10xf32>
      return %y : tensor<2x3x2x10xf32>
    })mlir",
                            {input, positions});
  expectNear(result, rope(input, positions, {0.5, 0.0, 0.25}, 2, false));
  // The pair (3, 6) does not turn; (2, 5) turns by half of its position.
  EXPECT_EQ(result.at(1, 2, 0, 3), input.at(1, 2, 0, 3));
  EXPECT_DOUBLE_EQ(result.at(0, 2, 1, 2),
                   input.at(0, 2, 1, 2) * std::cos(1.0) -
                       input.at(0, 2, 1, 5) * std::sin(1.0));
}

/// The two pairings differ by a permutation of the rotary elements.
TEST(Rope, HalfIsInterleavedPermuted) {
  Random random(6);
  Tensor half = randomTensor({2, 3, 2, 10}, random);
  Tensor positions{{2, 3}, {3, 1, 4, 1, 5, 9}};
  auto interleave = [](const Tensor &tensor) {
    Tensor result = tensor;
    for (int64_t row = 0; row < 12; ++row)
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t part = 0; part < 2; ++part)
          result.data[row * 10 + 2 + 2 * i + part] =
              tensor.data[row * 10 + 2 + 3 * part + i];
    return result;
  };
  expectNear(runTensor(kInterleaved, {interleave(half), positions}),
             interleave(runTensor(kHalf, {half, positions})));
}

/// What rope is for: a score depends on the distance of the tokens alone.
TEST(Rope, ScoresDependOnDistance) {
  Random random(8);
  Tensor query = randomTensor({1, 1, 1, 8}, random);
  Tensor key = randomTensor({1, 1, 1, 8}, random);
  auto score = [&](double queryPos, double keyPos) {
    Tensor q = rope(query, Tensor{{1, 1}, {queryPos}}, ropeFrequencies(1e4, 8),
                    0, false);
    Tensor k =
        rope(key, Tensor{{1, 1}, {keyPos}}, ropeFrequencies(1e4, 8), 0, false);
    double sum = 0;
    for (int64_t d = 0; d < 8; ++d)
      sum += q.at(0, 0, 0, d) * k.at(0, 0, 0, d);
    return sum;
  };
  EXPECT_NEAR(score(5, 2), score(1005, 1002), 1e-10);
  EXPECT_GT(std::fabs(score(5, 2) - score(5, 3)), 1e-3);
}

TEST(Compress, WithAndWithoutNorm) {
  // hidden * weight = [3, 4]; mean of squares 12.5.
  Tensor hidden{{1, 1, 2}, {1, 2}}, weight{{2, 2}, {1, 2, 1, 1}};
  Tensor norm{{2}, {10, -1}};
  Tensor plain = runTensor(R"mlir(
    func.func @f(%x: tensor<1x1x2xf32>, %w: tensor<2x2xf32>) -> tensor<1x1x2xf32> {
      %c = attn.compress %x, %w : (tensor<1x1x2xf32>, tensor<2x2xf32>) -> tensor<1x1x2xf32>
      return %c : tensor<1x1x2xf32>
    })mlir",
                           {hidden, weight});
  EXPECT_EQ(plain.data, (std::vector<double>{3, 4}));
  Tensor normed = runTensor(R"mlir(
    func.func @f(%x: tensor<1x1x2xf32>, %w: tensor<2x2xf32>, %g: tensor<2xf32>) -> tensor<1x1x2xf32> {
      %c = attn.compress %x, %w norm(%g) {eps = 0.5 : f32}
        : (tensor<1x1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x1x2xf32>
      return %c : tensor<1x1x2xf32>
    })mlir",
                            {hidden, weight, norm});
  EXPECT_DOUBLE_EQ(normed.data[0], 30 / std::sqrt(13.0));
  EXPECT_DOUBLE_EQ(normed.data[1], -4 / std::sqrt(13.0));
}

TEST(Decompress, ByHand) {
  // Two heads: [1 0; 0 1] and [1 1; 2 0].
  Tensor latent{{1, 2, 2}, {1, 2, 3, 4}};
  Tensor weight{{2, 2, 2}, {1, 0, 0, 1, 1, 1, 2, 0}};
  Tensor result = decompress(latent, weight);
  EXPECT_EQ(result.shape, (llvm::SmallVector<int64_t>{1, 2, 2, 2}));
  EXPECT_EQ(result.data, (std::vector<double>{1, 2, 5, 1, 3, 4, 11, 3}));
}

TEST(Decompress, GroupsByHand) {
  // Of four heads, two read each row; the weights are 1, 10, 100 and 1000.
  Tensor latent{{1, 1, 2, 1}, {2, 3}};
  Tensor weight{{4, 1, 1}, {1, 10, 100, 1000}};
  EXPECT_EQ(decompress(latent, weight).data,
            (std::vector<double>{2, 20, 300, 3000}));
}

TEST(Project, ByHand) {
  // One matrix per head: [1 2 3] and [10; 0] turned to [10 0 1].
  Tensor input{{1, 2, 2, 1}, {1, 2, 3, 4}};
  Tensor weight{{2, 1, 3}, {1, 2, 3, 10, 0, 1}};
  Tensor result = project(input, weight);
  EXPECT_EQ(result.shape, (llvm::SmallVector<int64_t>{1, 2, 2, 3}));
  EXPECT_EQ(result.data, (std::vector<double>{1, 2, 3, 20, 0, 2, //
                                              3, 6, 9, 40, 0, 4}));
}
