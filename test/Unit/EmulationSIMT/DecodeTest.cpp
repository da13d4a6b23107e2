//===- DecodeTest.cpp - Generated kernels, and bugs planted in them -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decode.h"

#include <chrono>
#include <cstdio>
#include <gtest/gtest.h>
#include <memory>

using namespace attn;
using namespace attn::test;
using namespace attn::simt;

namespace {

TEST(Decode, IsFine) {
  DecodeProblem problem;
  GeneratedDecode generated = problem.generate();
  Kernels kernels(generated.source);
  problem.fill();
  forEachSchedule([&](LaunchConfig config) {
    Report report = problem.run(kernels, generated, config);
    EXPECT_TRUE(report.ok()) << describe(config) << "\n" << report.str();
    EXPECT_LT(problem.maxError(), DecodeProblem::kTolerance)
        << describe(config);
  });
}

/// What docs/simt.md states: milliseconds for a tile of 64 tokens of width 128,
/// by one CTA of 128 threads on one core.
TEST(Decode, DISABLED_Speed) {
  auto milliseconds = [](auto &&work) {
    auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(
               std::chrono::steady_clock::now() - start)
        .count();
  };
  DecodeProblem problem;
  problem.qHeads = 16;
  problem.dim = 128;
  problem.page = 64;
  problem.parts = 1;
  problem.lengths = {2048};
  problem.schedule =
      "#tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, "
      "kv_tile = 64, stages = 3, ctas_per_sm = 2>";
  problem.fill();
  GeneratedDecode generated = problem.generate();
  double tiles = 2048. / 64 * double(problem.kvHeads);
  for (unsigned optLevel : {0, 1, 2})
    for (bool instrument : {true, false}) {
      std::unique_ptr<Kernels> kernels;
      auto run = [&](Schedule schedule, bool check) {
        LaunchConfig config;
        config.schedule = schedule;
        config.threads = 1;
        config.check = check;
        return milliseconds([&] { problem.run(*kernels, generated, config); });
      };
      // The first launch of a kernel compiles it.
      double compile = milliseconds([&] {
        kernels = std::make_unique<Kernels>(
            generated.source, SIMTCompileOptions{instrument, optLevel});
        run(Schedule::RoundRobin, false);
      });
      double unchecked = run(Schedule::RoundRobin, false);
      std::printf("O%u, loads and stores %s: compiled in %.0f ms; ms a tile: "
                  "round-robin %.2f, random %.2f, without races %.2f\n",
                  optLevel, instrument ? "checked" : "unchecked",
                  compile - unchecked, run(Schedule::RoundRobin, true) / tiles,
                  run(Schedule::Random, true) / tiles, unchecked / tiles);
    }
}

} // namespace
