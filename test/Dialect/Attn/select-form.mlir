// RUN: attn-opt %s -split-input-file --attn-select-form --remarks-filter=attn -verify-diagnostics | FileCheck %s
// RUN: attn-opt %s -split-input-file --attn-select-form=machine=h100 | FileCheck %s --check-prefix=H100
// RUN: attn-opt %s -split-input-file --attn-select-form="read-gbps=3350 tflops=989.4" | FileCheck %s --check-prefix=H100

// DeepSeek-V3 over 1024 tokens: by FLOPs alone the forms cross at
// r D / (2r - D + r D / T) = 146.3 new tokens.

// CHECK-LABEL: func @absorbed_at_146
// CHECK-NOT: attn.decompress
// CHECK: attn.attend
// CHECK-SAME: kv = 1
func.func @absorbed_at_146(%c: tensor<1x1024x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                           %q: tensor<1x146x128x128xbf16>) -> tensor<1x146x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{absorbed (FLOPs alone): absorbed 44.091 GFLOP, 34.603 MB; decompressed 44.158 GFLOP, 168.821 MB}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x146x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x146x128x128xbf16>
  return %o : tensor<1x146x128x128xbf16>
}

// -----

// CHECK-LABEL: func @decompressed_at_147
// CHECK: attn.decompress
// CHECK: attn.attend
// CHECK-SAME: kv = 128
// An H100 would rather multiply 3 % more than move five times the bytes.
// H100-LABEL: func @decompressed_at_147
// H100-NOT: attn.decompress
// H100: attn.attend
// H100-SAME: kv = 1>
func.func @decompressed_at_147(%c: tensor<1x1024x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                               %q: tensor<1x147x128x128xbf16>) -> tensor<1x147x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{decompressed (FLOPs alone)}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x147x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x147x128x128xbf16>
  return %o : tensor<1x147x128x128xbf16>
}

// -----

// An unknown number of new tokens over a known context: a bound.

// CHECK-LABEL: func @unknown_queries(
// CHECK-SAME: %[[C:[a-z0-9]+]]: {{[^,]*}}, %[[W_UK:[a-z0-9]+]]: {{[^,]*}}, %[[W_UV:[a-z0-9]+]]: {{[^,]*}}, %[[Q:[a-z0-9]+]]:
// CHECK: %[[S:.*]] = tensor.dim %[[Q]], %c1
// CHECK: %[[BOUND:.*]] = arith.constant 147 : index
// CHECK: %[[ABSORB:.*]] = arith.cmpi slt, %[[S]], %[[BOUND]] : index
// CHECK: %[[O:.*]] = scf.if %[[ABSORB]] -> (tensor<1x?x128x128xbf16>) {
// CHECK:   attn.project
// CHECK:   attn.attend {{.*}}kv = 1>
// CHECK:   %[[O1:.*]] = attn.project %{{.*}}, %[[W_UV]]
// CHECK:   scf.yield %[[O1]]
// CHECK: } else {
// CHECK:   %[[K:.*]] = attn.decompress %[[C]], %[[W_UK]]
// CHECK:   %[[V:.*]] = attn.decompress %[[C]], %[[W_UV]]
// CHECK:   %[[O2:.*]] = attn.attend %[[Q]], %[[K]], %[[V]] {heads = #attn.heads<q = 128, kv = 128>
// CHECK:   scf.yield %[[O2]]
// CHECK: }
// CHECK: return %[[O]]
// H100-LABEL: func @unknown_queries(
// H100: arith.constant 166 : index
func.func @unknown_queries(%c: tensor<1x1024x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                           %q: tensor<1x?x128x128xbf16>) -> tensor<1x?x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{both (FLOPs alone): absorbed below 146.3 query tokens}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x?x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x?x128x128xbf16>
  return %o : tensor<1x?x128x128xbf16>
}

// -----

