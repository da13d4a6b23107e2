//===- GPUPipeline.cpp - From attn to the NVVM dialect ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Conversion/AttnToTile/AttnToTile.h"
#include "attn/Conversion/TileToNVVM/TileToNVVM.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Dialect/Tile/Transforms/Passes.h"
#include "attn/Target/NVVMArch.h"

#include "mlir/Transforms/Passes.h"

using namespace mlir;

/// griddepcontrol came with sm_90. An unknown name is the select pass's to
/// refuse.
static bool hasDependentLaunch(StringRef chip) {
  llvm::Expected<attn::NVVMArch> arch = attn::parseNVVMArch(chip);
  if (arch)
    return arch->capability >= 90;
  llvm::consumeError(arch.takeError());
  return false;
}

void attn::addGPUStage(OpPassManager &pm, GPUStage stage,
                       const GPUPipelineOptions &options) {
  switch (stage) {
  case GPUStage::Attn:
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createAttnSelectScoreRest({options.scoreRest}));
    pm.addPass(createAttnSelectGPUSchedule({options.chip}));
    return;
  case GPUStage::Tile:
    pm.addPass(createConvertAttnToTile());
    pm.addNestedPass<tile::KernelOp>(tile::createTileExpand());
    return;
  case GPUStage::NVVM:
    pm.addPass(createConvertTileToNVVM(
        {/*dependentLaunch=*/hasDependentLaunch(options.chip)}));
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    return;
  }
}

void attn::buildGPUPipeline(OpPassManager &pm,
                            const GPUPipelineOptions &options, GPUStage last) {
  for (GPUStage stage : {GPUStage::Attn, GPUStage::Tile, GPUStage::NVVM})
    if (stage <= last)
      addGPUStage(pm, stage, options);
}

llvm::Expected<OwningOpRef<ModuleOp>> attn::lowerToNVVM(ModuleOp module,
                                                        StringRef chip) {
  OwningOpRef<ModuleOp> clone = module.clone();
  PassManager pm(clone->getContext());
  GPUPipelineOptions options;
  options.chip = chip.str();
  buildGPUPipeline(pm, options);
  if (failed(pm.run(*clone)))
    return llvm::createStringError(
        "the kernels could not be lowered (see the diagnostics)");
  return clone;
}

void attn::registerGPUPipelines() {
  PassPipelineRegistration<GPUPipelineOptions>(
      "attn-to-nvvm", "attn to kernels of the NVVM dialect",
      [](OpPassManager &pm, const GPUPipelineOptions &options) {
        buildGPUPipeline(pm, options);
      });
}
