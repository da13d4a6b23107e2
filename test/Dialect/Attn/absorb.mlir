// RUN: attn-opt %s -split-input-file --attn-absorb --remarks-filter=attn -verify-diagnostics | FileCheck %s

// DeepSeek-V2's block as the paper writes it, at small widths. The rotary key
// is one row a token; every head sees a copy.

// CHECK-LABEL: func @block(
// CHECK-SAME: %[[HIDDEN:[a-z0-9]+]]: {{[^,]*}}, %[[W_DKV:[a-z0-9]+]]: {{[^,]*}}, %[[W_UK:[a-z0-9]+]]: {{[^,]*}}, %[[W_UV:[a-z0-9]+]]: {{[^,]*}},
// CHECK-SAME: %[[Q_NOPE:[a-z0-9]+]]: {{[^,]*}}, %[[Q_ROPE:[a-z0-9]+]]: {{[^,]*}}, %[[K_ROPE:[a-z0-9]+]]: {{[^,]*}})
// CHECK: %[[C:.*]] = attn.compress %[[HIDDEN]], %[[W_DKV]]
// The query goes to the latent space, by W_UK transposed.
// CHECK: %[[W_T:.*]] = linalg.transpose ins(%[[W_UK]] : tensor<4x16x8xf32>) outs(%{{.*}} : tensor<4x8x16xf32>) permutation = [0, 2, 1]
// CHECK: %[[Q_LATENT:.*]] = attn.project %[[Q_NOPE]], %[[W_T]] : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
// CHECK: %[[Q:.*]] = tensor.concat dim(3) %[[Q_LATENT]], %[[Q_ROPE]]
// The key is the row as it is cached, for all heads at once.
// CHECK: %[[ROW:.*]] = tensor.concat dim(2) %[[C]], %[[K_ROPE]] : (tensor<1x?x16xf32>, tensor<1x?x4xf32>) -> tensor<1x?x20xf32>
// CHECK: %[[K:.*]] = tensor.expand_shape %[[ROW]] {{\[\[}}0], [1], [2, 3]]
// CHECK: %[[O_LATENT:.*]] = attn.attend %[[Q]], %[[K]] {heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, mask = #attn.mask<causal>, scale = 2.886750e-01 : f32} : (tensor<1x2x4x20xf32>, tensor<1x?x1x20xf32>) -> tensor<1x2x4x16xf32>
// CHECK: %[[O:.*]] = attn.project %[[O_LATENT]], %[[W_UV]] : (tensor<1x2x4x16xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
// CHECK: return %[[O]]
func.func @block(%hidden: tensor<1x?x32xf32>, %w_dkv: tensor<32x16xf32>,
                 %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                 %q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>,
                 %k_rope: tensor<1x?x4xf32>) -> tensor<1x2x4x6xf32> {
  %one = arith.constant 1 : index
  %c = attn.compress %hidden, %w_dkv : (tensor<1x?x32xf32>, tensor<32x16xf32>) -> tensor<1x?x16xf32>
  %k_nope = attn.decompress %c, %w_uk : (tensor<1x?x16xf32>, tensor<4x16x8xf32>) -> tensor<1x?x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<1x?x16xf32>, tensor<4x16x6xf32>) -> tensor<1x?x4x6xf32>
  %t = tensor.dim %k_rope, %one : tensor<1x?x4xf32>
  %init = tensor.empty(%t) : tensor<1x?x4x4xf32>
  %k_rope_all = linalg.broadcast ins(%k_rope : tensor<1x?x4xf32>) outs(%init : tensor<1x?x4x4xf32>) dimensions = [2]
  %k = tensor.concat dim(3) %k_nope, %k_rope_all : (tensor<1x?x4x8xf32>, tensor<1x?x4x4xf32>) -> tensor<1x?x4x12xf32>
  %q = tensor.concat dim(3) %q_nope, %q_rope : (tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x12xf32>
  // expected-remark @+1 {{W_UK moved to the query, W_UV to the output}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, mask = #attn.mask<causal>, scale = 0.288675 : f32}
     : (tensor<1x2x4x12xf32>, tensor<1x?x4x12xf32>, tensor<1x?x4x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}

// -----

// One weight for K and V (Hugging Face's kv_b_proj), split behind the
// decompression; no rotary part. The weight is split instead, and the
// log-sum-exp, sinks, soft-cap and lengths go with the attention.

// CHECK-LABEL: func @combined_weight(
// CHECK-SAME: %[[C:[a-z0-9]+]]: {{[^,]*}}, %[[W:[a-z0-9]+]]: {{[^,]*}}, %[[Q:[a-z0-9]+]]:
// CHECK-NOT: attn.decompress
// CHECK: %[[W_UK:.*]] = tensor.extract_slice %[[W]][0, 0, 0] [4, 16, 8] [1, 1, 1]
// CHECK: %[[W_T:.*]] = linalg.transpose ins(%[[W_UK]]
// CHECK: attn.project %[[Q]], %[[W_T]]
// CHECK: %[[O_LATENT:.*]], %[[LSE:.*]] = attn.attend %{{.*}}, %{{.*}} lens(%{{.*}}) sinks(%{{.*}}) {heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 16, rope = 0, nope = 8, v = 6>, scale = 2.500000e-01 : f32, softcap = 3.000000e+01 : f32}
// CHECK: %[[W_UV:.*]] = tensor.extract_slice %[[W]][0, 0, 8] [4, 16, 6] [1, 1, 1]
// CHECK: %[[O:.*]] = attn.project %[[O_LATENT]], %[[W_UV]]
// CHECK: return %[[O]], %[[LSE]]
func.func @combined_weight(%c: tensor<2x9x16xf32>, %w: tensor<4x16x14xf32>, %q: tensor<2x1x4x8xf32>,
                           %lens: tensor<2xi32>, %sinks: tensor<4xf32>) -> (tensor<2x1x4x6xf32>, tensor<2x1x4xf32>) {
  %kv = attn.decompress %c, %w : (tensor<2x9x16xf32>, tensor<4x16x14xf32>) -> tensor<2x9x4x14xf32>
  %k = tensor.extract_slice %kv[0, 0, 0, 0] [2, 9, 4, 8] [1, 1, 1, 1] : tensor<2x9x4x14xf32> to tensor<2x9x4x8xf32>
  %v = tensor.extract_slice %kv[0, 0, 0, 8] [2, 9, 4, 6] [1, 1, 1, 1] : tensor<2x9x4x14xf32> to tensor<2x9x4x6xf32>
  // expected-remark @+1 {{[Passed] absorb}}
  %o, %lse = attn.attend %q, %k, %v lens(%lens) sinks(%sinks) {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32, softcap = 30.0 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>, tensor<2xi32>, tensor<4xf32>)
     -> (tensor<2x1x4x6xf32>, tensor<2x1x4xf32>)
  return %o, %lse : tensor<2x1x4x6xf32>, tensor<2x1x4xf32>
}

// -----

// RoPE on the whole key turns its shared columns only, so it turns the one row
// that they come from: dims 0 to 4 of it, not 8 to 12 of every head.

// CHECK-LABEL: func @rope_on_the_key(
// CHECK-SAME: %[[K_ROPE:[a-z0-9]+]]: tensor<2x9x4xf32>, %[[POSITIONS:[a-z0-9]+]]: tensor<2x9xi32>
// CHECK: %[[HEAD:.*]] = tensor.expand_shape %[[K_ROPE]]
// CHECK: %[[TURNED:.*]] = attn.rope %[[HEAD]], %[[POSITIONS]] {dims = 4 : i64, interleaved, offset = 0 : i64, theta = 1.000000e+04 : f32} : (tensor<2x9x1x4xf32>, tensor<2x9xi32>) -> tensor<2x9x1x4xf32>
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[TURNED]]
// CHECK: tensor.concat dim(2) %{{.*}}, %[[ROWS]] : (tensor<2x9x16xf32>, tensor<2x9x4xf32>)
// CHECK: attn.attend
// CHECK-SAME: kv = 1
func.func @rope_on_the_key(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                           %q: tensor<2x1x4x12xf32>, %k_rope: tensor<2x9x4xf32>, %positions: tensor<2x9xi32>) -> tensor<2x1x4x6xf32> {
  %k_nope = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  %init = tensor.empty() : tensor<2x9x4x4xf32>
  %k_rope_all = linalg.broadcast ins(%k_rope : tensor<2x9x4xf32>) outs(%init : tensor<2x9x4x4xf32>) dimensions = [2]
  %k_raw = tensor.concat dim(3) %k_nope, %k_rope_all : (tensor<2x9x4x8xf32>, tensor<2x9x4x4xf32>) -> tensor<2x9x4x12xf32>
  %k = attn.rope %k_raw, %positions {theta = 1.0e4 : f32, offset = 8 : i64, dims = 4 : i64, interleaved}
    : (tensor<2x9x4x12xf32>, tensor<2x9xi32>) -> tensor<2x9x4x12xf32>
  // expected-remark @+1 {{[Passed] absorb}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x12xf32>, tensor<2x9x4x12xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// The score region sees the same scores, heads and positions: it moves along.

// CHECK-LABEL: func @score_region(
// CHECK: attn.attend
// CHECK-SAME: kv = 1
// CHECK-SAME: score {
// CHECK: arith.addf
// CHECK: attn.project
func.func @score_region(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                        %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{[Passed] absorb}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      %f = arith.sitofp %h : i32 to f32
      %y = arith.addf %x, %f : f32
      attn.yield %y : f32
    } : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// Attention that has nothing to do with a latent is passed by in silence.

// CHECK-LABEL: func @not_latent(
// CHECK: attn.attend
// CHECK-SAME: kv = 2
func.func @not_latent(%q: tensor<2x1x4x8xf32>, %k: tensor<2x9x2x8xf32>, %v: tensor<2x9x2x6xf32>) -> tensor<2x1x4x6xf32> {
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x2x8xf32>, tensor<2x9x2x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// Grouped latents (GLA, arXiv 2505.21487): two rows a token, each for two query
// heads, and one rotary key for all. Each row becomes a KV head.

// CHECK-LABEL: func @grouped_latents(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<2x?x2x16xf32>, %[[W_UK:[a-z0-9]+]]: {{[^,]*}}, %[[W_UV:[a-z0-9]+]]: {{[^,]*}}, %[[Q_NOPE:[a-z0-9]+]]: {{[^,]*}}, %[[Q_ROPE:[a-z0-9]+]]: {{[^,]*}}, %[[K_ROPE:[a-z0-9]+]]:
// CHECK-NOT: attn.decompress
// CHECK: %[[Q_LATENT:.*]] = attn.project %[[Q_NOPE]], %{{.*}} : (tensor<2x1x4x8xf32>, tensor<4x8x16xf32>) -> tensor<2x1x4x16xf32>
// CHECK: %[[Q:.*]] = tensor.concat dim(3) %[[Q_LATENT]], %[[Q_ROPE]]
// CHECK: %[[SHARED:.*]] = linalg.broadcast ins(%[[K_ROPE]] : tensor<2x?x4xf32>) outs(%{{.*}} : tensor<2x?x2x4xf32>) dimensions = [2]
// CHECK: %[[K:.*]] = tensor.concat dim(3) %[[C]], %[[SHARED]] : (tensor<2x?x2x16xf32>, tensor<2x?x2x4xf32>) -> tensor<2x?x2x20xf32>
// CHECK: %[[O_LATENT:.*]] = attn.attend %[[Q]], %[[K]] {heads = #attn.heads<q = 4, kv = 2>, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6, groups = 2>, scale = 2.500000e-01 : f32}
// CHECK: attn.project %[[O_LATENT]], %[[W_UV]]
func.func @grouped_latents(%c: tensor<2x?x2x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                           %q_nope: tensor<2x1x4x8xf32>, %q_rope: tensor<2x1x4x4xf32>, %k_rope: tensor<2x?x4xf32>) -> tensor<2x1x4x6xf32> {
  %one = arith.constant 1 : index
  %k_nope = attn.decompress %c, %w_uk : (tensor<2x?x2x16xf32>, tensor<4x16x8xf32>) -> tensor<2x?x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x?x2x16xf32>, tensor<4x16x6xf32>) -> tensor<2x?x4x6xf32>
  %t = tensor.dim %k_rope, %one : tensor<2x?x4xf32>
  %init = tensor.empty(%t) : tensor<2x?x4x4xf32>
  %k_rope_all = linalg.broadcast ins(%k_rope : tensor<2x?x4xf32>) outs(%init : tensor<2x?x4x4xf32>) dimensions = [2]
  %k = tensor.concat dim(3) %k_nope, %k_rope_all : (tensor<2x?x4x8xf32>, tensor<2x?x4x4xf32>) -> tensor<2x?x4x12xf32>
  %q = tensor.concat dim(3) %q_nope, %q_rope : (tensor<2x1x4x8xf32>, tensor<2x1x4x4xf32>) -> tensor<2x1x4x12xf32>
  // expected-remark @+1 {{[Passed] absorb}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x12xf32>, tensor<2x?x4x12xf32>, tensor<2x?x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}
