// RUN: attn-opt %s --convert-attn-to-tile --split-input-file --verify-diagnostics

// What no kernel computes is refused, with the reason.

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
func.func @tensors(%q: tensor<1x1x8x64xf32>, %k: tensor<1x9x8x64xf32>) -> tensor<1x1x8x64xf32> {
  // expected-error @+1 {{reads key tensors; kernels read caches}}
  %o = attn.attend %q, %k, %k {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32, tile.schedule = #fma}
     : (tensor<1x1x8x64xf32>, tensor<1x9x8x64xf32>, tensor<1x9x8x64xf32>) -> tensor<1x1x8x64xf32>
  return %o : tensor<1x1x8x64xf32>
}

// -----

!cache = !attn.kv_cache<heads = 8, parts = [k : 64, v : 64], f32, page = 64>
func.func @no_schedule(%q: tensor<?x1x8x64xf32>, %c: !cache) -> tensor<?x1x8x64xf32> {
  // expected-error @+1 {{has no tile.schedule; run attn-select-cpu-schedule or attn-select-gpu-schedule first}}
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x8x64xf32>, !cache) -> tensor<?x1x8x64xf32>
  return %o : tensor<?x1x8x64xf32>
}

// -----

func.func @merge_no_schedule(%o: tensor<?x?x1x8x64xf32>, %l: tensor<?x?x1x8xf32>) {
  // expected-error @+1 {{has no tile.schedule; run attn-select-cpu-schedule first}}
  %0, %1 = attn.merge %o, %l : (tensor<?x?x1x8x64xf32>, tensor<?x?x1x8xf32>) -> (tensor<?x1x8x64xf32>, tensor<?x1x8xf32>)
  return
}

// -----

// The number of query tokens is a compile-time fact.

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
!cache = !attn.kv_cache<heads = 8, parts = [k : 64, v : 64], f32, page = 64>
func.func @dynamic_tokens(%q: tensor<?x?x8x64xf32>, %c: !cache) {
  // expected-error @+1 {{needs static query tokens, heads and width}}
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32, tile.schedule = #fma}
     : (tensor<?x?x8x64xf32>, !cache) -> tensor<?x?x8x64xf32>
  return
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
!cache = !attn.kv_cache<heads = 8, parts = [k : 64, v : 64], f32, page = 64>
func.func @dynamic_heads(%q: tensor<?x1x?x64xf32>, %c: !cache) {
  // expected-error @+1 {{needs static query tokens, heads and width}}
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32, tile.schedule = #fma}
     : (tensor<?x1x?x64xf32>, !cache) -> tensor<?x1x?x64xf32>
  return
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
func.func @merge_dynamic(%o: tensor<?x?x?x8x64xf32>, %l: tensor<?x?x?x8xf32>) {
  // expected-error @+1 {{needs static query tokens, heads and width}}
  %0, %1 = attn.merge %o, %l {tile.schedule = #fma} : (tensor<?x?x?x8x64xf32>, tensor<?x?x?x8xf32>) -> (tensor<?x?x8x64xf32>, tensor<?x?x8xf32>)
  return
}

// -----

func.func @other_op(%x: tensor<?x1x128x128xbf16>, %w: tensor<128x128x512xbf16>) -> tensor<?x1x128x512xbf16> {
  // expected-error @+1 {{'attn.project' op has no tile.projection_schedule; run attn-select-cpu-schedule or attn-select-gpu-schedule first}}
  %y = attn.project %x, %w : (tensor<?x1x128x128xbf16>, tensor<128x128x512xbf16>) -> tensor<?x1x128x512xbf16>
  return %y : tensor<?x1x128x512xbf16>
}

// -----

// expected-error @+1 {{has control flow; kernels are outlined from straight-line functions}}
func.func @control_flow(%c: i1) {
  cf.cond_br %c, ^a, ^b
^a:
  return
^b:
  return
}

// -----

// A score region reads its arguments and constants.

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
!cache = !attn.kv_cache<heads = 8, parts = [k : 64, v : 64], f32, page = 64>
func.func @captured(%q: tensor<?x1x8x64xf32>, %c: !cache, %slope: f32) {
  // expected-error @+1 {{has a score region that reads a value from outside, which no kernel is given}}
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32, tile.schedule = #fma}
      score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      %y = arith.mulf %x, %slope : f32
      attn.yield %y : f32
    } : (tensor<?x1x8x64xf32>, !cache) -> tensor<?x1x8x64xf32>
  return
}

// -----

func.func @compress(%x: tensor<1x1x8xbf16>, %w: tensor<8x4xbf16>) -> tensor<1x1x4xbf16> {
  // expected-error @+1 {{'attn.compress' op is computed by no kernel; only attn.attend, attn.merge, attn.project and attn.cache_append compile}}
  %c = attn.compress %x, %w : (tensor<1x1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x1x4xbf16>
  return %c : tensor<1x1x4xbf16>
}

// -----

func.func @mixed_project(%x: tensor<?x1x4x64xf16>, %w: tensor<4x64x128xbf16>) -> tensor<?x1x4x128xbf16> {
  // expected-error @+1 {{multiplies 'f16' by 'bf16' to 'bf16'; kernels have input and output of the weight's type, or an input of f32}}
  %y = attn.project %x, %w {tile.projection_schedule = #tile.projection_schedule<engine = fma, vector = 8, few_rows = 4, prefetch = 0>}
     : (tensor<?x1x4x64xf16>, tensor<4x64x128xbf16>) -> tensor<?x1x4x128xbf16>
  return %y : tensor<?x1x4x128xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

func.func @fused_without_schedule(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x1x16x64xbf16> {
  // expected-error @+1 {{has no tile.projection_schedule; run attn-select-cpu-schedule or attn-select-gpu-schedule first}}
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x64xbf16>) -> tensor<?x1x16x64xbf16>
  return %o : tensor<?x1x16x64xbf16>
}
