// RUN: attn-opt %s -split-input-file -verify-diagnostics

// The constraints of the attn ops, each test named with the one that it breaks.
// What the declarative constraints of the ops rule out (element types, ranks,
// kinds of attributes) is under "ODS" at the end.

//===----------------------------------------------------------------------===//
// attend
//===----------------------------------------------------------------------===//

func.func @a1_query_heads(%q: tensor<3x1x6x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{query has 6 heads and K 2, heads says q = 4, kv = 2}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x6x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a1_key_heads(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x4x16xf32>, %v: tensor<3x9x4x8xf32>) {
  // expected-error @+1 {{query has 4 heads and K 4, heads says q = 4, kv = 2}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x4x16xf32>, tensor<3x9x4x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a1_cache_heads(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) {
  // expected-error @+1 {{query has 4 heads and K 2, heads says q = 4, kv = 4}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a1_value_heads(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x1x8xf32>) {
  // expected-error @+1 {{value must be [3, 9, 2, 8], got}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x1x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a2_tensor(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x24xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{query is 16 wide, K is 24}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x24xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a2_cache(%q: tensor<3x1x4x8xf32>, %k: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) {
  // expected-error @+1 {{query is 8 wide, K is 16}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x8xf32>, !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) -> tensor<3x1x4x8xf32>
  return
}

// -----

// K of a latent cache is the whole row, the rotary suffix included.

func.func @a2_latent_cache(%q: tensor<3x1x4x12xf32>, %k: !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>) {
  // expected-error @+1 {{query is 12 wide, K is 16}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32}
    : (tensor<3x1x4x12xf32>, !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>) -> tensor<3x1x4x12xf32>
  return
}

// -----

func.func @a3_width(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{output must be [3, 1, 4, 8], got}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @a3_tokens(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{output must be [3, 1, 4, 8], got}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x2x4x8xf32>
  return
}

// -----

func.func @a3_heads(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{output must be [3, 1, 4, 8], got}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x2x8xf32>
  return
}

// -----

func.func @a3_cache(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) {
  // expected-error @+1 {{output must be [3, 1, 4, 8], got}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) -> tensor<3x1x4x16xf32>
  return
}

// -----

// V of a latent cache is its first rank elements.

func.func @a3_latent_cache(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>) {
  // expected-error @+1 {{output must be [3, 1, 4, 12], got}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @a3_prefix(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>) {
  // expected-error @+1 {{without a value operand V is a prefix of K: the output's width (32) exceeds K's (16)}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>) -> tensor<3x1x4x32xf32>
  return
}

// -----

func.func @a4_heads(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{lse must be [3, 1, 4], got}}
  %o, %lse = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> (tensor<3x1x4x8xf32>, tensor<3x1x2xf32>)
  return
}

// -----

func.func @a4_tokens(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{lse must be [3, 1, 4], got}}
  %o, %lse = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> (tensor<3x1x4x8xf32>, tensor<3x2x4xf32>)
  return
}

// -----

