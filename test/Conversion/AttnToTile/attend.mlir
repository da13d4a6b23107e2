// RUN: attn-opt %s --convert-attn-to-tile --split-input-file | FileCheck %s

// The example: GQA over pages, on AMX. Query rows are group x query tokens; the
// weights are rounded to bf16 and the maximum moves lazily.

// CHECK-NOT: func.func
// CHECK-LABEL: tile.kernel @decode attributes
// CHECK-SAME:  cache = #tile.cache<heads = 8, k = 128, v = 128, element = bf16, layout = row, v_in_k = false>
// CHECK-SAME:  causal
// CHECK-SAME:  group = 4 : i64, q_len = 2 : i64, scale = 1.250000e-01 : f32
// CHECK-SAME:  schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 4>
// CHECK:       %[[Q:.*]] = tile.query : <8x128xbf16>
// CHECK:       %[[M0:.*]] = tile.constant -1.000000e+30 : !tile.tile<8x1xf32>
// CHECK:       %[[L0:.*]] = tile.constant 0.000000e+00 : !tile.tile<8x1xf32>
// CHECK:       %[[A0:.*]] = tile.constant 0.000000e+00 : !tile.tile<8x128xf32>
// CHECK:       %[[R:.*]]:3 = tile.stream (%[[K:.*]], %[[V:.*]]) : (!tile.tile<64x128xbf16>, !tile.tile<64x128xbf16>)
// CHECK-SAME:  iter(%[[M:.*]] = %[[M0]], %[[L:.*]] = %[[L0]], %[[A:.*]] = %[[A0]])
// CHECK:         %[[S:.*]] = tile.dot %[[Q]], %[[K]]
// CHECK:         %[[X:.*]] = tile.score %[[S]] {causal, scale = 1.250000e-01 : f32} : <8x64xf32> -> <8x64xf32>
// CHECK:         %[[P:.*]], %[[M1:.*]], %[[L1:.*]], %[[ALPHA:.*]] = tile.online_softmax %[[X]], %[[M]], %[[L]] : {{.*}} -> (!tile.tile<8x64xbf16>,
// CHECK:         %[[A1:.*]] = tile.dot_acc %[[P]], %[[V]], %[[A]], %[[ALPHA]]
// CHECK:         tile.yield %[[M1]], %[[L1]], %[[A1]]
// CHECK:       %[[OUT:.*]], %[[LSE:.*]] = tile.normalize %[[R]]#2, %[[R]]#0, %[[R]]#1
// CHECK:       tile.store_partial %[[OUT]], %[[LSE]]
// CHECK-NOT:   tile.sink
// CHECK:       tile.store %[[OUT]], %[[LSE]]

// Merging is the same softmax over the partial states, at once and in f32.

// CHECK-LABEL: tile.kernel @decode_combine attributes
// CHECK-SAME:  combine
// CHECK-NOT:   tile.query
// CHECK:       tile.partials (%[[O:.*]], %[[LSES:.*]]) : (!tile.tile<8x128xf32>, !tile.tile<8x1xf32>)
// CHECK:         tile.score %[[LSES]] {no_mask, scale = 1.000000e+00 : f32}
// CHECK:         %[[P:.*]], %{{.*}}, %{{.*}}, %[[ALPHA:.*]] = tile.online_softmax {{.*}} {threshold = 0.000000e+00 : f32} : {{.*}} -> (!tile.tile<8x1xf32>,
// CHECK:         tile.map(%{{.*}}, %[[ALPHA]], %[[O]], %[[P]]) reductions []
// CHECK:       tile.normalize
// CHECK-NOT:   tile.store_partial
// CHECK:       tile.store
!cache = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
func.func @decode(%q: tensor<?x2x32x128xbf16>, %c: !cache) -> tensor<?x2x32x128xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 32, kv = 8>, scale = 0.125 : f32,
         mask = #attn.mask<causal>,
         tile.schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 4>}
     : (tensor<?x2x32x128xbf16>, !cache) -> tensor<?x2x32x128xbf16>
  return %o : tensor<?x2x32x128xbf16>
}

// -----

// FMA keeps the weights in f32, and the maximum strictly.

// CHECK-LABEL: tile.kernel @fma attributes
// CHECK-SAME:  element = f16, layout = own
// CHECK:       tile.stream {{.*}} (!tile.tile<32x64xf16>, !tile.tile<32x32xf16>)
// CHECK:         tile.online_softmax {{.*}} {threshold = 0.000000e+00 : f32} : {{.*}} -> (!tile.tile<3x32xf32>,
!cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 32], f16, page = 32, layout = own>
func.func @fma(%q: tensor<?x1x6x64xf16>, %c: !cache) -> (tensor<?x1x6x32xf16>, tensor<?x1x6xf32>) {
  %o, %l = attn.attend %q, %c {heads = #attn.heads<q = 6, kv = 2>, scale = 0.125 : f32,
         tile.schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 32, prefetch = 0, exp2_degree = 5>}
     : (tensor<?x1x6x64xf16>, !cache) -> (tensor<?x1x6x32xf16>, tensor<?x1x6xf32>)
  return %o, %l : tensor<?x1x6x32xf16>, tensor<?x1x6xf32>
}

// -----

// The latent row is K, and V a prefix of it. Without a causal mask there is
// none in the score either.

// CHECK-LABEL: tile.kernel @latent attributes
// CHECK-SAME:  cache = #tile.cache<heads = 1, k = 576, v = 512, element = bf16, layout = row, v_in_k = true>
// CHECK-SAME:  group = 16 : i64
// CHECK:       tile.query : <16x576xbf16>
// CHECK:       tile.stream {{.*}} (!tile.tile<256x576xbf16>, !tile.tile<256x512xbf16>)
// CHECK:         tile.score %{{.*}} {scale = 0.0721687824 : f32}
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = ?>
func.func @latent(%q: tensor<?x1x16x576xbf16>, %c: !cache) -> tensor<?x1x16x512xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 16, kv = 1>, scale = 0.0721687824 : f32,
         latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         tile.schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 256, prefetch = 0, exp2_degree = 4>}
     : (tensor<?x1x16x576xbf16>, !cache) -> tensor<?x1x16x512xbf16>
  return %o : tensor<?x1x16x512xbf16>
}
