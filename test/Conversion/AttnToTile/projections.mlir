// RUN: attn-opt %s -split-input-file --attn-select-cpu-schedule=isa=amx --convert-attn-to-tile -verify-diagnostics | FileCheck %s

// A projection is a kernel of its own; rows are the caller's to count.

// CHECK: tile.projection @up {element = bf16, heads = 4 : i64, k = 64 : i64, n = 128 : i64, schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 4, prefetch = 512>}
func.func @up(%x: tensor<?x1x4x64xbf16>, %w: tensor<4x64x128xbf16>) -> tensor<?x1x4x128xbf16> {
  %y = attn.project %x, %w : (tensor<?x1x4x64xbf16>, tensor<4x64x128xbf16>) -> tensor<?x1x4x128xbf16>
  return %y : tensor<?x1x4x128xbf16>
}

// -----

// An f32 input is one of another kernel that was not rounded.

// CHECK: tile.projection @unrounded {element = bf16, heads = 4 : i64, k = 64 : i64, n = 128 : i64, schedule = {{.*}}, wide_input}
func.func @unrounded(%x: tensor<?x1x4x64xf32>, %w: tensor<4x64x128xbf16>) -> tensor<?x1x4x128xbf16> {
  %y = attn.project %x, %w : (tensor<?x1x4x64xf32>, tensor<4x64x128xbf16>) -> tensor<?x1x4x128xbf16>
  return %y : tensor<?x1x4x128xbf16>
}

// -----

