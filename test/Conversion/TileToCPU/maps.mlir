// RUN: attn-opt %s --convert-tile-to-cpu --split-input-file | FileCheck %s

// Maps outside of a stream, and what a kernel does around its body.

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 2, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// Merging walks the slots of a request instead of its tokens.

// CHECK:       func.func @combine
// CHECK-SAME:  attn.kernel = {combine = 1 : i64
// CHECK-SAME:  flags = 2 : i64
// CHECK:       scf.for
// CHECK:       arith.maximumf
tile.kernel @combine attributes {group = 4 : i64, q_len = 1 : i64, combine, sinks, cache = #cache, schedule = #fma} {
  %m0 = tile.constant 0.0 : !tile.tile<4x1xf32>
  %r = tile.partials (%o, %lse) : (!tile.tile<4x16xf32>, !tile.tile<4x1xf32>)
       iter(%m = %m0) : (!tile.tile<4x1xf32>) {
    %n = tile.map(%m, %lse) reductions [] : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x1xf32> {
    ^bb0(%a: f32, %b: f32):
      %c = arith.maximumf %a, %b : f32
      tile.yield %c : f32
    }
    tile.yield %n : !tile.tile<4x1xf32>
  }
  %s = tile.sink : !tile.tile<4x1xf32>
  %t = tile.map(%r, %s) reductions [] : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x1xf32> {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    tile.yield %c : f32
  }
  %w = tile.constant 0.0 : !tile.tile<4x16xf32>
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 2, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// Coordinates are vectors of i32; functions without an instruction become
// polynomials, and no call is left for the backend to make.

// CHECK:       func.func @coordinates
// CHECK-DAG:   arith.cmpi sle, %{{.*}} : vector<8xi32>
// CHECK-DAG:   arith.sitofp %{{.*}} : vector<8xi32> to vector<8xf32>
// CHECK-DAG:   math.absf
// CHECK-DAG:   math.sqrt
// CHECK-NOT:   math.exp
// CHECK-NOT:   math.log
// CHECK-NOT:   math.tanh
tile.kernel @coordinates attributes {group = 4 : i64, q_len = 2 : i64, cache = #cache, schedule = #fma, score_mod} {
  %q = tile.query : !tile.tile<8x16xf32>
  %m0 = tile.constant 0.0 : !tile.tile<8x1xf32>
  %r = tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter(%m = %m0) : (!tile.tile<8x1xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<8x16xf32>, !tile.tile<16x16xf32>) -> !tile.tile<8x16xf32>
    %x, %max = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<8x16xf32>) -> (!tile.tile<8x16xf32>, !tile.tile<8x1xf32>) {
    ^bb0(%a: f32):
      %b = tile.coord batch : i32
      %h = tile.coord head : i32
      %i = tile.coord query : i32
      %j = tile.coord key : i32
      %e = tile.coord key_end : i32
      %bh = arith.addi %b, %h : i32
      %f = arith.sitofp %bh : i32 to f32
      %c1 = arith.cmpi sle, %j, %i : i32
      %c2 = arith.cmpi slt, %j, %e : i32
      %c = arith.andi %c1, %c2 : i1
      %abs = math.absf %a : f32
      %sqrt = math.sqrt %abs : f32
      %exp = math.exp %a : f32
      %exp2 = math.exp2 %f : f32
      %log = math.log %sqrt : f32
      %log2 = math.log2 %exp2 : f32
      %tanh = math.tanh %exp : f32
      %s0 = arith.addf %log, %log2 : f32
      %s1 = arith.addf %s0, %tanh : f32
      %y = arith.select %c, %s1, %a : f32
      tile.yield %y, %y : f32, f32
    }
    tile.yield %max : !tile.tile<8x1xf32>
  }
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 2, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// A constant from outside of the region is a vector like one inside; also where
// it is yielded as it is.

// CHECK:       func.func @captured_constant
// CHECK-DAG:   arith.constant dense<2.500000e-01> : vector<8xf32>
// CHECK:       arith.mulf %{{.*}}, %{{.*}} : vector<8xf32>
tile.kernel @captured_constant attributes {group = 4 : i64, q_len = 2 : i64, cache = #cache, schedule = #fma} {
  %quarter = arith.constant 2.5e-01 : f32
  %q = tile.query : !tile.tile<8x16xf32>
  %m0 = tile.constant 0.0 : !tile.tile<8x1xf32>
  %r = tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter(%m = %m0) : (!tile.tile<8x1xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<8x16xf32>, !tile.tile<16x16xf32>) -> !tile.tile<8x16xf32>
    %x, %max = tile.map(%s) reductions [#tile.reduction<max>] : (!tile.tile<8x16xf32>) -> (!tile.tile<8x16xf32>, !tile.tile<8x1xf32>) {
    ^bb0(%a: f32):
      %b = arith.mulf %a, %quarter : f32
      tile.yield %b, %quarter : f32, f32
    }
    tile.yield %max : !tile.tile<8x1xf32>
  }
}
