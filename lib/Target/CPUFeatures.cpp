//===- CPUFeatures.cpp - Instruction levels of the CPU target ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPUFeatures.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/ErrorHandling.h"

std::optional<attn::CPULevel> attn::parseCPULevel(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<CPULevel>>(name)
      .Case("avx2", CPULevel::AVX2)
      .Case("avx512", CPULevel::AVX512)
      .Case("avx512bf16", CPULevel::AVX512BF16)
      .Case("amx", CPULevel::AMX)
      .Default(std::nullopt);
}

llvm::StringRef attn::cpuLevelName(CPULevel level) {
  switch (level) {
  case CPULevel::AVX2:
    return "avx2";
  case CPULevel::AVX512:
    return "avx512";
  case CPULevel::AVX512BF16:
    return "avx512bf16";
  case CPULevel::AMX:
    return "amx";
  }
  llvm_unreachable("all levels covered");
}

std::string attn::cpuLevelFeatures(CPULevel level) {
  std::string features =
      "+sse4.2,+popcnt,+cx16,+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe";
  if (level >= CPULevel::AVX512)
    features += ",+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512cd";
  if (level >= CPULevel::AVX512BF16)
    features += ",+avx512bf16";
  if (level >= CPULevel::AMX)
    features += ",+amx-tile,+amx-bf16";
  return features;
}
