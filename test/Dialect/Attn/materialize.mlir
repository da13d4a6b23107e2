// RUN: attn-opt %s -split-input-file --attn-materialize --remarks-filter=attn -verify-diagnostics | FileCheck %s

// The absorbed block, as attn-absorb leaves it, becomes that of the paper.

// CHECK-LABEL: func @block(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<1x9x16xf32>, %[[W_UK:[a-z0-9]+]]: {{[^,]*}}, %[[W_UV:[a-z0-9]+]]: {{[^,]*}}, %[[Q_NOPE:[a-z0-9]+]]: {{[^,]*}}, %[[Q_ROPE:[a-z0-9]+]]: {{[^,]*}}, %[[K_ROPE:[a-z0-9]+]]:
// CHECK-NOT: linalg.transpose
// CHECK: %[[K_NOPE:.*]] = attn.decompress %[[C]], %[[W_UK]] : (tensor<1x9x16xf32>, tensor<4x16x8xf32>) -> tensor<1x9x4x8xf32>
// CHECK: %[[K_ALL:.*]] = linalg.broadcast ins(%[[K_ROPE]] : tensor<1x9x4xf32>) outs(%{{.*}} : tensor<1x9x4x4xf32>) dimensions = [2]
// CHECK: %[[V:.*]] = attn.decompress %[[C]], %[[W_UV]] : (tensor<1x9x16xf32>, tensor<4x16x6xf32>) -> tensor<1x9x4x6xf32>
// CHECK: %[[Q:.*]] = tensor.concat dim(3) %[[Q_NOPE]], %[[Q_ROPE]]
// CHECK: %[[K:.*]] = tensor.concat dim(3) %[[K_NOPE]], %[[K_ALL]]
// CHECK: %[[O:.*]], %[[LSE:.*]] = attn.attend %[[Q]], %[[K]], %[[V]] {heads = #attn.heads<q = 4, kv = 4>, mask = #attn.mask<causal>, scale = 2.886750e-01 : f32}
// CHECK: return %[[O]], %[[LSE]]
func.func @block(%c: tensor<1x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                 %q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>, %k_rope: tensor<1x9x4xf32>)
    -> (tensor<1x2x4x6xf32>, tensor<1x2x4xf32>) {
  %init = tensor.empty() : tensor<4x8x16xf32>
  %w_t = linalg.transpose ins(%w_uk : tensor<4x16x8xf32>) outs(%init : tensor<4x8x16xf32>) permutation = [0, 2, 1]
  %q_latent = attn.project %q_nope, %w_t : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  %row = tensor.concat dim(2) %c, %k_rope : (tensor<1x9x16xf32>, tensor<1x9x4xf32>) -> tensor<1x9x20xf32>
  %k = tensor.expand_shape %row [[0], [1], [2, 3]] output_shape [1, 9, 1, 20] : tensor<1x9x20xf32> into tensor<1x9x1x20xf32>
  // expected-remark @+1 {{K and V decompressed for every head}}
  %o_latent, %lse = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, mask = #attn.mask<causal>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, tensor<1x9x1x20xf32>) -> (tensor<1x2x4x16xf32>, tensor<1x2x4xf32>)
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o, %lse : tensor<1x2x4x6xf32>, tensor<1x2x4xf32>
}

// -----

// Rows that are no concatenation are cut; a weight that is stored for the query
// is transposed for the key.

// CHECK-LABEL: func @rows_as_argument(
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: tensor<1x9x1x20xf32>, %[[W_Q:[a-z0-9]+]]: tensor<4x8x16xf32>
// CHECK-DAG: %[[W_UK:.*]] = linalg.transpose ins(%[[W_Q]] : tensor<4x8x16xf32>)
// CHECK-DAG: tensor.extract_slice %[[ROWS]][0, 0, 0, 0] [1, 9, 1, 16] [1, 1, 1, 1]
// CHECK: attn.decompress %{{.*}}, %[[W_UK]]
// CHECK: tensor.extract_slice %[[ROWS]][0, 0, 0, 16] [1, 9, 1, 4] [1, 1, 1, 1]
// CHECK: attn.attend
// CHECK-SAME: kv = 4
func.func @rows_as_argument(%k: tensor<1x9x1x20xf32>, %w_q: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>,
                            %q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>) -> tensor<1x2x4x6xf32> {
  %q_latent = attn.project %q_nope, %w_q : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  // expected-remark @+1 {{[Passed] materialize}}
  %o_latent = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, tensor<1x9x1x20xf32>) -> tensor<1x2x4x16xf32>
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}

// -----

!cache = !attn.kv_cache<heads = 1, parts = [latent : 16, rope : 4], f32, page = 8>

