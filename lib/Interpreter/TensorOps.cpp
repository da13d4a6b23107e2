//===- TensorOps.cpp - Execution of tensor and linalg ops -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops that rewrites leave between the attn ops: shapes, slices and
// concatenations of `tensor`, any structured op of `linalg` on tensors (they
// all have a body and indexing maps), `linalg.softmax`, and the scalar
// arithmetic on extents that a choice at run time is made by.
//
//===----------------------------------------------------------------------===//

#include "Frame.h"
#include "ScoreRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn::interp;
using llvm::Error;

static constexpr double kUninitialised =
    std::numeric_limits<double>::quiet_NaN();

using Index = SmallVector<int64_t>;

/// Steps to the next index in row-major order; false after the last.
static bool advance(Index &index, ArrayRef<int64_t> shape) {
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (++index[axis] < shape[axis])
      return true;
    index[axis] = 0;
  }
  return false;
}

static int64_t linear(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t result = 0;
  for (auto [i, extent] : llvm::zip_equal(index, shape))
    result = result * extent + i;
  return result;
}

/// A tensor whose element at `index` is `element(index)`.
static Tensor generate(ArrayRef<int64_t> shape,
                       llvm::function_ref<double(ArrayRef<int64_t>)> element) {
  Tensor result = Tensor::zeros(shape);
  if (result.data.empty())
    return result;
  Index index(shape.size());
  size_t next = 0;
  do
    result.data[next++] = element(index);
  while (advance(index, shape));
  return result;
}

static int64_t scalar(const Frame &frame, mlir::Value value) {
  return static_cast<int64_t>(frame.tensor(value).data.front());
}

static SmallVector<int64_t> extents(const Frame &frame,
                                    ArrayRef<OpFoldResult> values) {
  return llvm::map_to_vector(values, [&](OpFoldResult value) {
    std::optional<int64_t> constant = getConstantIntValue(value);
    return constant ? *constant : scalar(frame, cast<mlir::Value>(value));
  });
}

//===----------------------------------------------------------------------===//
// tensor
//===----------------------------------------------------------------------===//

static Error execute(tensor::EmptyOp op, Frame &frame) {
  Tensor result = Tensor::zeros(extents(frame, op.getMixedSizes()));
  llvm::fill(result.data, kUninitialised);
  return frame.bind(op, op.getResult(), std::move(result));
}

static Error execute(tensor::DimOp op, Frame &frame) {
  const Tensor &source = frame.tensor(op.getSource());
  int64_t dim = scalar(frame, op.getIndex());
  if (dim < 0 || dim >= static_cast<int64_t>(source.shape.size()))
    return errorAt(op, "has no such axis");
  return frame.bind(op, op.getResult(),
                    Tensor{{}, {double(source.shape[dim])}});
}

/// The value knows its extents; a type that contradicts them is an error.
static Error execute(tensor::CastOp op, Frame &frame) {
  return frame.bind(op, op.getResult(), Tensor(frame.tensor(op.getSource())));
}

/// The same elements in another shape.
static Error reshape(Operation *op, const Tensor &source,
                     ArrayRef<int64_t> shape, Frame &frame) {
  Tensor result = source;
  result.shape.assign(shape.begin(), shape.end());
  return frame.bind(op, op->getResult(0), std::move(result));
}

static Error execute(tensor::ExpandShapeOp op, Frame &frame) {
  return reshape(op, frame.tensor(op.getSrc()),
                 extents(frame, op.getMixedOutputShape()), frame);
}

static Error execute(tensor::CollapseShapeOp op, Frame &frame) {
  const Tensor &source = frame.tensor(op.getSrc());
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &axes : op.getReassociationIndices()) {
    int64_t extent = 1;
    for (int64_t axis : axes)
      extent *= source.shape[axis];
    shape.push_back(extent);
  }
  return reshape(op, source, shape, frame);
}

static Error execute(tensor::ExtractSliceOp op, Frame &frame) {
  if (op.getDroppedDims().any())
    return errorAt(op, "that drops axes is not supported");
  const Tensor &source = frame.tensor(op.getSource());
  SmallVector<int64_t> offsets = extents(frame, op.getMixedOffsets());
  SmallVector<int64_t> sizes = extents(frame, op.getMixedSizes());
  SmallVector<int64_t> strides = extents(frame, op.getMixedStrides());
  for (auto [offset, size, stride, extent] :
       llvm::zip_equal(offsets, sizes, strides, source.shape))
    if (offset < 0 || size < 0 ||
        (size > 0 && offset + (size - 1) * stride >= extent))
      return errorAt(op, "reaches past its source");
  Tensor result = generate(sizes, [&](ArrayRef<int64_t> index) {
    Index from;
    for (auto [i, offset, stride] : llvm::zip_equal(index, offsets, strides))
      from.push_back(offset + i * stride);
    return source.data[linear(from, source.shape)];
  });
  return frame.bind(op, op.getResult(), std::move(result));
}

