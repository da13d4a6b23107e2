// RUN: attn-opt %s --convert-tile-to-cpu --split-input-file | FileCheck %s

// The dot product of bf16 pairs, into f32. Both products take it, and no K or V
// is converted.

// CHECK:       func.func @row
// CHECK-SAME:  layout = 0 : i64, nope = 0 : i64, page_multiple = 1 : i64
// CHECK-NOT:   vector.fma
// CHECK-NOT:   amx
// CHECK:       x86vector.avx512.dot %{{.*}} : vector<32xbf16> -> vector<16xf32>
// CHECK:       x86vector.avx512.dot %{{.*}} : vector<32xbf16> -> vector<16xf32>
// CHECK-NOT:   vector.fma
tile.kernel @row attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 5>} {
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

// In our own layout V lies in pairs already: nothing interleaves bf16.

// CHECK:       func.func @own
// CHECK-SAME:  layout = 1 : i64, nope = 0 : i64, page_multiple = 64 : i64
// CHECK-NOT:   vector.interleave {{.*}}bf16
// CHECK-NOT:   vector.shuffle {{.*}} vector<32xbf16>
// CHECK:       x86vector.avx512.dot
// CHECK:       x86vector.avx512.dot
// CHECK-NOT:   vector.interleave {{.*}}bf16
// CHECK-NOT:   vector.shuffle {{.*}} vector<32xbf16>
tile.kernel @own attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = own, v_in_k = false>,
    schedule = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 5>} {
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
