// RUN: attn-opt %s -split-input-file --attn-absorb --remarks-filter=attn -verify-diagnostics | FileCheck %s

// What attn-absorb leaves alone, and what it says.

// K is normalised behind the decompression (QK-norm): a norm of W_UK c is no
// linear function of c.

// CHECK-LABEL: func @norm
// CHECK: attn.decompress
// CHECK-NOT: attn.project
func.func @norm(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
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

// Another reader of K needs it in memory anyway.

// CHECK-LABEL: func @second_user
// CHECK-NOT: attn.project
func.func @second_user(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                       %q: tensor<2x1x4x8xf32>) -> (tensor<2x1x4x6xf32>, tensor<2x9x4x8xf32>) {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{K or V is also used by 'func.return'}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o, %k : tensor<2x1x4x6xf32>, tensor<2x9x4x8xf32>
}

// -----

// So does a score region that reads K.

// CHECK-LABEL: func @score_reads_key
// CHECK-NOT: attn.project
func.func @score_reads_key(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                           %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{K or V is also used by 'tensor.extract'}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32} score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      %bi = arith.index_cast %b : i32 to index
      %first = tensor.extract %k[%bi, %bi, %bi, %bi] : tensor<2x9x4x8xf32>
      %y = arith.addf %x, %first : f32
      attn.yield %y : f32
    } : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// CHECK-LABEL: func @two_latents
