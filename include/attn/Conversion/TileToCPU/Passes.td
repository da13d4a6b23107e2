//===- Passes.td - tile to the CPU -------------------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_TILETOCPU_PASSES_TD
#define ATTN_CONVERSION_TILETOCPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTileToCPU : Pass<"convert-tile-to-cpu", "::mlir::ModuleOp"> {
  let summary = "Lower tile kernels to loops, vectors and AMX tiles";
  let description = [{
    Each expanded `tile.kernel` becomes a function
    `(args, item, scratch) -> ()` of the internal ABI
    (runtime/include/attn_kernel_abi.h) over the scf, arith, vector, amx,
    x86vector and LLVM dialects, as its `#tile.schedule` says. The loops run
    tokens outermost and KV heads within, so that a page is streamed once; tiles
    live in the caller's scratch.

    The function carries `attn.kernel`, a dictionary of the compile-time facts
    that the kernel table needs (scratch bytes among them). A `tile.projection`
    becomes such a function too, as its `#tile.projection_schedule` says, with
    its facts in `attn.projection`; its k and n must be multiples of 16. One with
    `combine` calls the function of that kernel for each row that it merges.

    Examples: test/Conversion/TileToCPU/fma.mlir, projection.mlir and
    projection-combine.mlir.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::scf::SCFDialect",
    "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect",
    "::mlir::math::MathDialect", "::mlir::amx::AMXDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::x86vector::X86VectorDialect", "::mlir::LLVM::LLVMDialect"];
  let options = [
    Option<"bf16Convert", "bf16-convert", "bool", "false",
           "The target converts f32 to bf16 in one instruction (avx512bf16)">];
  let statistics = [
    Statistic<"numKernels", "kernels", "Kernels lowered">];
}

def LowerToLLVMCPU : Pass<"attn-lower-to-llvm", "::mlir::ModuleOp"> {
  let summary = "The CPU dialects to the LLVM dialect, in one conversion";
  let description = [{
    scf, arith, math, vector, memref, func, amx and x86vector to the LLVM
    dialect. One conversion for all, because AMX tiles carried by loops have no
    legal form in between (`mlir22.md`).
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // ATTN_CONVERSION_TILETOCPU_PASSES_TD
