//===- Map.cpp - Maps over the fragments of a thread ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

namespace {

constexpr double kLog2E = 1.4426950408889634074;
constexpr double kLn2 = 0.69314718055994530942;

/// Clones a map's scalar region for one element.
struct Scalar {
  Kernel &k;
  Geometry &geometry;
  int64_t row;         ///< of the thread's
  int64_t i, elements; ///< element of the matrix and its number
  Emitter &e = k.e;

  FailureOr<SmallVector<Value>> run(Block &block, ArrayRef<Value> args) {
    IRMapping mapping;
    mapping.map(block.getArguments(), args);
    for (Operation &op : block.without_terminator())
      if (failed(bringIn(op, mapping)) || failed(clone(op, mapping)))
        return failure();
    Operation *yield = block.getTerminator();
    if (failed(bringIn(*yield, mapping)))
      return failure();
    return llvm::map_to_vector(yield->getOperands(), [&](Value operand) {
      return mapping.lookup(operand);
    });
  }

  /// Clones the constants that an op of the region takes from outside.
  LogicalResult bringIn(Operation &op, IRMapping &mapping) {
    for (Value operand : op.getOperands()) {
      if (mapping.contains(operand))
        continue;
      auto constant = operand.getDefiningOp<arith::ConstantOp>();
      if (!constant || !constant.getType().isIntOrFloat())
        return op.emitOpError("reads a value from outside of its region that "
                              "is no scalar constant");
      e.b.clone(*constant, mapping);
    }
    return success();
  }

  LogicalResult clone(Operation &op, IRMapping &mapping) {
    if (auto coord = dyn_cast<tile::CoordOp>(op)) {
      mapping.map(coord, coordinate(coord.getKind()));
      return success();
    }
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(mapping.lookup(operand));
    if (Value special = function(op, operands)) {
      mapping.map(op.getResult(0), special);
      return success();
    }
    if (!isa_and_nonnull<arith::ArithDialect>(op.getDialect()))
      return op.emitOpError("has no form on the NVVM target; a score region "
                            "takes arith ops and math.exp, exp2, log, log2, "
                            "tanh, sqrt, absf, fma, copysign");
    e.b.clone(op, mapping);
    return success();
  }

  /// The math dialect's functions; null for all other ops.
  Value function(Operation &op, ArrayRef<Value> x) {
    auto one = [&] { return e.f32(1); };
    auto mul = [&](Value a, double c) {
      return arith::MulFOp::create(e.b, e.loc, a, e.f32(c)).getResult();
    };
    return TypeSwitch<Operation *, Value>(&op)
        .Case([&](math::Exp2Op) { return e.approx("ex2", x[0]); })
        .Case([&](math::ExpOp) { return e.approx("ex2", mul(x[0], kLog2E)); })
        .Case([&](math::Log2Op) { return e.approx("lg2", x[0]); })
        .Case([&](math::LogOp) { return mul(e.approx("lg2", x[0]), kLn2); })
        .Case([&](math::TanhOp) {
          // (1 - t) / (1 + t) with t = e^(-2|x|) in (0, 1]: nothing overflows,
          // and the absolute error is that of ex2, 2e-7, where the hardware's
          // tanh.approx has 5e-4.
          Value magnitude = LLVM::FAbsOp::create(e.b, e.loc, x[0]);
          Value t = e.approx("ex2", mul(magnitude, -2 * kLog2E));
          Value up = arith::SubFOp::create(e.b, e.loc, one(), t);
          Value down = e.approx("rcp", e.addF(one(), t));
          Value y = arith::MulFOp::create(e.b, e.loc, up, down);
          return LLVM::CopySignOp::create(e.b, e.loc, y, x[0]).getResult();
        })
        .Case([&](math::SqrtOp) {
          return LLVM::SqrtOp::create(e.b, e.loc, x[0]).getResult();
        })
        .Case([&](math::AbsFOp) {
          return LLVM::FAbsOp::create(e.b, e.loc, x[0]).getResult();
        })
        .Case([&](math::FmaOp) {
          return LLVM::FMAOp::create(e.b, e.loc, x[0], x[1], x[2]).getResult();
        })
        .Case([&](math::CopySignOp) {
          return LLVM::CopySignOp::create(e.b, e.loc, x[0], x[1]).getResult();
        })
        .Default(Value());
  }

  Value coordinate(tile::CoordKind kind) {
    switch (kind) {
    case tile::CoordKind::Batch:
      return k.request;
    case tile::CoordKind::KeyEnd:
      return k.keyEnd;
    case tile::CoordKind::Key:
      return geometry.keyOf(i, elements);
    case tile::CoordKind::Query:
      return e.add(k.firstQuery, e.div(geometry.rowIndex(row), k.group()));
    case tile::CoordKind::Head:
      return emitQueryHead(k, geometry.rowIndex(row));
    }
    llvm_unreachable("all coordinates covered");
  }
};
} // namespace

FailureOr<SmallVector<Fragment>>
attn::nvvm::emitMap(Kernel &k, Geometry &geometry, tile::MapOp map,
                    ArrayRef<Fragment> inputs) {
  int64_t columns = map.getDomain().getCols(), elements = 0;
  for (auto [input, fragment] : llvm::zip(map.getInputs(), inputs))
    if (cast<tile::TileType>(input.getType()).getCols() == columns)
      elements = fragment.size();
  unsigned numElementwise = map.getNumElementwise();
  SmallVector<Fragment> results(map.getNumResults());
  for (int64_t i = 0; i < elements; ++i) {
    int64_t row = columns == 1 ? i : geometry.rowOf(i, elements);
    SmallVector<Value> args;
    for (auto [input, fragment] : llvm::zip(map.getInputs(), inputs)) {
      bool matrix = cast<tile::TileType>(input.getType()).getCols() == columns;
      args.push_back(fragment[matrix ? i : row]);
    }
    auto yields =
        Scalar{k, geometry, row, i, elements}.run(map.getBody().front(), args);
    if (failed(yields))
      return failure();
    for (auto [j, value] : llvm::enumerate(*yields)) {
      Fragment &result = results[j];
      if (j < numElementwise || static_cast<int64_t>(result.size()) <= row)
        result.push_back(value);
      else
        result[row] = emitReduction(
            k.e,
            cast<tile::ReductionAttr>(map.getReductions()[j - numElementwise])
                .getValue(),
            result[row], value);
    }
  }
  return results;
}
