// RUN: attn-opt %s --convert-tile-to-cpu --split-input-file | FileCheck %s

// Tiles of 16 x 32 bf16 multiply into 16 x 16 f32. Rows of V are interleaved on
// the way, since a tile takes pairs of tokens.

// CHECK:       func.func @row
// CHECK-SAME:  flags = 4 : i64
// CHECK-SAME:  layout = 0 : i64, nope = 0 : i64, page_multiple = 1 : i64
// CHECK-NOT:   vector.fma
// CHECK-NOT:   x86vector.avx512.dot
// CHECK:       amx.tile_load {{.*}} !amx.tile<16x32xbf16>
// CHECK:       amx.tile_mulf {{.*}} !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
// CHECK:       amx.tile_store
// CHECK:       vector.shuffle {{.*}} vector<32xbf16>
// CHECK:       amx.tile_mulf
// CHECK:       amx.tile_store
tile.kernel @row attributes {group = 16 : i64, q_len = 2 : i64,
    cache = #tile.cache<heads = 1, k = 128, v = 64, element = bf16, layout = row, v_in_k = true>,
    schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<32x128xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<32x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<32x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x128xbf16>, !tile.tile<64x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<32x1xf32>, !tile.tile<32x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<32x128xbf16>, !tile.tile<64x128xbf16>) -> !tile.tile<32x64xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<32x64xf32>) -> (!tile.tile<32x64xbf16>, !tile.tile<32x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<32x64xbf16>, !tile.tile<64x64xbf16>, !tile.tile<32x64xf32>, !tile.tile<32x1xf32>) -> !tile.tile<32x64xf32>
    tile.yield %m1, %a1 : !tile.tile<32x1xf32>, !tile.tile<32x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<32x64xf32>, !tile.tile<32x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<32x64xf32>, !tile.tile<32x1xf32>
}

// -----

// In our own layout a tile of V is loaded as it lies.

// CHECK:       func.func @own
// CHECK-SAME:  layout = 1 : i64, nope = 0 : i64, page_multiple = 32 : i64
// CHECK-NOT:   vector.shuffle {{.*}} vector<32xbf16>
// CHECK:       amx.tile_mulf
// CHECK-NOT:   vector.shuffle {{.*}} vector<32xbf16>
tile.kernel @own attributes {group = 16 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 96, v = 64, element = bf16, layout = own, v_in_k = false>,
    schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<16x96xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<16x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<16x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<32x96xbf16>, !tile.tile<32x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<16x1xf32>, !tile.tile<16x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<16x96xbf16>, !tile.tile<32x96xbf16>) -> !tile.tile<16x32xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<16x32xf32>) -> (!tile.tile<16x32xbf16>, !tile.tile<16x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<16x32xbf16>, !tile.tile<32x64xbf16>, !tile.tile<16x64xf32>, !tile.tile<16x1xf32>) -> !tile.tile<16x64xf32>
    tile.yield %m1, %a1 : !tile.tile<16x1xf32>, !tile.tile<16x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<16x64xf32>, !tile.tile<16x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<16x64xf32>, !tile.tile<16x1xf32>
}

// -----

// Fewer rows than a tile has make smaller tiles, padded to a power of two; more
// make several.

// CHECK:       func.func @five
// CHECK:       amx.tile_mulf {{.*}} !amx.tile<16x16xbf16>, !amx.tile<16x8xf32>
tile.kernel @five attributes {group = 5 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = bf16, layout = own, v_in_k = false>,
    schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<5x64xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<5x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<5x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<32x64xbf16>, !tile.tile<32x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<5x1xf32>, !tile.tile<5x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<5x64xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<5x32xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<5x32xf32>) -> (!tile.tile<5x32xbf16>, !tile.tile<5x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<5x32xbf16>, !tile.tile<32x64xbf16>, !tile.tile<5x64xf32>, !tile.tile<5x1xf32>) -> !tile.tile<5x64xf32>
    tile.yield %m1, %a1 : !tile.tile<5x1xf32>, !tile.tile<5x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<5x64xf32>, !tile.tile<5x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<5x64xf32>, !tile.tile<5x1xf32>
}
