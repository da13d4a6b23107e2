//===-- Float.h - Scalar arithmetic of the BF16 instructions ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Floats are handled as their bit patterns wherever NaNs matter, since the
// compiler is free to swap the operands of a floating-point operation and so to
// propagate another NaN.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EMULATIONX86_FLOAT_H
#define ATTN_LIB_EMULATIONX86_FLOAT_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>

/// Inlined into functions for other instruction sets than the baseline.
#define ATTN_EMU_INLINE [[gnu::always_inline]] inline

namespace attn::emulation {

constexpr uint32_t signBit = 0x80000000;
constexpr uint32_t exponentMask = 0x7F800000;
constexpr uint32_t quietBit = 0x00400000;
constexpr uint32_t defaultNaN = 0xFFC00000;
constexpr uint32_t one = 0x3F800000;

ATTN_EMU_INLINE float toFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

ATTN_EMU_INLINE uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

ATTN_EMU_INLINE bool isNaN(uint32_t bits) {
  return (bits & ~signBit) > exponentMask;
}

/// Denormals are zeros.
ATTN_EMU_INLINE uint32_t daz(uint32_t bits) {
  return bits & exponentMask ? bits : bits & signBit;
}

/// a * b + c, rounded to nearest even and flushed to zero if tiny after
/// rounding; no input is denormal. The result is right up to which NaN it is.
///
/// A result is tiny after rounding if it is below the least normal 2^-126 once
/// rounded to 24 bits with an unbounded exponent. Rounding to the denormals'
/// grid instead, as the plain multiply-add does, can reach 2^-126 from values
/// that are tiny; so a second multiply-add, scaled by 2^64, decides. Where the
/// scaling overflows, |a| or |c| is at least 2^64 and the result is zero or not
/// tiny: one of the addends is then a multiple of 2^-76, and the other would
/// have to be as large for the sum to be tiny.
ATTN_EMU_INLINE float fmaFlush(float a, float b, float c) {
  float value = __builtin_fmaf(a, b, c);
  float scaled = __builtin_fmaf(a * 0x1p64f, b, c * 0x1p64f);
  uint32_t bits = toBits(value);
  bool tiny = std::fabs(scaled) < 0x1p-62f;
  return toFloat(tiny ? bits & signBit : bits);
}

/// a * b + c with all of the instructions' rules.
inline uint32_t fma(uint32_t a, uint32_t b, uint32_t c) {
  for (uint32_t operand : {a, b, c})
    if (isNaN(operand))
      return operand | quietBit;
  uint32_t result =
      toBits(fmaFlush(toFloat(daz(a)), toFloat(daz(b)), toFloat(daz(c))));
  return isNaN(result) ? defaultNaN : result;
}

/// a + b with all of the instructions' rules.
inline uint32_t add(uint32_t a, uint32_t b) {
  if (isNaN(a))
    return a | quietBit;
  return fma(b, one, a);
}

/// SDM volume 2, "VCVTNEPS2BF16": convert_fp32_to_bfloat16.
inline uint16_t truncate(uint32_t bits) {
  if (!(bits & exponentMask))
    return (bits & signBit) >> 16;
  if (isNaN(bits))
    return (bits | quietBit) >> 16;
  uint32_t leastBit = (bits >> 16) & 1;
  return (bits + 0x7FFF + leastBit) >> 16;
}

} // namespace attn::emulation

#endif // ATTN_LIB_EMULATIONX86_FLOAT_H
