//===- AttncOptions.h - Options of attnc ------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTNC_ATTNCOPTIONS_H
#define ATTN_TOOLS_ATTNC_ATTNCOPTIONS_H

#include "attn/Pack/Plan.h"
#include "llvm/Support/CommandLine.h"

namespace attn {

/// What to make.
enum class Emit { IR, LLVMIR, Assembly, Object, PTX, Cubin, Pack };

struct EmitOptions {
  Emit emit = Emit::Pack;
  /// Emit::IR: where to stop. A stage's name, or empty for the last one.
  std::string stage;
  bool before = false; ///< print what the stage starts from
};

/// Made in main, after the options that libLLVM registers are reset.
struct AttncOptions {
  template <typename T>
  using opt = llvm::cl::opt<T>;

  llvm::cl::OptionCategory category{"options"};
  llvm::cl::list<std::string> inputs{
      llvm::cl::Positional, llvm::cl::desc("config.json|folder|FILE.mlir ..."),
      llvm::cl::cat(category)};
  opt<std::string> output{
      "o", llvm::cl::desc("Folder of the pack; file of other forms (stdout)"),
      llvm::cl::value_desc("path"), llvm::cl::cat(category)};
  opt<std::string> name{"name",
                        llvm::cl::desc("Name of the pack (from the inputs)"),
                        llvm::cl::cat(category)};
  opt<std::string> target{
      "target",
      llvm::cl::desc("cpu (every level, chosen at run time), cpu:avx2, "
                     "cpu:avx512, cpu:avx512bf16, cpu:amx, sm_80 and other "
                     "GPUs; a list"),
      llvm::cl::init("cpu"), llvm::cl::cat(category)};
  opt<std::string> kvDtype{"kv-dtype",
                           llvm::cl::desc("bf16, f16 or f32: query, cache, "
                                          "output"),
                           llvm::cl::init("bf16"), llvm::cl::cat(category)};
  opt<std::string> layout{"layout", llvm::cl::desc("own or row"),
                          llvm::cl::init("row"), llvm::cl::cat(category)};
  opt<int64_t> page{"page",
                    llvm::cl::desc("Tokens per cache block; 0: contiguous"),
                    llvm::cl::init(64), llvm::cl::cat(category)};
  opt<int64_t> tp{"tp",
                  llvm::cl::desc("Devices that split the heads; the pack is "
                                 "for one of them"),
                  llvm::cl::init(1), llvm::cl::cat(category)};
  opt<int64_t> maxBatch{"max-batch",
                        llvm::cl::desc("Capacity: requests of a call"),
                        llvm::cl::init(256), llvm::cl::cat(category)};
  opt<int64_t> maxContext{
      "max-context",
      llvm::cl::desc("Capacity: tokens of a request (the models')"),
      llvm::cl::init(0), llvm::cl::cat(category)};
  opt<int64_t> maxQ{"max-q",
                    llvm::cl::desc("Kernels for 1 to N query tokens a request"),
                    llvm::cl::init(1), llvm::cl::cat(category)};
  opt<std::string> scoreRest{
      "score-rest",
      llvm::cl::desc("Of latent attention: keep what 16 bits leave of the "
                     "projected query: always, never or auto"),
      llvm::cl::init("auto"), llvm::cl::cat(category)};
  opt<std::string> emit{
      "emit",
      llvm::cl::desc("attn, tile, mlir-llvm, llvm, asm, obj (CPU), ptx, cubin "
                     "(GPU) or pack"),
      llvm::cl::init("pack"), llvm::cl::cat(category)};
  opt<std::string> untilBefore{
      "until-before",
      llvm::cl::desc("Print the IR before a stage: attn, tile, vector, llvm "
                     "(CPU), nvvm (GPU)"),
      llvm::cl::value_desc("stage"), llvm::cl::cat(category)};
  opt<std::string> untilAfter{
      "until-after", llvm::cl::desc("Print the IR after a stage"),
      llvm::cl::value_desc("stage"), llvm::cl::cat(category)};
  opt<unsigned> jobs{"jobs",
                     llvm::cl::desc("Compilations at a time (processors)"),
                     llvm::cl::init(0), llvm::cl::cat(category)};
  opt<std::string> linker{
      "linker", llvm::cl::desc("The ld to use (ld.lld or ld on the PATH)"),
      llvm::cl::value_desc("program"), llvm::cl::cat(category)};
  opt<std::string> check{
      "check",
      llvm::cl::desc("Check the pack in a folder and print what it holds"),
      llvm::cl::value_desc("folder"), llvm::cl::cat(category)};
  opt<bool> quiet{"quiet", llvm::cl::desc("No progress on stderr"),
                  llvm::cl::cat(category)};

  /// Refuses what --check would ignore; without it, that there is no input.
  llvm::Error checkMode() const;
  /// The options as lib/Pack takes them; an error names the first wrong one.
  llvm::Expected<pack::Options> packOptions() const;
  llvm::Expected<EmitOptions> emitOptions() const;
};

} // namespace attn

#endif // ATTN_TOOLS_ATTNC_ATTNCOPTIONS_H
