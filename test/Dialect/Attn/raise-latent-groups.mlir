// RUN: attn-opt %s --attn-raise --remarks-filter=attn -verify-diagnostics | FileCheck %s
// RUN: attn-opt %s --attn-raise --attn-absorb | FileCheck %s --check-prefix=ABSORBED

// Grouped latents without an attn op: two rows a token, each multiplied by the
// weight of its group, which gives K and V of two heads; no rotary part. Groups
// come first for the batched product, and are joined to heads behind it.

#id = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @groups(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<1x5x2x8xf32>, %[[W_K:[a-z0-9]+]]: tensor<2x8x12xf32>
// CHECK: %[[W4:.*]] = tensor.expand_shape %[[W_K]] {{.*}} into tensor<2x8x2x6xf32>
// CHECK: %[[WT:.*]] = linalg.transpose ins(%[[W4]] : {{.*}} permutation = [0, 2, 1, 3]
// CHECK: %[[W3:.*]] = tensor.collapse_shape %[[WT]] {{.*}} into tensor<4x8x6xf32>
// CHECK: attn.decompress %[[C]], %[[W3]] : (tensor<1x5x2x8xf32>, tensor<4x8x6xf32>) -> tensor<1x5x4x6xf32>
// CHECK: attn.decompress %[[C]], %{{.*}} : (tensor<1x5x2x8xf32>, tensor<4x8x7xf32>) -> tensor<1x5x4x7xf32>
// CHECK: attn.attend

// ABSORBED-LABEL: func @groups(
// ABSORBED-NOT: attn.decompress
// ABSORBED: attn.attend %{{.*}}, %arg0 {heads = #attn.heads<q = 4, kv = 2>, latent = #attn.latent<rank = 8, rope = 0, nope = 6, v = 7, groups = 2>
func.func @groups(%c: tensor<1x5x2x8xf32>, %w_k: tensor<2x8x12xf32>, %w_v: tensor<2x8x14xf32>, %q4: tensor<1x4x3x6xf32>) -> tensor<4x3x7xf32> {
  %zero = arith.constant 0.0 : f32
  %rows = tensor.collapse_shape %c [[0, 1], [2], [3]] : tensor<1x5x2x8xf32> into tensor<5x2x8xf32>
  %ec = tensor.empty() : tensor<2x5x8xf32>
  %cg = linalg.transpose ins(%rows : tensor<5x2x8xf32>) outs(%ec : tensor<2x5x8xf32>) permutation = [1, 0, 2]
  %ek = tensor.empty() : tensor<2x5x12xf32>
  %fk = linalg.fill ins(%zero : f32) outs(%ek : tensor<2x5x12xf32>) -> tensor<2x5x12xf32>
  %yk = linalg.batch_matmul ins(%cg, %w_k : tensor<2x5x8xf32>, tensor<2x8x12xf32>) outs(%fk : tensor<2x5x12xf32>) -> tensor<2x5x12xf32>
  %ekt = tensor.empty() : tensor<5x2x12xf32>
  %ykt = linalg.transpose ins(%yk : tensor<2x5x12xf32>) outs(%ekt : tensor<5x2x12xf32>) permutation = [1, 0, 2]
  %yk2 = tensor.collapse_shape %ykt [[0], [1, 2]] : tensor<5x2x12xf32> into tensor<5x24xf32>
  // expected-remark @+1 {{decompression of a latent}}
  %k_t = tensor.expand_shape %yk2 [[0, 1], [2, 3]] output_shape [1, 5, 4, 6] : tensor<5x24xf32> into tensor<1x5x4x6xf32>
  %ev = tensor.empty() : tensor<2x5x14xf32>
  %fv = linalg.fill ins(%zero : f32) outs(%ev : tensor<2x5x14xf32>) -> tensor<2x5x14xf32>
  %yv = linalg.batch_matmul ins(%cg, %w_v : tensor<2x5x8xf32>, tensor<2x8x14xf32>) outs(%fv : tensor<2x5x14xf32>) -> tensor<2x5x14xf32>
  %evt = tensor.empty() : tensor<5x2x14xf32>
  %yvt = linalg.transpose ins(%yv : tensor<2x5x14xf32>) outs(%evt : tensor<5x2x14xf32>) permutation = [1, 0, 2]
  %yv2 = tensor.collapse_shape %yvt [[0], [1, 2]] : tensor<5x2x14xf32> into tensor<5x28xf32>
  // expected-remark @+1 {{decompression of a latent}}
  %v_t = tensor.expand_shape %yv2 [[0, 1], [2, 3]] output_shape [1, 5, 4, 7] : tensor<5x28xf32> into tensor<1x5x4x7xf32>
  %ekh = tensor.empty() : tensor<1x4x5x6xf32>
  %k4 = linalg.transpose ins(%k_t : tensor<1x5x4x6xf32>) outs(%ekh : tensor<1x4x5x6xf32>) permutation = [0, 2, 1, 3]
  %evh = tensor.empty() : tensor<1x4x5x7xf32>
  %v4 = linalg.transpose ins(%v_t : tensor<1x5x4x7xf32>) outs(%evh : tensor<1x4x5x7xf32>) permutation = [0, 2, 1, 3]
  %q = tensor.collapse_shape %q4 [[0, 1], [2], [3]] : tensor<1x4x3x6xf32> into tensor<4x3x6xf32>
  %k = tensor.collapse_shape %k4 [[0, 1], [2], [3]] : tensor<1x4x5x6xf32> into tensor<4x5x6xf32>
  %v = tensor.collapse_shape %v4 [[0, 1], [2], [3]] : tensor<1x4x5x7xf32> into tensor<4x5x7xf32>
  %e0 = tensor.empty() : tensor<4x6x5xf32>
  %kt = linalg.transpose ins(%k : tensor<4x5x6xf32>) outs(%e0 : tensor<4x6x5xf32>) permutation = [0, 2, 1]
  %e1 = tensor.empty() : tensor<4x3x5xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<4x3x6xf32>, tensor<4x6x5xf32>) outs(%f1 : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %p = linalg.softmax dimension(2) ins(%s : tensor<4x3x5xf32>) outs(%e1 : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %e2 = tensor.empty() : tensor<4x3x7xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x3x7xf32>) -> tensor<4x3x7xf32>
  // expected-remark @+1 {{[Passed] raise}}
  %o = linalg.batch_matmul ins(%p, %v : tensor<4x3x5xf32>, tensor<4x5x7xf32>) outs(%f2 : tensor<4x3x7xf32>) -> tensor<4x3x7xf32>
  return %o : tensor<4x3x7xf32>
}
