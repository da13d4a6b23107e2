//===- Launch.cpp - Running a grid ----------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/EmulationSIMT/Launch.h"
#include "Cta.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <thread>

using namespace attn::simt;

static uint64_t volume(const Dim3 &dim) {
  return uint64_t(dim.x) * dim.y * dim.z;
}

static std::string name(const Dim3 &dim) {
  return std::to_string(dim.x) + " x " + std::to_string(dim.y) + " x " +
         std::to_string(dim.z);
}

Dim3 Launch::blockId(uint32_t cta) const {
  const Dim3 &grid = config.grid;
  return {cta % grid.x, cta / grid.x % grid.y, cta / grid.x / grid.y};
}

/// Why the launch cannot be, or an empty string.
static std::string refuse(const attn_simt_kernel &kernel,
                          const LaunchConfig &config) {
  const Dim3 &block = config.block;
  if (volume(config.grid) == 0 || volume(config.grid) > UINT32_MAX)
    return "a grid of " + name(config.grid) + " CTAs";
  if (volume(block) == 0 || volume(block) > 1024)
    return "a CTA of " + name(block) + " threads, 1 to 1024 can be";
  const int64_t *required = kernel.required_block;
  if (required[0] && (required[0] != block.x || required[1] != block.y ||
                      required[2] != block.z))
    return "a CTA of " + name(block) + " threads, the kernel requires " +
           name({static_cast<uint32_t>(required[0]),
                 static_cast<uint32_t>(required[1]),
                 static_cast<uint32_t>(required[2])});
  uint64_t shared = kernel.static_shared_bytes + config.dynamicSharedBytes;
  if (shared > kSharedAlignment)
    return std::to_string(shared) + " bytes of shared memory";
  return "";
}

Report attn::simt::launch(const attn_simt_kernel &kernel, void *const *params,
                          const LaunchConfig &config, Memory &memory) {
  if (std::string reason = refuse(kernel, config); !reason.empty()) {
    Report report;
    report.findings.push_back(
        {FindingKind::Launch, kernel.name, reason, Dim3(), {}});
    return report;
  }
  auto count = static_cast<uint32_t>(volume(config.grid));
  Launch launch(kernel, params, config, memory.impl());
  launch.memory.ctaCount += count;
  launch.report.seed = config.seed;
  const char *site = kernel.sites;
  for (int64_t i = 0; i < kernel.site_count; ++i) {
    launch.sites.push_back(site);
    site += std::strlen(site) + 1;
  }
  launch.order.resize(count);
  std::iota(launch.order.begin(), launch.order.end(), 0);
  if (config.schedule == Schedule::Reverse)
    std::reverse(launch.order.begin(), launch.order.end());
  if (config.schedule == Schedule::Random)
    std::shuffle(launch.order.begin(), launch.order.end(),
                 std::mt19937_64(config.seed));

  auto work = [&launch, count] {
    Cta cta(launch);
    for (uint64_t i; (i = launch.nextCta++) < count;)
      cta.run(launch.order[i]);
  };
  unsigned wanted =
      config.threads ? config.threads : std::thread::hardware_concurrency();
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::min(wanted, count); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  return std::move(launch.report);
}
