//===- LatentForms.h - A model's latent block, ready to compile -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMMON_LATENTFORMS_H
#define ATTN_TOOLS_COMMON_LATENTFORMS_H

#include "attn/Import/BlockModule.h"
#include "attn/Import/LatentKernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attn {

/// A block in one form, as each of its readers wants it.
struct LatentForms {
  mlir::OwningOpRef<mlir::ModuleOp> original;  ///< as the model says it
  mlir::OwningOpRef<mlir::ModuleOp> rewritten; ///< in the form, op by op
  mlir::OwningOpRef<mlir::ModuleOp> kernel;    ///< what compiles

  /// `scoreRest` is `attn-select-score-rest`'s option.
  static llvm::Expected<LatentForms>
  create(mlir::MLIRContext *context, const model::LatentBlockSpec &spec,
         const BlockOptions &block, const DecodeOptions &decode, Form form,
         llvm::StringRef scoreRest = "auto");

  mlir::func::FuncOp function(mlir::OwningOpRef<mlir::ModuleOp> &module);
  AttendOp attend();
};

/// The form that `attn-select-form` takes for static extents on the machine of
/// this name (empty: by FLOPs alone); `fused`: the target decompresses inside
/// its kernels.
llvm::Expected<Form> chooseForm(mlir::MLIRContext *context,
                                const model::LatentBlockSpec &spec,
                                const BlockOptions &block,
                                llvm::StringRef machine = "",
                                bool fused = false);

} // namespace attn

#endif // ATTN_TOOLS_COMMON_LATENTFORMS_H
