//===- Map.cpp - Maps as vector loops ---------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "VectorMath.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {

/// One vector's worth of a map's domain.
struct Lane {
  Value start;    ///< first row of the block (i64)
  int64_t height; ///< rows of the block
  Value firstKey; ///< position of the vector's first column's key (i32)
  int64_t lanes;  ///< lanes of the vector
};

/// Clones a map's scalar region with vectors in the place of scalars.
class Vectorizer {
public:
  Vectorizer(Kernel &k, Value rowCoords, int64_t degree)
      : k(k), rowCoords(rowCoords), degree(degree) {}

  FailureOr<SmallVector<Value>> run(Block &block, ArrayRef<Value> args,
                                    const Lane &lane) {
    IRMapping mapping;
    for (auto [arg, value] : llvm::zip(block.getArguments(), args))
      mapping.map(arg, value);
    for (Operation &op : block.without_terminator())
      if (failed(vectorize(op, mapping, lane)))
        return failure();
    return readOperands(*block.getTerminator(), mapping, lane);
  }

private:
  Value splat(arith::ConstantOp constant, const Lane &lane) {
    auto type = VectorType::get({lane.lanes}, constant.getType());
    return arith::ConstantOp::create(
        k.e.b, k.e.loc, DenseElementsAttr::get(type, constant.getValue()));
  }

  /// The vectors of an op's operands: of the region, or of constants that it
  /// captures.
  FailureOr<SmallVector<Value>> readOperands(Operation &op, IRMapping &mapping,
                                             const Lane &lane) {
    SmallVector<Value> result;
    for (Value operand : op.getOperands()) {
      Value vector = mapping.lookupOrNull(operand);
      auto constant = operand.getDefiningOp<arith::ConstantOp>();
      if (!vector && (!constant || !constant.getType().isIntOrFloat()))
        return op.emitOpError("reads a value from outside of its region that "
                              "is no scalar constant");
      result.push_back(vector ? vector : splat(constant, lane));
    }
    return result;
  }

