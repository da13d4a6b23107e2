// RUN: attn-opt %s --convert-tile-to-cpu --split-input-file --verify-diagnostics

#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// expected-error @+1 {{has no schedule}}
tile.kernel @no_schedule attributes {group = 1 : i64, q_len = 1 : i64, cache = #cache} {
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>

// expected-error @+1 {{widths of K and V must be multiples of 16, got 24 and 16}}
tile.kernel @k_width attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma,
    cache = #tile.cache<heads = 1, k = 24, v = 16, element = f32, layout = row, v_in_k = false>} {
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>

// expected-error @+1 {{widths of K and V must be multiples of 16, got 16 and 40}}
tile.kernel @v_width attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma,
    cache = #tile.cache<heads = 1, k = 16, v = 40, element = f32, layout = row, v_in_k = false>} {
}

// -----

#amx = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 4>

// expected-error @+1 {{K must be at least 32 wide for this engine}}
tile.kernel @narrow attributes {group = 1 : i64, q_len = 1 : i64, schedule = #amx,
    cache = #tile.cache<heads = 1, k = 16, v = 16, element = bf16, layout = row, v_in_k = false>} {
}

// -----

#amx = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 4>

// expected-error @+1 {{engine amx multiplies bf16 only}}
tile.kernel @amx_f16 attributes {group = 1 : i64, q_len = 1 : i64, schedule = #amx,
    cache = #tile.cache<heads = 1, k = 32, v = 16, element = f16, layout = row, v_in_k = false>} {
}

// -----

#dp = #tile.schedule<engine = dpbf16, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 4>

// expected-error @+1 {{engine dpbf16 multiplies bf16 only}}
tile.kernel @dpbf16_f32 attributes {group = 1 : i64, q_len = 1 : i64, schedule = #dp,
    cache = #tile.cache<heads = 1, k = 32, v = 16, element = f32, layout = row, v_in_k = false>} {
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// expected-error @+1 {{streams nothing}}
tile.kernel @no_stream attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  %m = tile.constant 0.0 : !tile.tile<1x1xf32>
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

tile.kernel @two_streams attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter() : () {
    tile.yield
  }
  // expected-error @+1 {{is the kernel's second stream}}
  tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter() : () {
    tile.yield
  }
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

tile.kernel @computed_start attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  %s = tile.sink : !tile.tile<1x1xf32>
  // expected-error @+1 {{starts from something else than constants}}
  %r = tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter(%m = %s) : (!tile.tile<1x1xf32>) {
    tile.yield %m : !tile.tile<1x1xf32>
  }
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

tile.kernel @unexpanded attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  %m0 = tile.constant 0.0 : !tile.tile<1x1xf32>
  %r = tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter(%m = %m0) : (!tile.tile<1x1xf32>) {
    // expected-error @+1 {{'tile.score' op has no CPU lowering; run tile-expand first}}
    %x = tile.score %m {scale = 1.0 : f32} : !tile.tile<1x1xf32> -> !tile.tile<1x1xf32>
    tile.yield %x : !tile.tile<1x1xf32>
  }
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// A score region ends here: what has no vector form is named.

tile.kernel @region attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  %q = tile.query : !tile.tile<1x16xf32>
  tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter() : () {
    %s = tile.dot %q, %k : (!tile.tile<1x16xf32>, !tile.tile<16x16xf32>) -> !tile.tile<1x16xf32>
    %x = tile.map(%s) reductions [] : (!tile.tile<1x16xf32>) -> !tile.tile<1x16xf32> {
    ^bb0(%a: f32):
      // expected-error @+1 {{'math.sin' op has no vector form on the CPU target; a score region takes arith ops and math.exp, exp2, log, log2, tanh, sqrt, absf}}
      %b = math.sin %a : f32
      tile.yield %b : f32
    }
    tile.yield
  }
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// Nothing but constants comes from outside of a region.

tile.kernel @captured_value attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  %one = arith.constant 1.0 : f32
  %two = arith.addf %one, %one : f32
  %q = tile.query : !tile.tile<1x16xf32>
  tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter() : () {
    %s = tile.dot %q, %k : (!tile.tile<1x16xf32>, !tile.tile<16x16xf32>) -> !tile.tile<1x16xf32>
    %x = tile.map(%s) reductions [] : (!tile.tile<1x16xf32>) -> !tile.tile<1x16xf32> {
    ^bb0(%a: f32):
      // expected-error @+1 {{'arith.mulf' op reads a value from outside of its region that is no scalar constant}}
      %b = arith.mulf %a, %two : f32
      tile.yield %b : f32
    }
    tile.yield
  }
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// The accumulator is updated in place.

tile.kernel @shared_accumulator attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  %q = tile.query : !tile.tile<1x16xf32>
  %m0 = tile.constant 0.0 : !tile.tile<1x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<1x16xf32>
  %r:3 = tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>)
      iter(%m = %m0, %a = %a0, %b = %a0) : (!tile.tile<1x1xf32>, !tile.tile<1x16xf32>, !tile.tile<1x16xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<1x16xf32>, !tile.tile<16x16xf32>) -> !tile.tile<1x16xf32>
    // expected-error @+1 {{needs an accumulator that nothing else reads}}
    %c = tile.dot_acc %s, %v, %a, %m : (!tile.tile<1x16xf32>, !tile.tile<16x16xf32>, !tile.tile<1x16xf32>, !tile.tile<1x1xf32>) -> !tile.tile<1x16xf32>
    tile.yield %m, %c, %a : !tile.tile<1x1xf32>, !tile.tile<1x16xf32>, !tile.tile<1x16xf32>
  }
}

