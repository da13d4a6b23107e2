//===- Materialize.cpp - Decompress the keys of latent attention *- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatentRewrite.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace attn {
#define GEN_PASS_DEF_ATTNMATERIALIZE
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct Materialize : attn::impl::AttnMaterializeBase<Materialize> {
  using Base::Base;

  void runOnOperation() override {
    rewriteLatent(getOperation(),
                  {"materialize", matchAbsorbed, buildDecompressed,
                   "K and V decompressed for every head"},
                  numMaterialized, numMissed);
  }
};
} // namespace
