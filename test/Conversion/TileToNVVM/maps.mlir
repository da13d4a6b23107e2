// RUN: attn-opt %s --convert-tile-to-nvvm --canonicalize --cse | FileCheck %s

// Maps over what a thread holds. A map of one value a row has nothing to reduce
// over other threads, which hold the same; a constant from outside of the region
// comes along.

// CHECK-LABEL: llvm.func @rows(
// CHECK-DAG:   %[[THREE:.*]] = arith.constant 3.000000e+00 : f32
// CHECK:         scf.for
// CHECK:           arith.addf %{{.*}}, %[[THREE]]
// CHECK-NOT:       nvvm.shfl.sync
// CHECK:           scf.yield
// CHECK-LABEL: llvm.func @rows_append
tile.kernel @rows attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
  %m0 = tile.constant 0.0 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %three = arith.constant 3.0 : f32
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %n, %sum = tile.map(%m) reductions [#tile.reduction<add>] : (!tile.tile<4x1xf32>) -> (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %three : f32
      tile.yield %y, %y : f32, f32
    }
    tile.yield %sum, %a : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  tile.store %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}
