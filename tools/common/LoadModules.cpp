//===- LoadModules.cpp - The attention that a tool is asked about *- C++ -*===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadModules.h"

#include "attn/Model/Config.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"

using namespace attn;

/// True of `kind:numbers`, unless a file has that name.
static bool isShape(llvm::StringRef input) {
  return input.contains(':') && !llvm::sys::fs::exists(input);
}

/// The shape's first letters: the name of what is made of it.
static std::string kindOf(llvm::StringRef shape) {
  return shape.split(':').first.str();
}

llvm::Expected<model::LatentBlockSpec>
attn::loadLatentSpec(llvm::StringRef input) {
  if (!isShape(input))
    return model::loadLatentBlock(input);
  auto attention = parseShape(input);
  if (!attention)
    return attention.takeError();
  if (!attention->latent)
    return llvm::createStringError("shape '" + input + "' is not latent");
  model::LatentBlockSpec spec = {};
  spec.modelType = kindOf(input);
  spec.attention = *attention;
  return spec;
}

llvm::Expected<std::vector<mlir::OwningOpRef<mlir::ModuleOp>>>
attn::loadModules(mlir::MLIRContext &context, llvm::StringRef input,
                  const DecodeOptions &options) {
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  if (isShape(input)) {
    auto spec = parseShape(input);
    if (!spec)
      return spec.takeError();
    auto module = buildDecodeModule(&context, *spec, kindOf(input), options);
    if (!module)
      return module.takeError();
    modules.push_back(std::move(*module));
    return std::move(modules);
  }
  if (!input.ends_with(".json") && !llvm::sys::fs::is_directory(input)) {
    llvm::SourceMgr sources;
    auto module =
        mlir::parseSourceFile<mlir::ModuleOp>(input, sources, &context);
    if (!module)
      return llvm::createStringError(input + " could not be read");
    modules.push_back(std::move(module));
    return std::move(modules);
  }
  auto spec = model::loadConfig(input.str());
  if (!spec)
    return spec.takeError();
  for (const model::LayerGroup &group : spec->groups) {
    if (!group.attention)
      continue;
    auto module =
        buildDecodeModule(&context, *group.attention,
                          spec->modelType + "_" + group.kind, options);
    if (!module)
      return module.takeError();
    modules.push_back(std::move(*module));
  }
  if (modules.empty())
    return llvm::createStringError("the model has no attention");
  return std::move(modules);
}
