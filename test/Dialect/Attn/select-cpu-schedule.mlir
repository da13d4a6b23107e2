// RUN: attn-opt %s --attn-select-cpu-schedule=isa=avx2 --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: attn-opt %s --attn-select-cpu-schedule=isa=avx512 --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: attn-opt %s --attn-select-cpu-schedule=isa=avx512bf16 --split-input-file | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: attn-opt %s --attn-select-cpu-schedule=isa=amx --split-input-file | FileCheck %s --check-prefixes=CHECK,AMX
// RUN: attn-opt %s --attn-select-cpu-schedule --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX2

// The engine follows from level and type (few query rows may take a lesser one),
// the vector from the level. Tiles and prefetch distances are tuned: not their
// values but what they must keep to is tested. Without an option the level is avx2.

// CHECK-LABEL: func @bf16
// AVX2:   tile.schedule = #tile.schedule<engine = fma, vector = 8,
// AVX512: tile.schedule = #tile.schedule<engine = fma, vector = 16,
// BF16:   tile.schedule = #tile.schedule<engine = dpbf16, vector = 16,
// AMX:    tile.schedule = #tile.schedule<engine = amx, vector = 16,
!bf16 = !attn.kv_cache<heads = 2, parts = [k : 128, v : 128], bf16, page = 64>
func.func @bf16(%q: tensor<?x1x64x128xbf16>, %c: !bf16) -> tensor<?x1x64x128xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 64, kv = 2>, scale = 0.125 : f32}
     : (tensor<?x1x64x128xbf16>, !bf16) -> tensor<?x1x64x128xbf16>
  return %o : tensor<?x1x64x128xbf16>
}

// -----

// No level multiplies f16 or f32 other than by FMA.

// CHECK-LABEL: func @f16
// AVX2:   engine = fma, vector = 8,
// AVX512: engine = fma, vector = 16,
// BF16:   engine = fma, vector = 16,
// AMX:    engine = fma, vector = 16,
!f16 = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], f16, page = ?>
func.func @f16(%q: tensor<?x1x32x128xf16>, %c: !f16) -> tensor<?x1x32x128xf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 32, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x32x128xf16>, !f16) -> tensor<?x1x32x128xf16>
  return %o : tensor<?x1x32x128xf16>
}

// -----

// f32 is not rounded after the softmax: its exp2 takes the sixth degree.

// CHECK-LABEL: func @f32
// CHECK-SAME: ->
// CHECK: engine = fma,
// CHECK-SAME: exp2_degree = 6
!f32 = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], f32, contiguous>
func.func @f32(%q: tensor<?x1x32x128xf32>, %c: !f32) -> tensor<?x1x32x128xf32> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 32, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x32x128xf32>, !f32) -> tensor<?x1x32x128xf32>
  return %o : tensor<?x1x32x128xf32>
}

// -----

// A tile of interleaved V may not cross a page: pages of 32 leave tiles of 32 and
// pages of 96 too.

// CHECK-LABEL: func @own
// CHECK: attn.attend
// CHECK-SAME: kv_tile = 32,
// CHECK: attn.attend
// CHECK-SAME: kv_tile = 32,
!own32 = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 32, layout = own>
!own96 = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 96, layout = own>
func.func @own(%q: tensor<?x1x32x128xbf16>, %c: !own32, %d: !own96) {
  %0 = attn.attend %q, %c {heads = #attn.heads<q = 32, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x32x128xbf16>, !own32) -> tensor<?x1x32x128xbf16>
  %1 = attn.attend %q, %d {heads = #attn.heads<q = 32, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x32x128xbf16>, !own96) -> tensor<?x1x32x128xbf16>
  return
}

// -----

// A merge multiplies no matrices.

// CHECK-LABEL: func @merge
// CHECK: attn.merge
// CHECK-SAME: engine = fma,
func.func @merge(%outs: tensor<?x?x1x32x128xf32>, %lses: tensor<?x?x1x32xf32>)
    -> (tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>) {
  %o, %l = attn.merge %outs, %lses
    : (tensor<?x?x1x32x128xf32>, tensor<?x?x1x32xf32>) -> (tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>)
  return %o, %l : tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>
}

// -----

// A schedule that is there stays, whatever the level.

// CHECK-LABEL: func @kept
// CHECK: tile.schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 96, prefetch = 17, exp2_degree = 7
!c = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
func.func @kept(%q: tensor<?x1x32x128xbf16>, %c: !c) -> tensor<?x1x32x128xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 32, kv = 8>, scale = 0.125 : f32,
         tile.schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 96, prefetch = 17, exp2_degree = 7>}
     : (tensor<?x1x32x128xbf16>, !c) -> tensor<?x1x32x128xbf16>
  return %o : tensor<?x1x32x128xbf16>
}

// -----

// Tensors are nothing that a kernel reads.

// CHECK-LABEL: func @tensors
// CHECK-NOT: tile.schedule
func.func @tensors(%q: tensor<1x1x8x64xf32>, %k: tensor<1x9x8x64xf32>) -> tensor<1x1x8x64xf32> {
  %o = attn.attend %q, %k, %k {heads = #attn.heads<q = 8, kv = 8>, scale = 0.125 : f32}
     : (tensor<1x1x8x64xf32>, tensor<1x9x8x64xf32>, tensor<1x9x8x64xf32>) -> tensor<1x1x8x64xf32>
  return %o : tensor<1x1x8x64xf32>
}

// -----

// Two latent rows a token: AMX even for two query rows a group, and rows of later
// groups left alone.

// CHECK-LABEL: func @grouped_latents
// AVX2:   engine = fma, vector = 8, {{.*}}prefetch_heads = 1>
// BF16:   engine = dpbf16, vector = 16, {{.*}}prefetch_heads = 1>
// AMX:    engine = amx, vector = 16, {{.*}}prefetch_heads = 0>
!grouped = !attn.kv_cache<heads = 2, parts = [latent : 256, rope : 64], bf16, page = 64>
func.func @grouped_latents(%q: tensor<?x1x4x320xbf16>, %c: !grouped) -> tensor<?x1x4x256xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>, scale = 0.125 : f32}
     : (tensor<?x1x4x320xbf16>, !grouped) -> tensor<?x1x4x256xbf16>
  return %o : tensor<?x1x4x256xbf16>
}
