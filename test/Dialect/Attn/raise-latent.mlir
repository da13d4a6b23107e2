// RUN: attn-opt %s --attn-raise --remarks-filter=attn -verify-diagnostics | FileCheck %s
// RUN: attn-opt %s --attn-raise --attn-absorb | FileCheck %s --check-prefix=ABSORBED

// Latent attention without an attn op, as an exporter prints DeepSeek-V2's
// module: kv_b_proj on rows, heads before tokens, K and V split behind it, the
// rotary key expanded to the heads, heads collapsed into the batch.

#id = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @latent(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<2x9x16xf32>, %[[W:[a-z0-9]+]]: tensor<16x52xf32>
// CHECK: %[[W3:.*]] = tensor.expand_shape %[[W]] {{.*}} : tensor<16x52xf32> into tensor<16x4x13xf32>
// CHECK: %[[WT:.*]] = linalg.transpose ins(%[[W3]] : tensor<16x4x13xf32>) outs(%{{.*}} : tensor<4x16x13xf32>) permutation = [1, 0, 2]
// CHECK: attn.decompress %[[C]], %[[WT]] : (tensor<2x9x16xf32>, tensor<4x16x13xf32>) -> tensor<2x9x4x13xf32>
// CHECK: attn.attend
// CHECK-SAME: heads = #attn.heads<q = 4, kv = 4>

// ABSORBED-LABEL: func @latent(
// ABSORBED-NOT: attn.decompress
// ABSORBED: attn.project
// ABSORBED: attn.attend
// ABSORBED-SAME: heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 5>, scale = 2.500000e-01 : f32
// ABSORBED: attn.project
func.func @latent(%c: tensor<2x9x16xf32>, %w: tensor<16x52xf32>, %q4: tensor<2x4x3x12xf32>,
                  %k_rope: tensor<2x9x4xf32>) -> tensor<8x3x5xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %c2 = tensor.collapse_shape %c [[0, 1], [2]] : tensor<2x9x16xf32> into tensor<18x16xf32>
  %ey = tensor.empty() : tensor<18x52xf32>
  %fy = linalg.fill ins(%zero : f32) outs(%ey : tensor<18x52xf32>) -> tensor<18x52xf32>
  %y = linalg.matmul ins(%c2, %w : tensor<18x16xf32>, tensor<16x52xf32>) outs(%fy : tensor<18x52xf32>) -> tensor<18x52xf32>
  // expected-remark @+1 {{decompression of a latent}}
  %kv = tensor.expand_shape %y [[0, 1], [2, 3]] output_shape [2, 9, 4, 13] : tensor<18x52xf32> into tensor<2x9x4x13xf32>
  %ekv = tensor.empty() : tensor<2x4x9x13xf32>
  %kv_h = linalg.transpose ins(%kv : tensor<2x9x4x13xf32>) outs(%ekv : tensor<2x4x9x13xf32>) permutation = [0, 2, 1, 3]
  %k_nope = tensor.extract_slice %kv_h[0, 0, 0, 0] [2, 4, 9, 8] [1, 1, 1, 1] : tensor<2x4x9x13xf32> to tensor<2x4x9x8xf32>
  %v4 = tensor.extract_slice %kv_h[0, 0, 0, 8] [2, 4, 9, 5] [1, 1, 1, 1] : tensor<2x4x9x13xf32> to tensor<2x4x9x5xf32>
  %er = tensor.empty() : tensor<2x4x9x4xf32>
  %k_rope_all = linalg.broadcast ins(%k_rope : tensor<2x9x4xf32>) outs(%er : tensor<2x4x9x4xf32>) dimensions = [1]
  %k4 = tensor.concat dim(3) %k_nope, %k_rope_all : (tensor<2x4x9x8xf32>, tensor<2x4x9x4xf32>) -> tensor<2x4x9x12xf32>
  %q = tensor.collapse_shape %q4 [[0, 1], [2], [3]] : tensor<2x4x3x12xf32> into tensor<8x3x12xf32>
  %k = tensor.collapse_shape %k4 [[0, 1], [2], [3]] : tensor<2x4x9x12xf32> into tensor<8x9x12xf32>
  %v = tensor.collapse_shape %v4 [[0, 1], [2], [3]] : tensor<2x4x9x5xf32> into tensor<8x9x5xf32>
  %e0 = tensor.empty() : tensor<8x12x9xf32>
  %kt = linalg.transpose ins(%k : tensor<8x9x12xf32>) outs(%e0 : tensor<8x12x9xf32>) permutation = [0, 2, 1]
  %e1 = tensor.empty() : tensor<8x3x9xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<8x3x9xf32>) -> tensor<8x3x9xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<8x3x12xf32>, tensor<8x12x9xf32>) outs(%f1 : tensor<8x3x9xf32>) -> tensor<8x3x9xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<8x3x9xf32>) outs(%e1 : tensor<8x3x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %m = arith.mulf %in, %scale : f32
      linalg.yield %m : f32
    } -> tensor<8x3x9xf32>
  %p = linalg.softmax dimension(2) ins(%x : tensor<8x3x9xf32>) outs(%e1 : tensor<8x3x9xf32>) -> tensor<8x3x9xf32>
  %e2 = tensor.empty() : tensor<8x3x5xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<8x3x5xf32>) -> tensor<8x3x5xf32>
  // expected-remark @+1 {{[Passed] raise}}
  %o = linalg.batch_matmul ins(%p, %v : tensor<8x3x9xf32>, tensor<8x9x5xf32>) outs(%f2 : tensor<8x3x5xf32>) -> tensor<8x3x5xf32>
  return %o : tensor<8x3x5xf32>
}
