// RUN: attn-opt %s --attn-select-cpu-schedule=isa=amx --split-input-file | FileCheck %s --check-prefixes=CHECK,UNKNOWN
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx threads=2" --split-input-file | FileCheck %s --check-prefixes=CHECK,TWO
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx threads=1" --split-input-file | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx threads=16" --split-input-file | FileCheck %s --check-prefixes=CHECK,MANY
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx combine=separate" --split-input-file | FileCheck %s --check-prefixes=CHECK,SEPARATE
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx threads=2" --split-input-file --remarks-filter=attn -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK-TWO
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx threads=16" --split-input-file --remarks-filter=attn -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK-MANY
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx threads=1" --split-input-file --remarks-filter=attn -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK-ONE
// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx combine=separate" --split-input-file --remarks-filter=attn -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK-SEPARATE

// Who merges the partial states of a request that was split over threads: the
// projection with W_UV, as it reads them, or a phase of its own. With heads
// enough for all threads the projection does.

// REMARK-TWO: partial states are merged in the output's projection (2 threads: {{.*}} us against {{.*}} us by a phase of its own, which moves 0.524 MB more)
// REMARK-ONE: not merged in the output's projection: one thread splits no request
// REMARK-SEPARATE: not merged in the output's projection: the option says so
// CHECK-LABEL: func @deepseek_v3
// UNKNOWN: tile.fuse_combine = true
// TWO:     tile.fuse_combine = true
// ONE:     tile.fuse_combine = false
// MANY:    tile.fuse_combine = true
// SEPARATE: tile.fuse_combine = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @deepseek_v3(%q: tensor<?x1x128x192xbf16>, %rows: !cache, %w_t: tensor<128x128x512xbf16>, %w_uv: tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 128, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x1x128x192xbf16>, !cache, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16>
  return %o : tensor<?x1x128x128xbf16>
}

// -----

// Two heads keep two threads of a projection busy, however many there are; a
// phase of its own shares the 64 rows of each of them too.

// REMARK-MANY: not merged in the output's projection: a phase of its own merges faster (16 threads:
// CHECK-LABEL: func @few_heads
// UNKNOWN: tile.fuse_combine = true
// TWO:     tile.fuse_combine = true
// MANY:    tile.fuse_combine = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @few_heads(%q: tensor<?x64x2x192xbf16>, %rows: !cache, %w_t: tensor<2x128x512xbf16>, %w_uv: tensor<2x512x128xbf16>) -> tensor<?x64x2x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 2, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed}
     : (tensor<?x64x2x192xbf16>, !cache, tensor<2x128x512xbf16>, tensor<2x512x128xbf16>) -> tensor<?x64x2x128xbf16>
  return %o : tensor<?x64x2x128xbf16>
}

// -----

// Written by hand, it stays.

// CHECK-LABEL: func @kept
// CHECK: tile.fuse_combine = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @kept(%q: tensor<?x1x128x192xbf16>, %rows: !cache, %w_t: tensor<128x128x512xbf16>, %w_uv: tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16> {
  %o = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, heads = #attn.heads<q = 128, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>, scale = 0.0721687824 : f32, up_transposed, tile.fuse_combine = false}
     : (tensor<?x1x128x192xbf16>, !cache, tensor<128x128x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x1x128x128xbf16>
  return %o : tensor<?x1x128x128xbf16>
}

// -----

// REMARK-TWO: not merged in the output's projection: no projection follows the attention in this form
// CHECK-LABEL: func @materialized
// CHECK: tile.fuse_combine = false
!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @materialized(%q: tensor<?x160x16x192xbf16>, %rows: !cache, %w_uk: tensor<16x512x128xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16> {
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<materialized>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.0721687824 : f32}
     : (tensor<?x160x16x192xbf16>, !cache, tensor<16x512x128xbf16>, tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16>
  return %o : tensor<?x160x16x64xbf16>
}
