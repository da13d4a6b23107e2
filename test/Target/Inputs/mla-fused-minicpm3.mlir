// MiniCPM3: K and V decompressed inside the kernel, 128 query tokens.

!rows = !attn.kv_cache<heads = 1, parts = [latent : 256, rope : 32], bf16, page = 64>

func.func @minicpm3_fused(%q: tensor<?x128x40x96xbf16>, %rows: !rows, %w_uk: tensor<40x64x256xbf16>, %w_uv: tensor<40x256x64xbf16>) -> tensor<?x128x40x64xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 40, kv = 1>,
      latent = #attn.latent<rank = 256, rope = 32, nope = 64, v = 64>, mask = #attn.mask<causal>,
      scale = 0.102 : f32, up_transposed}
     : (tensor<?x128x40x96xbf16>, !rows, tensor<40x64x256xbf16>, tensor<40x256x64xbf16>) -> tensor<?x128x40x64xbf16>
  return %o : tensor<?x128x40x64xbf16>
}
