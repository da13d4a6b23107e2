// RUN: attn-opt %s -split-input-file -verify-diagnostics

// The constraints of the tile attributes, type and ops, each test named with the
// one that it breaks.

//===----------------------------------------------------------------------===//
// #tile.cache
//===----------------------------------------------------------------------===//

// expected-error @+1 {{cache extents must be positive}}
func.func private @e1_heads() attributes {a = #tile.cache<heads = 0, k = 128, v = 128, element = bf16, layout = row, v_in_k = false>}

// -----

// expected-error @+1 {{cache extents must be positive}}
func.func private @e1_k() attributes {a = #tile.cache<heads = 8, k = -1, v = 128, element = bf16, layout = row, v_in_k = false>}

// -----

// expected-error @+1 {{cache extents must be positive}}
func.func private @e1_v() attributes {a = #tile.cache<heads = 8, k = 128, v = 0, element = bf16, layout = row, v_in_k = false>}

// -----

// expected-error @+1 {{V cannot be a prefix of a narrower K}}
func.func private @e2() attributes {a = #tile.cache<heads = 8, k = 128, v = 192, element = bf16, layout = row, v_in_k = true>}

// -----

//===----------------------------------------------------------------------===//
// #tile.schedule
//===----------------------------------------------------------------------===//

// expected-error @+1 {{vector must be 8 or 16, got 4}}
func.func private @s1() attributes {a = #tile.schedule<engine = fma, vector = 4, kv_tile = 64, prefetch = 0, exp2_degree = 6>}

// -----

// expected-error @+1 {{kv_tile must be a positive multiple of 16, got 0}}
func.func private @s2_zero() attributes {a = #tile.schedule<engine = fma, vector = 8, kv_tile = 0, prefetch = 0, exp2_degree = 6>}

// -----

// expected-error @+1 {{kv_tile must be a positive multiple of 16, got 24}}
func.func private @s2_fma() attributes {a = #tile.schedule<engine = fma, vector = 8, kv_tile = 24, prefetch = 0, exp2_degree = 6>}

// -----

// expected-error @+1 {{kv_tile must be a positive multiple of 32, got 48}}
func.func private @s2_amx() attributes {a = #tile.schedule<engine = amx, vector = 16, kv_tile = 48, prefetch = 0, exp2_degree = 6>}

// -----

// expected-error @+1 {{kv_tile must be a positive multiple of 32, got 16}}
func.func private @s2_dpbf16() attributes {a = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 16, prefetch = 0, exp2_degree = 6>}

// -----

// expected-error @+1 {{prefetch must not be negative}}
func.func private @s3() attributes {a = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = -64, exp2_degree = 6>}

// -----

// expected-error @+1 {{exp2_degree must be 3 to 7, got 2}}
func.func private @s4_low() attributes {a = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 2>}

// -----

// expected-error @+1 {{exp2_degree must be 3 to 7, got 8}}
func.func private @s4_high() attributes {a = #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 8>}

// -----

// expected-error @+1 {{engine amx needs vector = 16}}
func.func private @s5_amx() attributes {a = #tile.schedule<engine = amx, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>}

// -----

// expected-error @+1 {{engine dpbf16 needs vector = 16}}
func.func private @s5_dpbf16() attributes {a = #tile.schedule<engine = dpbf16, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>}

// -----

// expected-error @+1 {{engine amx does not spread prefetches}}
func.func private @s6() attributes {a = #tile.schedule<engine = amx, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 6, prefetch_spread = true>}

// -----

//===----------------------------------------------------------------------===//
// #tile.gpu_schedule
//===----------------------------------------------------------------------===//

// expected-error @+1 {{warps must be 1 to 16, got 17}}
func.func private @g1() attributes {a = #tile.gpu_schedule<form = mma_sync, warps = 17, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>}

// -----

// expected-error @+1 {{rows must be 16, 32, 48 or 64, got 24}}
func.func private @g2() attributes {a = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 24, kv_tile = 64, stages = 3, ctas_per_sm = 2>}

// -----

// expected-error @+1 {{kv_tile must be a multiple of 16 and of 8 a warp, and at most 32 a warp, got 48 for 4 warps}}
func.func private @g3_warps() attributes {a = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 48, stages = 3, ctas_per_sm = 2>}

// -----

// expected-error @+1 {{and at most 32 a warp, got 64 for 1 warps}}
func.func private @g3_most() attributes {a = #tile.gpu_schedule<form = mma_sync, warps = 1, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>}

// -----

// expected-error @+1 {{stages must be 2 to 8, got 1}}
func.func private @g4() attributes {a = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 1, ctas_per_sm = 2>}

// -----

// expected-error @+1 {{ctas_per_sm must be positive, got 0}}
func.func private @g5() attributes {a = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 0>}

// -----

//===----------------------------------------------------------------------===//
// #tile.gpu_up_schedule
//===----------------------------------------------------------------------===//

// expected-error @+1 {{depth must be 16, 32 or 64, got 24}}
func.func private @h1() attributes {a = #tile.gpu_up_schedule<depth = 24, stages = 2>}

// -----

// expected-error @+1 {{stages must be 2 to 8, got 1}}
func.func private @h2() attributes {a = #tile.gpu_up_schedule<depth = 32, stages = 1>}

// -----

//===----------------------------------------------------------------------===//
// !tile.tile
//===----------------------------------------------------------------------===//

// expected-error @+1 {{tile extents must be positive}}
func.func private @x1_zero(!tile.tile<0x64xf32>)

// -----

// expected-error @+1 {{a tile has two extents}}
func.func private @x1_rank(!tile.tile<4x64x2xf32>)

// -----

// expected-error @+1 {{tile elements are bf16, f16 or f32}}
func.func private @x2(!tile.tile<4x64xi8>)

// -----

//===----------------------------------------------------------------------===//
// tile.kernel
//===----------------------------------------------------------------------===//

// expected-error @+1 {{group and q_len must be positive}}
tile.kernel @n1_group attributes {group = 0 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 8, k = 128, v = 128, element = bf16, layout = row, v_in_k = false>} {
}

// -----

// expected-error @+1 {{group and q_len must be positive}}
tile.kernel @n1_q_len attributes {group = 4 : i64, q_len = -1 : i64,
    cache = #tile.cache<heads = 8, k = 128, v = 128, element = bf16, layout = row, v_in_k = false>} {
}

// -----

// expected-error @+1 {{cache elements must be bf16, f16 or f32}}
tile.kernel @n2 attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 8, k = 128, v = 128, element = i8, layout = row, v_in_k = false>} {
}

// -----

//===----------------------------------------------------------------------===//
// tile.stream, tile.partials
//===----------------------------------------------------------------------===//

func.func @t1_too_few(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the block takes two tiles and the carried ones}}
  %r = "tile.stream"(%a0) ({
  ^bb0(%x: !tile.tile<64x128xbf16>, %y: !tile.tile<64x128xbf16>):
    tile.yield %a0 : !tile.tile<4x128xf32>
  }) : (!tile.tile<4x128xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @t1_types(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the block takes two tiles and the carried ones}}
  %r = "tile.stream"(%a0) ({
  ^bb0(%x: !tile.tile<64x128xbf16>, %y: !tile.tile<64x128xbf16>, %a: f32):
    tile.yield %a0 : !tile.tile<4x128xf32>
  }) : (!tile.tile<4x128xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @t2_types(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the body must yield the carried types}}
  %r = tile.stream (%x, %y) : (!tile.tile<64x128xbf16>, !tile.tile<64x128xbf16>) iter(%a = %a0) : (!tile.tile<4x128xf32>) {
    tile.yield %x : !tile.tile<64x128xbf16>
  }
  return
}

// -----

func.func @t2_count(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the body must yield the carried types}}
  %r = tile.stream (%x, %y) : (!tile.tile<64x128xbf16>, !tile.tile<64x128xbf16>) iter(%a = %a0) : (!tile.tile<4x128xf32>) {
    tile.yield
  }
  return
}

// -----

func.func @t2_terminator(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the body must yield the carried types}}
  %r = tile.stream (%x, %y) : (!tile.tile<64x128xbf16>, !tile.tile<64x128xbf16>) iter(%a = %a0) : (!tile.tile<4x128xf32>) {
    llvm.unreachable
  }
  return
}

// -----

func.func @results(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{failed to verify that all of {inits, results} have same type}}
  %r = "tile.stream"(%a0) ({
  ^bb0(%x: !tile.tile<64x128xbf16>, %y: !tile.tile<64x128xbf16>, %a: !tile.tile<4x128xf32>):
    tile.yield %a : !tile.tile<4x128xf32>
  }) : (!tile.tile<4x128xf32>) -> !tile.tile<64x128xbf16>
  return
}

// -----

func.func @partials_t1_too_few(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the block takes two tiles and the carried ones}}
  %r = "tile.partials"(%a0) ({
  ^bb0(%x: !tile.tile<4x128xf32>, %y: !tile.tile<4x1xf32>):
    tile.yield %a0 : !tile.tile<4x128xf32>
  }) : (!tile.tile<4x128xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @partials_t1_types(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the block takes two tiles and the carried ones}}
  %r = "tile.partials"(%a0) ({
  ^bb0(%x: !tile.tile<4x128xf32>, %y: !tile.tile<4x1xf32>, %a: f32):
    tile.yield %a0 : !tile.tile<4x128xf32>
  }) : (!tile.tile<4x128xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @partials_t2_types(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the body must yield the carried types}}
  %r = tile.partials (%x, %y) : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>) iter(%a = %a0) : (!tile.tile<4x128xf32>) {
    tile.yield %y : !tile.tile<4x1xf32>
  }
  return
}

// -----

func.func @partials_t2_count(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the body must yield the carried types}}
  %r = tile.partials (%x, %y) : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>) iter(%a = %a0) : (!tile.tile<4x128xf32>) {
    tile.yield
  }
  return
}

// -----

func.func @partials_t2_terminator(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{the body must yield the carried types}}
  %r = tile.partials (%x, %y) : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>) iter(%a = %a0) : (!tile.tile<4x128xf32>) {
    llvm.unreachable
  }
  return
}

