// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-expand))' --split-input-file | FileCheck %s

// Each op alone, in a kernel that does nothing else. The kernel has no schedule:
// nothing here depends on one.

// A plain score and its softmax: scale and log2(e) are one factor, and a key at
// or past the end of the work item is hidden.

// CHECK-LABEL: tile.kernel @softmax
// CHECK:       %[[S:.*]] = tile.constant 5.000000e-01
// CHECK-NEXT:  %[[M:.*]] = tile.constant -1.000000e+30
// CHECK-NEXT:  %[[L:.*]] = tile.constant 0.000000e+00
// CHECK-NEXT:  %[[X:.*]]:2 = tile.map(%[[S]]) reductions [#tile.reduction<max>] : (!tile.tile<4x64xf32>) -> (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) {
// CHECK-NEXT:  ^bb0(%[[RAW:.*]]: f32):
//                0.125 * log2(e)
// CHECK-DAG:     %[[FACTOR:.*]] = arith.constant 0.180336878 : f32
// CHECK-DAG:     %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG:     %[[BASE2:.*]] = arith.mulf %[[RAW]], %[[FACTOR]] : f32
// CHECK-DAG:     %[[KEY:.*]] = tile.coord key : i32
// CHECK-DAG:     %[[END:.*]] = tile.coord key_end : i32
// CHECK-DAG:     %[[KEEP:.*]] = arith.cmpi slt, %[[KEY]], %[[END]] : i32
// CHECK:         %[[SEEN:.*]] = arith.select %[[KEEP]], %[[BASE2]], %[[NONE]] : f32
// CHECK-NEXT:    tile.yield %[[SEEN]], %[[SEEN]] : f32, f32

// The maximum moves where it grows by more than the threshold; where it does
// not, alpha is 1 exactly.

// CHECK:       %[[MAX:.*]]:2 = tile.map(%[[X]]#1, %[[M]]) reductions [] : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>) {
// CHECK-NEXT:  ^bb0(%[[NEW:.*]]: f32, %[[OLD:.*]]: f32):
// CHECK-DAG:     %[[T:.*]] = arith.constant 8.000000e+00 : f32
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-DAG:     %[[BOUND:.*]] = arith.addf %[[OLD]], %[[T]] : f32
// CHECK-DAG:     %[[GROWS:.*]] = arith.cmpf ogt, %[[NEW]], %[[BOUND]] : f32
// CHECK-DAG:     %[[NEXT:.*]] = arith.select %[[GROWS]], %[[NEW]], %[[OLD]] : f32
// CHECK-DAG:     %[[INITIAL:.*]] = arith.constant -1.000000e+30 : f32
// CHECK-DAG:     %[[STARTED:.*]] = arith.cmpf ogt, %[[OLD]], %[[INITIAL]] : f32
// CHECK-DAG:     %[[MOVES:.*]] = arith.andi %[[GROWS]], %[[STARTED]] : i1
// CHECK-DAG:     %[[D:.*]] = arith.subf %[[OLD]], %[[NEXT]] : f32
// CHECK-DAG:     %[[E:.*]] = math.exp2 %[[D]] {{.*}}ninf
// CHECK:         %[[ALPHA:.*]] = arith.select %[[MOVES]], %[[E]], %[[ONE]] : f32
// CHECK-NEXT:    tile.yield %[[NEXT]], %[[ALPHA]] : f32, f32

// The weights, rounded as they are stored, and their sum.

// CHECK:       %[[P:.*]]:2 = tile.map(%[[X]]#0, %[[MAX]]#0) reductions [#tile.reduction<add>] : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>) {
// CHECK-NEXT:  ^bb0(%[[XI:.*]]: f32, %[[MI:.*]]: f32):
// CHECK-NEXT:    %[[D2:.*]] = arith.subf %[[XI]], %[[MI]] : f32
// CHECK-NEXT:    %[[W:.*]] = math.exp2 %[[D2]] {{.*}}ninf
// CHECK-NEXT:    tile.yield %[[W]], %[[W]] : f32, f32
// CHECK:       %[[SUM:.*]] = tile.map(%[[L]], %[[MAX]]#1, %[[P]]#1) reductions []
// CHECK-NEXT:  ^bb0(%[[LI:.*]]: f32, %[[AI:.*]]: f32, %[[PI:.*]]: f32):
// CHECK-NEXT:    %[[SCALED:.*]] = arith.mulf %[[LI]], %[[AI]] : f32
// CHECK-NEXT:    %[[L1:.*]] = arith.addf %[[SCALED]], %[[PI]] : f32
// CHECK-NEXT:    tile.yield %[[L1]] : f32
// CHECK:       tile.store %[[SUM]], %[[MAX]]#0
// CHECK-NOT:   tile.score
// CHECK-NOT:   tile.online_softmax
tile.kernel @softmax attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %l = tile.constant 0.0 : !tile.tile<4x1xf32>
  %x = tile.score %s {scale = 0.125 : f32} : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
  %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %l
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
  tile.store %l1, %m1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
}

