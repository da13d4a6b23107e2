//===- Plan.h - What goes into a kernel pack --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PACK_PLAN_H
#define ATTN_PACK_PLAN_H

#include "attn/Import/DecodeModule.h"
#include "attn/Pack/Manifest.h"

#include <string>
#include <vector>

namespace attn::pack {

/// What attnc is asked for.
struct Options {
  std::vector<std::string> inputs; ///< config.json, a folder with one, *.mlir
  std::string name;                ///< of the pack; empty: from the inputs
  std::vector<Target> targets;     ///< as parseTargets gives them
  /// Element type, layout and page of the cache of models (`.mlir` says its
  /// own).
  DecodeOptions decode;
  int64_t tp = 1;         ///< tensor parallelism: devices that split the heads
  int64_t maxQ = 1;       ///< kernels for 1 ... maxQ query tokens
  int64_t maxBatch = 256; ///< capacity: requests of a call
  int64_t maxContext = 0; ///< capacity: tokens of a request; 0: the models'
  std::string scoreRest = "auto"; ///< of attn-select-score-rest
  unsigned jobs = 0;  ///< compilations at a time; 0: one per processor
  std::string linker; ///< an ld; empty: searched for
};

/// Whether a pack has, beside a kind of layer's kernels, those of
/// attn_mla_decode: `<kernel>_chain_q<query tokens>` and its two projections.
bool hasChain(const model::AttentionSpec &attention);
inline constexpr llvm::StringLiteral kChainSuffix = "_chain";

/// Layers of a model that one kernel (for each number of query tokens) serves.
struct LayerKind {
  std::string kind; ///< "full", "window", ...
  int64_t layers;
  model::AttentionSpec attention; ///< on one device
  std::string kernel; ///< the kernels are `<kernel>_q<query tokens>`
};

/// One model of the pack.
struct Model {
  std::string name;   ///< an identifier of C
  std::string type;   ///< model_type
  int64_t maxContext; ///< capacity: tokens of a request
  std::vector<LayerKind> kinds;
  std::vector<unsigned> layers; ///< for each attention layer its kind
};

/// A module to compile for every target, as text: each compilation has a
/// context of its own.
struct Unit {
  std::string name;
  std::string text;
};

/// The contents of a pack before anything is compiled.
struct Plan {
  std::string name; ///< an identifier of C
  std::vector<Input> inputs;
  std::vector<Model> models;
  /// Those of one kind of layer, 1 ... maxQ, in a row; behind them, where it
  /// has them, those of its chains with up-projections.
  std::vector<Unit> units;
};

/// Reads the inputs. Layers that are alike share a unit, within a model and
/// between models. Errors name the input, the field or layer, and the reason.
llvm::Expected<Plan> makePlan(mlir::MLIRContext *context,
                              const Options &options);

} // namespace attn::pack

#endif // ATTN_PACK_PLAN_H
