//===- Deployment.cpp - Quantities of several sections
//-------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Deployment.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>

using namespace attn;
using namespace attn::advisor;

double Deployment::cacheRoom() const {
  double usable = machine.machine.memoryGB * 1e9 * memoryFraction;
  return std::max(0.0, usable - weightsOfDevice());
}

std::string advisor::refusal(const Deployment &setup,
                             const model::ModelSpec &spec) {
  std::string reason = cost::refusal(spec, setup.layout);
  if (!reason.empty())
    return reason;
  if (!cost::cacheSize(spec, setup.types.front().format))
    return "no layer without a latent can have a cache of type " +
           setup.types.front().name;
  // Larger products would not fit 64 bits.
  int64_t batch = *llvm::max_element(setup.batches);
  int64_t longest = *llvm::max_element(setup.contexts);
  if (batch > int64_t(1) << 20 || longest > (int64_t(1) << 40) / batch)
    return "more than 2^20 sequences, or than 2^40 tokens of all of them";
  for (int64_t context : setup.contexts)
    if (context < setup.qLen)
      return llvm::formatv("context {0} is shorter than the {1} new tokens",
                           context, setup.qLen);
  return "";
}

double Step::cacheShare() const {
  double cache = kvBytes + stateBytes;
  double all = cache + ioBytes + weightBytes;
  return all > 0 ? 100 * cache / all : 0;
}

std::optional<cost::AttentionShape>
advisor::layerShape(const Deployment &setup, const model::LayerGroup &group,
                    const KVType &type, int64_t batch, int64_t context) {
  return cost::shapeOf(
      cost::onDevice(*group.attention, setup.layout), setup.batchOfCopy(batch),
      setup.qLen,
      std::max(setup.qLen, cost::tokensOnDevice(context, setup.layout)),
      type.format);
}

cost::MathType advisor::mathType(const Deployment &setup, const KVType &type) {
  return setup.machine.machine.flops(type.math) > 0 ? type.math
                                                    : cost::MathType::BF16;
}

std::optional<Step> advisor::stepOf(const Deployment &setup,
                                    const model::ModelSpec &spec,
                                    const KVType &type, int64_t batch,
                                    int64_t context) {
  const cost::Machine &machine = setup.machine.machine;
  double bytesPerSecond = machine.readGBps * 1e9;
  Step step;
  double mathSeconds = 0;
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention)
      continue;
    auto shape = layerShape(setup, group, type, batch, context);
    if (!shape)
      return std::nullopt;
    cost::AttentionCost layer = cost::attentionCost(*shape);
    cost::Roofline roof = cost::roofline(machine, layer.bytes(), layer.flops(),
                                         mathType(setup, type));
    double count = group.count;
    step.kvBytes += count * double(layer.kvBytes);
    step.ioBytes += count * double(layer.qBytes + layer.outBytes);
    step.flops += count * layer.flops();
    step.attentionSeconds += count * roof.seconds();
    if (roof.mathBound())
      mathSeconds += count * roof.seconds();
  }
  auto size = cost::cacheSize(spec, type.format);
  if (!size)
    return std::nullopt;
  step.stateBytes = 2.0 * double(setup.batchOfCopy(batch)) *
                    double(size->stateBytes) / double(setup.layout.tp);
  step.attentionSeconds += step.stateBytes / bytesPerSecond;
  step.mathBound = 2 * mathSeconds > step.attentionSeconds;
  step.weightBytes = setup.weightsOfDevice();
  step.weightSeconds = step.weightBytes / bytesPerSecond;
  return step;
}

bool advisor::fits(const Deployment &setup, const model::ModelSpec &spec,
                   const KVType &type, int64_t batch, int64_t context) {
  auto bytes =
      cost::engineSequenceBytes(spec, type.format, setup.layout, context);
  return bytes &&
         double(setup.batchOfCopy(batch)) * double(*bytes) <= setup.cacheRoom();
}

int64_t advisor::longestContext(const Deployment &setup,
                                const model::ModelSpec &spec,
                                const KVType &type, int64_t batch) {
  int64_t low = 0, high = int64_t(1) << 30;
  while (low < high) {
    int64_t middle = low + (high - low + 1) / 2;
    if (fits(setup, spec, type, batch, middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

int64_t advisor::largestBatch(const Deployment &setup,
                              const model::ModelSpec &spec, const KVType &type,
                              int64_t context) {
  auto bytes =
      cost::engineSequenceBytes(spec, type.format, setup.layout, context);
  if (!bytes || *bytes == 0)
    return 0;
  return int64_t(setup.cacheRoom() / double(*bytes)) * setup.dp;
}
