// RUN: attn-opt %s --convert-tile-to-nvvm --canonicalize --cse | FileCheck %s

// A kernel that decompresses: K and V of a query head are made of each tile of
// latent rows. Grid y is query heads, here two over one head of the cache.

// CHECK-LABEL: llvm.func @up(
// CHECK-SAME:  attn.gpu_kernel = {combine_blocks = 2 : i64
// CHECK-SAME:  flags = 388 : i64, k_dim = 80 : i64, kv_heads = 1 : i64, kv_tile = 32 : i64, nope = 16 : i64,
// CHECK-SAME:  q_heads = 2 : i64, q_len = 3 : i64, row_blocks = 1 : i64,
// CHECK-SAME:  v = 32 : i64, v_dim = 64 : i64

// The query's columns, then its rotary ones, which lie elsewhere; the first
// tile; the first two chunks of the matrices.

// CHECK:       scf.while
// CHECK-COUNT-2: nvvm.cp.async.shared.global
// CHECK:         nvvm.cp.async.commit.group
// CHECK-COUNT-5: nvvm.cp.async.shared.global
// CHECK:         nvvm.cp.async.commit.group
// CHECK:         nvvm.cp.async.shared.global
// CHECK-NEXT:    nvvm.cp.async.commit.group
// CHECK:         nvvm.cp.async.shared.global
// CHECK-NEXT:    nvvm.cp.async.commit.group

// The next tile is sent for, and leaves with a chunk.

// CHECK:         scf.for
// CHECK-NOT:       nvvm.cp.async.{{commit|wait}}
// CHECK:           nvvm.barrier0
// CHECK-COUNT-5:   nvvm.cp.async.shared.global
// CHECK-NOT:       nvvm.cp.async

// K: 64 of the rank in two chunks of two steps. A chunk waits for all but the
// last one sent for, and sends for the one two ahead, which may be V's. W_UK is
// stored as [nope, rank]: its rows are columns of K.

// CHECK:           scf.for
// CHECK-NEXT:        nvvm.cp.async.wait.group 1
// CHECK-NEXT:        nvvm.barrier0
// CHECK:             scf.if
// CHECK:               nvvm.cp.async.shared.global
// CHECK:             } else {
// CHECK-COUNT-2:       nvvm.cp.async.shared.global
// CHECK:             nvvm.cp.async.commit.group
// CHECK-COUNT-3:     nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK-COUNT-4:     nvvm.mma.sync
// CHECK-COUNT-3:     nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK-COUNT-4:     nvvm.mma.sync
// CHECK:             scf.yield

// One group of 16 columns for two warps: one of them stores it.

// CHECK:           scf.if
// CHECK-COUNT-8:     llvm.store {{.*}} : vector<2xbf16>, !llvm.ptr<3>
// CHECK:           nvvm.barrier0

// Scores: a step over what was made, a step over the rotary columns.

// CHECK-COUNT-4:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync

// V in the same way and in the same place; W_UV's rows are rows of the rank.

// CHECK:           scf.for
// CHECK-NEXT:        nvvm.cp.async.wait.group 1
// CHECK-NEXT:        nvvm.barrier0
// CHECK:             nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>, num = 4 : i32
// CHECK:             scf.yield
// CHECK-COUNT-8:   llvm.store {{.*}} : vector<2xbf16>, !llvm.ptr<3>
// CHECK:           nvvm.barrier0
// CHECK:           nvvm.vote.sync any
// CHECK:           nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>, num = 4 : i32
// CHECK:           nvvm.mma.sync
// CHECK-NOT:   tile.
tile.kernel @up attributes {group = 2 : i64, q_len = 3 : i64, up = #tile.up<nope = 16, v = 32>,
    cache = #tile.cache<heads = 1, k = 80, v = 64, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 32, stages = 2, ctas_per_sm = 1>,
    gpu_up_schedule = #tile.gpu_up_schedule<depth = 32, stages = 3>} {
  %q = tile.query : !tile.tile<3x32xbf16>
  %wk = tile.weight key transposed : !tile.tile<64x16xbf16>
  %wv = tile.weight value : !tile.tile<64x32xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<3x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<3x32xf32>
  %r:2 = tile.stream (%rows, %latent) : (!tile.tile<32x80xbf16>, !tile.tile<32x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<3x1xf32>, !tile.tile<3x32xf32>) {
    %k = tile.decompress %rows, %wk : (!tile.tile<32x80xbf16>, !tile.tile<64x16xbf16>) -> !tile.tile<32x32xbf16>
    %v = tile.decompress %latent, %wv : (!tile.tile<32x64xbf16>, !tile.tile<64x32xbf16>) -> !tile.tile<32x32xbf16>
    %s = tile.dot %q, %k : (!tile.tile<3x32xbf16>, !tile.tile<32x32xbf16>) -> !tile.tile<3x32xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<3x32xf32>) -> (!tile.tile<3x32xbf16>, !tile.tile<3x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<3x32xbf16>, !tile.tile<32x32xbf16>, !tile.tile<3x32xf32>, !tile.tile<3x1xf32>) -> !tile.tile<3x32xf32>
    tile.yield %m1, %a1 : !tile.tile<3x1xf32>, !tile.tile<3x32xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<3x32xf32>, !tile.tile<3x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<3x32xf32>, !tile.tile<3x1xf32>
}
