//===- TimeKernels.cpp - What this machine's kernels cost -----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TimeKernels.h"
#include "CompilerKernels.h"

#include "attn/Harness/DecodeTimer.h"
#include "attn/Import/DecodeModule.h"
#include "attn/Register.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"

#include <limits>

using namespace attn;
using advisor::Deployment;
using cost::Residence;
using cost::TimedCall;

namespace {
/// A call whose time says something of the costs. The cache takes a share of
/// what one thread has of L2.
struct Probe {
  const char *shape;
  double share; ///< of the cache's bytes that the rate of L2 was measured with
  Residence residence = Residence::Cache;
};

/// A kind, and the calls of it that were timed.
struct Kind {
  advisor::KernelKind kind;
  std::vector<TimedCall> calls;
};
} // namespace

// Rows from one to several blocks, short contexts whose rows weigh much, then
// caches from farther away, in many heads and in one.
static constexpr Probe kHeadProbes[] = {
    {"mha:4/128", 1},
    {"gqa:8/4/128", 1},
    {"mha:6/64", 1},
    {"gqa:12/3/64", 1},
    {"gqa:12/3/128", 1},
    {"gqa:24/4/128", 1},
    {"gqa:26/2/128", 1},
    {"mqa:24/128", 0.5},
    {"mqa:40/128", 0.5},
    {"mqa:56/128", 0.5},
    {"mqa:40/128", 0.1},
    {"mha:24/128", 12},
    {"gqa:36/12/128", 12},
    {"mqa:24/128", 12},
    {"mha:24/128", 12, Residence::Memory},
    {"gqa:36/12/128", 12, Residence::Memory},
    {"mqa:24/128", 2, Residence::Memory},
};
static constexpr Probe kLatentProbes[] = {
    {"mla:8/512+64", 0.9},
    {"mla:24/512+64", 0.9},
    {"mla:48/512+64", 0.9},
    {"mla:64/512+64", 0.9},
    {"mla:96/512+64", 0.9},
    {"mla:112/512+64", 0.9},
    {"mla:24/512+64", 0.35},
    {"mla:96/512+64", 0.35},
    {"mla:24/512+64", 12},
    {"mla:96/512+64", 6},
    {"mla:24/512+64", 3, Residence::Memory},
    {"mla:96/512+64", 3, Residence::Memory},
};

/// Tokens that take about so many bytes: whole tiles of any kernel, where that
/// many find room.
static int64_t tokensOf(double bytes, const cost::AttentionShape &perToken) {
  auto tokens = int64_t(bytes / double(perToken.kvHeads * perToken.rowBytes()));
  int64_t unit = tokens >= 512 ? 256 : 64;
  return std::max(tokens / unit, int64_t(1)) * unit;
}

/// The better of two medians: a disturbance seldom lasts for both.
static llvm::Expected<double> secondsOf(mlir::ModuleOp module,
                                        const CPUCompileOptions &compile,
                                        const cost::AttentionShape &shape,
                                        int64_t page, Residence residence) {
  auto func = *module.getOps<mlir::func::FuncOp>().begin();
  AttendOp attend = *func.getOps<AttendOp>().begin();
  harness::ProblemOptions options;
  options.lens = {int32_t(shape.context)};
  options.page = page;
  options.shuffle = false;
  if (residence == Residence::Memory)
    options.copies = bench::coldCopies(cost::attentionCost(shape).kvBytes);
  auto problem = harness::Problem::create(attend, options);
  if (!problem)
    return problem.takeError();
  auto timer = harness::DecodeTimer::create(module, compile, **problem,
                                            options.copies, /*threads=*/1);
  if (!timer)
    return timer.takeError();
  bench::TimingOptions timing;
  timing.budgetSeconds = residence == Residence::Memory ? 0.25 : 0.06;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 2; ++round) {
    llvm::Expected<bench::Summary> time = (*timer)->measure(timing);
    if (!time)
      return time.takeError();
    best = std::min(best, time->median);
  }
  return best;
}

static llvm::Error runProbe(const Probe &probe, const Deployment &setup,
                            const CPUCompileOptions &compile,
                            std::vector<Kind> &kinds) {
  model::AttentionSpec spec = llvm::cantFail(parseShape(probe.shape));
  llvm::Expected<advisor::ServedKernel> served = compilerKernel(spec, setup);
  if (!served)
    return served.takeError();
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = layerModule(&context, spec, setup);
  if (!module)
    return module.takeError();
  const auto &nearest = setup.machine.threads.front().reads.points.front();
  cost::AttentionShape shape =
      *cost::shapeOf(spec, 1, setup.qLen, 1, setup.types.front().format);
  shape.context = tokensOf(probe.share * nearest.first, shape);
  llvm::Expected<double> seconds = secondsOf(
      module->get(), compile, shape, setup.layout.page, probe.residence);
  if (!seconds)
    return seconds.takeError();
  auto kind = llvm::find_if(
      kinds, [&](const Kind &each) { return each.kind == *served->kind; });
  if (kind == kinds.end())
    kind = kinds.insert(kinds.end(), {*served->kind, {}});
  kind->calls.push_back({shape, probe.residence, *seconds});
  return llvm::Error::success();
}

/// Whether a layer's kernel is of a kind whose costs are unknown.
static bool needsCosts(const Deployment &setup, const model::ModelSpec &spec,
                       bool latent) {
  for (const model::LayerGroup &group : spec.groups) {
    if (!group.attention || group.attention->latent.has_value() != latent)
      continue;
    auto served =
        compilerKernel(cost::onDevice(*group.attention, setup.layout), setup);
    if (!served)
      llvm::consumeError(served.takeError());
    else if (served->kind && !setup.machine.find(*served->kind))
      return true;
  }
  return false;
}

llvm::Error attn::timeKernels(Deployment &setup, const model::ModelSpec &spec) {
  llvm::StringRef level = setup.machine.machine.name;
  level.consume_front("cpu:");
  for (bool latent : {false, true}) {
    if (!needsCosts(setup, spec, latent))
      continue;
    auto compile = harness::chooseLevel(level, /*emulate=*/false);
    if (!compile)
      return compile.takeError();
    std::vector<Kind> kinds;
    for (const Probe &probe : latent ? llvm::ArrayRef<Probe>(kLatentProbes)
                                     : llvm::ArrayRef<Probe>(kHeadProbes))
      if (llvm::Error error = runProbe(probe, setup, *compile, kinds))
        return error;
    for (const Kind &kind : kinds)
      if (!setup.machine.find(kind.kind))
        setup.machine.kernels.push_back(
            {kind.kind, cost::fitKernelCosts(
                            kind.calls, setup.machine.withThreads(1)->reads,
                            kind.kind.rowRule())});
  }
  return llvm::Error::success();
}
