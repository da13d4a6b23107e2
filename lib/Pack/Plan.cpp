//===- Plan.cpp - What goes into a kernel pack ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Plan.h"
#include "attn/Cost/Engine.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Import/LatentKernel.h"
#include "attn/Model/Config.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace attn;
using namespace attn::pack;

static llvm::Error refuse(const llvm::Twine &message) {
  return llvm::createStringError(message);
}

bool attn::pack::hasChain(const model::AttentionSpec &attention) {
  return attention.vInK && attention.latent && !attention.sinks;
}

/// A model's or a module's name: the file's, or for config.json its folder's.
static std::string inputName(llvm::StringRef path) {
  llvm::SmallString<128> full = path;
  if (llvm::sys::fs::make_absolute(full))
    full = path; // no current folder: the name as it is given
  llvm::sys::path::remove_dots(full, /*remove_dot_dot=*/true);
  if (llvm::sys::path::filename(full) == "config.json")
    llvm::sys::path::remove_filename(full);
  else if (!llvm::sys::fs::is_directory(full))
    llvm::sys::path::replace_extension(full, "");
  return identifier(llvm::sys::path::filename(full));
}

namespace {

/// What the kernels of a kind of layer are made from.
struct Shape {
  std::string name;
  model::AttentionSpec attention;
};

class Planner {
public:
  Planner(mlir::MLIRContext *context, const Options &options)
      : context(context), options(options) {}

  llvm::Error addModel(const std::string &path);
  llvm::Error addModule(const std::string &path);
  llvm::Expected<Plan> finish();

private:
  llvm::Error readInput(const std::string &path, std::string &text);
  /// The name of the kernels for `attention`, whose units are made if no
  /// earlier layers had the same.
  llvm::Expected<std::string> addShape(const model::AttentionSpec &attention);
  std::string nameShape(const model::AttentionSpec &attention);

  mlir::MLIRContext *context;
  const Options &options;
  Plan plan;
  std::vector<Shape> shapes;
  std::vector<std::string> names; ///< of the inputs
};

/// Whether one kernel serves both.
bool sameKernel(const model::AttentionSpec &a, const model::AttentionSpec &b) {
  auto facts = [](const model::AttentionSpec &s) {
    return std::tuple(s.qHeads, s.kvHeads, s.kDim, s.vDim, s.vInK, s.causal,
                      s.window, s.sinks, s.softcap, static_cast<float>(s.scale),
                      s.latent ? s.latent->nope : 0,
                      s.latent ? s.latent->v : 0);
  };
  // What has no kernel is refused one by one.
  return !a.chunk && !b.chunk && !a.sparse && !b.sparse && facts(a) == facts(b);
}

} // namespace

llvm::Error Planner::readInput(const std::string &path, std::string &text) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return refuse(path + ": " + buffer.getError().message());
  text = (*buffer)->getBuffer();
  plan.inputs.push_back({llvm::sys::path::filename(path).str(), sha256(text)});
  return llvm::Error::success();
}

std::string Planner::nameShape(const model::AttentionSpec &a) {
  std::string name =
      a.vInK
          ? llvm::formatv("mla_{0}_{1}_{2}", a.qHeads, a.vDim, a.kDim - a.vDim)
                .str()
          : llvm::formatv("{0}_{1}_{2}_{3}",
                          llvm::StringRef(toString(a.variant)).lower(),
                          a.qHeads, a.kvHeads, a.kDim)
                .str();
  if (!a.vInK && a.vDim != a.kDim)
    name += "_" + std::to_string(a.vDim);
  if (a.window)
    name += "_w" + std::to_string(*a.window);
  if (a.sinks)
    name += "_sinks";
  if (a.softcap)
    name += "_cap" +
            identifier(llvm::formatv("{0:f0}", *a.softcap).str()).substr(1);
  name += options.decode.element == DecodeOptions::Element::BF16  ? "_bf16"
          : options.decode.element == DecodeOptions::Element::F16 ? "_f16"
                                                                  : "_f32";
  if (options.decode.layout == Layout::Own)
    name += "_own";
  // Kernels that differ in what the name leaves out, such as the scale.
  std::string unique = name;
  for (int n = 2; llvm::any_of(
           shapes, [&](const Shape &other) { return other.name == unique; });
       ++n)
    unique = name + "_" + std::to_string(n);
  return unique;
}

