// RUN: attn-opt %s --split-input-file --convert-tile-to-cpu=bf16-convert | FileCheck %s

// A projection that keeps what rounding leaves: the difference of a number and
// what it was rounded to is rounded and stored n columns on.

// CHECK-LABEL: func.func @query(
// CHECK-SAME: flags = 1024 : i64
// CHECK: %[[HIGH:.*]] = arith.truncf %[[X:.*]] : vector<16xf32> to vector<16xbf16>
// CHECK: %[[BACK:.*]] = arith.extf %[[HIGH]]
// CHECK: %[[REST:.*]] = arith.subf %[[X]], %[[BACK]]
// CHECK: arith.truncf %[[REST]] : vector<16xf32> to vector<16xbf16>
tile.projection @query {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16, rest,
    schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 0, prefetch = 0>}

// -----

// On AMX a tile of the keys meets both parts of the query before it goes: 2
// tiles of tokens x 1 of rows, for 32 columns twice and for 16 + 16 once.

// CHECK-LABEL: func.func @tiles(
// CHECK-SAME: flags = 1028 : i64
// CHECK: scf.for
// CHECK-COUNT-2: amx.tile_zero
// CHECK: amx.tile_load
// CHECK: %[[A0:.*]] = amx.tile_load
// CHECK: amx.tile_mulf %[[A0]]
// CHECK: %[[A1:.*]] = amx.tile_load
// CHECK: amx.tile_mulf %[[A1]]
// CHECK: amx.tile_load
// CHECK: amx.tile_mulf %[[A0]]
// CHECK: amx.tile_mulf %[[A1]]
// CHECK: amx.tile_load
// CHECK: amx.tile_load
// CHECK: amx.tile_mulf
// CHECK: amx.tile_load
// CHECK: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
// CHECK: amx.tile_store
tile.kernel @tiles attributes {group = 16 : i64, q_len = 1 : i64, rest = 32 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 32, element = bf16, layout = row, v_in_k = true>,
    schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 3>} {
  %q = tile.query : !tile.tile<16x96xbf16>
  %m = tile.constant -1.0e30 : !tile.tile<16x1xf32>
  %l = tile.constant 0.0 : !tile.tile<16x1xf32>
  %a = tile.constant 0.0 : !tile.tile<16x32xf32>
  %r:3 = tile.stream (%k, %v) : (!tile.tile<32x64xbf16>, !tile.tile<32x32xbf16>)
         iter(%m0 = %m, %l0 = %l, %a0 = %a) : (!tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x32xf32>) {
    %s = tile.dot %q, %k {rest = 32 : i64} : (!tile.tile<16x96xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<16x32xf32>
    %p = tile.map (%s) reductions [] : (!tile.tile<16x32xf32>) -> (!tile.tile<16x32xbf16>) {
    ^bb0(%x: f32):
      tile.yield %x : f32
    }
    %a1 = tile.dot_acc %p, %v, %a0, %l0 : (!tile.tile<16x32xbf16>, !tile.tile<32x32xbf16>, !tile.tile<16x32xf32>, !tile.tile<16x1xf32>) -> !tile.tile<16x32xf32>
    tile.yield %m0, %l0, %a1 : !tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x32xf32>
  }
  tile.store %r#2, %r#0 : !tile.tile<16x32xf32>, !tile.tile<16x1xf32>
}

// -----

// Vector FMA has the query as f32, which holds both parts: they are added as it
// is packed, and the product is as long as without.

// CHECK-LABEL: func.func @whole(
// CHECK: scf.for
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK-COUNT-32: vector.fma
tile.kernel @whole attributes {group = 1 : i64, q_len = 1 : i64, rest = 32 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 32, element = bf16, layout = row, v_in_k = true>,
    schedule = #tile.schedule<engine = fma, vector = 16, kv_tile = 16, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<1x96xbf16>
  %m = tile.constant -1.0e30 : !tile.tile<1x1xf32>
  %l = tile.constant 0.0 : !tile.tile<1x1xf32>
  %a = tile.constant 0.0 : !tile.tile<1x32xf32>
  %r:3 = tile.stream (%k, %v) : (!tile.tile<16x64xbf16>, !tile.tile<16x32xbf16>)
         iter(%m0 = %m, %l0 = %l, %a0 = %a) : (!tile.tile<1x1xf32>, !tile.tile<1x1xf32>, !tile.tile<1x32xf32>) {
    %s = tile.dot %q, %k {rest = 32 : i64} : (!tile.tile<1x96xbf16>, !tile.tile<16x64xbf16>) -> !tile.tile<1x16xf32>
    %a1 = tile.dot_acc %s, %v, %a0, %l0 : (!tile.tile<1x16xf32>, !tile.tile<16x32xbf16>, !tile.tile<1x32xf32>, !tile.tile<1x1xf32>) -> !tile.tile<1x32xf32>
    tile.yield %m0, %l0, %a1 : !tile.tile<1x1xf32>, !tile.tile<1x1xf32>, !tile.tile<1x32xf32>
  }
  tile.store %r#2, %r#0 : !tile.tile<1x32xf32>, !tile.tile<1x1xf32>
}
