//===- Problem.h - Inputs of one decode call, made up from a seed *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_PROBLEM_H
#define ATTN_HARNESS_PROBLEM_H

#include "attn/Bench/Buffer.h"
#include "attn/Bench/Ceilings.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Interpreter/Tensor.h"
#include "attn_layout.h"
#include "attn_runtime.h"
#include "llvm/Support/Error.h"

#include <random>
#include <vector>

namespace attn::harness {

struct ProblemOptions {
  /// Tokens of each sequence, the query tokens included.
  std::vector<int32_t> lens;
  /// Tokens per block where the cache's type leaves it open.
  int64_t page = 64;
  uint64_t seed = 1;
  /// Blocks of the pool in a random order; else in sequence.
  bool shuffle = true;
  /// Copies of the cache, all alike, for cold measurements.
  size_t copies = 1;
  /// Fill what no token owns (unused slots and blocks) with NaN, and what no
  /// token needs of the block table with garbage.
  bool poison = true;
};

/// The tensors of one `attn.attend` over a cache, laid out as its type says,
/// with random normal values. Whatever is not part of the problem is poisoned.
class Problem {
public:
  /// An op that reads key tensors has no cache and is refused. Of one that
  /// brings its up-projections, the problem is the attention over latent rows
  /// between them; LatentProblem has the whole.
  static llvm::Expected<std::unique_ptr<Problem>>
  create(AttendOp op, const ProblemOptions &options);

  /// Parameters of a decode call over copy `copy` of the cache; the caller adds
  /// pool, isa and workspace.
  attn_decode_params params(size_t copy = 0);
  /// The function's arguments for the interpreter, in `attend`'s order: query,
  /// cache, then sinks if there are any. In float64, of the rounded values.
  llvm::SmallVector<interp::Value> interpreterArguments() const;
  /// The blocks of copy `copy` in the order of the sequences: what a call must
  /// read, for the ceiling.
  bench::Pattern readPattern(size_t copy) const;

  /// Element of a tensor of the problem's type, as double.
  double element(const void *data, int64_t index) const;
  /// Writes one, rounded to nearest even.
  void store(char *data, int64_t index, float value) const;
  int64_t elementBytes() const { return attn_dtype_size(facts.dtype); }
  const std::vector<int32_t> &lens() const { return options.lens; }
  int64_t batch() const { return options.lens.size(); }
  int64_t page() const { return facts.page_size; }
  const attn_decode_params &shape() const { return facts; }

  /// Results of the last call: [batch, q_len, q_heads, v_dim] and
  /// [batch, q_len, q_heads]; NaN before the first.
  bench::Buffer out;
  std::vector<float> lse;
  /// Sets the results to NaN.
  void clearResults();

private:
  Problem() = default;
  void fillCache();
  void fillQuery();

  ProblemOptions options;
  attn_decode_params facts = {};
  int64_t blocksPerSequence = 0;
  bool contiguous = false;
  int64_t kBlockElements = 0, vBlockElements = 0;
  std::vector<bench::Buffer> k, v;
  bench::Buffer q;
  std::vector<int32_t> blockTable;
  std::vector<float> sinks;
};

} // namespace attn::harness

#endif // ATTN_HARNESS_PROBLEM_H
