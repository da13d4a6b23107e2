// DeepSeek-V3: K and V decompressed inside the kernel, 128 query tokens.

!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

func.func @v3_fused(%q: tensor<?x128x128x192xbf16>, %rows: !rows, %w_uk: tensor<128x128x512xbf16>, %w_uv: tensor<128x512x128xbf16>) -> tensor<?x128x128x128xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 128, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, mask = #attn.mask<causal>,
      scale = 0.135 : f32, up_transposed}
     : (tensor<?x128x128x192xbf16>, !rows, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x128x128x128xbf16>
  return %o : tensor<?x128x128x128xbf16>
}
