//===-- Passes.td - Emulating missing x86 instructions -----*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_EMULATEX86_PASSES
#define ATTN_CONVERSION_EMULATEX86_PASSES

include "mlir/Pass/PassBase.td"

def EmulateX86Pass : Pass<"emulate-x86", "::mlir::ModuleOp"> {
  let summary = "Replace the x86 instructions that a host lacks";
  let description = [{
    Lets a kernel that was lowered for AMX or AVX512-BF16 run on a host without
    these instructions, with the same bits in every result. Only the operations
    that need a missing instruction change:

    - `amx`: each tile becomes a buffer of 1 KiB in the function's entry block,
      each tile operation a call of a function of the library
      `AttnEmulationX86`. Tiles may be carried by `scf.for` and be results of
      `scf.if`; a loop copies the tiles it carries at its end, so that it may
      swap them. Whatever else carries tiles is refused.
    - `avx512bf16`: `x86vector.avx512.dot` (VDPBF16PS) and the truncation of f32
      to bf16 (VCVTNEPS2BF16) become arithmetic that every host has, including
      their treatment of denormals and NaNs. A truncation with another rounding
      mode than to nearest even stays.

    To be run while tiles are still `!amx.tile` and control flow is still `scf`.

    Example, with `features=amx`:

    ```mlir
    %a = amx.tile_load %x[%c0], %stride
        : memref<?xbf16> into !amx.tile<16x32xbf16>
    %c = amx.tile_mulf %a, %b, %acc
        : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
    ```

    becomes

    ```mlir
    %a = llvm.alloca %one x !llvm.array<1024 x i8> {alignment = 64 : i64}
    %c = llvm.alloca %one x !llvm.array<1024 x i8> {alignment = 64 : i64}
    // ...
    llvm.call @attn_emu_tileloadd(%a, %rows, %colsb, %address, %bytes)
    llvm.call @attn_emu_tdpbf16ps(%c, %acc, %a, %b, %m, %n_bytes, %k_bytes)
    ```

    This example is tested in `test/Conversion/EmulateX86/amx.mlir`.
  }];
  let options = [
    ListOption<"features", "features", "std::string",
               "Instructions to replace: any of 'amx', 'avx512bf16'">
  ];
  let statistics = [
    Statistic<"numTileZero", "tilezero", "Number of amx.tile_zero replaced">,
    Statistic<"numTileLoad", "tileloadd", "Number of amx.tile_load replaced">,
    Statistic<"numTileStore", "tilestored",
              "Number of amx.tile_store replaced">,
    Statistic<"numTileMul", "tdpbf16ps", "Number of amx.tile_mulf replaced">,
    Statistic<"numDot", "vdpbf16ps",
              "Number of x86vector.avx512.dot replaced">,
    Statistic<"numConvert", "vcvtneps2bf16",
              "Number of truncations from f32 to bf16 replaced">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"
  ];
}

#endif // ATTN_CONVERSION_EMULATEX86_PASSES
