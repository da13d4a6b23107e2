//===- LatentProblem.h - Inputs of one latent attention call ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_LATENTPROBLEM_H
#define ATTN_HARNESS_LATENTPROBLEM_H

#include "attn/Harness/Problem.h"

namespace attn::harness {

/// The tensors of one `attn.attend` that brings its up-projections, over a
/// latent cache: random normal values, weights divided by the root of the rank,
/// so that what they decompress is of the size of what is cached.
class LatentProblem {
public:
  static llvm::Expected<std::unique_ptr<LatentProblem>>
  create(AttendOp op, const ProblemOptions &options);

  /// Parameters of a call in the op's form over copy `copy` of the cache and of
  /// the weights; the caller adds the attention's, `attention().params(copy)`,
  /// pool, isa and workspace.
  attn_mla_params params(size_t copy = 0);
  /// For the block with its K and V decompressed: query
  /// `[B, S, H, nope + rope]`, rows `[B, T, rank + rope]`, or of several groups
  /// `[B, T, groups, rank + rope]` (all sequences are as long as the first),
  /// W_UK `[H, rank, nope]`, W_UV `[H, rank, v]`.
  llvm::SmallVector<interp::Value> interpreterArguments() const {
    return interpreterArguments(0, core->batch());
  }
  /// The same of `count` sequences from `first` on.
  llvm::SmallVector<interp::Value> interpreterArguments(int64_t first,
                                                        int64_t count) const;
  /// What a call must read of the weights.
  bench::Pattern weightPattern(size_t copy) const;

  /// The cache, and the attention over its rows.
  Problem &attention() { return *core; }
  LatentAttr dims() const { return latent; }
  /// Output `i` of [B, S, H, v].
  double output(size_t i) const { return core->element(out.data(), i); }
  void clearResults();

private:
  LatentProblem() = default;
  bench::Buffer randomWeights(int64_t in, int64_t out, uint64_t seed) const;

  std::unique_ptr<Problem> core;
  LatentAttr latent;
  bench::Buffer query, out;
  /// [H, rank, nope], or [H, nope, rank] if transposed; and [H, rank, v].
  std::vector<bench::Buffer> weightsUK, weightsUV;
  bool transposed = false;
  std::optional<Form> form;
};

} // namespace attn::harness

#endif // ATTN_HARNESS_LATENTPROBLEM_H