// The chain of absorbed attention: the query's projection, attention over the
// latent rows, the output's projection, which reads what the attention leaves
// in f32, and merges the states of requests that were split.

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// CHECK-DAG: tile.projection @mla_query {element = bf16, heads = 16 : i64, k = 128 : i64, n = 512 : i64, schedule = {{[^}]*}}}
// CHECK-DAG: tile.projection @mla_output {combine = @mla_combine, element = bf16, heads = 16 : i64, k = 512 : i64, n = 128 : i64, schedule = {{.*}}, wide_input}
// CHECK: tile.kernel @mla attributes {cache = #tile.cache<heads = 1, k = 576, v = 512, element = bf16, layout = row, v_in_k = true>, group = 16 : i64
// CHECK-SAME: wide_output}
// CHECK: tile.kernel @mla_combine attributes {{{.*}}combine{{.*}}wide_output}
func.func @mla(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// The same with merges that are a phase of their own.

// CHECK: tile.projection @apart_output {element = bf16,
func.func @apart(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed,
      tile.fuse_combine = false}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// Decompressed to memory: what the projections with W_UK and W_UV leave is a
// cache of every head's K and V.

// CHECK-DAG: tile.projection @full_key {element = bf16, heads = 16 : i64, k = 512 : i64, n = 128 : i64, schedule = {{[^}]*}}}
// CHECK-DAG: tile.projection @full_value {element = bf16, heads = 16 : i64, k = 512 : i64, n = 64 : i64, schedule = {{[^}]*}}}
// CHECK: tile.kernel @full attributes {cache = #tile.cache<heads = 16, k = 192, v = 64, element = bf16, layout = row, v_in_k = false>, group = 1 : i64, q_len = 160 : i64
// CHECK-SAME: engine = amx
func.func @full(%q: tensor<?x160x16x192xbf16>, %rows: !cache, %w_uk: tensor<16x512x128xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<materialized>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.0721687824 : f32}
     : (tensor<?x160x16x192xbf16>, !cache, tensor<16x512x128xbf16>, tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16>
  return %o : tensor<?x160x16x64xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// The keys' projection reads W_UK as the absorbed form's query does, so that one
// buffer serves both. A projection of any number of rows goes to tiles.

// CHECK: tile.projection @turned_key {element = bf16, heads = 16 : i64, k = 512 : i64, n = 128 : i64, schedule = {{.*}}few_rows = 0{{.*}}, transposed}
// CHECK: tile.projection @turned_value {element = bf16, heads = 16 : i64, k = 512 : i64, n = 128 : i64, schedule = {{[^}]*}}}
func.func @turned(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<materialized>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

func.func @no_form(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16> {
  // expected-error @+1 {{has no form}}
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

// Decompressed inside the kernel: K and V of a tile are products with the head's
// matrices; partial states are those of the query heads.

// CHECK: tile.kernel @inside attributes {cache = #tile.cache<heads = 1, k = 576, v = 512, element = bf16, layout = row, v_in_k = true>, group = 16 : i64, q_len = 160 : i64
// CHECK-SAME: up = #tile.up<nope = 128, v = 64>
// CHECK-SAME: up_schedule = #tile.projection_schedule<engine = amx
// CHECK: %[[Q:.*]] = tile.query : <160x192xbf16>
// CHECK: %[[UK:.*]] = tile.weight key transposed : <512x128xbf16>
// CHECK: %[[UV:.*]] = tile.weight value : <512x64xbf16>
// CHECK: tile.stream (%[[ROWS:[a-z0-9]+]], %[[LATENT:[a-z0-9]+]]) :
// CHECK: %[[K:.*]] = tile.decompress %[[ROWS]], %[[UK]] : {{.*}} -> !tile.tile<64x192xbf16>
// CHECK: %[[V:.*]] = tile.decompress %[[LATENT]], %[[UV]] : {{.*}} -> !tile.tile<64x64xbf16>
// CHECK: tile.dot %[[Q]], %[[K]]
// CHECK: tile.dot_acc %{{.*}}, %[[V]]
// CHECK: tile.kernel @inside_combine attributes {cache = #tile.cache<heads = 16, k = 192, v = 64,
func.func @inside(%q: tensor<?x160x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x160x16x192xbf16>, !cache, tensor<16x128x512xbf16>, tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16>
  return %o : tensor<?x160x16x64xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>

func.func @weight_as_the_key_reads_it(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_uk: tensor<16x512x128xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16> {
  // expected-error @+1 {{needs W_UK as the query's projection reads it, [H, nope, rank] (up_transposed)}}
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x512x128xbf16>, tensor<16x512x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

func.func @rows_as_tensor(%q: tensor<1x1x16x192xbf16>, %rows: tensor<1x9x1x576xbf16>, %w_t: tensor<16x128x512xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<1x1x16x128xbf16> {
  // expected-error @+1 {{reads key tensors; kernels read caches}}
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<1x1x16x192xbf16>, tensor<1x9x1x576xbf16>, tensor<16x128x512xbf16>, tensor<16x512x128xbf16>) -> tensor<1x1x16x128xbf16>
  return %o : tensor<1x1x16x128xbf16>
}

// -----

func.func @unknown_heads(%x: tensor<1x1x?x64xbf16>, %w: tensor<?x64x128xbf16>) -> tensor<1x1x?x128xbf16> {
  // expected-error @+1 {{needs weights of static shape}}
  %y = attn.project %x, %w : (tensor<1x1x?x64xbf16>, tensor<?x64x128xbf16>) -> tensor<1x1x?x128xbf16>
  return %y : tensor<1x1x?x128xbf16>
}

// -----

// Two latent rows a token, each for eight heads: two KV heads, whose states the
// output's projection merges.

!cache = !attn.kv_cache<heads = 2, parts = [latent : 256, rope : 64], bf16, page = 64>

// CHECK-DAG: tile.projection @grouped_output {combine = @grouped_combine, element = bf16, heads = 16 : i64, k = 256 : i64, n = 128 : i64
// CHECK: tile.kernel @grouped attributes {cache = #tile.cache<heads = 2, k = 320, v = 256, element = bf16, layout = row, v_in_k = true>, group = 8 : i64
// CHECK: tile.kernel @grouped_combine attributes {cache = #tile.cache<heads = 2,
func.func @grouped(%q: tensor<?x1x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x256xbf16>, %w_uv: tensor<16x256x128xbf16>) -> tensor<?x1x16x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 16, kv = 2>,
      latent = #attn.latent<rank = 256, rope = 64, nope = 128, v = 128, groups = 2>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x1x16x192xbf16>, !cache, tensor<16x128x256xbf16>, tensor<16x256x128xbf16>) -> tensor<?x1x16x128xbf16>
  return %o : tensor<?x1x16x128xbf16>
}

// -----

!cache = !attn.kv_cache<heads = 2, parts = [latent : 256, rope : 64], bf16, page = 64>

// Decompressed inside: head h reads the rows of KV head h / group. The next
// tile's rows of a group are as far ahead as the tile's of both.

// CHECK: tile.kernel @grouped_inside attributes {cache = #tile.cache<heads = 2, k = 320, v = 256, element = bf16, layout = row, v_in_k = true>, group = 8 : i64, q_len = 96 : i64, scale
// CHECK-SAME: kv_tile = 64, prefetch = 81920,
// CHECK: tile.query : <96x192xbf16>
// CHECK: tile.kernel @grouped_inside_combine attributes {cache = #tile.cache<heads = 16, k = 192, v = 128, {{.*}}group = 1 : i64
func.func @grouped_inside(%q: tensor<?x96x16x192xbf16>, %rows: !cache, %w_t: tensor<16x128x256xbf16>, %w_uv: tensor<16x256x128xbf16>) -> tensor<?x96x16x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 16, kv = 2>,
      latent = #attn.latent<rank = 256, rope = 64, nope = 128, v = 128, groups = 2>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x96x16x192xbf16>, !cache, tensor<16x128x256xbf16>, tensor<16x256x128xbf16>) -> tensor<?x96x16x128xbf16>
  return %o : tensor<?x96x16x128xbf16>
}
