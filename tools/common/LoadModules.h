//===- LoadModules.h - The attention that a tool is asked about -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMMON_LOADMODULES_H
#define ATTN_TOOLS_COMMON_LOADMODULES_H

#include "attn/Import/DecodeModule.h"
#include "attn/Model/LatentBlock.h"
#include "mlir/IR/OwningOpRef.h"

#include <vector>

namespace attn {

/// The modules of `input`: a .mlir file's, a shape's (`gla:128/2/256+64`, see
/// parseShape), or one for each kind of layer of a model, of which `input` is
/// the config.json or its folder; `options` are for the latter two. What is
/// wrong with a .mlir file is diagnosed.
llvm::Expected<std::vector<mlir::OwningOpRef<mlir::ModuleOp>>>
loadModules(mlir::MLIRContext &context, llvm::StringRef input,
            const DecodeOptions &options);

/// The latent attention of a model's config.json, or of a shape, around which
/// nothing is known.
llvm::Expected<model::LatentBlockSpec> loadLatentSpec(llvm::StringRef input);

} // namespace attn

#endif // ATTN_TOOLS_COMMON_LOADMODULES_H
