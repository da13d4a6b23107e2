//===- LatentRoundingTest.cpp - What bf16 costs the absorbed chain --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The absorbed chain rounds the projected query, the softmax weights and the
// output to 16 bits. The float64 interpreter runs it with each of these
// roundings alone, and with all of them: the kernels may lose no more than
// that, and, where the query keeps what rounding leaves (tile.score_rest), no
// more than without the first.
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn/Harness/LatentProblem.h"
#include "attn/Harness/Session.h"
#include "attn/Interpreter/Interpreter.h"
#include "attn/Interpreter/Ops.h"
#include "attn/Interpreter/Rounding.h"
#include "attn/Register.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/APFloat.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;
using namespace attn::harness;
using interp::Tensor;

namespace {

/// One device's share of DeepSeek-V2-Lite with tensor parallelism 4, whose few
/// heads average least; the attention, and what compiles.
constexpr const char *kModule = R"(
!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @attention(%q: tensor<1x1x4x576xbf16>, %rows: !rows) -> tensor<1x1x4x512xbf16> {
  %o = attn.attend %q, %rows {heads = #attn.heads<q = 4, kv = 1>, scale = 0.114721387 : f32,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>}
     : (tensor<1x1x4x576xbf16>, !rows) -> tensor<1x1x4x512xbf16>
  return %o : tensor<1x1x4x512xbf16>
}
func.func @chain(%q: tensor<?x1x4x192xbf16>, %rows: !rows, %w_t: tensor<4x128x512xbf16>,
                 %w_uv: tensor<4x512x128xbf16>) -> tensor<?x1x4x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, up_transposed,
      heads = #attn.heads<q = 4, kv = 1>, scale = 0.114721387 : f32,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>}
     : (tensor<?x1x4x192xbf16>, !rows, tensor<4x128x512xbf16>, tensor<4x512x128xbf16>)
       -> tensor<?x1x4x128xbf16>
  return %o : tensor<?x1x4x128xbf16>
})";

double toBF16(double x) { return interp::roundTo(llvm::APFloat::BFloat(), x); }

void round(Tensor &tensor, bool wanted) {
  for (double &x : tensor.data)
    if (wanted)
      x = toBF16(x);
}

/// What is rounded.
struct Roundings {
  const char *name;
  bool query, weights, output;
};

/// The chain's output with some of its roundings.
Tensor runChain(mlir::func::FuncOp attention, LatentProblem &problem,
                const Roundings &roundings) {
  auto arguments = problem.interpreterArguments();
  const auto &query = std::get<Tensor>(arguments[0]);
  const auto &upK = std::get<Tensor>(arguments[2]); // [H, rank, nope]
  LatentAttr dims = problem.dims();
  int64_t heads = query.shape[2], nope = dims.getNope(), rank = dims.getRank();
  Tensor transposed = Tensor::zeros({heads, nope, rank});
  Tensor narrow = Tensor::zeros({1, 1, heads, nope});
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t n = 0; n < nope; ++n) {
      narrow.at(0, 0, h, n) = query.at(0, 0, h, n);
      for (int64_t r = 0; r < rank; ++r)
        transposed.at(h, n, r) = upK.at(h, r, n);
    }
  Tensor latent = interp::project(narrow, transposed);
  round(latent, roundings.query);
  Tensor wide = Tensor::zeros({1, 1, heads, rank + dims.getRope()});
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t d = 0; d < rank + dims.getRope(); ++d)
      wide.at(0, 0, h, d) =
          d < rank ? latent.at(0, 0, h, d) : query.at(0, 0, h, nope + d - rank);
  std::function<double(double)> roundWeight;
  if (roundings.weights)
    roundWeight = toBF16;
  auto attended = interp::interpret(
      attention, {wide, problem.attention().interpreterArguments()[1]},
      roundWeight);
  EXPECT_TRUE(bool(attended));
  Tensor output = interp::project(std::get<Tensor>((*attended)[0]),
                                  std::get<Tensor>(arguments[3]));
  round(output, roundings.output);
  return output;
}

