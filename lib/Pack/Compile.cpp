//===- Compile.cpp - Compiling the units of a pack --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Pack.h"
#include "attn/Register.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ThreadPool.h"

#include <chrono>
#include <mutex>

using namespace attn;
using namespace attn::pack;

/// Compiles one unit for one level in a context of its own.
static llvm::Expected<Compiled> compileUnit(const Unit &unit, CPULevel level,
                                            CPUOutput output) {
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
  CPUCompileOptions options;
  options.level = level;
  llvm::Expected<CPUKernels> kernels =
      module ? compileKernelsForCPU(*module, options, output)
             : llvm::createStringError("the IR does not parse");
  if (!kernels)
    return llvm::createStringError(
        unit.name + " for cpu:" + cpuLevelName(level) + ": " +
        llvm::toString(kernels.takeError()) + diagnostics);
  return Compiled{unit.name, level, std::move(*kernels)};
}

llvm::Expected<std::vector<Compiled>>
attn::pack::compileUnits(const Plan &plan, const Options &options,
                         CPUOutput output, Progress progress) {
  struct Job {
    const Unit *unit;
    CPULevel level;
    std::optional<Compiled> result;
    std::string error;
  };
  std::vector<Job> jobs;
  for (const Unit &unit : plan.units)
    for (CPULevel level : options.levels)
      jobs.push_back({&unit, level, std::nullopt, ""});

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
      auto result = compileUnit(*job.unit, job.level, output);
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
  llvm::StringSet<> symbols;
  for (Job &job : jobs) {
    for (const CPUKernel &kernel : job.result->kernels.kernels)
      if (!symbols.insert(kernel.name + "_" + cpuLevelName(job.level).str())
               .second)
        return llvm::createStringError("two kernels of this pack are called '" +
                                       kernel.name + "'");
    compiled.push_back(std::move(*job.result));
  }
  return compiled;
}
