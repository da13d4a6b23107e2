// RUN: attn-opt %s -split-input-file --convert-tile-to-cpu=bf16-convert | FileCheck %s

// Weights that lie as [heads, n, k]. On AMX 32 columns are interleaved from
// where they lie, rows of k: words of two bf16, of 16 columns at a time.

// CHECK-LABEL: func.func @tiles(
// CHECK-SAME: attn.projection = {dtype = 0 : i64, flags = 256 : i64, heads = 2 : i64, in_dtype = 0 : i64, k_dim = 64 : i64, n_dim = 32 : i64
// CHECK-NOT: vector.fma
// CHECK-COUNT-16: llvm.load {{.*}} -> vector<16xi32>
// CHECK: amx.tile_mulf
// CHECK-NOT: vector.fma
tile.projection @tiles {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16, transposed,
    schedule = #tile.projection_schedule<engine = amx, vector = 16, few_rows = 0, prefetch = 0>}

// -----

// For vector FMA the matrix is turned over first, to scratch.

// CHECK-LABEL: func.func @turned_over(
// CHECK: llvm.load {{.*}} -> bf16
// CHECK: llvm.store {{.*}} : bf16
// CHECK: vector.fma
tile.projection @turned_over {heads = 2 : i64, k = 64 : i64, n = 32 : i64, element = bf16, transposed,
    schedule = #tile.projection_schedule<engine = fma, vector = 16, few_rows = 4, prefetch = 0>}
