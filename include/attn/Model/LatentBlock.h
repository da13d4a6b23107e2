//===- LatentBlock.h - What surrounds latent attention ---------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The facts of a config.json that a decode kernel does not need and the block
// around it does: the hidden width, the norms, and how positions are encoded.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_MODEL_LATENTBLOCK_H
#define ATTN_MODEL_LATENTBLOCK_H

#include "attn/Model/ModelSpec.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace attn::model {

/// A multi-head latent attention block, from the hidden state to the heads'
/// outputs. `attention` is in its absorbed form, as everywhere in ModelSpec.
struct LatentBlockSpec {
  std::string modelType;
  AttentionSpec attention;
  int64_t hidden; ///< width of the hidden state (hidden_size)
  /// Of the RMS norms on the two latents: not the config's rms_norm_eps.
  double normEps;
  double theta; ///< pair i turns theta^(-2i / rope) radians a token, ...
  /// ... or as much as this says (`rope / 2` numbers), where the model scales
  /// its frequencies.
  std::vector<double> frequencies;
  bool interleaved; ///< pairs are (2i, 2i + 1), otherwise (i, i + rope / 2)
};

/// Reads the text of a config.json, which parseConfig must accept. Refused,
/// naming the key: models whose block is not known here, biases, and position
/// encodings that change with the context or scale the rotary part.
llvm::Expected<LatentBlockSpec> parseLatentBlock(llvm::StringRef text,
                                                 llvm::StringRef name);

/// Reads a config.json, or the config.json in a directory.
llvm::Expected<LatentBlockSpec> loadLatentBlock(llvm::StringRef path);

} // namespace attn::model

#endif // ATTN_MODEL_LATENTBLOCK_H
