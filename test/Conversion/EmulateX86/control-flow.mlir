// RUN: attn-opt %s --emulate-x86="features=amx" --split-input-file | FileCheck %s

// The loop has a buffer of its own for the tile it carries.
// CHECK-LABEL: func.func @accumulate
// CHECK: %[[PRODUCT:.*]] = llvm.alloca
// CHECK: %[[CARRIED:.*]] = llvm.alloca
// CHECK: %[[INIT:.*]] = llvm.alloca
// CHECK: %[[FACTOR:.*]] = llvm.alloca
// CHECK-NOT: llvm.alloca
func.func @accumulate(%n: index, %z: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: llvm.call @attn_emu_tilezero(%[[FACTOR]],
  // CHECK: llvm.call @attn_emu_tilezero(%[[INIT]],
  %zero = amx.tile_zero : !amx.tile<16x32xbf16>
  %init = amx.tile_zero : !amx.tile<16x16xf32>
  // CHECK: "llvm.intr.memcpy"(%[[CARRIED]], %[[INIT]], %{{.*}})
  // CHECK: %[[LOOP:.*]]:2 = scf.for {{.*}} iter_args(%[[ACC:.*]] = %[[CARRIED]], %{{.*}} = %c0) -> (!llvm.ptr, index) {
  %sum, %count = scf.for %i = %c0 to %n step %c1
      iter_args(%acc = %init, %j = %c0) -> (!amx.tile<16x16xf32>, index) {
    // CHECK: llvm.call @attn_emu_tdpbf16ps(%[[PRODUCT]], %[[ACC]],
    %next = amx.tile_mulf %zero, %zero, %acc
        : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
    // CHECK: "llvm.intr.memcpy"(%[[CARRIED]], %[[PRODUCT]], %{{.*}})
    // CHECK-NOT: memcpy
    // CHECK: scf.yield %[[CARRIED]], %{{.*}} : !llvm.ptr, index
    scf.yield %next, %i : !amx.tile<16x16xf32>, index
  } {test.kept}
  // CHECK: } {test.kept}
  // CHECK: llvm.call @attn_emu_tilestored(%[[LOOP]]#0,
  amx.tile_store %z[%c0, %c0], %sum : memref<16x16xf32>, !amx.tile<16x16xf32>
  return
}

// -----

// All carried tiles are read before one is written; one that stays in place is
// not copied.
// CHECK-LABEL: func.func @swap
func.func @swap(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = amx.tile_zero : !amx.tile<16x16xf32>
  %q = amx.tile_zero : !amx.tile<16x16xf32>
  %r = amx.tile_zero : !amx.tile<16x16xf32>
  // CHECK: "llvm.intr.memcpy"(%[[A:[0-9]+]],
  // CHECK: "llvm.intr.memcpy"(%[[B:[0-9]+]],
  // CHECK: "llvm.intr.memcpy"(%[[C:[0-9]+]],
  // CHECK: scf.for {{.*}} iter_args(%[[X:.*]] = %[[A]], %[[Y:.*]] = %[[B]], %{{.*}} = %[[C]])
  %0:3 = scf.for %i = %c0 to %n step %c1 iter_args(%x = %p, %y = %q, %z = %r)
      -> (!amx.tile<16x16xf32>, !amx.tile<16x16xf32>, !amx.tile<16x16xf32>) {
    // CHECK: "llvm.intr.memcpy"(%[[T:.*]], %[[Y]],
    // CHECK: "llvm.intr.memcpy"(%[[U:.*]], %[[X]],
    // CHECK: "llvm.intr.memcpy"(%[[A]], %[[T]],
    // CHECK: "llvm.intr.memcpy"(%[[B]], %[[U]],
    // CHECK-NOT: memcpy
    // CHECK: scf.yield %[[A]], %[[B]], %[[C]]
    scf.yield %y, %x, %z
        : !amx.tile<16x16xf32>, !amx.tile<16x16xf32>, !amx.tile<16x16xf32>
  }
  return
}

// -----

// The buffers of the branches serve as they are, inside loops as well.
// CHECK-LABEL: func.func @branches
// CHECK: %[[THEN:.*]] = llvm.alloca
// CHECK: %[[BEFORE:.*]] = llvm.alloca
func.func @branches(%n: index, %c: i1, %z: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %before = amx.tile_zero : !amx.tile<16x16xf32>
  scf.for %i = %c0 to %n step %c1 {
    // CHECK: %[[IF:.*]] = scf.if %{{.*}} -> (!llvm.ptr) {
    %0 = scf.if %c -> (!amx.tile<16x16xf32>) {
      // CHECK: llvm.call @attn_emu_tilezero(%[[THEN]],
      // CHECK: scf.yield %[[THEN]] : !llvm.ptr
      %then = amx.tile_zero : !amx.tile<16x16xf32>
      scf.yield %then : !amx.tile<16x16xf32>
    } else {
      // CHECK: scf.yield %[[BEFORE]] : !llvm.ptr
      scf.yield %before : !amx.tile<16x16xf32>
    }
    // CHECK: llvm.call @attn_emu_tilestored(%[[IF]],
    amx.tile_store %z[%c0, %c0], %0 : memref<16x16xf32>, !amx.tile<16x16xf32>
  }
  return
}
