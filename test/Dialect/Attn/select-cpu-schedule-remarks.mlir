// RUN: attn-opt %s --attn-select-cpu-schedule=isa=amx --remarks-filter=attn 2>&1 >/dev/null | FileCheck %s
// RUN: not attn-opt %s --attn-select-cpu-schedule=isa=sse2 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// The choice is said, op by op, with its reason.

// CHECK: [[@LINE+8]]:{{[0-9]+}}: remark: [Passed] schedule
// CHECK-SAME: Remark="engine amx for level amx, tiles of 32 tokens"
// CHECK: [[@LINE+8]]:{{[0-9]+}}: remark: [Passed] schedule
// CHECK-SAME: Remark="engine fma for level amx, tiles of 64 tokens"
// CHECK-NOT: remark

// UNKNOWN: error: unknown instruction level 'sse2': expected avx2, avx512, avx512bf16 or amx
func.func @two(%q: tensor<?x1x64x128xbf16>, %c: !attn.kv_cache<heads = 2, parts = [k : 128, v : 128], bf16, page = 64>, %o: tensor<?x?x1x32x128xf32>, %l: tensor<?x?x1x32xf32>) {
  %0 = attn.attend %q, %c {heads = #attn.heads<q = 64, kv = 2>, scale = 0.125 : f32}
     : (tensor<?x1x64x128xbf16>, !attn.kv_cache<heads = 2, parts = [k : 128, v : 128], bf16, page = 64>) -> tensor<?x1x64x128xbf16>
  %1, %2 = attn.merge %o, %l : (tensor<?x?x1x32x128xf32>, tensor<?x?x1x32xf32>) -> (tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>)
  return
}
