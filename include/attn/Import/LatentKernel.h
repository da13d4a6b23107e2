//===- LatentKernel.h - What compiles of a latent block ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_IMPORT_LATENTKERNEL_H
#define ATTN_IMPORT_LATENTKERNEL_H

#include "attn/Import/DecodeModule.h"

namespace attn {

/// One function named `name` with the attention of a block that brings its
/// up-projections, over a latent cache in the place of rows that are a tensor:
/// `(query, cache, W_UK, W_UV) -> (output, lse)` with a dynamic batch. Element
/// type, heads, query tokens, form and weights are those of `attend`; page is
/// that of `options`. Refused: attention without up-projections, or with an
/// unknown number of query tokens.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildLatentKernel(AttendOp attend, llvm::StringRef name,
                  const DecodeOptions &options);

/// The same for a model's latent attention, with the up-projections in the form
/// absorbed and W_UK as the query's projection reads it, [H, nope, rank]: what
/// attn_mla_decode runs. Refused: what buildDecodeModule refuses, attention
/// that is not over latent rows, and sinks.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildChainModule(mlir::MLIRContext *context, const model::AttentionSpec &spec,
                 llvm::StringRef name, const DecodeOptions &options);

} // namespace attn

#endif // ATTN_IMPORT_LATENTKERNEL_H
