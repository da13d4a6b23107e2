//===- CompilerKernels.h - The compiler's kernels for a layer ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTN_ADVISE_COMPILERKERNELS_H
#define ATTN_TOOLS_ATTN_ADVISE_COMPILERKERNELS_H

#include "attn/Advisor/Kernels.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attn {

/// A module with the decode function of one layer, or why there is none.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
layerModule(mlir::MLIRContext *context, const model::AttentionSpec &spec,
            const advisor::Deployment &setup);

/// Asks the compiler itself: the importer builds the layer's module, or says
/// why it cannot, and the pass that schedules kernels for the machine chooses.
/// A machine has kernels if its name is cpu:LEVEL, as cpu:this and attn-bench's
/// records call it, or that of a GPU that lib/Cost knows.
llvm::Expected<advisor::ServedKernel>
compilerKernel(const model::AttentionSpec &spec,
               const advisor::Deployment &setup);

} // namespace attn

#endif // ATTN_TOOLS_ATTN_ADVISE_COMPILERKERNELS_H
