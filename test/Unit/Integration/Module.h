//===- Module.h - The module of a test case ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Apart from Support.h, which leaves MLIR out.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_INTEGRATION_MODULE_H
#define ATTN_TEST_UNIT_INTEGRATION_MODULE_H

#include "Support.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attn::test {

/// A function `main` with the one attn.attend that the case describes. Aborts
/// where it cannot be built.
mlir::OwningOpRef<mlir::ModuleOp> buildModule(const Case &c);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_INTEGRATION_MODULE_H
