// MiniCPM3's attention between its up-projections.
!rows = !attn.kv_cache<heads = 1, parts = [latent : 256, rope : 32], bf16, page = ?>
func.func @minicpm3(%q: tensor<?x1x40x96xbf16>, %rows: !rows, %uk: tensor<40x64x256xbf16>, %uv: tensor<40x256x64xbf16>) -> tensor<?x1x40x64xbf16> {
  %o = attn.attend %q, %rows up(%uk, %uv) {form = #attn.form<absorbed>, up_transposed, heads = #attn.heads<q = 40, kv = 1>,
      latent = #attn.latent<rank = 256, rope = 32, nope = 64, v = 64>, mask = #attn.mask<causal>, scale = 0.1020620726 : f32}
     : (tensor<?x1x40x96xbf16>, !rows, tensor<40x64x256xbf16>, tensor<40x256x64xbf16>) -> tensor<?x1x40x64xbf16>
  return %o : tensor<?x1x40x64xbf16>
}
