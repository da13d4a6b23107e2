// RUN: attn-opt %s --canonicalize | FileCheck %s

!paged = !attn.kv_cache<heads = 2, parts = [k : 16, v : 16], f32, page = 8>

// The last query token sees the last cached one, so with one query token a
// causal mask hides nothing.

// CHECK-LABEL: func @vacuous_causal_mask
// CHECK: attn.attend
// CHECK-NOT: mask
// CHECK-SAME: tensor<?x1x4x16xf32>
func.func @vacuous_causal_mask(%q: tensor<?x1x4x16xf32>, %c: !paged) -> tensor<?x1x4x16xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal>, scale = 0.25 : f32}
     : (tensor<?x1x4x16xf32>, !paged) -> tensor<?x1x4x16xf32>
  return %o : tensor<?x1x4x16xf32>
}

// CHECK-LABEL: func @window_stays
// CHECK: mask = #attn.mask<causal, window = 4>
func.func @window_stays(%q: tensor<?x1x4x16xf32>, %c: !paged) -> tensor<?x1x4x16xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal, window = 4>, scale = 0.25 : f32}
     : (tensor<?x1x4x16xf32>, !paged) -> tensor<?x1x4x16xf32>
  return %o : tensor<?x1x4x16xf32>
}

// CHECK-LABEL: func @several_query_tokens_stay
// CHECK: mask = #attn.mask<causal>
func.func @several_query_tokens_stay(%q: tensor<?x2x4x16xf32>, %c: !paged) -> tensor<?x2x4x16xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal>, scale = 0.25 : f32}
     : (tensor<?x2x4x16xf32>, !paged) -> tensor<?x2x4x16xf32>
  return %o : tensor<?x2x4x16xf32>
}

// CHECK-LABEL: func @unknown_query_tokens_stay
// CHECK: mask = #attn.mask<causal>
func.func @unknown_query_tokens_stay(%q: tensor<?x?x4x16xf32>, %c: !paged) -> tensor<?x?x4x16xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal>, scale = 0.25 : f32}
     : (tensor<?x?x4x16xf32>, !paged) -> tensor<?x?x4x16xf32>
  return %o : tensor<?x?x4x16xf32>
}

// CHECK-LABEL: func @identity_score
// CHECK: attn.attend
// CHECK-NOT: score
// CHECK: return
func.func @identity_score(%q: tensor<?x1x4x16xf32>, %c: !paged) -> tensor<?x1x4x16xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      attn.yield %x : f32
    } : (tensor<?x1x4x16xf32>, !paged) -> tensor<?x1x4x16xf32>
  return %o : tensor<?x1x4x16xf32>
}

// CHECK-LABEL: func @score_stays
// CHECK: score {
// CHECK: arith.addf
func.func @score_stays(%q: tensor<?x1x4x16xf32>, %c: !paged) -> tensor<?x1x4x16xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      %y = arith.addf %x, %x : f32
      attn.yield %y : f32
    } : (tensor<?x1x4x16xf32>, !paged) -> tensor<?x1x4x16xf32>
  return %o : tensor<?x1x4x16xf32>
}

// An unused attend goes, an unused append does not: it writes the cache.

// CHECK-LABEL: func @unused
// CHECK-NOT: attn.attend
// CHECK: attn.cache_append
func.func @unused(%q: tensor<?x1x4x16xf32>, %c: !paged, %k: tensor<?x2x16xf32>, %s: tensor<?xi64>) {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
     : (tensor<?x1x4x16xf32>, !paged) -> tensor<?x1x4x16xf32>
  %r = attn.cache_append %c, %k, %k slots(%s)
     : (!paged, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi64>) -> !paged
  return
}
