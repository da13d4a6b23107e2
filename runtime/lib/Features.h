//===-- Features.h - What the CPU and the OS offer --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_FEATURES_H
#define ATTN_RUNTIME_LIB_FEATURES_H

#include <cstddef>
#include <cstdint>

namespace attn::runtime {

/// The raw facts that feature detection rests on.
struct CpuFacts {
  uint32_t leaf1Ecx = 0;
  uint32_t leaf7Ebx = 0, leaf7Edx = 0;
  uint32_t leaf7Sub1Eax = 0;
  uint64_t xcr0 = 0;         ///< register state that the OS saves
  bool amxPermitted = false; ///< the OS lets this process use AMX tiles
};

/// Highest `enum attn_isa` level that the facts allow, or ATTN_ISA_NONE.
int32_t isaLevel(const CpuFacts &facts);

/// Writes the names of the usable features, space-separated; truncates.
void describeFeatures(const CpuFacts &facts, char *text, size_t capacity);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_FEATURES_H
