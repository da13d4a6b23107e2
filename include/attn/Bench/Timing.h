//===- Timing.h - Timing callables, on one thread or a team -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_TIMING_H
#define ATTN_BENCH_TIMING_H

#include "attn/Bench/Statistics.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace attn::bench {

/// How long and how often to measure.
struct TimingOptions {
  /// Repetitions that are made whatever they cost.
  size_t minRepetitions = 7;
  /// Repetitions after which to stop although time is left.
  size_t maxRepetitions = 2000;
  /// Untimed calls before the first repetition.
  size_t warmUps = 2;
  /// Time [s] after which no repetition beyond `minRepetitions` starts.
  double budgetSeconds = 0.3;
};

/// What is timed. `rotation` counts calls from 0, warm-ups included: a body
/// that wants cold data takes copy `rotation % copies`.
using TimedBody = std::function<void(size_t rotation)>;

/// A measurement during which more than this share was spent without a core
/// says little: a median stands a few disturbed repetitions, not this.
constexpr double disturbedShare = 0.05;

/// Times `body`; the summary is in seconds. For cold data, the copies must
/// together exceed the last-level cache by far (see `coldCopies`).
Summary measure(const TimedBody &body, const TimingOptions &options = {});

/// Times several bodies in turn (one repetition of each, then the next), so
/// that a disturbance of the machine meets all of them alike. The rotation is
/// shared: no two consecutive calls get the same one. The budget is for each.
std::vector<Summary> measureInTurn(const std::vector<TimedBody> &bodies,
                                   const TimingOptions &options = {});

/// Seconds that this process's live threads, taken together, have been ready to
/// run while other processes had the cores; 0 where the kernel does not count
/// them. What grows this during a measurement spoils it.
double secondsWithoutCore();

/// Threads that start a task together. The calling thread is thread 0; the
/// others spin between tasks, so that a start costs well below a microsecond.
/// Keep a team only as long as a measurement.
class ThreadTeam {
public:
  /// Starts `threads` - 1 threads (`threads` >= 1) and waits until all run.
  explicit ThreadTeam(unsigned threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam &) = delete;
  ThreadTeam &operator=(const ThreadTeam &) = delete;

  unsigned size() const { return numThreads; }

  /// Runs `task(thread)` on every thread; returns once all have finished.
  void run(const std::function<void(unsigned thread)> &task);

private:
  void work(unsigned thread);

  unsigned numThreads;
  const std::function<void(unsigned)> *current = nullptr;
  std::atomic<size_t> generation{0};
  std::atomic<unsigned> pending{0};
  std::vector<std::thread> workers;
};

} // namespace attn::bench

#endif // ATTN_BENCH_TIMING_H
