//===- Register.cpp - All dialects and passes of the project ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Register.h"
#include "attn/Conversion/AttnToTile/AttnToTile.h"
#include "attn/Conversion/EmulateX86/Passes.h"
#include "attn/Conversion/NVVMToSIMT/NVVMToSIMT.h"
#include "attn/Conversion/TileToCPU/TileToCPU.h"
#include "attn/Conversion/TileToNVVM/TileToNVVM.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn/Dialect/Tile/Transforms/Passes.h"
#include "attn/Pipelines/CPUPipeline.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Pipelines/SIMTPipeline.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

void attn::registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<AttnDialect, tile::TileDialect>();
}

void attn::registerPasses() {
  mlir::registerAllPasses();
  registerOwnPasses();
}

void attn::registerOwnPasses() {
  registerAttnAbsorb();
  registerAttnFuseDecompress();
  registerAttnFuseProjections();
  registerAttnMaterialize();
  registerAttnRaise();
  registerAttnSelectCPUSchedule();
  registerAttnSelectForm();
  registerAttnSelectGPUSchedule();
  registerAttnSelectScoreRest();
  registerConvertAttnToTile();
  registerConvertNVVMToSIMT();
  registerConvertTileToCPU();
  registerConvertTileToNVVM();
  registerLowerToLLVMCPU();
  tile::registerTileExpand();
  registerEmulateX86Passes();
  registerPipelines();
  registerGPUPipelines();
  registerSIMTPipeline();
}