// CHECK-LABEL: func @cache
// CHECK-NOT: attn.decompress
func.func @cache(%cache: !cache, %w_q: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>,
                 %q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>) -> tensor<1x2x4x6xf32> {
  %q_latent = attn.project %q_nope, %w_q : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  // expected-remark @+1 {{the latent rows lie in a cache, which no op reads out}}
  %o_latent = attn.attend %q, %cache {heads = #attn.heads<q = 4, kv = 1>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, !cache) -> tensor<1x2x4x16xf32>
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}

// -----

// CHECK-LABEL: func @no_projection
// CHECK-NOT: attn.decompress
func.func @no_projection(%k: tensor<1x9x1x20xf32>, %w_uv: tensor<4x16x6xf32>, %q: tensor<1x2x4x20xf32>) -> tensor<1x2x4x6xf32> {
  // expected-remark @+1 {{the query's latent part is not one projection with W_UK}}
  %o_latent = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, tensor<1x9x1x20xf32>) -> tensor<1x2x4x16xf32>
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}

// -----

// CHECK-LABEL: func @output_kept
// CHECK-NOT: attn.decompress
func.func @output_kept(%k: tensor<1x9x1x20xf32>, %q: tensor<1x2x4x20xf32>) -> tensor<1x2x4x16xf32> {
  // expected-remark @+1 {{the output is not read by one projection with W_UV alone}}
  %o = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, tensor<1x9x1x20xf32>) -> tensor<1x2x4x16xf32>
  return %o : tensor<1x2x4x16xf32>
}

// -----

// Two latent rows a token, which share one rotary key.

// CHECK-LABEL: func @grouped_latents(
// CHECK: attn.decompress %{{.*}}, %{{.*}} : (tensor<1x9x2x16xf32>, tensor<4x16x8xf32>) -> tensor<1x9x4x8xf32>
// CHECK: attn.decompress %{{.*}}, %{{.*}} : (tensor<1x9x2x16xf32>, tensor<4x16x6xf32>) -> tensor<1x9x4x6xf32>
// CHECK: attn.attend
// CHECK-SAME: heads = #attn.heads<q = 4, kv = 4>
func.func @grouped_latents(%c: tensor<1x9x2x16xf32>, %k_rope: tensor<1x9x4xf32>, %w_q: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>,
                           %q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>) -> tensor<1x2x4x6xf32> {
  %q_latent = attn.project %q_nope, %w_q : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  %init = tensor.empty() : tensor<1x9x2x4xf32>
  %shared = linalg.broadcast ins(%k_rope : tensor<1x9x4xf32>) outs(%init : tensor<1x9x2x4xf32>) dimensions = [2]
  %k = tensor.concat dim(3) %c, %shared : (tensor<1x9x2x16xf32>, tensor<1x9x2x4xf32>) -> tensor<1x9x2x20xf32>
  // expected-remark @+1 {{K and V decompressed for every head}}
  %o_latent = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6, groups = 2>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, tensor<1x9x2x20xf32>) -> tensor<1x2x4x16xf32>
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}

// -----

// Rows with a rotary part of their own: it is repeated for the heads of the
// group.

// CHECK-LABEL: func @grouped_rows(
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: tensor<1x9x2x20xf32>
// CHECK-DAG: %[[ROPE:.*]] = tensor.extract_slice %[[ROWS]][0, 0, 0, 16] [1, 9, 2, 4] [1, 1, 1, 1]
// CHECK: %[[REPEATED:.*]] = linalg.broadcast ins(%[[ROPE]] : tensor<1x9x2x4xf32>) outs(%{{.*}} : tensor<1x9x2x2x4xf32>) dimensions = [3]
// CHECK: %[[K_ROPE:.*]] = tensor.collapse_shape %[[REPEATED]] {{\[\[}}0], [1], [2, 3], [4]]
// CHECK: tensor.concat dim(3) %{{.*}}, %[[K_ROPE]] : (tensor<1x9x4x8xf32>, tensor<1x9x4x4xf32>)
func.func @grouped_rows(%k: tensor<1x9x2x20xf32>, %w_q: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>,
                        %q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>) -> tensor<1x2x4x6xf32> {
  %q_latent = attn.project %q_nope, %w_q : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  // expected-remark @+1 {{K and V decompressed for every head}}
  %o_latent = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 2>,
      latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6, groups = 2>, scale = 0.288675 : f32}
     : (tensor<1x2x4x20xf32>, tensor<1x9x2x20xf32>) -> tensor<1x2x4x16xf32>
  %o = attn.project %o_latent, %w_uv : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}