// Both unknown: S (2r T + r D) < T (D S + r D), without a rotary part; a
// machine adds the bytes.

// CHECK-LABEL: func @unknown_extents(
// CHECK: %[[S:.*]] = arith.sitofp
// CHECK: %[[T:.*]] = arith.sitofp
// CHECK: %[[R2:.*]] = arith.constant 1.024000e+03 : f64
// CHECK: %[[RT:.*]] = arith.mulf %[[T]], %[[R2]]
// CHECK: %[[RD:.*]] = arith.constant 1.310720e+05 : f64
// CHECK: %[[ROW:.*]] = arith.addf %[[RT]], %[[RD]]
// CHECK: %[[ABSORBED:.*]] = arith.mulf %[[S]], %[[ROW]]
// CHECK: %[[D:.*]] = arith.constant 2.560000e+02 : f64
// CHECK: %[[SD:.*]] = arith.mulf %[[S]], %[[D]]
// CHECK: %[[RD2:.*]] = arith.constant 1.310720e+05 : f64
// CHECK: %[[COLUMN:.*]] = arith.addf %[[SD]], %[[RD2]]
// CHECK: %[[DECOMPRESSED:.*]] = arith.mulf %[[T]], %[[COLUMN]]
// CHECK: %[[LESS:.*]] = arith.cmpf olt, %[[ABSORBED]], %[[DECOMPRESSED]]
// CHECK: scf.if %[[LESS]]
// H100-LABEL: func @unknown_extents(
// H100: %[[BYTES:.*]] = arith.maximumf
// H100: arith.cmpf olt, %{{.*}}, %[[BYTES]]
func.func @unknown_extents(%c: tensor<?x?x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                           %q: tensor<?x?x128x128xbf16>) -> tensor<?x?x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<?x?x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x?x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<?x?x512xbf16>, tensor<128x512x128xbf16>) -> tensor<?x?x128x128xbf16>
  // expected-remark @+1 {{both (FLOPs alone): absorbed below 170.7 query tokens over long contexts}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<?x?x128x128xbf16>, tensor<?x?x128x128xbf16>, tensor<?x?x128x128xbf16>) -> tensor<?x?x128x128xbf16>
  return %o : tensor<?x?x128x128xbf16>
}

// -----

// Where the query is decompressed too, W_UQ (rank 1536) and W_UK could be one
// weight.

// CHECK-LABEL: func @folding
// CHECK: attn.decompress
// CHECK: attn.project
func.func @folding(%cq: tensor<1x1x1536xbf16>, %w_uq: tensor<128x1536x128xbf16>, %c: tensor<1x1024x512xbf16>,
                   %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>) -> tensor<1x1x128x128xbf16> {
  // expected-remark @+1 {{W_UQ W_UK in one would be 100.7 M weights instead of 33.6 M (3.00 times the bytes)}}
  %q = attn.decompress %cq, %w_uq : (tensor<1x1x1536xbf16>, tensor<128x1536x128xbf16>) -> tensor<1x1x128x128xbf16>
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{[Passed] select-form}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x1x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x1x128x128xbf16>
  return %o : tensor<1x1x128x128xbf16>
}

// -----

// Two latent rows a token cost twice the bytes of context, and no more FLOPs.

// CHECK-LABEL: func @grouped_latents
// CHECK: attn.attend
// CHECK-SAME: groups = 2
func.func @grouped_latents(%c: tensor<1x1024x2x256xbf16>, %w_uk: tensor<128x256x128xbf16>, %w_uv: tensor<128x256x128xbf16>,
                           %q: tensor<1x1x128x128xbf16>) -> tensor<1x1x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x2x256xbf16>, tensor<128x256x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x2x256xbf16>, tensor<128x256x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{absorbed 0.151 GFLOP, 17.826 MB; decompressed 17.247 GFLOP, 152.044 MB}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x1x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x1x128x128xbf16>
  return %o : tensor<1x1x128x128xbf16>
}
