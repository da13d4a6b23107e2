//===- Machines.cpp - Peaks and their sources -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Machines.h"
#include "attn/Model/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include <tuple>

using namespace attn;
using namespace attn::advisor;
using llvm::createStringError;

bool KernelKind::operator==(const KernelKind &other) const {
  auto tied = [](const KernelKind &kind) {
    return std::tie(kind.engine, kind.element, kind.layout, kind.page,
                    kind.latent, kind.rowBlock);
  };
  return tied(*this) == tied(other);
}

std::string KernelKind::text() const {
  return llvm::formatv("{0} {1}{2}, {3}, pages of {4}", engine, element,
                       latent ? " latent" : "", layout, page);
}

const ThreadedPeaks *MachineChoice::withThreads(int64_t count) const {
  auto found = llvm::find_if(threads, [&](const ThreadedPeaks &peaks) {
    return peaks.reads.threads == count;
  });
  return found == threads.end() ? nullptr : &*found;
}

const CalibratedKind *MachineChoice::find(const KernelKind &kind) const {
  auto found = llvm::find_if(
      kernels, [&](const CalibratedKind &each) { return each.kind == kind; });
  return found == kernels.end() ? nullptr : &*found;
}

llvm::Error MachineChoice::useThreads(int64_t count) {
  const ThreadedPeaks *peaks = withThreads(count);
  if (!peaks) {
    auto counts = llvm::map_range(threads, [](const ThreadedPeaks &each) {
      return std::to_string(each.reads.threads);
    });
    return createStringError(llvm::formatv(
        "--threads {0}: {1} was measured with {2}", count, machine.name,
        threads.empty() ? "no number of them"
                        : llvm::join(counts, " and ") + " of them"));
  }
  machine.readGBps = peaks->reads.memoryRate();
  machine.bf16Flops = peaks->bf16Flops;
  return llvm::Error::success();
}

llvm::Expected<MachineChoice> advisor::findMachine(llvm::StringRef name,
                                                   int64_t threads) {
  if (const cost::Machine *known = cost::findMachine(name.str())) {
    MachineChoice choice;
    choice.machine = *known;
    choice.source = "vendor's data sheet, dense rates";
    return choice;
  }
  if (llvm::StringRef level = name; level.consume_front("cpu:"))
    return measureHost(level, threads);
  auto buffer = llvm::MemoryBuffer::getFile(name);
  if (!buffer) {
    std::vector<std::string> names;
    for (const cost::Machine &machine : cost::knownMachines())
      names.push_back(machine.name);
    return createStringError(
        llvm::formatv("--gpu {0}: no such file, and not one of {1}, cpu:this",
                      name, llvm::join(names, ", ")));
  }
  auto json = model::parseJson((*buffer)->getBuffer());
  if (!json)
    return createStringError(
        llvm::formatv("{0}: {1}", name, llvm::toString(json.takeError())));
  auto choice = machineFromJSON(*json, name);
  if (!choice)
    return createStringError(
        llvm::formatv("{0}: {1}", name, llvm::toString(choice.takeError())));
  return choice;
}
