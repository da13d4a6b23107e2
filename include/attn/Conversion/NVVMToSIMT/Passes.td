//===-- Passes.td - NVVM to the SIMT emulator --------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_NVVMTOSIMT_PASSES
#define ATTN_CONVERSION_NVVMTOSIMT_PASSES

include "mlir/Pass/PassBase.td"

def ConvertNVVMToSIMT : Pass<"convert-nvvm-to-simt", "::mlir::ModuleOp"> {
  let summary = "Let NVVM kernels run on the CPU, watched";
  let description = [{
    Every operation of the NVVM dialect in an `llvm.func` becomes a call of the
    library `AttnEmulationSIMT` (`attn/EmulationSIMT/Ops.h`), so that the module
    can be compiled for the host. What has no emulation is refused, by its name,
    before anything changes: other NVVM operations, their `predicate` operands,
    inline assembly, variables in global memory, masked accesses and inline
    copies.

    - Globals in shared memory become offsets into the CTA's shared memory, the
      dynamic one (of zero bytes) behind the others.
    - With `instrument` a call before each load and store checks it; atomic
      operations always become calls. Accesses to a function's own `llvm.alloca`
      and to module constants are left alone.
    - For each kernel `@k` (`nvvm.kernel`) a constant `@k_simt` is added
      (`attn/EmulationSIMT/Kernel.h`), which is what a launch takes.
    - A `gpu.module` is dissolved; attributes of NVVM and of the GPU target go.

    Calls carry the number of their operation in a table of "file:line:column:
    name" strings, so findings name the operation in the input.

    The control flow (scf or cf) is not touched, so that the pass can run at any
    stage; the pipeline `nvvm-to-simt` lowers the rest.

    Example:

    ```mlir
    llvm.mlir.global external @smem() {addr_space = 3 : i32} : !llvm.array<0 x i8>
    llvm.func @k(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
      %smem = llvm.mlir.addressof @smem : !llvm.ptr<3>
      %x = llvm.load %smem : !llvm.ptr<3> -> f32
      nvvm.barrier0
      llvm.store %x, %out : f32, !llvm.ptr<1>
      llvm.return
    }
    ```

    becomes

    ```mlir
    llvm.func @k(%out: !llvm.ptr<1>) {
      %base = llvm.call @attn_simt_shared() : () -> !llvm.ptr
      // ... %smem: the base plus 0, as !llvm.ptr<3>
      llvm.call @attn_simt_load(%site0, %address0, %c4, %align4)
      %x = llvm.load %smem : !llvm.ptr<3> -> f32
      llvm.call @attn_simt_barrier(%site1, %id0, %all)
      llvm.call @attn_simt_store(%site2, %address1, %c4, %align4)
      llvm.store %x, %out : f32, !llvm.ptr<1>
      llvm.return
    }
    ```

    This example is tested in `test/Conversion/NVVMToSIMT/kernel.mlir`.
  }];
  let options = [
    Option<"instrument", "instrument", "bool", "true",
           "Check loads and stores">
  ];
  let statistics = [
    Statistic<"numKernels", "kernels", "Kernels that can be launched">,
    Statistic<"numOps", "ops", "Operations that became calls">,
    Statistic<"numAccesses", "accesses", "Loads and stores that are checked">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // ATTN_CONVERSION_NVVMTOSIMT_PASSES
