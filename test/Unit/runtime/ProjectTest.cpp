//===-- ProjectTest.cpp - attn_project against float64 --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Product.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>

using namespace attn::test;

namespace {

/// Levels of this host that have code of their own.
std::vector<int32_t> levels() {
  std::vector<int32_t> result;
  for (int32_t isa : {ATTN_ISA_AVX2, ATTN_ISA_AVX512})
    if (isa <= attn_cpu_isa())
      result.push_back(isa);
  return result;
}

TEST(Project, MatchesFloat64) {
  // Rows around the tiles' heights, widths with and without tails, inputs past
  // what is converted at a time.
  const ProductShape shapes[] = {
      {1, 3, 128, 512}, {2, 2, 64, 256}, {3, 1, 512, 128}, {4, 2, 192, 64},
      {5, 1, 33, 17},   {7, 2, 1, 1},    {13, 1, 70, 45},  {2, 1, 1100, 35}};
  for (int32_t isa : levels())
    for (int32_t dtype : {ATTN_BF16, ATTN_F16, ATTN_F32})
      for (bool outIsContiguous : {true, false})
        for (const ProductShape &shape : shapes) {
          SCOPED_TRACE(std::string(attn_isa_name(isa)) + " " +
                       attn_dtype_name(dtype) + " in_dim " +
                       std::to_string(shape.inDim) + " rows " +
                       std::to_string(shape.rows));
          Product product(dtype, shape, outIsContiguous);
          product.p.isa = isa;
          ASSERT_EQ(attn_project(&product.p), ATTN_OK) << attn_error_message();
          EXPECT_LE(product.worstShare(), 1);
          EXPECT_TRUE(product.gapsAreUntouched());
        }
}

TEST(Project, ThreadsChangeNoBit) {
  for (bool outIsContiguous : {true, false}) {
    // Fewer heads than threads: a head's outputs are shared too.
    ProductShape shape = {5, 3, 128, 512};
    Product alone(ATTN_BF16, shape, outIsContiguous);
    ASSERT_EQ(attn_project(&alone.p), ATTN_OK) << attn_error_message();
    for (int32_t threads : {2, 4, 7}) {
      Product shared(ATTN_BF16, shape, outIsContiguous);
      ASSERT_EQ(attn_pool_create(threads, &shared.p.pool), ATTN_OK);
      ASSERT_EQ(attn_project(&shared.p), ATTN_OK) << attn_error_message();
      attn_pool_destroy(shared.p.pool);
      EXPECT_EQ(shared.out, alone.out);
    }
  }
}

// Both weights as they lie in kv_b_proj.weight [heads * (nope + v), rank].
TEST(Project, ReadsACheckpointsWeightInPlace) {
  constexpr int32_t heads = 3, nope = 24, v = 40, rank = 64;
  Product whole(ATTN_BF16, {1, 1, heads * (nope + v), rank}, true);
  auto *weight = whole.weight.data();
  int64_t stride = whole.p.weight_stride_in; // of a row of rank elements
  for (bool absorb : {true, false}) {
    Product product(ATTN_BF16,
                    {2, heads, absorb ? nope : rank, absorb ? rank : v}, true);
    attn_project_params &p = product.p;
    p.weight_stride_head = (nope + v) * stride;
    p.weight_stride_in = absorb ? stride : 1;
    p.weight_stride_out = absorb ? 1 : stride;
    p.weight = weight + (absorb ? 0 : nope * stride * 2);
    ASSERT_EQ(attn_project(&p), ATTN_OK) << attn_error_message();
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t o = 0; o < p.out_dim; ++o) {
        double sum = 0, magnitude = 0;
        for (int64_t i = 0; i < p.in_dim; ++i) {
          int64_t row = h * (nope + v) + (absorb ? i : nope + o);
          double x = readElement(p.in, p.dtype,
                                 p.in_stride_row + h * p.in_stride_head + i);
          double w =
              readElement(weight, p.dtype, row * stride + (absorb ? o : i));
          sum += x * w;
          magnitude += std::abs(x * w);
        }
        double got = readElement(p.out, p.dtype,
                                 p.out_stride_row + h * p.out_stride_head + o);
        EXPECT_LE(std::abs(got - sum),
                  0x1p-8 * std::abs(sum) + p.in_dim * 0x1p-24 * magnitude);
      }
  }
}

