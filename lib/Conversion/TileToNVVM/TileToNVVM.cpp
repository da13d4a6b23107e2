//===- TileToNVVM.cpp - The pass convert-tile-to-nvvm -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/TileToNVVM/TileToNVVM.h"
#include "Kernel.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace attn {
#define GEN_PASS_DEF_CONVERTTILETONVVM
#include "attn/Conversion/TileToNVVM/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// What decompression cannot do.
LogicalResult checkUp(tile::KernelOp op) {
  tile::UpAttr up = *op.getUp();
  if (up.getNope() % 16 || up.getV() % 16)
    return op.emitOpError("decompresses to keys of ")
           << up.getNope() << " and values of " << up.getV()
           << " columns, which must be multiples of 16";
  tile::GPUUpScheduleAttr schedule = *op.getGpuUpSchedule();
  int64_t rank = op.getCache().getV(), depth = schedule.getDepth();
  if (rank % depth)
    return op.emitOpError("decompresses a rank of ")
           << rank << " in chunks of " << depth << ", which do not divide it";
  // What is ahead of a chunk of one matrix is of that one or of the other, and
  // a tile that leaves with a chunk comes before its turn.
  if (schedule.getStages() > rank / depth + 1)
    return op.emitOpError("has ")
           << schedule.getStages() << " chunks at once, more than the "
           << rank / depth << " of a matrix and one";
  return success();
}

/// What the form mma_sync cannot do.
LogicalResult check(tile::KernelOp op) {
  tile::GPUScheduleAttr schedule = op.getGpuScheduleAttr();
  if (!schedule)
    return op.emitOpError("has no gpu_schedule; run attn-select-gpu-schedule "
                          "before convert-attn-to-tile");
  if (op.getUp() && !op.getGpuUpSchedule())
    return op.emitOpError("decompresses, but has no gpu_up_schedule; run "
                          "attn-select-gpu-schedule before "
                          "convert-attn-to-tile");
  tile::CacheAttr cache = op.getCache();
  if (cache.getElement().isF32())
    return op.emitOpError("has a cache of f32; mma.sync multiplies bf16 and "
                          "f16 only");
  if (cache.getLayout() != tile::CacheLayout::Row)
    return op.emitOpError("has a cache in the own layout, which is for CPUs; "
                          "GPUs read layout = row");
  if (cache.getK() % 16 || cache.getV() % 16)
    return op.emitOpError("widths of K and V must be multiples of 16, got ")
           << cache.getK() << " and " << cache.getV();
  if (op.getValueWidth() % (16 * schedule.getWarps()))
    return op.emitOpError("has ")
           << schedule.getWarps() << " warps, which do not share V's "
           << op.getValueWidth() << " columns in groups of 16";
  return op.getUp() ? checkUp(op) : success();
}

struct ConvertTileToNVVMPass
    : attn::impl::ConvertTileToNVVMBase<ConvertTileToNVVMPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(lower()))
      signalPassFailure();
  }

  LogicalResult lower() {
    SymbolTable symbols(getOperation());
    SmallVector<tile::KernelOp> kernels(
        getOperation().getOps<tile::KernelOp>());
    for (tile::KernelOp kernel : kernels) {
      if (failed(check(kernel)))
        return failure();
      StringRef name = kernel.getSymName();
      bool isCombine = name.consume_back("_combine");
      if (isCombine != kernel.getCombine() ||
          (isCombine && !symbols.lookup(name)))
        return kernel.emitOpError("merges alone; the NVVM target merges what "
                                  "its own decode kernels split");
    }
    for (tile::KernelOp kernel : kernels) {
      if (kernel.getCombine()) {
        if (failed(nvvm::lowerCombine(kernel, dependentLaunch)))
          return failure();
      } else {
        if (failed(nvvm::lowerPlan(kernel, dependentLaunch)) ||
            failed(nvvm::lowerDecode(kernel, dependentLaunch)) ||
            failed(nvvm::lowerAppend(kernel)))
          return failure();
        ++numKernels;
      }
      kernel.erase();
    }
    for (auto projection : llvm::make_early_inc_range(
             getOperation().getOps<tile::ProjectionOp>())) {
      if (failed(nvvm::lowerProjection(projection, dependentLaunch)))
        return failure();
      ++numProjections;
    }
    return success();
  }
};
} // namespace
