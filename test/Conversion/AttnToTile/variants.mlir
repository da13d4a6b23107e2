// RUN: attn-opt %s --convert-attn-to-tile --split-input-file | FileCheck %s

!cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], f32, page = ?>
#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>

// A sink belongs to the denominator of the whole: not to a partial state, but
// to what is stored, directly or merged.

// CHECK-LABEL: tile.kernel @sinks attributes
// CHECK-SAME:  sinks
// CHECK:       %[[OUT:.*]], %[[LSE:.*]] = tile.normalize
// CHECK:       tile.store_partial %[[OUT]], %[[LSE]]
// CHECK:       %[[SINK:.*]] = tile.sink : <2x1xf32>
// CHECK:       %[[SUNK:.*]] = tile.apply_sink %[[OUT]], %[[LSE]], %[[SINK]]
// CHECK:       tile.store %[[SUNK]], %[[LSE]]
// CHECK-LABEL: tile.kernel @sinks_combine attributes
// CHECK-SAME:  sinks
// CHECK:       tile.partials
// CHECK:       tile.apply_sink
// CHECK:       tile.store
func.func @sinks(%q: tensor<?x1x4x64xf32>, %c: !cache, %s: tensor<4xf32>) -> tensor<?x1x4x64xf32> {
  %o = attn.attend %q, %c sinks(%s) {heads = #attn.heads<q = 4, kv = 2>, scale = 0.125 : f32, tile.schedule = #fma}
     : (tensor<?x1x4x64xf32>, !cache, tensor<4xf32>) -> tensor<?x1x4x64xf32>
  return %o : tensor<?x1x4x64xf32>
}

// -----

!cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], f32, page = ?>
#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>

// CHECK-LABEL: tile.kernel @window attributes
// CHECK-SAME:  softcap = 5.000000e+01 : f32, window = 128 : i64
// CHECK:       tile.score %{{.*}} {causal, scale = 1.250000e-01 : f32, softcap = 5.000000e+01 : f32, window = 128 : i64}
// CHECK-LABEL: tile.kernel @window_combine
// CHECK:       tile.score %{{.*}} {no_mask, scale = 1.000000e+00 : f32}
func.func @window(%q: tensor<?x1x4x64xf32>, %c: !cache) -> tensor<?x1x4x64xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, scale = 0.125 : f32, tile.schedule = #fma,
         mask = #attn.mask<causal, window = 128>, softcap = 50.0 : f32}
     : (tensor<?x1x4x64xf32>, !cache) -> tensor<?x1x4x64xf32>
  return %o : tensor<?x1x4x64xf32>
}

// -----

!cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], f32, page = ?>
#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>

// A score region moves into the score, and constants that canonicalisation
// hoisted out of it move along. Merging has no part in it.

// CHECK-LABEL: tile.kernel @score attributes
// CHECK-SAME:  score_mod
// CHECK-NOT:   arith.constant
// CHECK:       tile.stream
// CHECK:       tile.score %{{.*}} region {
// CHECK-NEXT:  ^bb0(%[[X:.*]]: f32, %{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i32):
// CHECK-NEXT:    %[[C:.*]] = arith.constant 2.000000e+00 : f32
// CHECK-NEXT:    %[[Y:.*]] = arith.mulf %[[X]], %[[C]] : f32
// CHECK-NEXT:    tile.yield %[[Y]] : f32
// CHECK-LABEL: tile.kernel @score_combine attributes
// CHECK-NOT:   region
func.func @score(%q: tensor<?x1x4x64xf32>, %c: !cache) -> tensor<?x1x4x64xf32> {
  %two = arith.constant 2.0 : f32
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, scale = 0.125 : f32, tile.schedule = #fma}
      score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      %y = arith.mulf %x, %two : f32
      attn.yield %y : f32
    } : (tensor<?x1x4x64xf32>, !cache) -> tensor<?x1x4x64xf32>
  return %o : tensor<?x1x4x64xf32>
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>

// A merge is a combine kernel: each head is a KV head of its own.

// CHECK-NOT:   func.func
// CHECK-LABEL: tile.kernel @merge attributes
// CHECK-SAME:  cache = #tile.cache<heads = 32, k = 128, v = 128, element = bf16,
// CHECK-SAME:  combine, group = 1 : i64, q_len = 3 : i64
// CHECK:       tile.partials (%{{.*}}, %{{.*}}) : (!tile.tile<3x128xf32>, !tile.tile<3x1xf32>)
// CHECK:       tile.store
// CHECK-NOT:   tile.kernel
func.func @merge(%outs: tensor<?x?x3x32x128xf32>, %lses: tensor<?x?x3x32xf32>)
    -> (tensor<?x3x32x128xbf16>, tensor<?x3x32xf32>) {
  %o, %l = attn.merge %outs, %lses {tile.schedule = #fma}
    : (tensor<?x?x3x32x128xf32>, tensor<?x?x3x32xf32>) -> (tensor<?x3x32x128xbf16>, tensor<?x3x32xf32>)
  return %o, %l : tensor<?x3x32x128xbf16>, tensor<?x3x32xf32>
}

// -----

!cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], f32, page = ?>
#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>

// Several in one function are numbered. Appends are the runtime's, and
// declarations stay.

// CHECK:       func.func private @elsewhere
// CHECK:       tile.kernel @layers_0 attributes
// CHECK:       tile.kernel @layers_0_combine attributes
// CHECK:       tile.kernel @layers_1 attributes
// CHECK:       tile.kernel @layers_1_combine attributes
// CHECK-NOT:   attn.cache_append
func.func private @elsewhere()
func.func @layers(%q: tensor<?x1x4x64xf32>, %c: !cache, %k: tensor<?x2x64xf32>, %slots: tensor<?xi64>) -> tensor<?x1x4x64xf32> {
  %d = attn.cache_append %c, %k, %k slots(%slots) : (!cache, tensor<?x2x64xf32>, tensor<?x2x64xf32>, tensor<?xi64>) -> !cache
  %0 = attn.attend %q, %d {heads = #attn.heads<q = 4, kv = 2>, scale = 0.125 : f32, tile.schedule = #fma}
     : (tensor<?x1x4x64xf32>, !cache) -> tensor<?x1x4x64xf32>
  %1 = attn.attend %0, %d {heads = #attn.heads<q = 4, kv = 2>, scale = 0.125 : f32, tile.schedule = #fma}
     : (tensor<?x1x4x64xf32>, !cache) -> tensor<?x1x4x64xf32>
  return %1 : tensor<?x1x4x64xf32>
}
