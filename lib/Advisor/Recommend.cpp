//===- Recommend.cpp - The decision and its reasons -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"
#include "attn/Advisor/Variants.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace attn;
using namespace attn::advisor;

namespace {
/// What the rules below look at: the model in the question's hardest point.
struct Case {
  const Deployment &setup;
  const model::ModelSpec &spec;
  int64_t batch, context; ///< the largest that were asked for
  const KVType &type;
};
} // namespace

template <typename... Values>
static std::string said(const char *format, Values &&...values) {
  return llvm::formatv(format, std::forward<Values>(values)...).str();
}

static std::string shown(double value, Unit unit) {
  return format(Cell(value), unit);
}

/// How many of the requested points fit.
static size_t fitting(const Case &c, const Deployment &setup,
                      const KVType &type) {
  size_t count = 0;
  for (int64_t batch : setup.batches)
    for (int64_t context : setup.contexts)
      count += fits(setup, c.spec, type, batch, context);
  return count;
}

/// The next powers of two of tensor-parallel devices with which all fits.
static std::string moreDevices(const Case &c, size_t points) {
  Deployment more = c.setup;
  for (int64_t tp = 2 * c.setup.layout.tp; tp <= 64; tp *= 2) {
    more.layout.tp = tp;
    if (!cost::refusal(c.spec, more.layout).empty())
      break;
    if (fitting(c, more, c.type) == points)
      return said("--tp {0} would hold all of them.", tp);
  }
  return "No power of two of tensor-parallel devices up to 64 that suits the "
         "heads would hold all of them.";
}

static std::string fitAdvice(const Case &c) {
  size_t points = c.setup.batches.size() * c.setup.contexts.size();
  size_t now = fitting(c, c.setup, c.type);
  if (now == points)
    return said("Fit: all {0} requested points fit in {1}.", points,
                c.type.name);
  std::string text = said("Fit: {0} of the {1} requested points fit in {2}",
                          now, points, c.type.name);
  if (c.setup.cacheRoom() <= 0)
    return text + "; the weights leave no room for a cache. " +
           moreDevices(c, points);
  for (const KVType &type : c.setup.types)
    if (size_t other = fitting(c, c.setup, type); other > now)
      text += said(", {0} in {1}", other, type.name);
  return text + ". " + moreDevices(c, points);
}

static std::string boundAdvice(const Case &c) {
  Step step = *stepOf(c.setup, c.spec, c.type, c.batch, c.context);
  std::string text =
      said("Bottleneck at batch {0}, context {1}: ", c.batch, c.context);
  if (step.weightSeconds > step.attentionSeconds)
    return text +
           said("reading the weights ({0} of at least {1}); the cache is "
                "{2} of the bytes. A larger batch costs little time while it "
                "fits.",
                shown(step.weightSeconds, Unit::Seconds),
                shown(step.seconds(), Unit::Seconds),
                shown(step.cacheShare(), Unit::Percent));
  if (step.mathBound)
    return text + said("attention's arithmetic ({0} of at least {1}). Fewer "
                       "bytes in the cache would not shorten it; fewer heads a "
                       "device, or faster arithmetic, would.",
                       shown(step.attentionSeconds, Unit::Seconds),
                       shown(step.seconds(), Unit::Seconds));
  return text + said("reading the cache ({0} of at least {1}, {2} of the "
                     "bytes). Fewer bytes a token shorten the step in "
                     "proportion.",
                     shown(step.attentionSeconds, Unit::Seconds),
                     shown(step.seconds(), Unit::Seconds),
                     shown(step.cacheShare(), Unit::Percent));
}

/// Whether a narrower type than the one in use is worth it: it lets more points
/// fit, or takes a tenth off the step.
static std::string typeAdvice(const Case &c) {
  constexpr double kWorthwhile = 10; // per cent of a step
  size_t now = fitting(c, c.setup, c.type);
  Step step = *stepOf(c.setup, c.spec, c.type, c.batch, c.context);
  const KVType *best = nullptr;
  double bestGain = 0;
  size_t bestFit = now;
  for (const KVType &type : c.setup.types) {
    auto other = stepOf(c.setup, c.spec, type, c.batch, c.context);
    if (!other)
      continue;
    double gain = 100 * (1 - other->seconds() / step.seconds());
    size_t fit = fitting(c, c.setup, type);
    if ((gain >= kWorthwhile || fit > now) &&
        std::make_pair(fit, gain) > std::make_pair(bestFit, bestGain)) {
      best = &type;
      bestGain = gain;
      bestFit = fit;
    }
  }
  if (!best)
    return said(
        "Cache type: keep {0}. None of the other types asked about lets more "
        "points fit or takes {1} % off the hardest step.",
        c.type.name, kWorthwhile);
  std::string text =
      said("Cache type: {0} in place of {1}", best->name, c.type.name);
  if (bestFit > now)
    text +=
        said(": {0} of the requested points fit instead of {1}", bestFit, now);
  return text + said("; the hardest step's floor changes by {0} %. What it "
                     "costs in quality is not known here: evaluate.",
                     shown(-bestGain, Unit::Count));
}

