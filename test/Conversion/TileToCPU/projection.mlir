// RUN: attn-opt %s -split-input-file --convert-tile-to-cpu=bf16-convert -verify-diagnostics | FileCheck %s

// Few rows: weights are walked as four streams, 16 rows of this matrix apart,
// and each is fetched ahead; a line is two vectors of f32, even and odd columns.

// CHECK-LABEL: func.func @few(
// CHECK-SAME: attn.projection = {dtype = 0 : i64, flags = 0 : i64, heads = 2 : i64, in_dtype = 0 : i64, k_dim = 64 : i64, n_dim = 32 : i64, q_len = 0 : i64, scratch_bytes = 1536 : i64}
// CHECK-COUNT-4: llvm.intr.prefetch
// CHECK: vector.fma {{.*}} : vector<16xf32>
// CHECK-NOT: amx
tile.projection @few {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16,
    schedule = #tile.projection_schedule<engine = fma, vector = 16, few_rows = 4, prefetch = 512>}

// -----

// Many rows go to AMX tiles where the schedule says so; up to few_rows rows do
// not. An f32 input is two numbers of 16 bits, each multiplied.

// CHECK-LABEL: func.func @both(
// CHECK: vector.fma
// CHECK: amx.tile_mulf
// CHECK-LABEL: func.func @wide(
// CHECK-SAME: in_dtype = 2 : i64
// CHECK-COUNT-8: amx.tile_mulf
tile.projection @both {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16,
    schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 4, prefetch = 0>}
tile.projection @wide {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16, wide_input,
    schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 0, prefetch = 0>}

// -----

// expected-error @+1 {{has no schedule}}
tile.projection @unscheduled {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16}

// -----

// expected-error @+1 {{k and n must be multiples of 16, got 24 and 32}}
tile.projection @odd {heads = 2 : i64, k = 24 : i64, n = 32 : i64, element = f32,
    schedule = #tile.projection_schedule<engine = fma, vector = 8, few_rows = 4, prefetch = 0>}
