//===- RoundingTest.cpp - rounding to bf16, f16 and f32 ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Interpreter/Rounding.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace attn::interp;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static double bf16(double x) { return roundTo(llvm::APFloat::BFloat(), x); }
static double f16(double x) { return roundTo(llvm::APFloat::IEEEhalf(), x); }
static double f32(double x) { return roundTo(llvm::APFloat::IEEEsingle(), x); }

TEST(Rounding, TiesToEven) {
  EXPECT_EQ(bf16(1 + 0x1p-8), 1);
  EXPECT_EQ(bf16(1 + 0x3p-8), 1 + 0x1p-6);
  EXPECT_EQ(f16(1 + 0x1p-11), 1);
  EXPECT_EQ(f16(1 + 0x3p-11), 1 + 0x1p-9);
  EXPECT_EQ(f32(1 + 0x1p-24), 1);
}

/// Straight from double: through f32 this would be a tie.
TEST(Rounding, RoundsOnce) {
  EXPECT_EQ(bf16(1 + 0x1p-8 + 0x1p-30), 1 + 0x1p-7);
  EXPECT_EQ(f16(1 + 0x1p-11 + 0x1p-40), 1 + 0x1p-10);
}

TEST(Rounding, Limits) {
  EXPECT_EQ(f16(65519.99), 65504);
  EXPECT_EQ(f16(65520), kInfinity);
  EXPECT_EQ(f16(-65520), -kInfinity);
  EXPECT_EQ(f16(0x1p-25), 0);
  EXPECT_EQ(f16(0x1.8p-24), 0x1p-23);
  EXPECT_EQ(bf16(1e300), kInfinity);
  EXPECT_EQ(bf16(-kInfinity), -kInfinity);
  EXPECT_TRUE(std::isnan(bf16(std::nan(""))));
  EXPECT_TRUE(std::signbit(bf16(-0.0)));
}

TEST(Rounding, AgreesWithTheMachine) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(0, 100);
  for (int i = 0; i < 1000; ++i) {
    double x = normal(random);
    EXPECT_EQ(f32(x), static_cast<float>(x));
    // bf16 from f32, in integer arithmetic.
    float single = static_cast<float>(x);
    uint32_t bits;
    std::memcpy(&bits, &single, 4);
    bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000;
    std::memcpy(&single, &bits, 4);
    EXPECT_EQ(bf16(f32(x)), single);
  }
}

TEST(Rounding, ByType) {
  mlir::MLIRContext context;
  mlir::Builder builder(&context);
  double x = 1 + 0x1p-9 + 0x1p-30;
  EXPECT_EQ(roundTo(builder.getBF16Type(), x), bf16(x));
  EXPECT_EQ(roundTo(builder.getF16Type(), x), f16(x));
  EXPECT_EQ(roundTo(builder.getF32Type(), x), f32(x));
  EXPECT_EQ(roundTo(builder.getF64Type(), x), x);
  EXPECT_EQ(roundTo(builder.getI32Type(), 7.0), 7.0);
}

TEST(Rounding, ByValue) {
  mlir::MLIRContext context;
  mlir::Type type = mlir::Builder(&context).getBF16Type();
  Value tensor = Tensor{{2}, {1 + 0x1p-10, 2}};
  roundTo(type, tensor);
  EXPECT_EQ(std::get<Tensor>(tensor).data, (std::vector<double>{1, 2}));
  Cache cache;
  cache.k = {1 + 0x1p-10};
  cache.v = {3 - 0x1p-10};
  Value value = cache;
  roundTo(type, value);
  EXPECT_EQ(std::get<Cache>(value).k[0], 1);
  EXPECT_EQ(std::get<Cache>(value).v[0], 3);
}
