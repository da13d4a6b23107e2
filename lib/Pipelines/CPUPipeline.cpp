//===- CPUPipeline.cpp - From attn to the LLVM dialect for the CPU *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pipelines/CPUPipeline.h"
#include "attn/Conversion/AttnToTile/AttnToTile.h"
#include "attn/Conversion/EmulateX86/Passes.h"
#include "attn/Conversion/TileToCPU/TileToCPU.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Dialect/Tile/Transforms/Passes.h"
#include "attn/Target/CPUFeatures.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void attn::addCPUStage(OpPassManager &pm, CPUStage stage,
                       const CPUPipelineOptions &options) {
  switch (stage) {
  case CPUStage::Attn:
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createAttnSelectScoreRest({options.scoreRest}));
    pm.addPass(createAttnSelectCPUSchedule(
        {options.isa, options.combine, options.threads}));
    return;
  case CPUStage::Tile:
    pm.addPass(createConvertAttnToTile());
    pm.addNestedPass<tile::KernelOp>(tile::createTileExpand());
    return;
  case CPUStage::Vector: {
    std::optional<CPULevel> level = parseCPULevel(options.isa);
    pm.addPass(createConvertTileToCPU(
        {/*bf16Convert=*/level && *level >= CPULevel::AVX512BF16}));
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    pm.addPass(createLoopInvariantCodeMotionPass());
    return;
  }
  case CPUStage::LLVM:
    if (!options.emulate.empty()) {
      EmulateX86PassOptions emulate;
      emulate.features.assign(options.emulate.begin(), options.emulate.end());
      pm.addPass(createEmulateX86Pass(emulate));
    }
    pm.addPass(createLowerToLLVMCPU());
    pm.addPass(createReconcileUnrealizedCastsPass());
    return;
  }
}

void attn::buildCPUPipeline(OpPassManager &pm,
                            const CPUPipelineOptions &options, CPUStage last) {
  for (CPUStage stage :
       {CPUStage::Attn, CPUStage::Tile, CPUStage::Vector, CPUStage::LLVM})
    if (stage <= last)
      addCPUStage(pm, stage, options);
}

void attn::registerPipelines() {
  PassPipelineRegistration<CPUPipelineOptions>(
      "attn-to-cpu", "attn to the LLVM dialect for the CPU",
      [](OpPassManager &pm, const CPUPipelineOptions &options) {
        buildCPUPipeline(pm, options);
      });
}
