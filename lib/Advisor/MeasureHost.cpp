//===- MeasureHost.cpp - The peaks of this machine ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Machines.h"
#include "attn/Bench/Buffer.h"
#include "attn/Bench/Ceilings.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::advisor;
using llvm::createStringError;

/// Of a core's L2 where the system does not say.
static constexpr int64_t kUsualL2Bytes = 256 << 10;

namespace {
/// One instruction level of this machine, and buffers to read.
struct Host {
  bench::Machine description = bench::describeMachine();
  bench::Isa isa;
  std::vector<bench::Buffer> buffers;
  double waited = 0; ///< the worst share of a measurement spent without a core

  explicit Host(bench::Isa isa);
  int64_t l2Bytes() const {
    return description.l2Bytes > 0 ? description.l2Bytes : kUsualL2Bytes;
  }
  /// More of them have no room to read what lies within their L2.
  int64_t mostThreads() const {
    return int64_t(buffers[0].size()) / (l2Bytes() / 2);
  }
  double read(int64_t bytesOfThread, unsigned threads);
  ThreadedPeaks peaks(unsigned threads);
};
} // namespace

/// Four buffers that together exceed any last-level cache.
Host::Host(bench::Isa isa) : isa(isa) {
  for (int i = 0; i < 4; ++i) {
    buffers.emplace_back(bench::coldSetBytes / 4);
    std::memset(buffers.back().data(), 1, buffers.back().size());
  }
}

/// The rate of threads that each read a share, again and again where it is
/// part of one buffer; 0 bytes stand for all the buffers in turn [GB/s].
double Host::read(int64_t bytesOfThread, unsigned threads) {
  std::vector<bench::Pattern> copies;
  if (bytesOfThread)
    copies = {{{buffers[0].data(), size_t(bytesOfThread) * threads}}};
  else
    for (const bench::Buffer &buffer : buffers)
      copies.push_back({{buffer.data(), buffer.size()}});
  bench::TimingOptions timing;
  timing.budgetSeconds = 0.05;
  bench::Ceiling ceiling = bench::readCeiling(copies, threads, timing, isa);
  waited = std::max(waited, ceiling.rate.waited);
  return ceiling.rate.median;
}

ThreadedPeaks Host::peaks(unsigned threads) {
  int64_t l2 = l2Bytes();
  ThreadedPeaks peaks;
  peaks.reads.threads = threads;
  // Close together where L2 ends, then far apart: a cache shared with other
  // guests ends nowhere in particular.
  for (int64_t bytes :
       {l2 / 2, l2, l2 * 3 / 2, 2 * l2, 4 * l2, 16 * l2, 64 * l2})
    if (size_t(bytes) * threads <= buffers[0].size())
      peaks.reads.points.push_back({double(bytes), read(bytes, threads)});
  peaks.reads.points.push_back(
      {double(bench::coldSetBytes) / threads, read(0, threads)});
  bench::TimingOptions timing;
  timing.budgetSeconds = 0.1;
  if (auto peak = bench::computePeak(threads, true, timing, isa)) {
    peaks.bf16Flops = peak->rate.median * 1e9;
    waited = std::max(waited, peak->rate.waited);
  }
  return peaks;
}

/// "this" is the highest level that the host has.
static llvm::Expected<bench::Isa> levelNamed(llvm::StringRef name) {
  bench::Isa host = bench::hostIsa();
  if (host == bench::Isa::Baseline)
    return createStringError("this CPU has no instructions that we measure");
  if (name == "this")
    return host;
  for (int level = 0; level <= int(host); ++level)
    if (bench::isaName(bench::Isa(level)) == name)
      return bench::Isa(level);
  return createStringError(
      llvm::formatv("--gpu cpu:{0}: this CPU offers avx2 to {1}", name,
                    bench::isaName(host)));
}

llvm::Expected<MachineChoice> advisor::measureHost(llvm::StringRef level,
                                                   int64_t threads) {
  llvm::Expected<bench::Isa> isa = levelNamed(level);
  if (!isa)
    return isa.takeError();
  Host host(*isa);
  int64_t cores = std::max(1u, host.description.cores);
  std::vector<int64_t> counts = {1, cores};
  if (threads)
    counts.push_back(threads);
  llvm::sort(counts);
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  if (counts.back() > host.mostThreads())
    return createStringError(llvm::formatv(
        "--gpu cpu:{0} measures up to {1} threads with the L2 of this CPU, not "
        "{2}",
        level, host.mostThreads(), counts.back()));
  MachineChoice choice;
  choice.measuredNow = true;
  for (int64_t count : counts)
    choice.threads.push_back(host.peaks(count));
  choice.machine = {"cpu:" + bench::isaName(*isa).str(),
                    double(host.description.memoryBytes) / 1e9, 0, 0, 0};
  if (llvm::Error error = choice.useThreads(cores))
    return error;
  choice.source = llvm::formatv(
      "measured now on {0}, 1 to {1} threads{2}", host.description.modelName,
      cores,
      host.waited > bench::disturbedShare
          ? " (disturbed by other processes: run again when the machine is "
            "quiet)"
          : "");
  return choice;
}
