//===- Passes.td - tile to NVIDIA GPUs ---------------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_TILETONVVM_PASSES_TD
#define ATTN_CONVERSION_TILETONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTileToNVVM : Pass<"convert-tile-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "Lower tile kernels to the NVVM dialect";
  let description = [{
    Each expanded `tile.kernel` and its `_combine` become functions over the scf,
    arith, LLVM and NVVM dialects, as their `#tile.gpu_schedule` says:
    `<name>_plan` turns the lengths into work, `<name>` decodes a share of it,
    `<name>_combine` merges what was split; `<name>_merge` merges a caller's
    states, and `<name>_append` writes new rows into the cache
    (runtime/include/attn_gpu_abi.h tells the protocol). Each takes an
    `attn_gpu_args` by value.

    The form `mma_sync`: the warps of a CTA share the query rows. A tile of K and
    V comes by `cp.async` into a ring of swizzled stages, its tokens' addresses
    computed two tiles ahead, so that a page may have any size; tokens that no
    query sees are filled with zeros and never read. Warps deal the tokens of a
    tile among themselves for the scores, exchange row maxima and sums through
    shared memory, and deal the columns of V for the output. V that is a prefix
    of K is read where K lies. K and V that are made of latent rows
    (`tile.decompress`) take turns in a place of their own; the head's matrices
    pass by in chunks, as `#tile.gpu_up_schedule` says.

    The function `<name>` carries `attn.gpu_kernel`, a dictionary of the facts
    that the kernel table needs (threads and shared memory among them).

    Each `tile.projection` becomes one function, which carries
    `attn.gpu_projection`. A CTA has some columns of one head's weights and sends
    for all of them by `cp.async` as it starts, in as many groups as its
    `#tile.gpu_projection_schedule` has stages; the rows of the input then pass
    by, 16 to 64 at a time, and `mma.sync` sums in f32. An f32 input is
    multiplied as the sum of two numbers of 16 bits.

    `dependent-launch` puts `griddepcontrol` between the kernels of a call, which
    needs sm_90; a projection sends for its weights before it waits.

    Refused, with a reason: f32 caches and weights (`mma.sync` has no f32), the
    own layout, widths that are no multiple of 16 or that the warps do not
    divide.

    Examples: test/Conversion/TileToNVVM/decode.mlir, projection.mlir.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
  let options = [
    Option<"dependentLaunch", "dependent-launch", "bool", "false",
           "Overlap the kernels of a call (sm_90 and up)">];
  let statistics = [
    Statistic<"numKernels", "kernels", "Kernels lowered">,
    Statistic<"numProjections", "projections", "Projections lowered">];
}

#endif // ATTN_CONVERSION_TILETONVVM_PASSES_TD
