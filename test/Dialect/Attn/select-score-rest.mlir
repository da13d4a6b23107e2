// RUN: attn-opt %s --attn-select-score-rest --split-input-file | FileCheck %s --check-prefixes=CHECK,AUTO
// RUN: attn-opt %s --attn-select-score-rest=keep=never --split-input-file | FileCheck %s --check-prefixes=CHECK,NEVER
// RUN: attn-opt %s --attn-select-score-rest --split-input-file --remarks-filter=attn -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// DeepSeek-V3, whose scale YaRN has enlarged to 1.87 times the usual: rounding
// the projected query would cost 2.3 times what rounding the output does.

// REMARK: two numbers of 16 bits: rounding the projected query moves the output 2.3 times as much as rounding the output itself
// CHECK-LABEL: func @yarn
// AUTO: tile.score_rest = true
// NEVER: tile.score_rest = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @yarn(%q: tensor<?x1x128x192xbf16>, %rows: !cache, %w_t: tensor<128x128x512xbf16>, %w_uv: tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 128, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.135233375 : f32, up_transposed}
     : (tensor<?x1x128x192xbf16>, !cache, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16>
  return %o : tensor<?x1x128x128xbf16>
}

// -----

// The same decompressed: it is the keys that a projection makes.

// REMARK: two numbers of 16 bits: rounding decompressed keys moves the output 2.3 times
// CHECK-LABEL: func @keys
// AUTO: tile.score_rest = true
// NEVER: tile.score_rest = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @keys(%q: tensor<?x99x8x192xbf16>, %rows: !cache, %w_uk: tensor<8x512x128xbf16>, %w_uv: tensor<8x512x128xbf16>) -> tensor<?x99x8x128xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 8, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.135233375 : f32}
     : (tensor<?x99x8x192xbf16>, !cache, tensor<8x512x128xbf16>, tensor<8x512x128xbf16>) -> tensor<?x99x8x128xbf16>
  return %o : tensor<?x99x8x128xbf16>
}

// -----

// MiniCPM3's scale is the usual one.

// REMARK: one number of 16 bits: rounding the projected query moves the output 0.7 times
// CHECK-LABEL: func @usual
// CHECK: tile.score_rest = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 256, rope : 32], bf16, page = 64>
func.func @usual(%q: tensor<?x1x40x96xbf16>, %rows: !cache, %w_t: tensor<40x64x256xbf16>, %w_uv: tensor<40x256x64xbf16>) -> tensor<?x1x40x64xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 40, kv = 1>,
      latent = #attn.latent<rank = 256, rope = 32, nope = 64, v = 64>, scale = 0.102062076 : f32, up_transposed}
     : (tensor<?x1x40x96xbf16>, !cache, tensor<40x64x256xbf16>, tensor<40x256x64xbf16>) -> tensor<?x1x40x64xbf16>
  return %o : tensor<?x1x40x64xbf16>
}

// -----

// f16 has three bits more, and is rounded to an eighth.

// REMARK: one number of 16 bits: f16 is rounded to 11 bits
// CHECK-LABEL: func @half
// CHECK: tile.score_rest = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], f16, page = 64>
func.func @half(%q: tensor<?x1x8x192xf16>, %rows: !cache, %w_t: tensor<8x128x512xf16>, %w_uv: tensor<8x512x128xf16>) -> tensor<?x1x8x128xf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 8, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.135233375 : f32, up_transposed}
     : (tensor<?x1x8x192xf16>, !cache, tensor<8x128x512xf16>, tensor<8x512x128xf16>) -> tensor<?x1x8x128xf16>
  return %o : tensor<?x1x8x128xf16>
}

// -----

// Kernels take parts of 32 columns.

// REMARK: one number of 16 bits: 48 columns are no multiple of 32
// CHECK-LABEL: func @odd
// CHECK: tile.score_rest = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @odd(%q: tensor<?x99x8x112xbf16>, %rows: !cache, %w_uk: tensor<8x512x48xbf16>, %w_uv: tensor<8x512x128xbf16>) -> tensor<?x99x8x128xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 8, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 48, v = 128>, scale = 0.25 : f32}
     : (tensor<?x99x8x112xbf16>, !cache, tensor<8x512x48xbf16>, tensor<8x512x128xbf16>) -> tensor<?x99x8x128xbf16>
  return %o : tensor<?x99x8x128xbf16>
}

// -----

// Written by hand, it stays; attention to a query that is given has none.

// CHECK-LABEL: func @kept
// CHECK: tile.score_rest = false
// CHECK: attn.attend
// CHECK-NOT: tile.score_rest
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @kept(%q: tensor<?x1x8x192xbf16>, %rows: !cache, %w_t: tensor<8x128x512xbf16>, %w_uv: tensor<8x512x128xbf16>, %latent: tensor<?x1x8x576xbf16>) -> (tensor<?x1x8x128xbf16>, tensor<?x1x8x512xbf16>) {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 8, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.135233375 : f32, up_transposed, tile.score_rest = false}
     : (tensor<?x1x8x192xbf16>, !cache, tensor<8x128x512xbf16>, tensor<8x512x128xbf16>) -> tensor<?x1x8x128xbf16>
  %p = attn.attend %latent, %rows {heads = #attn.heads<q = 8, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.135233375 : f32}
     : (tensor<?x1x8x576xbf16>, !cache) -> tensor<?x1x8x512xbf16>
  return %o, %p : tensor<?x1x8x128xbf16>, tensor<?x1x8x512xbf16>
}
