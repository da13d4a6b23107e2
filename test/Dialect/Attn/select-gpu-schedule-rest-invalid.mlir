// RUN: attn-opt %s --attn-select-gpu-schedule=chip=sm_86 --split-input-file --verify-diagnostics
// RUN: sed 's/score_rest = true/score_rest = false/; /expected-error/d' %s | attn-opt --attn-select-gpu-schedule=chip=sm_86 --split-input-file --verify-diagnostics

// Where nothing fits because of a rest, there is a way out, and it is one.

!rows = !attn.kv_cache<heads = 1, parts = [latent : 768, rope : 64], bf16, page = 64>
func.func @query(%q: tensor<?x1x16x192xbf16>, %c: !rows, %ukt: tensor<16x128x768xbf16>, %uv: tensor<16x768x128xbf16>) -> tensor<?x1x16x128xbf16> {
  // expected-error @+1 {{does not fit the shared memory of sm_86 (101376 bytes a block); without what it keeps of rounding it does (score-rest=never)}}
  %o = attn.attend %q, %c up(%ukt, %uv) {form = #attn.form<absorbed>, up_transposed, tile.score_rest = true,
         heads = #attn.heads<q = 16, kv = 1>, latent = #attn.latent<rank = 768, rope = 64, nope = 128, v = 128>,
         scale = 0.125 : f32}
     : (tensor<?x1x16x192xbf16>, !rows, tensor<16x128x768xbf16>, tensor<16x768x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @keys(%q: tensor<?x2x4x480xbf16>, %c: !rows, %uk: tensor<4x416x512xbf16>, %uv: tensor<4x512x64xbf16>) -> tensor<?x2x4x64xbf16> {
  // expected-error @+1 {{or a thread's registers; without what it keeps of rounding it does (score-rest=never)}}
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<fused_decompress>, up_transposed, tile.score_rest = true,
         heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 416, v = 64>,
         scale = 0.125 : f32}
     : (tensor<?x2x4x480xbf16>, !rows, tensor<4x416x512xbf16>, tensor<4x512x64xbf16>) -> tensor<?x2x4x64xbf16>
  return %o : tensor<?x2x4x64xbf16>
}
