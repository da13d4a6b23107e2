//===- Passes.td - attn to tile ----------------------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_ATTNTOTILE_PASSES_TD
#define ATTN_CONVERSION_ATTNTOTILE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertAttnToTile : Pass<"convert-attn-to-tile", "::mlir::ModuleOp"> {
  let summary = "Outline attention as tile kernels";
  let description = [{
    Each `attn.attend` over a cache becomes a `tile.kernel` named after its
    function, and a second one, `<name>_combine`, that merges the partial states
    of a split. `attn.merge` becomes a combine kernel, `attn.project` a
    `tile.projection`. Functions that held nothing else are erased: the runtime
    calls the kernels.

    Attention with its up-projections becomes attention between two projections
    with `form = absorbed`, `<name>_query` and `<name>_output`, and behind two
    with `form = materialized`, `<name>_key` and `<name>_value`. Where it has
    `tile.fuse_combine = true`, `<name>_output` merges by `<name>_combine`. With
    `form = fused_decompress` it is one kernel, which multiplies each tile of
    latent rows by the matrices of the head at hand (`tile.decompress`).

    Needs `tile.schedule` on each op (see `attn-select-cpu-schedule` and
    `attn-select-gpu-schedule`) and `tile.projection_schedule`, or for GPUs
    `tile.gpu_projection_schedules` or `tile.gpu_up_schedule`, on what holds a
    projection or decompresses. Refused, with a
    reason: keys that are tensors, ops that no kernel computes yet, dynamic head
    counts, widths or numbers of query tokens, projections of mixed element types
    but for an f32 input.

    Examples: test/Conversion/AttnToTile/attend.mlir and projections.mlir.
  }];
  let dependentDialects = ["::attn::tile::TileDialect"];
  let statistics = [
    Statistic<"numKernels", "kernels", "Attention kernels">,
    Statistic<"numCombines", "combines", "Combine kernels">];
}

#endif // ATTN_CONVERSION_ATTNTOTILE_PASSES_TD