TEST(Project, NoRowsIsFine) {
  Product product(ATTN_F32, {2, 1, 8, 8}, true);
  product.p.rows = 0;
  product.p.in = product.p.weight = product.p.out = nullptr;
  EXPECT_EQ(attn_project(&product.p), ATTN_OK) << attn_error_message();
}

TEST(Project, RefusesBadInputAndWritesNothing) {
  struct Case {
    const char *what;
    attn_status status;
    std::function<void(Product &, attn_project_params &)> spoil;
  };
#define SPOIL(statement)                                                       \
  [](Product &c, attn_project_params &p) {                                     \
    (void)c, (void)p;                                                          \
    statement;                                                                 \
  }
  const Case cases[] = {
      {"size", ATTN_ERROR_STRUCT_SIZE, SPOIL(p.struct_size -= 16)},
      {"flags", ATTN_ERROR_FLAGS, SPOIL(p.flags = 1)},
      {"dtype", ATTN_ERROR_ENUM, SPOIL(p.dtype = 3)},
      {"isa", ATTN_ERROR_ENUM, SPOIL(p.isa = -2)},
      {"device", ATTN_ERROR_ENUM, SPOIL(p.device = 7)},
      {"CUDA", ATTN_ERROR_NULL_POINTER, SPOIL(p.device = ATTN_DEVICE_CUDA)},
      {"stream", ATTN_ERROR_DEVICE, SPOIL(p.stream = &p)},
      {"heads", ATTN_ERROR_SHAPE, SPOIL(p.heads = 0)},
      {"in_dim", ATTN_ERROR_SHAPE, SPOIL(p.in_dim = 0)},
      {"out_dim", ATTN_ERROR_SHAPE, SPOIL(p.out_dim = -1)},
      {"rows", ATTN_ERROR_SHAPE, SPOIL(p.rows = -1)},
      {"rows huge", ATTN_ERROR_SHAPE, SPOIL(p.rows = int64_t(1) << 31)},
      {"in", ATTN_ERROR_NULL_POINTER, SPOIL(p.in = nullptr)},
      {"weight", ATTN_ERROR_NULL_POINTER, SPOIL(p.weight = nullptr)},
      {"out", ATTN_ERROR_NULL_POINTER, SPOIL(p.out = nullptr)},
      {"in misaligned", ATTN_ERROR_MISALIGNED, SPOIL(p.in = &c.in[1])},
      {"weight misaligned", ATTN_ERROR_MISALIGNED,
       SPOIL(p.weight = &c.weight[1])},
      {"out misaligned", ATTN_ERROR_MISALIGNED, SPOIL(p.out = &c.out[1])},
      {"in negative", ATTN_ERROR_STRIDE, SPOIL(p.in_stride_row = -1)},
      {"weight in neither way", ATTN_ERROR_STRIDE,
       SPOIL(p.weight_stride_out = 2)},
      {"weight overflows", ATTN_ERROR_STRIDE,
       SPOIL(p.weight_stride_head = INT64_MAX)},
      {"out heads overlap", ATTN_ERROR_STRIDE,
       SPOIL(p.out_stride_head = p.out_dim - 1)},
      {"out rows overlap", ATTN_ERROR_STRIDE, SPOIL(p.out_stride_row = 1)},
  };
#undef SPOIL
  for (const Case &c : cases) {
    SCOPED_TRACE(c.what);
    Product product(ATTN_BF16, {2, 2, 16, 16}, true);
    c.spoil(product, product.p);
    attn_status status = attn_project(&product.p);
    EXPECT_EQ(status, c.status)
        << attn_status_name(status) << ": " << attn_error_message();
    EXPECT_EQ(product.out, Bytes(product.out.size(), kCanary));
  }
  EXPECT_EQ(attn_project(nullptr), ATTN_ERROR_NULL_POINTER);
}

} // namespace
