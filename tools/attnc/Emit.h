//===- Emit.h - What attnc prints besides packs -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTNC_EMIT_H
#define ATTN_TOOLS_ATTNC_EMIT_H

#include "AttncOptions.h"
#include "attn/Pack/Pack.h"

namespace attn {

/// Prints every unit of the plan, for every level where levels differ.
llvm::Error emitText(mlir::MLIRContext *context, const pack::Plan &plan,
                     const pack::Options &options, const EmitOptions &emit,
                     pack::Progress progress, llvm::raw_ostream &os);

} // namespace attn

#endif // ATTN_TOOLS_ATTNC_EMIT_H
