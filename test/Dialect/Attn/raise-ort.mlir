// RUN: attn-opt %s -split-input-file --allow-unregistered-dialect --attn-raise --remarks-filter=attn -verify-diagnostics | FileCheck %s

// GroupQueryAttention of com.microsoft, as onnx-mlir prints an op that it does
// not know: one new token behind seven, a window, sinks, and the new cache.

// CHECK-LABEL: func @decode(
// CHECK: tensor.concat dim(1) %{{.*}} : (tensor<2x7x2x16xf16>, tensor<2x1x2x16xf16>) -> tensor<2x8x2x16xf16>
// CHECK: %[[SINKS:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<4xf16>)
// CHECK: arith.extf
// CHECK: attn.attend %{{.*}}, %{{.*}}, %{{.*}} sinks(%[[SINKS]]) {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal, window = 3>, scale = 2.500000e-01 : f32, softcap = 2.000000e+01 : f32}
// CHECK-NOT: onnx.
func.func @decode(%q: tensor<2x1x64xf16>, %k: tensor<2x1x32xf16>, %v: tensor<2x1x32xf16>, %pk: tensor<2x2x7x16xf16>, %pv: tensor<2x2x7x16xf16>, %sink: tensor<4xf16>)
    -> (tensor<2x1x64xf16>, tensor<2x2x8x16xf16>, tensor<2x2x8x16xf16>) {
  %none = "onnx.NoValue"() {value} : () -> none
  %seqlens = "onnx.Constant"() {value = dense<7> : tensor<2xi32>} : () -> tensor<2xi32>
  %total = "onnx.Constant"() {value = dense<8> : tensor<1xi32>} : () -> tensor<1xi32>
  // expected-remark @+1 {{GroupQueryAttention}}
  %y:3 = "onnx.Custom"(%q, %k, %v, %pk, %pv, %seqlens, %total, %none, %none, %none, %none, %sink) <{function_name = "GroupQueryAttention"}> {domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64, local_window_size = 3 : si64, softcap = 2.000000e+01 : f32}
    : (tensor<2x1x64xf16>, tensor<2x1x32xf16>, tensor<2x1x32xf16>, tensor<2x2x7x16xf16>, tensor<2x2x7x16xf16>, tensor<2xi32>, tensor<1xi32>, none, none, none, none, tensor<4xf16>)
    -> (tensor<2x1x64xf16>, tensor<2x2x8x16xf16>, tensor<2x2x8x16xf16>)
  return %y#0, %y#1, %y#2 : tensor<2x1x64xf16>, tensor<2x2x8x16xf16>, tensor<2x2x8x16xf16>
}

// -----

// Q, K and V in one tensor, and one more exp(0) in the denominator.

