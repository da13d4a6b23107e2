// RUN: attn-opt %s -split-input-file --allow-unregistered-dialect --attn-raise --remarks-filter=attn -verify-diagnostics | FileCheck %s

// Grouped heads, [B, heads, tokens, D], a soft-cap; as many tokens as queries,
// so that a causal mask aligned at the first token is one aligned at the last.

// CHECK-LABEL: func @grouped(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x5x8xf32>, %[[K:[a-z0-9]+]]: {{[^,]*}}, %[[V:[a-z0-9]+]]:
// CHECK: %[[QT:.*]] = linalg.transpose ins(%[[Q]] : {{.*}}) {{.*}} permutation = [0, 2, 1, 3]
// CHECK: %[[KT:.*]] = linalg.transpose ins(%[[K]] :
// CHECK: %[[VT:.*]] = linalg.transpose ins(%[[V]] :
// CHECK: %[[O:.*]] = attn.attend %[[QT]], %[[KT]], %[[VT]] {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal>, scale = 5.000000e-01 : f32, softcap = 3.000000e+01 : f32}
// CHECK: linalg.transpose ins(%[[O]] :
// CHECK-NOT: onnx
func.func @grouped(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>) -> tensor<2x4x5x6xf32> {
  %none = "onnx.NoValue"() {value} : () -> none
  // expected-remark @+1 {{ONNX Attention}}
  %y, %pk, %pv, %s = "onnx.Attention"(%q, %k, %v, %none, %none, %none, %none) {is_causal = 1 : si64, scale = 5.000000e-01 : f32, softcap = 3.000000e+01 : f32, qk_matmul_output_mode = 0 : si64}
    : (tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>, none, none, none, none) -> (tensor<2x4x5x6xf32>, none, none, none)
  return %y : tensor<2x4x5x6xf32>
}

// -----

// [B, tokens, heads * D] behind a cache: `past_key` is concatenated, and given
// back. The scale is 1 / sqrt(16).

