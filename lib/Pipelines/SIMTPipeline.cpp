//===- SIMTPipeline.cpp - NVVM kernels to the host's LLVM dialect -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pipelines/SIMTPipeline.h"
#include "attn/Conversion/NVVMToSIMT/NVVMToSIMT.h"
#include "attn/Conversion/TileToCPU/TileToCPU.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

void attn::buildSIMTPipeline(OpPassManager &pm, bool instrument) {
  pm.addPass(createConvertNVVMToSIMT({instrument}));
  // By itself, as one conversion for all would fold a branch on a constant
  // while it rewrites it, which MLIR 22 does not survive.
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createLowerToLLVMCPU());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

namespace {
struct SIMTPipelineOptions : PassPipelineOptions<SIMTPipelineOptions> {
  Option<bool> instrument{*this, "instrument",
                          llvm::cl::desc("Check loads and stores"),
                          llvm::cl::init(true)};
};
} // namespace

void attn::registerSIMTPipeline() {
  PassPipelineRegistration<SIMTPipelineOptions>(
      "nvvm-to-simt", "NVVM kernels to the LLVM dialect for the SIMT emulator",
      [](OpPassManager &pm, const SIMTPipelineOptions &options) {
        buildSIMTPipeline(pm, options.instrument);
      });
}