  LogicalResult vectorize(Operation &op, IRMapping &mapping, const Lane &lane) {
    Emitter &e = k.e;
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      mapping.map(constant, splat(constant, lane));
      return success();
    }
    if (auto coord = dyn_cast<tile::CoordOp>(op)) {
      mapping.map(coord, coordinate(coord.getKind(), lane));
      return success();
    }
    FailureOr<SmallVector<Value>> read = readOperands(op, mapping, lane);
    if (failed(read))
      return failure();
    SmallVector<Value> operands = std::move(*read);
    if (Value special = expand(op, operands)) {
      mapping.map(op.getResult(0), special);
      return success();
    }
    if (!OpTrait::hasElementwiseMappableTraits(&op) ||
        op.getNumResults() != 1 || !isLowered(op))
      return op.emitOpError("has no vector form on the CPU target; a score "
                            "region takes arith ops and math.exp, exp2, log, "
                            "log2, tanh, sqrt, absf");
    OperationState state(e.loc, op.getName());
    state.addOperands(operands);
    state.addTypes(VectorType::get({lane.lanes}, op.getResult(0).getType()));
    state.addAttributes(op.getAttrs());
    state.propertiesAttr = op.getPropertiesAsAttribute();
    mapping.map(op.getResult(0), e.b.create(state)->getResult(0));
    return success();
  }

  /// Elementwise ops that LLVM turns into instructions and not into calls.
  static bool isLowered(Operation &op) {
    return isa_and_nonnull<arith::ArithDialect>(op.getDialect()) ||
           isa<math::SqrtOp, math::AbsFOp, math::FmaOp, math::CopySignOp>(op);
  }

  /// Functions that have no instruction; null for all other ops.
  Value expand(Operation &op, ArrayRef<Value> operands) {
    Emitter &e = k.e;
    if (!isa_and_nonnull<math::MathDialect>(op.getDialect()) ||
        operands.empty())
      return {};
    auto type = cast<VectorType>(operands[0].getType());
    if (auto exp2 = dyn_cast<math::Exp2Op>(op)) {
      // The softmax's own exponents are bounded (ninf); a user's may overflow,
      // and saturate just below 2^127.
      bool bounded =
          bitEnumContainsAll(exp2.getFastmath(), arith::FastMathFlags::ninf);
      return bounded ? emitExp2(e, operands[0], degree)
                     : emitExp2(e, saturate(operands[0]), 6);
    }
    if (isa<math::ExpOp>(op))
      return emitExp2(
          e, saturate(e.mulF(operands[0], e.splat(1.4426950408889634, type))),
          6);
    if (isa<math::Log2Op>(op))
      return emitLog2(e, operands[0]);
    if (isa<math::LogOp>(op))
      return e.mulF(emitLog2(e, operands[0]),
                    e.splat(0.6931471805599453, type));
    if (isa<math::TanhOp>(op))
      return emitTanh(e, operands[0]);
    return {};
  }

  Value saturate(Value x) {
    Value top = k.e.splat(126.99, cast<VectorType>(x.getType()));
    Value over = arith::CmpFOp::create(k.e.b, k.e.loc,
                                       arith::CmpFPredicate::OGT, x, top);
    return k.e.select(over, top, x);
  }

  Value coordinate(tile::CoordKind kind, const Lane &lane) {
    Emitter &e = k.e;
    VectorType ints = e.vec(lane.lanes, e.i32());
    auto perRow = [&](int64_t array) {
      Value at = e.ptr(rowCoords,
                       e.mul(e.add(lane.start, array * k.blocks.padded), 4));
      return e.replicate(e.load(at, e.vec(lane.height, e.i32()), 4),
                         lane.lanes);
    };
    switch (kind) {
    case tile::CoordKind::Batch:
      return e.broadcast(e.toI32(k.batch), ints);
    case tile::CoordKind::KeyEnd:
      return e.broadcast(e.toI32(k.tokenEnd), ints);
    case tile::CoordKind::Key: {
      SmallVector<int32_t> column;
      for (int64_t i = 0; i < lane.lanes; ++i)
        column.push_back(i / lane.height);
      Value offset = arith::ConstantOp::create(
          e.b, e.loc, DenseElementsAttr::get(ints, ArrayRef<int32_t>(column)));
      return e.add(e.broadcast(lane.firstKey, ints), offset);
    }
    case tile::CoordKind::Query: {
      Value first = e.sub(k.seqLen, e.i64(k.qLen()));
      return e.add(e.broadcast(e.toI32(first), ints), perRow(0));
    }
    case tile::CoordKind::Head: {
      Value first = e.mul(k.head, k.group());
      return e.add(e.broadcast(e.toI32(first), ints), perRow(1));
    }
    }
    llvm_unreachable("all coordinates covered");
  }

  Kernel &k;
  Value rowCoords;
  int64_t degree;
};

/// Emits one map; see emitMap.
struct MapEmitter {
  Kernel &k;
  tile::MapOp map;
  ArrayRef<Buffer> inputs, results;
  Vectorizer vectorizer;
  Emitter &e = k.e;
  unsigned numElementwise = map.getNumElementwise();
  bool ok = true;

  SmallVector<Value> region(ArrayRef<Value> args, const Lane &lane) {
    auto yields = vectorizer.run(map.getBody().front(), args, lane);
    if (failed(yields)) {
      ok = false;
      return SmallVector<Value>(map.getNumResults(),
                                e.zeros(e.vec(lane.lanes)));
    }
    return *yields;
  }

  tile::Reduction reduction(unsigned i) {
    return cast<tile::ReductionAttr>(map.getReductions()[i]).getValue();
  }
  Value combine(unsigned i, Value x, Value y) {
    return reduction(i) == tile::Reduction::Max ? e.maxF(x, y) : e.addF(x, y);
  }

  /// `height` per-row values at `start`, repeated to `lanes`.
  Value rowValues(const Buffer &buffer, Value start, int64_t height,
                  int64_t lanes) {
    Value at = e.ptr(buffer.base, e.mul(start, 4));
    return e.replicate(e.load(at, e.vec(height), 4), lanes);
  }

