// RUN: attn-opt %s --attn-to-cpu=isa=avx2 | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: attn-opt %s --attn-to-cpu=isa=avx512 | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: attn-opt %s --attn-to-cpu=isa=avx512bf16 | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: attn-opt %s --attn-to-cpu=isa=amx | FileCheck %s --check-prefixes=CHECK,AMX
// RUN: attn-opt %s --attn-to-cpu="isa=avx512bf16 emulate=avx512bf16" | FileCheck %s --check-prefixes=CHECK,NODOT
// RUN: attn-opt %s --attn-to-cpu="isa=amx emulate=amx,avx512bf16" | FileCheck %s --check-prefixes=CHECK,EMULATED
// RUN: not attn-opt %s --attn-to-cpu=isa=sse4 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// From attn to the LLVM dialect in one go, at each level: a kernel and its
// combine function, and nothing of the function that held the op.

// CHECK-NOT:    attn.attend
// CHECK:        llvm.func @decode(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) attributes {attn.kernel = {combine = 0 : i64
// AVX2-NOT:     fma{{.*}}vector<16xf32>
// AVX2:         llvm.intr.{{fma|fmuladd}}{{.*}}vector<8xf32>
// AVX512:       llvm.intr.{{fma|fmuladd}}{{.*}}vector<16xf32>
// BF16:         llvm.x86.avx512bf16.dpbf16ps.512
// AMX:          llvm.x86.tdpbf16ps.internal
// NODOT-NOT:    dpbf16ps
// EMULATED-NOT: llvm.x86.t
// EMULATED:     llvm.call @attn_emu_tdpbf16ps
// EMULATED-NOT: llvm.x86.t
// CHECK:        llvm.func @decode_combine(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) attributes {attn.kernel = {combine = 1 : i64
// CHECK-NOT:    {{ (scf|vector|arith|math|amx|x86vector|tile|func)\.[a-z]}}

// UNKNOWN: error: unknown instruction level 'sse4'
!cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], bf16, page = 64>
func.func @decode(%q: tensor<?x1x64x64xbf16>, %c: !cache) -> tensor<?x1x64x64xbf16> {
  %o = attn.attend %q, %c {heads = #attn.heads<q = 64, kv = 2>, scale = 0.125 : f32, mask = #attn.mask<causal>}
     : (tensor<?x1x64x64xbf16>, !cache) -> tensor<?x1x64x64xbf16>
  return %o : tensor<?x1x64x64xbf16>
}
