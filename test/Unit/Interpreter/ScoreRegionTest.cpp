//===- ScoreRegionTest.cpp - the scalar ops of score regions ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn::interp;
using namespace attn::interp::test;

namespace {
/// The score region `body`, which ends in a yield, on the score 1.25 of query
/// head 1 in batch 0 at query position 4 against key 4. One token is seen, so
/// that the log-sum-exp is the score.
std::string regionIR(llvm::StringRef body) {
  return R"mlir(
    func.func @f(%q: tensor<1x1x2x1xf32>, %k: tensor<1x5x2x1xf32>,
                 %captured: f32, %tensor: tensor<1xf32>) -> tensor<1x1x2xf32> {
      %outer = arith.constant 7.0 : f32
      %o, %lse = attn.attend %q, %k, %k {heads = #attn.heads<q = 2, kv = 2>,
          mask = #attn.mask<causal, window = 1>, scale = 1.0 : f32} score {
        ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
          %one = arith.constant 1.0 : f32
          %two = arith.constant 2.0 : f32
          %i0 = arith.constant 0 : i32
          %i3 = arith.constant 3 : i32
          %in7 = arith.constant -7 : i32
          %true = arith.constant true
        )mlir" +
         body.str() + R"mlir(
        } : (tensor<1x1x2x1xf32>, tensor<1x5x2x1xf32>, tensor<1x5x2x1xf32>)
          -> (tensor<1x1x2x1xf32>, tensor<1x1x2xf32>)
      return %lse : tensor<1x1x2xf32>
    })mlir";
}

llvm::SmallVector<Value> regionArgs() {
  return {Tensor{{1, 1, 2, 1}, {1.25, 1.25}},
          Tensor{{1, 5, 2, 1}, std::vector<double>(10, 1.0)}, Tensor{{}, {40}},
          Tensor::zeros({1})};
}

struct Scalar {
  const char *body; // Defines %r.
  double expected;
  const char *type = "f32"; // Of %r.
};
} // namespace

class ScoreRegionOp : public testing::TestWithParam<Scalar> {};

TEST_P(ScoreRegionOp, Evaluates) {
  const Scalar &scalar = GetParam();
  std::string body = scalar.body;
  if (std::string(scalar.type) == "f32")
    body += "\nattn.yield %r : f32";
  else
    body += std::string("\n%f = arith.sitofp %r : ") + scalar.type +
            " to f32\nattn.yield %f : f32";
  Tensor lse = runTensor(regionIR(body), regionArgs());
  ASSERT_EQ(lse.data.size(), 2u);
  if (std::isnan(scalar.expected))
    EXPECT_TRUE(std::isnan(lse.data[1])) << scalar.body;
  else
    EXPECT_NEAR(lse.data[1], scalar.expected, 1e-12) << scalar.body;
}

static const double kNaN = std::nan("");

INSTANTIATE_TEST_SUITE_P(
    Floats, ScoreRegionOp,
    testing::Values(Scalar{"%r = arith.addf %x, %two : f32", 3.25},
                    Scalar{"%r = arith.subf %x, %two : f32", -0.75},
                    Scalar{"%r = arith.mulf %x, %two : f32", 2.5},
                    Scalar{"%r = arith.divf %x, %two : f32", 0.625},
                    Scalar{"%r = arith.remf %x, %one : f32", 0.25},
                    Scalar{"%r = arith.negf %x : f32", -1.25},
                    Scalar{"%r = arith.maximumf %x, %two : f32", 2},
                    Scalar{"%r = arith.minimumf %x, %two : f32", 1.25},
                    Scalar{"%r = arith.maxnumf %x, %two : f32", 2},
                    Scalar{"%r = arith.minnumf %x, %two : f32", 1.25},
                    Scalar{"%t = arith.truncf %x : f32 to bf16\n"
                           "%r = arith.extf %t : bf16 to f32",
                           1.25},
                    Scalar{"%c = arith.cmpf olt, %x, %two : f32\n"
                           "%r = arith.select %c, %two, %one : f32",
                           2},
                    Scalar{"%c = arith.cmpf uge, %x, %two : f32\n"
                           "%r = arith.select %c, %two, %one : f32",
                           1}));

INSTANTIATE_TEST_SUITE_P(
    Math, ScoreRegionOp,
    testing::Values(Scalar{"%r = math.exp %x : f32", std::exp(1.25)},
                    Scalar{"%r = math.exp2 %x : f32", std::exp2(1.25)},
                    Scalar{"%r = math.expm1 %x : f32", std::exp(1.25) - 1},
                    Scalar{"%r = math.log %x : f32", std::log(1.25)},
                    Scalar{"%r = math.log2 %x : f32", std::log2(1.25)},
                    Scalar{"%r = math.log1p %x : f32", std::log(2.25)},
                    Scalar{"%r = math.tanh %x : f32", std::tanh(1.25)},
                    Scalar{"%r = math.erf %x : f32", std::erf(1.25)},
                    Scalar{"%r = math.sin %x : f32", std::sin(1.25)},
                    Scalar{"%r = math.cos %x : f32", std::cos(1.25)},
                    Scalar{"%r = math.sqrt %x : f32", std::sqrt(1.25)},
                    Scalar{"%r = math.rsqrt %x : f32", 1 / std::sqrt(1.25)},
                    Scalar{"%r = math.floor %x : f32", 1},
                    Scalar{"%r = math.ceil %x : f32", 2},
                    Scalar{"%n = arith.negf %x : f32\n"
                           "%r = math.absf %n : f32",
                           1.25},
                    Scalar{"%r = math.powf %x, %two : f32", 1.5625},
                    Scalar{"%r = math.fma %x, %two, %one : f32", 3.5}));

