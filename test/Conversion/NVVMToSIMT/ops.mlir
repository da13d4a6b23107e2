// RUN: attn-opt %s --convert-nvvm-to-simt --split-input-file | FileCheck %s

// What each kind of operation becomes. The first argument is its number in the
// table of sites.

// CHECK-LABEL: llvm.func @registers
// CHECK: %[[WHICH:.*]] = llvm.mlir.constant(0 : i32)
// CHECK: llvm.call @attn_simt_sreg(%[[WHICH]]) : (i32) -> i32
// CHECK: %[[WHICH:.*]] = llvm.mlir.constant(6 : i32)
// CHECK: llvm.call @attn_simt_sreg(%[[WHICH]])
// CHECK: %[[WHICH:.*]] = llvm.mlir.constant(12 : i32)
// CHECK: llvm.call @attn_simt_sreg(%[[WHICH]])
llvm.func @registers() {
  %0 = nvvm.read.ptx.sreg.tid.x : i32
  %1 = nvvm.read.ptx.sreg.ctaid.x : i32
  %2 = nvvm.read.ptx.sreg.laneid : i32
  llvm.return
}

// -----

// CHECK-LABEL: llvm.func @warp
// CHECK-SAME: (%[[MASK:.*]]: i32, %[[X:.*]]: f32, %[[P:.*]]: i1)
llvm.func @warp(%mask: i32, %x: f32, %p: i1) -> f32 {
  %c1 = llvm.mlir.constant(1 : i32) : i32
  // CHECK: llvm.mlir.constant(1 : i32)
  // CHECK: %[[KIND:.*]] = llvm.mlir.constant(1 : i32)
  // CHECK: %[[BITS:.*]] = llvm.bitcast %[[X]] : f32 to i32
  // CHECK: %[[BOTH:.*]] = llvm.call @attn_simt_shfl(%{{.*}}, %[[KIND]], %[[MASK]], %[[BITS]], %{{.*}}, %{{.*}}) : (i32, i32, i32, i32, i32, i32) -> i64
  // CHECK: %[[LOW:.*]] = llvm.trunc %[[BOTH]] : i64 to i32
  // CHECK: %[[Y:.*]] = llvm.bitcast %[[LOW]] : i32 to f32
  %y = nvvm.shfl.sync up %mask, %x, %c1, %c1 : f32 -> f32
  // CHECK: %[[PRED:.*]] = llvm.zext %[[P]] : i1 to i32
  // CHECK: %[[VOTE:.*]] = llvm.call @attn_simt_vote(%{{.*}}, %{{.*}}, %[[MASK]], %[[PRED]])
  // CHECK: llvm.icmp "ne" %[[VOTE]], %{{.*}} : i32
  %v = nvvm.vote.sync any %mask, %p -> i1
  // CHECK: llvm.call @attn_simt_redux(%{{.*}}, %{{.*}}, %[[MASK]], %{{.*}}) : (i32, i32, i32, i32) -> i32
  %r = nvvm.redux.sync max %c1, %mask : i32 -> i32
  // CHECK: llvm.call @attn_simt_warp_sync(%{{.*}}, %[[MASK]])
  nvvm.bar.warp.sync %mask : i32
  // CHECK: %[[ALL:.*]] = llvm.mlir.constant(-1 : i32)
  // CHECK: llvm.call @attn_simt_elect(%{{.*}}, %[[ALL]])
  %e = nvvm.elect.sync -> i1
  // CHECK: llvm.return %[[Y]]
  llvm.return %y : f32
}

// -----

// Operands and results of matrix operations are in the function's scratch.

