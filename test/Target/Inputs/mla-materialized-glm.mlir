// GLM-4.7-Flash's attention over keys and values of every head, decompressed first.
!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], f16, page = ?>
func.func @glm(%q: tensor<?x64x20x256xf16>, %rows: !rows, %uk: tensor<20x192x512xf16>, %uv: tensor<20x512x256xf16>) -> tensor<?x64x20x256xf16> {
  %o = attn.attend %q, %rows up(%uk, %uv) {form = #attn.form<materialized>, up_transposed, heads = #attn.heads<q = 20, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 192, v = 256>, mask = #attn.mask<causal>, scale = 0.0625 : f32}
     : (tensor<?x64x20x256xf16>, !rows, tensor<20x192x512xf16>, tensor<20x512x256xf16>) -> tensor<?x64x20x256xf16>
  return %o : tensor<?x64x20x256xf16>
}
