// RUN: attn-opt %s -split-input-file --attn-raise --remarks-filter=attn -verify-diagnostics | FileCheck %s

// Attention as exporters print it: heads are part of the batch.

#id = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @plain(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: {{[^,]*}}, %[[K:[a-z0-9]+]]: {{[^,]*}}, %[[V:[a-z0-9]+]]:
// CHECK-DAG: %[[Q4:.*]] = tensor.expand_shape %[[Q]] {{.*}} into tensor<6x3x1x8xf32>
// CHECK-DAG: %[[K4:.*]] = tensor.expand_shape %[[K]] {{.*}} into tensor<6x9x1x8xf32>
// CHECK-DAG: %[[V4:.*]] = tensor.expand_shape %[[V]] {{.*}} into tensor<6x9x1x5xf32>
// CHECK: %[[O4:.*]] = attn.attend %[[Q4]], %[[K4]], %[[V4]] {heads = #attn.heads<q = 1, kv = 1>, scale = 2.500000e-01 : f32}
// CHECK: %[[O:.*]] = tensor.collapse_shape %[[O4]]
// CHECK: return %[[O]]
func.func @plain(%q: tensor<6x3x8xf32>, %k: tensor<6x9x8xf32>, %v: tensor<6x9x5xf32>) -> tensor<6x3x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<6x8x9xf32>
  %kt = linalg.transpose ins(%k : tensor<6x9x8xf32>) outs(%e0 : tensor<6x8x9xf32>) permutation = [0, 2, 1]
  %e1 = tensor.empty() : tensor<6x3x9xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<6x3x8xf32>, tensor<6x8x9xf32>) outs(%f1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %four = arith.constant 4.0 : f32
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<6x3x9xf32>) outs(%e1 : tensor<6x3x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %y = arith.divf %in, %four : f32
      linalg.yield %y : f32
    } -> tensor<6x3x9xf32>
  %p = linalg.softmax dimension(2) ins(%x : tensor<6x3x9xf32>) outs(%e1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %e2 = tensor.empty() : tensor<6x3x5xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<6x3x5xf32>) -> tensor<6x3x5xf32>
  // expected-remark @+1 {{[Passed] raise}}
  %o = linalg.batch_matmul ins(%p, %v : tensor<6x3x9xf32>, tensor<6x9x5xf32>) outs(%f2 : tensor<6x3x5xf32>) -> tensor<6x3x5xf32>
  return %o : tensor<6x3x5xf32>
}

// -----

// GQA as Hugging Face writes it: repeat_kv, a causal mask by index, heads
// collapsed into the batch. K and V are read before they are repeated.

#id = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @grouped_causal(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x3x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x2x9x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x2x9x5xf32>
// CHECK-NOT: linalg.broadcast
// CHECK-DAG: %[[QT:.*]] = linalg.transpose ins(%[[Q]] : {{.*}} permutation = [0, 2, 1, 3]
// CHECK-DAG: %[[KT:.*]] = linalg.transpose ins(%[[K]] : {{.*}} permutation = [0, 2, 1, 3]
// CHECK-DAG: %[[VT:.*]] = linalg.transpose ins(%[[V]] : {{.*}} permutation = [0, 2, 1, 3]
// CHECK: attn.attend %[[QT]], %[[KT]], %[[VT]] {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal>, scale = 2.500000e-01 : f32} : (tensor<2x3x4x8xf32>, tensor<2x9x2x8xf32>, tensor<2x9x2x5xf32>) -> tensor<2x3x4x5xf32>
func.func @grouped_causal(%q4: tensor<2x4x3x8xf32>, %k_few: tensor<2x2x9x8xf32>, %v_few: tensor<2x2x9x5xf32>) -> tensor<8x3x5xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %ek = tensor.empty() : tensor<2x2x2x9x8xf32>
  %k5 = linalg.broadcast ins(%k_few : tensor<2x2x9x8xf32>) outs(%ek : tensor<2x2x2x9x8xf32>) dimensions = [2]
  %k4 = tensor.collapse_shape %k5 [[0], [1, 2], [3], [4]] : tensor<2x2x2x9x8xf32> into tensor<2x4x9x8xf32>
  %ev = tensor.empty() : tensor<2x2x2x9x5xf32>
  %v5 = linalg.broadcast ins(%v_few : tensor<2x2x9x5xf32>) outs(%ev : tensor<2x2x2x9x5xf32>) dimensions = [2]
  %v4 = tensor.collapse_shape %v5 [[0], [1, 2], [3], [4]] : tensor<2x2x2x9x5xf32> into tensor<2x4x9x5xf32>
  %q = tensor.collapse_shape %q4 [[0, 1], [2], [3]] : tensor<2x4x3x8xf32> into tensor<8x3x8xf32>
  %k = tensor.collapse_shape %k4 [[0, 1], [2], [3]] : tensor<2x4x9x8xf32> into tensor<8x9x8xf32>
  %v = tensor.collapse_shape %v4 [[0, 1], [2], [3]] : tensor<2x4x9x5xf32> into tensor<8x9x5xf32>
  %e0 = tensor.empty() : tensor<8x8x9xf32>
  %kt = linalg.transpose ins(%k : tensor<8x9x8xf32>) outs(%e0 : tensor<8x8x9xf32>) permutation = [0, 2, 1]
  %e1 = tensor.empty() : tensor<8x3x9xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<8x3x9xf32>) -> tensor<8x3x9xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<8x3x8xf32>, tensor<8x8x9xf32>) outs(%f1 : tensor<8x3x9xf32>) -> tensor<8x3x9xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<8x3x9xf32>) outs(%e1 : tensor<8x3x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %y = arith.mulf %in, %scale : f32
      linalg.yield %y : f32
    } -> tensor<8x3x9xf32>
  %m = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<8x3x9xf32>) outs(%e1 : tensor<8x3x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %i = linalg.index 1 : index
      %j = linalg.index 2 : index
      %past = arith.constant 6 : index
      %last = arith.addi %i, %past : index
      %hidden = arith.cmpi sgt, %j, %last : index
      %y = arith.select %hidden, %lowest, %in : f32
      linalg.yield %y : f32
    } -> tensor<8x3x9xf32>
  %p = linalg.softmax dimension(2) ins(%m : tensor<8x3x9xf32>) outs(%e1 : tensor<8x3x9xf32>) -> tensor<8x3x9xf32>
  %e2 = tensor.empty() : tensor<8x3x5xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<8x3x5xf32>) -> tensor<8x3x5xf32>
  // expected-remark @+2 {{causal attention}}
  // expected-remark @+1 {{repeated K and V heads shared instead}}
  %o = linalg.batch_matmul ins(%p, %v : tensor<8x3x9xf32>, tensor<8x9x5xf32>) outs(%f2 : tensor<8x3x5xf32>) -> tensor<8x3x5xf32>
  return %o : tensor<8x3x5xf32>
}

