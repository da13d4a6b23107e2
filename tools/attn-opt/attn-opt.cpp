//===- attn-opt.cpp - The optimiser driver ----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Register.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

/// MLIR's own --help lists every pass of MLIR and every option of LLVM: 1200
/// lines, in which ours are lost.
static void printHelp() {
  llvm::outs() << R"(attn-opt: the attention compiler's passes, on .mlir files

USAGE: attn-opt [options] <input file>

  --<pass>=<options>, --pass-pipeline=<text>  run passes, ours and MLIR's
  --remarks-filter=attn                       say what passes did, and why not
  --mlir-print-ir-after-all                   print the IR after each pass
  --mlir-pass-statistics                      count what passes did
  --split-input-file, --verify-diagnostics    as mlir-opt has them
  --allow-unregistered-dialect                read other projects' ops
  --help-hidden                               all options, and MLIR's passes

)";
  attn::registerOwnPasses();
  mlir::printRegisteredPasses();
  llvm::outs() << "Pipelines:\n";
  constexpr size_t indent = 2, summaries = 31;
  for (const char *name : {"attn-to-cpu", "attn-to-nvvm", "nvvm-to-simt"})
    if (const auto *pipeline = mlir::PassPipelineInfo::lookup(name))
      pipeline->printHelpStr(indent, summaries);
}

int main(int argc, char **argv) {
  if (argc == 2 &&
      llvm::is_contained({"--help", "-help", "-h"}, llvm::StringRef(argv[1]))) {
    printHelp();
    return 0;
  }
  mlir::DialectRegistry registry;
  attn::registerDialects(registry);
  attn::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "attn-opt: the attention compiler's passes\n", registry));
}
