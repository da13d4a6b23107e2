//===- Attend.h - Reference attention in float64 ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INTERPRETER_ATTEND_H
#define ATTN_INTERPRETER_ATTEND_H

#include "attn/Interpreter/Tensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <functional>

namespace attn::interp {

/// What `attn.attend` computes, without the IR. The field names are those of
/// the op; see its description for the formulas.
struct AttendParams {
  int64_t batch = 0;
  /// Query tokens of each sequence (`S`).
  int64_t queries = 0;
  int64_t qHeads = 0, kvHeads = 0;
  int64_t kDim = 0, vDim = 0;
  /// Tokens of each sequence, including its query tokens.
  std::vector<int64_t> lens;
  double scale = 1;
  /// 0: no soft-cap.
  double softcap = 0;
  bool causal = false;
  /// Tokens seen to the left including the current one; 0: no limit.
  int64_t window = 0;
  /// The score region, (score, batch, query head, query position, key
  /// position); empty: none.
  std::function<double(double, int64_t, int64_t, int64_t, int64_t)> score;
  /// One natural-log logit per query head; empty: none.
  std::vector<double> sinks;
  /// Applied to each weight exp(x - max) before it multiplies V, as kernels
  /// round weights to the cache's format; empty: none. The sum of the weights
  /// is not rounded. For the yardstick that an error is judged by, not for the
  /// oracle.
  std::function<double(double)> roundWeight;
};

/// `query(b, i, h, d)`; keys and values are `(b, j, g, d)` with `g` the KV
/// head. Elements of masked tokens and of tokens at or past `lens[b]` are never
/// read.
using Accessor = llvm::function_ref<double(int64_t, int64_t, int64_t, int64_t)>;

struct AttendResult {
  Tensor output; // [batch, queries, qHeads, vDim]
  Tensor lse;    // [batch, queries, qHeads], without the sink
};

/// True where the query token at `queryPos` sees the cached token `key`.
bool isVisible(const AttendParams &params, int64_t queryPos, int64_t key);

/// Attention straight from the definition: plain loops, in float64.
AttendResult attendReference(const AttendParams &params, Accessor query,
                             Accessor key, Accessor value);

} // namespace attn::interp

#endif // ATTN_INTERPRETER_ATTEND_H