  /// Calls `body(start, height)` for each block of rows; a merge's, for those
  /// that its rows lie in.
  void forEachBlock(function_ref<void(Value, const RowSegment &)> body) {
    for (const RowSegment &segment : k.blocks.segments) {
      Value first = e.i64(0), last = e.i64(segment.count);
      if (k.op.getCombine()) {
        auto within = [&](Value row) {
          return e.max(e.sub(row, e.i64(segment.start)), e.i64(0));
        };
        Value height = e.i64(segment.height);
        first = e.divU(within(k.rowBegin), height);
        last = e.min(
            last, e.divU(e.add(within(k.rowEnd), segment.height - 1), height));
      }
      e.loop(first, last, 1, [&](Value block) {
        body(e.add(e.mul(block, segment.height), segment.start), segment);
      });
    }
  }

  /// Domain of one column: a vector of rows a block.
  void emitRows() {
    forEachBlock([&](Value start, const RowSegment &segment) {
      SmallVector<Value> args;
      for (const Buffer &input : inputs)
        args.push_back(rowValues(input, start, segment.height, segment.height));
      SmallVector<Value> out =
          region(args, {start, segment.height, {}, segment.height});
      for (auto [value, buffer] : llvm::zip(out, results))
        e.store(value, e.ptr(buffer.base, e.mul(start, 4)), 4);
    });
  }

  /// Domain in score order: vectors of whole columns of a block; reductions
  /// are carried in vectors and folded to one column at the end.
  void emitScores() {
    int64_t lanes = k.lanes(), columns = map.getDomain().getCols();
    bool paired = llvm::any_of(
        results, [](const Buffer &b) { return b.order == Order::PairScore; });
    int64_t vectors = paired ? 2 : 1; // a token pair may straddle two vectors
    forEachBlock([&](Value start, const RowSegment &segment) {
      int64_t height = segment.height;
      SmallVector<Value> fixed;
      for (const Buffer &input : inputs)
        fixed.push_back(input.order == Order::RowVector
                            ? rowValues(input, start, height, lanes)
                            : Value());
      SmallVector<Value> inits;
      for (unsigned i = 0; i < map.getReductions().size(); ++i)
        inits.push_back(
            e.splat(reduction(i) == tile::Reduction::Max ? -INFINITY : 0.0,
                    e.vec(lanes)));
      Value block = e.mul(start, columns);
      ValueRange reduced = e.loop(
          columns * height, vectors * lanes, inits,
          [&](Value flat, ValueRange carried) {
            SmallVector<Value> next(carried);
            SmallVector<SmallVector<Value>> outs;
            for (int64_t v = 0; v < vectors; ++v) {
              Value at = e.add(flat, v * lanes);
              Value column = arith::ShRUIOp::create(
                  e.b, e.loc, at, e.i64(llvm::Log2_64(height)));
              SmallVector<Value> args;
              for (auto [input, value] : llvm::zip(inputs, fixed))
                args.push_back(value ? value
                                     : e.load(e.ptr(input.base,
                                                    e.mul(e.add(block, at), 4)),
                                              e.vec(lanes), 4));
              Value key = e.toI32(e.add(k.tileStart, column));
              outs.push_back(region(args, {start, height, key, lanes}));
              for (unsigned i = 0; i < next.size(); ++i)
                next[i] = combine(i, next[i], outs.back()[numElementwise + i]);
            }
            for (unsigned i = 0; i < numElementwise; ++i)
              storeScores(results[i], block, flat, i, outs, height);
            return next;
          });
      for (unsigned i = 0; i < inits.size(); ++i) {
        Value folded = reduced[i];
        for (int64_t distance = lanes / 2; distance >= height; distance /= 2) {
          SmallVector<int64_t> mask;
          for (int64_t lane = 0; lane < lanes; ++lane)
            mask.push_back((lane + distance) % lanes);
          folded = combine(i, folded, e.shuffle(folded, folded, mask));
        }
        SmallVector<int64_t> first;
        for (int64_t lane = 0; lane < height; ++lane)
          first.push_back(lane);
        e.store(e.shuffle(folded, folded, first),
                e.ptr(results[numElementwise + i].base, e.mul(start, 4)), 4);
      }
    });
  }

