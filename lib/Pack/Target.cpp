//===- Target.cpp - What the kernels of a pack are for ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <set>

using namespace attn;
using namespace attn::pack;

std::string Target::name() const {
  return arch ? arch->name() : ("cpu:" + cpuLevelName(level)).str();
}

llvm::Expected<std::vector<Target>>
attn::pack::parseTargets(llvm::StringRef list) {
  std::set<CPULevel> levels;
  std::set<std::string> archs;
  llvm::SmallVector<llvm::StringRef> names;
  list.split(names, ',');
  for (llvm::StringRef name : names) {
    if (name == "cpu") {
      levels.insert({CPULevel::AVX2, CPULevel::AVX512, CPULevel::AVX512BF16,
                     CPULevel::AMX});
      continue;
    }
    if (name.starts_with("sm_")) {
      auto arch = parseNVVMArch(name);
      if (!arch)
        return llvm::createStringError("--target: " +
                                       llvm::toString(arch.takeError()));
      archs.insert(arch->name());
      continue;
    }
    std::optional<CPULevel> level;
    if (name.consume_front("cpu:"))
      level = parseCPULevel(name);
    if (!level)
      return llvm::createStringError(
          "--target: '" + name +
          "' is none of cpu, cpu:avx2, cpu:avx512, cpu:avx512bf16, "
          "cpu:amx, sm_80 and other sm_NN");
    levels.insert(*level);
  }
  std::vector<Target> targets;
  for (CPULevel level : levels)
    targets.push_back({level, std::nullopt});
  std::vector<NVVMArch> ordered = nvvmArchs();
  llvm::sort(ordered, [](const NVVMArch &x, const NVVMArch &y) {
    return std::pair(x.capability, !x.specific) <
           std::pair(y.capability, !y.specific);
  });
  for (const NVVMArch &arch : ordered)
    if (archs.count(arch.name()))
      targets.push_back({CPULevel::AVX2, arch});
  return targets;
}
