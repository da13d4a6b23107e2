//===- Kernels.cpp - Kernels and measured times ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Kernels.h"
#include "attn/Advisor/Sections.h"
#include "attn/Model/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace attn;
using namespace attn::advisor;
using llvm::createStringError;

std::string advisor::benchShape(const model::AttentionSpec &a) {
  if (a.latent && a.kvHeads != 1)
    return llvm::formatv("gla:{0}/{1}/{2}+{3}", a.qHeads, a.kvHeads,
                         a.latent->rank, a.latent->rope);
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

/// Adds what a file has.
static llvm::Error readFile(llvm::StringRef path,
                            std::vector<Measurement> &measurements) {
  auto refuse = [&](const llvm::Twine &why) {
    return createStringError("--results " + path + ": " + why);
  };
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return refuse(buffer.getError().message());
  auto json = model::parseJson((*buffer)->getBuffer());
  if (!json)
    return refuse(llvm::toString(json.takeError()));
  if (!json->getAsArray())
    return refuse("not the array that attn-bench --json writes");
  for (const llvm::json::Value &value : *json->getAsArray()) {
    const llvm::json::Object *record = value.getAsObject();
    if (!record || !record->getNumber("median_us") || !record->get("shape"))
      return refuse("a record has no shape or no median_us");
    // Peers' records name the peer; they are not this project's kernels.
    if (record->get("peer") || record->getBoolean("disturbed").value_or(true) ||
        record->getBoolean("emulated").value_or(true))
      continue;
    measurements.push_back(
        {text(*record, "shape"), text(*record, "dtype"),
         record->getInteger("batch").value_or(0),
         record->getInteger("context").value_or(0),
         record->getInteger("q_len").value_or(0), text(*record, "mode"),
         text(*record, "isa"), text(*record, "machine"), text(*record, "date"),
         text(*record, "layout"), record->getInteger("page").value_or(0),
         record->getInteger("threads").value_or(0),
         *record->getNumber("median_us") * 1e-6});
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<Measurement>>
advisor::readMeasurements(llvm::StringRef path) {
  namespace fs = llvm::sys::fs;
  std::vector<std::string> files;
  if (!fs::is_directory(path)) {
    files.push_back(path.str());
  } else {
    std::error_code error;
    for (fs::directory_iterator folder(path, error), end;
         folder != end && !error; folder.increment(error))
      for (const char *name : {"cpu.json", "gpu.json"})
        if (std::string file = folder->path() + "/" + name; fs::exists(file))
          files.push_back(file);
    llvm::sort(files); // a folder lists them in any order
    if (files.empty())
      return createStringError("--results " + path +
                               ": no folder in it has a cpu.json or gpu.json");
  }
  std::vector<Measurement> measurements;
  for (const std::string &file : files)
    if (llvm::Error error = readFile(file, measurements))
      return std::move(error);
  return measurements;
}

namespace {
/// A group of layers and what serves it.
struct Layer {
  const model::LayerGroup &group;
  model::AttentionSpec part; ///< of it, on a device
  std::optional<ServedKernel> kernel;
  std::string reason; ///< why there is no kernel
};
} // namespace

static std::vector<Layer> lookUp(const Deployment &setup,
                                 const model::ModelSpec &spec,
                                 const KernelLookup &lookup) {
  std::vector<Layer> layers;
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention) {
      layers.push_back({group, {}, std::nullopt, "not attention"});
      continue;
    }
    Layer layer{group, cost::onDevice(*group.attention, setup.layout), {}, ""};
    if (lookup) {
      llvm::Expected<ServedKernel> kernel = lookup(layer.part, setup);
      if (kernel)
        layer.kernel = std::move(*kernel);
      else
        layer.reason = llvm::toString(kernel.takeError());
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

static Table served(const std::vector<Layer> &layers) {
  Table table{"served",
              "Layers and this project's kernels",
              {{"kind", "Layer", Unit::Text},
               {"shape", "Shape on a device", Unit::Text},
               {"served", "Kernel", Unit::Text},
               {"target", "Target", Unit::Text},
               {"schedule", "Schedule, or why there is none", Unit::Text}},
              {}};
  for (const Layer &layer : layers) {
    bool exists = bool(layer.kernel);
    table.rows.push_back(
        {layer.group.kind,
         layer.group.attention ? Cell(benchShape(layer.part)) : Cell(), exists,
         exists ? Cell(layer.kernel->target) : Cell(),
         exists ? layer.kernel->schedule : layer.reason});
  }
  return table;
}

/// What the cost model says of a call; nothing where it knows no costs.
static Cell predicted(const Deployment &setup, const Layer &layer,
                      const cost::AttentionShape &shape, int64_t threads,
                      cost::Residence residence) {
  if (!layer.kernel || !layer.kernel->kind)
    return {};
  const CalibratedKind *known = setup.machine.find(*layer.kernel->kind);
  const ThreadedPeaks *peaks = setup.machine.withThreads(threads);
  if (!known || !peaks)
    return {};
  cost::KernelTime time = cost::kernelTime(known->costs, peaks->reads, shape,
                                           known->kind.rowRule(), residence);
  return computed(time.seconds(),
                  "max(transfer / reached, core + exposed * (transfer - "
                  "transfer from L2)): see include/attn/Cost/KernelTime.h",
                  "max({0} / {1}, {2} + {3} * ({0} - {4}))", time.transfer,
                  time.distance.reached, time.core, time.distance.exposed,
                  time.near);
}

/// Whether a record is of the layer, in the type in use, on the machine that is
/// asked about.
static bool suits(const Measurement &m, const Deployment &setup,
                  const Layer &layer) {
  // attn-bench times whole contexts.
  if (!layer.group.attention || layer.part.window || layer.part.sparse ||
      m.shape != benchShape(layer.part) || m.type != setup.types.front().name ||
      m.qLen != setup.qLen)
    return false;
  llvm::StringRef name = setup.machine.machine.name;
  if (name.consume_front("cpu:"))
    return m.isa == name;
  return llvm::StringRef(m.machine).contains_insensitive(name);
}

static std::string how(const Measurement &m) {
  return llvm::formatv("{0}, {1}, {2} pages of {3}, {4}, {5}", m.mode, m.isa,
                       m.layout, m.page, m.machine, m.date);
}

static Cell floorOf(const Deployment &setup,
                    const cost::AttentionShape &shape) {
  const cost::Machine &machine = setup.machine.machine;
  cost::MathType math = mathType(setup, setup.types.front());
  cost::AttentionCost cost = cost::attentionCost(shape);
  return computed(
      cost::roofline(machine, double(cost.bytes()), cost.flops(), math)
          .seconds(),
      "max(bytes / bandwidth, FLOPs / peak)",
      "max({0} / ({1} * 1e9), {2} / {3})", cost.bytes(), machine.readGBps,
      cost.flops(), machine.flops(math));
}

/// The points that were asked for.
static Table times(const Deployment &setup, const std::vector<Layer> &layers,
                   const std::vector<Measurement> &measurements) {
  Table table{"times",
              "One call of a layer's kernel: the cost model, and measured",
              {{"kind", "Layer", Unit::Text},
               {"batch", "Batch", Unit::Count},
               {"context", "Context", Unit::Tokens},
               {"floor", "Floor", Unit::Seconds},
               {"from_memory", "From memory", Unit::Seconds},
               {"from_cache", "Again, from cache", Unit::Seconds},
               {"measured", "Measured", Unit::Seconds},
               {"how", "How", Unit::Text}},
              {}};
  for (const Layer &layer : layers) {
    if (!layer.kernel)
      continue;
    for (int64_t batch : setup.batches)
      for (int64_t context : setup.contexts) {
        auto shape =
            layerShape(setup, layer.group, setup.types.front(), batch, context);
        const Measurement *found = nullptr;
        for (const Measurement &m : measurements)
          if (suits(m, setup, layer) && m.batch == shape->batch &&
              m.context == shape->context &&
              (!setup.threads || m.threads == setup.threads) &&
              // A step reads other layers before it comes back to this one.
              (!found || (m.mode == "cold" && found->mode != "cold")))
            found = &m;
        table.rows.push_back(
            {layer.group.kind, batch, context, floorOf(setup, *shape),
             predicted(setup, layer, *shape, setup.threads,
                       cost::Residence::Memory),
             predicted(setup, layer, *shape, setup.threads,
                       cost::Residence::Cache),
             found ? Cell(found->seconds, "median of attn-bench") : Cell(),
             found ? Cell(how(*found)) : Cell()});
      }
  }
  return table;
}

/// All that was measured of these layers, whatever was asked for.
static Table measured(const Deployment &setup, const std::vector<Layer> &layers,
                      const std::vector<Measurement> &measurements) {
  Table table{"measured",
              "One layer: the cost model, and what attn-bench measured",
              {{"kind", "Layer", Unit::Text},
               {"shape", "Shape", Unit::Text},
               {"batch", "Batch", Unit::Count},
               {"context", "Context", Unit::Tokens},
               {"floor", "Floor", Unit::Seconds},
               {"predicted", "Predicted", Unit::Seconds},
               {"measured", "Measured", Unit::Seconds},
               {"ratio", "Predicted/measured", Unit::Count},
               {"threads", "Threads", Unit::Count},
               {"how", "How", Unit::Text}},
              {}};
  for (const Layer &layer : layers)
    for (const Measurement &m : measurements) {
      if (!suits(m, setup, layer))
        continue;
      cost::AttentionShape shape = *cost::shapeOf(
          layer.part, m.batch, m.qLen, m.context, setup.types.front().format);
      Cell prediction;
      if (m.layout == setup.kvLayout && m.page == setup.layout.page)
        prediction = predicted(setup, layer, shape, m.threads,
                               m.mode == "cold" ? cost::Residence::Memory
                                                : cost::Residence::Cache);
      std::optional<double> seconds = prediction.value.getAsNumber();
      table.rows.push_back(
          {layer.group.kind, m.shape, m.batch, m.context, floorOf(setup, shape),
           prediction, Cell(m.seconds, "median of attn-bench"),
           seconds ? computed(*seconds / m.seconds, "predicted / measured",
                              "{0} / {1}", *seconds, m.seconds)
                   : Cell(),
           m.threads, how(m)});
    }
  return table;
}

/// What the times of this machine rest on.
static std::string basis(const Deployment &setup,
                         const std::vector<Layer> &layers) {
  std::string missing;
  bool isCPU = false, isKnown = false;
  for (const Layer &layer : layers) {
    if (!layer.kernel || !layer.kernel->kind)
      continue;
    isCPU = true;
    if (setup.machine.find(*layer.kernel->kind))
      isKnown = true;
    else
      missing = layer.kernel->kind->text();
  }
  if (!isCPU)
    return "The cost model of kernels for GPUs is the floor: none was timed on "
           "a GPU.";
  std::string text;
  if (isKnown)
    text = llvm::formatv(
        "A kernel's time with {0} threads is predicted from what its kind "
        "costs here, which small calls of other shapes told (docs/cpu-target.md"
        "). From memory: as a step finds the cache, which has read other "
        "layers in between. From cache: the same call once more.",
        setup.threads);
  if (!missing.empty())
    text += llvm::formatv("{0}No kernels of the kind '{1}' were timed on this "
                          "machine: --gpu cpu:this times them.",
                          text.empty() ? "" : " ", missing);
  return text;
}

llvm::Expected<Section> advisor::kernelSection(const Deployment &setup,
                                               const model::ModelSpec &spec,
                                               const KernelLookup &lookup) {
  Section section;
  section.key = "kernels";
  section.title = "Kernels";
  std::vector<Measurement> measurements;
  if (!setup.results.empty()) {
    auto read = readMeasurements(setup.results);
    if (!read)
      return read.takeError();
    measurements = std::move(*read);
  }
  std::vector<Layer> layers = lookUp(setup, spec, lookup);
  if (!lookup) {
    section.paragraphs.push_back("No compiler was asked for its kernels.");
  } else {
    section.tables.push_back(served(layers));
    Table points = times(setup, layers, measurements);
    if (!points.rows.empty()) {
      section.paragraphs.push_back(basis(setup, layers));
      section.tables.push_back(std::move(points));
    }
  }
  if (setup.results.empty()) {
    section.paragraphs.push_back(
        "Measured times are those of attn-bench (--results).");
    return section;
  }
  Table all = measured(setup, layers, measurements);
  if (all.rows.empty())
    section.paragraphs.push_back(
        setup.results + " has no undisturbed measurement of these layers with "
                        "this type on this machine.");
  else
    section.tables.push_back(std::move(all));
  return section;
}
