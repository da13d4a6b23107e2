//===- Emit.cpp - What attnc prints besides packs ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

using namespace attn;
using namespace attn::pack;

/// Runs the pipeline up to a stage and prints the IR.
static llvm::Error printIR(mlir::MLIRContext *context, const Unit &unit,
                           CPULevel level, CPUStage last,
                           llvm::raw_ostream &os) {
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(unit.text, context, unit.name);
  CPUPipelineOptions pipeline;
  pipeline.isa = cpuLevelName(level).str();
  mlir::PassManager pm(context);
  buildCPUPipeline(pm, pipeline, last);
  if (!module || mlir::failed(pm.run(*module)))
    return llvm::createStringError(unit.name +
                                   " for cpu:" + cpuLevelName(level) +
                                   ": lowering failed (see the diagnostics)");
  os << "// " << unit.name << " cpu:" << cpuLevelName(level) << "\n";
  module->print(os);
  return llvm::Error::success();
}

llvm::Error attn::emitText(mlir::MLIRContext *context, const Plan &plan,
                           const Options &options, const EmitOptions &emit,
                           Progress progress, llvm::raw_ostream &os) {
  if (emit.emit == Emit::Attn || emit.emit == Emit::IR) {
    for (const Unit &unit : plan.units) {
      if (emit.emit == Emit::Attn) {
        os << "// " << unit.name << "\n" << unit.text;
        continue;
      }
      for (CPULevel level : options.levels)
        if (llvm::Error error = printIR(context, unit, level, emit.last, os))
          return error;
    }
    return llvm::Error::success();
  }
  size_t count = plan.units.size() * options.levels.size();
  if (emit.emit == Emit::Object && count != 1)
    return llvm::createStringError(
        "--emit obj makes one object, and these are " + llvm::Twine(count) +
        " (kernels times levels); --target cpu:avx2 asks for one level");
  CPUOutput output = emit.emit == Emit::LLVMIR     ? CPUOutput::LLVMIR
                     : emit.emit == Emit::Assembly ? CPUOutput::Assembly
                                                   : CPUOutput::Object;
  auto compiled = compileUnits(plan, options, output, progress);
  if (!compiled)
    return compiled.takeError();
  for (const Compiled &unit : *compiled) {
    if (output != CPUOutput::Object)
      os << (output == CPUOutput::LLVMIR ? "; " : "# ") << unit.unit
         << " cpu:" << cpuLevelName(unit.level) << "\n";
    os << unit.kernels.code->getBuffer();
  }
  return llvm::Error::success();
}
