//===- Launch.h - Running kernels in the SIMT emulator ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a GPU kernel on the CPU, one fiber per GPU thread and one OS thread per
// CTA, and watches it as a compute-sanitizer would. Kernels come from the pass
// `convert-nvvm-to-simt`; docs/simt.md tells the whole story.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_EMULATIONSIMT_LAUNCH_H
#define ATTN_EMULATIONSIMT_LAUNCH_H

#include "attn/EmulationSIMT/Kernel.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace attn::simt {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

/// In which order threads run. All of them are orders that a GPU may choose.
enum class Schedule {
  RoundRobin, ///< warps and lanes ascending, a warp runs until it has to wait
  Reverse,    ///< the same, descending
  Random,     ///< any thread that can run, from `seed`
};

/// When an asynchronous copy writes its destination.
enum class AsyncCopies {
  Eager, ///< at once
  Late,  ///< when somebody waits for it; until then there is NaN
};

struct LaunchConfig {
  Dim3 grid;
  Dim3 block;
  uint32_t dynamicSharedBytes = 0;
  Schedule schedule = Schedule::RoundRobin;
  uint64_t seed = 0; ///< of Schedule::Random; Report::seed repeats it
  AsyncCopies async = AsyncCopies::Late;
  /// OS threads, each with a CTA of its own; 0: as many as the machine has.
  unsigned threads = 0;
  /// Look for races and uninitialised reads. Bounds, alignment, collectives,
  /// barriers and deadlocks are checked in any case.
  bool check = true;
  /// A CTA all of whose threads have polled for this long is taken for
  /// deadlocked. CTAs need not run at the same time, here as on a GPU.
  double pollSeconds = 10;
  /// A CTA that has run for this long is ended; a loop that never ends and
  /// neither accesses memory nor waits for anything escapes this.
  double maxSeconds = 120;
};

/// The memory that kernels may touch besides shared memory, their parameters
/// and their stacks. Whatever a launch learns about it (which bytes have been
/// written) is kept for the next launch.
class Memory {
public:
  enum Access { ReadOnly, ReadWrite };

  Memory();
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  /// Makes `bytes` bytes at `base` accessible as a buffer called `name`;
  /// buffers do not overlap. Reading a byte of a buffer that is not
  /// `initialized` before a kernel wrote it is a finding. A ReadOnly buffer
  /// costs least: races cannot be.
  void add(const void *base, size_t bytes, std::string name,
           Access access = ReadWrite, bool initialized = true);
  /// Forgets the buffer at `base`.
  void remove(const void *base);

  struct Impl;
  Impl &impl() { return *pimpl; }

private:
  std::unique_ptr<Impl> pimpl;
};

/// What can be wrong with a kernel.
enum class FindingKind {
  Launch,        ///< the launch does not fit the kernel; nothing ran
  Race,          ///< two accesses, one a write, in no order
  Uninitialized, ///< a read of bytes that nobody wrote
  OutOfBounds,   ///< outside of every buffer and of shared memory
  Misaligned,    ///< an address that is no multiple of what the access needs
  Collective,    ///< lanes that disagree on a warp-wide operation
  Barrier,       ///< misuse of a CTA barrier or an mbarrier
  AsyncCopy,     ///< misuse of an asynchronous copy
  Deadlock,      ///< no thread can go on
};

const char *findingKindName(FindingKind kind);

struct Finding {
  FindingKind kind;
  std::string location; ///< of the operation, "file:line:column: name"
  std::string message;
  Dim3 block;                    ///< the CTA
  std::vector<uint32_t> threads; ///< linear thread ids in the CTA
  uint64_t occurrences = 1;      ///< findings at the same place(s)
};

struct Report {
  std::vector<Finding> findings; ///< in the order in which they came up
  uint64_t seed = 0;

  bool ok() const { return findings.empty(); }
  /// Whether a finding of this kind is there.
  bool has(FindingKind kind) const;
  /// One finding a line, for people; deadlocks with the state of each thread.
  std::string str() const;
};

/// Runs `kernel` to its end, or to its first finding after which it cannot go
/// on (a CTA ends there, the others go on). `params[i]` points to parameter i.
Report launch(const attn_simt_kernel &kernel, void *const *params,
              const LaunchConfig &config, Memory &memory);

} // namespace attn::simt

#endif // ATTN_EMULATIONSIMT_LAUNCH_H
