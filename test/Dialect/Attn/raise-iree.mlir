// RUN: attn-opt %s -split-input-file --allow-unregistered-dialect --attn-raise --remarks-filter=attn -verify-diagnostics | FileCheck %s

// Batch and heads, tokens before widths, and a value that is stored transposed.

#q = affine_map<(b, h, m, n, k1, k2) -> (b, h, m, k1)>
#k = affine_map<(b, h, m, n, k1, k2) -> (b, h, k2, k1)>
#v = affine_map<(b, h, m, n, k1, k2) -> (b, h, n, k2)>
#s = affine_map<(b, h, m, n, k1, k2) -> ()>
#o = affine_map<(b, h, m, n, k1, k2) -> (b, h, m, n)>
// CHECK-LABEL: func @heads(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x?x8xf16>, %[[K:[a-z0-9]+]]: tensor<2x4x9x8xf16>, %[[V:[a-z0-9]+]]: tensor<2x4x6x9xf16>
// CHECK: linalg.transpose ins(%[[Q]] : {{.*}} permutation = [0, 2, 1, 3]
// CHECK: linalg.transpose ins(%[[K]] : {{.*}} permutation = [0, 2, 1, 3]
// CHECK: linalg.transpose ins(%[[V]] : {{.*}} permutation = [0, 3, 1, 2]
// CHECK: attn.attend {{.*}} {heads = #attn.heads<q = 4, kv = 4>, scale = 1.250000e-01 : f32}
// CHECK-SAME: (tensor<2x?x4x8xf16>, tensor<2x9x4x8xf16>, tensor<2x9x4x6xf16>) -> tensor<2x?x4x6xf16>
func.func @heads(%q: tensor<2x4x?x8xf16>, %k: tensor<2x4x9x8xf16>, %v: tensor<2x4x6x9xf16>, %init: tensor<2x4x?x6xf16>) -> tensor<2x4x?x6xf16> {
  %scale = arith.constant 1.250000e-01 : f16
  // expected-remark @+1 {{iree_linalg_ext.attention}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<2x4x?x8xf16>, tensor<2x4x9x8xf16>, tensor<2x4x6x9xf16>, f16, tensor<2x4x?x6xf16>) -> tensor<2x4x?x6xf16>
  return %o : tensor<2x4x?x6xf16>
}

// -----

// A loop of the query and the output only, besides the tokens: the query heads
// of each KV head. K and V are not repeated.

#q = affine_map<(b, h, g, m, n, k1, k2) -> (b, h, g, m, k1)>
#k = affine_map<(b, h, g, m, n, k1, k2) -> (b, k2, h, k1)>
#v = affine_map<(b, h, g, m, n, k1, k2) -> (b, k2, h, n)>
#s = affine_map<(b, h, g, m, n, k1, k2) -> ()>
#o = affine_map<(b, h, g, m, n, k1, k2) -> (b, h, g, m, n)>
// CHECK-LABEL: func @grouped(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: {{[^,]*}}, %[[K:[a-z0-9]+]]: {{[^,]*}}, %[[V:[a-z0-9]+]]:
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[Q]] : {{.*}} permutation = [0, 3, 1, 2, 4]
// CHECK: %[[QT:.*]] = tensor.collapse_shape %[[T]] {{\[}}[0], [1], [2, 3], [4]]
// CHECK: attn.attend %[[QT]], %[[K]], %[[V]] {heads = #attn.heads<q = 6, kv = 2>, scale = 1.000000e+00 : f32}
func.func @grouped(%q: tensor<2x2x3x1x8xf32>, %k: tensor<2x9x2x8xf32>, %v: tensor<2x9x2x6xf32>) -> tensor<2x2x3x1x6xf32> {
  %scale = arith.constant 1.0 : f32
  %init = tensor.empty() : tensor<2x2x3x1x6xf32>
  // expected-remark @+1 {{iree_linalg_ext.attention}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<2x2x3x1x8xf32>, tensor<2x9x2x8xf32>, tensor<2x9x2x6xf32>, f32, tensor<2x2x3x1x6xf32>) -> tensor<2x2x3x1x6xf32>
  return %o : tensor<2x2x3x1x6xf32>
}