static Error execute(tensor::ConcatOp op, Frame &frame) {
  int64_t dim = op.getDim();
  SmallVector<int64_t> shape = frame.tensor(op.getInputs()[0]).shape;
  shape[dim] = 0;
  for (mlir::Value input : op.getInputs()) {
    SmallVector<int64_t> others = frame.tensor(input).shape;
    shape[dim] += others[dim];
    others[dim] = shape[dim];
    if (others != shape)
      return errorAt(op, "joins inputs of unequal extents");
  }
  Tensor result = generate(shape, [&](ArrayRef<int64_t> index) {
    Index from(index);
    for (mlir::Value input : op.getInputs()) {
      const Tensor &part = frame.tensor(input);
      if (from[dim] < part.shape[dim])
        return part.data[linear(from, part.shape)];
      from[dim] -= part.shape[dim];
    }
    llvm_unreachable("the index lies in one of the inputs");
  });
  return frame.bind(op, op.getResult(), std::move(result));
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// scalarFunction, and what else computes with extents: they are of type index
/// or i64, and exact in a double.
static ScalarFunction extentFunction(Operation *op) {
  return TypeSwitch<Operation *, ScalarFunction>(op)
      .Case<arith::IndexCastOp, arith::SIToFPOp, arith::ExtSIOp>(
          [](auto) { return [](ArrayRef<double> x) { return x[0]; }; })
      .Case([](arith::TruncIOp op) -> ScalarFunction {
        return [width = op.getType().getIntOrFloatBitWidth()](
                   ArrayRef<double> x) -> double {
          return APInt(64, int64_t(x[0]), true).trunc(width).getSExtValue();
        };
      })
      .Case([](arith::CmpIOp op) -> ScalarFunction {
        return [predicate = op.getPredicate()](ArrayRef<double> x) {
          return arith::applyCmpPredicate(predicate,
                                          APInt(64, int64_t(x[0]), true),
                                          APInt(64, int64_t(x[1]), true));
        };
      })
      .Case([](arith::ConstantOp op) -> ScalarFunction {
        double value = cast<IntegerAttr>(op.getValue()).getInt();
        return [value](ArrayRef<double>) { return value; };
      })
      .Case([](arith::AddIOp) -> ScalarFunction {
        return [](ArrayRef<double> x) { return x[0] + x[1]; };
      })
      .Default([](Operation *op) { return scalarFunction(op); });
}

static bool computesWithExtents(Operation *op) {
  auto isExtent = [](Type type) {
    return type.isIndex() || type.isInteger(64);
  };
  return llvm::any_of(op->getOperandTypes(), isExtent) ||
         llvm::any_of(op->getResultTypes(), isExtent);
}

static ScalarFunction anyScalarFunction(Operation *op) {
  return computesWithExtents(op) ? extentFunction(op) : scalarFunction(op);
}

static Error executeScalar(Operation *op, Frame &frame) {
  SmallVector<double> operands;
  for (mlir::Value operand : op->getOperands()) {
    if (isa<ShapedType>(operand.getType()))
      return errorAt(op, "is not supported on tensors");
    operands.push_back(frame.tensor(operand).data.front());
  }
  ScalarFunction function = anyScalarFunction(op);
  if (!function)
    return errorAt(op, "is not supported");
  return frame.bind(op, op->getResult(0), Tensor{{}, {function(operands)}});
}

//===----------------------------------------------------------------------===//
// linalg
//===----------------------------------------------------------------------===//

/// A projected permutation of the loops: every result is one of them.
static Index apply(AffineMap map, ArrayRef<int64_t> index) {
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
    return index[cast<AffineDimExpr>(expr).getPosition()];
  });
}

namespace {
/// The body of a structured op, run for one point of its iteration space.
class Body {
public:
  /// An error names the first op that is not supported.
  Error read(Block &block, const Frame &frame);
  double run(ArrayRef<double> arguments, ArrayRef<int64_t> index);

private:
  Block *block = nullptr;
  SmallVector<std::pair<Operation *, ScalarFunction>> steps;
  DenseMap<mlir::Value, double> values; // At first those from outside.
};
} // namespace

