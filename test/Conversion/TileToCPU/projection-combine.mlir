// RUN: attn-opt %s -split-input-file --convert-tile-to-cpu=bf16-convert -verify-diagnostics | FileCheck %s

// Before: the merge and the projection are two kernels, and what the one leaves
// in memory the other reads; `combine` is missing. After: the projection names
// the merge, and calls it with the row that it multiplies from as the output.

#cache = #tile.cache<heads = 1, k = 96, v = 64, element = bf16, layout = row, v_in_k = true>
#fma = #tile.schedule<engine = fma, vector = 16, kv_tile = 64, prefetch = 0, exp2_degree = 5>

// The output is read where it is; no request's merge is looked at.

// CHECK-LABEL: func.func @before(
// CHECK-SAME: attn.projection = {{{.*}}q_len = 0 : i64
// CHECK-NOT: call
// CHECK-LABEL: func.func @after(%arg0: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr)
// CHECK-SAME: attn.projection = {{{.*}}in_dtype = 2 : i64{{.*}}q_len = 2 : i64

// Each head's rows: one that lies in memory (no part), or one that is merged
// into the input of the product, as the combine kernel's only output row.

// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[PARTS:[0-9]+]], %{{.*}} : i64
// CHECK: scf.if %[[WHOLE]] {
// CHECK: %[[SPLIT:.*]] = arith.cmpi slt, %{{.*}}, %[[PARTS]]
// CHECK: scf.if %[[SPLIT]] {
// CHECK: call @merge(%{{.*}}, %{{.*}}, %{{.*}}) : (!llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
// CHECK: vector.fma
tile.projection @before {heads = 4 : i64, k = 64 : i64, n = 32 : i64, element = bf16, wide_input,
    schedule = #tile.projection_schedule<engine = fma, vector = 16, few_rows = 4, prefetch = 0>}
tile.projection @after {heads = 4 : i64, k = 64 : i64, n = 32 : i64, element = bf16, wide_input, combine = @merge,
    schedule = #tile.projection_schedule<engine = fma, vector = 16, few_rows = 4, prefetch = 0>}
tile.kernel @merge attributes {group = 4 : i64, q_len = 2 : i64, combine, wide_output, cache = #cache, schedule = #fma} {
  %m = tile.constant -1.0e30 : !tile.tile<8x1xf32>
  %o = tile.constant 0.0 : !tile.tile<8x64xf32>
  %om, %oo = tile.partials (%out, %lse) : (!tile.tile<8x64xf32>, !tile.tile<8x1xf32>)
      iter(%a = %m, %b = %o) : (!tile.tile<8x1xf32>, !tile.tile<8x64xf32>) {
    tile.yield %lse, %out : !tile.tile<8x1xf32>, !tile.tile<8x64xf32>
  }
  tile.store %oo, %om : !tile.tile<8x64xf32>, !tile.tile<8x1xf32>
}
