!rows = !attn.kv_cache<heads = 1, parts = [latent : 64, rope : 16], bf16, page = 64>
func.func @mla(%q: tensor<?x1x4x48xbf16>, %c: !rows, %uk: tensor<4x32x64xbf16>, %uv: tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16> {
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<absorbed>, up_transposed,
         heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 64, rope = 16, nope = 32, v = 32>,
         scale = 0.125 : f32}
     : (tensor<?x1x4x48xbf16>, !rows, tensor<4x32x64xbf16>, tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16>
  return %o : tensor<?x1x4x32xbf16>
}
func.func @up(%x: tensor<?x1x4x64xbf16>, %w: tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16> {
  %y = attn.project %x, %w : (tensor<?x1x4x64xbf16>, tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16>
  return %y : tensor<?x1x4x32xbf16>
}
