//===- AttnToTile.h - attn to tile ------------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_ATTNTOTILE_ATTNTOTILE_H
#define ATTN_CONVERSION_ATTNTOTILE_ATTNTOTILE_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DECL
#include "attn/Conversion/AttnToTile/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/AttnToTile/Passes.h.inc"
} // namespace attn

#endif // ATTN_CONVERSION_ATTNTOTILE_ATTNTOTILE_H
