// RUN: attn-opt %s --verify-roundtrip | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attn-opt %s | FileCheck %s --check-prefix=SPACE --strict-whitespace

// A decode kernel and a combine kernel, from the examples of the op
// descriptions.

// CHECK-LABEL: tile.kernel @decode attributes
// CHECK-SAME: cache = #tile.cache<heads = 8, k = 128, v = 128, element = bf16, layout = row, v_in_k = false>
// CHECK-SAME: group = 4 : i64, q_len = 1 : i64
tile.kernel @decode attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 8, k = 128, v = 128, element = bf16,
                        layout = row, v_in_k = false>} {
  // CHECK: %[[Q:.*]] = tile.query : <4x128xbf16>
  %q = tile.query : !tile.tile<4x128xbf16>
  // CHECK: %[[SINK:.*]] = tile.sink : <4x1xf32>
  %sink = tile.sink : !tile.tile<4x1xf32>
  // CHECK: %[[M0:.*]] = tile.constant -1.000000e+30 : !tile.tile<4x1xf32>
  %m0 = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %l0 = tile.constant 0.0 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x128xf32>
  // CHECK: %[[R:.*]]:3 = tile.stream (%[[K:.*]], %[[V:.*]]) : (!tile.tile<64x128xbf16>, !tile.tile<64x128xbf16>)
  // CHECK-SAME: iter(%[[M:.*]] = %[[M0]], %[[L:.*]] = %{{.*}}, %[[A:.*]] = %{{.*}}) : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x128xf32>) {
  %r:3 = tile.stream (%k, %v) : (!tile.tile<64x128xbf16>, !tile.tile<64x128xbf16>)
         iter(%m = %m0, %l = %l0, %a = %a0)
       : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x128xf32>) {
    // CHECK: %[[S:.*]] = tile.dot %[[Q]], %[[K]] : (!tile.tile<4x128xbf16>, !tile.tile<64x128xbf16>) -> !tile.tile<4x64xf32>
    %s = tile.dot %q, %k : (!tile.tile<4x128xbf16>, !tile.tile<64x128xbf16>) -> !tile.tile<4x64xf32>
    // CHECK: %[[X:.*]] = tile.score %[[S]] {causal, scale = 0.0879999995 : f32} : <4x64xf32> -> <4x64xf32>
    %x = tile.score %s {scale = 0.088 : f32, causal}
      : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
    // The default threshold is not printed.
    // CHECK: tile.online_softmax %[[X]], %[[M]], %[[L]] : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %l {threshold = 8.0 : f32}
      : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
      -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>,
          !tile.tile<4x1xf32>)
    // CHECK: tile.dot_acc %{{.*}}, %[[V]], %[[A]], %{{.*}} : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x128xf32>
    %a1 = tile.dot_acc %p, %v, %a, %alpha
      : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>,
         !tile.tile<4x1xf32>) -> !tile.tile<4x128xf32>
    // CHECK: tile.yield %{{.*}}, %{{.*}}, %{{.*}} : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x128xf32>
    tile.yield %m1, %l1, %a1
      : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x128xf32>
  }
  // CHECK: tile.normalize %[[R]]#2, %[[R]]#0, %[[R]]#1 : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>)
  %o, %lse = tile.normalize %r#2, %r#0, %r#1
    : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>)
  // CHECK: tile.store_partial %{{.*}}, %{{.*}} : <4x128xf32>, <4x1xf32>
  tile.store_partial %o, %lse : !tile.tile<4x128xf32>, !tile.tile<4x1xf32>
  // CHECK: tile.apply_sink %{{.*}}, %{{.*}}, %[[SINK]] : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x128xf32>
  %o1 = tile.apply_sink %o, %lse, %sink
    : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> !tile.tile<4x128xf32>
  // CHECK: tile.store %{{.*}}, %{{.*}} : <4x128xf32>, <4x1xf32>
  tile.store %o1, %lse : !tile.tile<4x128xf32>, !tile.tile<4x1xf32>
}

