//===- Combine.cpp - Merging the partial states of a request ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "Work.h"

#include <cmath>
#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

namespace {

/// A warp merges a row: lane l holds columns l, l + 32, …; what there is one of
/// a row, every lane holds.
struct CombineKernel : Geometry {
  CombineKernel(Kernel &k) : k(k), e(k.e) {}

  int64_t rowOf(int64_t, int64_t) const override { return 0; }
  Value rowIndex(int64_t) override { return row; }
  Value keyOf(int64_t, int64_t) override {
    llvm_unreachable("partial states are no keys");
  }

  int64_t columns() const { return k.cache.getV(); }
  int64_t elements() const { return llvm::divideCeil(columns(), kWarp); }
  /// Slots loaded at once: each load takes most of a microsecond, and a long
  /// sequence alone in its batch has a slot from every part.
  int64_t slotsAhead() const {
    return std::clamp<int64_t>(32 / elements(), 4, 8);
  }

  /// Runs `body` for each column element of this lane that exists.
  void forEachColumn(function_ref<void(int64_t, Value)> body) {
    for (int64_t i = 0; i < elements(); ++i) {
      Value column = e.add(k.lane, i * kWarp);
      if ((i + 1) * kWarp <= columns())
        body(i, column);
      else
        e.ifThen(e.less(column, columns()), [&] { body(i, column); });
    }
  }

  LogicalResult emitOp(Operation &op) {
    if (isa<arith::ConstantOp, tile::ConstantOp>(op))
      return success();
    if (auto map = dyn_cast<tile::MapOp>(op)) {
      if (!map.getReductions().empty() && map.getDomain().getCols() > 1)
        return map.emitOpError("reduces the columns of a partial state, which "
                               "no combine kernel needs");
      SmallVector<Fragment> inputs;
      for (Value input : map.getInputs())
        inputs.push_back(fragments.lookup(input));
      auto results = emitMap(k, *this, map, inputs);
      if (failed(results))
        return failure();
      for (auto [result, fragment] : llvm::zip(map.getResults(), *results))
        fragments[result] = fragment;
      return success();
    }
    if (auto sink = dyn_cast<tile::SinkOp>(op)) {
      Value base = k.globalField(offsetof(attn_kernel_args, sinks));
      Value at = e.ptr(base, e.mul(e.toI64(emitQueryHead(k, row)), 4));
      fragments[sink] = {e.load(at, e.f32(), 4)};
      return success();
    }
    if (auto store = dyn_cast<tile::StoreOp>(op)) {
      emitStore(fragments.lookup(store.getOut()),
                fragments.lookup(store.getLse())[0]);
      return success();
    }
    return op.emitOpError("has no place in a combine kernel on the NVVM "
                          "target; run tile-expand first");
  }

  void emitStore(const Fragment &out, Value lse) {
    RowAddress at = emitOutputRow(k, row);
    Value base = k.globalField(offsetof(attn_kernel_args, out));
    int64_t bytes = k.op.getWideOutput() ? 4 : 2;
    forEachColumn([&](int64_t i, Value column) {
      Value value = out[i];
      if (!k.op.getWideOutput()) {
        Value rounded = e.roundPair(out[i], out[i], k.element());
        value = LLVM::ExtractElementOp::create(e.b, e.loc, rounded, e.i32(0));
      }
      Value to = e.ptr(base, e.mul(e.add(at.out, e.toI64(column)), bytes));
      e.store(value, to, bytes);
    });
    Value lseBase = k.globalField(offsetof(attn_kernel_args, lse));
    Value writes = e.both(e.equal(k.lane, 0), e.negate(e.isNull(lseBase)));
    e.ifThen(writes,
             [&] { e.store(lse, e.ptr(lseBase, e.mul(at.lse, 4)), 4); });
  }

  /// Partial output and log-sum-exp of a slot.
  std::pair<Fragment, Value> loadPartial(Value slot) {
    RowAddress at = emitPartialRow(k, row, slot);
    Value base = k.globalField(offsetof(attn_kernel_args, partial_out));
    Value lseBase = k.globalField(offsetof(attn_kernel_args, partial_lse));
    Fragment out;
    for (int64_t i = 0; i < elements(); ++i) {
      Value column = e.add(k.lane, i * kWarp);
      // A lane without a column reads the last one, and stores nothing.
      if ((i + 1) * kWarp > columns())
        column = e.min(column, e.i32(columns() - 1));
      out.push_back(e.load(
          e.ptr(base, e.mul(e.add(at.out, e.toI64(column)), 4)), e.f32(), 4));
    }
    return {out, e.load(e.ptr(lseBase, e.mul(at.lse, 4)), e.f32(), 4)};
  }

