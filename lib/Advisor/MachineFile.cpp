//===- MachineFile.cpp - Machines as JSON ---------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Machines.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attn;
using namespace attn::advisor;
using cost::KernelWork;
using llvm::createStringError;
namespace json = llvm::json;

namespace {
/// Reads the keys of one object; the first thing that is wrong stays in
/// `error`, prefixed with where it is.
struct Reader {
  const json::Object &object;
  std::string where; ///< "threads[0]: ", or empty
  std::string error;

  void fail(const llvm::Twine &what) {
    if (error.empty())
      error = (where + what).str();
  }
  void allow(llvm::ArrayRef<llvm::StringRef> known) {
    for (const auto &entry : object)
      if (!llvm::is_contained(known, llvm::StringRef(entry.first)))
        fail("unknown key '" + llvm::StringRef(entry.first) +
             "'; known: " + llvm::join(known, ", "));
  }
  std::string text(llvm::StringRef key) {
    auto value = object.getString(key);
    if (!value || value->empty())
      fail("'" + key + "' must be text");
    return value.value_or("").str();
  }
  double number(llvm::StringRef key, bool allowsZero = false) {
    std::optional<double> value = object.getNumber(key);
    if (!value || !(*value > 0 || (allowsZero && *value == 0)))
      fail("'" + key + "' must be a number " +
           (allowsZero ? "of at least 0" : "above 0"));
    return value.value_or(0);
  }
  int64_t count(llvm::StringRef key, int64_t most) {
    std::optional<int64_t> value = object.getInteger(key);
    if (!value || *value < 1 || *value > most)
      fail("'" + key + "' must be a count from 1 to " + llvm::Twine(most));
    return value.value_or(1);
  }
  bool truth(llvm::StringRef key) {
    std::optional<bool> value = object.getBoolean(key);
    if (!value)
      fail("'" + key + "' must be true or false");
    return value.value_or(false);
  }
};
} // namespace

/// Calls `read` for each object under `key`, if the key is there.
template <typename Function>
static void forEachObject(Reader &reader, llvm::StringRef key, Function read) {
  const json::Value *value = reader.object.get(key);
  if (!value)
    return;
  const json::Array *array = value->getAsArray();
  if (!array)
    return reader.fail("'" + key + "' must be an array");
  for (auto [i, element] : llvm::enumerate(*array)) {
    std::string where = llvm::formatv("{0}[{1}]: ", key, i);
    const json::Object *object = element.getAsObject();
    if (!object)
      return reader.fail(where + "must be an object");
    Reader inner{*object, where, ""};
    read(inner);
    if (!inner.error.empty())
      return reader.fail(inner.error);
  }
}

static ThreadedPeaks readThreads(Reader &reader) {
  reader.allow({"count", "bf16_tflops", "read"});
  ThreadedPeaks peaks;
  peaks.reads.threads = reader.count("count", 4096);
  peaks.bf16Flops = reader.number("bf16_tflops") * 1e12;
  const json::Array *points = reader.object.getArray("read");
  double before = 0;
  for (size_t i = 0; points && i < points->size(); ++i) {
    const json::Array *pair = (*points)[i].getAsArray();
    double bytes = 0, rate = 0;
    if (pair && pair->size() == 2) {
      bytes = (*pair)[0].getAsNumber().value_or(0);
      rate = (*pair)[1].getAsNumber().value_or(0);
    }
    if (!(bytes > before && rate > 0))
      reader.fail("'read' must be pairs of ascending bytes and of GB/s");
    peaks.reads.points.push_back({bytes, rate});
    before = bytes;
  }
  if (peaks.reads.points.size() < 2)
    reader.fail("'read' must be two pairs or more");
  return peaks;
}

/// The keys of the costs and what one of them counts.
static constexpr std::pair<const char *, int> kCosts[] = {
    {"element_ps", KernelWork::Elements},
    {"product_ps", KernelWork::Products},
    {"score_ps", KernelWork::Scores},
    {"row_element_ps", KernelWork::RowElements}};

static CalibratedKind readKernel(Reader &reader) {
  std::vector<llvm::StringRef> known = {
      "engine",        "element",       "layout",        "page",
      "latent",        "row_block",     "exposed_cache", "exposed_memory",
      "reached_cache", "reached_memory"};
  for (auto [key, index] : kCosts)
    known.push_back(key);
  reader.allow(known);
  CalibratedKind kernel;
  kernel.kind = {reader.text("engine"),  reader.text("element"),
                 reader.text("layout"),  reader.count("page", 1 << 20),
                 reader.truth("latent"), reader.count("row_block", 1024)};
  for (auto [key, index] : kCosts)
    kernel.costs.seconds[index] = reader.number(key, true) * 1e-12;
  kernel.costs.cache = {reader.number("exposed_cache", true),
                        reader.number("reached_cache")};
  kernel.costs.memory = {reader.number("exposed_memory", true),
                         reader.number("reached_memory")};
  return kernel;
}

