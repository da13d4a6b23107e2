// RUN: attn-opt %s --attn-select-cpu-schedule="isa=amx combine=fused" -verify-diagnostics
// RUN: not attn-opt %s --attn-select-cpu-schedule="isa=amx combine=both" 2>&1 | FileCheck %s

// RUN: not attn-opt %s --attn-select-cpu-schedule="isa=amx threads=-1" 2>&1 | FileCheck %s --check-prefix=THREADS

// CHECK: error: combine is 'both': expected auto, fused or separate
// THREADS: error: threads must not be negative

!cache = !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
func.func @materialized(%q: tensor<?x160x16x192xbf16>, %rows: !cache, %w_uk: tensor<16x512x128xbf16>, %w_uv: tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16> {
  // expected-error @+1 {{cannot merge in the output's projection: no projection follows the attention in this form}}
  %o = attn.attend %q, %rows up(%w_uk, %w_uv) {form = #attn.form<materialized>, heads = #attn.heads<q = 16, kv = 1>,
      latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 64>, scale = 0.0721687824 : f32}
     : (tensor<?x160x16x192xbf16>, !cache, tensor<16x512x128xbf16>, tensor<16x512x64xbf16>) -> tensor<?x160x16x64xbf16>
  return %o : tensor<?x160x16x64xbf16>
}
