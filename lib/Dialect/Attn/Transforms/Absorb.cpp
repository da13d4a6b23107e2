//===- Absorb.cpp - Attend to latent rows instead of keys -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// DeepSeek-V2 (arXiv 2405.04434, section 2.1.2): for keys `W_UK c` and values
// `W_UV c` of a latent row `c`,
//
//   q . (W_UK c) = (W_UK^T q) . c        sum_j p_j W_UV c_j = W_UV sum_j p_j
//   c_j
//
//===----------------------------------------------------------------------===//

#include "LatentRewrite.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace attn {
#define GEN_PASS_DEF_ATTNABSORB
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct Absorb : attn::impl::AttnAbsorbBase<Absorb> {
  using Base::Base;

  void runOnOperation() override {
    rewriteLatent(getOperation(),
                  {"absorb", matchDecompressed, buildAbsorbed,
                   "W_UK moved to the query, W_UV to the output"},
                  numAbsorbed, numMissed);
  }
};
} // namespace
