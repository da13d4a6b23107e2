//===- Support.h - What the target tests share ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_TARGET_SUPPORT_H
#define ATTN_TEST_UNIT_TARGET_SUPPORT_H

#include "attn/Target/NVVMArch.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdlib>
#include <optional>
#include <string>

/// Skips a test that runs ptxas where it is not installed.
#define REQUIRE_PTXAS()                                                        \
  if (!attn::findCudaProgram("ptxas"))                                         \
  GTEST_SKIP() << "ptxas is not installed"

inline attn::NVVMArch arch(llvm::StringRef name) {
  return llvm::cantFail(attn::parseNVVMArch(name));
}

/// Parses kernels and keeps their diagnostics.
class NVVMSource {
public:
  NVVMSource();
  /// test/Target/Inputs/NAME.mlir.
  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef name);
  mlir::OwningOpRef<mlir::ModuleOp> parseText(llvm::StringRef text);

  std::string diagnostics;

private:
  mlir::MLIRContext context;
};

/// Sets a variable of the environment and restores it.
class ScopedVariable {
public:
  ScopedVariable(const char *name, const std::string &value) : name(name) {
    if (const char *value = getenv(name))
      before = value;
    setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (before)
      setenv(name, before->c_str(), 1);
    else
      unsetenv(name);
  }

private:
  const char *name;
  std::optional<std::string> before;
};

/// An environment in which no program of CUDA is found.
struct EnvironmentWithoutCuda {
  ScopedVariable path{"PATH", "/nowhere"};
  ScopedVariable home{"CUDA_HOME", "/nowhere"};
};

#endif // ATTN_TEST_UNIT_TARGET_SUPPORT_H
