//===- Bottleneck.cpp - What bounds a decoding step -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"

using namespace attn;
using namespace attn::advisor;

/// One layer of one group at one point.
static std::vector<Cell> layerRow(const Deployment &setup,
                                  const model::LayerGroup &group, int64_t batch,
                                  int64_t context) {
  const KVType &type = setup.types.front();
  const cost::Machine &machine = setup.machine.machine;
  cost::AttentionShape shape = *layerShape(setup, group, type, batch, context);
  cost::AttentionCost cost = cost::attentionCost(shape);
  cost::MathType math = mathType(setup, type);
  cost::Roofline roof =
      cost::roofline(machine, cost.bytes(), cost.flops(), math);
  return {
      group.kind,
      batch,
      context,
      computed(cost.flops(),
               "2 * sequences * Q heads * visible pairs * (K width + V width)",
               "2 * {0} * {1} * {2} * ({3} + {4})", shape.batch, shape.qHeads,
               cost::visiblePairs(shape), shape.kDim, shape.vDim),
      computed(cost.kvBytes, "sequences * KV heads * tokens read * row bytes",
               "{0} * {1} * {2} * {3}", shape.batch, shape.kvHeads,
               cost::tokensRead(shape), shape.rowBytes()),
      computed(cost.qBytes + cost.outBytes,
               "sequences * new tokens * Q heads * (K + V width) * bytes",
               "{0} * {1} * {2} * ({3} + {4}) * {5}", shape.batch, shape.qLen,
               shape.qHeads, shape.kDim, shape.vDim, shape.ioBytes),
      computed(cost.flops() / double(cost.bytes()), "FLOPs / all bytes",
               "{0} / ({1} + {2})", cost.flops(), cost.kvBytes,
               cost.qBytes + cost.outBytes),
      computed(machine.ridge(math), "peak FLOP/s / bytes/s",
               "{0} / ({1} * 1e9)", machine.flops(math), machine.readGBps),
      roof.mathBound() ? "arithmetic" : "memory",
      computed(roof.seconds(), "max(bytes / bandwidth, FLOPs / peak)",
               "max(({0} + {1}) / ({2} * 1e9), {3} / {4})", cost.kvBytes,
               cost.qBytes + cost.outBytes, machine.readGBps, cost.flops(),
               machine.flops(math))};
}

static Table layers(const Deployment &setup, const model::ModelSpec &spec) {
  Table table{"layers",
              "Attention of one layer on one device",
              {{"kind", "Layer", Unit::Text},
               {"batch", "Batch", Unit::Count},
               {"context", "Context", Unit::Tokens},
               {"flops", "Work", Unit::Flops},
               {"kv_bytes", "KV read", Unit::Bytes},
               {"io_bytes", "Q and out", Unit::Bytes},
               {"intensity", "FLOP/B", Unit::FlopPerByte},
               {"ridge", "Ridge", Unit::FlopPerByte},
               {"bound", "Bound by", Unit::Text},
               {"floor", "At least", Unit::Seconds}},
              {}};
  for (const model::LayerGroup &group : spec.groups)
    if (group.attention)
      for (int64_t batch : setup.batches)
        for (int64_t context : setup.contexts)
          table.rows.push_back(layerRow(setup, group, batch, context));
  return table;
}

static std::string boundOf(const Deployment &setup, const Step &step) {
  if (setup.weightBytes && step.weightSeconds > step.attentionSeconds)
    return "weights";
  if (step.mathBound)
    return "attention's arithmetic";
  return step.stateBytes > step.kvBytes ? "recurrent states" : "KV cache";
}

