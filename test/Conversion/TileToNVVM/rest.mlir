// RUN: attn-opt %s --convert-tile-to-nvvm --canonicalize --cse | FileCheck %s

// Numbers in two parts: what rounding leaves of 32 columns follows them, and is
// multiplied beside them.

// Of the query: rows of 32 + 32 + 16 columns, in a CTA's five copies a thread.
// The two parts are two operands A, with which each of two steps of K is
// multiplied; K is loaded once. The step of the other columns has one.

// CHECK-LABEL: llvm.func @query(
// CHECK-SAME:  flags = 1028 : i64, k_dim = 48 : i64
// CHECK-SAME:  nope = 0 : i64
// CHECK-SAME:  v = 0 : i64, v_dim = 32
// CHECK:       scf.while
// CHECK-COUNT-5: nvvm.cp.async.shared.global
// CHECK-NEXT:    nvvm.cp.async.commit.group
// CHECK:         scf.for
// CHECK-NOT:       nvvm.ldmatrix
// CHECK-COUNT-3:   nvvm.ldmatrix {{.*}} num = 4
// CHECK-NOT:       nvvm.ldmatrix
// CHECK-COUNT-4:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK-COUNT-3:   nvvm.ldmatrix {{.*}} num = 4
// CHECK-NOT:       nvvm.ldmatrix
// CHECK-COUNT-4:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK-COUNT-2:   nvvm.ldmatrix {{.*}} num = 4
// CHECK-NOT:       nvvm.ldmatrix
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK:           nvvm.vote.sync any
tile.kernel @query attributes {group = 2 : i64, q_len = 3 : i64, rest = 32 : i64,
    cache = #tile.cache<heads = 1, k = 48, v = 32, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 1, rows = 16, kv_tile = 16, stages = 2, ctas_per_sm = 1>} {
  %q = tile.query : !tile.tile<6x80xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<6x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<6x32xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<16x48xbf16>, !tile.tile<16x32xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<6x1xf32>, !tile.tile<6x32xf32>) {
    %s = tile.dot %q, %k {rest = 32 : i64} : (!tile.tile<6x80xbf16>, !tile.tile<16x48xbf16>) -> !tile.tile<6x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<6x16xf32>) -> (!tile.tile<6x16xbf16>, !tile.tile<6x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<6x16xbf16>, !tile.tile<16x32xbf16>, !tile.tile<6x32xf32>, !tile.tile<6x1xf32>) -> !tile.tile<6x32xf32>
    tile.yield %m1, %a1 : !tile.tile<6x1xf32>, !tile.tile<6x32xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<6x32xf32>, !tile.tile<6x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<6x32xf32>, !tile.tile<6x1xf32>
}

// Of keys in the cache, whose k counts the rest: the query has 48 columns, three
// copies a thread, and each of two steps of it meets two operands B.

// CHECK-LABEL: llvm.func @keys(
// CHECK-SAME:  flags = 1024 : i64, k_dim = 80 : i64
// CHECK-SAME:  nope = 32 : i64
// CHECK-SAME:  v = 0 : i64, v_dim = 32
// CHECK:       scf.while
// CHECK-COUNT-3: nvvm.cp.async.shared.global
// CHECK-NEXT:    nvvm.cp.async.commit.group
// CHECK:         scf.for
// CHECK-NOT:       nvvm.ldmatrix
// CHECK-COUNT-2:   nvvm.ldmatrix {{.*}} num = 4
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK:           nvvm.ldmatrix {{.*}} num = 4
// CHECK-NOT:       nvvm.ldmatrix
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK-COUNT-2:   nvvm.ldmatrix {{.*}} num = 4
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK:           nvvm.ldmatrix {{.*}} num = 4
// CHECK-NOT:       nvvm.ldmatrix
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK-COUNT-2:   nvvm.ldmatrix {{.*}} num = 4
// CHECK-COUNT-2:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK:           nvvm.vote.sync any
tile.kernel @keys attributes {group = 1 : i64, q_len = 3 : i64, rest = 32 : i64,
    cache = #tile.cache<heads = 2, k = 80, v = 32, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 1, rows = 16, kv_tile = 16, stages = 2, ctas_per_sm = 1>} {
  %q = tile.query : !tile.tile<3x48xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<3x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<3x32xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<16x80xbf16>, !tile.tile<16x32xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<3x1xf32>, !tile.tile<3x32xf32>) {
    %s = tile.dot %q, %k {rest = 32 : i64} : (!tile.tile<3x48xbf16>, !tile.tile<16x80xbf16>) -> !tile.tile<3x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<3x16xf32>) -> (!tile.tile<3x16xbf16>, !tile.tile<3x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<3x16xbf16>, !tile.tile<16x32xbf16>, !tile.tile<3x32xf32>, !tile.tile<3x1xf32>) -> !tile.tile<3x32xf32>
    tile.yield %m1, %a1 : !tile.tile<3x1xf32>, !tile.tile<3x32xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<3x32xf32>, !tile.tile<3x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<3x32xf32>, !tile.tile<3x1xf32>
}

// Of keys that the kernel makes: both parts of each number are stored, and V,
// which takes their place, is stored as one. Nobody outside sees a rest.

