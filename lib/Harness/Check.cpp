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

using namespace attn;
using namespace attn::harness;

static const llvm::fltSemantics &formatOf(int32_t dtype) {
  return dtype == ATTN_BF16  ? llvm::APFloat::BFloat()
         : dtype == ATTN_F16 ? llvm::APFloat::IEEEhalf()
                             : llvm::APFloat::IEEEsingle();
}

llvm::Expected<Oracle> Oracle::create(mlir::func::FuncOp func,
                                      const Problem &problem) {
  llvm::SmallVector<interp::Value> arguments = problem.interpreterArguments();
  auto exact = interp::interpret(func, arguments);
  if (!exact)
    return exact.takeError();
  Oracle oracle;
  oracle.output = std::get<interp::Tensor>((*exact)[0]);
  if (exact->size() > 1)
    oracle.lse = std::get<interp::Tensor>((*exact)[1]);
  int64_t width = problem.shape().v_dim;
  oracle.rows.resize(oracle.output.data.size() / width);
  for (size_t i = 0; i < oracle.output.data.size(); ++i) {
    double &largest = oracle.rows[i / width].largest;
    largest = std::max(largest, std::fabs(oracle.output.data[i]));
  }
  if (problem.shape().dtype == ATTN_F32)
    return oracle;
  const llvm::fltSemantics &format = formatOf(problem.shape().dtype);
  auto rounded = interp::interpret(
      func, arguments, [&](double w) { return interp::roundTo(format, w); });
  if (!rounded)
    return rounded.takeError();
  const auto &low = std::get<interp::Tensor>((*rounded)[0]);
  for (size_t i = 0; i < low.data.size(); ++i) {
    double &yardstick = oracle.rows[i / width].yardstick;
    yardstick =
        std::max(yardstick, std::fabs(interp::roundTo(format, low.data[i]) -
                                      oracle.output.data[i]));
  }
  return oracle;
}

double Oracle::getLimit(int64_t row, int32_t dtype) const {
  const Row &r = rows[row];
  if (dtype == ATTN_F32)
    return 1e-5 * r.largest;
  int precision = llvm::APFloat::semanticsPrecision(formatOf(dtype));
  return std::max(2 * r.yardstick, std::ldexp(r.largest, 1 - precision));
}

CheckResult Oracle::check(Problem &problem) const {
  CheckResult result;
  double dot = 0, outNorm = 0, oracleNorm = 0;
  auto fail = [&](const llvm::Twine &message) {
    if (result.failure.empty())
      result.failure = message.str();
  };
  for (size_t i = 0; i < output.data.size(); ++i) {
    double got = problem.element(problem.out.data(), i), want = output.data[i];
    if (std::isnan(got))
      fail("out[" + llvm::Twine(i) + "] is NaN");
    double error = std::fabs(got - want);
    double limit = getLimit(i / problem.shape().v_dim, problem.shape().dtype);
    result.maxError = std::max(result.maxError, error);
    if (error > 0)
      result.share = std::max(result.share, error / limit);
    if (!(error <= limit))
      fail(llvm::formatv("out[{0}] is off by {1:e2}, may be {2:e2}", i, error,
                         limit)
               .str());
    dot += got * want;
    outNorm += got * got;
    oracleNorm += want * want;
  }
  if (outNorm > 0 && oracleNorm > 0)
    result.cosine = std::max(0.0, 1 - dot / std::sqrt(outNorm * oracleNorm));
  if (!(result.cosine <= 5e-6))
    fail(llvm::formatv("1 - cos is {0:e2}", result.cosine).str());
  for (size_t i = 0; i < lse.data.size(); ++i) {
    double got = problem.lse[i], want = lse.data[i];
    if (std::isinf(want)) {
      if (got != want)
        fail("lse[" + llvm::Twine(i) + "] must be -inf");
      continue;
    }
    double error = std::fabs(got - want);
    result.maxLseError = std::max(result.maxLseError, error);
    if (!(error <= 2e-5 + 1e-6 * std::fabs(want)))
      fail(llvm::formatv("lse[{0}] is off by {1:e2}", i, error).str());
  }
  return result;
}