func.func @a4_sinks(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{sinks must be [4], got}}
  %o = attn.attend %q, %k, %v sinks(%s) {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>, tensor<2xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a5_scale_infinite(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{scale must be finite}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0x7F800000 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a5_scale_nan(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{scale must be finite}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0x7FC00000 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

// The scale is never a default.

func.func @a5_scale_missing(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{requires attribute 'scale'}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

// No soft-cap is no attribute.

func.func @a5_softcap_zero(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{softcap must be positive and finite}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32, softcap = 0.0 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a5_softcap_negative(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{softcap must be positive and finite}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32, softcap = -30.0 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a5_softcap_infinite(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{softcap must be positive and finite}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32, softcap = 0x7F800000 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a6_arguments(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{the score region is one block of (f32, i32, i32, i32, i32): score, batch, query head, query and key position}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32):
      attn.yield %x : f32
  }
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a6_argument_types(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{the score region is one block of (f32, i32, i32, i32, i32): score, batch, query head, query and key position}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: index, %j: index):
      attn.yield %x : f32
  }
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a6_blocks(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{the score region is one block of (f32, i32, i32, i32, i32): score, batch, query head, query and key position}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      cf.br ^bb1
    ^bb1:
      attn.yield %x : f32
  }
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a6_terminator(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{the score region must end in attn.yield}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      llvm.unreachable
  }
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a7_kv_heads(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>) {
  // expected-error @+1 {{latent needs one KV head a group, K of rank + rope = 16 and V of rank = 12 as a prefix of K}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32, latent = #attn.latent<rank = 12, rope = 4, nope = 8, v = 8>}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>) -> tensor<3x1x4x12xf32>
  return
}

// -----

func.func @a7_value_operand(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x1x16xf32>, %v: tensor<3x9x1x12xf32>) {
  // expected-error @+1 {{latent needs one KV head a group, K of rank + rope = 16 and V of rank = 12 as a prefix of K}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 12, rope = 4, nope = 8, v = 8>}
    : (tensor<3x1x4x16xf32>, tensor<3x9x1x16xf32>, tensor<3x9x1x12xf32>) -> tensor<3x1x4x12xf32>
  return
}

// -----

func.func @a7_key_width(%q: tensor<3x1x4x20xf32>, %k: tensor<3x9x1x20xf32>) {
  // expected-error @+1 {{latent needs one KV head a group, K of rank + rope = 16 and V of rank = 12 as a prefix of K}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 12, rope = 4, nope = 8, v = 8>}
    : (tensor<3x1x4x20xf32>, tensor<3x9x1x20xf32>) -> tensor<3x1x4x12xf32>
  return
}

// -----

func.func @a7_value_width(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x1x16xf32>) {
  // expected-error @+1 {{latent needs one KV head a group, K of rank + rope = 16 and V of rank = 12 as a prefix of K}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 12, rope = 4, nope = 8, v = 8>}
    : (tensor<3x1x4x16xf32>, tensor<3x9x1x16xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a7_cache(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>) {
  // expected-error @+1 {{latent needs one KV head a group, K of rank + rope = 14 and V of rank = 10 as a prefix of K}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 10, rope = 4, nope = 8, v = 8>}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>) -> tensor<3x1x4x12xf32>
  return
}

// -----

func.func @a7_cache_without_latent_rows(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 1, parts = [k : 16, v : 12], f32, page = 4>) {
  // expected-error @+1 {{latent needs one KV head a group}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 12, rope = 4, nope = 8, v = 8>}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 1, parts = [k : 16, v : 12], f32, page = 4>) -> tensor<3x1x4x12xf32>
  return
}

// -----

func.func @a8_value(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{a cache brings its own values and lengths: the value and lens operands go with a key tensor only}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a8_lens(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %n: tensor<3xi32>) {
  // expected-error @+1 {{a cache brings its own values and lengths: the value and lens operands go with a key tensor only}}
  %o = attn.attend %q, %k lens(%n) {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<3xi32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a9_query(%q: tensor<3x1x4x16xbf16>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{element types of query, K and output differ}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xbf16>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xbf16>
  return
}

// -----

func.func @a9_value(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf16>) {
  // expected-error @+1 {{element types of key and value differ}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf16>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a9_output(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{element types of query, K and output differ}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xbf16>
  return
}

// -----

func.func @a9_cache(%q: tensor<3x1x4x16xbf16>, %k: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) {
  // expected-error @+1 {{element types of query, K and output differ}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xbf16>, !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) -> tensor<3x1x4x8xbf16>
  return
}

// -----

func.func @a10_key(%q: tensor<3x1x4x16xf32>, %k: tensor<2x9x2x16xf32>, %v: tensor<2x9x2x8xf32>) {
  // expected-error @+1 {{batches differ: 3 and 2}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<2x9x2x16xf32>, tensor<2x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a10_value(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<2x9x2x8xf32>) {
  // expected-error @+1 {{value must be [3, 9, 2, 8], got}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<2x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a10_value_tokens(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x7x2x8xf32>) {
  // expected-error @+1 {{value must be [3, 9, 2, 8], got}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x7x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a10_lens(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>, %n: tensor<2xi32>) {
  // expected-error @+1 {{batches differ: 3 and 2}}
  %o = attn.attend %q, %k, %v lens(%n) {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>, tensor<2xi32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @a10_output(%q: tensor<3x1x4x16xf32>, %k: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) {
  // expected-error @+1 {{batches differ: 3 and 2}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>) -> tensor<2x1x4x8xf32>
  return
}

// -----

func.func @a10_lse(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{batches differ: 3 and 2}}
  %o, %lse = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> (tensor<3x1x4x8xf32>, tensor<2x1x4xf32>)
  return
}

// -----

// A query of unknown batch does not hide that the others differ.

func.func @a10_across_dynamic(%q: tensor<?x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{batches differ: 3 and 2}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<?x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<2x1x4x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// merge
//===----------------------------------------------------------------------===//

func.func @g1_states(%outs: tensor<2x3x1x4x8xf32>, %lses: tensor<5x3x1x4xf32>) {
  // expected-error @+1 {{lses must be [2, 3, 1, 4], got}}
  %o, %l = attn.merge %outs, %lses
    : (tensor<2x3x1x4x8xf32>, tensor<5x3x1x4xf32>) -> (tensor<3x1x4x8xf32>, tensor<3x1x4xf32>)
  return
}

// -----

func.func @g1_output(%outs: tensor<2x3x1x4x8xf32>, %lses: tensor<2x3x1x4xf32>) {
  // expected-error @+1 {{output must be [3, 1, 4, 8], got}}
  %o, %l = attn.merge %outs, %lses
    : (tensor<2x3x1x4x8xf32>, tensor<2x3x1x4xf32>) -> (tensor<3x1x4x16xf32>, tensor<3x1x4xf32>)
  return
}

// -----

func.func @g1_lse(%outs: tensor<2x3x1x4x8xf32>, %lses: tensor<2x3x1x4xf32>) {
  // expected-error @+1 {{lse must be [3, 1, 4], got}}
  %o, %l = attn.merge %outs, %lses
    : (tensor<2x3x1x4x8xf32>, tensor<2x3x1x4xf32>) -> (tensor<3x1x4x8xf32>, tensor<3x1x2xf32>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// cache_append
//===----------------------------------------------------------------------===//

func.func @p1_heads(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x4x16xf32>, %v: tensor<5x2x8xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{key must be [5, 2, 16], got}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x4x16xf32>, tensor<5x2x8xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @p1_width(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x8xf32>, %v: tensor<5x2x8xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{key must be [5, 2, 16], got}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x8xf32>, tensor<5x2x8xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

// The row of a latent cache has the rotary suffix.

func.func @p1_latent_width(%c: !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>, %k: tensor<5x1x12xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{key must be [5, 1, 16], got}}
  %r = attn.cache_append %c, %k slots(%s)
    : (!attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>, tensor<5x1x12xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>
  return
}

// -----

func.func @p1_element(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xbf16>, %v: tensor<5x2x8xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{element types of key and cache differ}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xbf16>, tensor<5x2x8xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @p2_missing(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{needs a value operand}}
  %r = attn.cache_append %c, %k slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @p2_latent(%c: !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>, %k: tensor<5x1x16xf32>, %v: tensor<5x1x12xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{a latent cache takes no value operand}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>, tensor<5x1x16xf32>, tensor<5x1x12xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 1, parts = [latent : 12, rope : 4], f32, page = 4>
  return
}

// -----

func.func @p2_rows(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xf32>, %v: tensor<4x2x8xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{value must be [5, 2, 8], got}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xf32>, tensor<4x2x8xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @p2_width(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xf32>, %v: tensor<5x2x16xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{value must be [5, 2, 8], got}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xf32>, tensor<5x2x16xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @p2_element(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xf32>, %v: tensor<5x2x8xf16>, %s: tensor<5xi64>) {
  // expected-error @+1 {{element types of value and cache differ}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xf32>, tensor<5x2x8xf16>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @p3(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xf32>, %v: tensor<5x2x8xf32>, %s: tensor<4xi64>) {
  // expected-error @+1 {{slots must be [5], got}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xf32>, tensor<5x2x8xf32>, tensor<4xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @p4(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xf32>, %v: tensor<5x2x8xf32>, %s: tensor<5xi64>) {
  // expected-error @+1 {{the result must have the cache's type}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xf32>, tensor<5x2x8xf32>, tensor<5xi64>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 8>
  return
}

// -----

//===----------------------------------------------------------------------===//
// project, compress, decompress
//===----------------------------------------------------------------------===//

func.func @r1_heads(%x: tensor<3x1x4x16xf32>, %w: tensor<2x16x8xf32>) {
  // expected-error @+1 {{weight must be [4, 16, 8], got}}
  %y = attn.project %x, %w : (tensor<3x1x4x16xf32>, tensor<2x16x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @r1_inner(%x: tensor<3x1x4x16xf32>, %w: tensor<4x12x8xf32>) {
  // expected-error @+1 {{weight must be [4, 16, 8], got}}
  %y = attn.project %x, %w : (tensor<3x1x4x16xf32>, tensor<4x12x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @r1_output(%x: tensor<3x1x4x16xf32>, %w: tensor<4x16x8xf32>) {
  // expected-error @+1 {{output must be [3, 1, 4, 8], got}}
  %y = attn.project %x, %w : (tensor<3x1x4x16xf32>, tensor<4x16x8xf32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @k1_weight(%x: tensor<3x1x32xf32>, %w: tensor<16x8xf32>) {
  // expected-error @+1 {{weight must be [32, 8], got}}
  %y = attn.compress %x, %w : (tensor<3x1x32xf32>, tensor<16x8xf32>) -> tensor<3x1x8xf32>
  return
}

// -----

func.func @k1_output(%x: tensor<3x1x32xf32>, %w: tensor<32x8xf32>) {
  // expected-error @+1 {{output must be [3, 1, 8], got}}
  %y = attn.compress %x, %w : (tensor<3x1x32xf32>, tensor<32x8xf32>) -> tensor<3x1x32xf32>
  return
}

// -----

func.func @k1_norm(%x: tensor<3x1x32xf32>, %w: tensor<32x8xf32>, %g: tensor<32xf32>) {
  // expected-error @+1 {{norm must be [8], got}}
  %y = attn.compress %x, %w norm(%g) {eps = 1.0e-6 : f32}
    : (tensor<3x1x32xf32>, tensor<32x8xf32>, tensor<32xf32>) -> tensor<3x1x8xf32>
  return
}

// -----

func.func @k2_negative(%x: tensor<3x1x32xf32>, %w: tensor<32x8xf32>, %g: tensor<8xf32>) {
  // expected-error @+1 {{eps must not be negative}}
  %y = attn.compress %x, %w norm(%g) {eps = -1.0e-6 : f32}
    : (tensor<3x1x32xf32>, tensor<32x8xf32>, tensor<8xf32>) -> tensor<3x1x8xf32>
  return
}

// -----

func.func @k2_nan(%x: tensor<3x1x32xf32>, %w: tensor<32x8xf32>, %g: tensor<8xf32>) {
  // expected-error @+1 {{eps must not be negative}}
  %y = attn.compress %x, %w norm(%g) {eps = 0x7FC00000 : f32}
    : (tensor<3x1x32xf32>, tensor<32x8xf32>, tensor<8xf32>) -> tensor<3x1x8xf32>
  return
}

// -----

func.func @d1_weight(%x: tensor<3x9x16xf32>, %w: tensor<4x12x8xf32>) {
  // expected-error @+1 {{weight must be [4, 16, 8], got}}
  %y = attn.decompress %x, %w : (tensor<3x9x16xf32>, tensor<4x12x8xf32>) -> tensor<3x9x4x8xf32>
  return
}

// -----

func.func @d2_uneven(%x: tensor<3x9x3x16xf32>, %w: tensor<4x16x8xf32>) {
  // expected-error @+1 {{the groups of latents must be known and divide the heads}}
  %y = attn.decompress %x, %w : (tensor<3x9x3x16xf32>, tensor<4x16x8xf32>) -> tensor<3x9x4x8xf32>
  return
}

// -----

func.func @d2_unknown(%x: tensor<3x9x?x16xf32>, %w: tensor<4x16x8xf32>) {
  // expected-error @+1 {{the groups of latents must be known and divide the heads}}
  %y = attn.decompress %x, %w : (tensor<3x9x?x16xf32>, tensor<4x16x8xf32>) -> tensor<3x9x4x8xf32>
  return
}

// -----

func.func @a7_groups(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x1x16xf32>) {
  // expected-error @+1 {{latent needs one KV head a group}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 12, rope = 4, nope = 8, v = 8, groups = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x1x16xf32>) -> tensor<3x1x4x12xf32>
  return
}

// -----

func.func @a11_groups(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x16xf32>, %uk: tensor<4x12x8xf32>, %uv: tensor<4x12x8xf32>) {
  // expected-error @+1 {{up needs latent, one KV head a group, and latent rows in the place of K and V}}
  %o = attn.attend %q, %k up(%uk, %uv) {heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 12, rope = 4, nope = 8, v = 8, groups = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x16xf32>, tensor<4x12x8xf32>, tensor<4x12x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @d1_output(%x: tensor<3x9x16xf32>, %w: tensor<4x16x8xf32>) {
  // expected-error @+1 {{output must be [3, 9, 4, 8], got}}
  %y = attn.decompress %x, %w : (tensor<3x9x16xf32>, tensor<4x16x8xf32>) -> tensor<3x9x2x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// rope
//===----------------------------------------------------------------------===//

func.func @o1_shape(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{input and output types differ}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @o1_element(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{input and output types differ}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xbf16>
  return
}

// -----

func.func @o2(%x: tensor<3x1x4x16xf32>, %p: tensor<3x2xi32>) {
  // expected-error @+1 {{positions must be [3, 1], got}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x2xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o3_odd(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{dims must be even and positive, and offset + dims fit the head}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 8 : i64, dims = 7 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o3_zero(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{dims must be even and positive, and offset + dims fit the head}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 8 : i64, dims = 0 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o3_negative_offset(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{dims must be even and positive, and offset + dims fit the head}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = -2 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o3_too_wide(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{dims must be even and positive, and offset + dims fit the head}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 10 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o4_zero(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{theta must be positive}}
  %y = attn.rope %x, %p {theta = 0.0 : f32, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o4_negative(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{theta must be positive}}
  %y = attn.rope %x, %p {theta = -1.0e4 : f32, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o4_neither(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{needs either theta or frequencies}}
  %y = attn.rope %x, %p {offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o4_both(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{needs either theta or frequencies}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, frequencies = array<f32: 1.0, 0.5, 0.25, 0.125>, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o4_too_few(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{frequencies must be dims / 2 = 4 finite numbers}}
  %y = attn.rope %x, %p {frequencies = array<f32: 1.0, 0.5, 0.25>, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o4_infinite(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{frequencies must be dims / 2 = 4 finite numbers}}
  %y = attn.rope %x, %p {frequencies = array<f32: 1.0, 0.5, 0.25, 0x7F800000>, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @o4_nan(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi32>) {
  // expected-error @+1 {{theta must be positive}}
  %y = attn.rope %x, %p {theta = 0x7FC00000 : f32, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// ODS
//===----------------------------------------------------------------------===//

func.func @ods_query_rank(%q: tensor<1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{operand #0 must be 4D tensor of}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @ods_element(%q: tensor<3x1x4x16xf64>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{operand #0 must be 4D tensor of}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf64>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @ods_lens(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>, %n: tensor<3xi64>) {
  // expected-error @+1 {{must be 1D tensor of 32-bit signless integer values}}
  %o = attn.attend %q, %k, %v lens(%n) {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>, tensor<3xi64>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @ods_sinks(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>, %s: tensor<4xbf16>) {
  // expected-error @+1 {{must be 1D tensor of 32-bit float values}}
  %o = attn.attend %q, %k, %v sinks(%s) {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>, tensor<4xbf16>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @ods_lse(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{result #1 must be 3D tensor of 32-bit float values}}
  %o, %lse = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> (tensor<3x1x4x8xf32>, tensor<3x1x4xbf16>)
  return
}

// -----

func.func @ods_lse_of_merge(%outs: tensor<2x3x1x4x8xf32>, %lses: tensor<2x3x1x4xbf16>) {
  // expected-error @+1 {{operand #1 must be 4D tensor of 32-bit float values}}
  %o, %l = attn.merge %outs, %lses
    : (tensor<2x3x1x4x8xf32>, tensor<2x3x1x4xbf16>) -> (tensor<3x1x4x8xf32>, tensor<3x1x4xf32>)
  return
}

// -----

func.func @ods_slots(%c: !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, %k: tensor<5x2x16xf32>, %v: tensor<5x2x8xf32>, %s: tensor<5xi32>) {
  // expected-error @+1 {{must be 1D tensor of 64-bit signless integer values}}
  %r = attn.cache_append %c, %k, %v slots(%s)
    : (!attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>, tensor<5x2x16xf32>, tensor<5x2x8xf32>, tensor<5xi32>)
    -> !attn.kv_cache<heads = 2, parts = [k : 16, v : 8], f32, page = 4>
  return
}

// -----

func.func @ods_positions(%x: tensor<3x1x4x16xf32>, %p: tensor<3x1xi64>) {
  // expected-error @+1 {{must be 2D tensor of 32-bit signless integer values}}
  %y = attn.rope %x, %p {theta = 1.0e4 : f32, offset = 8 : i64, dims = 8 : i64}
    : (tensor<3x1x4x16xf32>, tensor<3x1xi64>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @ods_scale(%q: tensor<3x1x4x16xf32>, %k: tensor<3x9x2x16xf32>, %v: tensor<3x9x2x8xf32>) {
  // expected-error @+1 {{attribute 'scale' failed to satisfy constraint: 32-bit float attribute}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f64}
    : (tensor<3x1x4x16xf32>, tensor<3x9x2x16xf32>, tensor<3x9x2x8xf32>) -> tensor<3x1x4x8xf32>
  return
}

// -----

func.func @ods_yield_parent(%x: f32) {
  // expected-error @+1 {{expects parent op 'attn.attend'}}
  attn.yield %x : f32
  return
}

// -----

func.func @a11_without_latent(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x20xf32>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x6xf32>) {
  // expected-error @+1 {{up needs latent, one KV head a group, and latent rows in the place of K and V}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x20xf32>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_value_operand(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x20xf32>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x6xf32>, %v: tensor<3x9x1x6xf32>) {
  // expected-error @+1 {{up needs latent, one KV head a group, and latent rows in the place of K and V}}
  %o = attn.attend %q, %k, %v up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x20xf32>, tensor<3x9x1x6xf32>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_cache_without_latent_rows(%q: tensor<3x1x4x12xf32>, %k: !attn.kv_cache<heads = 1, parts = [k : 20, v : 16], f32, page = 4>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x6xf32>) {
  // expected-error @+1 {{up needs latent, one KV head a group, and latent rows in the place of K and V}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>}
    : (tensor<3x1x4x12xf32>, !attn.kv_cache<heads = 1, parts = [k : 20, v : 16], f32, page = 4>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_row_width(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x12xf32>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x6xf32>) {
  // expected-error @+1 {{latent rows must be rank + rope = 16 + 4 wide}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x12xf32>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_query_width(%q: tensor<3x1x4x20xf32>, %k: tensor<3x9x1x20xf32>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x6xf32>) {
  // expected-error @+1 {{query is 20 wide, K is 12}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>}
    : (tensor<3x1x4x20xf32>, tensor<3x9x1x20xf32>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_output_width(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x20xf32>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x6xf32>) {
  // expected-error @+1 {{output must be [3, 1, 4, 6]}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x20xf32>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<3x1x4x16xf32>
  return
}

// -----

func.func @a11_weight_transposed(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x20xf32>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x6xf32>) {
  // expected-error @+1 {{W_UK must be [4, 8, 16]}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, up_transposed}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x20xf32>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_weight_uv(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x20xf32>, %wk: tensor<4x16x8xf32>, %wv: tensor<4x16x8xf32>) {
  // expected-error @+1 {{W_UV must be [4, 16, 6]}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x20xf32>, tensor<4x16x8xf32>, tensor<4x16x8xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_element(%q: tensor<3x1x4x12xf32>, %k: tensor<3x9x1x20xf32>, %wk: tensor<4x16x8xbf16>, %wv: tensor<4x16x6xf32>) {
  // expected-error @+1 {{element types of query and up-projections differ}}
  %o = attn.attend %q, %k up(%wk, %wv) {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>}
    : (tensor<3x1x4x12xf32>, tensor<3x9x1x20xf32>, tensor<4x16x8xbf16>, tensor<4x16x6xf32>) -> tensor<3x1x4x6xf32>
  return
}

// -----

func.func @a11_form_without_up(%q: tensor<3x1x4x20xf32>, %k: tensor<3x9x1x20xf32>) {
  // expected-error @+1 {{form and up_transposed need up}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 0.25 : f32, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, form = #attn.form<absorbed>}
    : (tensor<3x1x4x20xf32>, tensor<3x9x1x20xf32>) -> tensor<3x1x4x16xf32>
  return
}
