//===- InterpretedEngine.cpp - The example engine, interpreted --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// examples/engine with the float64 interpreter in the place of a pack: what
// its tokens are compared with.

#include "../../examples/engine/engine.h"

#include "attn/Import/DecodeModule.h"
#include "attn/Interpreter/Interpreter.h"
#include "attn/Model/Config.h"
#include "attn/Register.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <algorithm>
#include <cmath>

using namespace attn;

static llvm::ExitOnError exitOnError("interpreted-engine: ");

namespace {

/// Keeps K and V in double.
class InterpretedAttention : public engine::Attention {
public:
  InterpretedAttention(mlir::func::FuncOp func, const engine::Config &config,
                       const engine::Limits &limits)
      : func(func), config(config), limits(limits) {
    interp::Cache cache;
    cache.heads = config.cacheHeads();
    cache.kDim = config.kDim();
    cache.vDim = config.vWidth();
    cache.page = limits.page;
    cache.latent = config.latent;
    int64_t rows = int64_t(limits.blocks) * limits.page * cache.heads;
    cache.k.assign(rows * cache.kDim, NAN);
    if (!cache.latent)
      cache.v.assign(rows * cache.vDim, NAN);
    caches.assign(config.layers, cache);
  }

  void run(int layer, const engine::Step &step, const engine::Vector &q,
           const engine::Vector &k, const engine::Vector &v,
           engine::Vector &out) override {
    interp::Cache &cache = caches[layer];
    cache.blocks.clear();
    cache.lens.assign(step.lens, step.lens + step.batch);
    for (int b = 0; b < step.batch; ++b) {
      store(cache.k, step.slots[b], k, b, cache.heads * cache.kDim);
      if (!cache.latent)
        store(cache.v, step.slots[b], v, b, cache.heads * cache.vDim);
      const int32_t *row = step.blocks + b * limits.maxBlocks;
      cache.blocks.emplace_back(row, row + (step.lens[b] + limits.page - 1) /
                                               limits.page);
    }
    interp::Tensor query{{step.batch, 1, config.heads, cache.kDim},
                         {q.begin(), q.end()}};
    auto results = exitOnError(interp::interpret(func, {query, cache}));
    const auto &output = std::get<interp::Tensor>(results[0]);
    std::copy(output.data.begin(), output.data.end(), out.begin());
  }

private:
  static void store(std::vector<double> &pool, int64_t slot,
                    const engine::Vector &values, int64_t b, int64_t width) {
    std::copy_n(values.begin() + b * width, width, pool.begin() + slot * width);
  }

  mlir::func::FuncOp func;
  const engine::Config &config;
  engine::Limits limits;
  std::vector<interp::Cache> caches;
};

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: interpreted-engine folder\n";
    return 1;
  }
  std::string folder = argv[1];
  engine::Model model;
  if (!model.load(folder + "/weights.bin"))
    exitOnError(llvm::createStringError(folder + "/weights.bin: not readable"));
  model::ModelSpec spec = exitOnError(model::loadConfig(folder));
  engine::Limits limits;
  DecodeOptions options;
  options.element = DecodeOptions::Element::F32;
  options.page = limits.page;
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = exitOnError(buildDecodeModule(
      &context, *spec.groups[0].attention, "attention", options));
  InterpretedAttention attention(*module->getOps<mlir::func::FuncOp>().begin(),
                                 model.config, limits);
  engine::print(engine::generate(model, attention, limits,
                                 engine::makeRequests(model.config, 12, 1)),
                stdout);
  return 0;
}
