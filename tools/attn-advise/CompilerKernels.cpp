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

static llvm::Expected<std::string> scheduleFor(const model::AttentionSpec &spec,
                                               const Deployment &setup) {
  llvm::Expected<DecodeOptions> options = decodeOptions(setup);
  if (!options)
    return options.takeError();
  mlir::MLIRContext context;
  context
      .loadDialect<AttnDialect, tile::TileDialect, mlir::func::FuncDialect>();
  auto module = buildDecodeModule(&context, spec, "layer", *options);
  if (!module)
    return module.takeError();
  std::optional<CPULevel> level = levelOf(setup.machine.machine);
  if (!level)
    return createStringError("kernels are generated for x86 CPUs, so far not "
                             "for " +
                             setup.machine.machine.name);
  mlir::PassManager passes(&context);
  passes.addPass(createAttnSelectCPUSchedule({cpuLevelName(*level).str()}));
  if (mlir::failed(passes.run(module->get())))
    return createStringError("attn-select-cpu-schedule failed");
  std::string text;
  llvm::raw_string_ostream os(text);
  (*module)->walk(
      [&](AttendOp attend) { os << attend->getAttr("tile.schedule"); });
  return text;
}

advisor::KernelLookup attn::compilerKernels() { return scheduleFor; }