static std::string layoutAdvice(const Case &c) {
  const cost::EngineLayout &layout = c.setup.layout;
  const model::AttentionSpec &a = *c.spec.mainGroup()->attention;
  int64_t copies = layout.tp / layout.dcp / a.kvHeads;
  if (copies <= 1)
    return said("Layout: tp {0} copies no KV head.", layout.tp);
  std::string text = said("Layout: tp {0} holds {1} copies of every KV head. ",
                          layout.tp, copies);
  Deployment split = c.setup;
  split.layout.dcp = layout.tp / a.kvHeads;
  if (!cost::refusal(c.spec, split.layout).empty())
    return text + "Data parallelism (--dp) avoids that; splitting the tokens "
                  "(--dcp) does not suit the model.";
  return text +
         said("--dcp {0} splits the tokens in their place: {1} sequences "
              "of {2} tokens fit instead of {3}. Data-parallel attention "
              "(--dp) avoids the copies as well, if the weights allow it.",
              split.layout.dcp, largestBatch(split, c.spec, c.type, c.context),
              c.context, largestBatch(c.setup, c.spec, c.type, c.context));
}

/// What the bytes say for a model that is still to be trained.
static std::string variantAdvice(const Case &c) {
  KVType type = llvm::cantFail(parseKVType("bf16"));
  std::string text = "Variant: ";
  int64_t now = cost::cacheSize(c.spec, type.format)->growingPerToken;
  auto share = [&](const model::ModelSpec &spec) {
    return shown(
        100.0 * double(cost::cacheSize(spec, type.format)->growingPerToken) /
            double(now),
        Unit::Percent);
  };
  const model::AttentionSpec &a = *c.spec.mainGroup()->attention;
  if (now == 0)
    return text + "no layer's cache grows with the context.";
  if (a.variant == model::Variant::MLA)
    return text + "the model is MLA already: the published comparison with MHA "
                  "is in its favour (What if). Fewer bytes come from windows "
                  "or recurrent layers, not from grouping.";
  text +=
      "to serve this model, nothing is to be chosen. For one to be trained, "
      "in bytes of the present cache: ";
  bool first = true;
  for (const ModelVariant &variant : variantsOf(c.spec)) {
    if (variant.name == "as it is")
      continue;
    text += (first ? "" : "; ") + variant.name + " " + share(variant.spec);
    first = false;
  }
  return text +
         ". Published evidence (What if): GQA-8 is within 0.1 point of MHA "
         "in one study and behind in another, MQA is behind in both, MLA "
         "is ahead of MHA in all but one test.";
}

static std::string changeAdvice(const Case &c) {
  std::string text = "What would change this: ";
  const model::LayerGroup &main = *c.spec.mainGroup();
  Step one = *stepOf(c.setup, c.spec, c.type, c.setup.dp, c.context);
  double cache = one.kvBytes + one.stateBytes;
  if (c.setup.weightBytes && cache > 0)
    text += said(
        "from {0} sequences of {1} tokens on, the cache is read for longer "
        "than "
        "the weights; ",
        shown(std::ceil(one.weightBytes / cache * double(c.setup.dp)),
              Unit::Count),
        c.context);
  cost::AttentionCost cost = cost::attentionCost(
      *layerShape(c.setup, main, c.type, c.batch, c.context));
  double ridge = c.setup.machine.machine.ridge(mathType(c.setup, c.type));
  double perQuery = cost.intensity() / double(c.setup.qLen);
  if (main.attention->sparse)
    text += "new tokens choose their own tokens to read, so that speculation "
            "does not raise the intensity much";
  else
    text += said("with {0} or more new tokens a step (speculation), attention "
                 "is bound by arithmetic: {1} FLOP/B each against a ridge of "
                 "{2}",
                 shown(std::ceil(ridge / perQuery), Unit::Count),
                 shown(perQuery, Unit::FlopPerByte),
                 shown(ridge, Unit::FlopPerByte));
  if (!c.setup.slowestStep)
    return text + ".";
  Step step = *stepOf(c.setup, c.spec, c.type, c.batch, c.context);
  return text + said("; the SLO of {0} {1} the floor of {2}.",
                     shown(*c.setup.slowestStep, Unit::Seconds),
                     step.seconds() <= *c.setup.slowestStep
                         ? "leaves room above"
                         : "is below",
                     shown(step.seconds(), Unit::Seconds));
}

Section advisor::recommendationSection(const Deployment &setup,
                                       const model::ModelSpec &spec) {
  Section section;
  section.key = "recommendation";
  section.title = "Recommendation";
  if (!spec.mainGroup()) {
    section.paragraphs = {"The model has no attention: nothing to choose."};
    return section;
  }
  Case c{setup, spec, *llvm::max_element(setup.batches),
         *llvm::max_element(setup.contexts), setup.types.front()};
  section.paragraphs = {fitAdvice(c),    boundAdvice(c),   typeAdvice(c),
                        layoutAdvice(c), variantAdvice(c), changeAdvice(c)};
  section.maps = {decisionMap(setup, spec)};
  return section;
}
