//===- Kernels.cpp - Kernels and measured times ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Kernels.h"
#include "attn/Advisor/Sections.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace attn;
using namespace attn::advisor;
using llvm::createStringError;

std::string advisor::benchShape(const model::AttentionSpec &a) {
  if (a.latent)
    return llvm::formatv("mla:{0}/{1}+{2}", a.qHeads, a.latent->rank,
                         a.latent->rope);
  std::string width = std::to_string(a.kDim);
  if (a.kDim != a.vDim)
    width += "+" + std::to_string(a.vDim);
  if (a.kvHeads == a.qHeads)
    return llvm::formatv("mha:{0}/{1}", a.qHeads, width);
  if (a.kvHeads == 1)
    return llvm::formatv("mqa:{0}/{1}", a.qHeads, width);
  return llvm::formatv("gqa:{0}/{1}/{2}", a.qHeads, a.kvHeads, width);
}

static std::string text(const llvm::json::Object &record, const char *key) {
  return record.getString(key).value_or("").str();
}

llvm::Expected<std::vector<Measurement>>
advisor::readMeasurements(llvm::StringRef path) {
  auto refuse = [&](const llvm::Twine &why) {
    return createStringError("--results " + path + ": " + why);
  };
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return refuse(buffer.getError().message());
  auto json = llvm::json::parse((*buffer)->getBuffer());
  if (!json)
    return refuse(llvm::toString(json.takeError()));
  if (!json->getAsArray())
    return refuse("not the array that attn-bench --json writes");
  std::vector<Measurement> measurements;
  for (const llvm::json::Value &value : *json->getAsArray()) {
    const llvm::json::Object *record = value.getAsObject();
    if (!record || !record->getNumber("median_us") || !record->get("shape"))
      return refuse("a record has no shape or no median_us");
    // Peers' records name the peer; they are not this project's kernels.
    if (record->get("peer") || record->getBoolean("disturbed").value_or(true) ||
        record->getBoolean("emulated").value_or(true))
      continue;
    measurements.push_back({text(*record, "shape"), text(*record, "dtype"),
                            record->getInteger("batch").value_or(0),
                            record->getInteger("context").value_or(0),
                            record->getInteger("q_len").value_or(0),
                            text(*record, "mode"), text(*record, "isa"),
                            text(*record, "machine"), text(*record, "date"),
                            record->getInteger("threads").value_or(0),
                            *record->getNumber("median_us") * 1e-6});
  }
  return measurements;
}

static Table served(const Deployment &setup, const model::ModelSpec &spec,
                    const KernelLookup &lookup) {
  Table table{"served",
              "Layers and this project's kernels",
              {{"kind", "Layer", Unit::Text},
               {"shape", "Shape on a device", Unit::Text},
               {"served", "Kernel", Unit::Text},
               {"schedule", "Schedule, or why there is none", Unit::Text}},
              {}};
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention) {
      table.rows.push_back({group.kind, Cell(), false, "not attention"});
      continue;
    }
    model::AttentionSpec part = cost::onDevice(*group.attention, setup.layout);
    llvm::Expected<std::string> schedule = lookup(part, setup);
    bool exists = bool(schedule);
    table.rows.push_back(
        {group.kind, benchShape(part), exists,
         exists ? *schedule : llvm::toString(schedule.takeError())});
  }
  return table;
}

static Table measured(const Deployment &setup, const model::ModelSpec &spec,
                      const std::vector<Measurement> &measurements) {
  Table table{"measured",
              "One layer: the floor, and what attn-bench measured",
              {{"kind", "Layer", Unit::Text},
               {"shape", "Shape", Unit::Text},
               {"batch", "Batch", Unit::Count},
               {"context", "Context", Unit::Tokens},
               {"floor", "Floor", Unit::Seconds},
               {"measured", "Measured", Unit::Seconds},
               {"threads", "Threads", Unit::Count},
               {"how", "How", Unit::Text}},
              {}};
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention || group.attention->window || group.attention->sparse)
      continue; // attn-bench times whole contexts
    std::string shape =
        benchShape(cost::onDevice(*group.attention, setup.layout));
    for (const Measurement &m : measurements) {
      if (m.shape != shape || m.type != setup.types.front().name ||
          m.qLen != setup.qLen)
        continue;
      cost::AttentionCost cost = cost::attentionCost(*cost::shapeOf(
          cost::onDevice(*group.attention, setup.layout), m.batch, m.qLen,
          m.context, setup.types.front().format));
      const cost::Machine &machine = setup.machine.machine;
      double peak = machine.flops(mathType(setup, setup.types.front()));
      table.rows.push_back(
          {group.kind, m.shape, m.batch, m.context,
           computed(std::max(double(cost.bytes()) / (machine.readGBps * 1e9),
                             cost.flops() / peak),
                    "max(bytes / bandwidth, FLOPs / peak)",
                    "max({0} / ({1} * 1e9), {2} / {3})", cost.bytes(),
                    machine.readGBps, cost.flops(), peak),
           Cell(m.seconds, "median of attn-bench"), m.threads,
           llvm::formatv("{0}, {1}, {2}, {3}", m.mode, m.isa, m.machine, m.date)
               .str()});
    }
  }
  return table;
}

llvm::Expected<Section> advisor::kernelSection(const Deployment &setup,
                                               const model::ModelSpec &spec,
                                               const KernelLookup &lookup) {
  Section section;
  section.key = "kernels";
  section.title = "Kernels";
  section.paragraphs.push_back(
      "The times of this report are floors. A kernel's own time is given only "
      "where attn-bench measured it (--results FILE).");
  if (lookup)
    section.tables.push_back(served(setup, spec, lookup));
  else
    section.paragraphs.push_back("No compiler was asked for its kernels.");
  if (setup.resultsFile.empty())
    return section;
  auto measurements = readMeasurements(setup.resultsFile);
  if (!measurements)
    return measurements.takeError();
  section.tables.push_back(measured(setup, spec, *measurements));
  if (section.tables.back().rows.empty()) {
    section.tables.pop_back();
    section.paragraphs.push_back(setup.resultsFile +
                                 " has no undisturbed measurement of these "
                                 "layers with this type.");
  }
  return section;
}
