//===- ModelSpec.h - What a model's attention is ---------------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The facts about a model that decide its attention kernels and its KV cache.
// They are read from a Hugging Face config.json (Config.h) and used by the
// cost model, the advisor and the kernel driver.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_MODEL_MODELSPEC_H
#define ATTN_MODEL_MODELSPEC_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attn::model {

/// How query heads share keys and values.
enum class Variant { MHA, MQA, GQA, MLA };

/// The name as it is written in tables: "MHA", "MQA", "GQA", "MLA".
const char *toString(Variant variant);

/// Latent compression of K and V (multi-head latent attention).
struct LatentSpec {
  int64_t rank; ///< r: width of the cached latent (kv_lora_rank)
  int64_t rope; ///< d_r: width of the cached position part (qk_rope_head_dim)
  int64_t nope; ///< width of a head's part without position (qk_nope_head_dim)
  int64_t v;    ///< width of a head's value (v_head_dim)
  std::optional<int64_t> qRank; ///< q_lora_rank; none: queries not compressed
  /// The position part is cached but not rotated (Kimi-Linear, Kimi-K3).
  bool ropeUnused = false;
};

/// Attention that reads only the part of the cache that an index chooses.
struct SparseSpec {
  enum class Unit { Token, Block };
  Unit unit;
  int64_t topK;       ///< tokens or blocks that a query reads
  int64_t blockSize;  ///< tokens of a block; 1 for Unit::Token
  int64_t indexHeads; ///< query heads of the indexer
  int64_t indexDim;   ///< width of the indexer's key
  /// Layers that keep an index cache of their own; the others of the group
  /// reuse an earlier layer's choice (GLM-5.2, `indexer_types`).
  int64_t layersWithIndex;
};

/// The attention of one layer, as a decode kernel sees it. For MLA the heads
/// and widths are those of the absorbed form (one KV head for each latent row
/// of a token, K = latent + rope, V = the latent, a prefix of K); `latent` has
/// the per-head widths.
struct AttentionSpec {
  Variant variant;
  int64_t qHeads;
  int64_t kvHeads;
  int64_t kDim;
  int64_t vDim;
  bool vInK = false; ///< V is the first vDim elements of K's row
  bool causal = true;
  /// Sliding window in tokens, the current one included, which is the Hugging
  /// Face meaning: a query at p sees p - window + 1 ... p.
  std::optional<int64_t> window;
  /// Chunked attention (Llama 4): a query at p sees from p - p % chunk on.
  std::optional<int64_t> chunk;
  bool sinks = false; ///< a learned logit per head in the denominator
  std::optional<double> softcap; ///< cap * tanh(logit / cap)
  double scale;                  ///< factor on the logits, always explicit
  std::optional<LatentSpec> latent;
  std::optional<SparseSpec> sparse;

  /// Query heads that share a KV head.
  int64_t group() const { return qHeads / kvHeads; }
  /// Elements that one token adds to one layer's cache.
  int64_t cacheElements() const { return kvHeads * (kDim + (vInK ? 0 : vDim)); }
  /// The tokens of a context that the mask lets a later query read, at most.
  int64_t retainedTokens(int64_t context) const;
};

/// A layer with a state of fixed size in the place of a growing cache.
struct RecurrentSpec {
  std::string kind;          ///< "KDA", "GDN", "Mamba2"
  int64_t stateElements;     ///< recurrent state of one sequence
  int64_t stateElementBytes; ///< as the model's reference keeps the state
  int64_t convElements;      ///< short-convolution state, in the cache's type
};

/// Layers that are alike. Neither attention nor recurrent: the layer mixes no
/// tokens (the MLP layers of Nemotron-H) and needs no cache.
struct LayerGroup {
  std::string kind; ///< "full", "window", "chunk", "sparse", "KDA", ...
  int64_t count = 0;
  std::optional<AttentionSpec> attention;
  std::optional<RecurrentSpec> recurrent;
  /// Reads the cache of an earlier layer and has none of its own.
  bool sharesCache = false;

  /// Has a cache whose size grows with the context without bound.
  bool growing() const {
    return attention && !sharesCache && !attention->window && !attention->chunk;
  }
};

/// A field of the spec and where it came from.
struct Fact {
  std::string field;   ///< our name, e.g. "kv_heads"
  std::string value;   ///< as found, or as derived
  std::string jsonKey; ///< dotted path; in parentheses what a default rests on
};

/// What a model's config.json says about its attention.
struct ModelSpec {
  std::string name;                  ///< as the caller calls it
  std::string architecture;          ///< architectures[0]; may be empty
  std::string modelType;             ///< model_type of the language model
  std::optional<int64_t> maxContext; ///< max_position_embeddings
  std::vector<LayerGroup> groups;    ///< none of them empty
  /// For every attention layer in order, its index in `groups`. LongCat has two
  /// attention layers in each of the config's layers.
  std::vector<unsigned> layers;
  /// Extra layers that predict further tokens (multi-token prediction). Each
  /// has a cache of its own, like that of `mtpGroup`, which engines allocate
  /// only when they speculate: no part of `groups`.
  int64_t mtpLayers = 0;
  unsigned mtpGroup = 0;
  std::vector<Fact> facts;
  std::vector<std::string> unrecognizedKeys; ///< dotted paths, sorted
  std::vector<std::string> notes; ///< what a reader of the config may trip over

  /// Layers whose cache grows with the context.
  int64_t growingLayers() const;
  /// The group whose cache grows, or the first with attention if none does, or
  /// null where the model has no attention.
  const LayerGroup *mainGroup() const;
};

} // namespace attn::model

#endif // ATTN_MODEL_MODELSPEC_H
