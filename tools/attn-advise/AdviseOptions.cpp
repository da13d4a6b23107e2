//===- AdviseOptions.cpp - The command line of attn-advise ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AdviseOptions.h"
#include "llvm/ADT/StringExtras.h"

using namespace attn;
using llvm::createStringError;

/// Puts the value of `parsed` into `to`; an error gets the option's name.
template <typename T>
static llvm::Error take(const char *option, llvm::Expected<T> parsed, T &to) {
  if (!parsed)
    return createStringError(llvm::formatv("--{0}: {1}", option,
                                           llvm::toString(parsed.takeError())));
  to = std::move(*parsed);
  return llvm::Error::success();
}

static bool hasLatent(const model::ModelSpec &spec) {
  const model::LayerGroup *main = spec.mainGroup();
  return main && main->attention->latent;
}

static llvm::Error takeTypes(llvm::StringRef names,
                             std::vector<advisor::KVType> &to) {
  for (llvm::StringRef name : llvm::split(names, ',')) {
    to.emplace_back();
    if (auto error =
            take("kv-dtype", advisor::parseKVType(name.trim()), to.back()))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error AdviseOptions::takeMachine(advisor::Deployment &setup) const {
  llvm::Expected<advisor::MachineChoice> machine =
      advisor::findMachine(gpu, threads);
  if (!machine)
    return machine.takeError();
  setup.machine = std::move(*machine);
  setup.threads = threads;
  if (threads)
    return setup.machine.useThreads(threads);
  for (const advisor::ThreadedPeaks &peaks : setup.machine.threads)
    setup.threads = std::max(setup.threads, peaks.reads.threads);
  return llvm::Error::success();
}

llvm::Expected<advisor::Deployment>
AdviseOptions::setup(const model::ModelSpec &first) const {
  advisor::Deployment setup;
  for (const Number *number : {&qLen, &tp, &dp, &dcp, &page})
    if (*number < 1 || *number > 1 << 20)
      return createStringError(
          llvm::formatv("--{0} must be 1 to 1048576", number->ArgStr));
  if (!(usable > 0 && usable <= 1))
    return createStringError("--usable must be above 0 and at most 1");
  if (!(slo >= 0))
    return createStringError("--slo-ms must not be negative");
  setup.qLen = qLen;
  setup.layout = {page, tp, dcp};
  setup.dp = dp;
  setup.memoryFraction = usable;
  setup.results = results;
  if (layout != "row" && layout != "own")
    return createStringError("--layout must be row or own");
  setup.kvLayout = layout;
  if (threads < 0 || threads > 4096)
    return createStringError("--threads must be 0 to 4096");
  if (slo > 0)
    setup.slowestStep = slo * 1e-3;
  if (auto error = take("batch", advisor::parseCounts(batch), setup.batches))
    return error;
  if (auto error =
          take("context", advisor::parseCounts(context), setup.contexts))
    return error;
  std::string types = kvDtype;
  if (types.empty())
    types = hasLatent(first) ? "bf16,fp8,fp8_ds_mla" : "bf16,fp8";
  if (auto error = takeTypes(types, setup.types))
    return error;
  if (!weights.empty()) {
    double bytes = 0;
    if (auto error = take("weights", advisor::parseBytes(weights), bytes))
      return error;
    setup.weightBytes = bytes;
  }
  if (auto error = takeMachine(setup))
    return error;
  if (!memory.empty()) {
    double bytes = 0;
    if (auto error = take("memory", advisor::parseBytes(memory), bytes))
      return error;
    setup.machine.machine.memoryGB = bytes / 1e9;
  }
  if (setup.machine.machine.memoryGB <= 0)
    return createStringError("--gpu " + gpu +
                             " says nothing of the memory's size: give "
                             "--memory");
  return setup;
}

std::vector<std::pair<std::string, std::string>> AdviseOptions::inputs() const {
  std::vector<std::pair<std::string, std::string>> inputs = {
      {"gpu", gpu},
      {"batch", batch},
      {"context", context},
      {"q-len", std::to_string(qLen)},
      {"tp", std::to_string(tp)},
      {"dp", std::to_string(dp)},
      {"dcp", std::to_string(dcp)},
      {"page", std::to_string(page)},
      {"usable", llvm::formatv("{0}", usable.getValue())}};
  for (const Text *text : {&kvDtype, &weights, &memory})
    if (!text->empty())
      inputs.push_back({text->ArgStr.str(), *text});
  if (layout.getNumOccurrences())
    inputs.push_back({"layout", layout});
  if (threads)
    inputs.push_back({"threads", std::to_string(threads)});
  if (slo > 0)
    inputs.push_back({"slo-ms", llvm::formatv("{0}", slo.getValue())});
  return inputs;
}
