//===- ScalarOps.cpp - The scalar ops of score regions ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn::interp;

using Args = ArrayRef<double>;

static constexpr double kPoison = std::numeric_limits<double>::quiet_NaN();

static bool hasPoison(Args args) {
  return llvm::any_of(args, [](double x) { return std::isnan(x); });
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

static ScalarFunction unary(double (*function)(double)) {
  return [=](Args x) { return function(x[0]); };
}
static ScalarFunction binary(double (*function)(double, double)) {
  return [=](Args x) { return function(x[0], x[1]); };
}
template <typename FunctorT>
static ScalarFunction binary(FunctorT functor) {
  return [=](Args x) { return functor(x[0], x[1]); };
}

/// Unlike arith.maxnumf, these propagate NaN.
static double maximum(double a, double b) {
  return hasPoison({a, b}) ? kPoison : std::fmax(a, b);
}
static double minimum(double a, double b) {
  return hasPoison({a, b}) ? kPoison : std::fmin(a, b);
}

static ScalarFunction floatFunction(Operation *op) {
  using namespace arith;
  using namespace math;
  return TypeSwitch<Operation *, ScalarFunction>(op)
      .Case([](AddFOp) { return binary(std::plus<>()); })
      .Case([](SubFOp) { return binary(std::minus<>()); })
      .Case([](MulFOp) { return binary(std::multiplies<>()); })
      .Case([](DivFOp) { return binary(std::divides<>()); })
      .Case([](RemFOp) { return binary(std::fmod); })
      .Case([](NegFOp) { return unary([](double x) { return -x; }); })
      .Case([](MaximumFOp) { return binary(maximum); })
      .Case([](MinimumFOp) { return binary(minimum); })
      .Case([](MaxNumFOp) { return binary(std::fmax); })
      .Case([](MinNumFOp) { return binary(std::fmin); })
      .Case([](CmpFOp op) -> ScalarFunction {
        return [predicate = op.getPredicate()](Args x) {
          return applyCmpPredicate(predicate, APFloat(x[0]), APFloat(x[1]));
        };
      })
      .Case<ExtFOp, TruncFOp>(
          [](auto) { return unary([](double x) { return x; }); })
      .Case([](AbsFOp) { return unary(std::fabs); })
      .Case([](CeilOp) { return unary(std::ceil); })
      .Case([](CosOp) { return unary(std::cos); })
      .Case([](ErfOp) { return unary(std::erf); })
      .Case([](ExpOp) { return unary(std::exp); })
      .Case([](Exp2Op) { return unary(std::exp2); })
      .Case([](ExpM1Op) { return unary(std::expm1); })
      .Case([](FloorOp) { return unary(std::floor); })
      .Case([](FmaOp) -> ScalarFunction {
        return [](Args x) { return std::fma(x[0], x[1], x[2]); };
      })
      .Case([](LogOp) { return unary(std::log); })
      .Case([](Log1pOp) { return unary(std::log1p); })
      .Case([](Log2Op) { return unary(std::log2); })
      .Case([](PowFOp) { return binary(std::pow); })
      .Case([](RsqrtOp) {
        return unary([](double x) { return 1 / std::sqrt(x); });
      })
      .Case([](SinOp) { return unary(std::sin); })
      .Case([](SqrtOp) { return unary(std::sqrt); })
      .Case([](TanhOp) { return unary(std::tanh); })
      .Default(ScalarFunction());
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// The integer of `width` bits that `x` wraps to; an i1 is 0 or 1.
static double wrap(int64_t x, unsigned width) {
  return width == 1 ? x & 1 : llvm::SignExtend64(x, width);
}
static int64_t asSigned(double x, unsigned width) {
  return width == 1 ? -static_cast<int64_t>(x) : static_cast<int64_t>(x);
}
static int64_t asUnsigned(double x, unsigned width) {
  return static_cast<int64_t>(x) & llvm::maskTrailingOnes<uint64_t>(width);
}

/// An integer op of one or two operands, read as signed or as unsigned. The
/// functor gives an integer, or nothing where the op is undefined.
template <typename FunctorT>
static ScalarFunction integer(Operation *op, bool isSigned, FunctorT functor) {
  unsigned width = op->getOperand(0).getType().getIntOrFloatBitWidth();
  unsigned resultWidth = op->getResult(0).getType().getIntOrFloatBitWidth();
  auto read = isSigned ? asSigned : asUnsigned;
  return [=](Args x) {
    if (hasPoison(x))
      return kPoison;
    std::optional<int64_t> result =
        functor(read(x.front(), width), read(x.back(), width));
    return result ? wrap(*result, resultWidth) : kPoison;
  };
}

static std::optional<int64_t> quotient(int64_t a, int64_t b) {
  return b ? std::optional(a / b) : std::nullopt;
}
static std::optional<int64_t> modulo(int64_t a, int64_t b) {
  return b ? std::optional(a % b) : std::nullopt;
}
static int64_t larger(int64_t a, int64_t b) { return std::max(a, b); }
static int64_t smaller(int64_t a, int64_t b) { return std::min(a, b); }
static int64_t convert(int64_t a, int64_t) { return a; }

static ScalarFunction compareIntegers(arith::CmpIOp op) {
  unsigned width = op.getLhs().getType().getIntOrFloatBitWidth();
  return [=, predicate = op.getPredicate()](Args x) -> double {
    if (hasPoison(x))
      return kPoison;
    return arith::applyCmpPredicate(predicate,
                                    APInt(width, asUnsigned(x[0], width)),
                                    APInt(width, asUnsigned(x[1], width)));
  };
}

/// Rounds towards zero; out of range is undefined.
static ScalarFunction floatToInteger(arith::FPToSIOp op) {
  unsigned width = op.getType().getIntOrFloatBitWidth();
  double limit = std::ldexp(1.0, width - 1);
  return [=](Args x) {
    double result = std::trunc(x[0]);
    if (!(result >= -limit && result < limit))
      return kPoison;
    return wrap(static_cast<int64_t>(result), width);
  };
}

/// Reads an integer as a float.
static ScalarFunction integerToFloat(Operation *op, bool isSigned) {
  unsigned width = op->getOperand(0).getType().getIntOrFloatBitWidth();
  auto read = isSigned ? asSigned : asUnsigned;
  return [=](Args x) -> double {
    return hasPoison(x) ? kPoison : read(x[0], width);
  };
}

static ScalarFunction integerFunction(Operation *op) {
  using namespace arith;
  return TypeSwitch<Operation *, ScalarFunction>(op)
      .Case([](AddIOp op) { return integer(op, true, std::plus<>()); })
      .Case([](SubIOp op) { return integer(op, true, std::minus<>()); })
      .Case([](MulIOp op) { return integer(op, true, std::multiplies<>()); })
      .Case([](DivSIOp op) { return integer(op, true, quotient); })
      .Case([](DivUIOp op) { return integer(op, false, quotient); })
      .Case([](RemSIOp op) { return integer(op, true, modulo); })
      .Case([](RemUIOp op) { return integer(op, false, modulo); })
      .Case([](MaxSIOp op) { return integer(op, true, larger); })
      .Case([](MaxUIOp op) { return integer(op, false, larger); })
      .Case([](MinSIOp op) { return integer(op, true, smaller); })
      .Case([](MinUIOp op) { return integer(op, false, smaller); })
      .Case([](AndIOp op) { return integer(op, true, std::bit_and<>()); })
      .Case([](OrIOp op) { return integer(op, true, std::bit_or<>()); })
      .Case([](XOrIOp op) { return integer(op, true, std::bit_xor<>()); })
      .Case([](ExtSIOp op) { return integer(op, true, convert); })
      .Case([](ExtUIOp op) { return integer(op, false, convert); })
      .Case([](TruncIOp op) { return integer(op, true, convert); })
      .Case([](SIToFPOp op) { return integerToFloat(op, true); })
      .Case([](UIToFPOp op) { return integerToFloat(op, false); })
      .Case([](FPToSIOp op) { return floatToInteger(op); })
      .Case([](CmpIOp op) { return compareIntegers(op); })
      .Default(ScalarFunction());
}

//===----------------------------------------------------------------------===//
// All
//===----------------------------------------------------------------------===//

/// An integer of more bits would not be exact in a double.
static bool isSupportedType(Type type) {
  return isa<FloatType>(type) ||
         (type.isSignlessInteger() && type.getIntOrFloatBitWidth() <= 32);
}

static double constantOf(arith::ConstantOp op) {
  if (auto value = dyn_cast<FloatAttr>(op.getValue()))
    return value.getValueAsDouble();
  APInt value = cast<IntegerAttr>(op.getValue()).getValue();
  return wrap(value.getSExtValue(), value.getBitWidth());
}

ScalarFunction attn::interp::scalarFunction(Operation *op) {
  if (op->getNumResults() != 1 ||
      !llvm::all_of(op->getOperandTypes(), isSupportedType) ||
      !llvm::all_of(op->getResultTypes(), isSupportedType))
    return {};
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return [value = constantOf(constant)](Args) { return value; };
  if (isa<arith::SelectOp>(op))
    return [](Args x) { return x[0] != 0 ? x[1] : x[2]; };
  if (ScalarFunction function = floatFunction(op))
    return function;
  return integerFunction(op);
}
