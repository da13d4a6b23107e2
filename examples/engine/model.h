//===- model.h - A small transformer ----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

/// Head of weights.bin, as make_model.py writes it.
struct Config {
  int32_t latent; ///< 1: multi-head latent attention, else grouped heads
  int32_t vocabulary, hidden, layers, heads, kvHeads, headDim, ffn;
  int32_t rank, rope, nope, vDim; ///< of the latent form

  /// What attention sees: K and V rows of a token, for `cacheHeads` heads.
  int cacheHeads() const { return latent ? 1 : kvHeads; }
  int kDim() const { return latent ? rank + rope : headDim; }
  int vWidth() const { return latent ? rank : headDim; }
};

using Vector = std::vector<float>;

/// Matrices are [out][in], row by row.
struct Layer {
  Vector attentionNorm; ///< [hidden]
  Vector q;             ///< [heads * (headDim or nope + rope)][hidden]
  Vector k, v;          ///< [kvHeads * headDim][hidden]; not of the latent form
  Vector kv;            ///< latent: [rank + rope][hidden]
  Vector kvNorm;        ///< latent: [rank]
  Vector up;            ///< latent: [heads][nope + vDim][rank]
  Vector o;             ///< [hidden][heads * (headDim or vDim)]
  Vector ffnNorm;       ///< [hidden]
  Vector gate, rise;    ///< [ffn][hidden]
  Vector fall;          ///< [hidden][ffn]
};

struct Model {
  Config config;
  Vector embedding; ///< [vocabulary][hidden]
  Vector norm;      ///< [hidden]
  Vector output;    ///< [vocabulary][hidden]
  std::vector<Layer> layers;

  /// Reads weights.bin; false if it is not there or not whole.
  bool load(const std::string &path);
};

/// What a layer asks of attention for one token.
struct Token {
  Vector q;    ///< [heads][kDim]
  Vector k, v; ///< [cacheHeads][kDim], [cacheHeads][vWidth]; v empty if latent
};

/// x[hidden] before the layer -> q, k, v of the token at `position`.
Token project(const Config &config, const Layer &layer, const Vector &x,
              int position);

/// Adds attention's output `o` [heads][vWidth] and the feed-forward part to x.
void finish(const Config &config, const Layer &layer, const float *o,
            Vector &x);

/// x[hidden] after the last layer -> logits [vocabulary].
Vector logits(const Model &model, const Vector &x);

} // namespace engine

#endif // ENGINE_MODEL_H