llvm::Expected<std::string>
Planner::addShape(const model::AttentionSpec &attention) {
  for (const Shape &shape : shapes)
    if (sameKernel(shape.attention, attention))
      return shape.name;
  std::string name = nameShape(attention);
  auto addUnits = [&](llvm::StringRef suffix, auto build) -> llvm::Error {
    for (int64_t q = 1; q <= options.maxQ; ++q) {
      DecodeOptions decode = options.decode;
      decode.qLen = q;
      Unit unit{(name + suffix + "_q" + llvm::Twine(q)).str(), ""};
      auto module = build(context, attention, unit.name, decode);
      if (!module)
        return module.takeError();
      mlir::PassManager pm(context);
      pm.addPass(createAttnSelectScoreRest({options.scoreRest}));
      if (mlir::failed(pm.run(**module)))
        return refuse("--score-rest " + options.scoreRest +
                      " cannot be had (see the diagnostics)");
      llvm::raw_string_ostream stream(unit.text);
      (*module)->print(stream);
      plan.units.push_back(std::move(unit));
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = addUnits("", buildDecodeModule))
    return std::move(error);
  if (hasChain(attention))
    if (llvm::Error error = addUnits(kChainSuffix, buildChainModule))
      return std::move(error);
  shapes.push_back({name, attention});
  return name;
}

llvm::Error Planner::addModel(const std::string &path) {
  llvm::SmallString<128> file(path);
  if (llvm::sys::fs::is_directory(path))
    llvm::sys::path::append(file, "config.json");
  std::string text;
  if (llvm::Error error = readInput(file.str().str(), text))
    return error;
  auto spec = model::parseConfig(text, path);
  if (!spec)
    return spec.takeError();
  cost::EngineLayout layout;
  layout.tp = options.tp;
  if (std::string why = cost::refusal(*spec, layout); !why.empty())
    return refuse(path + ": " + why);
  Model model{inputName(path),
              spec->modelType,
              options.maxContext ? options.maxContext
                                 : spec->maxContext.value_or(0),
              {},
              {}};
  // For each group its kind of layer; -1 where it has no attention.
  std::vector<int> kinds;
  for (const model::LayerGroup &group : spec->groups) {
    kinds.push_back(group.attention ? int(model.kinds.size()) : -1);
    if (!group.attention)
      continue;
    model::AttentionSpec attention = cost::onDevice(*group.attention, layout);
    auto kernel = addShape(attention);
    if (!kernel)
      return refuse(path + ": layers of kind '" + group.kind +
                    "': " + llvm::toString(kernel.takeError()));
    // Two kinds of a model may have one name, such as layers that share the
    // cache of others.
    std::string kind = identifier(group.kind);
    for (int n = 2; llvm::any_of(
             model.kinds,
             [&](const LayerKind &other) { return other.kind == kind; });
         ++n)
      kind = identifier(group.kind) + "_" + std::to_string(n);
    model.kinds.push_back({kind, group.count, attention, *kernel});
  }
  if (model.kinds.empty())
    return refuse(path + ": the model has no attention");
  for (unsigned group : spec->layers)
    if (kinds[group] >= 0)
      model.layers.push_back(kinds[group]);
  for (const Model &other : plan.models)
    if (other.name == model.name)
      return refuse(path + ": another model of this pack is called '" +
                    model.name + "' too; rename the file or its folder");
  names.push_back(model.name);
  plan.models.push_back(std::move(model));
  return llvm::Error::success();
}

llvm::Error Planner::addModule(const std::string &path) {
  Unit unit{inputName(path), ""};
  if (llvm::Error error = readInput(path, unit.text))
    return error;
  // Parsed here for the diagnostics' sake: they come before any compilation.
  if (!mlir::parseSourceString<mlir::ModuleOp>(
          unit.text, mlir::ParserConfig(context), path))
    return refuse(path + ": not valid IR (see the diagnostics)");
  names.push_back(unit.name);
  plan.units.push_back(std::move(unit));
  return llvm::Error::success();
}

llvm::Expected<Plan> Planner::finish() {
  plan.name = options.name.empty() ? llvm::join(names, "_") : options.name;
  if (identifier(plan.name) != plan.name)
    return refuse("--name '" + plan.name +
                  "' is not an identifier of C in lower case");
  return std::move(plan);
}

llvm::Expected<Plan> attn::pack::makePlan(mlir::MLIRContext *context,
                                          const Options &options) {
  Planner planner(context, options);
  for (const std::string &path : options.inputs)
    if (llvm::Error error = llvm::StringRef(path).ends_with(".mlir")
                                ? planner.addModule(path)
                                : planner.addModel(path))
      return std::move(error);
  return planner.finish();
}
