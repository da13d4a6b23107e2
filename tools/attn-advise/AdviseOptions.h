//===- AdviseOptions.h - The command line of attn-advise --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTN_ADVISE_ADVISEOPTIONS_H
#define ATTN_TOOLS_ATTN_ADVISE_ADVISEOPTIONS_H

#include "attn/Advisor/Advise.h"
#include "llvm/Support/CommandLine.h"

namespace attn {

/// Made in main, after the options that libLLVM registers are reset: some have
/// our names.
struct AdviseOptions {
  using Text = llvm::cl::opt<std::string>;
  using Number = llvm::cl::opt<int64_t>;

  llvm::cl::OptionCategory category{"options"};
  llvm::cl::list<std::string> configs{
      llvm::cl::Positional, llvm::cl::OneOrMore,
      llvm::cl::desc("config.json (or its directory) ..."),
      llvm::cl::cat(category)};
  Text gpu{"gpu",
           llvm::cl::desc("h100, h200, h20, a100, l40s, b200, cpu:this, "
                          "cpu:LEVEL (this CPU up to avx2, avx512, avx512bf16 "
                          "or amx), or a JSON file (default: h100)"),
           llvm::cl::init("h100"), llvm::cl::cat(category)};
  Number threads{"threads",
                 llvm::cl::desc("Threads of a CPU (default: all that were "
                                "measured)"),
                 llvm::cl::init(0), llvm::cl::cat(category)};
  Text saveMachine{"save-machine",
                   llvm::cl::desc("Write what was measured of this CPU, for "
                                  "--gpu to read"),
                   llvm::cl::value_desc("file"), llvm::cl::cat(category)};
  Text memory{"memory",
              llvm::cl::desc("Memory of a device instead of the machine's, "
                             "such as 96GB"),
              llvm::cl::cat(category)};
  Text batch{"batch", llvm::cl::desc("Sequences (default: 1,8,32)"),
             llvm::cl::init("1,8,32"), llvm::cl::cat(category)};
  Text context{"context",
               llvm::cl::desc("Tokens of each (default: 4k,32k,128k)"),
               llvm::cl::init("4k,32k,128k"), llvm::cl::cat(category)};
  Number qLen{"q-len", llvm::cl::desc("New tokens of each in a step"),
              llvm::cl::init(1), llvm::cl::cat(category)};
  Text kvDtype{"kv-dtype",
               llvm::cl::desc("Types of the cache: bf16, f16, fp8, fp8_ds_mla, "
                              "f32, 6bit, 4bit; the first is the one in use "
                              "(default: those that suit the model)"),
               llvm::cl::cat(category)};
  Text layout{"layout",
              llvm::cl::desc("Layout of a cache for CPUs: row or own"),
              llvm::cl::init("row"), llvm::cl::cat(category)};
  Number tp{"tp", llvm::cl::desc("Devices that split the heads"),
            llvm::cl::init(1), llvm::cl::cat(category)};
  Number dp{"dp", llvm::cl::desc("Copies that share the sequences"),
            llvm::cl::init(1), llvm::cl::cat(category)};
  Number dcp{"dcp", llvm::cl::desc("Of tp, devices that split the tokens"),
             llvm::cl::init(1), llvm::cl::cat(category)};
  Number page{"page", llvm::cl::desc("Tokens of a page"), llvm::cl::init(16),
              llvm::cl::cat(category)};
  Text weights{"weights",
               llvm::cl::desc("Bytes of the model's weights, such as 140GB"),
               llvm::cl::cat(category)};
  llvm::cl::opt<double> usable{
      "usable",
      llvm::cl::desc("Share of the memory that an engine may use (0.9)"),
      llvm::cl::init(0.9), llvm::cl::cat(category)};
  llvm::cl::opt<double> slo{
      "slo-ms",
      llvm::cl::desc("Milliseconds that a step may take; 0: no limit"),
      llvm::cl::init(0), llvm::cl::cat(category)};
  Text results{"results",
               llvm::cl::desc("Measured times to show beside the model's: a "
                              "file from attn-bench --json, or a folder of "
                              "folders with them (benchmarks/results)"),
               llvm::cl::value_desc("path"), llvm::cl::cat(category)};
  llvm::cl::opt<bool> compare{
      "compare", llvm::cl::desc("Only compare the caches of the configs"),
      llvm::cl::cat(category)};
  llvm::cl::opt<bool> guide{
      "guide",
      llvm::cl::desc("Add how to read the report, and well-known claims with "
                     "their arithmetic"),
      llvm::cl::cat(category)};
  Text checkLog{
      "check-log",
      llvm::cl::desc("Hold the KV-cache lines of a vLLM or SGLang log "
                     "to the bytes computed here"),
      llvm::cl::value_desc("file"), llvm::cl::cat(category)};
  llvm::cl::opt<bool> explain{"explain",
                              llvm::cl::desc("Give every number's formula"),
                              llvm::cl::cat(category)};
  Text format{"format", llvm::cl::desc("text, md, json or html"),
              llvm::cl::init("text"), llvm::cl::cat(category)};
  Text output{"o", llvm::cl::desc("Write there"), llvm::cl::init("-"),
              llvm::cl::value_desc("file"), llvm::cl::cat(category)};

  /// An error that names the first option whose value is wrong.
  llvm::Expected<advisor::Deployment>
  setup(const model::ModelSpec &first) const;
  /// Finds the machine, with the threads that were asked for.
  llvm::Error takeMachine(advisor::Deployment &setup) const;
  /// The options that shape the answer, for the head of the report.
  std::vector<std::pair<std::string, std::string>> inputs() const;
};

} // namespace attn

#endif // ATTN_TOOLS_ATTN_ADVISE_ADVISEOPTIONS_H
