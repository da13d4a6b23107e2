//===- ProjectionTest.cpp - Projection kernels against float64 ------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "attn/Harness/Session.h"
#include "attn/Interpreter/Rounding.h"
#include "attn/Register.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace attn;
using namespace attn::harness;
using namespace attn::test;

namespace {

struct Shape {
  CPULevel level;
  const char *dtype;
  int64_t heads, k, n;
  bool wide; ///< the input is f32
  bool transposed = false;
  int64_t fewRows = 4;
};

std::string nameOf(const testing::TestParamInfo<Shape> &info) {
  const Shape &s = info.param;
  return llvm::formatv("{0}_{1}_{2}x{3}x{4}{5}{6}{7}", cpuLevelName(s.level),
                       s.dtype, s.heads, s.k, s.n, s.wide ? "_wide" : "",
                       s.transposed ? "_transposed" : "",
                       s.fewRows ? "" : "_tiles");
}

class ProjectionKernel : public testing::TestWithParam<Shape> {};

std::string irOf(const Shape &s) {
  const char *engine =
      s.level == CPULevel::AMX && s.dtype == llvm::StringRef("bf16") ? "amx"
                                                                     : "fma";
  return llvm::formatv(
      "tile.projection @p {{heads = {0} : i64, k = {1} : i64, n = {2} : i64, "
      "element = {3}, schedule = #tile.projection_schedule<engine = {4}, "
      "vector = {5}, few_rows = {7}, prefetch = 256>{6}}",
      s.heads, s.k, s.n, s.dtype, engine, s.level == CPULevel::AVX2 ? 8 : 16,
      llvm::StringRef(s.wide ? ", wide_input" : "").str() +
          (s.transposed ? ", transposed" : ""),
      s.fewRows);
}

} // namespace

/// Tokens at strides with gaps, for some of the heads: each result is within
/// half a unit in the last place (and f32's sums) of the float64 product, and
/// nothing else is written.
TEST_P(ProjectionKernel, IsTheProduct) {
  const Shape &s = GetParam();
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(irOf(s), &context);
  ASSERT_TRUE(module);
  auto options = chooseLevel(cpuLevelName(s.level), /*emulate=*/true);
  ASSERT_TRUE(bool(options)) << llvm::toString(options.takeError());
  auto session = Session::create(*module, *options, 1);
  ASSERT_TRUE(bool(session)) << llvm::toString(session.takeError());
  attn_library *library = (*session)->getLibrary();
  ASSERT_EQ(attn_library_num_projections(library), 1u);
  const attn_project_desc *desc = attn_library_projection(library, 0);
  EXPECT_STREQ(desc->name, "p");
  EXPECT_EQ(desc->heads, s.heads);
  EXPECT_EQ(desc->k_dim, s.k);
  EXPECT_EQ(desc->n_dim, s.n);
  EXPECT_EQ(bool(desc->flags & ATTN_KERNEL_UP_TRANSPOSED), s.transposed);
  bench::Buffer scratch(desc->scratch_bytes + 1);

  std::mt19937_64 random(s.heads * 1000 + s.k + s.n);
  std::normal_distribution<double> normal;
  const int64_t batch = 2, gap = 16;
  const int64_t inToken = s.heads * s.k + gap, outToken = s.heads * s.n + gap;
  for (int64_t tokens : {1, 2, 3, 4, 5, 7, 16, 31, 32, 33, 70}) {
    Numbers in(s.wide ? "f32" : s.dtype, batch * tokens * inToken);
    Numbers weight(s.dtype, s.heads * s.k * s.n);
    Numbers out(s.dtype, batch * tokens * outToken);
    for (size_t i = 0; i < in.data.size() / in.bytes; ++i)
      in.set(i, normal(random));
    for (size_t i = 0; i < weight.data.size() / weight.bytes; ++i)
      weight.set(i, normal(random) / std::sqrt(double(s.k)));
    attn_project_args args = {
        in.data.data(),  tokens * inToken,  inToken,  s.k, weight.data.data(),
        out.data.data(), tokens * outToken, outToken, s.n};
    // The second batch entry, all heads but the first, tokens from 1 on.
    int64_t begin = tokens > 1, firstHead = s.heads > 1;
    attn_project_item item = {1, begin, tokens, firstHead, s.heads};
    desc->kernel(&args, &item, scratch.data());
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t c = 0; c < outToken; ++c) {
          double got = out.get((b * tokens + t) * outToken + c);
          int64_t h = c / s.n, j = c % s.n;
          if (b == 0 || t < begin || h < firstHead || h >= s.heads) {
            ASSERT_TRUE(std::isnan(got)) << "writes outside of its item";
            continue;
          }
          Product product =
              multiply(in, (b * tokens + t) * inToken + h * s.k, weight,
                       h * s.k * s.n + (s.transposed ? j * s.k : j),
                       s.transposed ? 1 : s.n, s.k);
          ASSERT_NEAR(got, product.value, product.limit(out, s.wide))
              << tokens << " tokens: [" << b << ", " << t << ", " << h << ", "
              << j << "]";
        }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, ProjectionKernel,
    testing::Values(Shape{CPULevel::AVX2, "bf16", 3, 64, 48, false},
                    Shape{CPULevel::AVX2, "f16", 2, 48, 32, false},
                    Shape{CPULevel::AVX2, "f32", 2, 32, 80, false},
                    Shape{CPULevel::AVX2, "bf16", 1, 128, 32, true},
                    Shape{CPULevel::AVX512, "bf16", 2, 128, 64, false},
                    Shape{CPULevel::AVX512, "f32", 3, 16, 16, false},
                    Shape{CPULevel::AVX512BF16, "bf16", 2, 64, 48, true},
                    Shape{CPULevel::AMX, "bf16", 2, 96, 64, false},
                    Shape{CPULevel::AMX, "bf16", 3, 32, 32, true},
                    Shape{CPULevel::AMX, "bf16", 1, 512, 128, true},
                    Shape{CPULevel::AMX, "f16", 2, 64, 32, false},
                    Shape{CPULevel::AVX2, "bf16", 3, 64, 48, false, true},
                    Shape{CPULevel::AVX2, "f16", 2, 48, 32, false, true},
                    Shape{CPULevel::AVX512, "f32", 3, 16, 16, false, true},
                    Shape{CPULevel::AVX512BF16, "bf16", 2, 64, 48, true, true},
                    Shape{CPULevel::AMX, "bf16", 2, 96, 64, false, true},
                    Shape{CPULevel::AMX, "bf16", 3, 128, 32, false, true, 0},
                    Shape{CPULevel::AMX, "bf16", 2, 64, 32, false, false, 0}),
    nameOf);
