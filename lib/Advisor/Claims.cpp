//===- Claims.cpp - What people say, and its arithmetic -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The claims are those that notes/engines.md section 3.3 met and checked. The
// arithmetic is done here, by the cost library.
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"

using namespace attn;
using namespace attn::advisor;

namespace {
/// A model of one kind of layer, as published.
struct Published {
  int64_t layers, qHeads, kvHeads, width;

  int64_t bytesPerToken(cost::CacheFormat format) const {
    model::AttentionSpec spec{};
    spec.qHeads = qHeads;
    spec.kvHeads = kvHeads;
    spec.kDim = spec.vDim = width;
    return layers * *cost::bytesPerToken(spec, format);
  }
};

struct Latents {
  int64_t layers, heads, rank, rope, nope, v;

  int64_t bytesPerToken(cost::CacheFormat format) const {
    model::AttentionSpec spec{};
    spec.qHeads = heads;
    spec.kvHeads = 1;
    spec.kDim = rank + rope;
    spec.vDim = rank;
    spec.vInK = true;
    return layers * *cost::bytesPerToken(spec, format);
  }
};

constexpr Published kLlama13B{40, 40, 40, 128};
constexpr Published kDeepSeek67B{95, 64, 8, 128};
constexpr Latents kDeepSeekV2{60, 128, 512, 64, 128, 128};
} // namespace

/// A row whose figure is that of its arithmetic.
static std::vector<Cell> claim(std::string claim, std::string verdict,
                               const Cell &figure, Unit unit, std::string why) {
  std::string shown = format(figure, unit);
  std::string working =
      figure.working + " = " + digits(*figure.value.getAsNumber());
  return {std::move(claim), std::move(verdict), std::move(shown),
          std::move(working), std::move(why)};
}

static std::vector<std::vector<Cell>> sizeClaims() {
  const Published &m = kLlama13B;
  int64_t token = m.bytesPerToken(cost::CacheFormat::BF16);
  Cell bytes =
      computed(token, "2 * layers * KV heads * width * bytes",
               "2 * {0} * {1} * {2} * 2", m.layers, m.kvHeads, m.width);
  return {
      claim("Llama-2-13B's cache takes 1.3 MB a token in 16 bits", "no", bytes,
            Unit::BytesPerToken, "0.82 MB; 1.3 MB is near OPT-30B's"),
      claim("... 5.2 GB at 4K", "no",
            computed(token * 4096, "", "{0} * 4096", token), Unit::Bytes,
            "follows from the first"),
      claim("... 166 GB for 32 of them", "no",
            computed(token * 4096 * 32, "", "{0} * 4096 * 32", token),
            Unit::Bytes,
            "1.6 times too high; more than a device's 80 GB all the same"),
      claim("A token takes 2 * heads * width", "no", bytes, Unit::BytesPerToken,
            "the layers and the bytes of an element are missing, and only KV "
            "heads count"),
  };
}

static std::vector<std::vector<Cell>> sharingClaims() {
  return {
      claim("MQA divides the cache of 32 heads by 32", "yes",
            computed(32, "", "{0} / {1}", 32, 1), Unit::Count,
            "Falcon-7B: 71, StarCoder: 48, Gemma-2B: 8"),
      claim("GQA from 32 to 8 heads divides it by 4", "yes",
            computed(4, "", "{0} / {1}", 32, 8), Unit::Count, ""),
      claim("GQA keeps 95 % of the quality", "no such figure",
            computed(100 * 47.1 / 47.2, "", "100 * {0} / {1}", 47.1, 47.2),
            Unit::Percent,
            "that is T5-XXL's (arXiv 2305.13245, table 1); a 7B from scratch "
            "has 88 to 96 % by task (arXiv 2405.04434, table 8)"),
      claim("Llama 2 uses GQA", "in part",
            computed(1, "", "{0} / {1}", kLlama13B.qHeads, kLlama13B.kvHeads),
            Unit::Count,
            "34B and 70B do; 7B and 13B have one query head for each KV head"),
      claim("GQA saves bandwidth, not FLOPs", "yes, in attention",
            computed(8, "", "(2 * {0} * 256) / ({1} * 256 * 2)", 64, 8),
            Unit::FlopPerByte,
            "FLOPs stay and bytes shrink, so that a group of 8 has 8 FLOP/B; "
            "the K and V projections do shrink"),
  };
}

