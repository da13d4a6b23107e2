// RUN: attn-opt %s --verify-roundtrip | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// The examples of the op descriptions, and what they leave out. Custom and
// generic form both survive a round trip.

!paged = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
!latent = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = ?>
!grouped = !attn.kv_cache<heads = 2, parts = [latent : 256, rope : 64], bf16, page = 64>

//===----------------------------------------------------------------------===//
// attend
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @attend
// CHECK: attn.attend %{{.*}}, %{{.*}} {heads = #attn.heads<q = 32, kv = 8>, mask = #attn.mask<causal>, scale = 0.0883883461 : f32}
// CHECK-SAME: : (tensor<?x1x32x128xbf16>, !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>) -> tensor<?x1x32x128xbf16>
func.func @attend(%q: tensor<?x1x32x128xbf16>, %cache: !paged) -> tensor<?x1x32x128xbf16> {
  %o = attn.attend %q, %cache {heads = #attn.heads<q = 32, kv = 8>,
         mask = #attn.mask<causal>, scale = 0.0883883461 : f32}
     : (tensor<?x1x32x128xbf16>,
        !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>)
     -> tensor<?x1x32x128xbf16>
  return %o : tensor<?x1x32x128xbf16>
}

// CHECK-LABEL: func @attend_tensors
// CHECK: attn.attend %{{.*}}, %{{.*}}, %{{.*}} {heads
// CHECK-SAME: (tensor<2x3x8x64xf32>, tensor<2x9x2x64xf32>, tensor<2x9x2x32xf32>) -> tensor<2x3x8x32xf32>
func.func @attend_tensors(%q: tensor<2x3x8x64xf32>, %k: tensor<2x9x2x64xf32>, %v: tensor<2x9x2x32xf32>) -> tensor<2x3x8x32xf32> {
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 8, kv = 2>, scale = 0.125 : f32}
     : (tensor<2x3x8x64xf32>, tensor<2x9x2x64xf32>, tensor<2x9x2x32xf32>) -> tensor<2x3x8x32xf32>
  return %o : tensor<2x3x8x32xf32>
}

// Everything at once: lengths, sinks, window, softcap, a score region, the
// log-sum-exp.

// CHECK-LABEL: func @attend_everything
// CHECK: %{{.*}}, %{{.*}} = attn.attend %{{.*}}, %{{.*}}, %{{.*}} lens(%{{.*}}) sinks(%{{.*}}) {heads = #attn.heads<q = 8, kv = 2>, mask = #attn.mask<causal, window = 128>, scale = 1.250000e-01 : f32, softcap = 5.000000e+01 : f32}
// CHECK-SAME: score {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %{{.*}}: i32, %{{.*}}: i32, %[[I:.*]]: i32, %[[J:.*]]: i32):
// CHECK: attn.yield %{{.*}} : f32
// CHECK-NEXT: } : (tensor<?x?x8x64xf16>, tensor<?x?x2x64xf16>, tensor<?x?x2x64xf16>, tensor<?xi32>, tensor<8xf32>) -> (tensor<?x?x8x64xf16>, tensor<?x?x8xf32>)
func.func @attend_everything(%q: tensor<?x?x8x64xf16>, %k: tensor<?x?x2x64xf16>, %v: tensor<?x?x2x64xf16>,
                             %n: tensor<?xi32>, %s: tensor<8xf32>)
    -> (tensor<?x?x8x64xf16>, tensor<?x?x8xf32>) {
  %o, %lse = attn.attend %q, %k, %v lens(%n) sinks(%s) {
      heads = #attn.heads<q = 8, kv = 2>, mask = #attn.mask<causal, window = 128>,
      scale = 0.125 : f32, softcap = 50.0 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      %d = arith.subi %j, %i : i32
      %f = arith.sitofp %d : i32 to f32
      %y = arith.addf %x, %f : f32
      attn.yield %y : f32
    }
    : (tensor<?x?x8x64xf16>, tensor<?x?x2x64xf16>, tensor<?x?x2x64xf16>, tensor<?xi32>, tensor<8xf32>)
    -> (tensor<?x?x8x64xf16>, tensor<?x?x8xf32>)
  return %o, %lse : tensor<?x?x8x64xf16>, tensor<?x?x8xf32>
}

// The absorbed form of MLA: V is the latent part of the cached row, and the
// scale is that of the decompressed width, 192.