  /// Stores result `i` of one step of emitScores.
  void storeScores(const Buffer &buffer, Value block, Value flat, unsigned i,
                   ArrayRef<SmallVector<Value>> outs, int64_t height) {
    int64_t lanes = k.lanes();
    if (buffer.order == Order::Score) {
      for (auto [v, out] : llvm::enumerate(outs))
        e.store(
            out[i],
            e.ptr(buffer.base, e.mul(e.add(e.add(block, flat), v * lanes), 4)),
            4);
      return;
    }
    // Two vectors of [column][height] to [column / 2][height][2].
    SmallVector<int64_t> mask;
    for (int64_t pair = 0; pair < lanes / height; ++pair)
      for (int64_t row = 0; row < height; ++row)
        for (int64_t odd = 0; odd < 2; ++odd)
          mask.push_back((2 * pair + odd) * height + row);
    Value packed = e.shuffle(e.roundTo(outs[0][i], e.bf16()),
                             e.roundTo(outs[1][i], e.bf16()), mask);
    e.store(packed, e.ptr(buffer.base, e.mul(e.add(block, flat), 2)), 2);
  }

  /// Domain in row-major order, for outputs; no reductions.
  void emitMatrix() {
    int64_t lanes = k.lanes(), columns = map.getDomain().getCols();
    e.loop(k.rowBegin, k.rowEnd, 1, [&](Value row) {
      SmallVector<Value> fixed;
      for (const Buffer &input : inputs)
        fixed.push_back(input.order == Order::RowVector
                            ? e.broadcastLoad(e.ptr(input.base, e.mul(row, 4)),
                                              e.vec(lanes))
                            : Value());
      e.loop(columns, lanes, [&](Value column) {
        Value offset = e.mul(e.add(e.mul(row, columns), column), 4);
        SmallVector<Value> args;
        for (auto [input, value] : llvm::zip(inputs, fixed))
          args.push_back(
              value ? value
                    : e.load(e.ptr(input.base, offset), e.vec(lanes), 4));
        SmallVector<Value> out = region(args, {row, 1, {}, lanes});
        for (auto [value, buffer] : llvm::zip(out, results))
          e.store(value, e.ptr(buffer.base, offset), 4);
      });
    });
  }
};

} // namespace

LogicalResult attn::cpu::emitMap(Kernel &k, tile::MapOp map,
                                 ArrayRef<Buffer> inputs,
                                 ArrayRef<Buffer> results, Value rowCoords) {
  MapEmitter emitter{k, map, inputs, results,
                     Vectorizer(k, rowCoords, k.schedule.getExp2Degree())};
  bool rows = llvm::all_of(
      inputs, [](const Buffer &b) { return b.order == Order::RowVector; });
  bool matrix = llvm::any_of(
      inputs, [](const Buffer &b) { return b.order == Order::RowMajor; });
  if (matrix && !map.getReductions().empty())
    return map.emitOpError("reduces an output's columns, which no CPU kernel "
                           "needs");
  if (rows)
    emitter.emitRows();
  else if (matrix)
    emitter.emitMatrix();
  else
    emitter.emitScores();
  return success(emitter.ok);
}

FailureOr<Value> attn::cpu::emitMapVector(Kernel &k, tile::MapOp map,
                                          ArrayRef<Value> inputs, Value row) {
  Vectorizer vectorizer(k, /*rowCoords=*/{}, k.schedule.getExp2Degree());
  auto results =
      vectorizer.run(map.getBody().front(), inputs, {row, 1, {}, k.lanes()});
  if (failed(results))
    return failure();
  return results->front();
}

void attn::cpu::emitRowCoords(Kernel &k, Value rowCoords) {
  Emitter &e = k.e;
  auto write = [&](int64_t array, int64_t row, int64_t value) {
    Value word =
        arith::ConstantOp::create(e.b, e.loc, e.b.getI32IntegerAttr(value));
    e.store(word, e.ptr(rowCoords, (array * k.blocks.padded + row) * 4), 4);
  };
  for (int64_t row = 0; row < k.blocks.padded; ++row) {
    write(0, row, std::min(row / k.group(), k.qLen() - 1));
    write(1, row, row % k.group());
  }
}
