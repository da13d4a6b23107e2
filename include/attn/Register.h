//===- Register.h - All dialects and passes of the project ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_REGISTER_H
#define ATTN_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attn {

/// Adds both dialects and every upstream dialect that the pipelines use.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers the passes and named pipelines of the project.
void registerOwnPasses();
/// Registers them and MLIR's.
void registerPasses();

} // namespace attn

#endif // ATTN_REGISTER_H