template <typename Get>
double oneMinusCos(const Tensor &exact, Get get) {
  double dot = 0, x = 0, y = 0;
  for (size_t i = 0; i < exact.data.size(); ++i) {
    dot += exact.data[i] * get(i);
    x += exact.data[i] * exact.data[i];
    y += get(i) * get(i);
  }
  return 1 - dot / std::sqrt(x * y);
}

} // namespace

/// The record is benchmarks/results/amx/mla-rounding-budget.txt.
TEST(LatentRounding, IsTheFormats) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kModule, &context);
  ASSERT_TRUE(module);
  auto attention = module->lookupSymbol<mlir::func::FuncOp>("attention");
  auto chain = module->lookupSymbol<mlir::func::FuncOp>("chain");
  AttendOp attend = *chain.getOps<AttendOp>().begin();
  auto options = chooseLevel("amx", /*emulate=*/true);
  ASSERT_TRUE(bool(options)) << llvm::toString(options.takeError());
  std::unique_ptr<Session> sessions[2]; // by the numbers of a query's element
  for (bool rest : {false, true}) {
    mlir::OwningOpRef<mlir::ModuleOp> kernel = module->clone();
    kernel->lookupSymbol("attention")->erase();
    kernel->walk([&](AttendOp op) {
      op->setAttr(tile::kScoreRestAttrName,
                  mlir::BoolAttr::get(&context, rest));
    });
    auto session = Session::create(*kernel, *options, 1);
    ASSERT_TRUE(bool(session)) << llvm::toString(session.takeError());
    sessions[rest] = std::move(*session);
  }

  constexpr Roundings budget[] = {{"query", true, false, false},
                                  {"weights", false, true, false},
                                  {"output", false, false, true},
                                  {"weights and output", false, true, true},
                                  {"all", true, true, true}};
  double sums[std::size(budget)] = {}, largest[std::size(budget)] = {};
  int runs = 0;
  for (int32_t tokens : {50, 70, 90, 110})
    for (uint64_t seed = 1; seed <= 9; ++seed, ++runs) {
      ProblemOptions problemOptions;
      problemOptions.lens = {tokens};
      problemOptions.seed = seed;
      auto problem = LatentProblem::create(attend, problemOptions);
      ASSERT_TRUE(bool(problem)) << llvm::toString(problem.takeError());
      Tensor exact = runChain(attention, **problem, {"", false, false, false});
      double lost[std::size(budget)];
      for (size_t i = 0; i < std::size(budget); ++i) {
        Tensor rounded = runChain(attention, **problem, budget[i]);
        lost[i] = oneMinusCos(exact, [&](size_t j) { return rounded.data[j]; });
        sums[i] += lost[i];
        largest[i] = std::max(largest[i], lost[i]);
      }
      for (bool rest : {false, true}) {
        attn_decode_params decode = (*problem)->attention().params();
        attn_mla_params params = (*problem)->params();
        llvm::Error error = sessions[rest]->prepare(params, decode);
        if (!error)
          error = sessions[rest]->decode(params);
        ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
        double got =
            oneMinusCos(exact, [&](size_t j) { return (*problem)->output(j); });
        double want = lost[rest ? 3 : 4];
        std::printf("%d tokens, seed %d, query of %d: kernel %.2e, its "
                    "roundings %.2e\n",
                    int(tokens), int(seed), 1 + rest, got, want);
        // How weights round depends on the maximum that they are taken
        // against, which counts for more where the query's rounding is gone.
        EXPECT_NEAR(got, want, (rest ? 0.1 : 0.02) * want)
            << tokens << " tokens, seed " << seed << ", query of " << 1 + rest;
      }
    }
  for (size_t i = 0; i < std::size(budget); ++i)
    std::printf("%s: mean %.2e, largest %.2e\n", budget[i].name, sums[i] / runs,
                largest[i]);
  // With the query's rounding some runs are over the limit, without it none
  // comes near.
  EXPECT_LT(largest[3], 3e-6);
  EXPECT_GT(largest[4], 5e-6);
}
