//===- Check.cpp - A kernel's results against the oracle --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/Check.h"
#include "attn/Interpreter/Interpreter.h"
#include "attn/Interpreter/Rounding.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <optional>

using namespace attn;
using namespace attn::harness;

static const llvm::fltSemantics &formatOf(int32_t dtype) {
  return dtype == ATTN_BF16  ? llvm::APFloat::BFloat()
         : dtype == ATTN_F16 ? llvm::APFloat::IEEEhalf()
                             : llvm::APFloat::IEEEsingle();
}

/// The oracle without its yardstick.
static llvm::Error interpretExactly(mlir::func::FuncOp func,
                                    llvm::ArrayRef<interp::Value> arguments,
                                    interp::Tensor &output,
                                    interp::Tensor &lse) {
  auto exact = interp::interpret(func, arguments);
  if (!exact)
    return exact.takeError();
  output = std::get<interp::Tensor>((*exact)[0]);
  if (exact->size() > 1)
    lse = std::get<interp::Tensor>((*exact)[1]);
  return llvm::Error::success();
}

/// What one row may be off. `low` holds the yardstick's outputs before they are
/// rounded.
static double limitOf(llvm::ArrayRef<double> exact, llvm::ArrayRef<double> low,
                      int32_t dtype, std::optional<double> between) {
  const llvm::fltSemantics &format = formatOf(dtype);
  double largest = 0, error = 0;
  for (auto [x, y] : llvm::zip(exact, low)) {
    largest = std::max(largest, std::fabs(x));
    error = std::max(error, std::fabs(interp::roundTo(format, y) - x));
  }
  double sums = 1e-5 * largest;
  if (dtype == ATTN_F32)
    return sums;
  // At least a unit in the last place of the largest output.
  double unit =
      std::ldexp(largest, 1 - int(llvm::APFloat::semanticsPrecision(format)));
  if (between)
    return 2 * *between + unit / 2 + sums;
  return std::max(2 * error, unit);
}

void Oracle::setLimits(const interp::Tensor &low, int32_t dtype,
                       bool decompressed) {
  size_t width = output.shape.back();
  llvm::ArrayRef<double> exact = output.data, rounded = low.data;
  // The largest of few errors is an accident: narrow rows share one.
  size_t together = std::max<size_t>(1, 64 / width) * width;
  std::optional<double> between;
  for (size_t i = 0; i < exact.size(); i += width) {
    if (decompressed && i % together == 0) {
      between = 0;
      for (size_t j = i; j < std::min(i + together, exact.size()); ++j)
        between = std::max(*between, std::fabs(rounded[j] - exact[j]));
    }
    limits.push_back(limitOf(exact.slice(i, width), rounded.slice(i, width),
                             dtype, between));
  }
}

llvm::Expected<Oracle> Oracle::create(mlir::func::FuncOp func,
                                      const Problem &problem) {
  llvm::SmallVector<interp::Value> arguments = problem.interpreterArguments();
  Oracle oracle;
  int32_t dtype = problem.shape().dtype;
  if (llvm::Error error =
          interpretExactly(func, arguments, oracle.output, oracle.lse))
    return std::move(error);
  if (dtype == ATTN_F32) {
    oracle.setLimits(oracle.output, ATTN_F32, /*decompressed=*/false);
    return oracle;
  }
  const llvm::fltSemantics &format = formatOf(dtype);
  auto rounded = interp::interpret(
      func, arguments, [&](double w) { return interp::roundTo(format, w); });
  if (!rounded)
    return rounded.takeError();
  oracle.setLimits(std::get<interp::Tensor>((*rounded)[0]), dtype,
                   /*decompressed=*/false);
  return oracle;
}

llvm::Expected<Oracle> Oracle::create(mlir::func::FuncOp func,
                                      mlir::func::FuncOp lowered,
                                      llvm::ArrayRef<interp::Value> arguments,
                                      int32_t dtype) {
  Oracle oracle;
  if (llvm::Error error =
          interpretExactly(func, arguments, oracle.output, oracle.lse))
    return std::move(error);
  const llvm::fltSemantics &format = formatOf(dtype);
  auto rounded = interp::interpret(
      lowered, arguments, [&](double w) { return interp::roundTo(format, w); },
      /*roundResults=*/true);
  if (!rounded)
    return rounded.takeError();
  bool decompressed = false;
  lowered.walk([&](DecompressOp) { decompressed = true; });
  oracle.setLimits(std::get<interp::Tensor>((*rounded)[0]), dtype,
                   decompressed);
  return oracle;
}

void Oracle::append(const Oracle &other) {
  auto add = [](interp::Tensor &to, const interp::Tensor &from) {
    to.data.insert(to.data.end(), from.data.begin(), from.data.end());
    if (!to.shape.empty())
      to.shape[0] += from.shape[0];
  };
  add(output, other.output);
  add(lse, other.lse);
  limits.insert(limits.end(), other.limits.begin(), other.limits.end());
}

CheckResult Oracle::check(const Problem &problem) const {
  return check([&](size_t i) { return problem.element(problem.out.data(), i); },
               problem.lse.data());
}

CheckResult Oracle::check(llvm::function_ref<double(size_t)> result,
                          const float *logSumExp) const {
  CheckResult check;
  int64_t width = output.shape.back();
  double dot = 0, outNorm = 0, oracleNorm = 0;
  auto fail = [&](const llvm::Twine &message) {
    if (check.failure.empty())
      check.failure = message.str();
  };
  for (size_t i = 0; i < output.data.size(); ++i) {
    double got = result(i), want = output.data[i];
    if (std::isnan(got))
      fail("out[" + llvm::Twine(i) + "] is NaN");
    double error = std::fabs(got - want);
    double limit = getLimit(i / width);
    check.maxError = std::max(check.maxError, error);
    if (error > 0)
      check.share = std::max(check.share, error / limit);
    if (!(error <= limit))
      fail(llvm::formatv("out[{0}] is off by {1:e2}, may be {2:e2}", i, error,
                         limit)
               .str());
    dot += got * want;
    outNorm += got * got;
    oracleNorm += want * want;
  }
  if (outNorm > 0 && oracleNorm > 0)
    check.cosine = std::max(0.0, 1 - dot / std::sqrt(outNorm * oracleNorm));
  if (!(check.cosine <= 5e-6))
    fail(llvm::formatv("1 - cos is {0:e2}", check.cosine).str());
  for (size_t i = 0; i < lse.data.size(); ++i) {
    double got = logSumExp[i], want = lse.data[i];
    if (std::isinf(want)) {
      if (got != want)
        fail("lse[" + llvm::Twine(i) + "] must be -inf");
      continue;
    }
    double error = std::fabs(got - want);
    check.maxLseError = std::max(check.maxLseError, error);
    if (!(error <= 2e-5 + 1e-6 * std::fabs(want)))
      fail(llvm::formatv("lse[{0}] is off by {1:e2}", i, error).str());
  }
  return check;
}
