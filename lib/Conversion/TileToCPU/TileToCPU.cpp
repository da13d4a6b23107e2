//===- TileToCPU.cpp - The pass convert-tile-to-cpu -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/TileToCPU/TileToCPU.h"
#include "Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

namespace attn {
#define GEN_PASS_DEF_CONVERTTILETOCPU
#include "attn/Conversion/TileToCPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace {
struct ConvertTileToCPUPass
    : attn::impl::ConvertTileToCPUBase<ConvertTileToCPUPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<attn::tile::KernelOp> kernels(
        getOperation().getOps<attn::tile::KernelOp>());
    for (attn::tile::KernelOp kernel : kernels) {
      if (failed(attn::cpu::lowerKernel(kernel, bf16Convert)))
        return signalPassFailure();
      ++numKernels;
    }
    SmallVector<attn::tile::ProjectionOp> projections(
        getOperation().getOps<attn::tile::ProjectionOp>());
    for (attn::tile::ProjectionOp projection : projections) {
      if (failed(attn::cpu::lowerProjection(projection, bf16Convert)))
        return signalPassFailure();
      ++numKernels;
    }
  }
};
} // namespace