// CHECK-LABEL: func @attend_latent
// CHECK: latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>
// CHECK-SAME: -> tensor<?x1x128x512xbf16>
func.func @attend_latent(%q: tensor<?x1x128x576xbf16>, %cache: !latent) -> tensor<?x1x128x512xbf16> {
  %o = attn.attend %q, %cache {heads = #attn.heads<q = 128, kv = 1>,
         latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         mask = #attn.mask<causal>, scale = 0.0721687824 : f32}
     : (tensor<?x1x128x576xbf16>, !latent) -> tensor<?x1x128x512xbf16>
  return %o : tensor<?x1x128x512xbf16>
}

// Two latent rows a token, each with the rotary key behind it (GLA).

// CHECK-LABEL: func @attend_grouped_latents
// CHECK: heads = #attn.heads<q = 128, kv = 2>
// CHECK-SAME: latent = #attn.latent<rank = 256, rope = 64, nope = 128, v = 128, groups = 2>
// CHECK-SAME: !attn.kv_cache<heads = 2, parts = [latent : 256, rope : 64], bf16, page = 64>
// CHECK: attn.attend %{{.*}}, %{{.*}} up(%{{.*}}, %{{.*}}) {{.*}}heads = #attn.heads<q = 128, kv = 2>
func.func @attend_grouped_latents(%q: tensor<?x1x128x320xbf16>, %q_up: tensor<?x1x128x192xbf16>, %cache: !grouped,
                                  %w_uk: tensor<128x256x128xbf16>, %w_uv: tensor<128x256x128xbf16>)
    -> (tensor<?x1x128x256xbf16>, tensor<?x1x128x128xbf16>) {
  %o = attn.attend %q, %cache {heads = #attn.heads<q = 128, kv = 2>,
         latent = #attn.latent<rank = 256, rope = 64, nope = 128, v = 128, groups = 2>,
         mask = #attn.mask<causal>, scale = 0.0721687824 : f32}
     : (tensor<?x1x128x320xbf16>, !grouped) -> tensor<?x1x128x256xbf16>
  %o_up = attn.attend %q_up, %cache up(%w_uk, %w_uv) {heads = #attn.heads<q = 128, kv = 2>,
         latent = #attn.latent<rank = 256, rope = 64, nope = 128, v = 128, groups = 2>,
         mask = #attn.mask<causal>, scale = 0.0721687824 : f32}
     : (tensor<?x1x128x192xbf16>, !grouped, tensor<128x256x128xbf16>, tensor<128x256x128xbf16>)
     -> tensor<?x1x128x128xbf16>
  return %o, %o_up : tensor<?x1x128x256xbf16>, tensor<?x1x128x128xbf16>
}

// MLA over a tensor: no value operand, so V is a prefix of K.

// CHECK-LABEL: func @attend_prefix
// CHECK: attn.attend %{{.*}}, %{{.*}} lens(%{{.*}}) {
func.func @attend_prefix(%q: tensor<?x1x128x576xbf16>, %k: tensor<?x?x1x576xbf16>, %n: tensor<?xi32>) -> tensor<?x1x128x512xbf16> {
  %o = attn.attend %q, %k lens(%n) {heads = #attn.heads<q = 128, kv = 1>,
         latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32}
     : (tensor<?x1x128x576xbf16>, tensor<?x?x1x576xbf16>, tensor<?xi32>) -> tensor<?x1x128x512xbf16>
  return %o : tensor<?x1x128x512xbf16>
}

// Extents that are not known are not held against each other.

// CHECK-LABEL: func @attend_dynamic
// CHECK: attn.attend
func.func @attend_dynamic(%q: tensor<?x?x?x?xf32>, %k: tensor<?x?x?x?xf32>) -> (tensor<?x?x?x64xf32>, tensor<?x?x?xf32>) {
  %o, %lse = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>, scale = 1.0 : f32,
      latent = #attn.latent<rank = 64, rope = 0, nope = 32, v = 32>}
     : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> (tensor<?x?x?x64xf32>, tensor<?x?x?xf32>)
  return %o, %lse : tensor<?x?x?x64xf32>, tensor<?x?x?xf32>
}

//===----------------------------------------------------------------------===//
// The others
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @merge
// CHECK: attn.merge %{{.*}}, %{{.*}} : (tensor<2x?x1x32x128xf32>, tensor<2x?x1x32xf32>) -> (tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>)
func.func @merge(%outs: tensor<2x?x1x32x128xf32>, %lses: tensor<2x?x1x32xf32>)
    -> (tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>) {
  %o, %l = attn.merge %outs, %lses
    : (tensor<2x?x1x32x128xf32>, tensor<2x?x1x32xf32>)
    -> (tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>)
  return %o, %l : tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>
}

// CHECK-LABEL: func @cache_append
// CHECK: attn.cache_append %{{.*}}, %{{.*}}, %{{.*}} slots(%{{.*}}) : (!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>, tensor<?x8x128xbf16>, tensor<?x8x128xbf16>, tensor<?xi64>) -> !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
func.func @cache_append(%c0: !paged, %k: tensor<?x8x128xbf16>, %v: tensor<?x8x128xbf16>, %slots: tensor<?xi64>) -> !paged {
  %c1 = attn.cache_append %c0, %k, %v slots(%slots)
    : (!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>,
       tensor<?x8x128xbf16>, tensor<?x8x128xbf16>, tensor<?xi64>)
    -> !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
  return %c1 : !paged
}

// CHECK-LABEL: func @cache_append_latent
// CHECK: attn.cache_append %{{.*}}, %{{.*}} slots(%{{.*}}) : (!attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = ?>, tensor<?x1x576xbf16>, tensor<?xi64>)
func.func @cache_append_latent(%c0: !latent, %row: tensor<?x1x576xbf16>, %slots: tensor<?xi64>) -> !latent {
  %c1 = attn.cache_append %c0, %row slots(%slots)
    : (!latent, tensor<?x1x576xbf16>, tensor<?xi64>) -> !latent
  return %c1 : !latent
}

// CHECK-LABEL: func @project
// CHECK: attn.project %{{.*}}, %{{.*}} : (tensor<?x1x128x128xbf16>, tensor<128x128x512xbf16>) -> tensor<?x1x128x512xbf16>
func.func @project(%x: tensor<?x1x128x128xbf16>, %w: tensor<128x128x512xbf16>) -> tensor<?x1x128x512xbf16> {
  %y = attn.project %x, %w : (tensor<?x1x128x128xbf16>, tensor<128x128x512xbf16>)
     -> tensor<?x1x128x512xbf16>
  return %y : tensor<?x1x128x512xbf16>
}

// CHECK-LABEL: func @compress
// CHECK: attn.compress %{{.*}}, %{{.*}} norm(%{{.*}}) : (tensor<?x1x7168xbf16>, tensor<7168x512xbf16>, tensor<512xbf16>) -> tensor<?x1x512xbf16>
func.func @compress(%x: tensor<?x1x7168xbf16>, %w: tensor<7168x512xbf16>, %g: tensor<512xbf16>) -> tensor<?x1x512xbf16> {
  %c = attn.compress %x, %w norm(%g) {eps = 1.0e-6 : f32}
    : (tensor<?x1x7168xbf16>, tensor<7168x512xbf16>, tensor<512xbf16>)
    -> tensor<?x1x512xbf16>
  return %c : tensor<?x1x512xbf16>
}

// The default eps is not printed.

// CHECK-LABEL: func @compress_plain
// CHECK: attn.compress %{{.*}}, %{{.*}} : (tensor<1x1x8xf32>, tensor<8x4xf32>) -> tensor<1x1x4xf32>
func.func @compress_plain(%x: tensor<1x1x8xf32>, %w: tensor<8x4xf32>) -> tensor<1x1x4xf32> {
  %c = attn.compress %x, %w {eps = 1.0e-6 : f32} : (tensor<1x1x8xf32>, tensor<8x4xf32>) -> tensor<1x1x4xf32>
  return %c : tensor<1x1x4xf32>
}

// CHECK-LABEL: func @decompress
// CHECK: attn.decompress %{{.*}}, %{{.*}} : (tensor<?x?x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x?x128x128xbf16>
func.func @decompress(%c: tensor<?x?x512xbf16>, %w: tensor<128x512x128xbf16>) -> tensor<?x?x128x128xbf16> {
  %v = attn.decompress %c, %w : (tensor<?x?x512xbf16>, tensor<128x512x128xbf16>)
     -> tensor<?x?x128x128xbf16>
  return %v : tensor<?x?x128x128xbf16>
}

// CHECK-LABEL: func @rope
// CHECK: attn.rope %{{.*}}, %{{.*}} {dims = 64 : i64, interleaved, offset = 128 : i64, theta = 1.000000e+04 : f32} : (tensor<?x1x128x192xbf16>, tensor<?x1xi32>) -> tensor<?x1x128x192xbf16>
func.func @rope(%x: tensor<?x1x128x192xbf16>, %pos: tensor<?x1xi32>) -> tensor<?x1x128x192xbf16> {
  %y = attn.rope %x, %pos {theta = 1.0e4 : f32, offset = 128 : i64, dims = 64 : i64, interleaved}
    : (tensor<?x1x128x192xbf16>, tensor<?x1xi32>) -> tensor<?x1x128x192xbf16>
  return %y : tensor<?x1x128x192xbf16>
}

// CHECK-LABEL: func @rope_half
// CHECK: attn.rope %{{.*}}, %{{.*}} {dims = 128 : i64, offset = 0 : i64, theta = 5.000000e+05 : f32}
func.func @rope_half(%x: tensor<2x1x32x128xf16>, %pos: tensor<2x1xi32>) -> tensor<2x1x32x128xf16> {
  %y = attn.rope %x, %pos {theta = 5.0e5 : f32, offset = 0 : i64, dims = 128 : i64}
    : (tensor<2x1x32x128xf16>, tensor<2x1xi32>) -> tensor<2x1x32x128xf16>
  return %y : tensor<2x1x32x128xf16>
}

// CHECK-LABEL: func @attend_up
// CHECK: attn.attend %{{.*}}, %{{.*}} up(%{{.*}}, %{{.*}}) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 16, kv = 1>, latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32} : (tensor<?x64x16x192xbf16>, !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>, tensor<16x512x128xbf16>, tensor<16x512x128xbf16>) -> tensor<?x64x16x128xbf16>
func.func @attend_up(%q: tensor<?x64x16x192xbf16>, %rows: !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>,
                     %w_uk: tensor<16x512x128xbf16>, %w_uv: tensor<16x512x128xbf16>) -> tensor<?x64x16x128xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {
         form = #attn.form<fused_decompress>, heads = #attn.heads<q = 16, kv = 1>,
         latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
         scale = 0.0721687824 : f32}
     : (tensor<?x64x16x192xbf16>,
        !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>,
        tensor<16x512x128xbf16>, tensor<16x512x128xbf16>)
     -> tensor<?x64x16x128xbf16>
  return %o : tensor<?x64x16x128xbf16>
}

// CHECK-LABEL: func @attend_up_lens
// CHECK: attn.attend %{{.*}}, %{{.*}} lens(%{{.*}}) sinks(%{{.*}}) up(%{{.*}}, %{{.*}}) {{{.*}}up_transposed}
func.func @attend_up_lens(%q: tensor<2x1x4x12xf32>, %rows: tensor<2x9x1x20xf32>, %lens: tensor<2xi32>, %sinks: tensor<4xf32>,
                          %w_uk: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>) -> tensor<2x1x4x6xf32> {
  %o = attn.attend %q, %rows lens(%lens) sinks(%sinks) up(%w_uk, %w_uv) {heads = #attn.heads<q = 4, kv = 1>,
         latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, scale = 0.25 : f32, up_transposed}
     : (tensor<2x1x4x12xf32>, tensor<2x9x1x20xf32>, tensor<2xi32>, tensor<4xf32>, tensor<4x8x16xf32>, tensor<4x16x6xf32>)
     -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// CHECK-LABEL: func @rope_frequencies
// CHECK: attn.rope %{{.*}}, %{{.*}} {dims = 4 : i64, frequencies = array<f32: 1.000000e+00, 2.500000e-03>, offset = 0 : i64}
func.func @rope_frequencies(%x: tensor<2x1x1x4xf16>, %pos: tensor<2x1xi32>) -> tensor<2x1x1x4xf16> {
  %y = attn.rope %x, %pos {frequencies = array<f32: 1.0, 0.0025>, offset = 0 : i64, dims = 4 : i64}
    : (tensor<2x1x1x4xf16>, tensor<2x1xi32>) -> tensor<2x1x1x4xf16>
  return %y : tensor<2x1x1x4xf16>
}

// CHECK-LABEL: func @decompress_groups
// CHECK: attn.decompress %{{.*}}, %{{.*}} : (tensor<?x?x2x256xbf16>, tensor<128x256x128xbf16>) -> tensor<?x?x128x128xbf16>
func.func @decompress_groups(%c: tensor<?x?x2x256xbf16>, %w: tensor<128x256x128xbf16>) -> tensor<?x?x128x128xbf16> {
  %v = attn.decompress %c, %w : (tensor<?x?x2x256xbf16>, tensor<128x256x128xbf16>) -> tensor<?x?x128x128xbf16>
  return %v : tensor<?x?x128x128xbf16>
}

// CHECK-LABEL: func @attend_groups
// CHECK: latent = #attn.latent<rank = 256, rope = 64, nope = 128, v = 128, groups = 2>
func.func @attend_groups(%q: tensor<2x1x128x320xbf16>, %k: tensor<2x?x2x320xbf16>) -> tensor<2x1x128x256xbf16> {
  %o = attn.attend %q, %k {heads = #attn.heads<q = 128, kv = 2>, scale = 0.0721687824 : f32,
         latent = #attn.latent<groups = 2, rank = 256, rope = 64, nope = 128, v = 128>}
     : (tensor<2x1x128x320xbf16>, tensor<2x?x2x320xbf16>) -> tensor<2x1x128x256xbf16>
  return %o : tensor<2x1x128x256xbf16>
}
