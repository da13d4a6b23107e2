// DeepSeek-V3's attention between its up-projections.
!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = ?>
func.func @v3(%q: tensor<?x1x128x192xbf16>, %rows: !rows, %uk: tensor<128x128x512xbf16>, %uv: tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16> {
  %o = attn.attend %q, %rows up(%uk, %uv) {form = #attn.form<absorbed>, up_transposed, heads = #attn.heads<q = 128, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, mask = #attn.mask<causal>, scale = 0.1352337788 : f32}
     : (tensor<?x1x128x192xbf16>, !rows, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16>
  return %o : tensor<?x1x128x128xbf16>
}
