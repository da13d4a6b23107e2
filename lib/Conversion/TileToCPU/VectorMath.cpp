//===- VectorMath.cpp - exp2, log2 and tanh on vectors ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorMath.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attn::cpu;

/// Minimax polynomials of 2^f on [-1/2, 1/2] in relative error, from the
/// constant upwards (Remez; the script is in docs/numerics.md).
static ArrayRef<double> exp2Coefficients(int64_t degree) {
  static const double d3[] = {9.9992807354e-01, 6.9326098545e-01,
                              2.4261112222e-01, 5.5171669093e-02};
  static const double d4[] = {9.9999926145e-01, 6.9312181474e-01,
                              2.4024744825e-01, 5.5917860306e-02,
                              9.5701020146e-03};
  static const double d5[] = {1.0000000717e+00, 6.9314696707e-01,
                              2.4022119724e-01, 5.5507132729e-02,
                              9.6755413310e-03, 1.3276472168e-03};
  static const double d6[] = {
      1.0000000006e+00, 6.9314720574e-01, 2.4022646891e-01, 5.5503287770e-02,
      9.6184889565e-03, 1.3399931209e-03, 1.5345812165e-04};
  static const double d7[] = {
      9.9999999996e-01, 6.9314718073e-01, 2.4022651198e-01, 5.5504103535e-02,
      9.6180272537e-03, 1.3333922560e-03, 1.5469291140e-04, 1.5201922589e-05};
  static const ArrayRef<double> all[] = {d3, d4, d5, d6, d7};
  return all[degree - 3];
}

Value attn::cpu::emitExp2(Emitter &e, Value x, int64_t degree) {
  auto type = cast<VectorType>(x.getType());
  VectorType ints = e.vec(type.getNumElements(), e.i32());
  // Adding 1.5 * 2^23 rounds to an integer, which is then found in the low
  // bits.
  Value magic = e.splat(12582912.0, type);
  Value shifted = e.addF(x, magic);
  Value whole = arith::SubFOp::create(e.b, e.loc, shifted, magic);
  Value fraction = arith::SubFOp::create(e.b, e.loc, x, whole);
  ArrayRef<double> coefficients = exp2Coefficients(degree);
  Value p = e.splat(coefficients.back(), type);
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    p = e.fma(p, fraction, e.splat(coefficient, type));
  Value exponent = arith::ShLIOp::create(e.b, e.loc, e.bitcast(shifted, ints),
                                         e.splat(int64_t(23), ints));
  Value scaled = e.bitcast(
      arith::AddIOp::create(e.b, e.loc, e.bitcast(p, ints), exponent), type);
  Value small = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OLT, x,
                                      e.splat(-126.0, type));
  return e.select(small, e.zeros(type), scaled);
}

Value attn::cpu::emitLog2(Emitter &e, Value x) {
  auto type = cast<VectorType>(x.getType());
  VectorType ints = e.vec(type.getNumElements(), e.i32());
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)).
  Value bits = e.bitcast(x, ints);
  Value sqrtHalf = e.splat(int64_t(0x3f3504f3), ints);
  Value offset = arith::SubIOp::create(e.b, e.loc, bits, sqrtHalf);
  Value k =
      arith::ShRSIOp::create(e.b, e.loc, offset, e.splat(int64_t(23), ints));
  Value kBits =
      arith::ShLIOp::create(e.b, e.loc, k, e.splat(int64_t(23), ints));
  Value m = e.bitcast(arith::SubIOp::create(e.b, e.loc, bits, kBits), type);
  // log2 m = 2/ln2 * atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
  Value one = e.splat(1.0, type);
  Value s = arith::DivFOp::create(
      e.b, e.loc, arith::SubFOp::create(e.b, e.loc, m, one), e.addF(m, one));
  Value s2 = e.mulF(s, s);
  Value p = e.splat(1.0 / 9, type);
  for (double odd : {7.0, 5.0, 3.0, 1.0})
    p = e.fma(p, s2, e.splat(1.0 / odd, type));
  Value log = e.mulF(e.mulF(s, p), e.splat(2.8853900817779268, type));
  return e.addF(arith::SIToFPOp::create(e.b, e.loc, type, k), log);
}

Value attn::cpu::emitTanh(Emitter &e, Value x) {
  auto type = cast<VectorType>(x.getType());
  Value magnitude = math::AbsFOp::create(e.b, e.loc, x);
  // t = e^(-2|x|) lies in (0, 1], so nothing overflows.
  Value t =
      emitExp2(e, e.mulF(magnitude, e.splat(-2.8853900817779268, type)), 6);
  Value one = e.splat(1.0, type);
  Value result = arith::DivFOp::create(
      e.b, e.loc, arith::SubFOp::create(e.b, e.loc, one, t), e.addF(one, t));
  return math::CopySignOp::create(e.b, e.loc, result, x);
}
