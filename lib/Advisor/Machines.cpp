//===- Machines.cpp - Peaks and their sources -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Machines.h"
#include "attn/Bench/Buffer.h"
#include "attn/Bench/Ceilings.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cstring>

using namespace attn;
using namespace attn::advisor;
using llvm::createStringError;

/// The positive number under `key`.
static llvm::Expected<double> positive(const llvm::json::Object &object,
                                       llvm::StringRef key) {
  std::optional<double> number = object.getNumber(key);
  if (!number || !(*number > 0))
    return createStringError(
        llvm::formatv("'{0}' must be a number above 0", key));
  return *number;
}

static llvm::Expected<MachineChoice>
fromMachine(const llvm::json::Object &object, llvm::StringRef path) {
  static const std::vector<llvm::StringRef> known = {
      "name", "memory_gb", "read_gbps", "bf16_tflops", "fp8_tflops"};
  for (const auto &entry : object)
    if (!llvm::is_contained(known, llvm::StringRef(entry.first)))
      return createStringError(llvm::formatv("unknown key '{0}'; known: {1}",
                                             llvm::StringRef(entry.first),
                                             llvm::join(known, ", ")));
  auto name = object.getString("name");
  if (!name || name->empty())
    return createStringError("'name' must be text");
  MachineChoice choice;
  choice.source = path.str();
  choice.machine.name = name->str();
  auto read = [&](llvm::StringRef key, double scale,
                  double &to) -> llvm::Error {
    llvm::Expected<double> number = positive(object, key);
    if (!number)
      return number.takeError();
    to = *number * scale;
    return llvm::Error::success();
  };
  if (auto error = read("memory_gb", 1, choice.machine.memoryGB))
    return error;
  if (auto error = read("read_gbps", 1, choice.machine.readGBps))
    return error;
  if (auto error = read("bf16_tflops", 1e12, choice.machine.bf16Flops))
    return error;
  choice.machine.fp8Flops = 0;
  if (object.get("fp8_tflops"))
    if (auto error = read("fp8_tflops", 1e12, choice.machine.fp8Flops))
      return error;
  return choice;
}

static llvm::Expected<MachineChoice>
fromRecords(const llvm::json::Array &records, llvm::StringRef path) {
  cost::Machine machine{"", 0, 0, 0, 0};
  int64_t used = 0;
  for (const llvm::json::Value &value : records) {
    const llvm::json::Object *record = value.getAsObject();
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
  return MachineChoice{
      machine,
      llvm::formatv("{0}: best of {1} undisturbed ceilings, cold", path, used)};
}

llvm::Expected<MachineChoice>
advisor::machineFromJSON(const llvm::json::Value &json, llvm::StringRef path) {
  if (const llvm::json::Object *object = json.getAsObject())
    return fromMachine(*object, path);
  if (const llvm::json::Array *records = json.getAsArray())
    return fromRecords(*records, path);
  return createStringError(
      "neither a machine (object) nor attn-bench records (array)");
}

llvm::Expected<MachineChoice> advisor::measureHost() {
  bench::Machine host = bench::describeMachine();
  unsigned threads = std::max(1u, host.cores);
  // Four copies that together exceed any last-level cache.
  std::vector<bench::Buffer> buffers;
  std::vector<bench::Pattern> copies;
  for (int i = 0; i < 4; ++i) {
    buffers.emplace_back(bench::coldSetBytes / 4);
    std::memset(buffers.back().data(), 1, buffers.back().size());
    copies.push_back({{buffers.back().data(), buffers.back().size()}});
  }
  bench::Ceiling read = bench::readCeiling(copies, threads);
  std::optional<bench::Ceiling> peak = bench::computePeak(threads, true);
  if (!peak)
    return createStringError("this CPU has no instructions that we measure");
  cost::Machine machine{"cpu:" + host.machineClass,
                        double(host.memoryBytes) / 1e9, read.rate.median,
                        peak->rate.median * 1e9, 0};
  bool disturbed = read.rate.waited > bench::disturbedShare ||
                   peak->rate.waited > bench::disturbedShare;
  return MachineChoice{
      machine, llvm::formatv("measured now on {0}, {1} threads: {2}; {3}{4}",
                             host.modelName, threads, read.method, peak->method,
                             disturbed ? " (disturbed by other processes: run "
                                         "again when the machine is quiet)"
                                       : "")};
}

llvm::Expected<MachineChoice> advisor::findMachine(llvm::StringRef name) {
  if (const cost::Machine *known = cost::findMachine(name.str()))
    return MachineChoice{*known, "vendor's data sheet, dense rates"};
  if (name == "cpu:this")
    return measureHost();
  auto buffer = llvm::MemoryBuffer::getFile(name);
  if (!buffer) {
    std::vector<std::string> names;
    for (const cost::Machine &machine : cost::knownMachines())
      names.push_back(machine.name);
    return createStringError(
        llvm::formatv("--gpu {0}: no such file, and not one of {1}, cpu:this",
                      name, llvm::join(names, ", ")));
  }
  auto json = llvm::json::parse((*buffer)->getBuffer());
  if (!json)
    return createStringError(
        llvm::formatv("{0}: {1}", name, llvm::toString(json.takeError())));
  auto choice = machineFromJSON(*json, name);
  if (!choice)
    return createStringError(
        llvm::formatv("{0}: {1}", name, llvm::toString(choice.takeError())));
  return choice;
}
