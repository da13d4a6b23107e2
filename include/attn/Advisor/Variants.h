//===- Variants.h - A model with other attention ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same model with its attention replaced: what a training run could have
// chosen instead. Layers, query heads and head widths stay.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_VARIANTS_H
#define ATTN_ADVISOR_VARIANTS_H

#include "attn/Model/ModelSpec.h"
#include <string>
#include <vector>

namespace attn::advisor {

struct ModelVariant {
  std::string
      name; ///< "as it is", "MHA", "GQA-8", "MQA", "MLA (512 + 64)", ...
  model::ModelSpec spec;
};

/// The model itself, then MHA, GQA-8, GQA-4, MQA and MLA, then two published
/// patterns of windows, in the layers whose cache grows:
/// - heads as wide as now; for a latent, K as wide as its part without position
///   (an MHA rotates the head itself and needs no further part);
/// - MLA with the model's latent, or else 4 head widths and half a head width
///   of position, as DeepSeek-V2 chose (arXiv 2405.04434, section 2.1.4);
/// - 5 of 6 layers with a window of 1024 (Gemma 3), every second layer with one
///   of 128 (gpt-oss).
/// What equals the model, or needs heads that do not divide, is left out.
std::vector<ModelVariant> variantsOf(const model::ModelSpec &spec);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_VARIANTS_H
