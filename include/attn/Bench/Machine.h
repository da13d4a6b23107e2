//===- Machine.h - What the host is -----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_MACHINE_H
#define ATTN_BENCH_MACHINE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attn::bench {

/// Instruction levels, each containing the ones before; the values from AVX2
/// on are those of `attn_isa`.
enum class Isa { Baseline = -1, AVX2 = 0, AVX512 = 1, AVX512BF16 = 2, AMX = 3 };

/// The highest level that this process may execute: CPU, operating system and,
/// for AMX, the kernel's permission, which is requested here once.
Isa hostIsa();

/// "baseline", "avx2", "avx512", "avx512bf16", "amx". That of `hostIsa()` is
/// the machine class, and names a folder of benchmarks/results.
llvm::StringRef isaName(Isa isa);

/// A description for the record; nothing is decided by it.
struct Machine {
  std::string machineClass;
  std::string modelName;             ///< as the kernel reports it
  std::vector<std::string> features; ///< LLVM's names of those that are set
  unsigned cores = 0;                ///< that this process may use
  int64_t l1Bytes = 0, l2Bytes = 0;  ///< of one core; 0: unknown
  int64_t l3Bytes = 0;               ///< as advertised, often to many guests
  int64_t memoryBytes = 0;
  std::string hugePages; ///< transparent_hugepage: always, madvise, never
  std::string kernel;    ///< name and release
  double load = 0;       ///< one-minute load average at the time of asking
};

Machine describeMachine();
llvm::json::Object toJSON(const Machine &machine);

} // namespace attn::bench

#endif // ATTN_BENCH_MACHINE_H
