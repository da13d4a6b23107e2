// RUN: attn-opt %s --attn-select-gpu-schedule=chip=sm_90 --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: attn-opt %s --attn-select-gpu-schedule=chip=sm_86 --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,SM86

// Four warps where V's columns can be shared by four; as few rows as there are;
// what is in flight follows the shared memory.

// CHECK-LABEL: func @gqa
// SM90: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>
// SM86: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 32, stages = 4, ctas_per_sm = 1>
!gqa = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
func.func @gqa(%q: tensor<?x1x64x128xbf16>, %c: !gqa) -> tensor<?x1x64x128xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 64, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x64x128xbf16>, !gqa) -> tensor<?x1x64x128xbf16>
  return %o : tensor<?x1x64x128xbf16>
}

// -----

// 80 columns are five groups of 16: five warps, and tiles that five share.

// CHECK-LABEL: func @d80
// CHECK: warps = 5, rows = 16, kv_tile = 80
!d80 = !attn.kv_cache<heads = 2, parts = [k : 80, v : 80], f16, page = ?>
func.func @d80(%q: tensor<?x1x8x80xf16>, %c: !d80) -> tensor<?x1x8x80xf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 2>, scale = 0.125 : f32}
     : (tensor<?x1x8x80xf16>, !d80) -> tensor<?x1x8x80xf16>
  return %o : tensor<?x1x8x80xf16>
}

// -----

// A latent accumulator fills the registers: 32 rows a CTA at most.

// CHECK-LABEL: func @mla
// SM90: warps = 4, rows = 32,
// SM86: warps = 4, rows = 16,
!mla = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @mla(%q: tensor<?x1x128x576xbf16>, %c: !mla) -> tensor<?x1x128x512xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 128, kv = 1>, scale = 0.07 : f32}
     : (tensor<?x1x128x576xbf16>, !mla) -> tensor<?x1x128x512xbf16>
  return %o : tensor<?x1x128x512xbf16>
}

// -----

// A schedule that is there stays.

// CHECK-LABEL: func @by_hand
// CHECK: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 16, stages = 2, ctas_per_sm = 1>
!hand = !attn.kv_cache<heads = 8, parts = [k : 64, v : 64], bf16, page = 64>
func.func @by_hand(%q: tensor<?x1x8x64xbf16>, %c: !hand) -> tensor<?x1x8x64xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32,
      tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 16, stages = 2, ctas_per_sm = 1>}
     : (tensor<?x1x8x64xbf16>, !hand) -> tensor<?x1x8x64xbf16>
  return %o : tensor<?x1x8x64xbf16>
}

// -----

!odd = !attn.kv_cache<heads = 8, parts = [k : 72, v : 72], bf16, page = 64>
func.func @odd_width(%q: tensor<?x1x8x72xbf16>, %c: !odd) -> tensor<?x1x8x72xbf16> {
  // expected-error @+1 {{has K of 72 and V of 72 columns; GPU kernels take multiples of 16}}
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x8x72xbf16>, !odd) -> tensor<?x1x8x72xbf16>
  return %o : tensor<?x1x8x72xbf16>
}

// -----

!dynamic = !attn.kv_cache<heads = 8, parts = [k : 64, v : 64], bf16, page = 64>
func.func @dynamic_queries(%q: tensor<1x?x8x64xbf16>, %c: !dynamic) -> tensor<1x?x8x64xbf16> {
  // expected-error @+1 {{needs static query tokens}}
  %o = attn.attend %q, %c {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32}
     : (tensor<1x?x8x64xbf16>, !dynamic) -> tensor<1x?x8x64xbf16>
  return %o : tensor<1x?x8x64xbf16>
}

// -----

// Up-projections have schedules of their own: of W_UK, and of W_UV, whose input
// is f32. All of a CTA's weights are in flight at once: of 128 rows of 64
// columns four CTAs make 64 KB; where shared memory holds fewer, 128 columns.

