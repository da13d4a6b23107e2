//===- LoadModules.h - The attention that a tool is asked about -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMMON_LOADMODULES_H
#define ATTN_TOOLS_COMMON_LOADMODULES_H

#include "attn/Import/DecodeModule.h"
#include "mlir/IR/OwningOpRef.h"

#include <vector>

namespace attn {

/// The modules of `input`: a .mlir file's, or one for each kind of layer of a
/// model, of which `input` is the config.json or its folder; `options` are for
/// the latter. What is wrong with a .mlir file is diagnosed.
llvm::Expected<std::vector<mlir::OwningOpRef<mlir::ModuleOp>>>
loadModules(mlir::MLIRContext &context, llvm::StringRef input,
            const DecodeOptions &options);

} // namespace attn

#endif // ATTN_TOOLS_COMMON_LOADMODULES_H
