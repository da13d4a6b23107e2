//===- Numbers.h - Floats of any format, and products of them ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_INTEGRATION_NUMBERS_H
#define ATTN_TEST_UNIT_INTEGRATION_NUMBERS_H

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringRef.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace attn::test {

/// Floats of a format, in its bits.
struct Numbers {
  Numbers(const char *dtype, size_t count)
      : format(dtype == llvm::StringRef("bf16")  ? llvm::APFloat::BFloat()
               : dtype == llvm::StringRef("f16") ? llvm::APFloat::IEEEhalf()
                                                 : llvm::APFloat::IEEEsingle()),
        bytes(llvm::APFloat::semanticsSizeInBits(format) / 8),
        data(count * bytes, '\xff') {} // NaN
  double get(size_t i) const {
    uint64_t bits = 0;
    std::memcpy(&bits, &data[i * bytes], bytes);
    llvm::APFloat value(format, llvm::APInt(bytes * 8, bits));
    bool lossy;
    value.convert(llvm::APFloat::IEEEdouble(),
                  llvm::APFloat::rmNearestTiesToEven, &lossy);
    return value.convertToDouble();
  }
  void set(size_t i, double x) {
    llvm::APFloat value(x);
    bool lossy;
    value.convert(format, llvm::APFloat::rmNearestTiesToEven, &lossy);
    uint64_t bits = value.bitcastToAPInt().getZExtValue();
    std::memcpy(&data[i * bytes], &bits, bytes);
  }
  const llvm::fltSemantics &format;
  size_t bytes;
  std::vector<char> data;
};

/// A product in float64 of numbers of 16 or 32 bits.
struct Product {
  double value = 0, magnitude = 0;
  /// What one in `out`'s format may be off: f32 sums, the rest of an f32 input
  /// (`wide`) beyond 16 bits, and rounding.
  double limit(const Numbers &out, bool wide) const {
    return magnitude * (wide ? 1e-5 : 1e-6) +
           std::fabs(value) *
               std::ldexp(1.0,
                          -int(llvm::APFloat::semanticsPrecision(out.format)));
  }
  /// The same of the sum of two, the second of which is what rounding left of
  /// the first.
  double limitInParts(const Numbers &out) const {
    return magnitude * 1e-6 +
           std::fabs(value) *
               std::ldexp(1.0, -2 * int(llvm::APFloat::semanticsPrecision(
                                        out.format)));
  }
};

/// Of `count` numbers of x from `first` on, and those of y from `start` on,
/// `stride` apart.
inline Product multiply(const Numbers &x, size_t first, const Numbers &y,
                        size_t start, size_t stride, size_t count) {
  Product result;
  for (size_t i = 0; i < count; ++i) {
    double product = x.get(first + i) * y.get(start + i * stride);
    result.value += product;
    result.magnitude += std::fabs(product);
  }
  return result;
}

} // namespace attn::test

#endif // ATTN_TEST_UNIT_INTEGRATION_NUMBERS_H
