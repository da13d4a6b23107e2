//===- FuseProjections.cpp - Chain projections and attention --*- C++ -*-===//
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
#define GEN_PASS_DEF_ATTNFUSEPROJECTIONS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

static LatentResults buildChain(OpBuilder &builder, const LatentBlock &block) {
  return buildWithUpProjections(builder, block, Form::Absorbed);
}

namespace {
struct FuseProjections : attn::impl::AttnFuseProjectionsBase<FuseProjections> {
  using Base::Base;

  void runOnOperation() override {
    rewriteLatent(getOperation(),
                  {"fuse-projections", matchProjected, buildChain,
                   "both projections chained with the attention"},
                  numFused, numMissed);
  }
};
} // namespace
