//===- ManifestChecks.cpp - Contradictions of a manifest --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ManifestChecks.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attn;
using namespace attn::pack;

/// `list[3]`.
static std::string at(llvm::StringRef list, size_t index) {
  return llvm::formatv("{0}[{1}]", list, index).str();
}

/// What contradicts itself in a kernel's own facts.
static void checkKernel(const Manifest::Kernel &kernel, llvm::StringRef path,
                        Problem &problem) {
  const Manifest::Facts &f = kernel.facts;
  if (!kernel.decodes && !kernel.merges)
    problem.report(path, "the kernel neither decodes nor merges");
  if (f.qHeads % f.kvHeads)
    problem.report(path + ".q_heads",
                   llvm::formatv("{0} is no multiple of kv_heads {1}", f.qHeads,
                                 f.kvHeads));
  if (f.vInK && f.vDim > f.kDim)
    problem.report(path + ".v_dim",
                   llvm::formatv("{0} exceeds k_dim {1}, whose prefix it is",
                                 f.vDim, f.kDim));
  if (f.softcap < 0)
    problem.report(path + ".softcap", "negative");
  if (kernel.image && f.dtype == "f32")
    problem.report(path + ".dtype", "f32; GPU kernels are bf16 or f16");
  if (kernel.image && f.layout != "row")
    problem.report(path + ".layout", "own; GPU kernels read row");
}

static bool areAlike(const Manifest::Facts &a, const Manifest::Facts &b) {
  auto all = [](const Manifest::Facts &f) {
    return std::tie(f.dtype, f.layout, f.qHeads, f.kvHeads, f.kDim, f.vDim,
                    f.qLen, f.window, f.scale, f.softcap, f.causal, f.sinks,
                    f.vInK, f.scoreMod, f.outF32);
  };
  return all(a) == all(b);
}

/// Every kernel once a target, with the same facts on each.
static void checkKernels(const Manifest &m, Problem &problem) {
  llvm::StringMap<size_t> first;
  llvm::StringMap<size_t> count;
  llvm::StringSet<> both;
  for (auto [i, kernel] : llvm::enumerate(m.kernels)) {
    std::string path = at("kernels", i);
    checkKernel(kernel, path, problem);
    if (!llvm::is_contained(m.targets, kernel.target))
      problem.report(path + ".target",
                     "'" + kernel.target + "' is none of targets");
    if (!both.insert(kernel.name + " " + kernel.target).second)
      problem.report(path, "'" + kernel.name + "' for " + kernel.target +
                               " is there twice");
    auto [known, isNew] = first.try_emplace(kernel.name, i);
    const Manifest::Kernel &other = m.kernels[known->second];
    if (!isNew && !areAlike(kernel.facts, other.facts))
      problem.report(path, "'" + kernel.name + "' has other facts in " +
                               at("kernels", known->second));
    ++count[kernel.name];
  }
  for (auto [i, kernel] : llvm::enumerate(m.kernels))
    if (count[kernel.name] < m.targets.size())
      problem.report(at("kernels", i),
                     llvm::formatv("'{0}' is there for {1} of {2} targets",
                                   kernel.name, count[kernel.name],
                                   m.targets.size()));
}

/// The kernel of a name, for some target; null if there is none.
static const Manifest::Kernel *findKernel(const Manifest &m,
                                          llvm::StringRef name) {
  auto found = llvm::find_if(
      m.kernels, [&](const Manifest::Kernel &k) { return k.name == name; });
  return found == m.kernels.end() ? nullptr : &*found;
}

/// The kernels `<prefix>_q1` and so on that serve a kind of layer, as `field`
/// says.
static void checkServed(const Manifest &m, const Manifest::Kind &kind,
                        const std::string &prefix, const std::string &field,
                        Problem &problem) {
  for (int64_t q = 1; q <= m.maxQ; ++q) {
    std::string name = prefix + "_q" + std::to_string(q);
    const Manifest::Kernel *kernel = findKernel(m, name);
    if (!kernel)
      return problem.report(field, "no kernel is called '" + name + "'");
    const Manifest::Facts &f = kernel->facts;
    if (f.qLen != q)
      problem.report(field,
                     llvm::formatv("'{0}' is for q_len {1}", name, f.qLen));
    if (m.page % kernel->pageMultiple)
      problem.report("capacities.page",
                     llvm::formatv("{0} is no multiple of '{1}'s "
                                   "page_multiple {2}",
                                   m.page, name, kernel->pageMultiple));
    // Absorbed: a row is the latent and the rotary part, V its prefix.
    if (kind.latent && (!f.vInK || f.vDim != kind.latent->rank ||
                        f.kDim != kind.latent->rank + kind.latent->rope))
      problem.report(field,
                     llvm::formatv("'{0}' reads k_dim {1}, v_dim {2}, not rank "
                                   "{3} and rope {4}",
                                   name, f.kDim, f.vDim, kind.latent->rank,
                                   kind.latent->rope));
  }
}

/// Every projection once a target.
static void checkProjections(const Manifest &m, Problem &problem) {
  llvm::StringSet<> both;
  for (auto [i, projection] : llvm::enumerate(m.projections)) {
    std::string path = at("projections", i);
    if (!llvm::is_contained(m.targets, projection.target))
      problem.report(path + ".target",
                     "'" + projection.target + "' is none of targets");
    if (!both.insert(projection.name + " " + projection.target).second)
      problem.report(path, "'" + projection.name + "' for " +
                               projection.target + " is there twice");
  }
}

static void checkModels(const Manifest &m, Problem &problem) {
  llvm::StringSet<> names;
  for (auto [i, model] : llvm::enumerate(m.models)) {
    std::string path = at("models", i);
    if (!names.insert(model.name).second)
      problem.report(path + ".name", "'" + model.name + "' is there twice");
    llvm::StringSet<> kinds;
    for (auto [j, kind] : llvm::enumerate(model.kinds)) {
      std::string kindPath = at(path + ".kinds", j);
      if (!kinds.insert(kind.kind).second)
        problem.report(kindPath + ".kind",
                       "'" + kind.kind + "' is there twice");
      int64_t layers = llvm::count(model.layers, int64_t(j));
      if (layers != kind.layers)
        problem.report(kindPath + ".layers",
                       llvm::formatv("{0}, but {1}.layers has {2} of them",
                                     kind.layers, path, layers));
      checkServed(m, kind, kind.kernel, kindPath + ".kernel", problem);
      if (!kind.chain.empty())
        checkServed(m, kind, kind.chain, kindPath + ".chain", problem);
    }
  }
}

static void checkFiles(const Manifest &m, Problem &problem) {
  std::vector<std::string> names;
  for (const Manifest::File &file : m.files)
    names.push_back(file.name);
  llvm::sort(names);
  std::vector<std::string> expected = packFiles(m.name);
  if (names != expected)
    problem.report("files", "not those of pack '" + m.name +
                                "': " + llvm::join(expected, ", "));
}

void attn::pack::checkConsistency(const Manifest &m, Problem &problem) {
  llvm::StringSet<> targets;
  for (auto [i, target] : llvm::enumerate(m.targets))
    if (!targets.insert(target).second)
      problem.report(at("targets", i), "'" + target + "' is there twice");
  checkKernels(m, problem);
  checkProjections(m, problem);
  checkModels(m, problem);
  checkFiles(m, problem);
}