// CHECK-LABEL: func @up_projections
// SM90: tile.gpu_projection_schedules = [#tile.gpu_projection_schedule<warps = 4, rows = 64, columns = 64, stages = 4, ctas_per_sm = 4>, #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 4, ctas_per_sm = 2>]
// SM86: tile.gpu_projection_schedules = [#tile.gpu_projection_schedule<warps = 8, rows = 64, columns = 128, stages = 4, ctas_per_sm = 2>, #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 4, ctas_per_sm = 1>]
// CHECK-SAME: tile.schedule = #tile.gpu_schedule<
!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @up_projections(%q: tensor<?x1x128x192xbf16>, %c: !rows, %uk: tensor<128x128x512xbf16>, %uv: tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16> {
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<absorbed>, up_transposed,
         heads = #attn.heads<q = 128, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         scale = 0.125 : f32}
     : (tensor<?x1x128x192xbf16>, !rows, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16>
  return %o : tensor<?x1x128x128xbf16>
}

// -----

// 80 columns are five groups of 16.

// CHECK-LABEL: func @project
// CHECK: tile.gpu_projection_schedules = [#tile.gpu_projection_schedule<warps = 5, rows = {{[0-9]+}}, columns = 80, stages = 3,
func.func @project(%x: tensor<?x1x4x48xf16>, %w: tensor<4x48x80xf16>) -> tensor<?x1x4x80xf16> {
  %y = attn.project %x, %w : (tensor<?x1x4x48xf16>, tensor<4x48x80xf16>) -> tensor<?x1x4x80xf16>
  return %y : tensor<?x1x4x80xf16>
}

// -----

func.func @project_odd(%x: tensor<?x1x4x40xbf16>, %w: tensor<4x40x64xbf16>) -> tensor<?x1x4x64xbf16> {
  // expected-error @+1 {{multiplies by weights of 'tensor<4x40x64xbf16>'; GPU kernels take extents that are known, the last two multiples of 16}}
  %y = attn.project %x, %w : (tensor<?x1x4x40xbf16>, tensor<4x40x64xbf16>) -> tensor<?x1x4x64xbf16>
  return %y : tensor<?x1x4x64xbf16>
}

// -----

func.func @project_long(%x: tensor<?x1x1x7168xbf16>, %w: tensor<1x7168x64xbf16>) -> tensor<?x1x1x64xbf16> {
  // expected-error @+1 {{multiplies by weights of 'tensor<1x7168x64xbf16>', of which 16 columns do not fit the shared memory of}}
  %y = attn.project %x, %w : (tensor<?x1x1x7168xbf16>, tensor<1x7168x64xbf16>) -> tensor<?x1x1x64xbf16>
  return %y : tensor<?x1x1x64xbf16>
}

// -----

// Latent rows decompressed to memory: as many columns a CTA as fit, eight warps
// on an SM over square parts, rows by slices. The attention is an ordinary one, of a head
// of its own for each query head.

// CHECK-LABEL: func @materialized
// SM90: tile.gpu_projection_schedules = [#tile.gpu_projection_schedule<warps = 8, rows = 128, columns = 128, stages = 1, ctas_per_sm = 1, row_stages = 4, row_warps = 2>, #tile.gpu_projection_schedule<warps = 4, rows = 128, columns = 64, stages = 1, ctas_per_sm = 2, row_stages = 2, row_warps = 2>]
// SM90-SAME: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 64, kv_tile = 32, stages = 4, ctas_per_sm = 2>
// SM86: columns = 64, {{.*}}, row_stages = 2, row_warps = 4>, {{.*}}columns = 64
!rows = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @materialized(%q: tensor<?x64x16x192xbf16>, %c: !rows, %uk: tensor<16x128x512xbf16>, %uv: tensor<16x512x64xbf16>) -> tensor<?x64x16x64xbf16> {
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<materialized>, up_transposed,
         heads = #attn.heads<q = 16, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>,
         scale = 0.125 : f32}
     : (tensor<?x64x16x192xbf16>, !rows, tensor<16x128x512xbf16>, tensor<16x512x64xbf16>) -> tensor<?x64x16x64xbf16>
  return %o : tensor<?x64x16x64xbf16>
}

// -----

// Decompression in the kernel: the matrices pass by once a tile, from L2, so
// that many rows and large tiles pay; what is left of the shared memory is the
// ring of chunks.

// CHECK-LABEL: func @fused
// SM90: tile.gpu_up_schedule = #tile.gpu_up_schedule<depth = 32, stages = 3>
// SM90-SAME: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 8, rows = 64, kv_tile = 64, stages = 2, ctas_per_sm = 1>
// SM86: tile.gpu_up_schedule = #tile.gpu_up_schedule<depth = 64, stages = 2>
// SM86-SAME: tile.schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 32, kv_tile = 16, stages = 2, ctas_per_sm = 1>
!v3 = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @fused(%q: tensor<?x128x128x192xbf16>, %c: !v3, %uk: tensor<128x128x512xbf16>, %uv: tensor<128x512x128xbf16>) -> tensor<?x128x128x128xbf16> {
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<fused_decompress>, up_transposed,
         heads = #attn.heads<q = 128, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         scale = 0.07 : f32}
     : (tensor<?x128x128x192xbf16>, !v3, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x128x128x128xbf16>
  return %o : tensor<?x128x128x128xbf16>
}

// -----

!odd_rope = !attn.kv_cache<heads = 1, parts = [latent : 64, rope : 8], bf16, page = 64>
func.func @fused_odd(%q: tensor<?x1x4x40xbf16>, %c: !odd_rope, %uk: tensor<4x64x32xbf16>, %uv: tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16> {
  // expected-error @+1 {{decompresses rows of 64 + 8 to 32 and 32 columns; GPU kernels take multiples of 16}}
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<fused_decompress>,
         heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 64, rope = 8, nope = 32, v = 32>,
         scale = 0.125 : f32}
     : (tensor<?x1x4x40xbf16>, !odd_rope, tensor<4x64x32xbf16>, tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16>
  return %o : tensor<?x1x4x32xbf16>
}

// -----

!long = !attn.kv_cache<heads = 1, parts = [latent : 4096, rope : 64], bf16, page = 64>
func.func @fused_long(%q: tensor<?x1x4x128xbf16>, %c: !long, %uk: tensor<4x4096x64xbf16>, %uv: tensor<4x4096x64xbf16>) -> tensor<?x1x4x64xbf16> {
  // expected-error @+1 {{decompresses in its kernel, which does not fit the shared memory of}}
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<fused_decompress>,
         heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 4096, rope = 64, nope = 64, v = 64>,
         scale = 0.125 : f32}
     : (tensor<?x1x4x128xbf16>, !long, tensor<4x4096x64xbf16>, tensor<4x4096x64xbf16>) -> tensor<?x1x4x64xbf16>
  return %o : tensor<?x1x4x64xbf16>
}
