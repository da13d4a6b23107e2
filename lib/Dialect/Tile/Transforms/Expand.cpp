//===- Expand.cpp - Write scores and softmax as maps ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Tile/Transforms/Passes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

#include <cmath>

namespace attn::tile {
#define GEN_PASS_DEF_TILEEXPAND
#include "attn/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace attn::tile

using namespace mlir;
using namespace attn::tile;

namespace {

constexpr double kLog2E = 1.4426950408889634074;
constexpr double kLn2 = 0.69314718055994530942;

/// Scalar arithmetic inside a map's region.
struct Scalars {
  OpBuilder &b;
  Location loc;

  Value f32(double value) const {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value minusInf() const { return f32(-INFINITY); }
  Value i32(int64_t value) const {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
  Value coord(CoordKind kind) const {
    return CoordOp::create(b, loc, b.getI32Type(), kind);
  }
  Value add(Value x, Value y) const {
    return arith::AddFOp::create(b, loc, x, y);
  }
  Value sub(Value x, Value y) const {
    return arith::SubFOp::create(b, loc, x, y);
  }
  Value mul(Value x, Value y) const {
    return arith::MulFOp::create(b, loc, x, y);
  }
  Value div(Value x, Value y) const {
    return arith::DivFOp::create(b, loc, x, y);
  }
  /// 2^x of an exponent that cannot overflow.
  Value exp2(Value x) const {
    return math::Exp2Op::create(b, loc, x, arith::FastMathFlags::ninf);
  }
  Value select(Value c, Value x, Value y) const {
    return arith::SelectOp::create(b, loc, c, x, y);
  }
  Value greater(Value x, Value y) const {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, y);
  }
  Value cmpi(arith::CmpIPredicate p, Value x, Value y) const {
    return arith::CmpIOp::create(b, loc, p, x, y);
  }
};

/// Builds a map over `inputs`; `body` gets the scalars and returns one value
/// per result.
MapOp buildMap(
    OpBuilder &b, Location loc, TypeRange results, ValueRange inputs,
    ArrayRef<Reduction> reductions,
    function_ref<SmallVector<Value>(const Scalars &, ValueRange)> body) {
  SmallVector<Attribute> kinds;
  for (Reduction reduction : reductions)
    kinds.push_back(ReductionAttr::get(b.getContext(), reduction));
  auto map = MapOp::create(b, loc, results, inputs, b.getArrayAttr(kinds));
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Type> types(inputs.size(), b.getF32Type());
  Block *block = b.createBlock(&map.getBody(), {}, types,
                               SmallVector<Location>(types.size(), loc));
  SmallVector<Value> yields = body({b, loc}, block->getArguments());
  YieldOp::create(b, loc, yields);
  return map;
}

/// The score in base 2 with the mask applied (see tile.score).
Value buildScore(const Scalars &s, ScoreOp op, Value raw) {
  double scale = op.getScale().convertToFloat();
  double cap = op.getSoftcap().convertToFloat();
  Value x;
  if (cap == 0 && op.getRegion().empty()) {
    x = s.mul(raw, s.f32(scale * kLog2E));
  } else {
    x = s.mul(raw, s.f32(scale));
    if (cap != 0)
      x = s.mul(math::TanhOp::create(s.b, s.loc, s.mul(x, s.f32(1 / cap))),
                s.f32(cap));
    if (!op.getRegion().empty()) {
      Block &block = op.getRegion().front();
      IRMapping mapping;
      mapping.map(block.getArgument(0), x);
      const CoordKind kinds[] = {CoordKind::Batch, CoordKind::Head,
                                 CoordKind::Query, CoordKind::Key};
      for (auto [arg, kind] :
           llvm::zip(block.getArguments().drop_front(), kinds))
        if (!arg.use_empty())
          mapping.map(arg, s.coord(kind));
      for (Operation &inner : block.without_terminator())
        s.b.clone(inner, mapping);
      x = mapping.lookup(block.getTerminator()->getOperand(0));
    }
    x = s.mul(x, s.f32(kLog2E));
  }
  if (op.getNoMask())
    return x;
  Value key = s.coord(CoordKind::Key);
  Value keep =
      s.cmpi(arith::CmpIPredicate::slt, key, s.coord(CoordKind::KeyEnd));
  auto also = [&](Value condition) {
    keep = arith::AndIOp::create(s.b, s.loc, keep, condition);
  };
  if (op.getCausal())
    also(s.cmpi(arith::CmpIPredicate::sle, key, s.coord(CoordKind::Query)));
  if (op.getWindow()) {
    // The current token is one of the `window` that are seen.
    Value left = arith::SubIOp::create(s.b, s.loc, s.coord(CoordKind::Query),
                                       s.i32(op.getWindow()));
    also(s.cmpi(arith::CmpIPredicate::sgt, key, left));
  }
  return s.select(keep, x, s.minusInf());
}

void expandSoftmax(OnlineSoftmaxOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Type rowType = op.getM().getType();
  auto scoreOp = op.getScore().getDefiningOp<ScoreOp>();
  Value raw = scoreOp ? scoreOp.getInput() : op.getScore();
  auto score = buildMap(
      b, loc, {op.getScore().getType(), rowType}, raw, {Reduction::Max},
      [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
        Value x = scoreOp ? buildScore(s, scoreOp, in[0]) : in[0];
        return {x, x};
      });
  float threshold = op.getThreshold().convertToFloat();
  auto maximum = buildMap(
      b, loc, {rowType, rowType}, {score.getResult(1), op.getM()}, {},
      [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
        Value bound = threshold ? s.add(in[1], s.f32(threshold)) : in[1];
        Value grows = s.greater(in[0], bound);
        Value next = s.select(grows, in[0], in[1]);
        // Exactly 1 where nothing moved, which a polynomial's 2^0 is not, and
        // where nothing was summed yet: targets skip the rescaling then.
        Value moves = arith::AndIOp::create(
            s.b, s.loc, grows, s.greater(in[1], s.f32(kInitialMax)));
        Value alpha = s.select(moves, s.exp2(s.sub(in[1], next)), s.f32(1));
        return {next, alpha};
      });
  Value m = maximum.getResult(0), alpha = maximum.getResult(1);
  auto weights =
      buildMap(b, loc, {op.getP().getType(), rowType}, {score.getResult(0), m},
               {Reduction::Add},
               [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
                 Value p = s.exp2(s.sub(in[0], in[1]));
                 return {p, p};
               });
  auto sum =
      buildMap(b, loc, {rowType}, {op.getL(), alpha, weights.getResult(1)}, {},
               [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
                 return {s.add(s.mul(in[0], in[1]), in[2])};
               });
  op.replaceAllUsesWith(
      ValueRange{weights.getResult(0), m, sum.getResult(0), alpha});
  op.erase();
  if (scoreOp && scoreOp->use_empty())
    scoreOp.erase();
}

void expandNormalize(NormalizeOp op) {
  OpBuilder b(op);
  Type rowType = op.getL().getType();
  auto state =
      buildMap(b, op.getLoc(), {rowType, rowType}, {op.getL(), op.getM()}, {},
               [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
                 Value zero = s.f32(0), some = s.greater(in[0], zero);
                 Value inverse = s.select(some, s.div(s.f32(1), in[0]), zero);
                 Value log = math::Log2Op::create(s.b, s.loc, in[0]);
                 Value lse = s.mul(s.add(in[1], log), s.f32(kLn2));
                 return {inverse, s.select(some, lse, s.minusInf())};
               });
  auto out =
      buildMap(b, op.getLoc(), {op.getOut().getType()},
               {op.getAcc(), state.getResult(0)}, {},
               [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
                 return {s.mul(in[0], in[1])};
               });
  op.replaceAllUsesWith(ValueRange{out.getResult(0), state.getResult(1)});
  op.erase();
}

void expandSink(ApplySinkOp op) {
  OpBuilder b(op);
  auto factor = buildMap(
      b, op.getLoc(), {op.getLse().getType()}, {op.getLse(), op.getSink()}, {},
      [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
        // A sink may outweigh all keys by any factor, so this exponent may
        // overflow; a row without keys gets a factor of 0 lest -inf meet -inf.
        Value e = math::Exp2Op::create(
            s.b, s.loc, s.mul(s.sub(in[1], in[0]), s.f32(kLog2E)));
        Value factor = s.div(s.f32(1), s.add(s.f32(1), e));
        return {s.select(s.greater(in[0], s.minusInf()), factor, s.f32(0))};
      });
  auto out =
      buildMap(b, op.getLoc(), {op.getResult().getType()},
               {op.getOut(), factor.getResult(0)}, {},
               [&](const Scalars &s, ValueRange in) -> SmallVector<Value> {
                 return {s.mul(in[0], in[1])};
               });
  op.replaceAllUsesWith(out.getResult(0));
  op.erase();
}

struct ExpandPass : attn::tile::impl::TileExpandBase<ExpandPass> {
  using Base::Base;

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto softmax = dyn_cast<OnlineSoftmaxOp>(op)) {
        expandSoftmax(softmax);
        ++numSoftmax;
      } else if (auto normalize = dyn_cast<NormalizeOp>(op)) {
        expandNormalize(normalize);
      } else if (auto sink = dyn_cast<ApplySinkOp>(op)) {
        expandSink(sink);
      }
    });
    WalkResult left = getOperation().walk([](ScoreOp op) {
      op.emitOpError("is read by something else than tile.online_softmax");
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
