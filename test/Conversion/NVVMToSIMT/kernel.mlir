// RUN: attn-opt %s --convert-nvvm-to-simt | FileCheck %s
// RUN: attn-opt %s --convert-nvvm-to-simt=instrument=false | FileCheck %s --check-prefix=BARE
// RUN: attn-opt %s --nvvm-to-simt | FileCheck %s --check-prefix=LLVM
// RUN: attn-opt %s --convert-nvvm-to-simt --remarks-filter=convert-nvvm-to-simt 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// REMARK: can be launched as k_simt

// The example of the pass's documentation.
// CHECK-NOT: @smem
// CHECK-DAG: llvm.func @attn_simt_store(i32, !llvm.ptr, i64, i32)
// CHECK-DAG: llvm.func @attn_simt_barrier(i32, i32, i32)
// CHECK-DAG: llvm.func @attn_simt_load(i32, !llvm.ptr, i64, i32)
// CHECK-DAG: llvm.func @attn_simt_shared() -> !llvm.ptr

// CHECK-LABEL: llvm.func @k(%arg0: !llvm.ptr<1>) {
// CHECK: %[[BASE:.*]] = llvm.call @attn_simt_shared() : () -> !llvm.ptr
// CHECK: %[[START:.*]] = llvm.getelementptr %[[BASE]][0] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: %[[SMEM:.*]] = llvm.addrspacecast %[[START]] : !llvm.ptr to !llvm.ptr<3>
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(4 : i64)
// CHECK: %[[SITE:.*]] = llvm.mlir.constant(0 : i32)
// CHECK: %[[ADDRESS:.*]] = llvm.addrspacecast %[[SMEM]] : !llvm.ptr<3> to !llvm.ptr
// CHECK: %[[ALIGN:.*]] = llvm.mlir.constant(4 : i32)
// CHECK: llvm.call @attn_simt_load(%[[SITE]], %[[ADDRESS]], %[[BYTES]], %[[ALIGN]])
// CHECK: %[[X:.*]] = llvm.load %[[SMEM]] : !llvm.ptr<3> -> f32
// CHECK: llvm.call @attn_simt_barrier
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(16 : i64)
// CHECK: %[[SITE:.*]] = llvm.mlir.constant(2 : i32)
// CHECK: %[[ADDRESS:.*]] = llvm.addrspacecast %arg0 : !llvm.ptr<1> to !llvm.ptr
// CHECK: %[[ALIGN:.*]] = llvm.mlir.constant(8 : i32)
// CHECK: llvm.call @attn_simt_store(%[[SITE]], %[[ADDRESS]], %[[BYTES]], %[[ALIGN]])
// CHECK: llvm.store

// BARE-LABEL: llvm.func @k
// BARE-NOT: @attn_simt_load
// BARE: llvm.load
// BARE-NOT: @attn_simt_store
// BARE: llvm.return

// The launcher's part.
// CHECK: @attn_simt_sites("{{.*}}kernel.mlir:[[#@LINE+25]]:8: llvm.load\00{{.*}}kernel.mlir:[[#@LINE+27]]:3: nvvm.barrier0\00{{.*}}: llvm.store\00")
// CHECK-LABEL: llvm.func internal @k_simt_entry(%arg0: !llvm.ptr)
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %arg0[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: %[[PARAM:.*]] = llvm.load %[[SLOT]] : !llvm.ptr -> !llvm.ptr
// CHECK: %[[VALUE:.*]] = llvm.load %[[PARAM]] : !llvm.ptr -> !llvm.ptr<1>
// CHECK: llvm.call @k(%[[VALUE]])
// CHECK: llvm.mlir.global internal constant @k_simt_name("k\00")
// CHECK: llvm.mlir.global internal constant @k_simt_param_bytes(dense<[8, 0]> : tensor<2xi64>)
// CHECK: llvm.mlir.global external constant @k_simt() {{.*}} : !llvm.struct<(ptr, ptr, ptr, ptr, i64, i64, i64, i64, i64, i64)>
// CHECK-DAG: llvm.mlir.addressof @k_simt_entry
// CHECK-DAG: llvm.mlir.addressof @attn_simt_sites
// CHECK-DAG: llvm.mlir.constant(128 : i64)
// CHECK: llvm.return

// LLVM-NOT: scf.
// LLVM-NOT: arith.
// LLVM-LABEL: llvm.func @k
// LLVM: llvm.cond_br

llvm.mlir.global external @smem() {addr_space = 3 : i32} : !llvm.array<0 x i8>
llvm.func @k(%out: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>, target_cpu = "sm_80"} {
  %smem = llvm.mlir.addressof @smem : !llvm.ptr<3>
  %true = arith.constant true
  %c0 = arith.constant 0 : i32
  %p = llvm.mlir.poison : vector<4xf32>
  %x = llvm.load %smem : !llvm.ptr<3> -> f32
  // A comment.
  nvvm.barrier0
  %v = llvm.insertelement %x, %p[%c0 : i32] : vector<4xf32>
  scf.if %true {
    llvm.store %v, %out {alignment = 8 : i64} : vector<4xf32>, !llvm.ptr<1>
  }
  llvm.return
}