// -----

// A dense mask is another input of the scores: it hides what it means.

#id = affine_map<(b, i, j) -> (b, i, j)>
#mask = affine_map<(b, i, j) -> (i, j)>

// CHECK-LABEL: func @dense_mask
// CHECK-NOT: attn.attend
func.func @dense_mask(%q: tensor<6x3x8xf32>, %kt: tensor<6x8x9xf32>, %v: tensor<6x9x5xf32>, %mask: tensor<3x9xf32>) -> tensor<6x3x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<6x3x9xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<6x3x8xf32>, tensor<6x8x9xf32>) outs(%f1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %x = linalg.generic {indexing_maps = [#id, #mask, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %mask : tensor<6x3x9xf32>, tensor<3x9xf32>) outs(%e1 : tensor<6x3x9xf32>) {
    ^bb0(%in: f32, %bias: f32, %out: f32):
      %y = arith.addf %in, %bias : f32
      linalg.yield %y : f32
    } -> tensor<6x3x9xf32>
  %p = linalg.softmax dimension(2) ins(%x : tensor<6x3x9xf32>) outs(%e1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %e2 = tensor.empty() : tensor<6x3x5xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<6x3x5xf32>) -> tensor<6x3x5xf32>
  // expected-remark @+1 {{an op with several inputs, such as a dense mask, changes the scores}}
  %o = linalg.batch_matmul ins(%p, %v : tensor<6x3x9xf32>, tensor<6x9x5xf32>) outs(%f2 : tensor<6x3x5xf32>) -> tensor<6x3x5xf32>
  return %o : tensor<6x3x5xf32>
}

// -----

// A mask aligned at the first token is causal only where S = T.

#id = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @top_left_mask
// CHECK-NOT: attn.attend
func.func @top_left_mask(%q: tensor<6x3x8xf32>, %k: tensor<6x9x8xf32>, %v: tensor<6x9x5xf32>) -> tensor<6x3x5xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %e0 = tensor.empty() : tensor<6x8x9xf32>
  %kt = linalg.transpose ins(%k : tensor<6x9x8xf32>) outs(%e0 : tensor<6x8x9xf32>) permutation = [0, 2, 1]
  %e1 = tensor.empty() : tensor<6x3x9xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<6x3x8xf32>, tensor<6x8x9xf32>) outs(%f1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %m = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<6x3x9xf32>) outs(%e1 : tensor<6x3x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %i = linalg.index 1 : index
      %j = linalg.index 2 : index
      %hidden = arith.cmpi sgt, %j, %i : index
      %y = arith.select %hidden, %lowest, %in : f32
      linalg.yield %y : f32
    } -> tensor<6x3x9xf32>
  %p = linalg.softmax dimension(2) ins(%m : tensor<6x3x9xf32>) outs(%e1 : tensor<6x3x9xf32>) -> tensor<6x3x9xf32>
  %e2 = tensor.empty() : tensor<6x3x5xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<6x3x5xf32>) -> tensor<6x3x5xf32>
  // expected-remark @+1 {{an op on the scores is neither a scale nor a causal mask aligned at the last token}}
  %o = linalg.batch_matmul ins(%p, %v : tensor<6x3x9xf32>, tensor<6x9x5xf32>) outs(%f2 : tensor<6x3x5xf32>) -> tensor<6x3x5xf32>
  return %o : tensor<6x3x5xf32>
}
