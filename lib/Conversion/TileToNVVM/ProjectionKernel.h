//===- ProjectionKernel.h - What projections share --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETONVVM_PROJECTIONKERNEL_H
#define ATTN_LIB_CONVERSION_TILETONVVM_PROJECTIONKERNEL_H

#include "Mma.h"

#include <cstddef>

namespace attn::nvvm {

/// A CTA that keeps some columns of one head's weights, whatever rows it
/// multiplies by them.
struct ProjectionKernel {
  ProjectionKernel(mlir::OpBuilder &b, tile::ProjectionOp op, Value args)
      : e(b, op.getLoc()), op(op), schedule(*op.getGpuSchedule()),
        layout({k(), columns(), schedule.getRows(), wide(), op.getTransposed(),
                schedule.getRowStages()}),
        args(args) {}

  int64_t k() { return op.getK(); }
  int64_t n() { return op.getN(); }
  /// Columns of an output's row, before those that are copied there.
  int64_t outColumns() { return op.getRest() ? 2 * n() : n(); }
  int64_t columns() { return schedule.getColumns(); }
  Type element() { return op.getElement(); }
  bool wide() { return op.getWideInput(); }
  int64_t threads() { return schedule.getWarps() * kWarp; }
  CTA cta() { return {threads(), thread}; }
  /// Blocks of 8 columns that a warp has.
  int64_t blocks() {
    return columns() * schedule.getRowWarps() / (8 * schedule.getWarps());
  }
  /// The first step of 16 rows of the weights that is in stage `stage`.
  int64_t firstStep(int64_t stage) {
    return k() / 16 * stage / schedule.getStages();
  }

  /// A field of attn_gpu_project.
  Value field(int64_t offset, Type type) {
    return e.load(e.ptr(args, offsetof(attn_gpu_args, project) + offset), type,
                  8);
  }
  Value pointerField(int64_t offset) {
    return field(offset, e.pointer(Global));
  }
  Value i64Field(int64_t offset) { return field(offset, e.i64Type()); }
  Value smallField(int64_t offset) { return e.toI32(i64Field(offset)); }

  /// Reads which thread of which CTA this is.
  void identify();
  /// Sends for this CTA's columns of the weights, in one commit a stage.
  void sendForWeights();
  /// B of 16 rows of the weights, step `step` from `base` on, and of the blocks
  /// `j` and `j + 1` of 8 of this warp's columns; two registers a block.
  SmallVector<Value> weights(Value base, int64_t step, int64_t j);
  /// Stores this warp's sums (see MmaGeometry), and their rest behind the row's
  /// n columns. `target` says where the output
  /// of a row, counted among the warp's own, starts, and whether there is such
  /// a row.
  void store(const Fragment &sums,
             llvm::function_ref<std::pair<Value, Value>(Value)> target);
  /// What the kernel table needs, as a dictionary on the function.
  void attachFacts(mlir::LLVM::LLVMFuncOp func);

  Emitter e;
  tile::ProjectionOp op;
  tile::GPUProjectionScheduleAttr schedule;
  ProjectionSharedMemory layout;
  Value args, shared;
  Value thread, warp, lane;
  Value columnWarp, rowWarp; ///< this warp's place among those that share each
  Value head, firstColumn;
};

/// The code of a kernel whose op has `latent_rows`.
void emitLatentProjection(mlir::OpBuilder &b, tile::ProjectionOp op, Value args,
                          bool dependentLaunch);

} // namespace attn::nvvm

#endif // ATTN_LIB_CONVERSION_TILETONVVM_PROJECTIONKERNEL_H
