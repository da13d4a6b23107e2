// RUN: attn-opt %s --attn-select-gpu-schedule=chip=sm_86 --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,SM86
// RUN: attn-opt %s --attn-select-gpu-schedule=chip=sm_90 --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,SM90

// A query of 512 + 512 + 64 columns takes shared memory from the tiles: compare
// the same without the rest.

// CHECK-LABEL: func @absorbed
// SM86: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 32,
// SM86: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 16,
// SM90: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 32, kv_tile = 32, stages = 2, ctas_per_sm = 2>
// SM90: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 32, kv_tile = 32, stages = 4, ctas_per_sm = 1>
!v3 = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @absorbed(%q: tensor<?x1x128x192xbf16>, %c: !v3, %ukt: tensor<128x128x512xbf16>, %uv: tensor<128x512x128xbf16>) -> (tensor<?x1x128x128xbf16>, tensor<?x1x128x128xbf16>) {
  %o = attn.attend %q, %c up(%ukt, %uv) {form = #attn.form<absorbed>, up_transposed, tile.score_rest = false,
         heads = #attn.heads<q = 128, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         scale = 0.1352 : f32}
     : (tensor<?x1x128x192xbf16>, !v3, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16>
  %p = attn.attend %q, %c up(%ukt, %uv) {form = #attn.form<absorbed>, up_transposed, tile.score_rest = true,
         heads = #attn.heads<q = 128, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         scale = 0.1352 : f32}
     : (tensor<?x1x128x192xbf16>, !v3, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16>
  return %o, %p : tensor<?x1x128x128xbf16>, tensor<?x1x128x128xbf16>
}

// -----

// Keys of 128 + 128 + 64 columns.

// CHECK-LABEL: func @materialized
// SM86: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 64, kv_tile = 32, stages = 2, ctas_per_sm = 1>
// SM90: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 64,
!v3 = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @materialized(%q: tensor<?x64x16x192xbf16>, %c: !v3, %uk: tensor<16x128x512xbf16>, %uv: tensor<16x512x128xbf16>) -> tensor<?x64x16x128xbf16> {
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<materialized>, up_transposed, tile.score_rest = true,
         heads = #attn.heads<q = 16, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         scale = 0.1352 : f32}
     : (tensor<?x64x16x192xbf16>, !v3, tensor<16x128x512xbf16>, tensor<16x512x128xbf16>) -> tensor<?x64x16x128xbf16>
  return %o : tensor<?x64x16x128xbf16>
}

// -----

// Weights in the place of the keys' rest: tiles stay as large, the ring of
// chunks is what gets smaller.

// CHECK-LABEL: func @fused
// SM90: tile.gpu_up_schedule = #tile.gpu_up_schedule<depth = 16, stages = 4>
// SM90-SAME: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 8, rows = 64, kv_tile = 64, stages = 2, ctas_per_sm = 1>
!v3 = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @fused(%q: tensor<?x128x128x192xbf16>, %c: !v3, %uk: tensor<128x128x512xbf16>, %uv: tensor<128x512x128xbf16>) -> tensor<?x128x128x128xbf16> {
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<fused_decompress>, up_transposed, tile.score_rest = true,
         heads = #attn.heads<q = 128, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         scale = 0.1352 : f32}
     : (tensor<?x128x128x192xbf16>, !v3, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x128x128x128xbf16>
  return %o : tensor<?x128x128x128xbf16>
}