// -----

#amx = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 4>

// expected-error @+1 {{decompresses, but has no up_schedule}}
tile.kernel @no_up_schedule attributes {group = 2 : i64, q_len = 1 : i64, schedule = #amx, up = #tile.up<nope = 32, v = 32>,
    cache = #tile.cache<heads = 1, k = 64, v = 32, element = bf16, layout = row, v_in_k = true>} {
}

// -----

#amx = #tile.schedule<engine = amx, vector = 16, kv_tile = 32, prefetch = 0, exp2_degree = 4>

// expected-error @+1 {{decompresses on engine amx, which takes bf16, and tiles, ranks and widths that are multiples of 32}}
tile.kernel @up_width attributes {group = 2 : i64, q_len = 1 : i64, schedule = #amx, up = #tile.up<nope = 48, v = 32>,
    up_schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 4, prefetch = 0>,
    cache = #tile.cache<heads = 1, k = 64, v = 32, element = bf16, layout = row, v_in_k = true>} {
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>
#cache = #tile.cache<heads = 1, k = 16, v = 16, element = f32, layout = row, v_in_k = false>

// What is multiplied and by what is known by the ops that give it.

tile.kernel @foreign_weight attributes {group = 1 : i64, q_len = 1 : i64, schedule = #fma, cache = #cache} {
  tile.stream (%k, %v) : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) iter() : () {
    // expected-error @+1 {{needs rows that the stream hands over, and a weight of tile.weight}}
    %x = tile.decompress %k, %v : (!tile.tile<16x16xf32>, !tile.tile<16x16xf32>) -> !tile.tile<16x16xf32>
    tile.yield
  }
}

// -----

#fma = #tile.schedule<engine = fma, vector = 8, kv_tile = 16, prefetch = 0, exp2_degree = 6>

// expected-error @+1 {{widths of latent rows must be multiples of 16}}
tile.kernel @rank attributes {group = 2 : i64, q_len = 1 : i64, schedule = #fma, up = #tile.up<nope = 24, v = 32>,
    up_schedule = #tile.projection_schedule<engine = fma, vector = 8, few_rows = 4, prefetch = 0>,
    cache = #tile.cache<heads = 1, k = 32, v = 24, element = bf16, layout = row, v_in_k = true>} {
}

// -----

// expected-error @+1 {{reads latent rows where a cache has them, which GPU kernels do; the CPU's runtime brings them together}}
tile.projection @latent_rows {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16, latent_rows,
    schedule = #tile.projection_schedule<engine = fma, vector = 8, few_rows = 4, prefetch = 0>,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 64, columns = 64, stages = 1, ctas_per_sm = 1, row_stages = 2>}
