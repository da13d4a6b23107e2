//===- SimtProjectionTest.cpp - Projections on a pretended GPU ------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The projections that ship for NVIDIA GPUs, in the SIMT emulator, against
// float64, under the tolerances of the CPU's.
//
//===----------------------------------------------------------------------===//

#include "SimtTensor.h"
#include "attn/Harness/SimtSession.h"
#include "attn/Register.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <iostream>
#include <random>

using namespace attn;
using namespace attn::harness;
using namespace attn::test;

namespace {

/// One projection: what it computes and how.
struct Shape {
  const char *chip;
  const char *dtype;
  int64_t heads, k, n;
  bool wide = false;         ///< the input is f32
  const char *schedule = ""; ///< empty: what the select pass chooses
  bool rest = false;         ///< a row has what rounding leaves behind it
};

std::string nameOf(const testing::TestParamInfo<Shape> &info) {
  const Shape &s = info.param;
  return llvm::formatv("{0}_{1}_{2}x{3}x{4}{5}{6}_{7}", s.chip, s.dtype,
                       s.heads, s.k, s.n, s.wide ? "_wide" : "",
                       s.rest ? "_rest" : "", info.index);
}

std::string irOf(const Shape &s) {
  if (*s.schedule)
    return llvm::formatv(
        "tile.projection @p {{heads = {0} : i64, k = {1} : i64, n = {2} : i64, "
        "element = {3}, gpu_schedule = "
        "#tile.gpu_projection_schedule<{4}>{5}{6}}",
        s.heads, s.k, s.n, s.dtype, s.schedule, s.wide ? ", wide_input" : "",
        s.rest ? ", rest" : "");
  std::string in = llvm::formatv("tensor<?x1x{0}x{1}x{2}>", s.heads, s.k,
                                 s.wide ? "f32" : s.dtype);
  std::string weight =
      llvm::formatv("tensor<{0}x{1}x{2}x{3}>", s.heads, s.k, s.n, s.dtype);
  std::string out =
      llvm::formatv("tensor<?x1x{0}x{1}x{2}>", s.heads, s.n, s.dtype);
  return llvm::formatv("func.func @p(%x: {0}, %w: {1}) -> {2} {{\n"
                       "  %y = attn.project %x, %w : ({0}, {1}) -> {2}\n"
                       "  return %y : {2}\n}",
                       in, weight, out);
}

/// A compiled projection.
class Projection {
public:
  explicit Projection(const Shape &shape) : shape(shape), context(registry()) {
    auto module =
        mlir::parseSourceString<mlir::ModuleOp>(irOf(shape), &context);
    if (!module) {
      ADD_FAILURE() << irOf(shape);
      return;
    }
    SimtOptions options;
    options.chip = shape.chip;
    auto made = SimtSession::create(*module, options);
    if (made)
      session = std::move(*made);
    else
      ADD_FAILURE() << llvm::toString(made.takeError());
  }

  /// Multiplies random rows at strides with gaps, with a tail of `tail` columns
  /// behind each row of the output, and checks every element of the output and
  /// of what lies between its rows.
  void check(int64_t batch, int64_t tokens, int64_t tail, uint64_t seed);

  Shape shape;
  std::unique_ptr<SimtSession> session;

private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }
  mlir::MLIRContext context;
};

