// The distribution's mlir-opt runs our passes. `mlir-opt` in these suites is
// LLVM's own.
// REQUIRES: mlir-opt
// RUN: mlir-opt --load-dialect-plugin=%attn_build/lib/AttnPlugin.so \
// RUN:   --load-pass-plugin=%attn_build/lib/AttnPlugin.so %s \
// RUN:   --pass-pipeline='builtin.module(attn-select-cpu-schedule{isa=avx2},convert-attn-to-tile,canonicalize)' \
// RUN:   | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%attn_build/lib/AttnPlugin.so \
// RUN:   --load-pass-plugin=%attn_build/lib/AttnPlugin.so %s \
// RUN:   --pass-pipeline='builtin.module(attn-to-cpu{isa=avx2})' | FileCheck %s --check-prefix=LLVM

// CHECK: tile.kernel @decode
// CHECK: tile.dot
// LLVM: llvm.func @decode(

!cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], bf16, page = 16>
!query = tensor<?x1x8x64xbf16>

func.func @decode(%query: !query, %cache: !cache) -> !query {
  %out = attn.attend %query, %cache {heads = #attn.heads<q = 8, kv = 2>,
      mask = #attn.mask<causal>, scale = 0.125 : f32} : (!query, !cache) -> !query
  return %out : !query
}
