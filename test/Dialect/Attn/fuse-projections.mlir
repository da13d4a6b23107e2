// RUN: attn-opt %s -split-input-file --attn-fuse-projections --remarks-filter=attn -verify-diagnostics | FileCheck %s

// Projection, attention, projection: one op, which says what is attended to and
// in which form, and still compiles to three kernels. The weight of the query's
// projection stays as it is stored.

!cache = !attn.kv_cache<heads = 1, parts = [latent : 16, rope : 4], f32, page = 8>

// CHECK-LABEL: func @block(
// CHECK-SAME: %[[Q_NOPE:[a-z0-9]+]]: {{[^,]*}}, %[[Q_ROPE:[a-z0-9]+]]: {{[^,]*}}, %[[ROWS:[a-z0-9]+]]: !attn.kv_cache<{{[^>]*}}>, %[[W_T:[a-z0-9]+]]: {{[^,]*}}, %[[W_UV:[a-z0-9]+]]:
// CHECK-NEXT: %[[Q:.*]] = tensor.concat dim(3) %[[Q_NOPE]], %[[Q_ROPE]]
// CHECK-NEXT: %[[O:.*]], %[[LSE:.*]] = attn.attend %[[Q]], %[[ROWS]] up(%[[W_T]], %[[W_UV]]) {form = #attn.form<absorbed>, heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, mask = #attn.mask<causal>, scale = 2.886750e-01 : f32, up_transposed}
// CHECK-SAME: tensor<1x2x4x12xf32>
// CHECK-NEXT: return %[[O]], %[[LSE]]
func.func @block(%q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>, %rows: !cache,
                 %w_t: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>) -> (tensor<1x2x4x6xf32>, tensor<1x2x4xf32>) {
  %q_latent = attn.project %q_nope, %w_t : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  // expected-remark @+1 {{both projections chained with the attention}}
  %o_latent, %lse = attn.attend %q, %rows {heads = #attn.heads<q = 4, kv = 1>, mask = #attn.mask<causal>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, !cache) -> (tensor<1x2x4x16xf32>, tensor<1x2x4xf32>)
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o, %lse : tensor<1x2x4x6xf32>, tensor<1x2x4xf32>
}

// -----

// Without the projection behind it, the output is not this attention's to give.

!cache = !attn.kv_cache<heads = 1, parts = [latent : 16, rope : 4], f32, page = 8>

// CHECK-LABEL: func @output_returned(
// CHECK-NOT: up(
func.func @output_returned(%q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>, %rows: !cache,
                           %w_t: tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32> {
  %q_latent = attn.project %q_nope, %w_t : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  // expected-remark @+1 {{the output is not read by one projection with W_UV alone}}
  %o_latent = attn.attend %q, %rows {heads = #attn.heads<q = 4, kv = 1>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, !cache) -> tensor<1x2x4x16xf32>
  return %o_latent : tensor<1x2x4x16xf32>
}

// -----

// The decompressed form has no projections; attn-absorb makes them.

// CHECK-LABEL: func @not_absorbed(
// CHECK-NOT: up(
func.func @not_absorbed(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                        %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// A cache of two latent rows a token: two KV heads.

!cache = !attn.kv_cache<heads = 2, parts = [latent : 16, rope : 4], f32, page = 8>

// CHECK-LABEL: func @grouped_latents(
// CHECK: attn.attend %{{.*}}, %{{.*}} up(%{{.*}}, %{{.*}}) {form = #attn.form<absorbed>, heads = #attn.heads<q = 4, kv = 2>, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6, groups = 2>, scale = 2.886750e-01 : f32, up_transposed}
func.func @grouped_latents(%q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>, %rows: !cache,
                           %w_t: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32> {
  %q_latent = attn.project %q_nope, %w_t : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  // expected-remark @+1 {{both projections chained with the attention}}
  %o_latent = attn.attend %q, %rows {heads = #attn.heads<q = 4, kv = 2>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6, groups = 2>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, !cache) -> tensor<1x2x4x16xf32>
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}
