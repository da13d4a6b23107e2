// RUN: attn-opt %s --convert-tile-to-nvvm --split-input-file --verify-diagnostics

// What the NVVM target refuses, and why; the kernel stays as it was.

// expected-error @+1 {{has no gpu_schedule; run attn-select-gpu-schedule before convert-attn-to-tile}}
tile.kernel @no_schedule attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = f16, layout = row, v_in_k = false>} {
}

// -----

// expected-error @+1 {{has a cache of f32; mma.sync multiplies bf16 and f16 only}}
tile.kernel @f32 attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = f32, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
}

// -----

// expected-error @+1 {{has a cache in the own layout, which is for CPUs; GPUs read layout = row}}
tile.kernel @own attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = own, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
}

// -----

// expected-error @+1 {{widths of K and V must be multiples of 16, got 64 and 72}}
tile.kernel @width attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 72, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
}

// -----

// expected-error @+1 {{has 4 warps, which do not share V's 80 columns in groups of 16}}
tile.kernel @warps attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 80, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
}

// -----

// expected-error @+1 {{merges alone; the NVVM target merges what its own decode kernels split}}
tile.kernel @merge attributes {combine, group = 1 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
}

// -----

// expected-error @+1 {{streams nothing}}
tile.kernel @empty attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
}

// -----

tile.kernel @weights attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
  %q = tile.query : !tile.tile<4x64xbf16>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %m0 = tile.constant 0.0 : !tile.tile<4x1xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%a = %a0, %m = %m0) : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<4x64xf32>
    // expected-error @+1 {{multiplies weights of 'f32'; mma.sync takes those of the cache's type}}
    %a1 = tile.dot_acc %s, %v, %a, %m : (!tile.tile<4x64xf32>, !tile.tile<64x64xbf16>, !tile.tile<4x64xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x64xf32>
    tile.yield %a1, %m : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  }
  tile.store %r#0, %r#1 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

tile.kernel @other_key attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
  %q = tile.query : !tile.tile<4x64xbf16>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %m0 = tile.constant 0.0 : !tile.tile<4x1xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%a = %a0, %m = %m0) : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) {
    // expected-error @+1 {{multiplies something else than the query and the stream's K}}
    %s = tile.dot %q, %v : (!tile.tile<4x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<4x64xf32>
    tile.yield %a, %m : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  }
  tile.store %r#0, %r#1 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

tile.kernel @narrow attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
  %q = tile.query : !tile.tile<4x64xbf16>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %m0 = tile.constant 0.0 : !tile.tile<4x1xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%a = %a0, %m = %m0) : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) {
    // expected-error @+1 {{makes a tile of '!tile.tile<4x1xbf16>'; only weights of 64 tokens are 16 bits wide}}
    %n = tile.map(%m) reductions [] : (!tile.tile<4x1xf32>) -> !tile.tile<4x1xbf16> {
    ^bb0(%x: f32):
      tile.yield %x : f32
    }
    tile.yield %a, %m : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  }
  tile.store %r#0, %r#1 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

tile.kernel @captured attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
  %q = tile.query : !tile.tile<4x64xbf16>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  %m0 = tile.constant 0.0 : !tile.tile<4x1xf32>
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%a = %a0, %m = %m0) : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) {
    %s = tile.dot %q, %k : (!tile.tile<4x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<4x64xf32>
    %outside = arith.constant 1 : index
    %t = tile.map(%s) reductions [] : (!tile.tile<4x64xf32>) -> !tile.tile<4x64xf32> {
    ^bb0(%x: f32):
      // expected-error @+1 {{reads a value from outside of its region that is no scalar constant}}
      %i = arith.index_cast %outside : index to i32
      %f = arith.sitofp %i : i32 to f32
      %y = arith.addf %x, %f : f32
      tile.yield %y : f32
    }
    tile.yield %a, %m : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  }
  tile.store %r#0, %r#1 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

tile.kernel @inits attributes {sinks, group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 2, k = 64, v = 64, element = bf16, layout = row, v_in_k = false>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>} {
  %q = tile.query : !tile.tile<4x64xbf16>
  %m0 = tile.sink : !tile.tile<4x1xf32>
  %a0 = tile.constant 0.0 : !tile.tile<4x64xf32>
  // expected-error @+1 {{starts from something else than constants}}
  %r:2 = tile.stream (%k, %v) : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>)
      iter(%a = %a0, %m = %m0) : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>) {
    tile.yield %a, %m : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
  }
  tile.store %r#0, %r#1 : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

