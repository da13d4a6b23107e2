// RUN: attn-opt %s --attn-select-score-rest=keep=always --verify-diagnostics
// RUN: not attn-opt %s --attn-select-score-rest=keep=sometimes 2>&1 | FileCheck %s

// CHECK: keep is 'sometimes': expected auto, always or never

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], f16, page = 64>
func.func @half(%q: tensor<?x1x8x192xf16>, %rows: !cache, %w_t: tensor<8x128x512xf16>, %w_uv: tensor<8x512x128xf16>) -> tensor<?x1x8x128xf16> {
  // expected-error @+1 {{cannot keep what rounding leaves: f16 is rounded to 11 bits}}
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 8, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.135233375 : f32, up_transposed}
     : (tensor<?x1x8x192xf16>, !cache, tensor<8x128x512xf16>, tensor<8x512x128xf16>) -> tensor<?x1x8x128xf16>
  return %o : tensor<?x1x8x128xf16>
}
