//===- Emit.cpp - What attnc prints besides packs ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "attn/Pipelines/CPUPipeline.h"
#include "attn/Pipelines/GPUPipeline.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace attn;
using namespace attn::pack;

/// The stages of a target's pipeline, by name, in order.
static llvm::ArrayRef<llvm::StringRef> stagesOf(const Target &target) {
  static const llvm::StringRef cpu[] = {"attn", "tile", "vector", "llvm"};
  static const llvm::StringRef gpu[] = {"attn", "tile", "nvvm"};
  if (target.arch)
    return gpu;
  return cpu;
}

/// Adds the passes of the first `count` stages.
static void addStages(mlir::PassManager &pm, const Target &target, int count) {
  if (target.arch) {
    GPUPipelineOptions options;
    options.chip = target.name();
    for (int stage = 0; stage < count; ++stage)
      addGPUStage(pm, static_cast<GPUStage>(stage), options);
    return;
  }
  CPUPipelineOptions options;
  options.isa = cpuLevelName(target.level).str();
  for (int stage = 0; stage < count; ++stage)
    addCPUStage(pm, static_cast<CPUStage>(stage), options);
}

/// How many stages of the target's pipeline to run.
static llvm::Expected<int> countStages(const Target &target,
                                       const EmitOptions &emit) {
  llvm::ArrayRef<llvm::StringRef> stages = stagesOf(target);
  if (emit.stage.empty())
    return static_cast<int>(stages.size());
  const auto *stage = llvm::find(stages, emit.stage);
  if (stage == stages.end())
    return llvm::createStringError("'" + emit.stage + "' is no stage of " +
                                   target.name() + ": " +
                                   llvm::join(stages, ", "));
  return static_cast<int>(stage - stages.begin()) + !emit.before;
}

static llvm::Error printIR(mlir::MLIRContext *context, const Unit &unit,
                           const Target &target, const EmitOptions &emit,
                           llvm::raw_ostream &os) {
  auto count = countStages(target, emit);
  if (!count)
    return count.takeError();
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(unit.text, context, unit.name);
  mlir::PassManager pm(context);
  addStages(pm, target, *count);
  if (!module || mlir::failed(pm.run(*module)))
    return llvm::createStringError(unit.name + " for " + target.name() +
                                   ": lowering failed (see the diagnostics)");
  os << "// " << unit.name;
  if (*count) // before that, targets do not differ
    os << " " << target.name();
  os << "\n";
  module->print(os);
  return llvm::Error::success();
}

/// What may be made of the targets in one go.
static llvm::Error checkForm(const Plan &plan, const Options &options,
                             Emit emit) {
  bool isGPU = emit == Emit::PTX || emit == Emit::Cubin;
  for (const Target &target : options.targets)
    if (target.arch.has_value() != isGPU)
      return llvm::createStringError(
          "--target " + target.name() + ": --emit " +
          (isGPU ? "ptx and cubin are for GPUs (sm_80 and so on)"
                 : "llvm, asm and obj are for CPUs (cpu:avx2 and so on)"));
  size_t count = plan.units.size() * options.targets.size();
  if (count != 1 && (emit == Emit::Object || emit == Emit::Cubin))
    return llvm::createStringError(
        "--emit obj and cubin make one file, and these are " +
        llvm::Twine(count) +
        " (kernels times targets); --target cpu:avx2 asks for one level");
  return llvm::Error::success();
}

llvm::Error attn::emitText(mlir::MLIRContext *context, const Plan &plan,
                           const Options &options, const EmitOptions &emit,
                           Progress progress, llvm::raw_ostream &os) {
  if (emit.emit == Emit::IR) {
    bool alike = emit.before && emit.stage == "attn";
    for (const Unit &unit : plan.units)
      for (const Target &target :
           llvm::ArrayRef(options.targets).take_front(alike ? 1 : SIZE_MAX))
        if (llvm::Error error = printIR(context, unit, target, emit, os))
          return error;
    return llvm::Error::success();
  }
  if (llvm::Error error = checkForm(plan, options, emit.emit))
    return error;
  CPUOutput output = emit.emit == Emit::LLVMIR     ? CPUOutput::LLVMIR
                     : emit.emit == Emit::Assembly ? CPUOutput::Assembly
                                                   : CPUOutput::Object;
  auto compiled = compileUnits(plan, options, output, progress);
  if (!compiled)
    return compiled.takeError();
  for (const Compiled &unit : *compiled) {
    const char *comment = emit.emit == Emit::LLVMIR     ? "; "
                          : emit.emit == Emit::Assembly ? "# "
                          : emit.emit == Emit::PTX      ? "// "
                                                        : nullptr;
    if (comment)
      os << comment << unit.unit << " " << unit.target.name() << "\n";
    if (emit.emit == Emit::Cubin && unit.cubin.empty())
      return llvm::createStringError("--emit cubin: ptxas is not installed");
    os << (emit.emit == Emit::PTX     ? llvm::StringRef(unit.image.parts[0].ptx)
           : emit.emit == Emit::Cubin ? llvm::StringRef(unit.cubin)
                                      : unit.cpu.code->getBuffer());
  }
  return llvm::Error::success();
}
