// RUN: attn-opt %s --convert-tile-to-cpu | FileCheck %s

// Maps whose columns only stores read are computed as they are stored, in the
// walk that converts and writes them: the partial state after one map, the
// result after both.

// CHECK-LABEL: func.func @factors
// CHECK:       vector.fma
// CHECK:       scf.if
// CHECK:         %[[F0:.*]] = vector.broadcast %{{.*}} : f32 to vector<8xf32>
// CHECK:         scf.for
// CHECK:           %[[A0:.*]] = llvm.load %{{.*}} : !llvm.ptr -> vector<8xf32>
// CHECK-NEXT:      %[[X0:.*]] = arith.mulf %[[A0]], %[[F0]] : vector<8xf32>
// CHECK:           llvm.store %[[X0]]
// CHECK:       scf.if
// CHECK:         %[[F1:.*]] = vector.broadcast %{{.*}} : f32 to vector<8xf32>
// CHECK:         scf.for
// CHECK:           %[[A1:.*]] = llvm.load %{{.*}} : !llvm.ptr -> vector<8xf32>
// CHECK-NEXT:      %[[X1:.*]] = arith.mulf %[[A1]], %[[F1]] : vector<8xf32>
// CHECK-NEXT:      %[[Y1:.*]] = arith.addf %[[X1]], %[[F1]] : vector<8xf32>
// CHECK:           %[[H1:.*]] = arith.truncf %[[Y1]] : vector<8xf32> to vector<8xf16>
// CHECK:           llvm.store %[[H1]]
tile.kernel @factors attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = f16, layout = row, v_in_k = false>,
    schedule = #tile.schedule<engine = fma, vector = 8, kv_tile = 32, prefetch = 0, exp2_degree = 5>} {
  %q = tile.query : !tile.tile<4x64xf16>
  %m0 = tile.constant 1.0 : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<32x64xf16>, !tile.tile<32x64xf16>)
      iter(%m = %m0, %a = %a0) : (!tile.tile<4x1xf32>, !tile.tile<4x64xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xf16>, !tile.tile<32x64xf16>) -> !tile.tile<4x32xf32>
    %a1 = tile.dot_acc %s, %v, %a, %m : (!tile.tile<4x32xf32>, !tile.tile<32x64xf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %m, %a1 : !tile.tile<4x1xf32>, !tile.tile<4x64xf32>
  }
  %x = tile.map(%r#1, %r#0) reductions [] : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%e: f32, %f: f32):
    %y = arith.mulf %e, %f : f32
    tile.yield %y : f32
  }
  tile.store_partial %x, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  %z = tile.map(%x, %r#0) reductions [] : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%e: f32, %f: f32):
    %y = arith.addf %e, %f : f32
    tile.yield %y : f32
  }
  tile.store %z, %r#0 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}