// CHECK-LABEL: func @decode(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<1x1x64xf32>, %[[K:[a-z0-9]+]]: {{[^,]*}}, %[[V:[a-z0-9]+]]: {{[^,]*}}, %[[PK:[a-z0-9]+]]: {{[^,]*}}, %[[PV:[a-z0-9]+]]:
// CHECK-DAG: %[[Q4:.*]] = tensor.expand_shape %[[Q]] {{.*}} into tensor<1x1x4x16xf32>
// CHECK-DAG: %[[K4:.*]] = tensor.expand_shape %[[K]] {{.*}} into tensor<1x1x2x16xf32>
// CHECK-DAG: %[[V4:.*]] = tensor.expand_shape %[[V]] {{.*}} into tensor<1x1x2x16xf32>
// CHECK: %[[KEYS:.*]] = tensor.concat dim(1) %{{.*}}, %[[K4]] : (tensor<1x7x2x16xf32>, tensor<1x1x2x16xf32>) -> tensor<1x8x2x16xf32>
// CHECK: attn.attend %[[Q4]], %{{.*}}, %{{.*}} {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal>, scale = 2.500000e-01 : f32}
// CHECK: tensor.collapse_shape %{{.*}} {{.*}} into tensor<1x1x64xf32>
func.func @decode(%q: tensor<1x1x64xf32>, %k: tensor<1x1x32xf32>, %v: tensor<1x1x32xf32>, %pk: tensor<1x2x7x16xf32>, %pv: tensor<1x2x7x16xf32>)
    -> (tensor<1x1x64xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>) {
  %none = "onnx.NoValue"() {value} : () -> none
  // expected-remark @+1 {{ONNX Attention}}
  %y, %nk, %nv = "onnx.Attention"(%q, %k, %v, %none, %pk, %pv) <{is_causal = 1 : si64, kv_num_heads = 2 : si64, q_num_heads = 4 : si64}>
    : (tensor<1x1x64xf32>, tensor<1x1x32xf32>, tensor<1x1x32xf32>, none, tensor<1x2x7x16xf32>, tensor<1x2x7x16xf32>) -> (tensor<1x1x64xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
  return %y, %nk, %nv : tensor<1x1x64xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>
}

// -----

// Two queries over four tokens, causal from the first token on: nobody sees the
// last two. Ours is aligned at the last token, and gets the first two only.

// CHECK-LABEL: func @first_tokens(
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 2, 1, 8] [1, 1, 1, 1] : tensor<1x4x1x8xf32> to tensor<1x2x1x8xf32>
// CHECK: attn.attend
// CHECK-SAME: mask = #attn.mask<causal>
// CHECK-SAME: tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>
func.func @first_tokens(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x4x8xf32>, %v: tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32> {
  // expected-remark @+1 {{ONNX Attention}}
  %y = "onnx.Attention"(%q, %k, %v) {is_causal = 1 : si64} : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %y : tensor<1x1x2x8xf32>
}

// -----

// A cache kept outside, with a length for each sequence. At most 64 tokens fit,
// so 64-bit lengths are 32-bit ones.

// CHECK-LABEL: func @lengths(
// CHECK: %[[LENS:.*]] = linalg.generic {{.*}} ins(%arg3 : tensor<2xi64>)
// CHECK: arith.trunci
// CHECK: attn.attend %{{.*}}, %{{.*}}, %{{.*}} lens(%[[LENS]]) {heads = #attn.heads<q = 2, kv = 2>, mask = #attn.mask<causal>
func.func @lengths(%q: tensor<2x2x3x8xf32>, %k: tensor<2x2x64x8xf32>, %v: tensor<2x2x64x8xf32>, %n: tensor<2xi64>) -> tensor<2x2x3x8xf32> {
  %none = "onnx.NoValue"() {value} : () -> none
  // expected-remark @+1 {{ONNX Attention}}
  %y = "onnx.Attention"(%q, %k, %v, %none, %none, %none, %n) {is_causal = 1 : si64}
    : (tensor<2x2x3x8xf32>, tensor<2x2x64x8xf32>, tensor<2x2x64x8xf32>, none, none, none, tensor<2xi64>) -> tensor<2x2x3x8xf32>
  return %y : tensor<2x2x3x8xf32>
}

// -----

// A constant mask that says what an attribute says: a window of two.

// CHECK-LABEL: func @constant_window(
// CHECK: attn.attend
// CHECK-SAME: mask = #attn.mask<causal, window = 2>
func.func @constant_window(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x4x8xf32>, %v: tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32> {
  %mask = "onnx.Constant"() {value = dense<[[false, true, true, false], [false, false, true, true]]> : tensor<2x4xi1>} : () -> tensor<2x4xi1>
  // expected-remark @+1 {{ONNX Attention}}
  %y = "onnx.Attention"(%q, %k, %v, %mask) : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<2x4xi1>) -> tensor<1x1x2x8xf32>
  return %y : tensor<1x1x2x8xf32>
}

// -----

// CHECK-LABEL: func @constant_bias(
// CHECK: attn.attend
// CHECK-SAME: mask = #attn.mask<causal>
func.func @constant_bias(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x8xf32>) -> tensor<1x1x2x8xf32> {
  %mask = arith.constant dense<[[[[0.0, 0.0, 0xFF800000], [0.0, 0.0, 0.0]]]]> : tensor<1x1x2x3xf32>
  // expected-remark @+1 {{ONNX Attention}}
  %y = "onnx.Attention"(%q, %k, %v, %mask) : (tensor<1x1x2x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x2x3xf32>) -> tensor<1x1x2x8xf32>
  return %y : tensor<1x1x2x8xf32>
}

// -----

// A mask of another kind: the first query sees the last token.

// CHECK-LABEL: func @other_mask(
// CHECK: onnx.Attention
func.func @other_mask(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x8xf32>) -> tensor<1x1x2x8xf32> {
  %mask = arith.constant dense<[[false, true, true], [true, true, true]]> : tensor<2x3xi1>
  // expected-remark @+1 {{attn_mask is no constant of the causal or windowed kind, or shapes are unknown}}
  %y = "onnx.Attention"(%q, %k, %v, %mask) : (tensor<1x1x2x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>, tensor<2x3xi1>) -> tensor<1x1x2x8xf32>
  return %y : tensor<1x1x2x8xf32>
}

// -----

// CHECK-LABEL: func @dense_mask(
// CHECK: onnx.Attention
func.func @dense_mask(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x8xf32>, %mask: tensor<2x3xf32>) -> tensor<1x1x2x8xf32> {
  // expected-remark @+1 {{attn_mask is no constant}}
  %y = "onnx.Attention"(%q, %k, %v, %mask) : (tensor<1x1x2x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>, tensor<2x3xf32>) -> tensor<1x1x2x8xf32>
  return %y : tensor<1x1x2x8xf32>
}

// -----

// CHECK-LABEL: func @more_queries(
// CHECK: onnx.Attention
func.func @more_queries(%q: tensor<1x1x4x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x8xf32>) -> tensor<1x1x4x8xf32> {
  // expected-remark @+1 {{the causal mask is aligned at the first token, and there are fewer tokens than queries}}
  %y = "onnx.Attention"(%q, %k, %v) {is_causal = 1 : si64} : (tensor<1x1x4x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x4x8xf32>
  return %y : tensor<1x1x4x8xf32>
}

// -----

// CHECK-LABEL: func @unknown_tokens(
// CHECK: onnx.Attention
func.func @unknown_tokens(%q: tensor<1x1x?x8xf32>, %k: tensor<1x1x?x8xf32>, %v: tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32> {
  // expected-remark @+1 {{the causal mask is aligned at the first token, and the numbers of queries and tokens are not known to be equal}}
  %y = "onnx.Attention"(%q, %k, %v) {is_causal = 1 : si64} : (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32>
  return %y : tensor<1x1x?x8xf32>
}

// -----

// Opset 25 has windows; what its attributes mean is not known here.

// CHECK-LABEL: func @newer_opset(
// CHECK: onnx.Attention
func.func @newer_opset(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x8xf32>) -> tensor<1x1x2x8xf32> {
  // expected-remark @+1 {{the attribute left_window_size is not known here}}
  %y = "onnx.Attention"(%q, %k, %v) {left_window_size = 2 : si64} : (tensor<1x1x2x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x2x8xf32>
  return %y : tensor<1x1x2x8xf32>
}

// -----

// CHECK-LABEL: func @scores_asked_for(
// CHECK: onnx.Attention
func.func @scores_asked_for(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x8xf32>) -> tensor<1x1x2x3xf32> {
  // expected-remark @+1 {{the product Q K^T is asked for}}
  %y, %pk, %pv, %s = "onnx.Attention"(%q, %k, %v) : (tensor<1x1x2x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>) -> (tensor<1x1x2x8xf32>, none, none, tensor<1x1x2x3xf32>)
  return %s : tensor<1x1x2x3xf32>
}

// -----

// CHECK-LABEL: func @no_heads(
// CHECK: onnx.Attention
func.func @no_heads(%q: tensor<1x2x8xf32>, %k: tensor<1x3x8xf32>, %v: tensor<1x3x8xf32>) -> tensor<1x2x8xf32> {
  // expected-remark @+1 {{q_num_heads or kv_num_heads is missing}}
  %y = "onnx.Attention"(%q, %k, %v) : (tensor<1x2x8xf32>, tensor<1x3x8xf32>, tensor<1x3x8xf32>) -> tensor<1x2x8xf32>
  return %y : tensor<1x2x8xf32>
}

// -----

// CHECK-LABEL: func @unranked(
// CHECK: onnx.Attention
func.func @unranked(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x8xf32>) -> tensor<*xf32> {
  // expected-remark @+1 {{Y (run shape inference first) is not a ranked tensor}}
  %y = "onnx.Attention"(%q, %k, %v) : (tensor<1x1x2x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

// CHECK-LABEL: func @double(
// CHECK: onnx.Attention
func.func @double(%q: tensor<1x1x2x8xf64>, %k: tensor<1x1x3x8xf64>, %v: tensor<1x1x3x8xf64>) -> tensor<1x1x2x8xf64> {
  // expected-remark @+1 {{the element type is not bf16, f16 or f32}}
  %y = "onnx.Attention"(%q, %k, %v) : (tensor<1x1x2x8xf64>, tensor<1x1x3x8xf64>, tensor<1x1x3x8xf64>) -> tensor<1x1x2x8xf64>
  return %y : tensor<1x1x2x8xf64>
}
