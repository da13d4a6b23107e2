//===- CompilerKernels.cpp - The compiler's kernels for a layer -----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompilerKernels.h"

#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Import/DecodeModule.h"
#include "attn/Target/CPUFeatures.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSwitch.h"

using namespace attn;
using advisor::Deployment;
using llvm::createStringError;

/// What the importer needs to know beside the model.
static llvm::Expected<DecodeOptions> decodeOptions(const Deployment &setup) {
  DecodeOptions options;
  const advisor::KVType &type = setup.types.front();
  std::optional<DecodeOptions::Element> element = parseElement(type.name);
  if (!element)
    return createStringError("no kernel reads a cache of type " + type.name);
  options.element = *element;
  options.page = setup.layout.page;
  options.layout = *symbolizeLayout(setup.kvLayout);
  options.qLen = setup.qLen;
  return options;
}

/// The level of a machine named "cpu:LEVEL"; none for others.
static std::optional<CPULevel> levelOf(const cost::Machine &machine) {
  llvm::StringRef name = machine.name;
  if (!name.consume_front("cpu:"))
    return std::nullopt;
  return parseCPULevel(name);
}

/// The architecture that packs hold for a GPU of lib/Cost; empty for others.
static llvm::StringRef chipOf(llvm::StringRef machine) {
  return llvm::StringSwitch<llvm::StringRef>(machine)
      .Case("a100", "sm_80")
      .Case("l40s", "sm_89")
      .Cases({"h100", "h200", "h20"}, "sm_90")
      .Case("b200", "sm_100")
      .Default("");
}

/// The kernel of a module with one layer, for a CPU's level or a GPU's chip.
static llvm::Expected<advisor::ServedKernel>
selectFor(mlir::ModuleOp module, std::optional<CPULevel> level,
          llvm::StringRef chip) {
  mlir::PassManager passes(module.getContext());
  if (level)
    passes.addPass(createAttnSelectCPUSchedule({cpuLevelName(*level).str()}));
  else
    passes.addPass(createAttnSelectGPUSchedule({chip.str()}));
  // What the pass refuses, it says why.
  std::string reason;
  mlir::ScopedDiagnosticHandler handler(
      module.getContext(), [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
          reason = diagnostic.str();
        return mlir::success();
      });
  if (mlir::failed(passes.run(module)))
    return createStringError(reason);
  advisor::ServedKernel kernel;
  kernel.target = level ? cpuLevelName(*level).str() : chip.str();
  module.walk([&](AttendOp attend) {
    mlir::Attribute schedule = attend->getAttr("tile.schedule");
    llvm::raw_string_ostream(kernel.schedule) << schedule;
    auto onCPU = mlir::dyn_cast<tile::ScheduleAttr>(schedule);
    if (!onCPU)
      return;
    KVCacheType cache = attend.getCacheType();
    kernel.kind.emplace();
    kernel.kind->engine = tile::stringifyEngine(onCPU.getEngine()).str();
    llvm::raw_string_ostream(kernel.kind->element) << cache.getElementType();
    kernel.kind->layout = stringifyLayout(cache.getLayout()).str();
    kernel.kind->page = cache.getPage();
    kernel.kind->latent = cache.isLatent();
    // As TileToCPU cuts them: AVX2 has half of the registers, of half the size.
    bool isNarrowFMA =
        onCPU.getEngine() == tile::Engine::Fma && onCPU.getVector() == 8;
    kernel.kind->rowBlock = isNarrowFMA ? 4 : 16;
  });
  return kernel;
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
attn::layerModule(mlir::MLIRContext *context, const model::AttentionSpec &spec,
                  const Deployment &setup) {
  llvm::Expected<DecodeOptions> options = decodeOptions(setup);
  if (!options)
    return options.takeError();
  context
      ->loadDialect<AttnDialect, tile::TileDialect, mlir::func::FuncDialect>();
  return buildDecodeModule(context, spec, "layer", *options);
}

llvm::Expected<advisor::ServedKernel>
attn::compilerKernel(const model::AttentionSpec &spec,
                     const Deployment &setup) {
  mlir::MLIRContext context;
  auto module = layerModule(&context, spec, setup);
  if (!module)
    return module.takeError();
  std::optional<CPULevel> level = levelOf(setup.machine.machine);
  llvm::StringRef chip = chipOf(setup.machine.machine.name);
  if (!level && chip.empty())
    return createStringError(
        "it is not known what machine " + setup.machine.machine.name +
        " is: name it cpu:LEVEL, or as one of the GPUs that --gpu knows");
  return selectFor(module->get(), level, chip);
}
