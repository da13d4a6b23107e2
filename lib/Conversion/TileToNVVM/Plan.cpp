//===- Plan.cpp - Lengths to work, on the device ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

namespace {

/// Writes what attn_gpu_args::plan says, with one warp.
struct PlanKernel {
  PlanKernel(Kernel &k) : k(k), e(k.e) {}

  Value planAt(Value index) { return e.ptr(plan, e.mul(e.toI64(index), 4)); }

  /// `body(request)` for every request, a warp's worth at a time, carrying a
  /// value that is the same in all lanes.
  Value forEachWarpful(Value init, function_ref<Value(Value, Value)> body) {
    return e.loop(e.i32(0), batch, e.i32(kWarp), {init},
                  [&](Value first, ValueRange carried) -> SmallVector<Value> {
                    return {body(e.add(first, k.lane), carried[0])};
                  })[0];
  }

  void run() {
    k.identifyThread();
    plan = k.globalField(offsetof(attn_gpu_args, plan));
    batch = k.smallField(offsetof(attn_gpu_args, batch));
    Value parts = k.smallField(offsetof(attn_gpu_args, parts));
    Value perUnit = k.tilesPerUnit();
    Value isFirst = e.equal(k.lane, 0);
    Value total =
        forEachWarpful(e.i32(0), [&](Value request, Value before) -> Value {
          Value valid = e.less(request, batch);
          // The last requests stand in for those that do not exist.
          Request r =
              k.readRequest(e.select(valid, request, e.sub(batch, e.i32(1))));
          Value units = e.max(e.ceilDiv(r.tiles, perUnit), e.i32(1));
          Value sum = e.select(valid, units, e.i32(0));
          for (int64_t distance = 1; distance < kWarp; distance *= 2) {
            Value below = e.shuffleUp(sum, distance);
            Value counts = e.lessEqual(e.i32(distance), k.lane);
            sum = e.add(sum, e.select(counts, below, e.i32(0)));
          }
          sum = e.add(sum, before);
          e.ifThen(valid, [&] { e.store(sum, planAt(e.add(request, 3)), 4); });
          return e.shuffleFrom(sum, e.i32(kWarp - 1));
        });
    Value perPart = e.max(e.ceilDiv(total, parts), e.i32(1));
    e.ifThen(isFirst, [&] {
      e.store(perPart, planAt(e.i32(0)), 4);
      e.store(total, planAt(e.i32(1)), 4);
      e.store(e.i32(0), planAt(e.i32(2)), 4);
    });
    e.barrier();
    // Of each request: the parts whose first unit is one of its own.
    Value partFirst =
        e.add(k.smallField(offsetof(attn_gpu_args, max_batch)), 3);
    (void)forEachWarpful(e.i32(0), [&](Value request, Value) -> Value {
      e.ifThen(e.less(request, batch), [&] {
        auto entry = [&](int64_t at) {
          return e.load(planAt(e.add(request, at)), e.i32Type(), 4);
        };
        Value begin = e.ceilDiv(entry(2), perPart);
        Value end = e.ceilDiv(entry(3), perPart);
        e.loop(begin, end, e.i32(1), {},
               [&](Value part, ValueRange) -> SmallVector<Value> {
                 e.store(request, planAt(e.add(partFirst, part)), 4);
                 return {};
               });
      });
      return e.i32(0);
    });
  }

  Kernel &k;
  Emitter &e;
  Value plan, batch;
};
} // namespace

LogicalResult attn::nvvm::lowerPlan(tile::KernelOp decode,
                                    bool dependentLaunch) {
  OpBuilder b(decode);
  auto [func, args] =
      createKernel(b, decode.getLoc(), (decode.getSymName() + "_plan").str(),
                   sizeof(attn_gpu_args), kPlanThreads);
  Kernel k(b, decode);
  k.args = args;
  // The decode kernel may start at once: it waits where it needs the plan.
  if (dependentLaunch)
    k.e.launchDependents();
  PlanKernel(k).run();
  LLVM::ReturnOp::create(b, decode.getLoc(), ValueRange{});
  return success();
}