// -----

func.func @partials_results(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{failed to verify that all of {inits, results} have same type}}
  %r = "tile.partials"(%a0) ({
  ^bb0(%x: !tile.tile<4x128xf32>, %y: !tile.tile<4x1xf32>, %a: !tile.tile<4x128xf32>):
    tile.yield %a : !tile.tile<4x128xf32>
  }) : (!tile.tile<4x128xf32>) -> !tile.tile<64x128xbf16>
  return
}

// -----

// The verifier must not look for a terminator that is not there.

func.func @empty_block(%a0: !tile.tile<4x128xf32>) {
  // expected-error @below {{expects a non-empty block}}
  %r = "tile.stream"(%a0) ({
  ^bb0(%x: !tile.tile<64x128xbf16>, %y: !tile.tile<64x128xbf16>, %a: !tile.tile<4x128xf32>):
  }) : (!tile.tile<4x128xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @argument_types(%a0: !tile.tile<4x128xf32>) {
  // expected-error @+1 {{expected a type for each argument}}
  %r = tile.stream (%x, %y) : (!tile.tile<64x128xbf16>) iter(%a = %a0) : (!tile.tile<4x128xf32>) {
    tile.yield %a : !tile.tile<4x128xf32>
  }
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.dot, tile.dot_acc
//===----------------------------------------------------------------------===//

func.func @u1_inner(%t0: !tile.tile<4x128xbf16>, %t1: !tile.tile<64x64xbf16>) {
  // expected-error @+1 {{needs RxD and TxD of one element type, and RxT of f32; with rest one of the two has so many columns more}}
  %r = tile.dot %t0, %t1
    : (!tile.tile<4x128xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<4x64xf32>
  return
}

// -----

func.func @u1_rows(%t0: !tile.tile<4x128xbf16>, %t1: !tile.tile<64x128xbf16>) {
  // expected-error @+1 {{needs RxD and TxD of one element type, and RxT of f32; with rest one of the two has so many columns more}}
  %r = tile.dot %t0, %t1
    : (!tile.tile<4x128xbf16>, !tile.tile<64x128xbf16>) -> !tile.tile<8x64xf32>
  return
}

// -----

func.func @u1_columns(%t0: !tile.tile<4x128xbf16>, %t1: !tile.tile<64x128xbf16>) {
  // expected-error @+1 {{needs RxD and TxD of one element type, and RxT of f32; with rest one of the two has so many columns more}}
  %r = tile.dot %t0, %t1
    : (!tile.tile<4x128xbf16>, !tile.tile<64x128xbf16>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @u1_result(%t0: !tile.tile<4x128xbf16>, %t1: !tile.tile<64x128xbf16>) {
  // expected-error @+1 {{needs RxD and TxD of one element type, and RxT of f32; with rest one of the two has so many columns more}}
  %r = tile.dot %t0, %t1
    : (!tile.tile<4x128xbf16>, !tile.tile<64x128xbf16>) -> !tile.tile<4x64xbf16>
  return
}

// -----

func.func @u1_elements(%t0: !tile.tile<4x128xf32>, %t1: !tile.tile<64x128xbf16>) {
  // expected-error @+1 {{needs RxD and TxD of one element type, and RxT of f32; with rest one of the two has so many columns more}}
  %r = tile.dot %t0, %t1
    : (!tile.tile<4x128xf32>, !tile.tile<64x128xbf16>) -> !tile.tile<4x64xf32>
  return
}

// -----

func.func @v1_tokens(%t0: !tile.tile<4x32xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<4x128xf32>, %t3: !tile.tile<4x1xf32>) {
  // expected-error @+1 {{needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x32xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @v1_rows(%t0: !tile.tile<4x64xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<8x128xf32>, %t3: !tile.tile<4x1xf32>) {
  // expected-error @+1 {{needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<8x128xf32>, !tile.tile<4x1xf32>) -> !tile.tile<8x128xf32>
  return
}

// -----

func.func @v1_columns(%t0: !tile.tile<4x64xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<4x64xf32>, %t3: !tile.tile<4x1xf32>) {
  // expected-error @+1 {{needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
  return
}

// -----

func.func @v1_accumulator(%t0: !tile.tile<4x64xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<4x128xbf16>, %t3: !tile.tile<4x1xf32>) {
  // expected-error @+1 {{needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xbf16>, !tile.tile<4x1xf32>) -> !tile.tile<4x128xbf16>
  return
}

// -----

func.func @v1_alpha_columns(%t0: !tile.tile<4x64xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<4x128xf32>, %t3: !tile.tile<4x2xf32>) {
  // expected-error @+1 {{needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>, !tile.tile<4x2xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @v1_alpha_rows(%t0: !tile.tile<4x64xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<4x128xf32>, %t3: !tile.tile<1x1xf32>) {
  // expected-error @+1 {{needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>, !tile.tile<1x1xf32>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @v1_alpha_element(%t0: !tile.tile<4x64xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<4x128xf32>, %t3: !tile.tile<4x1xbf16>) {
  // expected-error @+1 {{needs p RxT, v TxD, acc RxD of f32 and alpha Rx1 of f32}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>, !tile.tile<4x1xbf16>) -> !tile.tile<4x128xf32>
  return
}

// -----

func.func @v1_result(%t0: !tile.tile<4x64xbf16>, %t1: !tile.tile<64x128xbf16>, %t2: !tile.tile<4x128xf32>, %t3: !tile.tile<4x1xf32>) {
  // expected-error @+1 {{failed to verify that all of {acc, result} have same type}}
  %r = tile.dot_acc %t0, %t1, %t2, %t3
    : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
  return
}

// -----

func.func @apply_sink_result(%t0: !tile.tile<4x128xf32>, %t1: !tile.tile<4x1xf32>, %t2: !tile.tile<4x1xf32>) {
  // expected-error @+1 {{failed to verify that all of {out, result} have same type}}
  %r = tile.apply_sink %t0, %t1, %t2
    : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.map
//===----------------------------------------------------------------------===//

func.func @w1_rows(%t0: !tile.tile<4x64xf32>, %t1: !tile.tile<8x64xf32>) {
  // expected-error @+1 {{does not broadcast to}}
  %r0 = tile.map (%t0, %t1) reductions []
    : (!tile.tile<4x64xf32>, !tile.tile<8x64xf32>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%a0: f32, %a1: f32):
    tile.yield %a0 : f32
  }
  return
}

// -----

func.func @w1_columns(%t0: !tile.tile<4x64xf32>, %t1: !tile.tile<4x32xf32>) {
  // expected-error @+1 {{does not broadcast to}}
  %r0 = tile.map (%t0, %t1) reductions []
    : (!tile.tile<4x64xf32>, !tile.tile<4x32xf32>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%a0: f32, %a1: f32):
    tile.yield %a0 : f32
  }
  return
}

// -----

func.func @w1_no_input() {
  // expected-error @+1 {{needs an input}}
  %r = tile.map () reductions [] : () -> !tile.tile<4x64xf32> {
    %f = arith.constant 0.0 : f32
    tile.yield %f : f32
  }
  return
}

// -----

func.func @w2_rows(%t0: !tile.tile<4x64xf32>) {
  // expected-error @+1 {{result #0 of}}
  %r0 = tile.map (%t0) reductions []
    : (!tile.tile<4x64xf32>) -> (!tile.tile<8x64xf32>) {
  ^bb0(%a0: f32):
    tile.yield %a0 : f32
  }
  return
}

// -----

func.func @w2_columns(%t0: !tile.tile<4x64xf32>) {
  // expected-error @+1 {{result #0 of}}
  %r0 = tile.map (%t0) reductions []
    : (!tile.tile<4x64xf32>) -> (!tile.tile<4x1xf32>) {
  ^bb0(%a0: f32):
    tile.yield %a0 : f32
  }
  return
}

// -----

func.func @w3_columns(%t0: !tile.tile<4x64xf32>) {
  // expected-error @+1 {{result #1 of}}
  %r0, %r1 = tile.map (%t0) reductions [#tile.reduction<max>]
    : (!tile.tile<4x64xf32>) -> (!tile.tile<4x64xf32>, !tile.tile<4x64xf32>) {
  ^bb0(%a0: f32):
    tile.yield %a0, %a0 : f32, f32
  }
  return
}

// -----

func.func @w3_element(%t0: !tile.tile<4x64xf32>) {
  // expected-error @+1 {{result #0 of}}
  %r0 = tile.map (%t0) reductions [#tile.reduction<add>]
    : (!tile.tile<4x64xf32>) -> (!tile.tile<4x1xbf16>) {
  ^bb0(%a0: f32):
    tile.yield %a0 : f32
  }
  return
}

// -----

func.func @w3_count(%t0: !tile.tile<4x64xf32>) {
  // expected-error @+1 {{has more reductions than results}}
  %r0 = tile.map (%t0) reductions [#tile.reduction<max>, #tile.reduction<add>]
    : (!tile.tile<4x64xf32>) -> (!tile.tile<4x1xf32>) {
  ^bb0(%a0: f32):
    tile.yield %a0 : f32
  }
  return
}

// -----

func.func @w4_arguments(%t0: !tile.tile<4x64xf32>, %t1: !tile.tile<4x1xf32>) {
  // expected-error @+1 {{the region takes one f32 an input and yields one f32 a result}}
  %r0 = tile.map (%t0, %t1) reductions []
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%a0: f32):
    tile.yield %a0 : f32
  }
  return
}

// -----

// The region computes in f32, whatever the elements of the tiles.

func.func @w4_argument_types(%t0: !tile.tile<4x64xf32>, %t1: !tile.tile<4x1xbf16>) {
  // expected-error @+1 {{the region takes one f32 an input and yields one f32 a result}}
  %r0 = tile.map (%t0, %t1) reductions []
    : (!tile.tile<4x64xf32>, !tile.tile<4x1xbf16>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%a0: f32, %a1: bf16):
    tile.yield %a0 : f32
  }
  return
}

// -----

func.func @w4_yields(%t0: !tile.tile<4x64xf32>) {
  // expected-error @+1 {{the region takes one f32 an input and yields one f32 a result}}
  %r0 = tile.map (%t0) reductions []
    : (!tile.tile<4x64xf32>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%a0: f32):
    tile.yield %a0, %a0 : f32, f32
  }
  return
}

// -----

func.func @w4_yield_types(%t0: !tile.tile<4x64xf32>) {
  // expected-error @+1 {{the region takes one f32 an input and yields one f32 a result}}
  %r0 = tile.map (%t0) reductions []
    : (!tile.tile<4x64xf32>) -> (!tile.tile<4x64xf32>) {
  ^bb0(%a0: f32):
    %i = tile.coord key : i32
    tile.yield %i : i32
  }
  return
}

// -----

// expected-error @+1 {{needs positive heads, k and n}}
tile.projection @y1 {heads = 0 : i64, k = 64 : i64, n = 32 : i64, element = bf16}

// -----

// expected-error @+1 {{multiplies bf16, f16 or f32, not 'f64'}}
tile.projection @y2 {heads = 1 : i64, k = 64 : i64, n = 32 : i64, element = f64}

// -----

// expected-error @+1 {{on engine amx multiplies bf16, with k and n multiples of 32}}
tile.projection @y3 {heads = 1 : i64, k = 48 : i64, n = 32 : i64, element = bf16, schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 4, prefetch = 0>}

// -----

// expected-error @+1 {{vector must be 8 or 16, and 16 for amx, got 8}}
tile.projection @j1 {heads = 1 : i64, k = 64 : i64, n = 32 : i64, element = bf16, schedule = #tile.projection_schedule<engine = amx, vector = 8, few_rows = 4, prefetch = 0>}

// -----

// expected-error @+1 {{engine must be fma or amx}}
tile.projection @j2 {heads = 1 : i64, k = 64 : i64, n = 32 : i64, element = bf16, schedule = #tile.projection_schedule<engine = dpbf16, vector = 16, few_rows = 4, prefetch = 0>}

// -----

// expected-error @+1 {{few_rows and prefetch must not be negative}}
tile.projection @j3 {heads = 1 : i64, k = 64 : i64, n = 32 : i64, element = bf16, schedule = #tile.projection_schedule<engine = fma, vector = 16, few_rows = -1, prefetch = 0>}

// -----

// expected-error @+1 {{warps must be 1 to 16, got 17}}
func.func private @p1() attributes {a = #tile.gpu_projection_schedule<warps = 17, rows = 16, columns = 272, stages = 2, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{rows must be 16, 32, 48 or 64 a row warp, got 24 for 1}}
func.func private @p2() attributes {a = #tile.gpu_projection_schedule<warps = 4, rows = 24, columns = 64, stages = 2, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{columns must be a multiple of 16 a warp, got 96 for 4 warps}}
func.func private @p3() attributes {a = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 96, stages = 2, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{stages must be 1 to 8, got 9}}
func.func private @p4() attributes {a = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 9, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{ctas_per_sm must be positive, got 0}}
func.func private @p5() attributes {a = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 2, ctas_per_sm = 0>}

// -----

// expected-error @+1 {{on a GPU has n of 96 in blocks of 64, and k of 64 in 2 stages of 16 and more}}
tile.projection @y4_columns {heads = 1 : i64, k = 64 : i64, n = 96 : i64, element = bf16, gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 2, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{on a GPU has n of 64 in blocks of 64, and k of 32 in 4 stages of 16 and more}}
tile.projection @y4_stages {heads = 1 : i64, k = 32 : i64, n = 64 : i64, element = bf16, gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 4, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{merges partial states, which are f32: it needs wide_input}}
tile.projection @y5_narrow {heads = 4 : i64, k = 64 : i64, n = 32 : i64, element = bf16, combine = @merge}
tile.kernel @merge attributes {group = 4 : i64, q_len = 1 : i64, combine, wide_output,
    cache = #tile.cache<heads = 1, k = 96, v = 64, element = bf16, layout = row, v_in_k = true>} {
  %o = tile.constant 0.0 : !tile.tile<4x64xf32>
}

// -----

// expected-error @+1 {{merges by @merge, which is no tile.kernel with combine and wide_output}}
tile.projection @y5_kernel {heads = 4 : i64, k = 64 : i64, n = 32 : i64, element = bf16, wide_input, combine = @merge}
tile.kernel @merge attributes {group = 4 : i64, q_len = 1 : i64, wide_output,
    cache = #tile.cache<heads = 1, k = 96, v = 64, element = bf16, layout = row, v_in_k = true>} {
  %o = tile.constant 0.0 : !tile.tile<4x64xf32>
}

// -----

// expected-error @+1 {{merges by @nothing, which is no tile.kernel with combine and wide_output}}
tile.projection @y5_missing {heads = 4 : i64, k = 64 : i64, n = 32 : i64, element = bf16, wide_input, combine = @nothing}

// -----

// expected-error @+1 {{has 4 heads of 64 columns of 'bf16', but @merge merges 8 of 64 columns of 'bf16'}}
tile.projection @y5_heads {heads = 4 : i64, k = 64 : i64, n = 32 : i64, element = bf16, wide_input, combine = @merge}
tile.kernel @merge attributes {group = 4 : i64, q_len = 1 : i64, combine, wide_output,
    cache = #tile.cache<heads = 2, k = 96, v = 64, element = bf16, layout = row, v_in_k = true>} {
  %o = tile.constant 0.0 : !tile.tile<4x64xf32>
}

// -----

// expected-error @+1 {{merges partial states, which no GPU kernel that projects does; leave combine out}}
tile.projection @y5_gpu {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16, wide_input, combine = @merge, gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 2, ctas_per_sm = 1>}
tile.kernel @merge attributes {group = 4 : i64, q_len = 1 : i64, combine, wide_output,
    cache = #tile.cache<heads = 1, k = 96, v = 64, element = bf16, layout = row, v_in_k = true>} {
  %o = tile.constant 0.0 : !tile.tile<4x64xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Decompression in a kernel
//===----------------------------------------------------------------------===//

// expected-error @+1 {{nope and v must be positive, got 0 and 16}}
func.func private @o1() attributes {a = #tile.up<nope = 0, v = 16>}

// -----

// expected-error @+1 {{up needs a cache of latent rows (v_in_k), and a kernel that streams it}}
tile.kernel @n3 attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 16, v = 16>,
    cache = #tile.cache<heads = 1, k = 48, v = 32, element = bf16, layout = row, v_in_k = false>} {
}

// -----

tile.kernel @k1 attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 16, v = 16>,
    cache = #tile.cache<heads = 1, k = 48, v = 32, element = bf16, layout = row, v_in_k = true>} {
  // expected-error @+1 {{must be '!tile.tile<32x16xbf16>', got '!tile.tile<32x24xbf16>'}}
  %w = tile.weight key : !tile.tile<32x24xbf16>
}

// -----

tile.kernel @k1_no_up attributes {group = 2 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 48, v = 32, element = bf16, layout = row, v_in_k = true>} {
  // expected-error @+1 {{is part of no kernel with up}}
  %w = tile.weight key : !tile.tile<32x16xbf16>
}

// -----

func.func @d1(%rows: !tile.tile<16x48xbf16>, %w: !tile.tile<32x16xbf16>) {
  // expected-error @+1 {{needs rows TxC, weight RxN with R <= C, and a result Tx(N + C - R), with rest Tx(2N + C - R), of one element type}}
  %k = tile.decompress %rows, %w : (!tile.tile<16x48xbf16>, !tile.tile<32x16xbf16>) -> !tile.tile<16x16xbf16>
  return
}

// -----

// expected-error @+1 {{row_stages must be 0 or 2 to 8, and row_warps then a divisor of warps, with a thread for each row; got 3, 3 of 4 warps and 48 rows}}
func.func private @p6() attributes {a = #tile.gpu_projection_schedule<warps = 4, rows = 48, columns = 64, stages = 1, ctas_per_sm = 1, row_stages = 3, row_warps = 3>}

// -----

// expected-error @+1 {{with latent_rows, and it alone, has a gpu_schedule with row_stages, of which there are at most one more than slices of k, and no wide_input}}
tile.projection @y6_none {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16, latent_rows}

// -----

// expected-error @+1 {{with latent_rows, and it alone, has a gpu_schedule with row_stages}}
tile.projection @y6_dense {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16, gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 64, columns = 64, stages = 1, ctas_per_sm = 1, row_stages = 2>}

// -----

// expected-error @+1 {{of which there are at most one more than slices of k}}
tile.projection @y6_stages {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16, latent_rows, gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 64, columns = 64, stages = 1, ctas_per_sm = 1, row_stages = 3>}

// -----

// expected-error @+1 {{copies a tail of 12 columns; it is a multiple of 8, and needs latent_rows}}
tile.projection @y7 {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16, latent_rows, tail = 12 : i64, gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 64, columns = 64, stages = 1, ctas_per_sm = 1, row_stages = 2>}

// -----

// expected-error @+1 {{reads transposed weights, which come in one stage}}
tile.projection @y8 {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16, transposed, gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 64, columns = 64, stages = 2, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{leaves a rest of bf16 alone, not of 'f16'}}
tile.projection @y9 {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = f16, rest}

// -----

//===----------------------------------------------------------------------===//
// Numbers in two parts
//===----------------------------------------------------------------------===//

func.func @u1_rest(%q: !tile.tile<4x128xbf16>, %k: !tile.tile<64x96xbf16>) {
  // expected-error @+1 {{with rest one of the two has so many columns more}}
  %r = tile.dot %q, %k {rest = 64 : i64} : (!tile.tile<4x128xbf16>, !tile.tile<64x96xbf16>) -> !tile.tile<4x64xf32>
  return
}

// -----

func.func @u1_most(%q: !tile.tile<4x128xbf16>, %k: !tile.tile<64x32xbf16>) {
  // expected-error @+1 {{with rest one of the two has so many columns more}}
  %r = tile.dot %q, %k {rest = 96 : i64} : (!tile.tile<4x128xbf16>, !tile.tile<64x32xbf16>) -> !tile.tile<4x64xf32>
  return
}

// -----

// expected-error @+1 {{has a rest of 32 columns; it needs bf16, a multiple of 32, and a kernel that streams}}
tile.kernel @n4_element attributes {group = 1 : i64, q_len = 1 : i64, rest = 32 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 32, element = f16, layout = row, v_in_k = true>} {
}

// -----

// expected-error @+1 {{has a rest of 32 columns; with up it is nope, of other latent rows v, and else at most half of k}}
tile.kernel @n4_latent attributes {group = 1 : i64, q_len = 1 : i64, rest = 32 : i64,
    cache = #tile.cache<heads = 1, k = 128, v = 64, element = bf16, layout = row, v_in_k = true>} {
}

// -----

// expected-error @+1 {{has a rest of 64 columns; with up it is nope}}
tile.kernel @n4_up attributes {group = 1 : i64, q_len = 1 : i64, rest = 64 : i64, up = #tile.up<nope = 32, v = 64>,
    cache = #tile.cache<heads = 1, k = 128, v = 64, element = bf16, layout = row, v_in_k = true>} {
}

// -----

// expected-error @+1 {{has a rest of 64 columns; with up it is nope}}
tile.kernel @n4_half attributes {group = 1 : i64, q_len = 1 : i64, rest = 64 : i64,
    cache = #tile.cache<heads = 1, k = 96, v = 64, element = bf16, layout = row, v_in_k = false>} {
}
