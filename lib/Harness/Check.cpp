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

/// `low` holds the outputs before they are rounded.
void Oracle::setYardstick(const interp::Tensor &low) {
  const llvm::fltSemantics &format = formatOf(dtype);
  int64_t width = output.shape.back();
  rows.assign(output.data.size() / width, {});
  for (size_t i = 0; i < output.data.size(); ++i) {
    Row &row = rows[i / width];
    row.largest = std::max(row.largest, std::fabs(output.data[i]));
    if (dtype != ATTN_F32)
      row.yardstick = std::max(
          row.yardstick,
          std::fabs(interp::roundTo(format, low.data[i]) - output.data[i]));
  }
}

llvm::Expected<Oracle> Oracle::create(mlir::func::FuncOp func,
                                      const Problem &problem) {
  llvm::SmallVector<interp::Value> arguments = problem.interpreterArguments();
  Oracle oracle;
  oracle.dtype = problem.shape().dtype;
  if (llvm::Error error =
          interpretExactly(func, arguments, oracle.output, oracle.lse))
    return std::move(error);
  if (oracle.dtype == ATTN_F32) {
    oracle.setYardstick(oracle.output);
    return oracle;
  }
  const llvm::fltSemantics &format = formatOf(oracle.dtype);
  auto rounded = interp::interpret(
      func, arguments, [&](double w) { return interp::roundTo(format, w); });
  if (!rounded)
    return rounded.takeError();
  oracle.setYardstick(std::get<interp::Tensor>((*rounded)[0]));
  return oracle;
}

double Oracle::getLimit(int64_t row, int32_t dtype) const {
  const Row &r = rows[row];
  if (dtype == ATTN_F32)
    return 1e-5 * r.largest;
  int precision = llvm::APFloat::semanticsPrecision(formatOf(dtype));
  return std::max(2 * r.yardstick, std::ldexp(r.largest, 1 - precision));
}

llvm::Expected<Oracle> Oracle::create(mlir::func::FuncOp func,
                                      mlir::func::FuncOp lowered,
                                      llvm::ArrayRef<interp::Value> arguments,
                                      int32_t dtype) {
  Oracle oracle;
  oracle.dtype = dtype;
  if (llvm::Error error =
          interpretExactly(func, arguments, oracle.output, oracle.lse))
    return std::move(error);
  const llvm::fltSemantics &format = formatOf(dtype);
  auto rounded = interp::interpret(
      lowered, arguments, [&](double w) { return interp::roundTo(format, w); },
      /*roundResults=*/true);
  if (!rounded)
    return rounded.takeError();
  oracle.setYardstick(std::get<interp::Tensor>((*rounded)[0]));
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
  rows.insert(rows.end(), other.rows.begin(), other.rows.end());
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
    double limit = getLimit(i / width, dtype);
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
