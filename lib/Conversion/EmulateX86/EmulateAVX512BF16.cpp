//===-- EmulateAVX512BF16.cpp - AVX512-BF16 as common arithmetic ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic is that of lib/EmulationX86/Float.h, on vectors; why it is
// right is said there.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace {

constexpr uint32_t signBit = 0x80000000;
constexpr uint32_t exponentMask = 0x7F800000;
constexpr uint32_t quietBit = 0x00400000;
constexpr uint32_t defaultNaN = 0xFFC00000;
constexpr uint32_t leastNormal = 0x00800000;

/// `type` with its element type, or itself if it is a scalar, replaced.
Type withElement(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

/// Builds the instructions' arithmetic on f32 that are given as their bits: i32
/// values or vectors of one shape.
class BitArithmetic {
public:
  BitArithmetic(ImplicitLocOpBuilder &builder, Type shape)
      : builder(builder), intType(withElement(shape, builder.getI32Type())),
        floatType(withElement(shape, builder.getF32Type())) {}

  /// The bits of f32 values.
  Value bits(Value floats) {
    return arith::BitcastOp::create(builder, intType, floats);
  }

  Value floats(Value bits) {
    return arith::BitcastOp::create(builder, floatType, bits);
  }

  Value constant(uint32_t value) {
    return constant(intType, builder.getI32IntegerAttr(value));
  }

  Value constant(float value) {
    return constant(floatType, builder.getF32FloatAttr(value));
  }

  Value andMask(Value x, uint32_t mask) {
    return arith::AndIOp::create(builder, x, constant(mask));
  }

  Value orMask(Value x, uint32_t mask) {
    return arith::OrIOp::create(builder, x, constant(mask));
  }

  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(builder, condition, x, y);
  }

  Value isNaN(Value x) {
    return compare(arith::CmpIPredicate::ugt, andMask(x, ~signBit),
                   exponentMask);
  }

  Value isZeroOrDenormal(Value x) {
    return compare(arith::CmpIPredicate::ult, andMask(x, ~signBit),
                   leastNormal);
  }

  /// Denormals are zeros.
  Value daz(Value x) {
    Value zero = andMask(x, signBit);
    return select(isZeroOrDenormal(x), zero, x);
  }

  /// x * y + z, of which z is not denormal.
  Value fma(Value x, Value y, Value z) {
    Value a = floats(daz(x)), b = floats(daz(y)), c = floats(z);
    Value result = bits(vector::FMAOp::create(builder, a, b, c));

    Value scale = constant(0x1p64f);
    a = arith::MulFOp::create(builder, a, scale);
    c = arith::MulFOp::create(builder, c, scale);
    Value scaled = bits(vector::FMAOp::create(builder, a, b, c));
    Value magnitude = floats(andMask(scaled, ~signBit));
    Value tiny = arith::CmpFOp::create(builder, arith::CmpFPredicate::OLT,
                                       magnitude, constant(0x1p-62f));
    Value zero = andMask(result, signBit);
    result = select(tiny, zero, result);

    Value nan = constant(defaultNaN);
    for (Value operand : {z, y, x})
      nan = select(isNaN(operand), operand, nan);
    nan = orMask(nan, quietBit);
    return select(isNaN(result), nan, result);
  }

  /// VCVTNEPS2BF16: the bits of the bf16, as i16.
  Value truncate(Value x) {
    Value sixteen = constant(uint32_t(16));
    Value leastBit = andMask(arith::ShRUIOp::create(builder, x, sixteen), 1);
    Value bias =
        arith::AddIOp::create(builder, leastBit, constant(uint32_t(0x7FFF)));
    Value result = arith::AddIOp::create(builder, x, bias);
    Value nan = orMask(x, quietBit);
    result = select(isNaN(x), nan, result);
    Value zero = andMask(x, signBit);
    result = select(isZeroOrDenormal(x), zero, result);
    result = arith::ShRUIOp::create(builder, result, sixteen);
    return arith::TruncIOp::create(
        builder, withElement(intType, builder.getI16Type()), result);
  }

private:
  Value constant(Type type, TypedAttr value) {
    if (auto shaped = dyn_cast<ShapedType>(type))
      value = DenseElementsAttr::get(shaped, Attribute(value));
    return arith::ConstantOp::create(builder, type, value);
  }

  Value compare(arith::CmpIPredicate predicate, Value x, uint32_t y) {
    return arith::CmpIOp::create(builder, predicate, x, constant(y));
  }

  ImplicitLocOpBuilder &builder;
  Type intType;
  Type floatType;
};

/// x86vector.avx512.dot: the odd elements' products are added first, each sum
/// is rounded (SDM, "VDPBF16PS").
struct DotPattern : OpConversionPattern<x86vector::DotBF16Op> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(x86vector::DotBF16Op op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    BitArithmetic arithmetic(b, op.getDst().getType());
    auto pairType = withElement(op.getDst().getType(), b.getI32Type());
    auto pairs = [&](Value elements) -> Value {
      return vector::BitCastOp::create(b, cast<VectorType>(pairType), elements);
    };
    auto even = [&](Value pairs) -> Value {
      return arith::ShLIOp::create(b, pairs, arithmetic.constant(uint32_t(16)));
    };
    auto odd = [&](Value pairs) {
      return arithmetic.andMask(pairs, 0xFFFF0000);
    };
    Value x = pairs(adaptor.getA()), y = pairs(adaptor.getB());
    Value sum = arithmetic.daz(arithmetic.bits(adaptor.getSrc()));
    Value oddX = odd(x), oddY = odd(y);
    sum = arithmetic.fma(oddX, oddY, sum);
    Value evenX = even(x), evenY = even(y);
    sum = arithmetic.fma(evenX, evenY, sum);
    rewriter.replaceOp(op, arithmetic.floats(sum));
    return success();
  }
};

/// Truncations of f32 to bf16.
template <typename Op>
struct ConvertPattern : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!attn::emulation::isBF16Conversion(op))
      return rewriter.notifyMatchFailure(
          op, "no rounding to nearest even from f32 to bf16");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value value = adaptor.getOperands()[0];
    BitArithmetic arithmetic(b, value.getType());
    Value bits = arithmetic.truncate(arithmetic.bits(value));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(
        op, op->getResult(0).getType(), bits);
    return success();
  }
};

} // namespace

bool attn::emulation::isBF16Conversion(Operation *op) {
  if (isa<x86vector::CvtPackedF32ToBF16Op>(op))
    return true;
  auto truncation = dyn_cast<arith::TruncFOp>(op);
  return truncation &&
         getElementTypeOrSelf(truncation.getIn().getType()).isF32() &&
         getElementTypeOrSelf(truncation.getOut().getType()).isBF16() &&
         truncation.getRoundingmode().value_or(
             arith::RoundingMode::to_nearest_even) ==
             arith::RoundingMode::to_nearest_even;
}

void attn::emulation::populateAVX512BF16Patterns(RewritePatternSet &patterns,
                                                 ConversionTarget &target) {
  patterns.add<DotPattern, ConvertPattern<x86vector::CvtPackedF32ToBF16Op>,
               ConvertPattern<arith::TruncFOp>>(patterns.getContext());
  target.addLegalDialect<arith::ArithDialect, vector::VectorDialect>();
  target.addIllegalOp<x86vector::DotBF16Op, x86vector::CvtPackedF32ToBF16Op>();
  target.addDynamicallyLegalOp<arith::TruncFOp>(
      [](arith::TruncFOp op) { return !isBF16Conversion(op); });
}
