//===- LatentBlock.cpp - What surrounds latent attention ------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources: modeling_deepseek.py in the repositories of DeepSeek-V2 and -V3 (and
// Kimi-K2, which has it unchanged), modeling_minicpm.py in MiniCPM3-4B's, and
// transformers' modular_deepseek_v3.py, modular_glm4_moe_lite.py and
// modeling_rope_utils.py. In all of them the norms on the latents have the
// epsilon of their class, 1e-6, and rope_theta is 10000 where the config has
// none.
//
//===----------------------------------------------------------------------===//

#include "attn/Model/LatentBlock.h"
#include "Families.h"
#include "attn/Model/Config.h"
#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace attn::model;

static constexpr double kNormEps = 1e-6;
static constexpr double kDefaultTheta = 1e4;

namespace {
/// A model whose block is known.
struct KnownBlock {
  StringRef modelType;
  /// The pairs that RoPE turns, where the config has no rope_interleave.
  bool interleaved;
};
} // namespace

static constexpr KnownBlock kBlocks[] = {{"deepseek_v2", true},
                                         {"deepseek_v3", true},
                                         {"kimi_k2", true},
                                         {"glm4_moe_lite", true},
                                         {"minicpm3", false}};

/// The index of the pair that turns `rotations` times within `context` tokens,
/// not rounded (YaRN, arXiv 2309.00071, section 3.2).
static double pairOfRotations(double rotations, double dims, double theta,
                              double context) {
  return dims * std::log(context / (rotations * 2 * M_PI)) /
         (2 * std::log(theta));
}