/// NaN: maximumf propagates it, maxnumf does not.
INSTANTIATE_TEST_SUITE_P(
    NaN, ScoreRegionOp,
    testing::Values(Scalar{"%n = arith.constant 0x7FC00000 : f32\n"
                           "%r = arith.maximumf %x, %n : f32",
                           kNaN},
                    Scalar{"%n = arith.constant 0x7FC00000 : f32\n"
                           "%r = arith.maxnumf %x, %n : f32",
                           1.25}));

INSTANTIATE_TEST_SUITE_P(
    Integers, ScoreRegionOp,
    testing::Values(Scalar{"%r = arith.addi %i, %i3 : i32", 7, "i32"},
                    Scalar{"%r = arith.subi %i3, %i : i32", -1, "i32"},
                    Scalar{"%r = arith.muli %i, %i3 : i32", 12, "i32"},
                    Scalar{"%r = arith.divsi %in7, %i3 : i32", -2, "i32"},
                    Scalar{"%r = arith.remsi %in7, %i3 : i32", -1, "i32"},
                    Scalar{"%r = arith.divui %in7, %i3 : i32", 1431655763,
                           "i32"},
                    Scalar{"%r = arith.remui %in7, %i3 : i32", 0, "i32"},
                    Scalar{"%r = arith.maxsi %in7, %i3 : i32", 3, "i32"},
                    Scalar{"%r = arith.maxui %in7, %i3 : i32", -7, "i32"},
                    Scalar{"%r = arith.minsi %in7, %i3 : i32", -7, "i32"},
                    Scalar{"%r = arith.minui %in7, %i3 : i32", 3, "i32"},
                    Scalar{"%r = arith.andi %in7, %i3 : i32", 1, "i32"},
                    Scalar{"%r = arith.ori %i, %i3 : i32", 7, "i32"},
                    Scalar{"%r = arith.xori %in7, %i3 : i32", -6, "i32"},
                    Scalar{"%t = arith.trunci %in7 : i32 to i8\n"
                           "%r = arith.extui %t : i8 to i32",
                           249, "i32"},
                    Scalar{"%t = arith.trunci %in7 : i32 to i8\n"
                           "%r = arith.extsi %t : i8 to i32",
                           -7, "i32"},
                    Scalar{"%r = arith.fptosi %x : f32 to i32", 1, "i32"},
                    Scalar{"%r = arith.uitofp %true : i1 to f32", 1},
                    Scalar{"%r = arith.sitofp %true : i1 to f32", -1},
                    // Wraps at 32 bits.
                    Scalar{"%m = arith.constant 2147483647 : i32\n"
                           "%r = arith.addi %m, %i3 : i32",
                           -2147483646, "i32"},
                    // What MLIR leaves undefined.
                    Scalar{"%r = arith.divsi %i, %i0 : i32", kNaN, "i32"},
                    Scalar{"%m = arith.constant 1.0e20 : f32\n"
                           "%r = arith.fptosi %m : f32 to i32",
                           kNaN, "i32"},
                    Scalar{"%c = arith.cmpi slt, %in7, %i3 : i32\n"
                           "%r = arith.select %c, %two, %one : f32",
                           2},
                    Scalar{"%c = arith.cmpi ult, %in7, %i3 : i32\n"
                           "%r = arith.select %c, %two, %one : f32",
                           1}));

/// The arguments of the region, and scalars defined outside of it.
INSTANTIATE_TEST_SUITE_P(
    Arguments, ScoreRegionOp,
    testing::Values(Scalar{"%r = arith.muli %i3, %b : i32", 0, "i32"},
                    Scalar{"%r = arith.addi %h, %i0 : i32", 1, "i32"},
                    Scalar{"%r = arith.addi %i, %i0 : i32", 4, "i32"},
                    Scalar{"%r = arith.addi %j, %i0 : i32", 4, "i32"},
                    Scalar{"%r = arith.addf %x, %outer : f32", 8.25},
                    Scalar{"%r = arith.addf %captured, %captured : f32", 80}));

TEST(ScoreRegion, YieldsAnArgumentOrACapture) {
  EXPECT_EQ(runTensor(regionIR("attn.yield %x : f32"), regionArgs()).data[0],
            1.25);
  EXPECT_EQ(
      runTensor(regionIR("attn.yield %outer : f32"), regionArgs()).data[0], 7);
}

TEST(ScoreRegion, RefusesWhatItDoesNotKnow) {
  std::string error = runError(regionIR("%r = \"other.op\"(%x) : (f32) -> f32\n"
                                        "attn.yield %r : f32"),
                               regionArgs());
  EXPECT_NE(error.find("'other.op' op is not supported in a score region"),
            std::string::npos)
      << error;
  EXPECT_NE(error.find("test\":"), std::string::npos) << error; // The location.
  // An i64 would not be exact in a double.
  error = runError(regionIR("%w = arith.extsi %i : i32 to i64\n"
                            "%r = arith.sitofp %w : i64 to f32\n"
                            "attn.yield %r : f32"),
                   regionArgs());
  EXPECT_NE(error.find("'arith.extsi' op is not supported"), std::string::npos)
      << error;
  error =
      runError(regionIR("%r = \"other.op\"(%tensor) : (tensor<1xf32>) -> f32\n"
                        "attn.yield %r : f32"),
               regionArgs());
  EXPECT_NE(error.find("reads a value that is not a known scalar"),
            std::string::npos)
      << error;
}
