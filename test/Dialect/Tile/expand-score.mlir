// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-expand))' --split-input-file | FileCheck %s

// What a score holds: scale, soft-cap, the region, log2(e), the mask, in this
// order. Two query tokens, for one sees all keys of its request anyhow.

// Causal: a key is seen up to the query. Window: the query's own token is one
// of the `window` that are seen.

// CHECK-LABEL: tile.kernel @window
// CHECK:       reductions [#tile.reduction<max>]
// CHECK-NEXT:  ^bb0
// CHECK-DAG:     %[[KEY:.*]] = tile.coord key : i32
// CHECK-DAG:     %[[END:.*]] = tile.coord key_end : i32
// CHECK-DAG:     %[[QUERY:.*]] = tile.coord query : i32
// CHECK-DAG:     %[[INSIDE:.*]] = arith.cmpi slt, %[[KEY]], %[[END]] : i32
// CHECK-DAG:     %[[CAUSAL:.*]] = arith.cmpi sle, %[[KEY]], %[[QUERY]] : i32
// CHECK-DAG:     arith.andi %[[INSIDE]], %[[CAUSAL]] : i1
// CHECK-DAG:     %[[W:.*]] = arith.constant 9 : i32
// CHECK-DAG:     %[[LEFT:.*]] = arith.subi %{{.*}}, %[[W]] : i32
// CHECK-DAG:     arith.cmpi sgt, %[[KEY]], %[[LEFT]] : i32
// CHECK:         arith.select
tile.kernel @window attributes {group = 2 : i64, q_len = 2 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %x = tile.score %s {scale = 0.125 : f32, causal, window = 9 : i64} : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
  %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %m
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
  tile.store %l1, %m1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
}

// -----

// Neither causal nor a window: only the end of the work item hides keys.

// CHECK-LABEL: tile.kernel @full
// CHECK:       reductions [#tile.reduction<max>]
// CHECK-NOT:     tile.coord query
// CHECK:         tile.yield
tile.kernel @full attributes {group = 2 : i64, q_len = 2 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %x = tile.score %s {scale = 0.125 : f32} : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
  %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %m
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
  tile.store %l1, %m1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
}

// -----

// Partial states are no keys.

// CHECK-LABEL: tile.kernel @no_mask
// CHECK:       reductions [#tile.reduction<max>]
// CHECK-NOT:     tile.coord
// CHECK-NOT:     arith.select
// CHECK:         tile.yield
tile.kernel @no_mask attributes {group = 2 : i64, q_len = 2 : i64, combine,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %x = tile.score %m {scale = 1.0 : f32, no_mask} : !tile.tile<4x1xf32> -> !tile.tile<4x1xf32>
  %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %m {threshold = 0.0 : f32}
    : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
  tile.store %l1, %m1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
}

// -----

// CHECK-LABEL: tile.kernel @softcap
// CHECK:       reductions [#tile.reduction<max>]
// CHECK-NEXT:  ^bb0(%[[RAW:.*]]: f32):
// CHECK-DAG:     %[[SCALE:.*]] = arith.constant 1.250000e-01 : f32
// CHECK-DAG:     %[[X:.*]] = arith.mulf %[[RAW]], %[[SCALE]] : f32
// CHECK-DAG:     %[[FIFTH:.*]] = arith.constant 2.000000e-01 : f32
// CHECK-DAG:     %[[SMALL:.*]] = arith.mulf %[[X]], %[[FIFTH]] : f32
// CHECK-DAG:     %[[TANH:.*]] = math.tanh %[[SMALL]] : f32
// CHECK-DAG:     %[[CAP:.*]] = arith.constant 5.000000e+00 : f32
// CHECK-DAG:     %[[CAPPED:.*]] = arith.mulf %[[TANH]], %[[CAP]] : f32
// CHECK-DAG:     %[[LOG2E:.*]] = arith.constant 1.44269502 : f32
// CHECK-DAG:     %[[BASE2:.*]] = arith.mulf %[[CAPPED]], %[[LOG2E]] : f32
// CHECK:         arith.select %{{.*}}, %[[BASE2]], %{{.*}} : f32
tile.kernel @softcap attributes {group = 2 : i64, q_len = 2 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %x = tile.score %s {scale = 0.125 : f32, softcap = 5.0 : f32} : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
  %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %m
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
  tile.store %l1, %m1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
}

// -----

// The region's arguments become coordinates, those that it reads. It sees the
// scaled logit in natural units; log2(e) comes after it.

// CHECK-LABEL: tile.kernel @region
// CHECK:       reductions [#tile.reduction<max>]
// CHECK-NEXT:  ^bb0(%[[RAW:.*]]: f32):
// CHECK-NOT:     tile.coord batch
// CHECK:         %[[X:.*]] = arith.mulf %[[RAW]], %{{.*}} : f32
// CHECK-DAG:     %[[H:.*]] = tile.coord head : i32
// CHECK-DAG:     %[[I:.*]] = tile.coord query : i32
// CHECK-DAG:     %[[J:.*]] = tile.coord key : i32
// CHECK-DAG:     %[[D:.*]] = arith.subi %[[J]], %[[I]] : i32
// CHECK-DAG:     %[[N:.*]] = arith.muli %[[D]], %[[H]] : i32
// CHECK-DAG:     %[[F:.*]] = arith.sitofp %[[N]] : i32 to f32
// CHECK:         %[[Y:.*]] = arith.addf %[[X]], %[[F]] : f32
// CHECK:         arith.mulf %[[Y]], %{{.*}} : f32
// CHECK:         arith.select
tile.kernel @region attributes {group = 2 : i64, q_len = 2 : i64, score_mod,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
  %x = tile.score %s {scale = 0.125 : f32} region {
  ^bb0(%a: f32, %b: i32, %h: i32, %i: i32, %j: i32):
    %d = arith.subi %j, %i : i32
    %n = arith.muli %d, %h : i32
    %f = arith.sitofp %n : i32 to f32
    %y = arith.addf %a, %f : f32
    tile.yield %y : f32
  } : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
  %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %m
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
    -> (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
  tile.store %l1, %m1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
}