static Table steps(const Deployment &setup, const model::ModelSpec &spec) {
  Table table{"steps",
              "One decoding step on one device",
              {{"batch", "Batch", Unit::Count},
               {"context", "Context", Unit::Tokens},
               {"cache_bytes", "Cache read", Unit::Bytes},
               {"weight_bytes", "Weights read", Unit::Bytes},
               {"cache_share", "Cache's share", Unit::Percent},
               {"attention_floor", "Attention", Unit::Seconds},
               {"floor", "Step, at least", Unit::Seconds},
               {"bound", "Most time goes to", Unit::Text},
               {"within_slo", "Can meet the SLO", Unit::Text}},
              {}};
  for (int64_t batch : setup.batches)
    for (int64_t context : setup.contexts) {
      Step step = *stepOf(setup, spec, setup.types.front(), batch, context);
      table.rows.push_back(
          {batch, context,
           computed(step.kvBytes + step.stateBytes,
                    "KV of all layers + states, read and written", "{0} + {1}",
                    step.kvBytes, step.stateBytes),
           computed(step.weightBytes, "weights / tp", "{0} / {1}",
                    setup.weightBytes.value_or(0), setup.layout.tp),
           computed(step.cacheShare(),
                    "100 * cache / (cache + queries and outputs + weights)",
                    "100 * ({0} + {1}) / ({0} + {1} + {2} + {3})", step.kvBytes,
                    step.stateBytes, step.ioBytes, step.weightBytes),
           Cell(step.attentionSeconds,
                "sum over layers of the layer's floor, + states / bandwidth"),
           computed(step.seconds(), "attention + weights / bandwidth",
                    "{0} + {1} / ({2} * 1e9)", step.attentionSeconds,
                    step.weightBytes, setup.machine.machine.readGBps),
           boundOf(setup, step),
           setup.slowestStep ? Cell(step.seconds() <= *setup.slowestStep)
                             : Cell()});
    }
  return table;
}

/// The batch from which on the cache is read for longer than the weights.
static Table breakEven(const Deployment &setup, const model::ModelSpec &spec) {
  Table table{
      "break_even",
      "Sequences that read as many bytes as the weights have",
      {{"context", "Context", Unit::Tokens}, {"batch", "Batch", Unit::Count}},
      {}};
  for (int64_t context : setup.contexts) {
    Step step = *stepOf(setup, spec, setup.types.front(), setup.dp, context);
    double cache = step.kvBytes + step.stateBytes;
    table.rows.push_back(
        {context,
         cache > 0
             ? computed(step.weightBytes / cache * double(setup.dp),
                        "weights / cache bytes of a sequence * dp",
                        "{0} / {1} * {2}", step.weightBytes, cache, setup.dp)
             : Cell()});
  }
  return table;
}

static Plot rooflinePlot(const Deployment &setup,
                         const model::ModelSpec &spec) {
  const cost::Machine &machine = setup.machine.machine;
  double peak = machine.flops(mathType(setup, setup.types.front()));
  double ridge = machine.ridge(mathType(setup, setup.types.front()));
  Plot plot{"Roofline of one layer's attention",
            "FLOP per byte",
            "FLOP/s at best",
            Unit::FlopPerByte,
            Unit::Flops,
            {}};
  plot.series.push_back({machine.name,
                         {{0.5, 0.5 * machine.readGBps * 1e9},
                          {ridge, peak},
                          {std::max(1024.0, 4 * ridge), peak}},
                         true});
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention)
      continue;
    Plot::Series series{model::toString(group.attention->variant) +
                            std::string(", ") + group.kind,
                        {},
                        false};
    for (int64_t batch : setup.batches)
      for (int64_t context : setup.contexts) {
        cost::AttentionCost cost = cost::attentionCost(
            *layerShape(setup, group, setup.types.front(), batch, context));
        double intensity = cost.flops() / double(cost.bytes());
        series.points.push_back(
            {intensity, std::min(peak, intensity * machine.readGBps * 1e9)});
      }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

Section advisor::bottleneckSection(const Deployment &setup,
                                   const model::ModelSpec &spec) {
  Section section;
  section.key = "bottleneck";
  section.title = "Bottleneck";
  section.paragraphs = {llvm::formatv(
      "Cache type {0}. Times are floors: what the machine's peaks "
      "allow, which no kernel beats. Launches, communication, "
      "indexers and the arithmetic of the weights come on top.",
      setup.types.front().name)};
  section.paragraphs.push_back(
      setup.weightBytes
          ? "The weights are read once a step, all of them: for a mixture of "
            "experts, give --weights the bytes that a step touches."
          : "No --weights: steps are attention alone.");
  section.tables = {layers(setup, spec), steps(setup, spec)};
  if (setup.weightBytes)
    section.tables.push_back(breakEven(setup, spec));
  section.plots = {rooflinePlot(setup, spec)};
  return section;
}
