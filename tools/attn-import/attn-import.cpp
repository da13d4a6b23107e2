//===- attn-import.cpp - A model's attention block as IR --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Import/BlockModule.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

namespace cl = llvm::cl;
using namespace attn;

namespace {
/// Made in main, after the options that libLLVM registers are reset.
struct Options {
  cl::OptionCategory category{"options"};
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("config.json"), cl::cat(category)};
  cl::opt<BlockOptions::Part> part{
      "part", cl::desc("What to print"),
      cl::values(clEnumValN(BlockOptions::Part::Block, "block",
                            "from the hidden state to the heads' outputs"),
                 clEnumValN(BlockOptions::Part::Attention, "attention",
                            "from queries and latent rows on")),
      cl::init(BlockOptions::Part::Block), cl::cat(category)};
  cl::opt<std::string> dtype{"dtype", cl::desc("bf16, f16 or f32"),
                             cl::init("bf16"), cl::cat(category)};
  cl::opt<std::string> batch{"batch", cl::desc("Sequences, or ?"),
                             cl::init("?"), cl::cat(category)};
  cl::opt<std::string> qLen{"q-len",
                            cl::desc("New tokens of each sequence, or ?"),
                            cl::init("?"), cl::cat(category)};
  cl::opt<std::string> context{
      "context", cl::desc("Its tokens, the new ones included, or ?"),
      cl::init("?"), cl::cat(category)};
  cl::opt<int64_t> tensorParallel{"tensor-parallel",
                                  cl::desc("Devices that share the heads"),
                                  cl::init(1), cl::cat(category)};

  llvm::Expected<BlockOptions> blockOptions() const;
};
} // namespace

/// A count of 1 to 2^28, or `?`.
static llvm::Expected<int64_t> parseExtent(const cl::opt<std::string> &option) {
  llvm::StringRef text = option.getValue();
  int64_t extent;
  if (text == "?")
    return BlockOptions::kUnknown;
  if (text.getAsInteger(10, extent) || extent < 1 || extent > 1 << 28)
    return llvm::createStringError("--" + option.ArgStr +
                                   " must be 1 to 268435456, or ?");
  return extent;
}

llvm::Expected<BlockOptions> Options::blockOptions() const {
  BlockOptions options;
  options.part = part;
  std::optional<DecodeOptions::Element> element = parseElement(dtype);
  if (!element)
    return llvm::createStringError("--dtype must be bf16, f16 or f32");
  options.element = *element;
  for (auto [extent, option] :
       {std::pair(&options.batch, &batch), std::pair(&options.queries, &qLen),
        std::pair(&options.context, &context)}) {
    llvm::Expected<int64_t> parsed = parseExtent(*option);
    if (!parsed)
      return parsed.takeError();
    *extent = *parsed;
  }
  if (tensorParallel < 1)
    return llvm::createStringError("--tensor-parallel must be positive");
  options.tensorParallel = tensorParallel;
  return options;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  Options options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-import: print a model's latent attention block as its paper writes "
      "it.\n\n  attn-import config.json | attn-opt --attn-absorb\n");
  llvm::ExitOnError exitOnError("attn-import: error: ");
  BlockOptions blockOptions = exitOnError(options.blockOptions());
  model::LatentBlockSpec spec =
      exitOnError(model::loadLatentBlock(options.input));
  mlir::MLIRContext context;
  auto module = exitOnError(buildBlockModule(&context, spec, blockOptions));
  module->print(llvm::outs(), mlir::OpPrintingFlags().printNameLocAsPrefix());
  return 0;
}
