//===- Form.cpp - Absorbed or decompressed --------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"
#include "attn/Cost/Latent.h"
#include <cmath>

using namespace attn;
using namespace attn::advisor;
using cost::LatentForm;

static cost::LatentShape latentShape(const Deployment &setup,
                                     const model::AttentionSpec &spec,
                                     int64_t qLen, int64_t context) {
  const model::LatentSpec &latent = *spec.latent;
  cost::LatentShape shape{cost::onDevice(spec, setup.layout).qHeads,
                          latent.rank,
                          latent.rope,
                          latent.nope,
                          latent.v,
                          qLen,
                          cost::tokensOnDevice(context, setup.layout),
                          2};
  shape.scoreRest = cost::keepsScoreRest(shape, spec.scale);
  return shape;
}

/// The number of tokens from which on a form is faster than the absorbed one.
static Cell fromTokens(const Deployment &setup, LatentForm form,
                       const cost::LatentShape &shape, int64_t batch) {
  auto tokens = cost::formThreshold(setup.machine.machine, form, shape, batch);
  if (!tokens)
    return "never";
  return Cell(*tokens, "least tokens at which max(bytes / bandwidth, FLOPs / "
                       "peak) is below that of the absorbed form");
}

static Table thresholds(const Deployment &setup,
                        const model::AttentionSpec &spec) {
  Table table{"thresholds",
              "New tokens of a sequence from which on to decompress",
              {{"batch", "Batch", Unit::Count},
               {"context", "Context", Unit::Tokens},
               {"by_flops", "By FLOPs", Unit::Count},
               {"fused", "Fused, by time", Unit::Tokens},
               {"materialised", "Materialised, by time", Unit::Tokens}},
              {}};
  const model::LatentSpec &l = *spec.latent;
  for (int64_t batch : setup.batches)
    for (int64_t context : setup.contexts) {
      cost::LatentShape shape = latentShape(setup, spec, 1, context);
      double flops = cost::absorbThreshold(l.rank, l.nope, l.v, shape.context,
                                           shape.scoreRest);
      int64_t copies = setup.batchOfCopy(batch);
      table.rows.push_back(
          {batch, context,
           std::isinf(flops)
               ? Cell("never")
               : computed(flops,
                          "rank * D / (2 * rank - D + rest + rank * D / "
                          "context), D = nope + v, rest = rank - nope where "
                          "the scores' operand keeps what rounding leaves",
                          "{0} * {1} / (2 * {0} - {1} + {3} + {0} * {1} / {2})",
                          l.rank, l.nope + l.v, shape.context,
                          shape.scoreRest ? l.rank - l.nope : 0),
           fromTokens(setup, LatentForm::FusedDecompress, shape, copies),
           fromTokens(setup, LatentForm::Materialized, shape, copies)});
    }
  return table;
}

static Table forms(const Deployment &setup, const model::AttentionSpec &spec) {
  int64_t batch = setup.batches.front(), context = setup.contexts.back();
  Table table{"forms",
              llvm::formatv("Least time of a layer at batch {0}, context {1}",
                            batch, context),
              {{"q_len", "New tokens", Unit::Tokens},
               {"absorbed", "Absorbed", Unit::Seconds},
               {"fused", "Fused", Unit::Seconds},
               {"materialised", "Materialised", Unit::Seconds},
               {"best", "Best", Unit::Text}},
              {}};
  for (int64_t qLen : {1, 2, 8, 32, 128, 256, 512, 2048}) {
    if (qLen > context)
      break;
    cost::LatentShape shape = latentShape(setup, spec, qLen, context);
    auto seconds = [&](LatentForm form) {
      return cost::latentRoofline(setup.machine.machine, form, shape,
                                  setup.batchOfCopy(batch))
          .seconds();
    };
    double absorbed = seconds(LatentForm::Absorbed);
    double fused = seconds(LatentForm::FusedDecompress);
    double materialised = seconds(LatentForm::Materialized);
    const char *formula =
        "max(batch * KV bytes + weights, over bandwidth; batch * (core + "
        "projection FLOPs), over peak): see lib/Cost/Latent.h";
    table.rows.push_back({qLen, Cell(absorbed, formula), Cell(fused, formula),
                          Cell(materialised, formula),
                          absorbed <= std::min(fused, materialised) ? "absorbed"
                          : fused <= materialised ? "fused"
                                                  : "materialised"});
  }
  return table;
}

std::optional<Section> advisor::formSection(const Deployment &setup,
                                            const model::ModelSpec &spec) {
  const model::LayerGroup *main = spec.mainGroup();
  if (!main || !main->attention->latent)
    return std::nullopt;
  Section section;
  section.key = "mla_form";
  section.title = "MLA form";
  section.paragraphs = {
      "Absorbed: attention over the latent itself. Fused: K and V are "
      "decompressed tile by tile in the kernel. Materialised: they are written "
      "to memory and read again. Bf16 throughout, W_UK and W_UV included. The "
      "fused column assumes one pass over the context for all new tokens.",
      "By FLOPs the heads and the rope width cancel; by time the machine and "
      "the batch count as well."};
  if (latentShape(setup, *main->attention, 1, 1).scoreRest)
    section.paragraphs.push_back(
        "The scale makes logits large: what rounding to bf16 leaves of the "
        "absorbed query, or of decompressed keys, is multiplied as well "
        "(attn-select-score-rest), which is counted.");
  if (main->attention->sparse)
    section.paragraphs.push_back("The layers read chosen tokens only; the "
                                 "figures are those of reading all of them.");
  section.tables = {thresholds(setup, *main->attention),
                    forms(setup, *main->attention)};
  return section;
}
