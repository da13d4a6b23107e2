//===- Check.h - A kernel's results against the oracle ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_CHECK_H
#define ATTN_HARNESS_CHECK_H

#include "attn/Harness/Problem.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

namespace attn::harness {

/// How far a kernel's results are from the float64 oracle's, and how far they
/// may be (DESIGN.md, section 5).
struct CheckResult {
  double maxError = 0; ///< largest |out - oracle|
  double share = 0;    ///< largest share of its limit that a row's error takes
  double cosine = 0;   ///< 1 - cos(out, oracle) over all elements
  double maxLseError = 0;
  std::string failure; ///< empty: the check holds

  bool ok() const { return failure.empty(); }
};

/// The oracle's results of a function on a problem, and the yardstick: the
/// error of the same maths with weights and output rounded to the problem's
/// type. docs/numerics.md derives what it allows.
class Oracle {
public:
  static llvm::Expected<Oracle> create(mlir::func::FuncOp func,
                                       const Problem &problem);
  /// The same of `func`, whose first result is the output and second, if any,
  /// the log-sum-exp, with elements of `dtype`. The yardstick is `lowered`, the
  /// same function as it is computed: each of its ops leaves `dtype` behind.
  static llvm::Expected<Oracle> create(mlir::func::FuncOp func,
                                       mlir::func::FuncOp lowered,
                                       llvm::ArrayRef<interp::Value> arguments,
                                       int32_t dtype);

  /// Puts another call's results behind, as of more requests of this one.
  void append(const Oracle &other);

  /// Compares the problem's results, row by row (one query token of one head).
  /// For 16-bit types a row's largest error may be twice the yardstick's in
  /// that row, but at least one unit in the last place of its largest output.
  /// Where K and V are decompressed, and so rounded before they are multiplied,
  /// it may be twice the yardstick's before the output is rounded (in a row of
  /// fewer than 64 outputs: in the rows that make 64 with it), half a unit for
  /// that, and what f32 may. For f32 it may be 1e-5 of the largest output.
  /// 1 - cos over everything may be 5e-6, a log-sum-exp off by 2e-5 + 1e-6
  /// |lse|. Rows without a token must be exactly 0 and -inf, and nothing may be
  /// NaN.
  CheckResult check(const Problem &problem) const;
  /// The same of results [B, S, H, width] and, where the function has
  /// log-sum-exps, [B, S, H].
  CheckResult check(llvm::function_ref<double(size_t)> output,
                    const float *logSumExp) const;

  /// What `check` compares with, for a check on another machine: the exact
  /// results, and what an element of a row of the output may be off.
  const interp::Tensor &getOutput() const { return output; }
  const interp::Tensor &getLse() const { return lse; }
  double getLimit(int64_t row) const { return limits[row]; }

private:
  void setLimits(const interp::Tensor &low, int32_t dtype, bool decompressed);

  interp::Tensor output, lse;
  std::vector<double> limits; ///< of each row
};

} // namespace attn::harness

#endif // ATTN_HARNESS_CHECK_H
