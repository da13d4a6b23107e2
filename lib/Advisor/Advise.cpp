//===- Advise.cpp - From a question to a report ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Advise.h"
#include "attn/Advisor/Sections.h"
#include "llvm/Support/Path.h"

using namespace attn;
using namespace attn::advisor;

/// Whether every requested point fits with the type in use.
static bool allFit(const Deployment &setup, const model::ModelSpec &spec) {
  for (int64_t batch : setup.batches)
    for (int64_t context : setup.contexts)
      if (!fits(setup, spec, setup.types.front(), batch, context))
        return false;
  return true;
}

std::string advisor::displayName(llvm::StringRef path) {
  llvm::StringRef stem = llvm::sys::path::stem(path);
  if (stem == "config" && !llvm::sys::path::parent_path(path).empty())
    stem = llvm::sys::path::filename(llvm::sys::path::parent_path(path));
  return stem.str();
}

llvm::Expected<Report> advisor::advise(const Deployment &setup,
                                       const model::ModelSpec &spec,
                                       const KernelLookup &lookup) {
  std::string reason = refusal(setup, spec);
  if (!reason.empty())
    return llvm::createStringError(spec.name + ": " + reason);
  Report report;
  report.title = "attn-advise: " + displayName(spec.name) + " on " +
                 std::to_string(setup.devices()) + " x " +
                 setup.machine.machine.name;
  report.sections.push_back(factsSection(spec));
  report.sections.push_back(cacheSection(setup, spec));
  report.sections.push_back(fitSection(setup, spec));
  report.sections.push_back(bottleneckSection(setup, spec));
  report.sections.push_back(whatIfSection(setup, spec));
  if (std::optional<Section> form = formSection(setup, spec))
    report.sections.push_back(std::move(*form));
  llvm::Expected<Section> kernels = kernelSection(setup, spec, lookup);
  if (!kernels)
    return kernels.takeError();
  report.sections.push_back(std::move(*kernels));
  report.sections.push_back(recommendationSection(setup, spec));
  report.fits = allFit(setup, spec);
  return report;
}

Report advisor::compare(const Deployment &setup,
                        const std::vector<model::ModelSpec> &specs) {
  Report report;
  report.title = "attn-advise: comparison";
  report.sections.push_back(compareSection(setup, specs));
  return report;
}
