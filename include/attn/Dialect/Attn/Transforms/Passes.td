//===- Passes.td - Passes on the attn dialect --------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TRANSFORMS_PASSES_TD
#define ATTN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnSelectCPUSchedule : Pass<"attn-select-cpu-schedule"> {
  let summary = "Choose how the CPU runs each attention";
  let description = [{
    Writes `tile.schedule = #tile.schedule<…>` on every `attn.attend` over a
    cache (and on `attn.merge`) that has none yet: the engine that the
    instruction level and the element type allow, the tile of tokens, the
    prefetch distance and the accuracy of exp2. Lowerings read the attribute
    and decide nothing; write it by hand to test one alone.

    The choice, and why, is a remark per op (`--remarks-filter=attn`). An op
    that already carries a schedule keeps it.

    Example (test/Dialect/Attn/select-cpu-schedule.mlir):

    ```mlir
    // attn-opt --attn-select-cpu-schedule=isa=amx
    %o = attn.attend %q, %c {..., tile.schedule = #tile.schedule<engine = amx,
           vector = 16, kv_tile = 64, prefetch = 2048, exp2_degree = 3>} : ...
    ```
  }];
  let dependentDialects = ["::attn::tile::TileDialect"];
  let options = [
    Option<"isa", "isa", "std::string", "\"avx2\"",
           "Instruction level: avx2, avx512, avx512bf16 or amx">];
  let statistics = [
    Statistic<"numAmx", "amx", "Attentions on AMX tiles">,
    Statistic<"numDpBf16", "dpbf16", "Attentions on vdpbf16ps">,
    Statistic<"numFma", "fma", "Attentions on vector FMA">];
}

#endif // ATTN_TRANSFORMS_PASSES_TD
