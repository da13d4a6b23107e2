//===- Interpreter.cpp - The reference interpreter of attn ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Interpreter/Interpreter.h"
#include "Frame.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Interpreter/Rounding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;
using namespace attn::interp;
using llvm::Error;

Error interp::errorAt(Operation *op, const Twine &message) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << op->getLoc() << ": '" << op->getName() << "' op " << message;
  return llvm::createStringError(text);
}

//===----------------------------------------------------------------------===//
// Do values fit their types?
//===----------------------------------------------------------------------===//

/// Why `tensor` is no value of `type`, or nothing. A scalar has rank 0.
static std::optional<std::string> misfit(const Tensor &tensor, Type type) {
  ArrayRef<int64_t> expected;
  if (auto tensorType = dyn_cast<RankedTensorType>(type))
    expected = tensorType.getShape();
  else if (!type.isIntOrIndexOrFloat())
    return "a tensor is no such value";
  bool fits = tensor.shape.size() == expected.size();
  int64_t size = 1;
  for (auto [have, want] : llvm::zip(tensor.shape, expected)) {
    fits &= ShapedType::isDynamic(want) || have == want;
    size *= have;
  }
  if (!fits)
    return "the shape differs";
  if (size != static_cast<int64_t>(tensor.data.size()))
    return "the number of elements is not that of the shape";
  return std::nullopt;
}

/// Why `cache` is no value of `type`, or nothing: every token that a sequence
/// counts must lie in the pools.
static std::optional<std::string> misfit(const Cache &cache, Type type) {
  auto cacheType = dyn_cast<KVCacheType>(type);
  if (!cacheType)
    return "a cache is no such value";
  if (cache.heads != cacheType.getHeads() ||
      cache.kDim != cacheType.getKDim() || cache.vDim != cacheType.getVDim() ||
      cache.latent != cacheType.isLatent())
    return "heads or parts differ";
  if (cache.page <= 0 ||
      (cacheType.getPage() > 0 && cache.page != cacheType.getPage()))
    return "the page size differs";
  int64_t slots = cache.numSlots();
  if (static_cast<int64_t>(cache.k.size()) !=
          slots * cache.heads * cache.kDim ||
      static_cast<int64_t>(cache.v.size()) !=
          (cache.latent ? 0 : slots * cache.heads * cache.vDim))
    return "the sizes of the pools do not match the parts";
  if (cache.blocks.size() != cache.lens.size())
    return "the block table and the lengths differ in batch";
  for (auto [blocks, len] : llvm::zip(cache.blocks, cache.lens)) {
    int64_t used = llvm::divideCeil(std::max<int64_t>(len, 0), cache.page);
    if (len < 0 || used > static_cast<int64_t>(blocks.size()))
      return "a length exceeds the sequence's blocks";
    if (!cacheType.isPaged() && used > 1)
      return "a contiguous cache has one block a sequence";
    // Entries past the length are never read and may hold anything.
    for (int64_t block : ArrayRef(blocks).take_front(used))
      if (block < 0 || (block + 1) * cache.page > slots)
        return "a block lies outside of the pools";
  }
  return std::nullopt;
}

Error Frame::bind(Operation *op, mlir::Value target, interp::Value value) {
  std::optional<std::string> reason = std::visit(
      [&](const auto &value) { return misfit(value, target.getType()); },
      value);
  if (reason) {
    std::string text;
    llvm::raw_string_ostream(text)
        << "a value does not fit " << target.getType() << ": " << *reason;
    return errorAt(op, text);
  }
  if (roundResults && !isa<AttendOp>(op))
    roundTo(getElementTypeOrSelf(target.getType()), value);
  values.insert_or_assign(target, std::move(value));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static double toDouble(const APFloat &value) {
  APFloat result = value;
  bool losesInfo;
  result.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return result.convertToDouble();
}

/// An i1 is 0 or 1, other integers are signed.
static double toDouble(const APInt &value) {
  return value.getBitWidth() == 1 ? value.getBoolValue() : value.getSExtValue();
}

static Error executeConstant(arith::ConstantOp op, Frame &frame) {
  Tensor tensor;
  if (auto value = dyn_cast<FloatAttr>(op.getValue())) {
    tensor.data.push_back(value.getValueAsDouble());
  } else if (auto value = dyn_cast<IntegerAttr>(op.getValue())) {
    tensor.data.push_back(toDouble(value.getValue()));
  } else if (auto value = dyn_cast<DenseFPElementsAttr>(op.getValue())) {
    tensor.shape.assign(value.getType().getShape().begin(),
                        value.getType().getShape().end());
    for (const APFloat &element : value.getValues<APFloat>())
      tensor.data.push_back(toDouble(element));
  } else if (auto value = dyn_cast<DenseIntElementsAttr>(op.getValue())) {
    tensor.shape.assign(value.getType().getShape().begin(),
                        value.getType().getShape().end());
    for (const APInt &element : value.getValues<APInt>())
      tensor.data.push_back(toDouble(element));
  } else {
    return errorAt(op, "a constant of this kind is not supported");
  }
  return frame.bind(op, op.getResult(), std::move(tensor));
}

static Error executeBlock(Block &block, Frame &frame);

static Error executeIf(scf::IfOp op, Frame &frame) {
  bool condition = frame.tensor(op.getCondition()).data.front() != 0;
  Region &region = condition ? op.getThenRegion() : op.getElseRegion();
  if (region.empty())
    return Error::success();
  if (Error error = executeBlock(region.front(), frame))
    return error;
  for (auto [result, operand] : llvm::zip(
           op.getResults(), region.front().getTerminator()->getOperands()))
    if (Error error = frame.bind(op, result, frame.value(operand)))
      return error;
  return Error::success();
}

static Error executeBlock(Block &block, Frame &frame) {
  for (Operation &op : block.without_terminator()) {
    Error error = Error::success();
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      error = executeConstant(constant, frame);
    else if (auto ifOp = dyn_cast<scf::IfOp>(op))
      error = executeIf(ifOp, frame);
    else if (isTensorOp(&op))
      error = executeTensorOp(&op, frame);
    else
      error = execute(&op, frame);
    if (error)
      return error;
  }
  return Error::success();
}

llvm::Expected<SmallVector<interp::Value>>
interp::interpret(func::FuncOp func, ArrayRef<interp::Value> args,
                  std::function<double(double)> roundWeight,
                  bool roundResults) {
  if (!func.getBody().hasOneBlock())
    return errorAt(func, "needs a body of one block");
  if (args.size() != func.getNumArguments())
    return errorAt(func, "takes " + Twine(func.getNumArguments()) +
                             " arguments, got " + Twine(args.size()));
  Frame frame;
  frame.roundWeight = std::move(roundWeight);
  frame.roundResults = roundResults;
  for (auto [target, value] : llvm::zip(func.getArguments(), args))
    if (Error error = frame.bind(func, target, value))
      return error;
  if (Error error = executeBlock(func.getBody().front(), frame))
    return error;
  Operation *terminator = func.getBody().front().getTerminator();
  if (!isa<func::ReturnOp>(terminator))
    return errorAt(terminator, "is not supported");
  SmallVector<interp::Value> results;
  for (mlir::Value operand : terminator->getOperands())
    results.push_back(frame.value(operand));
  return results;
}