/// YaRN: fast pairs stay, slow ones turn `factor` times slower, with a ramp
/// between them.
static void scaleByYarn(ConfigReader &rope, double theta,
                        std::vector<double> &frequencies) {
  double factor = rope.positiveNumber("rope_factor", "factor").value_or(0);
  double context = rope.required(
      "rope_original", {"original_max_position_embeddings"}, kMaxTokens);
  double fast = rope.positiveNumber("rope_beta_fast", "beta_fast").value_or(32);
  double slow = rope.positiveNumber("rope_beta_slow", "beta_slow").value_or(1);
  if (factor == 0)
    rope.fail("factor", "missing");
  // cos and sin are multiplied by a quotient in which these cancel.
  const json::Value *mscale = rope.find("mscale");
  const json::Value *allDim = rope.find("mscale_all_dim");
  if (factor > 1 && (!mscale || !allDim || *mscale != *allDim ||
                     mscale->getAsNumber() == 0.0))
    rope.fail("mscale", "YaRN scales the rotary part unless mscale and "
                        "mscale_all_dim are equal: not supported");
  if (rope.find("attention_factor"))
    rope.fail("attention_factor", "scales the rotary part: not supported");
  double dims = 2.0 * frequencies.size();
  double low = pairOfRotations(fast, dims, theta, context);
  double high = pairOfRotations(slow, dims, theta, context);
  if (rope.flag("rope_truncate", "truncate").value_or(true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims - 1);
  if (low == high)
    high += 0.001; // as in the sources: a step, but no division by zero
  for (auto [i, frequency] : enumerate(frequencies)) {
    double ramp = std::clamp((i - low) / (high - low), 0.0, 1.0);
    frequency *= (1 - ramp) + ramp / factor;
  }
}

/// LongRoPE (arXiv 2402.13753) divides each frequency by a factor of its own,
/// of one list up to the original context and of another beyond.
static void scaleByLongRope(ConfigReader &rope, std::optional<int64_t> context,
                            std::vector<double> &frequencies) {
  int64_t original = rope.required(
      "rope_original", {"original_max_position_embeddings"}, kMaxTokens);
  if (!context || *context > original)
    rope.fail("original_max_position_embeddings",
              "the frequencies change with the context: not supported");
  const json::Value *value = rope.find("short_factor");
  const json::Array *factors = value ? value->getAsArray() : nullptr;
  if (!factors || factors->size() != frequencies.size())
    return rope.fail("short_factor", "expected a list of " +
                                         Twine(frequencies.size()) +
                                         " numbers");
  for (auto [frequency, factor] : zip(frequencies, *factors)) {
    std::optional<double> number = factor.getAsNumber();
    if (!number || !(*number >= kMinNumber && *number <= kMaxNumber))
      return rope.fail("short_factor",
                       "expected positive numbers, found " + describe(factor));
    frequency /= *number;
  }
}

/// Fills in theta and, where they are scaled, the frequencies.
static void readRope(ConfigReader &config, std::optional<int64_t> context,
                     LatentBlockSpec &block) {
  std::optional<ConfigReader> rope = ropeParameters(config);
  std::optional<double> theta =
      config.positiveNumber("rope_theta", "rope_theta");
  if (rope && !theta)
    theta = rope->positiveNumber("rope_theta", "rope_theta");
  block.theta = theta.value_or(kDefaultTheta);
  if (block.theta <= 1) // the pairs would not slow down
    config.fail("rope_theta", "expected a number above 1");
  for (ConfigReader *reader : {&config, rope ? &*rope : nullptr})
    if (reader &&
        reader->positiveNumber("rotary_share", "partial_rotary_factor")
                .value_or(1) != 1)
      reader->fail("partial_rotary_factor",
                   "not known under latent attention, which has "
                   "qk_rope_head_dim");
  if (!rope)
    return;
  std::optional<StringRef> type = rope->string("rope_type", "rope_type");
  if (!type)
    type = rope->string("rope_type", "type");
  if (!type || *type == "default")
    return;
  int64_t dims = block.attention.latent->rope;
  for (int64_t i = 0; i < dims / 2; ++i)
    block.frequencies.push_back(std::pow(block.theta, -2.0 * i / dims));
  if (*type == "yarn")
    scaleByYarn(*rope, block.theta, block.frequencies);
  else if (*type == "longrope")
    scaleByLongRope(*rope, context, block.frequencies);
  else
    rope->fail("type", "\"" + *type + "\" is not supported");
}

Expected<LatentBlockSpec> attn::model::parseLatentBlock(StringRef text,
                                                        StringRef name) {
  auto refuse = [&](const Twine &what) {
    return createStringError(inconvertibleErrorCode(), name + ": " + what);
  };
  Expected<ModelSpec> model = parseConfig(text, name);
  if (!model)
    return model.takeError();
  const KnownBlock *known = find_if(kBlocks, [&](const KnownBlock &block) {
    return block.modelType == model->modelType;
  });
  const LayerGroup *group = model->mainGroup();
  if (known == std::end(kBlocks) || !group || !group->attention->latent)
    return refuse("model_type: no latent attention block is known of \"" +
                  model->modelType + "\"");

  Expected<json::Value> root = parseJson(text);
  if (!root)
    return refuse(toString(root.takeError()));
  ModelSpec read; // the facts that are read here are not the model's
  std::string failure;
  ConfigReader top(*root->getAsObject(), "", read, failure);
  std::optional<ConfigReader> nested = top.child("text_config");
  ConfigReader &config = nested ? *nested : top;

  LatentBlockSpec block;
  block.modelType = model->modelType;
  block.attention = *group->attention;
  block.hidden = config.required("hidden", {"hidden_size"}, kMaxHidden);
  block.normEps = kNormEps;
  readRope(config, model->maxContext, block);
  block.interleaved = config.flag("rope_interleave", "rope_interleave")
                          .value_or(known->interleaved);
  if (config.flag("attention_bias", "attention_bias").value_or(false))
    config.fail("attention_bias", "biases are not supported");
  if (block.attention.latent->rope % 2)
    config.fail("qk_rope_head_dim", "must be even");
  if (!failure.empty())
    return refuse(failure);
  return block;
}

Expected<LatentBlockSpec> attn::model::loadLatentBlock(StringRef path) {
  auto text = readConfig(path);
  if (!text)
    return text.takeError();
  return parseLatentBlock((*text)->getBuffer(), (*text)->getBufferIdentifier());
}
