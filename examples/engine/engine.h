//===- engine.h - Continuous batching over a paged cache --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "model.h"

#include <cstdio>

namespace engine {

/// Sizes of the cache and of a step.
struct Limits {
  int maxBatch = 4;   ///< requests of a step
  int page = 16;      ///< tokens of a block
  int blocks = 24;    ///< of each layer's cache
  int maxBlocks = 12; ///< of a request
};

/// One token of each running request.
struct Step {
  int batch;
  const int32_t *lens;   ///< [batch]: tokens in the cache, the new one included
  const int32_t *blocks; ///< [batch][Limits::maxBlocks]
  const int64_t *slots;  ///< [batch]: where the new token's K and V go
};

/// Writes the new tokens' rows into a layer's cache and attends over it.
class Attention {
public:
  virtual ~Attention() = default;
  /// q [batch][heads][kDim], k [batch][cacheHeads][kDim], v
  /// [batch][cacheHeads][vWidth] or empty -> out [batch][heads][vWidth].
  virtual void run(int layer, const Step &step, const Vector &q,
                   const Vector &k, const Vector &v, Vector &out) = 0;
};

struct Request {
  std::vector<int> prompt;
  int newTokens;
};

struct Result {
  std::vector<std::vector<int>> tokens; ///< of each request, the new ones
  int steps = 0;
  int fullest = 0; ///< most requests in one step
  /// The least gap between the best and the second logit of a chosen token.
  float margin = 0;
};

/// Requests of different lengths; the same ones for the same seed.
std::vector<Request> makeRequests(const Config &config, int count,
                                  uint32_t seed);

/// Decodes all requests greedily. A request starts as soon as a place in the
/// batch and blocks for all its tokens are free; prompts are fed token by
/// token.
Result generate(const Model &model, Attention &attention, const Limits &limits,
                const std::vector<Request> &requests);

/// One line a request on `out`; the rest on stderr.
void print(const Result &result, FILE *out);

} // namespace engine

#endif // ENGINE_ENGINE_H