// CHECK-LABEL: tile.kernel @combine attributes
// CHECK-SAME: causal
// CHECK-SAME: combine
// CHECK-SAME: schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
// CHECK-SAME: score_mod, sinks, softcap = 3.000000e+01 : f32, window = 128 : i64
tile.kernel @combine attributes {group = 4 : i64, q_len = 2 : i64, combine,
    scale = 0.088 : f32, softcap = 30.0 : f32, window = 128 : i64, causal, sinks, score_mod,
    cache = #tile.cache<heads = 8, k = 576, v = 512, element = bf16,
                        layout = own, v_in_k = true>,
    schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>} {
  %a0 = tile.constant 0.0 : !tile.tile<8x512xf32>
  // CHECK: tile.partials (%[[O:.*]], %[[LSE:.*]]) : (!tile.tile<8x512xf32>, !tile.tile<8x1xf32>) iter(%{{.*}} = %{{.*}}) : (!tile.tile<8x512xf32>) {
  %r = tile.partials (%o, %lse) : (!tile.tile<8x512xf32>, !tile.tile<8x1xf32>)
       iter(%a = %a0) : (!tile.tile<8x512xf32>) {
    // CHECK: tile.score %[[LSE]] {no_mask, scale = 1.000000e+00 : f32} : <8x1xf32> -> <8x1xf32>
    %x = tile.score %lse {scale = 1.0 : f32, no_mask} : !tile.tile<8x1xf32> -> !tile.tile<8x1xf32>
    tile.yield %a : !tile.tile<8x512xf32>
  }
}

// Constants that decimal digits do not spell.

// CHECK-LABEL: func @constants
func.func @constants() {
  // CHECK: tile.constant 0xFF800000 : !tile.tile<4x1xf32>
  %inf = tile.constant 0xFF800000 : !tile.tile<4x1xf32>
  // CHECK: tile.constant 1.000000e-01 : !tile.tile<4x1xf32>
  %tenth = tile.constant 0.1 : !tile.tile<4x1xf32>
  return
}

// A stream that carries nothing.

// CHECK-LABEL: tile.kernel @carries_nothing
tile.kernel @carries_nothing attributes {group = 1 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>} {
  // CHECK: tile.stream (%{{.*}}, %{{.*}}) : (!tile.tile<8x16xf32>, !tile.tile<8x16xf32>) iter() : () {
  tile.stream (%k, %v) : (!tile.tile<8x16xf32>, !tile.tile<8x16xf32>) iter() : () {
    // CHECK: tile.yield
    tile.yield
  }
}

// CHECK-LABEL: func @map
// CHECK: %{{.*}}:2 = tile.map(%{{.*}}, %{{.*}}) reductions [#tile.reduction<add>] : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>) {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
// CHECK: tile.yield %{{.*}}, %{{.*}} : f32, f32
func.func @map(%x: !tile.tile<4x64xf32>, %m: !tile.tile<4x1xf32>) -> !tile.tile<4x64xbf16> {
  %p, %sum = tile.map (%x, %m) reductions [#tile.reduction<add>]
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>) {
  ^bb0(%a: f32, %b: f32):
    %d = arith.subf %a, %b : f32
    %e = math.exp2 %d : f32
    tile.yield %e, %e : f32, f32
  }
  return %p : !tile.tile<4x64xbf16>
}

