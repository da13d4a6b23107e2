//===- GPUPipeline.h - From attn to the NVVM dialect ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_GPUPIPELINE_H
#define ATTN_PIPELINES_GPUPIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "llvm/Support/Error.h"

namespace attn {

struct GPUPipelineOptions : mlir::PassPipelineOptions<GPUPipelineOptions> {
  Option<std::string> chip{*this, "chip",
                           llvm::cl::desc("Architecture: sm_80, sm_90, …"),
                           llvm::cl::init("sm_80")};
  Option<std::string> scoreRest{*this, "score-rest",
                                llvm::cl::desc("See attn-select-score-rest"),
                                llvm::cl::init("auto")};
};

/// The stages, in order. attn: canonical attn ops with a schedule. tile:
/// expanded tile kernels. nvvm: `llvm.func` kernels over scf, arith, llvm and
/// nvvm, which compileToPTX and the SIMT emulator take.
enum class GPUStage { Attn, Tile, NVVM };

/// Adds the passes of one stage.
void addGPUStage(mlir::OpPassManager &pm, GPUStage stage,
                 const GPUPipelineOptions &options);

/// Adds all stages up to and including `last`.
void buildGPUPipeline(mlir::OpPassManager &pm,
                      const GPUPipelineOptions &options,
                      GPUStage last = GPUStage::NVVM);

/// A clone of `module`, which stays as it is, with its attention lowered to
/// kernels for `chip`. Diagnostics go to the context's handler.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowerToNVVM(mlir::ModuleOp module, llvm::StringRef chip);

/// Registers `attn-to-nvvm`.
void registerGPUPipelines();

} // namespace attn

#endif // ATTN_PIPELINES_GPUPIPELINE_H
