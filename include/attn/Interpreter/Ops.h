//===- Ops.h - Reference semantics of the other attn ops --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One plain function per op, as its description in AttnOps.td defines it. The
// caller answers for the shapes: `interpret` checks them, these functions do
// not.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INTERPRETER_OPS_H
#define ATTN_INTERPRETER_OPS_H

#include "attn/Interpreter/Tensor.h"
#include "llvm/Support/Error.h"

namespace attn::interp {

struct MergeResult {
  Tensor output; // [B, S, H, D]
  Tensor lse;    // [B, S, H]
};

/// `attn.merge`: outs `[N, B, S, H, D]`, lses `[N, B, S, H]`.
MergeResult merge(const Tensor &outs, const Tensor &lses);

/// `attn.cache_append`: key `[N, heads, kDim]`, value `[N, heads, vDim]` (null
/// for a latent cache), slots `[N]`. An error for a slot outside of the pool,
/// or for two rows with one slot.
llvm::Expected<Cache> cacheAppend(Cache cache, const Tensor &key,
                                  const Tensor *value, const Tensor &slots);

/// `attn.project`: input `[B, S, H, K]`, weight `[H, K, N]`.
Tensor project(const Tensor &input, const Tensor &weight);

/// `attn.compress`: hidden `[B, S, E]`, weight `[E, R]`, norm `[R]` or null.
Tensor compress(const Tensor &hidden, const Tensor &weight, const Tensor *norm,
                double eps);

/// `attn.decompress`: latent `[B, T, R]` or `[B, T, G, R]`, weight `[H, R, N]`.
Tensor decompress(const Tensor &latent, const Tensor &weight);

/// `theta^(-2 i / dims)` for each pair `i` of `attn.rope`.
std::vector<double> ropeFrequencies(double theta, int64_t dims);

/// `attn.rope`: input `[B, S, H, D]`, positions `[B, S]`, one of `frequencies`
/// for each pair.
Tensor rope(const Tensor &input, const Tensor &positions,
            llvm::ArrayRef<double> frequencies, int64_t offset,
            bool interleaved);

} // namespace attn::interp

#endif // ATTN_INTERPRETER_OPS_H
