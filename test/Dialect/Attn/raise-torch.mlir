// RUN: attn-opt %s -split-input-file --allow-unregistered-dialect --attn-raise --remarks-filter=attn -verify-diagnostics | FileCheck %s

// As torch-mlir exports it. The tensors are torch's; a cast stands where the
// conversion of the rest puts them.

// CHECK-LABEL: func @prefill(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: !torch.vtensor<[1,8,5,16],f32>, %[[K:[a-z0-9]+]]:
// CHECK: %[[QT:.*]] = builtin.unrealized_conversion_cast %[[Q]] : !torch.vtensor<[1,8,5,16],f32> to tensor<1x8x5x16xf32>
// CHECK: attn.attend %{{.*}}, %{{.*}}, %{{.*}} {heads = #attn.heads<q = 8, kv = 2>, mask = #attn.mask<causal>, scale = 2.500000e-01 : f32}
// CHECK: builtin.unrealized_conversion_cast %{{.*}} : tensor<1x8x5x16xf32> to !torch.vtensor<[1,8,5,16],f32>
// CHECK-NOT: torch.constant
func.func @prefill(%q: !torch.vtensor<[1,8,5,16],f32>, %k: !torch.vtensor<[1,2,5,16],f32>, %v: !torch.vtensor<[1,2,5,16],f32>) -> !torch.vtensor<[1,8,5,16],f32> {
  %none = "torch.constant.none"() : () -> !torch.none
  %zero = "torch.constant.float"() <{value = 0.000000e+00 : f64}> : () -> !torch.float
  %true = "torch.constant.bool"() <{value = true}> : () -> !torch.bool
  // expected-remark @+1 {{scaled_dot_product_attention}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %k, %v, %none, %zero, %true, %none, %true)
    : (!torch.vtensor<[1,8,5,16],f32>, !torch.vtensor<[1,2,5,16],f32>, !torch.vtensor<[1,2,5,16],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool)
    -> !torch.vtensor<[1,8,5,16],f32>
  return %o : !torch.vtensor<[1,8,5,16],f32>
}

// -----

// One query over a cache of unknown length, with a scale of its own.

// CHECK-LABEL: func @decode(
// CHECK: attn.attend %{{.*}}, %{{.*}}, %{{.*}} {heads = #attn.heads<q = 4, kv = 4>, scale = 1.000000e-01 : f32}
// CHECK-SAME: (tensor<1x1x4x16xbf16>, tensor<1x?x4x16xbf16>, tensor<1x?x4x16xbf16>)
func.func @decode(%q: !torch.vtensor<[1,4,1,16],bf16>, %k: !torch.vtensor<[1,4,?,16],bf16>, %v: !torch.vtensor<[1,4,?,16],bf16>) -> !torch.vtensor<[1,4,1,16],bf16> {
  %none = "torch.constant.none"() : () -> !torch.none
  %zero = "torch.constant.float"() <{value = 0.000000e+00 : f64}> : () -> !torch.float
  %scale = "torch.constant.float"() <{value = 1.000000e-01 : f64}> : () -> !torch.float
  %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
  // expected-remark @+1 {{scaled_dot_product_attention}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %k, %v, %none, %zero, %false, %scale, %false)
    : (!torch.vtensor<[1,4,1,16],bf16>, !torch.vtensor<[1,4,?,16],bf16>, !torch.vtensor<[1,4,?,16],bf16>, !torch.none, !torch.float, !torch.bool, !torch.float, !torch.bool)
    -> !torch.vtensor<[1,4,1,16],bf16>
  return %o : !torch.vtensor<[1,4,1,16],bf16>
}

// -----

// is_causal counts from the first token: one query of a cache would see the
// first token only. It is not known to be the only one.

// CHECK-LABEL: func @causal_decode(
// CHECK: torch.aten.scaled_dot_product_attention
func.func @causal_decode(%q: !torch.vtensor<[1,4,1,16],f32>, %k: !torch.vtensor<[1,4,?,16],f32>, %v: !torch.vtensor<[1,4,?,16],f32>) -> !torch.vtensor<[1,4,1,16],f32> {
  %none = "torch.constant.none"() : () -> !torch.none
  %zero = "torch.constant.float"() <{value = 0.000000e+00 : f64}> : () -> !torch.float
  %true = "torch.constant.bool"() <{value = true}> : () -> !torch.bool
  %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
  // expected-remark @+1 {{the causal mask is aligned at the first token, and the numbers of queries and tokens are not known to be equal}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %k, %v, %none, %zero, %true, %none, %false)
    : (!torch.vtensor<[1,4,1,16],f32>, !torch.vtensor<[1,4,?,16],f32>, !torch.vtensor<[1,4,?,16],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool)
    -> !torch.vtensor<[1,4,1,16],f32>
  return %o : !torch.vtensor<[1,4,1,16],f32>
}

