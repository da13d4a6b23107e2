//===- Fit.cpp - What fits a machine's memory -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Sections.h"

using namespace attn;
using namespace attn::advisor;

static Table room(const Deployment &setup) {
  const cost::Machine &machine = setup.machine.machine;
  double room = setup.cacheRoom();
  return {"room",
          "Room for caches on one device",
          {{"devices", "Devices", Unit::Count},
           {"memory", "Memory", Unit::Bytes},
           {"fraction", "Usable", Unit::Percent},
           {"weights", "Weights", Unit::Bytes},
           {"room", "Room", Unit::Bytes}},
          {{computed(setup.devices(), "tp * dp", "{0} * {1}", setup.layout.tp,
                     setup.dp),
            computed(machine.memoryGB * 1e9, "decimal GB of the machine",
                     "{0} * 1e9", machine.memoryGB),
            100 * setup.memoryFraction,
            computed(setup.weightsOfDevice(), "weights / tp", "{0} / {1}",
                     setup.weightBytes.value_or(0), setup.layout.tp),
            computed(room, "max(memory * usable - weights, 0)",
                     "max({0} * 1e9 * {1} - {2}, 0)", machine.memoryGB,
                     setup.memoryFraction, setup.weightsOfDevice())}}};
}

static Table longest(const Deployment &setup, const model::ModelSpec &spec) {
  Table table{"longest_context",
              "Longest context that fits",
              {{"type", "Type", Unit::Text},
               {"batch", "Batch", Unit::Count},
               {"context", "Context", Unit::Tokens},
               {"beyond_model", "Beyond the model's own limit", Unit::Text}},
              {}};
  for (const KVType &type : setup.types)
    for (int64_t batch : setup.batches) {
      int64_t context = longestContext(setup, spec, type, batch);
      table.rows.push_back(
          {type.name, batch,
           Cell(context, "the longest whose pages, for ceil(batch / dp) "
                         "sequences, fit the room (searched up to 2^30)"),
           bool(spec.maxContext && context > *spec.maxContext)});
    }
  return table;
}

static Table largest(const Deployment &setup, const model::ModelSpec &spec) {
  Table table{"largest_batch",
              "Most sequences that fit",
              {{"type", "Type", Unit::Text},
               {"context", "Context", Unit::Tokens},
               {"batch", "Batch", Unit::Count}},
              {}};
  for (const KVType &type : setup.types)
    for (int64_t context : setup.contexts) {
      auto bytes =
          cost::engineSequenceBytes(spec, type.format, setup.layout, context);
      if (!bytes)
        continue;
      table.rows.push_back(
          {type.name, context,
           computed(largestBatch(setup, spec, type, context),
                    "floor(room / bytes of a sequence on a device) * dp",
                    "floor({0} / {1}) * {2}", setup.cacheRoom(), *bytes,
                    setup.dp)});
    }
  return table;
}

static Table points(const Deployment &setup, const model::ModelSpec &spec) {
  Table table{
      "points",
      "Requested points",
      {{"batch", "Batch", Unit::Count}, {"context", "Context", Unit::Tokens}},
      {}};
  for (const KVType &type : setup.types) {
    table.columns.push_back(
        {type.name + "_bytes", type.name + " on a device", Unit::Bytes});
    table.columns.push_back({type.name + "_fits", "fits", Unit::Text});
  }
  for (int64_t batch : setup.batches)
    for (int64_t context : setup.contexts) {
      std::vector<Cell> row = {batch, context};
      for (const KVType &type : setup.types) {
        auto bytes =
            cost::engineSequenceBytes(spec, type.format, setup.layout, context);
        int64_t copies = setup.batchOfCopy(batch);
        row.push_back(bytes ? computed(copies * *bytes,
                                       "ceil(batch / dp) * bytes of a sequence",
                                       "ceil({0} / {1}) * {2}", batch, setup.dp,
                                       *bytes)
                            : Cell());
        row.push_back(fits(setup, spec, type, batch, context));
      }
      table.rows.push_back(std::move(row));
    }
  return table;
}

Section advisor::fitSection(const Deployment &setup,
                            const model::ModelSpec &spec) {
  Section section;
  section.key = "fit";
  section.title = "Fit";
  section.paragraphs.push_back(llvm::formatv(
      "{0}: {1}.", setup.machine.machine.name, setup.machine.source));
  section.paragraphs.push_back(
      setup.weightBytes
          ? "Weights are split over tp and copied for each dp. Activations and "
            "graphs must find room in the part that is not usable."
          : "No --weights: the room is that of a device with caches alone.");
  for (int64_t context : setup.contexts)
    if (spec.maxContext && context > *spec.maxContext)
      section.paragraphs.push_back(
          llvm::formatv("{0} tokens are more than the {1} that the model's "
                        "config allows.",
                        context, *spec.maxContext));
  section.tables = {room(setup), longest(setup, spec), largest(setup, spec),
                    points(setup, spec)};
  return section;
}
