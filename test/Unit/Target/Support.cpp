//===- Support.cpp - What the target tests share --------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"

NVVMSource::NVVMSource() {
  llvm::cl::ResetCommandLineParser(); // as the tools do
  context.loadDialect<mlir::LLVM::LLVMDialect, mlir::NVVM::NVVMDialect,
                      mlir::arith::ArithDialect, mlir::math::MathDialect,
                      mlir::scf::SCFDialect>();
  context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
    diagnostics += diagnostic.str() + "\n";
  });
}

mlir::OwningOpRef<mlir::ModuleOp> NVVMSource::parse(llvm::StringRef name) {
  return mlir::parseSourceFile<mlir::ModuleOp>(
      (ATTN_TEST_DIR "/Target/Inputs/" + name + ".mlir").str(), &context);
}

mlir::OwningOpRef<mlir::ModuleOp> NVVMSource::parseText(llvm::StringRef text) {
  return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
}