// -----

// CHECK-LABEL: func @dropout(
// CHECK: torch.aten.scaled_dot_product_attention
func.func @dropout(%q: tensor<1x4x3x16xf32>, %k: tensor<1x4x3x16xf32>, %v: tensor<1x4x3x16xf32>) -> tensor<1x4x3x16xf32> {
  %none = "torch.constant.none"() : () -> !torch.none
  %p = "torch.constant.float"() <{value = 1.000000e-01 : f64}> : () -> !torch.float
  %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
  // expected-remark @+1 {{dropout}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %k, %v, %none, %p, %false, %none, %false)
    : (tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool) -> tensor<1x4x3x16xf32>
  return %o : tensor<1x4x3x16xf32>
}

// -----

// CHECK-LABEL: func @mask(
// CHECK: torch.aten.scaled_dot_product_attention
func.func @mask(%q: tensor<1x4x3x16xf32>, %k: tensor<1x4x3x16xf32>, %v: tensor<1x4x3x16xf32>, %mask: !torch.vtensor<[3,3],i1>) -> tensor<1x4x3x16xf32> {
  %none = "torch.constant.none"() : () -> !torch.none
  %zero = "torch.constant.float"() <{value = 0.000000e+00 : f64}> : () -> !torch.float
  %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
  // expected-remark @+1 {{attn_mask is no constant}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %k, %v, %mask, %zero, %false, %none, %false)
    : (tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>, !torch.vtensor<[3,3],i1>, !torch.float, !torch.bool, !torch.none, !torch.bool) -> tensor<1x4x3x16xf32>
  return %o : tensor<1x4x3x16xf32>
}

// -----

// CHECK-LABEL: func @heads_without_gqa(
// CHECK: torch.aten.scaled_dot_product_attention
func.func @heads_without_gqa(%q: tensor<1x4x3x16xf32>, %k: tensor<1x1x3x16xf32>, %v: tensor<1x1x3x16xf32>) -> tensor<1x4x3x16xf32> {
  %none = "torch.constant.none"() : () -> !torch.none
  %zero = "torch.constant.float"() <{value = 0.000000e+00 : f64}> : () -> !torch.float
  %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
  // expected-remark @+1 {{query, key and value differ in heads without enable_gqa}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %k, %v, %none, %zero, %false, %none, %false)
    : (tensor<1x4x3x16xf32>, tensor<1x1x3x16xf32>, tensor<1x1x3x16xf32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool) -> tensor<1x4x3x16xf32>
  return %o : tensor<1x4x3x16xf32>
}

// -----

// CHECK-LABEL: func @runtime_flag(
// CHECK: torch.aten.scaled_dot_product_attention
func.func @runtime_flag(%q: tensor<1x4x3x16xf32>, %k: tensor<1x4x3x16xf32>, %v: tensor<1x4x3x16xf32>, %causal: !torch.bool) -> tensor<1x4x3x16xf32> {
  %none = "torch.constant.none"() : () -> !torch.none
  %zero = "torch.constant.float"() <{value = 0.000000e+00 : f64}> : () -> !torch.float
  %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
  // expected-remark @+1 {{is_causal is no constant}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %k, %v, %none, %zero, %causal, %none, %false)
    : (tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool) -> tensor<1x4x3x16xf32>
  return %o : tensor<1x4x3x16xf32>
}

// -----

// torch-mlir prints unk for an element type that it does not know.

// CHECK-LABEL: func @unknown_element(
// CHECK: torch.aten.scaled_dot_product_attention
func.func @unknown_element(%q: !torch.vtensor<[1,4,3,16],unk>) -> !torch.vtensor<[1,4,3,16],unk> {
  %none = "torch.constant.none"() : () -> !torch.none
  %zero = "torch.constant.float"() <{value = 0.000000e+00 : f64}> : () -> !torch.float
  %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
  // expected-remark @+1 {{query, key and value are not tensors of 3 or 4 known axes each}}
  %o = "torch.aten.scaled_dot_product_attention"(%q, %q, %q, %none, %zero, %false, %none, %false)
    : (!torch.vtensor<[1,4,3,16],unk>, !torch.vtensor<[1,4,3,16],unk>, !torch.vtensor<[1,4,3,16],unk>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool) -> !torch.vtensor<[1,4,3,16],unk>
  return %o : !torch.vtensor<[1,4,3,16],unk>
}
