//===- Combine.cpp - Where partial states are merged ----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Combine.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace attn::cost;

/// Rows of one call of the phase: kCombineRows of the runtime.
static constexpr int64_t kRowsPerCall = 16;

static int64_t ceilDivide(int64_t x, int64_t y) {
  return int64_t(llvm::divideCeil(uint64_t(x), uint64_t(y)));
}

/// Seconds for `count` f32 rows.
static double moveRows(const CombineMachine &machine, const CombineShape &shape,
                       double count) {
  return count * 4 * double(shape.rank) / (machine.cacheGBps * 1e9);
}

/// Rows of the heads that the busiest thread of the projection has.
static double projectedRows(const CombineShape &shape) {
  return double(ceilDivide(shape.heads, shape.threads) * shape.qLen);
}

CombineCost attn::cost::separateCombine(const CombineMachine &machine,
                                        const CombineShape &shape) {
  int64_t rows = shape.heads * shape.qLen, parts = shape.parts;
  double rowBytes = 4 * double(shape.rank);
  double calls =
      double(ceilDivide(ceilDivide(rows, kRowsPerCall), shape.threads));
  double mergedRows = calls * double(std::min(rows, kRowsPerCall));
  return {double(rows * parts) * rowBytes, 2 * double(rows) * rowBytes, 1,
          machine.barrierSeconds + calls * machine.callSeconds +
              moveRows(machine, shape, mergedRows * double(parts + 1)) +
              moveRows(machine, shape, projectedRows(shape))};
}

CombineCost attn::cost::fusedCombine(const CombineMachine &machine,
                                     const CombineShape &shape) {
  double times = double(shape.columnBlocks);
  double rows = times * projectedRows(shape);
  return {times * 4 * double(shape.heads * shape.qLen * shape.rank) *
              double(shape.parts),
          0, 0,
          rows * machine.callSeconds +
              moveRows(machine, shape, rows * double(shape.parts))};
}