void Projection::check(int64_t batch, int64_t tokens, int64_t tail,
                       uint64_t seed) {
  const Shape &s = shape;
  std::mt19937_64 random(seed);
  constexpr int64_t gap = 16;
  int64_t made = s.rest ? 2 * s.n : s.n;
  int64_t inToken = s.heads * s.k + gap, width = made + tail + gap;
  int64_t inBatch = tokens * inToken + gap, outToken = s.heads * width;
  int64_t outBatch = tokens * outToken + gap, tailToken = s.heads * tail + gap;
  Tensor in(s.wide ? "f32" : s.dtype, batch * inBatch);
  Tensor weight(s.dtype, s.heads * s.k * s.n);
  Tensor behind(s.dtype, batch * tokens * tailToken);
  Tensor out(s.dtype, batch * outBatch);
  in.fill(random);
  weight.fill(random, 1 / std::sqrt(double(s.k)));
  behind.fill(random);
  attn_gpu_project call = {};
  call.tensors = {in.begin(),  inBatch,  inToken,  s.k,  weight.begin(),
                  out.begin(), outBatch, outToken, width};
  call.batch = batch;
  call.tokens = tokens;
  if (tail) {
    call.tail = behind.begin();
    call.tail_stride_batch = tokens * tailToken;
    call.tail_stride_token = tailToken;
    call.tail_stride_head = tail;
    call.tail_dim = tail;
  }
  auto memory = std::make_unique<simt::Memory>();
  in.addTo(*memory, "in", false);
  weight.addTo(*memory, "weight", false);
  behind.addTo(*memory, "tail", false);
  out.addTo(*memory, "out", true);
  session->useMemory(std::move(memory));
  ASSERT_EQ(llvm::toString(session->project(call)), "");
  auto where = [&](int64_t b, int64_t t, int64_t h, int64_t j) {
    return (llvm::Twine(batch) + " x " + llvm::Twine(tokens) + " rows: [" +
            llvm::Twine(b) + ", " + llvm::Twine(t) + ", " + llvm::Twine(h) +
            ", " + llvm::Twine(j) + "]")
        .str();
  };
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t h = 0; h < s.heads; ++h)
        for (int64_t j = 0; j < width; ++j) {
          double got = out[b * outBatch + t * outToken + h * width + j];
          if (j >= made + tail) {
            ASSERT_TRUE(std::isnan(got)) << "written: " << where(b, t, h, j);
          } else if (j >= made) {
            ASSERT_EQ(
                got, behind[(b * tokens + t) * tailToken + h * tail + j - made])
                << where(b, t, h, j);
          } else if (j < s.n) {
            Product product =
                multiply(in, in.skip + b * inBatch + t * inToken + h * s.k,
                         weight, weight.skip + h * s.k * s.n + j, s.n, s.k);
            ASSERT_NEAR(got, product.value, product.limit(out, s.wide))
                << where(b, t, h, j);
            if (!s.rest)
              continue;
            double rest =
                out[b * outBatch + t * outToken + h * width + s.n + j];
            ASSERT_NEAR(got + rest, product.value, product.limitInParts(out))
                << where(b, t, h, s.n + j);
          }
        }
}

class SimtProjection : public testing::TestWithParam<Shape> {};

} // namespace

