// RUN: attn-opt %s -split-input-file --attn-select-form=fused --remarks-filter=attn -verify-diagnostics | FileCheck %s
// RUN: attn-opt %s -split-input-file --attn-select-form="fused efficiency=0.3,0.05,0.2,0.2,0.1,0.4" | FileCheck %s --check-prefix=SHARES
// RUN: attn-opt %s -split-input-file --attn-select-form="fused machine=amx-thread" | FileCheck %s --check-prefix=AMX
// RUN: not attn-opt %s -split-input-file --attn-select-form="fused efficiency=0.3,0.05" 2>&1 | FileCheck %s --check-prefix=SIX
// RUN: not attn-opt %s -split-input-file --attn-select-form="efficiency=0.3,0.05,0.2,0.2,0.1,1.4" 2>&1 | FileCheck %s --check-prefix=SIX

// SIX: error: efficiency takes six shares above 0 and up to 1

// Where the target decompresses inside its kernel, that form has the FLOPs of
// the decompressed one and fewer bytes: it takes its place.

// CHECK-LABEL: func @at_147(
// CHECK-NOT: attn.decompress
// CHECK: attn.attend {{.*}} up(%{{.*}}) {form = #attn.form<fused_decompress>
func.func @at_147(%c: tensor<1x1024x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                  %q: tensor<1x147x128x128xbf16>) -> tensor<1x147x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{decompressed in the kernel (FLOPs alone): absorbed 44.393 GFLOP, 34.603 MB; decompressed in the kernel 44.225 GFLOP, 34.603 MB; decompressed 44.225 GFLOP, 168.821 MB}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x147x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x147x128x128xbf16>
  return %o : tensor<1x147x128x128xbf16>
}

// -----

// Nothing is known of the extents. By FLOPs the kernel is always as good as
// decompression to memory, and two forms will do. With these shares of the peak
// it decompresses faster and attends more slowly, so that all three are written.

// CHECK-LABEL: func @unknown(
// CHECK: scf.if
// CHECK: attn.attend {{.*}}kv = 1>
// CHECK: } else {
// CHECK: attn.attend {{.*}}fused_decompress
// CHECK-NOT: scf.if
// CHECK: return

// SHARES-LABEL: func @unknown(
// SHARES: %[[BOTH:.*]] = arith.andi
// SHARES: scf.if %[[BOTH]]
// SHARES: attn.attend {{.*}}kv = 1>
// SHARES: } else {
// SHARES: %[[INSIDE:.*]] = arith.cmpf ole,
// SHARES: scf.if %[[INSIDE]]
// SHARES: attn.attend {{.*}}fused_decompress
// SHARES: } else {
// SHARES: attn.decompress
// SHARES: attn.attend {{.*}}kv = 128>
func.func @unknown(%c: tensor<1x?x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                   %q: tensor<1x?x128x128xbf16>) -> tensor<1x?x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x?x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x?x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x?x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x?x128x128xbf16>
  // expected-remark @+1 {{both (FLOPs alone): absorbed below 170.7 query tokens over long contexts}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x?x128x128xbf16>, tensor<1x?x128x128xbf16>, tensor<1x?x128x128xbf16>) -> tensor<1x?x128x128xbf16>
  return %o : tensor<1x?x128x128xbf16>
}

// -----

// What the kernels of one thread with AMX were measured to reach of its peak:
// decompression pays from fewer new tokens on than by FLOPs, where it does from
// 147 on (select-form.mlir).

// AMX-LABEL: func @over_1024(
// AMX: %[[BOUND:.*]] = arith.constant 71 : index
// AMX: arith.cmpi slt, %{{.*}}, %[[BOUND]]
// AMX: attn.attend {{.*}}fused_decompress
func.func @over_1024(%c: tensor<1x1024x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                     %q: tensor<1x?x128x128xbf16>) -> tensor<1x?x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{both (FLOPs alone): absorbed below 146.3 query tokens}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x?x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x?x128x128xbf16>
  return %o : tensor<1x?x128x128xbf16>
}

// -----

// DeepSeek-V3's own scale, which YaRN enlarges: what rounding leaves of the
// query, or of the keys, is multiplied as well (attn-select-score-rest), which
// is 512 columns more for the absorbed form and 128 for the other.

// CHECK-LABEL: func @yarn(
// CHECK: arith.constant 103 : index
// AMX-LABEL: func @yarn(
// AMX: arith.constant 59 : index
func.func @yarn(%c: tensor<1x1024x512xbf16>, %w_uk: tensor<128x512x128xbf16>, %w_uv: tensor<128x512x128xbf16>,
                %q: tensor<1x?x128x128xbf16>) -> tensor<1x?x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x512xbf16>, tensor<128x512x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{both (FLOPs alone): absorbed below 102.4 query tokens}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.135233775 : f32}
     : (tensor<1x?x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x?x128x128xbf16>
  return %o : tensor<1x?x128x128xbf16>
}

// -----

// Two latent rows a token: twice the bytes of the context, the same FLOPs.

// CHECK-LABEL: func @grouped_latents(
// CHECK: attn.attend {{.*}} up(%{{.*}}) {form = #attn.form<fused_decompress>, heads = #attn.heads<q = 128, kv = 2>
func.func @grouped_latents(%c: tensor<1x1024x2x256xbf16>, %w_uk: tensor<128x256x128xbf16>, %w_uv: tensor<128x256x128xbf16>,
                           %q: tensor<1x256x128x128xbf16>) -> tensor<1x256x128x128xbf16> {
  %k = attn.decompress %c, %w_uk : (tensor<1x1024x2x256xbf16>, tensor<128x256x128xbf16>) -> tensor<1x1024x128x128xbf16>
  %v = attn.decompress %c, %w_uv : (tensor<1x1024x2x256xbf16>, tensor<128x256x128xbf16>) -> tensor<1x1024x128x128xbf16>
  // expected-remark @+1 {{decompressed in the kernel (FLOPs alone): absorbed 38.655 GFLOP, 17.826 MB; decompressed in the kernel 34.360 GFLOP, 17.826 MB; decompressed 34.360 GFLOP, 152.044 MB}}
  %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 128, kv = 128>, scale = 0.0721687824 : f32}
     : (tensor<1x256x128x128xbf16>, tensor<1x1024x128x128xbf16>, tensor<1x1024x128x128xbf16>) -> tensor<1x256x128x128xbf16>
  return %o : tensor<1x256x128x128xbf16>
}
