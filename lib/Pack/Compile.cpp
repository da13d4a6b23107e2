//===- Compile.cpp - Compiling the units of a pack --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Pack.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Register.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ThreadPool.h"

#include <chrono>
#include <mutex>

using namespace attn;
using namespace attn::pack;

/// A cubin with its PTX, which drivers compile for newer GPUs; PTX alone where
/// there is no ptxas.
static llvm::Error compileImage(mlir::ModuleOp module, Compiled &result) {
  const NVVMArch &arch = *result.target.arch;
  NVVMCompileOptions options;
  options.archs = {arch};
  auto image = compileForNVVM(module, options);
  if (!image)
    return image.takeError();
  result.image = std::move(*image);
  if (result.image.form != NVVMForm::Cubin)
    return llvm::Error::success();
  result.cubin = std::move(result.image.bytes);
  auto fatbin = makeFatbin({{arch, /*ptx=*/false, result.cubin},
                            {arch, /*ptx=*/true, result.image.parts[0].ptx}});
  if (!fatbin)
    return fatbin.takeError();
  result.image.form = NVVMForm::Fatbin;
  result.image.bytes = std::move(*fatbin);
  return llvm::Error::success();
}

static llvm::Error compileGPU(mlir::ModuleOp module, Compiled &result) {
  GPUPipelineOptions pipeline;
  pipeline.chip = result.target.name();
  mlir::PassManager pm(module->getContext());
  buildGPUPipeline(pm, pipeline);
  if (mlir::failed(pm.run(module)))
    return llvm::createStringError("the kernels could not be lowered");
  result.gpu =
      std::make_unique<GPUKernels>(module, result.target.arch->capability);
  if (result.gpu->empty())
    return llvm::createStringError(kNoGPUKernel);
  return compileImage(module, result);
}

/// Compiles one unit for one target in a context of its own.
static llvm::Expected<Compiled>
compileUnit(const Unit &unit, const Target &target, CPUOutput output) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  std::string diagnostics;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &d) {
    if (d.getSeverity() == mlir::DiagnosticSeverity::Error)
      diagnostics += "\n  " + d.str();
    return mlir::success();
  });
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(unit.text, &context, unit.name);
  Compiled result{unit.name, target, {}, nullptr, {}, {}};
  llvm::Error error = llvm::Error::success();
  if (!module) {
    error = llvm::createStringError("the IR does not parse");
  } else if (target.arch) {
    error = compileGPU(*module, result);
  } else {
    CPUCompileOptions options;
    options.level = target.level;
    auto kernels = compileKernelsForCPU(*module, options, output);
    if (kernels)
      result.cpu = std::move(*kernels);
    else
      error = kernels.takeError();
  }
  if (error)
    return llvm::createStringError(unit.name + " for " + target.name() + ": " +
                                   llvm::toString(std::move(error)) +
                                   diagnostics);
  return result;
}

/// Kernels of one target are told apart by name.
static llvm::Error checkNames(llvm::ArrayRef<Compiled> compiled) {
  llvm::StringSet<> names;
  auto add = [&](const Compiled &unit, llvm::StringRef name) -> llvm::Error {
    if (names.insert((name + " " + unit.target.name()).str()).second)
      return llvm::Error::success();
    return llvm::createStringError("two kernels of this pack are called '" +
                                   name + "'");
  };
  for (const Compiled &unit : compiled) {
    for (const CPUKernel &kernel : unit.cpu.kernels)
      if (llvm::Error error = add(unit, kernel.name))
        return error;
    for (const CPUProjection &projection : unit.cpu.projections)
      if (llvm::Error error = add(unit, projection.name))
        return error;
    if (!unit.gpu)
      continue;
    for (const attn_gpu_kernel_desc &kernel : unit.gpu->descs)
      if (llvm::Error error = add(unit, kernel.name))
        return error;
    for (const attn_gpu_project_desc &projection : unit.gpu->projections)
      if (llvm::Error error = add(unit, projection.name))
        return error;
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<Compiled>>
attn::pack::compileUnits(const Plan &plan, const Options &options,
                         CPUOutput output, Progress progress) {
  struct Job {
    const Unit *unit;
    const Target *target;
    std::optional<Compiled> result;
    std::string error;
  };
  std::vector<Job> jobs;
  for (const Unit &unit : plan.units)
    for (const Target &target : options.targets)
      jobs.push_back({&unit, &target, std::nullopt, ""});

  std::mutex mutex;
  unsigned done = 0;
  bool failed = false;
  llvm::DefaultThreadPool threads(llvm::hardware_concurrency(options.jobs));
  for (Job &job : jobs)
    threads.async([&] {
      {
        std::lock_guard<std::mutex> lock(mutex);
        if (failed) // what is left would be thrown away
          return;
      }
      auto start = std::chrono::steady_clock::now();
      auto result = compileUnit(*job.unit, *job.target, output);
      double seconds = std::chrono::duration<double>(
                           std::chrono::steady_clock::now() - start)
                           .count();
      std::lock_guard<std::mutex> lock(mutex);
      if (!result) {
        job.error = llvm::toString(result.takeError());
        failed = true;
        return;
      }
      job.result = std::move(*result);
      progress(++done, jobs.size(), *job.result, seconds);
    });
  threads.wait();

  std::vector<Compiled> compiled;
  for (Job &job : jobs)
    if (!job.error.empty())
      return llvm::createStringError(job.error);
  for (Job &job : jobs)
    compiled.push_back(std::move(*job.result));
  if (llvm::Error error = checkNames(compiled))
    return std::move(error);
  return compiled;
}