// CHECK-LABEL: llvm.func @matrix
llvm.func @matrix(%p: !llvm.ptr<3>, %c: f32) -> f32 {
  // CHECK: %[[SCRATCH:.*]] = llvm.alloca %{{.*}} x i32 {alignment = 16 : i64}
  // CHECK-NOT: llvm.alloca
  // CHECK: %[[COUNT:.*]] = llvm.mlir.constant(4 : i32)
  // CHECK: %[[TRANSPOSED:.*]] = llvm.mlir.constant(0 : i32)
  // CHECK: llvm.call @attn_simt_ldmatrix(%{{.*}}, %[[COUNT]], %[[TRANSPOSED]], %{{.*}}, %[[SCRATCH]])
  // CHECK: %[[AT:.*]] = llvm.getelementptr %[[SCRATCH]][3]
  // CHECK: llvm.load %[[AT]] : !llvm.ptr -> i32
  %a = nvvm.ldmatrix %p {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
  // CHECK: llvm.mlir.constant(1 : i32)
  // CHECK: %[[TRANSPOSED:.*]] = llvm.mlir.constant(1 : i32)
  // CHECK: llvm.call @attn_simt_ldmatrix(%{{.*}}, %{{.*}}, %[[TRANSPOSED]], %{{.*}}, %[[SCRATCH]])
  %b = nvvm.ldmatrix %p {num = 1 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
  %a0 = llvm.extractvalue %a[0] : !llvm.struct<(i32, i32, i32, i32)>
  // CHECK: %[[C0:.*]] = llvm.getelementptr %[[SCRATCH]][6]
  // CHECK: llvm.store %{{.*}}, %[[C0]] : f32
  // CHECK: %[[K:.*]] = llvm.mlir.constant(16 : i32)
  // CHECK: %[[BF16:.*]] = llvm.mlir.constant(1 : i32)
  // CHECK: llvm.call @attn_simt_mma(%{{.*}}, %[[K]], %[[BF16]], %[[SCRATCH]])
  // CHECK: %[[D0:.*]] = llvm.getelementptr %[[SCRATCH]][6]
  // CHECK: llvm.load %[[D0]] : !llvm.ptr -> f32
  %d = nvvm.mma.sync A[%a0, %a0, %a0, %a0] B[%b, %b] C[%c, %c, %c, %c]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
      : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  // CHECK: llvm.call @attn_simt_stmatrix
  nvvm.stmatrix %p, %a0, %b {layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : !llvm.ptr<3>, i32, i32
  %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
  llvm.return %d0 : f32
}

// -----

// CHECK-LABEL: llvm.func @barriers
// CHECK-SAME: (%[[ID:.*]]: i32, %[[COUNT:.*]]: i32)
llvm.func @barriers(%id: i32, %count: i32) {
  // CHECK: llvm.call @attn_simt_barrier(%{{.*}}, %[[ID]], %[[COUNT]])
  nvvm.barrier id = %id number_of_threads = %count
  // CHECK: llvm.call @attn_simt_barrier_arrive(%{{.*}}, %[[ID]], %[[COUNT]])
  nvvm.barrier.arrive id = %id number_of_threads = %count
  // CHECK: llvm.call @attn_simt_barrier_reduce(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[COUNT]])
  %r = nvvm.barrier #nvvm.reduction<and> %count -> i32
  // CHECK: llvm.call @attn_simt_fence
  nvvm.memory.barrier #nvvm.mem_scope<gpu>
  // CHECK: llvm.call @attn_simt_fence
  llvm.fence acq_rel
  llvm.return
}

// -----

// CHECK-LABEL: llvm.func @copies
// CHECK-SAME: (%[[TO:.*]]: !llvm.ptr<3>, %[[FROM:.*]]: !llvm.ptr<1>, %[[BYTES:.*]]: i32)
llvm.func @copies(%to: !llvm.ptr<3>, %from: !llvm.ptr<1>, %bytes: i32) {
  // CHECK: %[[ALL:.*]] = llvm.mlir.constant(16 : i32)
  // CHECK: llvm.call @attn_simt_cp_async(%{{.*}}, %{{.*}}, %{{.*}}, %[[ALL]], %[[BYTES]])
  nvvm.cp.async.shared.global %to, %from, 16, cache = cg, %bytes : !llvm.ptr<3>, !llvm.ptr<1>, i32
  // CHECK: llvm.call @attn_simt_cp_async(%{{.*}}, %{{.*}}, %{{.*}}, %[[ALL:.*]], %[[ALL]])
  nvvm.cp.async.shared.global %to, %from, 8, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  // CHECK: llvm.call @attn_simt_cp_async_commit
  nvvm.cp.async.commit.group
  // CHECK: %[[PENDING:.*]] = llvm.mlir.constant(2 : i32)
  // CHECK: llvm.call @attn_simt_cp_async_wait(%{{.*}}, %[[PENDING]])
  nvvm.cp.async.wait.group 2
  llvm.return
}

// -----

// CHECK-LABEL: llvm.func @mbarriers
// CHECK-SAME: (%{{.*}}: !llvm.ptr<3>, %{{.*}}: !llvm.ptr<3>, %{{.*}}: !llvm.ptr<1>, %[[N:.*]]: i32)
llvm.func @mbarriers(%m: !llvm.ptr<3>, %to: !llvm.ptr<3>, %from: !llvm.ptr<1>, %n: i32) {
  // CHECK: llvm.call @attn_simt_mbarrier_init(%{{.*}}, %{{.*}}, %[[N]])
  nvvm.mbarrier.init %m, %n : !llvm.ptr<3>, i32
  // CHECK: %[[STATE:.*]] = llvm.call @attn_simt_mbarrier_arrive(%{{.*}}, %{{.*}}, %[[N]], %{{.*}}) : (i32, !llvm.ptr, i32, i32) -> i64
  %s = nvvm.mbarrier.arrive %m, %n : !llvm.ptr<3> -> i64
  // CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i32)
  // CHECK: llvm.call @attn_simt_mbarrier_arrive(%{{.*}}, %{{.*}}, %[[ONE]], %[[N]])
  nvvm.mbarrier.arrive.expect_tx %m, %n : !llvm.ptr<3>, i32
  // CHECK: %[[NONE:.*]] = llvm.mlir.constant(0 : i32)
  // CHECK: llvm.call @attn_simt_mbarrier_arrive(%{{.*}}, %{{.*}}, %[[NONE]], %[[N]])
  nvvm.mbarrier.expect_tx %m, %n : !llvm.ptr<3>, i32
  // CHECK: llvm.call @attn_simt_bulk_load(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[N]])
  nvvm.cp.async.bulk.shared.cluster.global %to, %from, %m, %n : !llvm.ptr<3>, !llvm.ptr<1>
  // CHECK: llvm.call @attn_simt_mbarrier_copies_arrive
  nvvm.cp.async.mbarrier.arrive %m : !llvm.ptr<3>
  // CHECK: %[[PARITY:.*]] = llvm.zext %[[N]] : i32 to i64
  // CHECK: llvm.call @attn_simt_mbarrier_test(%{{.*}}, %{{.*}}, %[[PARITY]], %{{.*}}, %{{.*}})
  nvvm.mbarrier.try_wait.parity %m, %n, %n : !llvm.ptr<3>, i32, i32
  // CHECK: %[[OVER:.*]] = llvm.call @attn_simt_mbarrier_test(%{{.*}}, %{{.*}}, %[[STATE]], %{{.*}}, %{{.*}})
  // CHECK: llvm.icmp "ne" %[[OVER]]
  %over = nvvm.mbarrier.test.wait %m, %s : !llvm.ptr<3>, i64 -> i1
  // CHECK: llvm.call @attn_simt_mbarrier_inval
  nvvm.mbarrier.inval %m : !llvm.ptr<3>
  llvm.return
}

// -----

// CHECK-LABEL: llvm.func @atomics
llvm.func @atomics(%p: !llvm.ptr<1>, %x: f32, %n: i64) {
  // CHECK: %[[OP:.*]] = llvm.mlir.constant(12 : i32)
  // CHECK: %[[BYTES:.*]] = llvm.mlir.constant(4 : i32)
  // CHECK: %[[ORDER:.*]] = llvm.mlir.constant(3 : i32)
  // CHECK: %[[OLD:.*]] = llvm.call @attn_simt_atomic(%{{.*}}, %[[OP]], %{{.*}}, %[[BYTES]], %{{.*}}, %{{.*}}, %[[ORDER]])
  // CHECK: llvm.trunc %[[OLD]] : i64 to i32
  %old = llvm.atomicrmw fadd %p, %x acq_rel : !llvm.ptr<1>, f32
  // CHECK: llvm.call @attn_simt_atomic
  // CHECK: llvm.icmp "eq"
  %swap = llvm.cmpxchg %p, %n, %n acq_rel monotonic : !llvm.ptr<1>, i64
  // CHECK: %[[LOAD:.*]] = llvm.mlir.constant(0 : i32)
  // CHECK: llvm.call @attn_simt_atomic(%{{.*}}, %[[LOAD]]
  // CHECK-NOT: llvm.load
  %v = llvm.load volatile %p : !llvm.ptr<1> -> i32
  // CHECK: %[[STORE:.*]] = llvm.mlir.constant(1 : i32)
  // CHECK: llvm.call @attn_simt_atomic(%{{.*}}, %[[STORE]]
  // CHECK-NEXT: llvm.return
  llvm.store %n, %p atomic release {alignment = 8 : i64} : i64, !llvm.ptr<1>
  llvm.return
}

// -----

// The stack and constants of the module are not checked.

// CHECK-LABEL: llvm.func @private
// CHECK-NOT: @attn_simt_load
// CHECK: llvm.return
llvm.mlir.global internal constant @table(dense<[1, 2]> : tensor<2xi32>) : !llvm.array<2 x i32>
llvm.func @private(%i: i32) -> i32 {
  %one = llvm.mlir.constant(1 : i64) : i64
  %stack = llvm.alloca %one x i32 : (i64) -> !llvm.ptr
  %table = llvm.mlir.addressof @table : !llvm.ptr
  %at = llvm.getelementptr %table[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i32
  %x = llvm.load %at : !llvm.ptr -> i32
  llvm.store %x, %stack : i32, !llvm.ptr
  %y = llvm.load %stack : !llvm.ptr -> i32
  llvm.return %y : i32
}

// -----

// Arithmetic, and what the emulator does anyway.

// CHECK-LABEL: llvm.func @others
// CHECK-SAME: (%[[X:.*]]: f32, %[[P:.*]]: !llvm.ptr<1>)
llvm.func @others(%x: f32, %p: !llvm.ptr<1>) -> vector<2xbf16> {
  // CHECK: llvm.call @attn_simt_ex2(%[[X]]) : (f32) -> f32
  %a = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%x) : (f32) -> f32
  // CHECK: llvm.call @attn_simt_lg2
  %b = llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"(%a) : (f32) -> f32
  // CHECK: llvm.call @attn_simt_rcp
  %c = nvvm.rcp.approx.ftz.f %b : f32
  // CHECK-NOT: nvvm.
  nvvm.griddepcontrol wait
  nvvm.prefetch level = L2, %p : !llvm.ptr<1>
  nvvm.setmaxregister decrease 40
  // CHECK: %[[LOW:.*]] = llvm.fptrunc %[[X]] : f32 to bf16
  // CHECK: llvm.insertelement %[[LOW]]
  // CHECK: %[[HIGH:.*]] = llvm.fptrunc %{{.*}} : f32 to bf16
  // CHECK: llvm.insertelement %[[HIGH]]
  %d = nvvm.convert.f32x2.to.bf16x2 %c, %x {rnd = #nvvm.fp_rnd_mode<rn>} : vector<2xbf16>
  llvm.return %d : vector<2xbf16>
}

// -----

// Static shared memory comes first, the dynamic one behind it. Kernels in a
// gpu.module come out of it.

// CHECK-LABEL: llvm.func @shared
// CHECK: llvm.getelementptr %{{.*}}[1024] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: llvm.getelementptr %{{.*}}[0] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: llvm.mlir.global external constant @shared_simt
// CHECK: llvm.mlir.constant(1024 : i64)
gpu.module @kernels {
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
  llvm.mlir.global internal @static() {addr_space = 3 : i32} : !llvm.array<100 x i8>
  llvm.func @shared() attributes {nvvm.kernel} {
    %d = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    %s = llvm.mlir.addressof @static : !llvm.ptr<3>
    llvm.return
  }
}

// -----

// A parameter by value: its address where no thread may write it, else a copy.

// CHECK-LABEL: llvm.func internal @k_simt_entry
// CHECK: %[[CONSTANT:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: %[[OTHER:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: %[[COPY:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(array<3 x i64>)>
// CHECK: "llvm.intr.memcpy"(%[[COPY]], %[[OTHER]], %{{.*}})
// CHECK: llvm.call @k(%[[CONSTANT]], %[[COPY]])
// CHECK: @k_simt_param_bytes(dense<[16, 24, 0]> : tensor<3xi64>)
llvm.func @k(%a: !llvm.ptr {llvm.byval = !llvm.struct<(array<2 x i64>)>, nvvm.grid_constant},
             %b: !llvm.ptr {llvm.byval = !llvm.struct<(array<3 x i64>)>}) attributes {nvvm.kernel} {
  llvm.return
}