// CHECK-NOT: attn.project
func.func @two_latents(%c: tensor<2x9x16xf32>, %d: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                       %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %d, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{K and V are decompressed from different latents}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// The reason for a decoupled rotary key: RoPE between W_UK and the score does
// not commute with W_UK (DeepSeek-V2, section 2.1.3).

// CHECK-LABEL: func @rope_on_decompressed
// CHECK-NOT: attn.project
func.func @rope_on_decompressed(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                                %q: tensor<2x1x4x8xf32>, %positions: tensor<2x9xi32>) -> tensor<2x1x4x6xf32> {
  %k_raw = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %k = attn.rope %k_raw, %positions {theta = 1.0e4 : f32, offset = 4 : i64, dims = 4 : i64}
    : (tensor<2x9x4x8xf32>, tensor<2x9xi32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{RoPE turns columns that are decompressed}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// CHECK-LABEL: func @grouped_heads
// CHECK-NOT: attn.project
func.func @grouped_heads(%c: tensor<2x9x16xf32>, %w_uk: tensor<2x16x8xf32>, %w_uv: tensor<2x16x6xf32>,
                         %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<2x16x8xf32>) -> tensor<2x9x2x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<2x16x6xf32>) -> tensor<2x9x2x6xf32>
  // expected-remark @+1 {{query heads share KV heads: W_UK would be repeated}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x2x8xf32>, tensor<2x9x2x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// A weight that is dequantised where it is used.

// CHECK-LABEL: func @quantised_weight
// CHECK-NOT: attn.project
func.func @quantised_weight(%c: tensor<2x9x16xf32>, %w_i8: tensor<4x16x8xi8>, %w_uv: tensor<4x16x6xf32>,
                            %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %w_uk = arith.sitofp %w_i8 : tensor<4x16x8xi8> to tensor<4x16x8xf32>
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{W_UK is dequantised by 'arith.sitofp': its scales would have to move with it}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// CHECK-LABEL: func @mixed_weight
// CHECK-NOT: attn.project
func.func @mixed_weight(%c: tensor<2x9x16xbf16>, %w_uk: tensor<4x16x8xbf16>, %w_uv: tensor<4x16x6xf32>,
                        %q: tensor<2x1x4x8xbf16>) -> tensor<2x1x4x6xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xbf16>, tensor<4x16x8xbf16>) -> tensor<2x9x4x8xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xbf16>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xbf16>
  // expected-remark @+1 {{W_UV and the query differ in element type}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xbf16>, tensor<2x9x4x8xbf16>, tensor<2x9x4x6xbf16>) -> tensor<2x1x4x6xbf16>
  return %o : tensor<2x1x4x6xbf16>
}

// -----

// CHECK-LABEL: func @value_is_no_decompression
// CHECK-NOT: attn.project
func.func @value_is_no_decompression(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %v: tensor<2x9x4x6xf32>,
                                     %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  // expected-remark @+1 {{V is an argument in part}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// QK-norm as models write it: RMSNorm of every head's key, behind the split of
// one decompression and before the rotary part is put on.

// CHECK-LABEL: func @norm_between_split_and_concat
// CHECK: attn.decompress
// CHECK-NOT: attn.project
func.func @norm_between_split_and_concat(%c: tensor<2x9x16xf32>, %w: tensor<4x16x14xf32>, %rms: tensor<2x9x4xf32>,
                                         %k_rope: tensor<2x9x4xf32>, %q: tensor<2x1x4x12xf32>) -> tensor<2x1x4x6xf32> {
  %kv = attn.decompress %c, %w : (tensor<2x9x16xf32>, tensor<4x16x14xf32>) -> tensor<2x9x4x14xf32>
  %k_raw = tensor.extract_slice %kv[0, 0, 0, 0] [2, 9, 4, 8] [1, 1, 1, 1] : tensor<2x9x4x14xf32> to tensor<2x9x4x8xf32>
  %v = tensor.extract_slice %kv[0, 0, 0, 8] [2, 9, 4, 6] [1, 1, 1, 1] : tensor<2x9x4x14xf32> to tensor<2x9x4x6xf32>
  %init = tensor.empty() : tensor<2x9x4x8xf32>
  %k_nope = linalg.generic {indexing_maps = [affine_map<(b, t, h, d) -> (b, t, h, d)>, affine_map<(b, t, h, d) -> (b, t, h)>, affine_map<(b, t, h, d) -> (b, t, h, d)>],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k_raw, %rms : tensor<2x9x4x8xf32>, tensor<2x9x4xf32>) outs(%init : tensor<2x9x4x8xf32>) {
    ^bb0(%x: f32, %r: f32, %old: f32):
      %y = arith.divf %x, %r : f32
      linalg.yield %y : f32
  } -> tensor<2x9x4x8xf32>
  %rope_init = tensor.empty() : tensor<2x9x4x4xf32>
  %k_rope_all = linalg.broadcast ins(%k_rope : tensor<2x9x4xf32>) outs(%rope_init : tensor<2x9x4x4xf32>) dimensions = [2]
  %k = tensor.concat dim(3) %k_nope, %k_rope_all : (tensor<2x9x4x8xf32>, tensor<2x9x4x4xf32>) -> tensor<2x9x4x12xf32>
  // expected-remark @+1 {{Reason="'linalg.generic' stands between the decompression and K"}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x12xf32>, tensor<2x9x4x12xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// A bias on V, behind a reshape that is undone: linear in c it is not.

// CHECK-LABEL: func @bias_behind_reshape
// CHECK-NOT: attn.project
func.func @bias_behind_reshape(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>, %bias: tensor<2x9x24xf32>,
                               %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v_raw = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  %flat = tensor.collapse_shape %v_raw [[0], [1], [2, 3]] : tensor<2x9x4x6xf32> into tensor<2x9x24xf32>
  %sum = arith.addf %flat, %bias : tensor<2x9x24xf32>
  %v = tensor.expand_shape %sum [[0], [1], [2, 3]] output_shape [2, 9, 4, 6] : tensor<2x9x24xf32> into tensor<2x9x4x6xf32>
  // expected-remark @+1 {{Reason="'tensor.expand_shape' stands between the decompression and V"}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// A reshape that mixes heads.

// CHECK-LABEL: func @other_heads
// CHECK-NOT: attn.project
func.func @other_heads(%c: tensor<2x9x16xf32>, %w_uk: tensor<8x16x4xf32>, %w_uv: tensor<4x16x6xf32>,
                       %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %halves = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<8x16x4xf32>) -> tensor<2x9x8x4xf32>
  %flat = tensor.collapse_shape %halves [[0], [1], [2, 3]] : tensor<2x9x8x4xf32> into tensor<2x9x32xf32>
  %k = tensor.expand_shape %flat [[0], [1], [2, 3]] output_shape [2, 9, 4, 8] : tensor<2x9x32xf32> into tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{'tensor.expand_shape' stands between the decompression and K}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// The second reader reads a part, behind the split.

// CHECK-LABEL: func @second_user_of_a_part
// CHECK-NOT: attn.project
func.func @second_user_of_a_part(%c: tensor<2x9x16xf32>, %w: tensor<4x16x14xf32>, %q: tensor<2x1x4x8xf32>) -> (tensor<2x1x4x6xf32>, tensor<2x9x4x6xf32>) {
  %kv = attn.decompress %c, %w : (tensor<2x9x16xf32>, tensor<4x16x14xf32>) -> tensor<2x9x4x14xf32>
  %k = tensor.extract_slice %kv[0, 0, 0, 0] [2, 9, 4, 8] [1, 1, 1, 1] : tensor<2x9x4x14xf32> to tensor<2x9x4x8xf32>
  %v = tensor.extract_slice %kv[0, 0, 0, 8] [2, 9, 4, 6] [1, 1, 1, 1] : tensor<2x9x4x14xf32> to tensor<2x9x4x6xf32>
  %twice = arith.addf %v, %v : tensor<2x9x4x6xf32>
  // expected-remark @+1 {{Reason="K or V is also used by 'arith.addf'"}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o, %twice : tensor<2x1x4x6xf32>, tensor<2x9x4x6xf32>
}

// -----

// Two attentions over one K: each of them alone may not take it.

// CHECK-LABEL: func @two_attentions
// CHECK-NOT: attn.project
func.func @two_attentions(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                          %q: tensor<2x1x4x8xf32>, %p: tensor<2x1x4x8xf32>) -> (tensor<2x1x4x6xf32>, tensor<2x1x4x6xf32>) {
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{K or V is also used by 'attn.attend'}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  // expected-remark @+1 {{K or V is also used by 'attn.attend'}}
  %u = attn.attend %p, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o, %u : tensor<2x1x4x6xf32>, tensor<2x1x4x6xf32>
}

// -----

// Dequantised in two steps, a conversion and a scale for each head, and sliced.

// CHECK-LABEL: func @quantised_in_steps
// CHECK-NOT: attn.project
func.func @quantised_in_steps(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_i8: tensor<4x16x14xi8>, %scales: tensor<4x16x14xf32>,
                              %q: tensor<2x1x4x8xf32>) -> tensor<2x1x4x6xf32> {
  %whole = arith.sitofp %w_i8 : tensor<4x16x14xi8> to tensor<4x16x14xf32>
  %scaled = arith.mulf %whole, %scales : tensor<4x16x14xf32>
  %w_uv = tensor.extract_slice %scaled[0, 0, 8] [4, 16, 6] [1, 1, 1] : tensor<4x16x14xf32> to tensor<4x16x6xf32>
  %k = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  // expected-remark @+1 {{Reason="W_UV is dequantised by 'arith.sitofp': its scales would have to move with it"}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}

// -----

// RoPE that starts inside of the decompressed columns.

// CHECK-LABEL: func @rope_spans_parts
// CHECK-NOT: attn.project
func.func @rope_spans_parts(%c: tensor<2x9x16xf32>, %w_uk: tensor<4x16x8xf32>, %w_uv: tensor<4x16x6xf32>,
                            %q: tensor<2x1x4x12xf32>, %k_rope: tensor<2x9x4xf32>, %positions: tensor<2x9xi32>) -> tensor<2x1x4x6xf32> {
  %k_nope = attn.decompress %c, %w_uk : (tensor<2x9x16xf32>, tensor<4x16x8xf32>) -> tensor<2x9x4x8xf32>
  %v = attn.decompress %c, %w_uv : (tensor<2x9x16xf32>, tensor<4x16x6xf32>) -> tensor<2x9x4x6xf32>
  %init = tensor.empty() : tensor<2x9x4x4xf32>
  %k_rope_all = linalg.broadcast ins(%k_rope : tensor<2x9x4xf32>) outs(%init : tensor<2x9x4x4xf32>) dimensions = [2]
  %k_raw = tensor.concat dim(3) %k_nope, %k_rope_all : (tensor<2x9x4x8xf32>, tensor<2x9x4x4xf32>) -> tensor<2x9x4x12xf32>
  %k = attn.rope %k_raw, %positions {theta = 1.0e4 : f32, offset = 6 : i64, dims = 6 : i64}
    : (tensor<2x9x4x12xf32>, tensor<2x9xi32>) -> tensor<2x9x4x12xf32>
  // expected-remark @+1 {{RoPE turns columns that are decompressed}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, scale = 0.25 : f32}
     : (tensor<2x1x4x12xf32>, tensor<2x9x4x12xf32>, tensor<2x9x4x6xf32>) -> tensor<2x1x4x6xf32>
  return %o : tensor<2x1x4x6xf32>
}
