// RUN: attn-opt %s --attn-select-gpu-schedule=chip=sm_90 --convert-attn-to-tile | FileCheck %s

// On a GPU the projections that decompress to memory read the latent rows where
// the cache has them; the keys' copies the rotary part along.

// CHECK-DAG: tile.projection @full_key {element = bf16, gpu_schedule = {{.*}}, heads = 16 : i64, k = 512 : i64, latent_rows, n = 128 : i64, tail = 64 : i64, transposed}
// CHECK-DAG: tile.projection @full_value {element = bf16, gpu_schedule = {{.*}}, heads = 16 : i64, k = 512 : i64, latent_rows, n = 64 : i64}
// CHECK: tile.kernel @full attributes {cache = #tile.cache<heads = 16, k = 192, v = 64, element = bf16, layout = row, v_in_k = false>, {{.*}}group = 1 : i64, q_len = 160 : i64
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @full(%q: tensor<?x160x16x192xbf16>, %rows: !cache, %w_uk: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<materialized>, up_transposed, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.0721687824 : f32}
     : (tensor<?x160x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16>
  return %o : tensor<?x160x16x64xbf16>
}
