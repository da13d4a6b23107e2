// RUN: attn-opt %s --convert-tile-to-cpu --split-input-file | FileCheck %s

// The example, on the engine that every level has: K, V and the query become
// f32, whatever the cache holds, and vectors are as wide as the schedule says.
// No attention but its skeleton: a product, a map, a product. Structure is
// tested, not the sequence of instructions, which is tuned.

// The function has the kernel ABI's three pointers, and the facts for the table.

// CHECK:       func.func @f16(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-SAME:  attn.kernel = {combine = 0 : i64, dtype = 1 : i64, flags = 0 : i64, k_dim = 64 : i64, kv_heads = 2 : i64, kv_tile = 32 : i64, layout = 0 : i64, nope = 0 : i64, page_multiple = 1 : i64, q_heads = 8 : i64, q_len = 1 : i64,
// CHECK-SAME:  scratch_bytes = {{[1-9][0-9]*}} : i64
// CHECK-SAME:  v_dim = 64 : i64, window = 0 : i64}
// CHECK-NOT:   vector<16xf32>
// CHECK:       scf.for
// CHECK:       arith.extf %{{.*}} : vector<8xf16> to vector<8xf32>
// CHECK:       vector.fma %{{.*}} : vector<8xf32>
// CHECK:       arith.truncf %{{.*}} : vector<8xf32> to vector<8xf16>
// CHECK-NOT:   tile.
tile.kernel @f16 attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = f16, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 32, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<4x64xf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<32x64xf16>, !tile.tile<32x64xf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xf16>, !tile.tile<32x64xf16>) -> !tile.tile<4x32xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<4x32xf32>) -> (!tile.tile<4x32xf32>, !tile.tile<4x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<4x32xf32>, !tile.tile<32x64xf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %m1, %a1 : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

// bf16 is the upper half of f32: a shift, no conversion.

// CHECK:       func.func @bf16
// CHECK-SAME:  dtype = 0 : i64
// CHECK-SAME:  kv_tile = 64 : i64
// CHECK-SAME:  q_heads = 6 : i64, q_len = 2 : i64
// CHECK:       arith.shli %{{.*}} : vector<16xi32>
// CHECK:       vector.fma %{{.*}} : vector<16xf32>
// CHECK-NOT:   x86vector
// CHECK-NOT:   amx
tile.kernel @bf16 attributes {group = 3 : i64, q_len = 2 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<6x64xbf16>
  %m0 = tile.constant -1.0e30 : !tile.tile<6x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<6x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<6x1xf32>, !tile.tile<6x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<6x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<6x64xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<6x64xf32>) -> (!tile.tile<6x64xf32>, !tile.tile<6x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<6x64xf32>, !tile.tile<64x64xbf16>, !tile.tile<6x64xf32>, !tile.tile<6x1xf32>) -> !tile.tile<6x64xf32>
    tile.yield %m1, %a1 : !tile.tile<6x1xf32>, !tile.tile<6x64xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<6x64xf32>, !tile.tile<6x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<6x64xf32>, !tile.tile<6x1xf32>
}

// -----

// f32 is loaded as it is, and 80 wide rows need no more than 8 lanes.

// CHECK:       func.func @f32
// CHECK-SAME:  dtype = 2 : i64
// CHECK-SAME:  layout = 1 : i64, nope = 0 : i64, page_multiple = 1 : i64
// CHECK-NOT:   arith.extf
// CHECK:       vector.fma %{{.*}} : vector<8xf32>
// CHECK-NOT:   arith.truncf
tile.kernel @f32 attributes {group = 5 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 80, v = 48, element = f32, layout = own, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<5x80xf32>
  %m0 = tile.constant -1.0e30 : !tile.tile<5x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<5x48xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<16x80xf32>, !tile.tile<16x48xf32>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<5x1xf32>, !tile.tile<5x48xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<5x80xf32>, !tile.tile<16x80xf32>) -> !tile.tile<5x16xf32>
    %p, %m1 = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<5x16xf32>) -> (!tile.tile<5x16xf32>, !tile.tile<5x1xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y, %y : f32, f32
    }
    %a1 = tile.dot_acc %p, %v, %a, %m1 : (!tile.tile<5x16xf32>, !tile.tile<16x48xf32>, !tile.tile<5x48xf32>, !tile.tile<5x1xf32>) -> !tile.tile<5x48xf32>
    tile.yield %m1, %a1 : !tile.tile<5x1xf32>, !tile.tile<5x48xf32>
  }
  tile.store_partial %r#1, %r#0 : !tile.tile<5x48xf32>, !tile.tile<5x1xf32>
  tile.store %r#1, %r#0 : !tile.tile<5x48xf32>, !tile.tile<5x1xf32>
}