TEST_P(SimtProjection, IsTheProduct) {
  Projection projection(GetParam());
  ASSERT_NE(projection.session, nullptr);
  simt::LaunchConfig &config = projection.session->config;
  struct {
    simt::Schedule schedule;
    simt::AsyncCopies async;
  } const runs[] = {{simt::Schedule::RoundRobin, simt::AsyncCopies::Late},
                    {simt::Schedule::Reverse, simt::AsyncCopies::Eager},
                    {simt::Schedule::Random, simt::AsyncCopies::Late}};
  // Row counts on both sides of a block of 16, and over one and several blocks
  // of the schedule.
  std::pair<int64_t, int64_t> const rows[] = {{1, 1},  {3, 1},  {1, 16},
                                              {1, 17}, {11, 3}, {5, 14}};
  uint64_t seed = 0;
  for (auto [batch, tokens] : rows) {
    config.schedule = runs[seed % 3].schedule;
    config.async = runs[seed % 3].async;
    config.seed = ++seed;
    projection.check(batch, tokens, seed % 2 ? 32 : 0, seed);
    if (HasFatalFailure())
      return;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Chosen, SimtProjection,
    testing::Values(Shape{"sm_80", "bf16", 3, 128, 512},
                    Shape{"sm_90", "bf16", 2, 512, 128, true},
                    Shape{"sm_86", "bf16", 2, 64, 256},
                    Shape{"sm_90", "f16", 2, 192, 512},
                    Shape{"sm_80", "f16", 1, 512, 256, true},
                    Shape{"sm_90", "bf16", 2, 256, 80, true},
                    Shape{"sm_80", "bf16", 5, 48, 16}),
    nameOf);

INSTANTIATE_TEST_SUITE_P(
    Schedules, SimtProjection,
    testing::Values(
        Shape{
            "sm_90", "bf16", 2, 128, 64, false,
            "warps = 1, rows = 16, columns = 16, stages = 1, ctas_per_sm = 1"},
        Shape{
            "sm_90", "bf16", 2, 144, 96, true,
            "warps = 3, rows = 48, columns = 96, stages = 8, ctas_per_sm = 1"},
        Shape{
            "sm_80", "f16", 2, 80, 128, false,
            "warps = 2, rows = 32, columns = 128, stages = 3, ctas_per_sm = 2"},
        Shape{
            "sm_80", "bf16", 1, 64, 64, true,
            "warps = 2, rows = 64, columns = 32, stages = 2, ctas_per_sm = 1"},
        Shape{"sm_80", "bf16", 3, 128, 96, false,
              "warps = 2, rows = 64, columns = 32, stages = 2, ctas_per_sm = 1",
              /*rest=*/true}),
    nameOf);

// The runtime's call, with device = ATTN_DEVICE_CUDA, finds the kernel by its
// facts and gives it these rows and strides.
TEST(SimtProject, TheCallIsTheProduct) {
  Shape shape{"sm_90", "bf16", 3, 64, 96};
  Projection projection(shape);
  ASSERT_NE(projection.session, nullptr);
  constexpr int64_t heads = 3, k = 64, n = 96, rows = 19, gap = 8;
  constexpr int64_t inRow = heads * (k + gap), outRow = heads * (n + gap);
  std::mt19937_64 random(1);
  Tensor in("bf16", rows * inRow), weight("bf16", heads * k * n);
  Tensor out("bf16", rows * outRow);
  in.fill(random);
  weight.fill(random, 1 / std::sqrt(double(k)));
  attn_project_params p = {};
  p.struct_size = sizeof p;
  p.device = ATTN_DEVICE_CUDA;
  p.lib = projection.session->getLibrary();
  p.dtype = ATTN_BF16;
  p.isa = ATTN_ISA_AUTO;
  p.heads = heads;
  p.in_dim = k;
  p.out_dim = n;
  p.rows = rows;
  p.in = in.begin();
  p.in_stride_row = inRow;
  p.in_stride_head = k + gap;
  p.weight = weight.begin();
  p.weight_stride_head = k * n;
  p.weight_stride_in = n;
  p.weight_stride_out = 1;
  p.out = out.begin();
  p.out_stride_row = outRow;
  p.out_stride_head = n + gap;
  auto memory = std::make_unique<simt::Memory>();
  in.addTo(*memory, "in", false);
  weight.addTo(*memory, "weight", false);
  out.addTo(*memory, "out", true);
  projection.session->useMemory(std::move(memory));
  ASSERT_EQ(
      llvm::toString(projection.session->run([&] { return attn_project(&p); })),
      "");
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t j = 0; j < n + gap; ++j) {
        double got = out[r * outRow + h * (n + gap) + j];
        if (j >= n) {
          ASSERT_TRUE(std::isnan(got)) << r << " " << h << " " << j;
          continue;
        }
        Product product = multiply(in, in.skip + r * inRow + h * (k + gap),
                                   weight, weight.skip + h * k * n + j, n, k);
        ASSERT_NEAR(got, product.value, product.limit(out, false))
            << r << " " << h << " " << j;
      }
}

// What nobody thought of. ATTN_TEST_SEED repeats a run.
TEST(SimtProjectionRandom, IsTheProduct) {
  const char *given = std::getenv("ATTN_TEST_SEED");
  uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  std::cout << "ATTN_TEST_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  auto below = [&](int64_t limit) { return int64_t(random() % limit); };
  const char *chips[] = {"sm_80", "sm_86", "sm_90", "sm_120"};
  for (int i = 0; i < 5; ++i) {
    Shape shape{chips[below(4)],      below(2) ? "bf16" : "f16", 1 + below(4),
                16 * (1 + below(20)), 16 * (1 + below(16)),      below(2) == 1};
    Projection projection(shape);
    ASSERT_NE(projection.session, nullptr);
    projection.session->config.schedule = simt::Schedule::Random;
    projection.session->config.seed = seed + i;
    projection.check(1 + below(8), 1 + below(12), 8 * below(9), seed + i);
    if (HasFatalFailure())
      return;
  }
}
