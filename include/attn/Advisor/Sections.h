//===- Sections.h - The parts of the report ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sections of the report, one function and one file each.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_SECTIONS_H
#define ATTN_ADVISOR_SECTIONS_H

#include "attn/Advisor/Kernels.h"
#include "attn/Advisor/Report.h"

namespace attn::advisor {

/// What the config says, key by key, and the layers that come of it.
Section factsSection(const model::ModelSpec &spec);

/// Bytes per token and type; bytes of a sequence, in theory and as allocated.
Section cacheSection(const Deployment &setup, const model::ModelSpec &spec);

/// Room, longest contexts, largest batches, and whether each point fits.
Section fitSection(const Deployment &setup, const model::ModelSpec &spec);

/// FLOPs, bytes and the least time of each layer and step.
Section bottleneckSection(const Deployment &setup,
                          const model::ModelSpec &spec);

/// The same model with other attention, and published evidence on quality.
Section whatIfSection(const Deployment &setup, const model::ModelSpec &spec);

/// Absorbed or decompressed, by new tokens. No section without a latent.
std::optional<Section> formSection(const Deployment &setup,
                                   const model::ModelSpec &spec);

/// Which kernels of this project serve the layers, and measured times of the
/// same shapes where there are some. `lookup` may be empty.
llvm::Expected<Section> kernelSection(const Deployment &setup,
                                      const model::ModelSpec &spec,
                                      const KernelLookup &lookup);

/// The decision that the numbers support, and what would change it.
Section recommendationSection(const Deployment &setup,
                              const model::ModelSpec &spec);

/// What bounds a step, and what fits, over 1 to 1024 sequences of 1K to 1M
/// tokens.
Map decisionMap(const Deployment &setup, const model::ModelSpec &spec);

/// Caches of several models beside each other.
Section compareSection(const Deployment &setup,
                       const std::vector<model::ModelSpec> &specs);

/// Well-known claims about attention's costs, each with its arithmetic.
Section claimsSection();

/// What the sections are for: opens docs/choosing.md.
Section guideSection();

/// "64 / 8 x 128" and the like.
std::string headsText(const model::AttentionSpec &spec);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_SECTIONS_H