static llvm::Expected<MachineChoice> fromMachine(const json::Object &object,
                                                 llvm::StringRef path) {
  Reader reader{object, "", ""};
  reader.allow({"name", "memory_gb", "read_gbps", "bf16_tflops", "fp8_tflops",
                "source", "threads", "kernels"});
  MachineChoice choice;
  choice.source = path.str();
  if (object.get("source"))
    choice.source += ": " + reader.text("source");
  choice.machine.name = reader.text("name");
  choice.machine.memoryGB = reader.number("memory_gb");
  choice.machine.readGBps = reader.number("read_gbps");
  choice.machine.bf16Flops = reader.number("bf16_tflops") * 1e12;
  choice.machine.fp8Flops =
      object.get("fp8_tflops") ? reader.number("fp8_tflops") * 1e12 : 0;
  forEachObject(reader, "threads", [&](Reader &inner) {
    choice.threads.push_back(readThreads(inner));
  });
  forEachObject(reader, "kernels", [&](Reader &inner) {
    choice.kernels.push_back(readKernel(inner));
  });
  if (!reader.error.empty())
    return createStringError(reader.error);
  return choice;
}

static llvm::Expected<MachineChoice> fromRecords(const json::Array &records,
                                                 llvm::StringRef path) {
  cost::Machine machine{"", 0, 0, 0, 0};
  int64_t used = 0;
  for (const json::Value &value : records) {
    const json::Object *record = value.getAsObject();
    if (!record || record->getBoolean("disturbed").value_or(true))
      continue;
    double read = record->getNumber("ceiling_gbps").value_or(0);
    double peak = record->getNumber("peak_gflops").value_or(0);
    bool cold = record->getString("mode").value_or("") == "cold";
    if (cold && read > 0) {
      machine.readGBps = std::max(machine.readGBps, read);
      ++used;
    }
    if (record->getString("dtype").value_or("") == "bf16")
      machine.bf16Flops = std::max(machine.bf16Flops, peak * 1e9);
    machine.name = "cpu:" + record->getString("machine").value_or("?").str();
  }
  if (machine.readGBps <= 0 || machine.bf16Flops <= 0)
    return createStringError(
        "no undisturbed record has a ceiling_gbps in mode cold, or none in "
        "bf16 has a peak_gflops");
  MachineChoice choice;
  choice.machine = machine;
  choice.source =
      llvm::formatv("{0}: best of {1} undisturbed ceilings, cold", path, used);
  return choice;
}

llvm::Expected<MachineChoice> advisor::machineFromJSON(const json::Value &value,
                                                       llvm::StringRef path) {
  if (const json::Object *object = value.getAsObject())
    return fromMachine(*object, path);
  if (const json::Array *records = value.getAsArray())
    return fromRecords(*records, path);
  return createStringError(
      "neither a machine (object) nor attn-bench records (array)");
}

json::Value advisor::toJSON(const MachineChoice &choice) {
  json::Array threads, kernels;
  for (const ThreadedPeaks &peaks : choice.threads) {
    json::Array points;
    for (auto [bytes, rate] : peaks.reads.points)
      points.push_back(json::Array{bytes, rate});
    threads.push_back(json::Object{{"count", peaks.reads.threads},
                                   {"bf16_tflops", peaks.bf16Flops * 1e-12},
                                   {"read", std::move(points)}});
  }
  for (const CalibratedKind &kernel : choice.kernels) {
    json::Object object{{"engine", kernel.kind.engine},
                        {"element", kernel.kind.element},
                        {"layout", kernel.kind.layout},
                        {"page", kernel.kind.page},
                        {"latent", kernel.kind.latent},
                        {"row_block", kernel.kind.rowBlock},
                        {"exposed_cache", kernel.costs.cache.exposed},
                        {"exposed_memory", kernel.costs.memory.exposed},
                        {"reached_cache", kernel.costs.cache.reached},
                        {"reached_memory", kernel.costs.memory.reached}};
    for (auto [key, index] : kCosts)
      object[key] = kernel.costs.seconds[index] * 1e12;
    kernels.push_back(std::move(object));
  }
  const cost::Machine &machine = choice.machine;
  json::Object object{{"name", machine.name},
                      {"memory_gb", machine.memoryGB},
                      {"read_gbps", machine.readGBps},
                      {"bf16_tflops", machine.bf16Flops * 1e-12},
                      {"source", choice.source},
                      {"threads", std::move(threads)},
                      {"kernels", std::move(kernels)}};
  if (machine.fp8Flops > 0)
    object["fp8_tflops"] = machine.fp8Flops * 1e-12;
  return object;
}
