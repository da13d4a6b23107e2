//===-- Product.h - A random product of attn_project ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_PRODUCT_H
#define ATTN_TEST_UNIT_RUNTIME_PRODUCT_H

#include "Problem.h"

#include "attn_layout.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace attn::test {

struct ProductShape {
  int64_t rows;
  int32_t heads, inDim, outDim;
};

/// A product with random inputs, gaps in every tensor, and canaries in out.
class Product {
public:
  Product(int32_t dtype, ProductShape shape, bool outIsContiguous,
          uint64_t seed = 1)
      : random(seed) {
    p.struct_size = sizeof p;
    p.dtype = dtype;
    p.isa = ATTN_ISA_AUTO;
    p.heads = shape.heads;
    p.in_dim = shape.inDim;
    p.out_dim = shape.outDim;
    p.rows = shape.rows;
    p.in_stride_head = p.in_dim + 3;
    p.in_stride_row = p.heads * p.in_stride_head + 1;
    int64_t wide = outIsContiguous ? p.out_dim + 2 : p.in_dim + 2;
    p.weight_stride_in = outIsContiguous ? wide : 1;
    p.weight_stride_out = outIsContiguous ? 1 : wide;
    p.weight_stride_head = (outIsContiguous ? p.in_dim : p.out_dim) * wide + 5;
    p.out_stride_head = p.out_dim + 1;
    p.out_stride_row = p.heads * p.out_stride_head + 2;
    fill(in, p.rows * p.in_stride_row);
    fill(weight, p.heads * p.weight_stride_head);
    out.assign(size_t(p.rows * p.out_stride_row * attn_dtype_size(dtype)),
               kCanary);
    p.in = in.data();
    p.weight = weight.data();
    p.out = out.data();
  }

  /// Largest share of the bound that an element's error takes. The bound is
  /// that of a sum of in_dim products in f32, plus the output's rounding.
  double worstShare() const {
    double worst = 0;
    for (int64_t r = 0; r < p.rows; ++r)
      for (int64_t h = 0; h < p.heads; ++h)
        for (int64_t o = 0; o < p.out_dim; ++o) {
          double sum = 0, magnitude = 0;
          for (int64_t i = 0; i < p.in_dim; ++i) {
            double x =
                readElement(in.data(), p.dtype,
                            r * p.in_stride_row + h * p.in_stride_head + i);
            double w =
                readElement(weight.data(), p.dtype,
                            h * p.weight_stride_head + i * p.weight_stride_in +
                                o * p.weight_stride_out);
            sum += x * w;
            magnitude += std::abs(x * w);
          }
          double got = readElement(out.data(), p.dtype, index(r, h) + o);
          double bound = p.in_dim * 0x1p-24 * magnitude +
                         std::max(roundingUnit(p.dtype) * std::abs(sum),
                                  leastRounding(p.dtype));
          double share = std::abs(got - sum) / bound;
          worst = std::max(worst, std::isnan(share) ? INFINITY : share);
        }
    return worst;
  }

  /// Half the distance of the smallest numbers of a dtype. That of bf16 and f32
  /// is far below what a product of normal values comes to.
  static double leastRounding(int32_t dtype) {
    return dtype == ATTN_F16 ? 0x1p-25 : 0;
  }

  bool gapsAreUntouched() const {
    Bytes gaps = out;
    int64_t size = attn_dtype_size(p.dtype);
    for (int64_t r = 0; r < p.rows; ++r)
      for (int64_t h = 0; h < p.heads; ++h)
        memset(&gaps[size_t(index(r, h) * size)], kCanary,
               size_t(p.out_dim * size));
    return gaps == Bytes(gaps.size(), kCanary);
  }

  attn_project_params p = {};
  Bytes in, weight, out;

private:
  int64_t index(int64_t row, int64_t head) const {
    return row * p.out_stride_row + head * p.out_stride_head;
  }

  void fill(Bytes &bytes, int64_t count) {
    std::normal_distribution<double> normal;
    bytes.resize(size_t(count * attn_dtype_size(p.dtype)));
    for (int64_t i = 0; i < count; ++i)
      writeElement(bytes.data(), p.dtype, i, normal(random));
  }

  std::mt19937_64 random;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_PRODUCT_H
