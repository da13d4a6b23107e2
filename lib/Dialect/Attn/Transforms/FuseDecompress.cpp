//===- FuseDecompress.cpp - Decompress K and V inside the kernel *- C++ -*-===//
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
#define GEN_PASS_DEF_ATTNFUSEDECOMPRESS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

static LatentResults buildFused(OpBuilder &builder, const LatentBlock &block) {
  return buildWithUpProjections(builder, block, Form::FusedDecompress);
}

namespace {
struct FuseDecompress : attn::impl::AttnFuseDecompressBase<FuseDecompress> {
  using Base::Base;

  void runOnOperation() override {
    rewriteLatent(getOperation(),
                  {"fuse-decompress", matchEither, buildFused,
                   "K and V decompressed tile by tile inside the attention"},
                  numFused, numMissed);
  }
};
} // namespace
