//===- CPUFeatures.h - Instruction levels of the CPU target -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPUFEATURES_H
#define ATTN_TARGET_CPUFEATURES_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace attn {

/// Instruction levels, each containing the ones before; the values are those of
/// `enum attn_isa` in the kernel ABI.
enum class CPULevel { AVX2 = 0, AVX512 = 1, AVX512BF16 = 2, AMX = 3 };

/// `avx2`, `avx512`, `avx512bf16` or `amx`.
std::optional<CPULevel> parseCPULevel(llvm::StringRef name);
llvm::StringRef cpuLevelName(CPULevel level);

/// The LLVM feature string (`+avx2,+fma,…`) that code of this level is compiled
/// with. Features are listed one by one, never taken from a CPU's name.
std::string cpuLevelFeatures(CPULevel level);

} // namespace attn

#endif // ATTN_TARGET_CPUFEATURES_H
