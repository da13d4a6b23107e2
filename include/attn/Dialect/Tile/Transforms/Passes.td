//===- Passes.td - Passes on the tile dialect --------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TILE_TRANSFORMS_PASSES_TD
#define TILE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TileExpand : Pass<"tile-expand", "::attn::tile::KernelOp"> {
  let summary = "Write scores and softmax as maps";
  let description = [{
    The maths of attention between the two products, once for all targets:
    `tile.score` and the `tile.online_softmax` that reads it become `tile.map`s
    (scale, soft-cap, score region, mask and the row maximum in the first; the
    lazy maximum; exp2 and the row sum in the third), and so do
    `tile.normalize` and `tile.apply_sink`. What is left is `tile.dot`,
    `tile.dot_acc` and `tile.map`, which each target lowers its own way.

    Example (test/Dialect/Tile/expand.mlir):

    ```mlir
    %x = tile.score %s {scale = 0.125 : f32} : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
    %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %l : ...
    // becomes
    %x, %max = tile.map(%s) reductions [#tile.reduction<max>] : ... {
    ^bb0(%a: f32):
      %0 = arith.mulf %a, %scale_log2e : f32
      %j = tile.coord key : i32
      %e = tile.coord key_end : i32
      %c = arith.cmpi slt, %j, %e : i32
      %1 = arith.select %c, %0, %minus_inf : f32
      tile.yield %1, %1 : f32, f32
    }
    ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"numSoftmax", "softmax", "Online softmax steps expanded">];
}

#endif // TILE_TRANSFORMS_PASSES_TD
