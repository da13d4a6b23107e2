// RUN: attn-opt %s --convert-tile-to-nvvm --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --convert-tile-to-nvvm=dependent-launch --canonicalize --cse | FileCheck %s --check-prefix=PDL

// The example: a kernel without attention's maths, to show the skeleton:
// functions that each take attn_gpu_args by value.

// CHECK:       llvm.mlir.global external @attn_smem() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

// One warp turns lengths into work: a scan by shuffles.

// CHECK-LABEL: llvm.func @f16_plan(%{{.*}}: !llvm.ptr {{{.*}}llvm.byval = !llvm.struct<(array<64 x i64>)>, nvvm.grid_constant})
// CHECK-SAME:  nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 32>
// CHECK-COUNT-5: nvvm.shfl.sync up
// CHECK:       nvvm.shfl.sync idx
// CHECK:       nvvm.barrier0

// CHECK-LABEL: llvm.func @f16(
// CHECK-SAME:  attn.gpu_kernel = {combine_blocks = 2 : i64, combine_threads = 128 : i64, ctas_per_sm = 2 : i64, dtype = 1 : i64, flags = 0 : i64, k_dim = 64 : i64, kv_heads = 2 : i64, kv_tile = 64 : i64, nope = 0 : i64, plan_threads = 32 : i64, q_heads = 8 : i64, q_len = 1 : i64, row_blocks = 1 : i64,
// CHECK-SAME:  shared_bytes = {{[1-9][0-9]*}} : i64
// CHECK-SAME:  threads = 128 : i64, v = 0 : i64, v_dim = 64 : i64, window = 0 : i64}
// CHECK-SAME:  nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 128>

// A piece of work after the other; within one, the query, the first tiles but
// one, then the loop.

// CHECK:       scf.while
// CHECK:         nvvm.cp.async.shared.global {{.*}} cache =  cg
// CHECK:         nvvm.cp.async.commit.group
// CHECK:         scf.for
// CHECK-NEXT:      nvvm.cp.async.wait.group 1
// CHECK-NEXT:      nvvm.barrier0
// CHECK:           nvvm.cp.async.shared.global
// CHECK:           nvvm.cp.async.commit.group

// Scores of the warp's tokens: 64 columns in four steps, 16 tokens a warp.

// CHECK:           nvvm.ldmatrix %{{.*}} {eltType = #nvvm.ld_st_matrix_elt_type<b16>, layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK:           nvvm.mma.sync

// Weights go to shared memory in the cache's type, maxima over four lanes and
// then over the warps.

// CHECK:           arith.truncf %{{.*}} : vector<2xf32> to vector<2xf16>
// CHECK:           nvvm.shfl.sync bfly
// CHECK:           nvvm.barrier0

// The accumulator is scaled only where a row moved; V is read transposed.

// CHECK:           nvvm.vote.sync any
// CHECK:           scf.if
// CHECK:           nvvm.ldmatrix %{{.*}} layout = #nvvm.mma_layout<col>, num = 4 : i32
// CHECK:           nvvm.mma.sync
// CHECK:         nvvm.cp.async.wait.group 0
// CHECK-NEXT:    nvvm.barrier0

// New rows go to the cache 16 bytes a thread.

// CHECK-LABEL: llvm.func @f16_append(
// CHECK:         scf.for
// CHECK:           llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK:           llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NOT:   tile.

// PDL-LABEL:   llvm.func @f16_plan
// PDL-NOT:     griddepcontrol wait
// PDL:         nvvm.griddepcontrol launch_dependents
// PDL-LABEL:   llvm.func @f16(
// PDL:         nvvm.griddepcontrol launch_dependents
// PDL-NEXT:    nvvm.griddepcontrol wait
tile.kernel @f16 attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = f16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
  %q = tile.query : !tile.tile<4x64xf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xf16>, !tile.tile<64x64xf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xf16>, !tile.tile<64x64xf16>) -> !tile.tile<4x64xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<4x64xf32>) -> (!tile.tile<4x64xf16>, !tile.tile<4x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<4x64xf16>, !tile.tile<64x64xf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %m1, %a1 : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}
