// GLM-4.7-Flash: K and V decompressed inside the kernel, 128 query tokens.

!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

func.func @glm_fused(%q: tensor<?x128x20x256xbf16>, %rows: !rows, %w_uk: tensor<20x192x512xbf16>, %w_uv: tensor<20x512x256xbf16>) -> tensor<?x128x20x256xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 20, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 192, v = 256>, mask = #attn.mask<causal>,
      scale = 0.0625 : f32, up_transposed}
     : (tensor<?x128x20x256xbf16>, !rows, tensor<20x192x512xbf16>, tensor<20x512x256xbf16>) -> tensor<?x128x20x256xbf16>
  return %o : tensor<?x128x20x256xbf16>
}
