//===- attnc.cpp - From models to kernel packs ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttncOptions.h"
#include "Emit.h"

#include "attn/Pack/Pack.h"
#include "attn/Register.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

#include <chrono>

namespace cl = llvm::cl;
using namespace attn;

static llvm::ExitOnError exitOnError;

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  AttncOptions cli;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attnc: compile the attention of models into a library that an inference "
      "engine links.\n\n  attnc llama/config.json --target cpu -o pack\n  "
      "attnc --check pack\n");
  exitOnError.setBanner("attnc: error: ");
  exitOnError(cli.checkMode());
  if (cli.check.getNumOccurrences()) {
    pack::printManifest(exitOnError(pack::checkPack(cli.check)), llvm::outs());
    return 0;
  }
  pack::Options options = exitOnError(cli.packOptions());
  EmitOptions emit = exitOnError(cli.emitOptions());

  // What makes the whole work vain comes first.
  if (emit.emit == Emit::Pack) {
    if (cli.output.empty())
      exitOnError(llvm::createStringError("a pack needs a folder: -o DIR"));
    exitOnError(pack::checkFolder(cli.output));
    exitOnError(pack::findLinker(options.linker).takeError());
  }
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);
  pack::Plan plan = exitOnError(pack::makePlan(&context, options));

  auto progress = [&](unsigned done, unsigned all, const pack::Compiled &what,
                      double seconds) {
    if (!cli.quiet && all > 1)
      llvm::errs() << llvm::formatv("[{0}/{1}] {2} {3} {4:f2} s\n", done, all,
                                    what.unit, what.target.name(), seconds);
  };
  if (emit.emit == Emit::Pack) {
    auto start = std::chrono::steady_clock::now();
    auto compiled = exitOnError(
        pack::compileUnits(plan, options, CPUOutput::Object, progress));
    size_t count = compiled.size();
    for (const pack::Compiled &unit : compiled)
      if (!unit.image.note.empty())
        llvm::errs() << "attnc: note: " << unit.unit << ": " << unit.image.note
                     << "\n";
    exitOnError(pack::writePack(plan, options, compiled, cli.output));
    if (!cli.quiet)
      llvm::errs() << llvm::formatv(
          "{0}: {1} kernels in {2:f1} s\n", cli.output, count,
          std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                        start)
              .count());
    return 0;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  exitOnError(emitText(&context, plan, options, emit, progress, stream));
  std::error_code code;
  llvm::ToolOutputFile file(cli.output.empty() ? "-" : cli.output.getValue(),
                            code, llvm::sys::fs::OF_None);
  if (code)
    exitOnError(llvm::createStringError(code, cli.output));
  file.os() << text;
  file.keep();
  return 0;
}
