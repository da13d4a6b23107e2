//===- Machines.h - Peaks and their sources ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the peaks of a machine come from: a vendor's data sheet (lib/Cost), a
// file, or a measurement made here and now. And what is known of a CPU beside
// its peaks: how it reads at every distance, and what its kernels cost.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_MACHINES_H
#define ATTN_ADVISOR_MACHINES_H

#include "attn/Cost/KernelTime.h"
#include "attn/Cost/Machine.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <optional>

namespace attn::advisor {

/// What decides how a decode kernel works through a call, as far as one kind of
/// kernels has common costs.
struct KernelKind {
  std::string engine;  ///< fma, dpbf16, amx
  std::string element; ///< bf16, f16, f32
  std::string layout;  ///< row, own
  int64_t page = 0;    ///< tokens
  bool latent = false;
  int64_t rowBlock = 16; ///< query rows that the engine takes at a time

  bool operator==(const KernelKind &other) const;
  /// Only FMA cuts its blocks to the rows.
  cost::RowRule rowRule() const { return {rowBlock, engine != "fma"}; }
  std::string text() const; ///< "amx bf16 latent, row, pages of 16"
};

struct CalibratedKind {
  KernelKind kind;
  cost::KernelCosts costs;
};

/// A CPU with so many of its threads at work.
struct ThreadedPeaks {
  cost::ReadCurve reads;
  double bf16Flops = 0;
};

struct MachineChoice {
  cost::Machine machine;
  std::string source; ///< of the peaks, for people
  /// Of a CPU that was measured; empty of others.
  std::vector<ThreadedPeaks> threads;
  std::vector<CalibratedKind> kernels;
  bool measuredNow = false; ///< here, so that more may be measured

  const ThreadedPeaks *withThreads(int64_t count) const;
  const CalibratedKind *find(const KernelKind &kind) const;
  /// Takes bandwidth and peak from those of `count` threads. An error where
  /// they were not measured, naming those that were.
  llvm::Error useThreads(int64_t count);
};

/// `name` is one of cost::knownMachines(), `cpu:this`, `cpu:LEVEL` for this
/// machine with no instructions beyond a level (avx2, avx512, avx512bf16, amx),
/// or the path of a file: see `machineFromJSON`. `threads` beside one and all
/// are measured too (0: none). Refuses what it does not know, naming what it
/// does.
llvm::Expected<MachineChoice> findMachine(llvm::StringRef name,
                                          int64_t threads = 0);

/// Either {"name", "memory_gb", "read_gbps", "bf16_tflops", "fp8_tflops",
/// "source", "threads", "kernels"} with decimal units, the last four optional
/// and no other key: what `toJSON` writes. Or what attn-bench --json writes:
/// the best undisturbed read and bf16 compute ceilings among the records, with
/// no memory size (0).
llvm::Expected<MachineChoice> machineFromJSON(const llvm::json::Value &json,
                                              llvm::StringRef path);

/// A file's content. "threads" has, for each number of threads that was
/// measured, {"count", "bf16_tflops", "read": [[bytes of a thread, GB/s of all
/// of them], ...]}; "kernels" {"engine", "element", "layout", "page", "latent",
/// "row_block", "element_ps", "product_ps", "score_ps", "row_element_ps",
/// "exposed_cache", "exposed_memory", "reached_cache", "reached_memory"}, as
/// cost::KernelCosts has them.
llvm::json::Value toJSON(const MachineChoice &choice);

/// Measures the host (about 6 s) up to an instruction level, with one thread,
/// with all cores that this process may use, and with `threads`: read ceilings
/// over sets from within L2 to beyond all caches, bf16 compute peak; and asks
/// for the installed memory.
llvm::Expected<MachineChoice> measureHost(llvm::StringRef level,
                                          int64_t threads);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_MACHINES_H
