// RUN: attn-opt %s --canonicalize | FileCheck %s
// RUN: attn-opt %s --canonicalize --convert-tile-to-cpu | FileCheck %s --check-prefix=CPU

// Constants stay in the region of a map: a target that clones the region sees
// nothing from outside of it.

// CHECK-LABEL: tile.kernel @constants
// CHECK-NOT:   arith.constant
// CHECK:       tile.map
// CHECK-NEXT:  ^bb0(%[[X:.*]]: f32):
// CHECK:         %[[C:.*]] = arith.constant 4.000000e+00 : f32
// CHECK:         arith.mulf %[[X]], %[[C]] : f32
// CPU-LABEL:   func.func @constants
tile.kernel @constants attributes {group = 1 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>} {
  %q = tile.query : !tile.tile<1x16xf32>
  %m0 = tile.constant 0.0 : !tile.tile<1x1xf32>
  %r = tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter(%m = %m0) : (!tile.tile<1x1xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<1x16xf32>, !tile.tile<16x16xf32>) -> !tile.tile<1x16xf32>
    %x, %max = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<1x16xf32>) -> (!tile.tile<1x16xf32>, !tile.tile<1x1xf32>) {
    ^bb0(%a: f32):
      %two = arith.constant 2.0 : f32
      %four = arith.addf %two, %two : f32
      %y = arith.mulf %a, %four : f32
      tile.yield %y, %y : f32, f32
    }
    tile.yield %max : !tile.tile<1x1xf32>
  }
  tile.store %r, %r : !tile.tile<1x1xf32>, !tile.tile<1x1xf32>
}
