//===- Timing.cpp - Timing callables, on one thread or a team -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Timing.h"

#include <cassert>
#include <chrono>
#include <filesystem>
#include <fstream>

using namespace attn::bench;

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Spins until `done()`; gives the core away now and then, for a team may have
/// more threads than there are free cores.
template <typename Predicate>
void spinUntil(Predicate done) {
  for (size_t spins = 1; !done(); ++spins) {
    __builtin_ia32_pause();
    if (spins % 4096 == 0)
      std::this_thread::yield();
  }
}

} // namespace

Summary attn::bench::measure(const TimedBody &body,
                             const TimingOptions &options) {
  return measureInTurn({body}, options).front();
}

std::vector<Summary>
attn::bench::measureInTurn(const std::vector<TimedBody> &bodies,
                           const TimingOptions &options) {
  size_t rotation = 0;
  for (size_t i = 0; i < options.warmUps; ++i)
    for (const TimedBody &body : bodies)
      body(rotation++);

  std::vector<std::vector<double>> samples(bodies.size());
  double budget = options.budgetSeconds * double(bodies.size());
  double waitedBefore = secondsWithoutCore();
  Clock::time_point start = Clock::now();
  for (size_t i = 0; i < options.maxRepetitions; ++i) {
    if (i >= options.minRepetitions && secondsSince(start) > budget)
      break;
    for (size_t b = 0; b < bodies.size(); ++b) {
      Clock::time_point begin = Clock::now();
      bodies[b](rotation++);
      samples[b].push_back(secondsSince(begin));
    }
  }

  double elapsed = secondsSince(start);
  double waited = secondsWithoutCore() - waitedBefore;
  std::vector<Summary> summaries;
  summaries.reserve(samples.size());
  for (std::vector<double> &sample : samples)
    summaries.push_back(summarize(std::move(sample)));
  for (Summary &summary : summaries)
    summary.waited = waited / elapsed;
  return summaries;
}

double attn::bench::secondsWithoutCore() {
  namespace fs = std::filesystem;
  double nanoseconds = 0;
  std::error_code error;
  for (const auto &task : fs::directory_iterator("/proc/self/task", error)) {
    // Time on a core, time waiting for one, number of turns.
    std::ifstream statistics(task.path() / "schedstat");
    double ran = 0, waited = 0;
    if (statistics >> ran >> waited)
      nanoseconds += waited;
  }
  return nanoseconds * 1e-9;
}

ThreadTeam::ThreadTeam(unsigned threads) : numThreads(threads) {
  assert(threads >= 1 && "a team has at least the calling thread");
  pending = threads - 1;
  for (unsigned thread = 1; thread < threads; ++thread)
    workers.emplace_back([this, thread] { work(thread); });
  spinUntil([this] { return pending == 0; });
}

ThreadTeam::~ThreadTeam() {
  current = nullptr;
  ++generation;
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadTeam::run(const std::function<void(unsigned)> &task) {
  pending = numThreads - 1;
  current = &task;
  ++generation; // Publishes `pending` and `current`, and is the start.
  task(0);
  spinUntil([this] { return pending == 0; });
}

void ThreadTeam::work(unsigned thread) {
  size_t seen = 0;
  for (--pending;; --pending) {
    spinUntil([&] { return generation != seen; });
    ++seen;
    if (!current)
      return;
    (*current)(thread);
  }
}
