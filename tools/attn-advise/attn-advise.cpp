//===- attn-advise.cpp - What a model's attention costs ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AdviseOptions.h"

#include "attn/Advisor/Render.h"
#include "attn/Model/Config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
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
  else
    advisor::renderText(os, report, options.explain);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  AdviseOptions options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-advise: what a model's attention costs, what bounds it and what "
      "to do about it.\n\nReads config.json; prints bytes, floors and a "
      "recommendation, each number with its formula (--explain).\n"
      "Exit status: 0; 1 error or refusal; 2 a requested point does not "
      "fit.\n");
  exitOnError.setBanner("attn-advise: error: ");
  if (options.format != "text" && options.format != "md" &&
      options.format != "json")
    exitOnError(llvm::createStringError("--format must be text, md or json"));

  std::vector<model::ModelSpec> specs;
  for (const std::string &config : options.configs)
    specs.push_back(exitOnError(model::loadConfig(config)));
  advisor::Deployment setup = exitOnError(options.setup(specs.front()));

  std::error_code error;
  llvm::ToolOutputFile output(options.output, error, llvm::sys::fs::OF_Text);
  if (error)
    exitOnError(llvm::createFileError(options.output, error));
  bool fits = true;
  for (const model::ModelSpec &spec : specs) {
    advisor::Report report = exitOnError(advisor::advise(setup, spec));
    report.inputs = options.inputs();
    render(output.os(), report, options);
    fits &= report.fits;
  }
  output.keep();
  return fits ? 0 : 2;
}