// CHECK-LABEL: func @map_reductions_only
// CHECK: reductions [#tile.reduction<max>, #tile.reduction<add>]
func.func @map_reductions_only(%x: !tile.tile<4x64xf32>) {
  %max, %sum = tile.map (%x) reductions [#tile.reduction<max>, #tile.reduction<add>]
    : (!tile.tile<4x64xf32>) -> (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>) {
  ^bb0(%a: f32):
    tile.yield %a, %a : f32, f32
  }
  return
}

// CHECK-LABEL: func @coord
func.func @coord(%x: !tile.tile<4x64xf32>) {
  // CHECK: reductions []
  %r = tile.map (%x) reductions [] : (!tile.tile<4x64xf32>) -> !tile.tile<4x64xf32> {
  ^bb0(%a: f32):
    // CHECK: tile.coord batch : i32
    %b = tile.coord batch : i32
    // CHECK: tile.coord head : i32
    %h = tile.coord head : i32
    // CHECK: tile.coord query : i32
    %i = tile.coord query : i32
    // CHECK: tile.coord key : i32
    // SPACE: tile.coord key : i32
    %j = tile.coord key : i32
    // CHECK: tile.coord key_end : i32
    %e = tile.coord key_end : i32
    tile.yield %a : f32
  }
  return
}

// The score region is attn.attend's.

// CHECK-LABEL: func @score_region
// CHECK: tile.score %{{.*}} {scale = 1.250000e-01 : f32, softcap = 5.000000e+01 : f32, window = 16 : i64} region {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i32):
func.func @score_region(%s: !tile.tile<4x64xf32>) {
  %x = tile.score %s {scale = 0.125 : f32, softcap = 50.0 : f32, window = 16 : i64} region {
  ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
    %y = arith.addf %x, %x : f32
    tile.yield %y : f32
  } : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
  return
}

// CHECK-LABEL: func private @attributes
// CHECK-SAME: amx = #tile.schedule<engine = amx, vector = 16, kv_tile = 64, prefetch = 2048, exp2_degree = 3>
// CHECK-SAME: dpbf16 = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 7>
// CHECK-SAME: fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
func.func private @attributes() attributes {
  fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>,
  dpbf16 = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 7>,
  amx = #tile.schedule<engine = amx, vector = 16, kv_tile = 64, prefetch = 2048, exp2_degree = 3>}

// A kernel whose query keeps what rounding leaves of its first 64 columns.
// CHECK-LABEL: tile.kernel @rest attributes
// CHECK-SAME: rest = 64 : i64
// CHECK: tile.dot %{{.*}}, %{{.*}} {rest = 64 : i64} : (!tile.tile<4x160xbf16>, !tile.tile<64x96xbf16>) -> !tile.tile<4x64xf32>
tile.kernel @rest attributes {group = 4 : i64, q_len = 1 : i64, rest = 64 : i64,
    cache = #tile.cache<heads = 1, k = 96, v = 64, element = bf16, layout = row, v_in_k = true>} {
  %q = tile.query : !tile.tile<4x160xbf16>
  %l = tile.constant 0.0 : !tile.tile<4x1xf32>
  %r = tile.stream (%k, %v) : (!tile.tile<64x96xbf16>, !tile.tile<64x64xbf16>) iter(%l0 = %l) : (!tile.tile<4x1xf32>) {
    %s = tile.dot %q, %k {rest = 64 : i64} : (!tile.tile<4x160xbf16>, !tile.tile<64x96xbf16>) -> !tile.tile<4x64xf32>
    tile.yield %l0 : !tile.tile<4x1xf32>
  }
}

// Keys, and a projection's rows, that keep it.
// CHECK-LABEL: func @rests
// CHECK: tile.decompress %{{.*}}, %{{.*}} {rest} : (!tile.tile<64x96xbf16>, !tile.tile<64x32xbf16>) -> !tile.tile<64x96xbf16>
func.func @rests(%c: !tile.tile<64x96xbf16>, %w: !tile.tile<64x32xbf16>) -> !tile.tile<64x96xbf16> {
  %k = tile.decompress %c, %w {rest} : (!tile.tile<64x96xbf16>, !tile.tile<64x32xbf16>) -> !tile.tile<64x96xbf16>
  return %k : !tile.tile<64x96xbf16>
}

// CHECK: tile.projection @in_parts {{{.*}}rest
tile.projection @in_parts {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16, rest}
