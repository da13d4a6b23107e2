// RUN: not attn-opt %s --emulate-x86="features=amx,avx10" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: attn-opt %s --emulate-x86 | FileCheck %s --check-prefix=NONE
// RUN: attn-opt %s --emulate-x86="features=amx,avx512bf16" | FileCheck %s --check-prefix=BOTH
// RUN: attn-opt %s --emulate-x86="features=amx" --remarks-filter="emulate-x86" 2>&1 | FileCheck %s --check-prefix=REMARK

// UNKNOWN: error: emulate-x86 knows the features 'amx' and 'avx512bf16', not 'avx10'

// REMARK: remark: [Passed] Emulated | Category:emulate-x86 | Function=f | Remark=amx.tile_zero

func.func @f(%x: f32) -> bf16 {
  // NONE: amx.tile_zero
  // NONE: arith.truncf
  // BOTH-NOT: amx.tile_zero
  // BOTH-NOT: arith.truncf
  %0 = amx.tile_zero : !amx.tile<16x16xf32>
  %1 = arith.truncf %x : f32 to bf16
  return %1 : bf16
}