Error Body::read(Block &from, const Frame &frame) {
  block = &from;
  for (Operation &op : from) {
    for (mlir::Value operand : op.getOperands())
      if (operand.getParentBlock() != block) {
        if (isa<ShapedType>(operand.getType()))
          return errorAt(&op, "reads a tensor from outside of its body");
        values[operand] = frame.tensor(operand).data.front();
      }
    if (op.hasTrait<OpTrait::IsTerminator>())
      break;
    ScalarFunction function;
    if (auto index = dyn_cast<linalg::IndexOp>(op); !index) {
      function = anyScalarFunction(&op);
      if (!function)
        return errorAt(&op, "is not supported in a body");
    }
    steps.emplace_back(&op, std::move(function));
  }
  return Error::success();
}

double Body::run(ArrayRef<double> arguments, ArrayRef<int64_t> index) {
  for (auto [argument, value] :
       llvm::zip_equal(block->getArguments(), arguments))
    values[argument] = value;
  for (const auto &[op, function] : steps) {
    SmallVector<double> operands;
    for (mlir::Value operand : op->getOperands())
      operands.push_back(values.at(operand));
    values[op->getResult(0)] =
        function ? function(operands)
                 : double(index[cast<linalg::IndexOp>(op).getDim()]);
  }
  return values.at(block->getTerminator()->getOperand(0));
}

/// The iteration space of the op and its body, once for each point.
static Error execute(linalg::LinalgOp op, Frame &frame) {
  if (op->getNumResults() != 1)
    return errorAt(op, "needs one result");
  Body body;
  if (Error error = body.read(*op.getBlock(), frame))
    return error;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> loops(op.getNumLoops(), -1);
  for (OpOperand &operand : op->getOpOperands()) {
    const Tensor &tensor = frame.tensor(operand.get());
    for (auto [expr, extent] : llvm::zip_equal(
             maps[operand.getOperandNumber()].getResults(), tensor.shape)) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        return errorAt(op, "has an indexing map that is not supported");
      int64_t &loop = loops[dim.getPosition()];
      if (loop != -1 && loop != extent)
        return errorAt(op, "has operands of unequal extents");
      loop = extent;
    }
  }
  OpOperand *init = op.getDpsInitOperand(0);
  Tensor result = frame.tensor(init->get());
  Index index(loops.size());
  if (!llvm::is_contained(loops, 0))
    do {
      SmallVector<double> arguments;
      for (OpOperand &operand : op->getOpOperands()) {
        const Tensor &tensor =
            &operand == init ? result : frame.tensor(operand.get());
        arguments.push_back(tensor.data[linear(
            apply(maps[operand.getOperandNumber()], index), tensor.shape)]);
      }
      result.data[linear(apply(maps[init->getOperandNumber()], index),
                         result.shape)] = body.run(arguments, index);
    } while (advance(index, loops));
  return frame.bind(op, op->getResult(0), std::move(result));
}

static Error execute(linalg::SoftmaxOp op, Frame &frame) {
  Tensor result = frame.tensor(op.getInput());
  int64_t axis = op.getDimension(), extent = result.shape[axis], inner = 1;
  for (int64_t width : ArrayRef<int64_t>(result.shape).drop_front(axis + 1))
    inner *= width;
  for (size_t start = 0; start < result.data.size(); ++start) {
    if ((start / inner) % extent != 0)
      continue; // Not the first element of a row.
    double highest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < extent; ++i)
      highest = std::fmax(highest, result.data[start + i * inner]);
    for (int64_t i = 0; i < extent; ++i)
      sum += std::exp(result.data[start + i * inner] - highest);
    for (int64_t i = 0; i < extent; ++i) {
      double &element = result.data[start + i * inner];
      element = std::exp(element - highest) / sum;
    }
  }
  return frame.bind(op, op->getResult(0), std::move(result));
}

bool attn::interp::isTensorOp(Operation *op) {
  return isa_and_present<tensor::TensorDialect, linalg::LinalgDialect,
                         arith::ArithDialect>(op->getDialect());
}

Error attn::interp::executeTensorOp(Operation *op, Frame &frame) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return ::execute(structured, frame);
  if (isa<arith::ArithDialect>(op->getDialect()))
    return executeScalar(op, frame);
  return TypeSwitch<Operation *, Error>(op)
      .Case<tensor::CastOp, tensor::EmptyOp, tensor::DimOp,
            tensor::ExpandShapeOp, tensor::CollapseShapeOp,
            tensor::ExtractSliceOp, tensor::ConcatOp, linalg::SoftmaxOp>(
          [&](auto op) { return ::execute(op, frame); })
      .Default([](Operation *op) { return errorAt(op, "is not supported"); });
}
