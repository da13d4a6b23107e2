//===- RunOptions.h - Options that attn-run and attn-bench share *- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMMON_RUNOPTIONS_H
#define ATTN_TOOLS_COMMON_RUNOPTIONS_H

#include "attn/EmulationSIMT/Launch.h"
#include "attn/Import/DecodeModule.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

namespace attn {

/// Where and how a kernel runs. Made in main, after the options that libLLVM
/// registers are reset: some have our names.
struct RunOptions {
  template <typename T>
  using opt = llvm::cl::opt<T>;

  llvm::cl::OptionCategory category{"options"};
  opt<std::string> device{
      "device",
      llvm::cl::desc("Where to run: cpu, cuda, or simt, which "
                     "emulates a GPU"),
      llvm::cl::init("cpu"), llvm::cl::cat(category)};
  opt<std::string> target{"target",
                          llvm::cl::desc("GPU architecture (sm_80, sm_90, …)"),
                          llvm::cl::init("sm_90"), llvm::cl::cat(category)};
  opt<simt::Schedule> simtSchedule{
      "simt-schedule", llvm::cl::desc("Order of the emulated threads"),
      llvm::cl::values(
          clEnumValN(simt::Schedule::RoundRobin, "round-robin",
                     "warps and lanes ascending"),
          clEnumValN(simt::Schedule::Reverse, "reverse", "descending"),
          clEnumValN(simt::Schedule::Random, "random", "from --simt-seed")),
      llvm::cl::init(simt::Schedule::RoundRobin), llvm::cl::cat(category)};
  opt<uint64_t> simtSeed{"simt-seed",
                         llvm::cl::desc("Seed of the random order"),
                         llvm::cl::init(1), llvm::cl::cat(category)};
  opt<bool> simtEager{
      "simt-eager",
      llvm::cl::desc("Asynchronous copies write at once, not when waited for"),
      llvm::cl::cat(category)};
  opt<std::string> isa{"isa",
                       llvm::cl::desc("auto, avx2, avx512, avx512bf16 or amx"),
                       llvm::cl::init("auto"), llvm::cl::cat(category)};
  opt<bool> emulate{"emulate",
                    llvm::cl::desc("Emulate instructions that the host lacks"),
                    llvm::cl::cat(category)};
  opt<std::string> dtype{"dtype", llvm::cl::desc("bf16, f16 or f32"),
                         llvm::cl::init("bf16"), llvm::cl::cat(category)};
  opt<std::string> layout{"layout", llvm::cl::desc("own or row"),
                          llvm::cl::init("row"), llvm::cl::cat(category)};
  opt<int64_t> page{"page",
                    llvm::cl::desc("Tokens per cache block; 0: contiguous"),
                    llvm::cl::init(64), llvm::cl::cat(category)};
  opt<int64_t> batch{"batch", llvm::cl::desc("Sequences"), llvm::cl::init(1),
                     llvm::cl::cat(category)};
  opt<int64_t> qLen{"q-len", llvm::cl::desc("Query tokens per sequence"),
                    llvm::cl::init(1), llvm::cl::cat(category)};
  opt<int32_t> threads{"threads", llvm::cl::desc("Threads"), llvm::cl::init(1),
                       llvm::cl::cat(category)};
  opt<bool> batchInvariant{
      "batch-invariant",
      llvm::cl::desc("Sums in an order that threads and batch do not change"),
      llvm::cl::cat(category)};
  opt<std::string> scoreRest{
      "score-rest",
      llvm::cl::desc("Of latent attention: keep what 16 bits leave of the "
                     "operand of the scores that a projection makes: always, "
                     "never or auto"),
      llvm::cl::init("auto"), llvm::cl::cat(category)};
  opt<std::string> jsonFile{"json", llvm::cl::desc("Write the results there"),
                            llvm::cl::value_desc("file"),
                            llvm::cl::cat(category)};

  /// Query tokens of the largest call.
  int64_t mostQueries = 8;
  /// An error that names the first option with a value out of range.
  llvm::Error validate() const;
  /// dtype, layout, page and q-len.
  llvm::Expected<DecodeOptions> decodeOptions() const;
};

} // namespace attn

#endif // ATTN_TOOLS_COMMON_RUNOPTIONS_H
