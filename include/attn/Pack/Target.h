//===- Target.h - What the kernels of a pack are for ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PACK_TARGET_H
#define ATTN_PACK_TARGET_H

#include "attn/Target/CPUFeatures.h"
#include "attn/Target/NVVMArch.h"

#include <optional>
#include <vector>

namespace attn::pack {

/// What kernels are compiled for.
struct Target {
  CPULevel level = CPULevel::AVX2;
  std::optional<NVVMArch> arch; ///< a GPU; `level` is nothing then

  /// `cpu:avx2`, `sm_80`.
  std::string name() const;
};

/// Reads `cpu` (every level), `cpu:LEVEL`, `sm_NN` and lists of them,
/// comma-separated: levels in ascending order, then GPUs in theirs, none twice.
/// Of one capability the GPU with an `a` comes first: of two kernels for it the
/// runtime loads the first that the GPU takes.
llvm::Expected<std::vector<Target>> parseTargets(llvm::StringRef list);

} // namespace attn::pack

#endif // ATTN_PACK_TARGET_H