// -----

// Heads collapsed into the batch: one head each.

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @batch(
// CHECK: attn.attend {{.*}} {heads = #attn.heads<q = 1, kv = 1>
// CHECK-SAME: tensor<20x3x1x8xf32>
func.func @batch(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant 0.25 : f32
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{iree_linalg_ext.attention}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, f32, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @changed_scores(
// CHECK: iree_linalg_ext.attention
func.func @changed_scores(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant 0.25 : f32
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{the region changes the scores}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      %t = math.tanh %score : f32
      "iree_linalg_ext.yield"(%t) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, f32, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#mask = affine_map<(b, m, n, k1, k2) -> (b, m, k2)>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @mask(
// CHECK: iree_linalg_ext.attention
func.func @mask(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>, %m: tensor<20x3x9xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant 0.25 : f32
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{a mask operand}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %m, %init) <{indexing_maps = [#q, #k, #v, #s, #mask, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, f32, tensor<20x3x9xf32>, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @runtime_scale(
// CHECK: iree_linalg_ext.attention
func.func @runtime_scale(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>, %scale: f32) -> tensor<20x3x8xf32> {
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{the scale is no constant}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, f32, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

// Two loops of the tokens, pages and tokens of a page.

#q = affine_map<(b, m, n, k1, p, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, p, k2) -> (b, p, k2, k1)>
#v = affine_map<(b, m, n, k1, p, k2) -> (b, p, k2, n)>
#s = affine_map<(b, m, n, k1, p, k2) -> ()>
#o = affine_map<(b, m, n, k1, p, k2) -> (b, m, n)>
// CHECK-LABEL: func @pages(
// CHECK: iree_linalg_ext.attention
func.func @pages(%q: tensor<20x3x8xf32>, %k: tensor<20x2x9x8xf32>, %v: tensor<20x2x9x8xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant 0.25 : f32
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{the loops are not batch, heads, tokens and widths}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x2x9x8xf32>, tensor<20x2x9x8xf32>, f32, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

// An older IREE, without maps.

// CHECK-LABEL: func @older(
// CHECK: iree_linalg_ext.attention
func.func @older(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant 0.25 : f32
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{the attribute transpose_v is not known here}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{transpose_v = true}>
    : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, f32, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

// What IREE's own verifier refuses is refused here too: its ops are read without
// it.

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2, x, y) -> (b, y, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @maps_of_other_loops(
// CHECK: iree_linalg_ext.attention
func.func @maps_of_other_loops(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant 0.25 : f32
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{no indexing map that permutes axes for each operand}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, f32, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @tensor_scale(
// CHECK: iree_linalg_ext.attention
func.func @tensor_scale(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant dense<0.25> : tensor<f32>
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{the scale is no constant}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, tensor<f32>, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @missing_value(
// CHECK: iree_linalg_ext.attention
func.func @missing_value(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: none) -> tensor<20x3x8xf32> {
  %scale = arith.constant 0.25 : f32
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{query, key or value is missing}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, none, f32, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}

// -----

#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
// CHECK-LABEL: func @huge_scale(
// CHECK: iree_linalg_ext.attention
func.func @huge_scale(%q: tensor<20x3x8xf32>, %k: tensor<20x9x8xf32>, %v: tensor<20x9x8xf32>) -> tensor<20x3x8xf32> {
  %scale = arith.constant 1.0e300 : f64
  %init = tensor.empty() : tensor<20x3x8xf32>
  // expected-remark @+1 {{the scale is no number of f32}}
  %o = "iree_linalg_ext.attention"(%q, %k, %v, %scale, %init) <{indexing_maps = [#q, #k, #v, #s, #o]}> ({
    ^bb0(%score: f32):
      "iree_linalg_ext.yield"(%score) : (f32) -> ()
  }) : (tensor<20x3x8xf32>, tensor<20x9x8xf32>, tensor<20x9x8xf32>, f64, tensor<20x3x8xf32>) -> tensor<20x3x8xf32>
  return %o : tensor<20x3x8xf32>
}
