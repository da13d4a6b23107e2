// RUN: attn-opt %s --tile-expand --convert-tile-to-cpu=bf16-convert | FileCheck %s

// K and V made of latent rows: the head is the outermost loop; its matrices are
// packed once, then every tile of tokens is multiplied by them and attended to.

#rows = #tile.cache<heads = 1, k = 64, v = 32, element = bf16, layout = row, v_in_k = true>
#groups = #tile.cache<heads = 2, k = 64, v = 32, element = bf16, layout = row, v_in_k = true>

// CHECK-LABEL: func.func @tiles(
// CHECK-SAME: flags = 132 : i64, k_dim = 64 : i64, kv_heads = 1 : i64
// CHECK-SAME: nope = 32 : i64
// CHECK-SAME: q_heads = 2 : i64
// CHECK-SAME: v = 64 : i64, v_dim = 32 : i64
// A head's query, and then strips of both matrices, pairs of rows interleaved.
// CHECK: scf.for
// CHECK: vector.shuffle {{.*}} : vector<32xbf16>, vector<32xbf16>
// CHECK: vector.shuffle {{.*}} : vector<32xbf16>, vector<32xbf16>
// Within it, tiles of tokens: two products, then those of attention.
// CHECK: scf.for
// CHECK-COUNT-8: amx.tile_mulf
// CHECK: vector.fma
// CHECK: amx.tile_mulf
// CHECK: return
tile.kernel @tiles attributes {group = 2 : i64, q_len = 16 : i64, cache = #rows, up = #tile.up<nope = 32, v = 64>,
    schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 4>,
    up_schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 4, prefetch = 0>} {
  %q = tile.query : !tile.tile<16x64xbf16>
  %wk = tile.weight key : !tile.tile<32x32xbf16>
  %wv = tile.weight value : !tile.tile<32x64xbf16>
  %m = tile.constant -1.0e30 : !tile.tile<16x1xf32>
  %l = tile.constant 0.0 : !tile.tile<16x1xf32>
  %a = tile.constant 0.0 : !tile.tile<16x64xf32>
  %r:3 = tile.stream (%c, %cv) : (!tile.tile<32x64xbf16>, !tile.tile<32x32xbf16>)
         iter(%m0 = %m, %l0 = %l, %a0 = %a)
       : (!tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x64xf32>) {
    %k = tile.decompress %c, %wk : (!tile.tile<32x64xbf16>, !tile.tile<32x32xbf16>) -> !tile.tile<32x64xbf16>
    %v = tile.decompress %cv, %wv : (!tile.tile<32x32xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<32x64xbf16>
    %s = tile.dot %q, %k : (!tile.tile<16x64xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<16x32xf32>
    %x = tile.score %s {scale = 1.0 : f32} : !tile.tile<16x32xf32> -> !tile.tile<16x32xf32>
    %p, %m1, %l1, %alpha = tile.online_softmax %x, %m0, %l0
      : (!tile.tile<16x32xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
      -> (!tile.tile<16x32xbf16>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
    %a1 = tile.dot_acc %p, %v, %a0, %alpha
      : (!tile.tile<16x32xbf16>, !tile.tile<32x64xbf16>, !tile.tile<16x64xf32>, !tile.tile<16x1xf32>) -> !tile.tile<16x64xf32>
    tile.yield %m1, %l1, %a1 : !tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x64xf32>
  }
  %o, %lse = tile.normalize %r#2, %r#0, %r#1
    : (!tile.tile<16x64xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>) -> (!tile.tile<16x64xf32>, !tile.tile<16x1xf32>)
  tile.store %o, %lse : !tile.tile<16x64xf32>, !tile.tile<16x1xf32>
}

// A tile of no more rows than few_rows is multiplied by vector FMA.

// CHECK-LABEL: func.func @few_rows(
// CHECK-NOT: amx.tile_mulf
// CHECK: vector.fma
// CHECK-COUNT-2: amx.tile_mulf
tile.kernel @few_rows attributes {group = 2 : i64, q_len = 16 : i64, cache = #rows, up = #tile.up<nope = 32, v = 64>,
    schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 4>,
    up_schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 32, prefetch = 0>} {
  %q = tile.query : !tile.tile<16x64xbf16>
  %wk = tile.weight key : !tile.tile<32x32xbf16>
  %wv = tile.weight value : !tile.tile<32x64xbf16>
  %m = tile.constant -1.0e30 : !tile.tile<16x1xf32>
  %l = tile.constant 0.0 : !tile.tile<16x1xf32>
  %a = tile.constant 0.0 : !tile.tile<16x64xf32>
  %r:3 = tile.stream (%c, %cv) : (!tile.tile<32x64xbf16>, !tile.tile<32x32xbf16>)
         iter(%m0 = %m, %l0 = %l, %a0 = %a)
       : (!tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x64xf32>) {
    %k = tile.decompress %c, %wk : (!tile.tile<32x64xbf16>, !tile.tile<32x32xbf16>) -> !tile.tile<32x64xbf16>
    %v = tile.decompress %cv, %wv : (!tile.tile<32x32xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<32x64xbf16>
    %s = tile.dot %q, %k : (!tile.tile<16x64xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<16x32xf32>
    %x = tile.score %s {scale = 1.0 : f32} : !tile.tile<16x32xf32> -> !tile.tile<16x32xf32>
    %p, %m1, %l1, %alpha = tile.online_softmax %x, %m0, %l0
      : (!tile.tile<16x32xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
      -> (!tile.tile<16x32xbf16>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
    %a1 = tile.dot_acc %p, %v, %a0, %alpha
      : (!tile.tile<16x32xbf16>, !tile.tile<32x64xbf16>, !tile.tile<16x64xf32>, !tile.tile<16x1xf32>) -> !tile.tile<16x64xf32>
    tile.yield %m1, %l1, %a1 : !tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x64xf32>
  }
  %o, %lse = tile.normalize %r#2, %r#0, %r#1
    : (!tile.tile<16x64xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>) -> (!tile.tile<16x64xf32>, !tile.tile<16x1xf32>)
  tile.store %o, %lse : !tile.tile<16x64xf32>, !tile.tile<16x1xf32>
}

// Two latent rows a token, each for three heads: head h reads those of group
// h / 3, at the distance that the caller gives, and fetches the bytes ahead in
// them, not another head's.

// CHECK-LABEL: func.func @groups(
// CHECK-SAME: kv_heads = 2 : i64
// CHECK-SAME: q_heads = 6 : i64
// CHECK: scf.for %[[HEAD:[a-z0-9_]+]] =
// CHECK: %[[THREE:[a-z0-9_]+]] = arith.constant 3 : i64
// CHECK: arith.divui %[[HEAD]], %[[THREE]] : i64
// CHECK: arith.constant 8192 : i64
tile.kernel @groups attributes {group = 3 : i64, q_len = 16 : i64, cache = #groups, up = #tile.up<nope = 32, v = 64>,
    schedule = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 8192, exp2_degree = 4>,
    up_schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 32, prefetch = 0>} {
  %q = tile.query : !tile.tile<16x64xbf16>
  %wk = tile.weight key : !tile.tile<32x32xbf16>
  %wv = tile.weight value : !tile.tile<32x64xbf16>
  %m = tile.constant -1.0e30 : !tile.tile<16x1xf32>
  %l = tile.constant 0.0 : !tile.tile<16x1xf32>
  %a = tile.constant 0.0 : !tile.tile<16x64xf32>
  %r:3 = tile.stream (%c, %cv) : (!tile.tile<32x64xbf16>, !tile.tile<32x32xbf16>)
         iter(%m0 = %m, %l0 = %l, %a0 = %a)
       : (!tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x64xf32>) {
    %k = tile.decompress %c, %wk : (!tile.tile<32x64xbf16>, !tile.tile<32x32xbf16>) -> !tile.tile<32x64xbf16>
    %v = tile.decompress %cv, %wv : (!tile.tile<32x32xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<32x64xbf16>
    %s = tile.dot %q, %k : (!tile.tile<16x64xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<16x32xf32>
    %x = tile.score %s {scale = 1.0 : f32} : !tile.tile<16x32xf32> -> !tile.tile<16x32xf32>
    %p, %m1, %l1, %alpha = tile.online_softmax %x, %m0, %l0
      : (!tile.tile<16x32xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
      -> (!tile.tile<16x32xbf16>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
    %a1 = tile.dot_acc %p, %v, %a0, %alpha
      : (!tile.tile<16x32xbf16>, !tile.tile<32x64xbf16>, !tile.tile<16x64xf32>, !tile.tile<16x1xf32>) -> !tile.tile<16x64xf32>
    tile.yield %m1, %l1, %a1 : !tile.tile<16x1xf32>, !tile.tile<16x1xf32>, !tile.tile<16x64xf32>
  }
  %o, %lse = tile.normalize %r#2, %r#0, %r#1
    : (!tile.tile<16x64xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>) -> (!tile.tile<16x64xf32>, !tile.tile<16x1xf32>)
  tile.store %o, %lse : !tile.tile<16x64xf32>, !tile.tile<16x1xf32>
}
