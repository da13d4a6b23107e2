//===- AttncOptions.cpp - Options of attnc ----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttncOptions.h"

#include "llvm/ADT/StringSwitch.h"

using namespace attn;

static llvm::Error checkRange(llvm::StringRef option, int64_t value,
                              int64_t least, int64_t most) {
  if (value >= least && value <= most)
    return llvm::Error::success();
  return llvm::createStringError("--" + option + " must be " +
                                 llvm::Twine(least) + " to " +
                                 llvm::Twine(most));
}

llvm::Error AttncOptions::checkMode() const {
  if (!check.getNumOccurrences())
    return inputs.empty()
               ? llvm::createStringError("no input: a config.json, a folder "
                                         "with one or a .mlir file")
               : llvm::Error::success();
  for (const auto &entry : llvm::cl::getRegisteredOptions())
    if (entry.second != &check && entry.second->getNumOccurrences())
      return llvm::createStringError(
          "--check takes a folder and nothing else; " + entry.first +
          " would be ignored");
  if (!inputs.empty())
    return llvm::createStringError("--check takes one folder and no inputs");
  return llvm::Error::success();
}

llvm::Expected<pack::Options> AttncOptions::packOptions() const {
  constexpr int64_t maxCount = INT32_MAX;
  struct {
    const char *option;
    int64_t value, least, most;
  } ranges[] = {{"page", page, 0, 1 << 30},
                {"tp", tp, 1, 4096},
                {"max-batch", maxBatch, 1, maxCount},
                {"max-context", maxContext, 0, maxCount},
                {"max-q", maxQ, 1, 8}};
  for (const auto &range : ranges)
    if (llvm::Error error =
            checkRange(range.option, range.value, range.least, range.most))
      return std::move(error);
  auto element = parseElement(kvDtype);
  if (!element)
    return llvm::createStringError(
        "--kv-dtype " + kvDtype +
        ": there are kernels for bf16, f16 and f32 caches only");
  auto parsedLayout = symbolizeLayout(layout);
  if (!parsedLayout)
    return llvm::createStringError("--layout must be own or row");
  if (!llvm::is_contained({"auto", "always", "never"}, scoreRest.getValue()))
    return llvm::createStringError(
        "--score-rest must be auto, always or never");
  auto targets = pack::parseTargets(target);
  if (!targets)
    return targets.takeError();
  pack::Options options;
  options.inputs.assign(inputs.begin(), inputs.end());
  options.name = name;
  options.targets = std::move(*targets);
  options.decode.element = *element;
  options.decode.layout = *parsedLayout;
  options.decode.page = page;
  options.tp = tp;
  options.maxQ = maxQ;
  options.maxBatch = maxBatch;
  options.maxContext = maxContext;
  options.scoreRest = scoreRest;
  options.jobs = jobs;
  options.linker = linker;
  return options;
}

llvm::Expected<EmitOptions> AttncOptions::emitOptions() const {
  bool stops = !untilBefore.empty() || !untilAfter.empty();
  if (!stops) {
    auto form = llvm::StringSwitch<std::optional<EmitOptions>>(emit)
                    .Case("attn", EmitOptions{Emit::IR, "attn", true})
                    .Case("tile", EmitOptions{Emit::IR, "tile", false})
                    .Case("mlir-llvm", EmitOptions{Emit::IR, "", false})
                    .Case("llvm", EmitOptions{Emit::LLVMIR, "", false})
                    .Case("asm", EmitOptions{Emit::Assembly, "", false})
                    .Case("obj", EmitOptions{Emit::Object, "", false})
                    .Case("ptx", EmitOptions{Emit::PTX, "", false})
                    .Case("cubin", EmitOptions{Emit::Cubin, "", false})
                    .Case("pack", EmitOptions{Emit::Pack, "", false})
                    .Default(std::nullopt);
    if (!form)
      return llvm::createStringError("--emit must be attn, tile, mlir-llvm, "
                                     "llvm, asm, obj, ptx, cubin or pack");
    return *form;
  }
  if (emit.getNumOccurrences() || (!untilBefore.empty() && !untilAfter.empty()))
    return llvm::createStringError(
        "--emit, --until-before and --until-after exclude each other");
  bool before = !untilBefore.empty();
  return EmitOptions{Emit::IR, before ? untilBefore : untilAfter, before};
}