// CHECK-LABEL: llvm.func @up(
// CHECK-SAME:  flags = 388 : i64, k_dim = 80 : i64
// CHECK-SAME:  nope = 32 : i64
// CHECK-SAME:  v = 32 : i64, v_dim = 64
// CHECK:       scf.while
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:             scf.yield
// CHECK:           %[[HIGH:.*]] = arith.truncf %[[X:.*]] : vector<2xf32> to vector<2xbf16>
// CHECK:           llvm.store %[[HIGH]], {{.*}} !llvm.ptr<3>
// CHECK-NEXT:      %[[BACK:.*]] = arith.extf %[[HIGH]]
// CHECK-NEXT:      %[[LEFT:.*]] = arith.subf %[[X]], %[[BACK]]
// CHECK-NEXT:      %[[REST:.*]] = arith.truncf %[[LEFT]]
// CHECK:           llvm.store %[[REST]], {{.*}} !llvm.ptr<3>
// CHECK-COUNT-6:   llvm.store {{.*}} : vector<2xbf16>, !llvm.ptr<3>
// CHECK-NEXT:      nvvm.barrier0
// CHECK-COUNT-5:   nvvm.mma.sync
// CHECK-NOT:       nvvm.mma.sync
// CHECK:           scf.for
// CHECK:             scf.yield
// CHECK-NOT:       arith.subf
// CHECK-COUNT-4:   llvm.store {{.*}} : vector<2xbf16>, !llvm.ptr<3>
// CHECK-NEXT:      nvvm.barrier0
tile.kernel @up attributes {group = 2 : i64, q_len = 3 : i64, up = #tile.up<nope = 32, v = 32>, rest = 32 : i64,
    cache = #tile.cache<heads = 1, k = 80, v = 64, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 16, stages = 2, ctas_per_sm = 1>,
    gpu_up_schedule = #tile.gpu_up_schedule<depth = 32, stages = 3>} {
  %q = tile.query : !tile.tile<3x48xbf16>
  %wk = tile.weight key transposed : !tile.tile<64x32xbf16>
  %wv = tile.weight value : !tile.tile<64x32xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<3x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<3x32xf32>
  %r:2 = tile.stream (%rows, %latent) : (!tile.tile<16x80xbf16>, !tile.tile<16x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<3x1xf32>, !tile.tile<3x32xf32>) {
    %k = tile.decompress %rows, %wk {rest} : (!tile.tile<16x80xbf16>, !tile.tile<64x32xbf16>) -> !tile.tile<16x80xbf16>
    %v = tile.decompress %latent, %wv : (!tile.tile<16x64xbf16>, !tile.tile<64x32xbf16>) -> !tile.tile<16x32xbf16>
    %s = tile.dot %q, %k {rest = 32 : i64} : (!tile.tile<3x48xbf16>, !tile.tile<16x80xbf16>) -> !tile.tile<3x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<3x16xf32>) -> (!tile.tile<3x16xbf16>, !tile.tile<3x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<3x16xbf16>, !tile.tile<16x32xbf16>, !tile.tile<3x32xf32>, !tile.tile<3x1xf32>) -> !tile.tile<3x32xf32>
    tile.yield %m1, %a1 : !tile.tile<3x1xf32>, !tile.tile<3x32xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<3x32xf32>, !tile.tile<3x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<3x32xf32>, !tile.tile<3x1xf32>
}

// A projection's rows: 64 numbers, 64 rests, and what the caller wants behind
// them.

// CHECK-LABEL: llvm.func @dense(
// CHECK-SAME:  flags = 1024 : i64
// CHECK-SAME:  n_dim = 64 : i64
// CHECK:       llvm.getelementptr {{.*}}[256] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
// CHECK:       llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<1>
// CHECK:       %[[HIGH:.*]] = arith.truncf %[[X:.*]] : vector<2xf32> to vector<2xbf16>
// CHECK-NEXT:  llvm.store %[[HIGH]], %[[AT:.*]] {alignment
// CHECK-NEXT:  %[[BACK:.*]] = arith.extf %[[HIGH]]
// CHECK-NEXT:  %[[LEFT:.*]] = arith.subf %[[X]], %[[BACK]]
// CHECK-NEXT:  %[[REST:.*]] = arith.truncf %[[LEFT]]
// CHECK-NEXT:  %[[BEHIND:.*]] = llvm.getelementptr %[[AT]][128]
// CHECK-NEXT:  llvm.store %[[REST]], %[[BEHIND]]
tile.projection @dense {rest, heads = 4 : i64, k = 32 : i64, n = 64 : i64, element = bf16,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 2, rows = 16, columns = 32, stages = 2, ctas_per_sm = 4>}

// Of latent rows: their tail comes behind both parts.

// CHECK-LABEL: llvm.func @latent(
// CHECK-SAME:  flags = 1792 : i64
// CHECK-SAME:  n_dim = 32 : i64
// CHECK-SAME:  tail = 8 : i64
// CHECK:       %[[HIGH:.*]] = arith.truncf %[[X:.*]] : vector<2xf32> to vector<2xbf16>
// CHECK-NEXT:  llvm.store %[[HIGH]], %[[AT:.*]] {alignment
// CHECK:       arith.subf %[[X]]
// CHECK-NEXT:  %[[REST:.*]] = arith.truncf
// CHECK-NEXT:  %[[BEHIND:.*]] = llvm.getelementptr %[[AT]][64]
// CHECK-NEXT:  llvm.store %[[REST]], %[[BEHIND]]
// CHECK:       %[[TAIL:.*]] = llvm.getelementptr {{.*}}[128] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
// CHECK-NEXT:  llvm.store {{.*}}, %[[TAIL]] {{.*}} : vector<4xi32>, !llvm.ptr<1>
tile.projection @latent {rest, latent_rows, tail = 8 : i64, transposed, heads = 4 : i64, k = 128 : i64, n = 32 : i64, element = bf16,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 1, rows = 16, columns = 32, stages = 1, ctas_per_sm = 1, row_stages = 3, row_warps = 1>}