// expected-error @+1 {{has no gpu_schedule; run attn-select-gpu-schedule before convert-attn-to-tile}}
tile.projection @projection_for_a_cpu {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = bf16,
    schedule = #tile.projection_schedule<engine = fma, vector = 8, few_rows = 4, prefetch = 0>}

// -----

// expected-error @+1 {{has weights of f32; mma.sync multiplies bf16 and f16 only}}
tile.projection @projection_f32 {heads = 4 : i64, k = 64 : i64, n = 64 : i64, element = f32,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 2, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{k must be a multiple of 16, got 72}}
tile.projection @projection_k {heads = 4 : i64, k = 72 : i64, n = 64 : i64, element = bf16,
    gpu_schedule = #tile.gpu_projection_schedule<warps = 4, rows = 16, columns = 64, stages = 2, ctas_per_sm = 1>}

// -----

// expected-error @+1 {{decompresses, but has no gpu_up_schedule; run attn-select-gpu-schedule before convert-attn-to-tile}}
tile.kernel @decompresses attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 32, v = 32>,
    cache = #tile.cache<heads = 1, k = 80, v = 64, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 64, stages = 2, ctas_per_sm = 1>} {
}

// -----

// expected-error @+1 {{decompresses to keys of 24 and values of 32 columns, which must be multiples of 16}}
tile.kernel @decompresses_width attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 24, v = 32>,
    cache = #tile.cache<heads = 1, k = 80, v = 64, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 64, stages = 2, ctas_per_sm = 1>, gpu_up_schedule = #tile.gpu_up_schedule<depth = 32, stages = 2>} {
}

// -----

// expected-error @+1 {{has 4 warps, which do not share V's 32 columns in groups of 16}}
tile.kernel @decompresses_warps attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 32, v = 32>,
    cache = #tile.cache<heads = 1, k = 80, v = 64, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 2, ctas_per_sm = 1>, gpu_up_schedule = #tile.gpu_up_schedule<depth = 32, stages = 2>} {
}

// -----

// expected-error @+1 {{decompresses a rank of 48 in chunks of 32, which do not divide it}}
tile.kernel @decompresses_depth attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 32, v = 32>,
    cache = #tile.cache<heads = 1, k = 64, v = 48, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 64, stages = 2, ctas_per_sm = 1>, gpu_up_schedule = #tile.gpu_up_schedule<depth = 32, stages = 2>} {
}

// -----

// expected-error @+1 {{has 4 chunks at once, more than the 2 of a matrix and one}}
tile.kernel @decompresses_stages attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 32, v = 32>,
    cache = #tile.cache<heads = 1, k = 80, v = 64, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 64, stages = 2, ctas_per_sm = 1>, gpu_up_schedule = #tile.gpu_up_schedule<depth = 32, stages = 4>} {
}

// -----

// What a kernel that decompresses multiplies is made of the stream's rows.

tile.kernel @rows_as_they_are attributes {group = 2 : i64, q_len = 1 : i64, up = #tile.up<nope = 32, v = 32>,
    cache = #tile.cache<heads = 1, k = 32, v = 32, element = bf16, layout = row, v_in_k = true>,
    gpu_schedule = #tile.gpu_schedule<form = mma_sync, warps = 2, rows = 16, kv_tile = 64, stages = 2, ctas_per_sm = 1>,
    gpu_up_schedule = #tile.gpu_up_schedule<depth = 16, stages = 2>} {
  %q = tile.query : !tile.tile<1x32xbf16>
  %m0 = tile.constant 0.0 : !tile.tile<1x64xf32>
  %r = tile.stream (%k, %v) : (!tile.tile<64x32xbf16>, !tile.tile<64x32xbf16>)
      iter(%m = %m0) : (!tile.tile<1x64xf32>) {
    // expected-error @+1 {{multiplies something else than the query and the stream's K}}
    %s = tile.dot %q, %k : (!tile.tile<1x32xbf16>, !tile.tile<64x32xbf16>) -> !tile.tile<1x64xf32>
    tile.yield %s : !tile.tile<1x64xf32>
  }
}