  LogicalResult merge(tile::PartialsOp op, Value count,
                      function_ref<Value(Value)> slotOf) {
    if (failed(checkInits(op)))
      return failure();
    CarriedTiles tiles(op.getInits(), elements(), /*rows=*/1);
    LogicalResult result = success();
    Block &body = op.getBody().front();
    Value last = e.add(count, -1), none = e.f32(-INFINITY);
    auto loadAhead = [&](Value first) {
      SmallVector<std::pair<Fragment, Value>> partials;
      for (int64_t i = 0; i < slotsAhead(); ++i) {
        // Past the end stands the last slot, with no weight.
        Value index = e.add(first, i);
        auto [out, lse] = loadPartial(slotOf(e.min(index, last)));
        partials.push_back(
            {out, e.select(e.lessEqual(index, last), lse, none)});
      }
      return partials;
    };
    ValueRange merged = e.loop(
        e.i32(0), count, e.i32(slotsAhead()), tiles.initialValues(e),
        [&](Value first, ValueRange carried) -> SmallVector<Value> {
          SmallVector<Value> state(carried);
          for (auto &[out, lse] : loadAhead(first)) {
            fragments[body.getArgument(0)] = out;
            fragments[body.getArgument(1)] = {lse};
            tiles.spread(state, body.getArguments().drop_front(2), fragments);
            for (Operation &inner : body.without_terminator())
              if (failed(emitOp(inner))) {
                result = failure();
                return SmallVector<Value>(carried);
              }
            state.clear();
            for (Value value : body.getTerminator()->getOperands())
              llvm::append_range(state, fragments.lookup(value));
          }
          return state;
        });
    tiles.spread(merged, op.getResults(), fragments);
    return result;
  }

  LogicalResult mergeAll(Value count, function_ref<Value(Value)> slotOf) {
    for (Operation &op : k.op.getBody().front()) {
      auto partials = dyn_cast<tile::PartialsOp>(op);
      if (failed(partials ? merge(partials, count, slotOf) : emitOp(op)))
        return failure();
    }
    return success();
  }

  /// `ofCaller`: the states that attn_merge is given, else those of a split.
  LogicalResult run(bool ofCaller) {
    k.identifyThread();
    int64_t blocks = llvm::divideCeil(k.rows(), kCombineRows);
    Value block = e.special(Register::BlockY);
    k.head = e.div(block, blocks);
    k.request = e.special(Register::BlockX);
    row = e.add(e.mul(e.rem(block, blocks), kCombineRows), k.warp);
    Value batch = k.smallField(offsetof(attn_gpu_args, batch));
    // Whole warps leave: nothing below waits for other warps.
    Value exists = e.both(e.less(k.request, batch), e.less(row, k.rows()));
    LogicalResult result = success();
    e.ifThen(exists, [&] {
      if (ofCaller) {
        Value parts = k.smallField(offsetof(attn_gpu_args, parts));
        result = mergeAll(parts, [&](Value index) {
          return e.add(e.mul(index, batch), k.request);
        });
        return;
      }
      Split split = emitSplit(k, k.request);
      e.ifThen(e.less(e.i32(1), split.count), [&] {
        result = mergeAll(split.count, [&](Value index) {
          return emitSlot(k, split, index);
        });
      });
    });
    return result;
  }

  Kernel &k;
  Emitter &e;
  Value row;
  Fragments fragments;
};
} // namespace

static LogicalResult lower(tile::KernelOp combine, StringRef name,
                           bool ofCaller, bool dependentLaunch) {
  OpBuilder b(combine);
  auto [func, args] = createKernel(b, combine.getLoc(), name,
                                   sizeof(attn_gpu_args), kCombineRows * kWarp);
  Kernel k(b, combine);
  k.args = args;
  // A projection may follow, which has weights to send for.
  if (dependentLaunch) {
    k.e.launchDependents();
    k.e.waitForPredecessor();
  }
  if (failed(CombineKernel(k).run(ofCaller))) {
    func.erase();
    return failure();
  }
  LLVM::ReturnOp::create(b, combine.getLoc(), ValueRange{});
  return success();
}

LogicalResult attn::nvvm::lowerCombine(tile::KernelOp combine,
                                       bool dependentLaunch) {
  StringRef name = combine.getSymName();
  if (failed(lower(combine, name, /*ofCaller=*/false, dependentLaunch)))
    return failure();
  // Launched alone, after whatever the caller launched.
  name.consume_back("_combine");
  return lower(combine, (name + ATTN_GPU_MERGE_SUFFIX).str(), /*ofCaller=*/true,
               /*dependentLaunch=*/false);
}