// CHECK-LABEL: func @packed(
// CHECK-SAME: %[[QKV:[a-z0-9]+]]: tensor<1x3x128xf32>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<4xf32>
// CHECK-DAG: tensor.extract_slice %[[QKV]][0, 0, 0] [1, 3, 64] [1, 1, 1]
// CHECK-DAG: tensor.extract_slice %[[QKV]][0, 0, 64] [1, 3, 32] [1, 1, 1]
// CHECK-DAG: tensor.extract_slice %[[QKV]][0, 0, 96] [1, 3, 32] [1, 1, 1]
// CHECK: attn.attend %{{.*}}, %{{.*}}, %{{.*}} sinks(%[[ZERO]]) {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal>
func.func @packed(%qkv: tensor<1x3x128xf32>) -> tensor<1x3x64xf32> {
  %none = "onnx.NoValue"() {value} : () -> none
  %seqlens = "onnx.Constant"() {value = dense<2> : tensor<1xi32>} : () -> tensor<1xi32>
  %total = "onnx.Constant"() {value = dense<3> : tensor<1xi32>} : () -> tensor<1xi32>
  // expected-remark @+1 {{GroupQueryAttention}}
  %y = "onnx.Custom"(%qkv, %none, %none, %none, %none, %seqlens, %total) {function_name = "GroupQueryAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64, smooth_softmax = 1 : si64}
    : (tensor<1x3x128xf32>, none, none, none, none, tensor<1xi32>, tensor<1xi32>) -> tensor<1x3x64xf32>
  return %y : tensor<1x3x64xf32>
}

// -----

// CHECK-LABEL: func @rotary(
// CHECK: onnx.Custom
func.func @rotary(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>, %v: tensor<1x3x32xf32>) -> tensor<1x3x64xf32> {
  %none = "onnx.NoValue"() {value} : () -> none
  %seqlens = "onnx.Constant"() {value = dense<2> : tensor<1xi32>} : () -> tensor<1xi32>
  // expected-remark @+1 {{do_rotary: the op turns Q and K itself}}
  %y = "onnx.Custom"(%q, %k, %v, %none, %none, %seqlens, %seqlens) {function_name = "GroupQueryAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64, do_rotary = 1 : si64}
    : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, none, tensor<1xi32>, tensor<1xi32>) -> tensor<1x3x64xf32>
  return %y : tensor<1x3x64xf32>
}

// -----

// Lengths of a batch at run time: shorter sequences' new tokens, and the mask,
// would lie elsewhere.

// CHECK-LABEL: func @lengths(
// CHECK: onnx.Custom
func.func @lengths(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>, %v: tensor<1x3x32xf32>, %seqlens: tensor<1xi32>) -> tensor<1x3x64xf32> {
  %none = "onnx.NoValue"() {value} : () -> none
  // expected-remark @+1 {{seqlens_k is no constant that counts all 3 tokens of each sequence}}
  %y = "onnx.Custom"(%q, %k, %v, %none, %none, %seqlens, %seqlens) {function_name = "GroupQueryAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64}
    : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, none, tensor<1xi32>, tensor<1xi32>) -> tensor<1x3x64xf32>
  return %y : tensor<1x3x64xf32>
}

// -----

// CHECK-LABEL: func @shared_buffer(
// CHECK: onnx.Custom
func.func @shared_buffer(%q: tensor<1x1x64xf32>, %k: tensor<1x1x32xf32>, %v: tensor<1x1x32xf32>, %pk: tensor<1x2x9x16xf32>, %pv: tensor<1x2x9x16xf32>) -> (tensor<1x1x64xf32>, tensor<1x2x9x16xf32>) {
  %seqlens = "onnx.Constant"() {value = dense<8> : tensor<1xi32>} : () -> tensor<1xi32>
  // expected-remark @+1 {{past and present share one buffer}}
  %y:3 = "onnx.Custom"(%q, %k, %v, %pk, %pv, %seqlens, %seqlens) {function_name = "GroupQueryAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64}
    : (tensor<1x1x64xf32>, tensor<1x1x32xf32>, tensor<1x1x32xf32>, tensor<1x2x9x16xf32>, tensor<1x2x9x16xf32>, tensor<1xi32>, tensor<1xi32>) -> (tensor<1x1x64xf32>, tensor<1x2x9x16xf32>, tensor<1x2x9x16xf32>)
  return %y#0, %y#1 : tensor<1x1x64xf32>, tensor<1x2x9x16xf32>
}

// -----

// CHECK-LABEL: func @norm(
// CHECK: onnx.Custom
func.func @norm(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>, %v: tensor<1x3x32xf32>, %g: tensor<16xf32>) -> tensor<1x3x64xf32> {
  %none = "onnx.NoValue"() {value} : () -> none
  %seqlens = "onnx.Constant"() {value = dense<2> : tensor<1xi32>} : () -> tensor<1xi32>
  // expected-remark @+1 {{a norm on Q and K}}
  %y = "onnx.Custom"(%q, %k, %v, %none, %none, %seqlens, %seqlens, %none, %none, %none, %none, %none, %none, %none, %g, %g) {function_name = "GroupQueryAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64}
    : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, none, tensor<1xi32>, tensor<1xi32>, none, none, none, none, none, none, none, tensor<16xf32>, tensor<16xf32>) -> tensor<1x3x64xf32>
  return %y : tensor<1x3x64xf32>
}

// -----

// CHECK-LABEL: func @bias(
// CHECK: onnx.Custom
func.func @bias(%q: tensor<1x3x64xf32>, %k: tensor<1x3x32xf32>, %v: tensor<1x3x32xf32>, %bias: tensor<1x1x3x3xf32>) -> tensor<1x3x64xf32> {
  %none = "onnx.NoValue"() {value} : () -> none
  %seqlens = "onnx.Constant"() {value = dense<2> : tensor<1xi32>} : () -> tensor<1xi32>
  // expected-remark @+1 {{an attention_bias}}
  %y = "onnx.Custom"(%q, %k, %v, %none, %none, %seqlens, %seqlens, %none, %none, %none, %bias) {function_name = "GroupQueryAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64}
    : (tensor<1x3x64xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>, none, none, tensor<1xi32>, tensor<1xi32>, none, none, none, tensor<1x1x3x3xf32>) -> tensor<1x3x64xf32>
  return %y : tensor<1x3x64xf32>
}

// -----

// PagedAttention over DeepSeek's latent rows, absorbed: two sequences of one new
// token each. The cache is its pool, the block table and the lengths, which
// count the new tokens.

// CHECK-LABEL: func @latent(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x73728xbf16>, %[[ROWS:[a-z0-9]+]]: tensor<2x576xbf16>, %[[POOL:[a-z0-9]+]]: tensor<?x64x1x576xbf16>, %[[PAST:[a-z0-9]+]]: tensor<2xi32>, %[[TABLE:[a-z0-9]+]]: tensor<2x?xi32>, %[[SLOTS:[a-z0-9]+]]: tensor<2xi32>
// CHECK: %[[LENS:.*]] = linalg.generic {{.*}} ins(%[[PAST]] :
// CHECK: arith.addi %{{.*}}, %c1_i32
// CHECK: %[[CACHE:.*]] = builtin.unrealized_conversion_cast %[[POOL]], %[[TABLE]], %[[LENS]] : {{.*}} to !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>
// CHECK: %[[NEW:.*]] = tensor.expand_shape %[[ROWS]] {{.*}} into tensor<2x1x576xbf16>
// CHECK: %[[FULL:.*]] = attn.cache_append %[[CACHE]], %[[NEW]] slots(%{{.*}})
// CHECK: %[[QUERY:.*]] = tensor.expand_shape %[[Q]] {{.*}} into tensor<2x1x128x576xbf16>
// CHECK: %[[O:.*]] = attn.attend %[[QUERY]], %[[FULL]] {heads = #attn.heads<q = 128, kv = 1>, mask = #attn.mask<causal>, scale = 0.135233775 : f32}
// CHECK: tensor.collapse_shape %[[O]] {{.*}} into tensor<2x65536xbf16>
// CHECK: builtin.unrealized_conversion_cast %[[FULL]] : {{.*}} to tensor<?x64x1x576xbf16>
func.func @latent(%q: tensor<2x73728xbf16>, %rows: tensor<2x576xbf16>, %pool: tensor<?x64x1x576xbf16>, %past: tensor<2xi32>, %table: tensor<2x?xi32>, %slots: tensor<2xi32>)
    -> (tensor<2x65536xbf16>, tensor<?x64x1x576xbf16>) {
  %none = "onnx.NoValue"() {value} : () -> none
  %starts = "onnx.Constant"() {value = dense<[0, 1, 2]> : tensor<3xi32>} : () -> tensor<3xi32>
  // expected-remark @+1 {{PagedAttention, LATENT}}
  %y:2 = "onnx.Custom"(%q, %rows, %none, %pool, %none, %starts, %past, %table, %none, %none, %slots) {function_name = "PagedAttention", domain_name = "com.microsoft", num_heads = 128 : si64, kv_num_heads = 1 : si64, kv_cache_layout = "LATENT", v_head_size = 512 : si64, scale = 0.135233775 : f32}
    : (tensor<2x73728xbf16>, tensor<2x576xbf16>, none, tensor<?x64x1x576xbf16>, none, tensor<3xi32>, tensor<2xi32>, tensor<2x?xi32>, none, none, tensor<2xi32>) -> (tensor<2x65536xbf16>, tensor<?x64x1x576xbf16>)
  return %y#0, %y#1 : tensor<2x65536xbf16>, tensor<?x64x1x576xbf16>
}

// -----

// Two pools, two new tokens of each sequence.

// CHECK-LABEL: func @paged(
// CHECK: builtin.unrealized_conversion_cast %{{.*}} to !attn.kv_cache<heads = 2, parts = [k : 16, v : 16], f16, page = 32>
// CHECK: attn.cache_append
// CHECK: attn.attend %{{.*}}, %{{.*}} {heads = #attn.heads<q = 4, kv = 2>, mask = #attn.mask<causal, window = 128>, scale = 2.500000e-01 : f32}
// CHECK-SAME: tensor<3x2x4x16xf16>
func.func @paged(%q: tensor<6x64xf16>, %k: tensor<6x32xf16>, %v: tensor<6x32xf16>, %kp: tensor<9x32x2x16xf16>, %vp: tensor<9x32x2x16xf16>, %past: tensor<3xi32>, %table: tensor<3x4xi32>, %slots: tensor<6xi32>) -> tensor<6x64xf16> {
  %none = "onnx.NoValue"() {value} : () -> none
  %starts = "onnx.Constant"() {value = dense<[0, 2, 4, 6]> : tensor<4xi32>} : () -> tensor<4xi32>
  // expected-remark @+1 {{PagedAttention}}
  %y = "onnx.Custom"(%q, %k, %v, %kp, %vp, %starts, %past, %table, %none, %none, %slots) {function_name = "PagedAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64, local_window_size = 128 : si64}
    : (tensor<6x64xf16>, tensor<6x32xf16>, tensor<6x32xf16>, tensor<9x32x2x16xf16>, tensor<9x32x2x16xf16>, tensor<4xi32>, tensor<3xi32>, tensor<3x4xi32>, none, none, tensor<6xi32>) -> tensor<6x64xf16>
  return %y : tensor<6x64xf16>
}

// -----

// 1/sqrt(576) would be the wrong scale.

// CHECK-LABEL: func @latent_without_scale(
// CHECK: onnx.Custom
func.func @latent_without_scale(%q: tensor<2x73728xbf16>, %rows: tensor<2x576xbf16>, %pool: tensor<?x64x1x576xbf16>, %past: tensor<2xi32>, %table: tensor<2x?xi32>, %slots: tensor<2xi32>) -> tensor<2x65536xbf16> {
  %none = "onnx.NoValue"() {value} : () -> none
  %starts = "onnx.Constant"() {value = dense<[0, 1, 2]> : tensor<3xi32>} : () -> tensor<3xi32>
  // expected-remark @+1 {{a latent row without a scale of its own}}
  %y = "onnx.Custom"(%q, %rows, %none, %pool, %none, %starts, %past, %table, %none, %none, %slots) {function_name = "PagedAttention", domain_name = "com.microsoft", num_heads = 128 : si64, kv_num_heads = 1 : si64, kv_cache_layout = "LATENT", v_head_size = 512 : si64}
    : (tensor<2x73728xbf16>, tensor<2x576xbf16>, none, tensor<?x64x1x576xbf16>, none, tensor<3xi32>, tensor<2xi32>, tensor<2x?xi32>, none, none, tensor<2xi32>) -> tensor<2x65536xbf16>
  return %y : tensor<2x65536xbf16>
}

// -----

// Sequences of different numbers of new tokens have no [B, S] of queries.

// CHECK-LABEL: func @ragged(
// CHECK: onnx.Custom
func.func @ragged(%q: tensor<6x64xf16>, %k: tensor<6x32xf16>, %v: tensor<6x32xf16>, %kp: tensor<9x32x2x16xf16>, %vp: tensor<9x32x2x16xf16>, %past: tensor<3xi32>, %table: tensor<3x4xi32>, %slots: tensor<6xi32>) -> tensor<6x64xf16> {
  %none = "onnx.NoValue"() {value} : () -> none
  %starts = "onnx.Constant"() {value = dense<[0, 1, 4, 6]> : tensor<4xi32>} : () -> tensor<4xi32>
  // expected-remark @+1 {{cumulative_sequence_length is no constant that gives every sequence as many new tokens}}
  %y = "onnx.Custom"(%q, %k, %v, %kp, %vp, %starts, %past, %table, %none, %none, %slots) {function_name = "PagedAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64}
    : (tensor<6x64xf16>, tensor<6x32xf16>, tensor<6x32xf16>, tensor<9x32x2x16xf16>, tensor<9x32x2x16xf16>, tensor<4xi32>, tensor<3xi32>, tensor<3x4xi32>, none, none, tensor<6xi32>) -> tensor<6x64xf16>
  return %y : tensor<6x64xf16>
}

// -----

// CHECK-LABEL: func @no_slots(
// CHECK: onnx.Custom
func.func @no_slots(%q: tensor<6x64xf16>, %k: tensor<6x32xf16>, %v: tensor<6x32xf16>, %kp: tensor<9x32x2x16xf16>, %vp: tensor<9x32x2x16xf16>, %past: tensor<3xi32>, %table: tensor<3x4xi32>) -> tensor<6x64xf16> {
  %starts = "onnx.Constant"() {value = dense<[0, 2, 4, 6]> : tensor<4xi32>} : () -> tensor<4xi32>
  // expected-remark @+1 {{without slot_mapping, where new tokens are written depends on lengths at run time}}
  %y = "onnx.Custom"(%q, %k, %v, %kp, %vp, %starts, %past, %table) {function_name = "PagedAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64}
    : (tensor<6x64xf16>, tensor<6x32xf16>, tensor<6x32xf16>, tensor<9x32x2x16xf16>, tensor<9x32x2x16xf16>, tensor<4xi32>, tensor<3xi32>, tensor<3x4xi32>) -> tensor<6x64xf16>
  return %y : tensor<6x64xf16>
}

// -----

// Another op of the domain is passed by in silence.

// CHECK-LABEL: func @other_op(
// CHECK: onnx.Custom
func.func @other_op(%x: tensor<6x64xf16>) -> tensor<6x64xf16> {
  %y = "onnx.Custom"(%x) {function_name = "Gelu", domain_name = "com.microsoft"} : (tensor<6x64xf16>) -> tensor<6x64xf16>
  return %y : tensor<6x64xf16>
}

// -----

// A page of 0 tokens would say that the cache is contiguous.

// CHECK-LABEL: func @empty_blocks(
// CHECK: onnx.Custom
func.func @empty_blocks(%q: tensor<6x64xf16>, %k: tensor<6x32xf16>, %v: tensor<6x32xf16>, %kp: tensor<9x0x2x16xf16>, %vp: tensor<9x0x2x16xf16>, %past: tensor<3xi32>, %table: tensor<3x4xi32>, %slots: tensor<6xi32>) -> tensor<6x64xf16> {
  %none = "onnx.NoValue"() {value} : () -> none
  %starts = "onnx.Constant"() {value = dense<[0, 2, 4, 6]> : tensor<4xi32>} : () -> tensor<4xi32>
  // expected-remark @+1 {{blocks of no tokens}}
  %y = "onnx.Custom"(%q, %k, %v, %kp, %vp, %starts, %past, %table, %none, %none, %slots) {function_name = "PagedAttention", domain_name = "com.microsoft", num_heads = 4 : si64, kv_num_heads = 2 : si64, local_window_size = 128 : si64}
    : (tensor<6x64xf16>, tensor<6x32xf16>, tensor<6x32xf16>, tensor<9x0x2x16xf16>, tensor<9x0x2x16xf16>, tensor<4xi32>, tensor<3xi32>, tensor<3x4xi32>, none, none, tensor<6xi32>) -> tensor<6x64xf16>
  return %y : tensor<6x64xf16>
}
