// RUN: attn-opt %s --attn-lower-to-llvm --reconcile-unrealized-casts --split-input-file | FileCheck %s
// RUN: attn-opt %s --attn-lower-to-llvm --reconcile-unrealized-casts --split-input-file | FileCheck %s --check-prefix=ONLY

// One conversion for all dialects: nothing but LLVM's is left.

// ONLY-NOT: {{(scf|arith|math|vector|memref|func|x86vector|cf)\.[a-z]}}
// ONLY-NOT: amx.tile
// ONLY-NOT: unrealized_conversion_cast

// A kernel reaches its fields through pointers, and loops over vectors.

// CHECK-LABEL: llvm.func @loop(%{{.*}}: !llvm.ptr, %{{.*}}: i64)
// CHECK:       llvm.cond_br
// CHECK:       llvm.load %{{.*}} : !llvm.ptr -> vector<8xf32>
// CHECK:       llvm.intr.{{fma|fmuladd}}(%{{.*}}) : (vector<8xf32>, vector<8xf32>, vector<8xf32>) -> vector<8xf32>
// CHECK:       llvm.br
// CHECK:       llvm.store %{{.*}} : vector<8xf32>, !llvm.ptr
func.func @loop(%p: !llvm.ptr, %n: i64) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %init = arith.constant dense<0.0> : vector<8xf32>
  %r = scf.for %i = %zero to %n step %one iter_args(%acc = %init) -> vector<8xf32> : i64 {
    %x = llvm.load %p : !llvm.ptr -> vector<8xf32>
    %y = vector.fma %x, %x, %acc : vector<8xf32>
    scf.yield %y : vector<8xf32>
  }
  llvm.store %r, %p : vector<8xf32>, !llvm.ptr
  return
}

// -----

// Tiles carried by a loop, for which there is no legal form in between.

// CHECK-LABEL: llvm.func @tiles
// CHECK:       llvm.call_intrinsic "llvm.x86.tilezero.internal"{{.*}} -> !llvm.x86_amx
// CHECK:       llvm.br ^bb1(%{{.*}}, %{{.*}} : i64, !llvm.x86_amx)
// CHECK:       ^bb1(%{{.*}}: i64, %[[C:.*]]: !llvm.x86_amx)
// CHECK:       %[[A:.*]] = llvm.call_intrinsic "llvm.x86.tileloadd64.internal"
// CHECK:       llvm.call_intrinsic "llvm.x86.tdpbf16ps.internal"(%{{.*}}, %{{.*}}, %{{.*}}, %[[C]], %[[A]], %[[A]])
// CHECK:       llvm.call_intrinsic "llvm.x86.tilestored64.internal"
func.func @tiles(%m: memref<?xbf16>, %o: memref<?xf32>, %n: i64) {
  %c0 = arith.constant 0 : index
  %stride = arith.constant 32 : index
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %init = amx.tile_zero : !amx.tile<16x16xf32>
  %r = scf.for %i = %zero to %n step %one iter_args(%acc = %init) -> !amx.tile<16x16xf32> : i64 {
    %a = amx.tile_load %m[%c0], %stride : memref<?xbf16> into !amx.tile<16x32xbf16>
    %y = amx.tile_mulf %a, %a, %acc : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
    scf.yield %y : !amx.tile<16x16xf32>
  }
  amx.tile_store %o[%c0], %r, %stride : memref<?xf32>, !amx.tile<16x16xf32>
  return
}

// -----

// CHECK-LABEL: llvm.func @dot
// CHECK:       llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
func.func @dot(%c: vector<16xf32>, %a: vector<32xbf16>) -> vector<16xf32> {
  %r = x86vector.avx512.dot %c, %a, %a : vector<32xbf16> -> vector<16xf32>
  return %r : vector<16xf32>
}
