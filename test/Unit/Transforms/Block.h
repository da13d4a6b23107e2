//===- Block.h - An MLA block as its model says it --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_TRANSFORMS_BLOCK_H
#define ATTN_UNIT_TRANSFORMS_BLOCK_H

#include "../Interpreter/Run.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/Pass.h"

namespace attn::test {

/// How the model writes K and V.
enum class Style {
  Separate,   ///< K = [W_UK c | k_rope], V = W_UV c
  Combined,   ///< one weight [W_UK | W_UV], split after the decompression
  RopeFirst,  ///< K = [k_rope | W_UK c]
  RopeOnKey,  ///< RoPE applied to the whole K, on its shared columns
  Reshaped,   ///< K flattened to [B, T, H * D] and back
  SlicedQuery ///< the query is one tensor, not a concatenation
};

/// A multi-head latent attention block, from hidden state to attention output.
struct Block {
  int64_t batch = 2, queries = 2, tokens = 7;
  int64_t heads = 4, rank = 32, rope = 4, nope = 8, v = 8;
  int64_t groups = 1;        ///< latent rows a token, of `rank` elements each
  bool ropePerGroup = false; ///< each of them has a rotary key of its own
  Style style = Style::Separate;
  /// Batch, query tokens and tokens are unknown to the compiler.
  bool dynamic = false;
  bool causal = true, lens = false, sinks = false, lse = false, alibi = false;
  int64_t window = 0;
  double softcap = 0;

  /// `func.func @block`.
  std::string ir() const;
  /// Random arguments for it.
  llvm::SmallVector<interp::Value>
  arguments(interp::test::Random &random) const;
  /// The fields, for messages.
  std::string describe() const;
};

/// A context with the dialects that blocks and rewrites use.
mlir::MLIRContext &context();

/// Parses `ir` and runs `passes` on it; null (and a failed test) on error.
mlir::OwningOpRef<mlir::ModuleOp>
compile(llvm::StringRef ir,
        llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes = {});

/// Interprets the module's only function.
llvm::SmallVector<interp::Value> run(mlir::ModuleOp module,
                                     llvm::ArrayRef<interp::Value> arguments);

template <typename OpT>
int count(mlir::ModuleOp module) {
  int result = 0;
  module.walk([&](OpT) { ++result; });
  return result;
}

/// A seed that differs from run to run, or ATTN_TEST_SEED.
uint64_t testSeed();

} // namespace attn::test

#endif // ATTN_UNIT_TRANSFORMS_BLOCK_H
