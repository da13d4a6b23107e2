//===- attn-advise.cpp - What a model's attention costs ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AdviseOptions.h"
#include "CompilerKernels.h"
#include "TimeKernels.h"

#include "attn/Advisor/EngineLog.h"
#include "attn/Advisor/Render.h"
#include "attn/Advisor/Sections.h"
#include "attn/Model/Config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

namespace cl = llvm::cl;
using namespace attn;

static llvm::ExitOnError exitOnError;

static void render(llvm::raw_ostream &os, const advisor::Report &report,
                   const AdviseOptions &options) {
  if (options.format == "json")
    os << llvm::formatv("{0:2}\n", advisor::toJSON(report, options.explain));
  else if (options.format == "md")
    advisor::renderMarkdown(os, report, options.explain);
  else if (options.format == "html")
    advisor::renderHTML(os, report);
  else
    advisor::renderText(os, report, options.explain);
}

/// Puts what the log says in front of the rest of the report.
static void checkLog(advisor::Report &report, llvm::StringRef path,
                     const advisor::Deployment &setup,
                     const model::ModelSpec &spec) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    exitOnError(llvm::createFileError(path, buffer.getError()));
  advisor::LogCheck check = exitOnError(advisor::checkEngineLog(
      advisor::parseEngineLog((*buffer)->getBuffer()), setup, spec));
  report.sections.insert(report.sections.begin(), std::move(check.section));
  report.logAgrees = check.agrees;
}

static void saveMachine(llvm::StringRef path,
                        const advisor::MachineChoice &machine) {
  if (!machine.measuredNow)
    exitOnError(llvm::createStringError(
        "--save-machine writes what --gpu cpu:this measures"));
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_Text);
  if (error)
    exitOnError(llvm::createFileError(path, error));
  file.os() << llvm::formatv("{0:2}\n", advisor::toJSON(machine));
  file.keep();
}

/// An error that names options that do not go together.
static llvm::Error validate(const AdviseOptions &options) {
  if (options.format != "text" && options.format != "md" &&
      options.format != "json" && options.format != "html")
    return llvm::createStringError("--format must be text, md, json or html");
  if (options.compare && options.configs.size() < 2)
    return llvm::createStringError("--compare takes two or more configs");
  if (!options.compare && options.configs.size() > 1 &&
      (options.format == "json" || options.format == "html"))
    return llvm::createStringError(
        "--format " + options.format +
        " takes one config, or several with --compare");
  if (!options.checkLog.empty() &&
      (options.compare || options.configs.size() > 1))
    return llvm::createStringError("--check-log takes one config");
  return llvm::Error::success();
}

/// Exit statuses besides success and LLVM's 1 for an error.
enum { DoesNotFit = 2, LogDisagrees = 3 };

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  AdviseOptions options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-advise: what a model's attention costs, what bounds it and what "
      "to do about it.\n\nReads config.json; prints bytes, floors and a "
      "recommendation, each number with its formula (--explain).\n"
      "Exit status: 0; 1 error or refusal; 2 a requested point does not fit; "
      "3 the log disagrees.\n");
  exitOnError.setBanner("attn-advise: error: ");
  exitOnError(validate(options));
  std::vector<model::ModelSpec> specs;
  for (const std::string &config : options.configs)
    specs.push_back(exitOnError(model::loadConfig(config)));
  advisor::Deployment setup = exitOnError(options.setup(specs.front()));
  if (setup.machine.measuredNow && !options.compare)
    for (const model::ModelSpec &spec : specs)
      exitOnError(timeKernels(setup, spec));
  if (!options.saveMachine.empty())
    saveMachine(options.saveMachine, setup.machine);

  std::vector<advisor::Report> reports;
  if (options.compare)
    reports.push_back(advisor::compare(setup, specs));
  else
    for (const model::ModelSpec &spec : specs)
      reports.push_back(
          exitOnError(advisor::advise(setup, spec, compilerKernel)));
  if (options.guide)
    for (advisor::Report &report : reports) {
      report.sections.insert(report.sections.begin(), advisor::guideSection());
      report.sections.push_back(advisor::claimsSection());
    }
  if (!options.checkLog.empty())
    checkLog(reports.front(), options.checkLog, setup, specs.front());

  std::error_code error;
  llvm::ToolOutputFile output(options.output, error, llvm::sys::fs::OF_Text);
  if (error)
    exitOnError(llvm::createFileError(options.output, error));
  bool fits = true, agrees = true;
  for (advisor::Report &report : reports) {
    report.inputs = options.inputs();
    render(output.os(), report, options);
    fits &= report.fits;
    agrees &= report.logAgrees;
  }
  output.keep();
  if (!agrees)
    return LogDisagrees;
  return fits ? 0 : DoesNotFit;
}
