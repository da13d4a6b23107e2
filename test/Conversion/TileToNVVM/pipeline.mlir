// RUN: attn-opt %s --attn-to-nvvm=chip=sm_90 | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: attn-opt %s --attn-to-nvvm=chip=sm_80 | FileCheck %s --check-prefixes=CHECK,SM80
// RUN: not attn-opt %s --attn-to-nvvm=chip=sm_70 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// From attention to kernels. The maths between the products comes out of
// tile-expand, as for every target; here it has become scalar code of a thread.

// UNKNOWN: error: no GPU architecture 'sm_70'; known: sm_80

// CHECK-NOT:   func.func
// CHECK-LABEL: llvm.func @decode_plan
// CHECK-LABEL: llvm.func @decode(
// SM90:        nvvm.griddepcontrol wait
// SM80-NOT:    nvvm.griddepcontrol
// CHECK:       llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"
// CHECK-LABEL: llvm.func @decode_combine(
// CHECK:       llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"
// CHECK:       llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"
!cache = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
func.func @decode(%q: tensor<?x1x64x128xbf16>, %c: !cache) -> tensor<?x1x64x128xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 64, kv = 8>, scale = 0.125 : f32}
     : (tensor<?x1x64x128xbf16>, !cache) -> tensor<?x1x64x128xbf16>
  return %o : tensor<?x1x64x128xbf16>
}

// The projections around absorbed attention, which leaves its output in f32
// between them.

// CHECK-LABEL: llvm.func @mla_query(
// CHECK-SAME:  in_dtype = 0 : i64
// CHECK-LABEL: llvm.func @mla_output(
// CHECK-SAME:  in_dtype = 2 : i64
// CHECK-LABEL: llvm.func @mla_combine(
// SM90:        nvvm.griddepcontrol launch_dependents
// SM90:        nvvm.griddepcontrol wait
// CHECK-NOT:   vector<2xbf16>
// CHECK:       llvm.return
!latent = !attn.kv_cache<heads = 1, parts = [latent : 64, rope : 16], bf16, page = 64>
func.func @mla(%q: tensor<?x1x4x48xbf16>, %c: !latent, %uk: tensor<4x32x64xbf16>, %uv: tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16> {
  %o = attn.attend %q, %c up(%uk, %uv) {form = #attn.form<absorbed>, up_transposed,
         heads = #attn.heads<q = 4, kv = 1>, latent = #attn.latent<rank = 64, rope = 16, nope = 32, v = 32>,
         scale = 0.125 : f32}
     : (tensor<?x1x4x48xbf16>, !latent, tensor<4x32x64xbf16>, tensor<4x64x32xbf16>) -> tensor<?x1x4x32xbf16>
  return %o : tensor<?x1x4x32xbf16>
}
