// RUN: attn-opt %s -split-input-file --attn-fuse-decompress --remarks-filter=attn -verify-diagnostics | FileCheck %s

// DeepSeek-V2's block as the paper writes it. The decompressions go into the
// attention: it reads the row as it is cached, and brings the weights along.

// CHECK-LABEL: func @paper(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<1x?x16xf32>, %[[W_UK:[a-z0-9]+]]: {{[^,]*}}, %[[W_UV:[a-z0-9]+]]: {{[^,]*}}, %[[Q_NOPE:[a-z0-9]+]]: {{[^,]*}}, %[[Q_ROPE:[a-z0-9]+]]: {{[^,]*}}, %[[K_ROPE:[a-z0-9]+]]:
// CHECK-NOT: attn.decompress
// CHECK-DAG: %[[ROW:.*]] = tensor.concat dim(2) %[[C]], %[[K_ROPE]] : (tensor<1x?x16xf32>, tensor<1x?x4xf32>) -> tensor<1x?x20xf32>
// CHECK-DAG: %[[Q:.*]] = tensor.concat dim(3) %[[Q_NOPE]], %[[Q_ROPE]]
// CHECK: %[[K:.*]] = tensor.expand_shape %[[ROW]] {{\[\[}}0], [1], [2, 3]]
// CHECK: %[[O:.*]] = attn.attend %[[Q]], %[[K]] up(%[[W_UK]], %[[W_UV]]) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 6>, mask = #attn.mask<causal>, scale = 2.886750e-01 : f32}
// CHECK-SAME: (tensor<1x2x4x12xf32>, tensor<1x?x1x20xf32>, tensor<4x16x8xf32>, tensor<4x16x6xf32>) -> tensor<1x2x4x6xf32>
// CHECK: return %[[O]]
func.func @paper(%c: tensor<1x?x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                 %q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>, %k_rope: tensor<1x?x4xf32>) -> tensor<1x2x4x6xf32> {
  %one = arith.constant 1 : index
  %k_nope = attn.decompress %c, %w_uk : (tensor<1x?x16xf32>, tensor<4x16x8xf32>) -> tensor<1x?x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<1x?x16xf32>, tensor<4x16x6xf32>) -> tensor<1x?x4x6xf32>
  %t = tensor.dim %k_rope, %one : tensor<1x?x4xf32>
  %init = tensor.empty(%t) : tensor<1x?x4x4xf32>
  %k_rope_all = linalg.broadcast ins(%k_rope : tensor<1x?x4xf32>) outs(%init : tensor<1x?x4x4xf32>) dimensions = [2]
  %k = tensor.concat dim(3) %k_nope, %k_rope_all : (tensor<1x?x4x8xf32>, tensor<1x?x4x4xf32>) -> tensor<1x?x4x12xf32>
  %q = tensor.concat dim(3) %q_nope, %q_rope : (tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x12xf32>
  // expected-remark @+1 {{K and V decompressed tile by tile inside the attention}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, mask = #attn.mask<causal>, scale = 0.288675 : f32}
     : (tensor<1x2x4x12xf32>, tensor<1x?x4x12xf32>, tensor<1x?x4x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}

// -----

// From the absorbed form, over a cache that no op could read out: the query is
// no longer projected, the weight stored for it is transposed.

!cache = !attn.kv_cache<heads = 1, parts = [latent : 16, rope : 4], f32, page = 8>

// CHECK-LABEL: func @block(
// CHECK-SAME: %[[Q_NOPE:[a-z0-9]+]]: {{[^,]*}}, %[[Q_ROPE:[a-z0-9]+]]: {{[^,]*}}, %[[ROWS:[a-z0-9]+]]: !attn.kv_cache<{{[^>]*}}>, %[[W_T:[a-z0-9]+]]: {{[^,]*}}, %[[W_UV:[a-z0-9]+]]:
// CHECK-NOT: attn.project
// CHECK-DAG: %[[Q:.*]] = tensor.concat dim(3) %[[Q_NOPE]], %[[Q_ROPE]]
// CHECK-DAG: %[[W_UK:.*]] = linalg.transpose ins(%[[W_T]] : tensor<4x8x16xf32>)
// CHECK: attn.attend %[[Q]], %[[ROWS]] up(%[[W_UK]], %[[W_UV]]) {form = #attn.form<fused_decompress>
// CHECK-NOT: attn.project
func.func @block(%q_nope: tensor<1x2x4x8xf32>, %q_rope: tensor<1x2x4x4xf32>, %rows: !cache,
                 %w_t: tensor<4x8x16xf32>, %w_uv: tensor<4x16x6xf32>) -> (tensor<1x2x4x6xf32>, tensor<1x2x4xf32>) {
  %q_latent = attn.project %q_nope, %w_t : (tensor<1x2x4x8xf32>, tensor<4x8x16xf32>) -> tensor<1x2x4x16xf32>
  %q = tensor.concat dim(3) %q_latent, %q_rope : (tensor<1x2x4x16xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x20xf32>
  // expected-remark @+1 {{[Passed] fuse-decompress}}
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

// A norm on the keys (QK-norm) is not linear in the latent row.

// CHECK-LABEL: func @qk_norm(
// CHECK: attn.decompress
// CHECK-NOT: up(
func.func @qk_norm(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                   %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k_raw = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %init = tensor.empty() : tensor<2x9x4x8xf32>
  %k = linalg.softmax dimension(3) ins(%k_raw : tensor<2x9x4x8xf32>) outs(%init : tensor<2x9x4x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{'linalg.softmax' stands between the decompression and K}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// Two latent rows a token, each for two heads.

// CHECK-LABEL: func @groups(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<2x9x2x16xf32>
// CHECK-NOT: attn.decompress
// CHECK: attn.attend %{{.*}}, %[[C]] up(%{{.*}}, %{{.*}}) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 4, kv = 2>, latent = #attn.latent<rank = 16, rope = 0, nope = 8, v = 6, groups = 2>
func.func @groups(%c: tensor<2x9x2x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                  %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x2x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x2x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{[Passed] fuse-decompress}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// With a rotary key behind each of them, which the heads of its group share:
// the rows are read as they are.

// CHECK-LABEL: func @grouped_rows(
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: tensor<1x?x2x20xf32>
// CHECK-NOT: attn.decompress
// CHECK: attn.attend %{{.*}}, %[[ROWS]] up(%{{.*}}, %{{.*}}) {{.*}}heads = #attn.heads<q = 4, kv = 2>
func.func @grouped_rows(%rows: tensor<1x?x2x20xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                        %q: tensor<1x2x4x12xf32>) -> tensor<1x2x4x6xf32> {
  %one = arith.constant 1 : index
  %t = tensor.dim %rows, %one : tensor<1x?x2x20xf32>
  %c = tensor.extract_slice %rows[0, 0, 0, 0] [1, %t, 2, 16] [1, 1, 1, 1] : tensor<1x?x2x20xf32> to tensor<1x?x2x16xf32>
  %r = tensor.extract_slice %rows[0, 0, 0, 16] [1, %t, 2, 4] [1, 1, 1, 1] : tensor<1x?x2x20xf32> to tensor<1x?x2x4xf32>
  %k_nope = attn.decompress %c, %w_uk : (tensor<1x?x2x16xf32>, tensor<4x16x8xf32>) -> tensor<1x?x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<1x?x2x16xf32>, tensor<4x16x6xf32>) -> tensor<1x?x4x6xf32>
  %init = tensor.empty(%t) : tensor<1x?x2x2x4xf32>
  %all = linalg.broadcast ins(%r : tensor<1x?x2x4xf32>) outs(%init : tensor<1x?x2x2x4xf32>) dimensions = [3]
  %k_rope = tensor.collapse_shape %all [[0], [1], [2, 3], [4]] : tensor<1x?x2x2x4xf32> into tensor<1x?x4x4xf32>
  %k = tensor.concat dim(3) %k_nope, %k_rope : (tensor<1x?x4x8xf32>, tensor<1x?x4x4xf32>) -> tensor<1x?x4x12xf32>
  // expected-remark @+1 {{[Passed] fuse-decompress}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, mask = #attn.mask<causal>, scale = 0.288675 : f32}
     : (tensor<1x2x4x12xf32>, tensor<1x?x4x12xf32>, tensor<1x?x4x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}

// -----

// A rotary key for every two heads, and a latent row for all of them: no row
// has both.

// CHECK-LABEL: func @other_groups(
// CHECK: attn.decompress
// CHECK-NOT: up(
func.func @other_groups(%c: tensor<1x9x16xf32>, %r: tensor<1x9x2x4xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                        %q: tensor<1x2x4x12xf32>) -> tensor<1x2x4x6xf32> {
  %k_nope = attn.decompress %c, %w_uk : (tensor<1x9x16xf32>, tensor<4x16x8xf32>) -> tensor<1x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<1x9x16xf32>, tensor<4x16x6xf32>) -> tensor<1x9x4x6xf32>
  %init = tensor.empty() : tensor<1x9x2x2x4xf32>
  %all = linalg.broadcast ins(%r : tensor<1x9x2x4xf32>) outs(%init : tensor<1x9x2x2x4xf32>) dimensions = [3]
  %k_rope = tensor.collapse_shape %all [[0], [1], [2, 3], [4]] : tensor<1x9x2x2x4xf32> into tensor<1x9x4x4xf32>
  %k = tensor.concat dim(3) %k_nope, %k_rope : (tensor<1x9x4x8xf32>, tensor<1x9x4x4xf32>) -> tensor<1x9x4x12xf32>
  // expected-remark @+1 {{the rotary key has other groups than the latent}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, mask = #attn.mask<causal>, scale = 0.288675 : f32}
     : (tensor<1x2x4x12xf32>, tensor<1x9x4x12xf32>, tensor<1x9x4x6xf32>) -> tensor<1x2x4x6xf32>
  return %o : tensor<1x2x4x6xf32>
}