static std::vector<std::vector<Cell>> latentClaims() {
  const Latents &l = kDeepSeekV2;
  int64_t sameBits = l.bytesPerToken(cost::CacheFormat::BF16);
  int64_t sixBits = l.bytesPerToken(cost::CacheFormat::Bits6);
  int64_t grouped = kDeepSeek67B.bytesPerToken(cost::CacheFormat::BF16);
  int64_t ownMHA = Published{l.layers, l.heads, l.heads, l.v}.bytesPerToken(
      cost::CacheFormat::BF16);
  auto less = [](int64_t bytes, int64_t than) {
    return computed(100 * (1 - double(bytes) / double(than)), "",
                    "100 * (1 - {0} / {1})", bytes, than);
  };
  double intensity =
      double(l.heads * (2 * l.rank + l.rope)) / double(l.rank + l.rope);
  return {
      claim("Decoding is bound by bandwidth", "not with 128 heads on a latent",
            computed(intensity, "", "{0} * (2 * {1} + {2}) / ({1} + {2})",
                     l.heads, l.rank, l.rope),
            Unit::FlopPerByte,
            "above the ridge of an H200 (206) and H20 (37); MHA has 1, GQA "
            "its group"),
      claim(
          "MLA decompresses K and V as it decodes", "no",
          computed(double(2 * l.rank + l.rope) / double(l.nope + l.rope + l.v),
                   "", "(2 * {0} + {1}) / ({2} + {1} + {3})", l.rank, l.rope,
                   l.nope, l.v),
          Unit::Count,
          "engines absorb the projections and pay that many times the core "
          "FLOPs; they decompress for many new tokens"),
      claim("MLA cuts the cache by 93.3 %", "of DeepSeek-67B's, at 6 bits",
            less(sixBits, grouped), Unit::Percent,
            "the paper's comparison: GQA-8 in 16 bits against MLA in 6"),
      claim("... in equal precision", "82.2 %", less(sameBits, grouped),
            Unit::Percent, ""),
      claim("... against its own heads as MHA", "98.2 %",
            less(sameBits, ownMHA), Unit::Percent, ""),
  };
}

Section advisor::claimsSection() {
  Section section;
  section.key = "claims";
  section.title = "Well-known claims, checked";
  Table table{"claims",
              "Which hold",
              {{"claim", "Claim", Unit::Text},
               {"holds", "Holds", Unit::Text},
               {"figure", "Figure", Unit::Text},
               {"arithmetic", "Arithmetic", Unit::Text},
               {"why", "Why", Unit::Text}},
              {}};
  for (auto rows : {sizeClaims(), sharingClaims(), latentClaims()})
    table.rows.insert(table.rows.end(), rows.begin(), rows.end());
  section.tables = {std::move(table)};
  section.paragraphs = {
      "Outdated besides: \"MHA below 7B\" (Qwen2-0.5B, Llama-3.2-1B and "
      "Qwen3-0.6B are GQA) and \"MLA is for 128K and more\" (DeepSeek-V3, "
      "Kimi-K2, GLM-5, LongCat and MiniCPM3-4B use it throughout). Missing "
      "from most comparisons: layers with windows or recurrent states, and "
      "sparse selection, which change the cache more than grouping does."};
  return section;
}

Section advisor::guideSection() {
  Section section;
  section.key = "guide";
  section.title = "How to read this";
  section.paragraphs = {
      "One decision, from a config.json to a recommendation. Facts: what the "
      "file says. KV cache: what a token and a sequence cost. Fit: what the "
      "devices hold beside the weights. Bottleneck: what a step waits for. "
      "What if: what another variant would change, and what is published on "
      "its quality. Recommendation: what follows. Claims: what else is said, "
      "with its arithmetic.",
      "Every number was computed by attn-advise from the options above; with "
      "--explain it gives the formula of each. Times are floors, not "
      "measurements."};
  return section;
}
