//===- CPUPipeline.h - From attn to the LLVM dialect for the CPU *- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_CPUPIPELINE_H
#define ATTN_PIPELINES_CPUPIPELINE_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace attn {

struct CPUPipelineOptions : mlir::PassPipelineOptions<CPUPipelineOptions> {
  Option<std::string> isa{*this, "isa",
                          llvm::cl::desc("Instruction level: avx2, avx512, "
                                         "avx512bf16 or amx"),
                          llvm::cl::init("avx2")};
  Option<std::string> combine{*this, "combine",
                              llvm::cl::desc("See attn-select-cpu-schedule"),
                              llvm::cl::init("auto")};
  Option<int64_t> threads{*this, "threads",
                          llvm::cl::desc("See attn-select-cpu-schedule"),
                          llvm::cl::init(0)};
  Option<std::string> scoreRest{*this, "score-rest",
                                llvm::cl::desc("See attn-select-score-rest"),
                                llvm::cl::init("auto")};
  ListOption<std::string> emulate{
      *this, "emulate",
      llvm::cl::desc("Features to emulate (see emulate-x86)")};
};

/// The stages, in order; each leaves IR that the next one's tests start from.
/// attn: canonical attn ops with a schedule. tile: expanded tile kernels.
/// vector: functions over vector, scf, amx. llvm: the LLVM dialect.
enum class CPUStage { Attn, Tile, Vector, LLVM };

/// Adds the passes of one stage.
void addCPUStage(mlir::OpPassManager &pm, CPUStage stage,
                 const CPUPipelineOptions &options);

/// Adds all stages up to and including `last`.
void buildCPUPipeline(mlir::OpPassManager &pm,
                      const CPUPipelineOptions &options,
                      CPUStage last = CPUStage::LLVM);

/// Registers `attn-to-cpu`.
void registerPipelines();

} // namespace attn

#endif // ATTN_PIPELINES_CPUPIPELINE_H