// -----

// A threshold of 0 moves the maximum whenever it grows. Without a score before
// it, the softmax takes its operand as it is.

// CHECK-LABEL: tile.kernel @strict
// CHECK:       tile.map({{.*}}) reductions [#tile.reduction<max>]
// CHECK-NEXT:  ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT:    tile.yield %[[X]], %[[X]] : f32, f32
// CHECK:       tile.map
// CHECK-NEXT:  ^bb0(%[[NEW:.*]]: f32, %[[OLD:.*]]: f32):
// CHECK-NOT:     arith.addf
// CHECK:         arith.cmpf ogt, %[[NEW]], %[[OLD]] : f32
tile.kernel @strict attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %l = tile.constant 0.0 : !tile.tile<4x1xf32>
  %p, %m1, %l1, %alpha = tile.online_softmax %s, %m, %l {threshold = 0.0 : f32}
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
  tile.store %l1, %m1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
}

// -----

// CHECK-LABEL: tile.kernel @normalize
// CHECK:       %[[STATE:.*]]:2 = tile.map({{.*}}) reductions []
// CHECK-NEXT:  ^bb0(%[[L:.*]]: f32, %[[M:.*]]: f32):
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-DAG:     %[[LN2:.*]] = arith.constant 0.693147182 : f32
// CHECK-DAG:     %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG:     %[[SOME:.*]] = arith.cmpf ogt, %[[L]], %[[ZERO]] : f32
// CHECK-DAG:     %[[INV:.*]] = arith.divf %[[ONE]], %[[L]] : f32
// CHECK-DAG:     %[[FACTOR:.*]] = arith.select %[[SOME]], %[[INV]], %[[ZERO]] : f32
// CHECK-DAG:     %[[LOG:.*]] = math.log2 %[[L]] : f32
// CHECK-DAG:     %[[BASE2:.*]] = arith.addf %[[M]], %[[LOG]] : f32
// CHECK-DAG:     %[[NATURAL:.*]] = arith.mulf %[[BASE2]], %[[LN2]] : f32
// CHECK:         %[[LSE:.*]] = arith.select %[[SOME]], %[[NATURAL]], %[[NONE]] : f32
// CHECK-NEXT:    tile.yield %[[FACTOR]], %[[LSE]] : f32, f32
// CHECK:       %[[OUT:.*]] = tile.map(%{{.*}}, %[[STATE]]#0) reductions []
// CHECK:         arith.mulf
// CHECK:       tile.store %[[OUT]], %[[STATE]]#1
tile.kernel @normalize attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %a = tile.constant 1.0 : !tile.tile<4x64xf32>
  %m = tile.constant 2.0 : !tile.tile<4x1xf32>
  %l = tile.constant 3.0 : !tile.tile<4x1xf32>
  %o, %lse = tile.normalize %a, %m, %l
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>)
  tile.store %o, %lse : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

// out / (1 + exp(sink - lse)), and nothing where no key was seen; the exponent
// may overflow here, so this exp2 is not the bounded one.

// CHECK-LABEL: tile.kernel @sink
// CHECK:       %[[LSE:.*]] = tile.constant 2.000000e+00
// CHECK:       %[[SINK:.*]] = tile.sink
// CHECK:       %[[F:.*]] = tile.map(%[[LSE]], %[[SINK]]) reductions []
// CHECK-NEXT:  ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-DAG:     %[[D:.*]] = arith.subf %[[B]], %[[A]] : f32
// CHECK-DAG:     %[[X:.*]] = arith.mulf %[[D]], %{{.*}} : f32
// CHECK-DAG:     %[[E:.*]] = math.exp2 %[[X]] : f32
// CHECK-DAG:     %[[SUM:.*]] = arith.addf %{{.*}}, %[[E]] : f32
// CHECK-DAG:     %[[Q:.*]] = arith.divf %{{.*}}, %[[SUM]] : f32
// CHECK-DAG:     %[[SEEN:.*]] = arith.cmpf ogt, %[[A]], %{{.*}} : f32
// CHECK:         arith.select %[[SEEN]], %[[Q]], %{{.*}} : f32
// CHECK:       %[[OUT:.*]] = tile.map(%{{.*}}, %[[F]]) reductions []
// CHECK:       tile.store %[[OUT]], %[[LSE]]
// CHECK-NOT:   tile.apply_sink
tile.kernel @sink attributes {group = 4 : i64, q_len = 1 : i64, sinks,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %o = tile.constant 1.0 : !tile.tile<4x64xf32>
  %lse = tile.constant 2.0 : !tile.tile<4x1xf32>
  %s = tile.sink : !tile.tile<4x1xf32>
  %o1 = tile.apply_sink %o, %lse, %s
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
  tile.store %o1, %lse : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}
