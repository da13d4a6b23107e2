// RUN: attn-opt %s -split-input-file --attn-select-cpu-schedule=isa=amx --convert-attn-to-tile | FileCheck %s

// Absorbed, with a query in two numbers of 16 bits: its projection leaves both,
// and the query has 512 columns more than the rows that it meets.

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// CHECK-DAG: tile.projection @mla_query {{{.*}}k = 128 : i64, n = 512 : i64, rest,
// CHECK-DAG: tile.projection @mla_output {{{.*}}k = 512 : i64, n = 128 : i64, schedule
// CHECK: tile.kernel @mla attributes {cache = #tile.cache<heads = 1, k = 576, v = 512, {{.*}}, rest = 512 : i64
// CHECK: %[[Q:.*]] = tile.query : <16x1088xbf16>
// CHECK: tile.dot %[[Q]], %{{.*}} {rest = 512 : i64} : (!tile.tile<16x1088xbf16>, !tile.tile<256x576xbf16>)
// CHECK: tile.kernel @mla_combine attributes
// CHECK-NOT: rest
func.func @mla(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.135233375 : f32, up_transposed,
      tile.score_rest = true}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

// Decompressed in the kernel: keys of 128 + 128 + 64 columns.

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// CHECK: tile.kernel @inside attributes {{{.*}}rest = 128 : i64
// CHECK: %[[Q:.*]] = tile.query : <160x192xbf16>
// CHECK: %[[K:.*]] = tile.decompress %{{.*}}, %{{.*}} {rest} : {{.*}} -> !tile.tile<64x320xbf16>
// CHECK: tile.decompress %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : {{.*}} -> !tile.tile<64x64xbf16>
// CHECK: tile.dot %[[Q]], %[[K]] {rest = 128 : i64}
func.func @inside(%q: tensor<?x160x16x192xbf16>, %rows: !cache, %w_uk: tensor<16x512x128xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.135233375 : f32, tile.score_rest = true}
     : (tensor<?x160x16x192xbf16>, !cache, tensor<16x512x128xbf16>, tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16>
  return %o : tensor<?x160x16x64xbf16>
}

// -----

// And to memory: the cache of every head's K has both parts.

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// CHECK-DAG: tile.projection @full_key {{{.*}}n = 128 : i64, rest,
// CHECK-DAG: tile.projection @full_value {{{.*}}n = 64 : i64, schedule
// CHECK: tile.kernel @full attributes {cache = #tile.cache<heads = 16, k = 320, v = 64, {{.*}}, rest = 128 : i64
// CHECK: tile.query : <160x192xbf16>
func.func @full(%q: tensor<?x160x16x192xbf16>, %rows: !cache, %w_uk: tensor<16x512x128xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<materialized>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.135233375 : f32, tile.score_rest = true}
     : (tensor<?x160x16x192xbf16>, !cache, tensor<16x512x128xbf16>, tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16>
  return %o : tensor<?x160x16x64xbf16>
}
