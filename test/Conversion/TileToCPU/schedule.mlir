// RUN: attn-opt %s --convert-tile-to-cpu --split-input-file | FileCheck %s
// RUN: attn-opt %s --convert-tile-to-cpu=bf16-convert --split-input-file | FileCheck %s --check-prefix=CONVERT

// What the schedule and the target decide, and nothing else does.

// A distance of 0: no prefetch at all. Without an instruction for it, f32 is
// rounded to bf16 by integer arithmetic.

// CHECK-LABEL:   func.func @none
// CHECK-NOT:     prefetch
// CHECK-NOT:     arith.truncf
// CHECK:         arith.cmpf uno
// CONVERT-LABEL: func.func @none
// CONVERT-NOT:   arith.cmpf uno
// CONVERT:       arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
tile.kernel @none attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 5, prefetch_heads = 0>} {
  %q = tile.query : !tile.tile<4x64xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<4x64xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<4x64xf32>) -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<4x64xbf16>, !tile.tile<64x64xbf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %m1, %a1 : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

// CHECK-LABEL: func.func @some
// CHECK:       prefetch
tile.kernel @some attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = own, v_in_k = false>,
    schedule = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 64, prefetch = 1024, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<4x64xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<4x64xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<4x64xf32>) -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<4x64xbf16>, !tile.tile<64x64xbf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %m1, %a1 : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

// CHECK-LABEL: func.func @two_kernels_a
// CHECK-LABEL: func.func @two_kernels_b
tile.kernel @two_kernels_a attributes {group = 1 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<1x64xf32>
  %m0 = tile.constant -1.0e30 : !tile.tile<1x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<1x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<16x64xf32>, !tile.tile<16x64xf32>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<1x1xf32>, !tile.tile<1x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<1x64xf32>, !tile.tile<16x64xf32>) -> !tile.tile<1x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<1x16xf32>) -> (!tile.tile<1x16xf32>, !tile.tile<1x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<1x16xf32>, !tile.tile<16x64xf32>, !tile.tile<1x64xf32>, !tile.tile<1x1xf32>) -> !tile.tile<1x64xf32>
    tile.yield %m1, %a1 : !tile.tile<1x1xf32>, !tile.tile<1x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<1x64xf32>, !tile.tile<1x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<1x64xf32>, !tile.tile<1x1xf32>
}
tile.kernel @two_kernels_b attributes {group = 1 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 16, kv_tile = 16, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<1x64xf32>
  %m0 = tile.constant -1.0e30 : !tile.tile<1x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<1x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<16x64xf32>, !tile.tile<16x64xf32>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<1x1xf32>, !tile.tile<1x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<1x64xf32>, !tile.tile<16x64xf32>) -> !tile.tile<1x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<1x16xf32>) -> (!tile.tile<1x16xf32>, !tile.tile<1x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<1x16xf32>, !tile.tile<16x64xf32>, !tile.tile<1x64xf32>, !tile.tile<1x1xf32>) -> !tile.tile<1x64xf32>
    tile.yield %m1, %a1 : !tile.tile<1x1xf32>, !tile.tile<1x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<1x64xf32>, !tile.tile<1x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<1x64xf32>, !tile.tile<1x1xf32>
}

// -----

// Two lines of each of four tokens stand before their products, or two lines before
// each of the four steps of these.

// CHECK-LABEL: func.func @burst
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK-NOT:   vector.fma
// CHECK:       intr.prefetch
// CHECK:       vector.fma
tile.kernel @burst attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = f16, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 16, kv_tile = 16, prefetch = 0, exp2_degree = 5, prefetch_heads = 1>} {
  %q = tile.query : !tile.tile<4x64xf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<16x64xf16>, !tile.tile<16x64xf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xf16>, !tile.tile<16x64xf16>) -> !tile.tile<4x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<4x16xf32>) -> (!tile.tile<4x16xf32>, !tile.tile<4x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<4x16xf32>, !tile.tile<16x64xf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %m1, %a1 : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

// CHECK-LABEL:    func.func @spread
// CHECK-COUNT-2:  intr.prefetch
// CHECK-COUNT-16: vector.fma
// CHECK-COUNT-2:  intr.prefetch
// CHECK-COUNT-16: vector.fma
// CHECK-COUNT-2:  intr.prefetch
// CHECK-COUNT-16: vector.fma
// CHECK-COUNT-2:  intr.prefetch
// CHECK-COUNT-16: vector.fma
tile.kernel @spread attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = f16, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 16, kv_tile = 16, prefetch = 0, exp2_degree = 5, prefetch_heads = 1, prefetch_spread = true>} {
  %q = tile.query : !tile.tile<4x64xf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<16x64xf16>, !tile.tile<16x64xf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xf16>, !tile.tile<16x64xf16>) -> !tile.tile<4x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<4x16xf32>) -> (!tile.tile<4x16xf32>, !tile.tile<4x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<4x16xf32>, !tile.tile<16x64xf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %m1, %a1 : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}
