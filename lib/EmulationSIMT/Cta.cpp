//===- Cta.cpp - Scheduling the threads of a CTA --------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace attn::simt;

static thread_local Cta *currentCta = nullptr;

Cta &Cta::current() { return *currentCta; }

Cta::Cta(Launch &launch)
    : launch(launch),
      threadCount(launch.config.block.x * launch.config.block.y *
                  launch.config.block.z),
      actors(2 * threadCount + kMBarriers),
      sharedBytes(launch.kernel.static_shared_bytes +
                  launch.config.dynamicSharedBytes),
      random(launch.config.seed) {
  mapArena();
  stacks.reserve(threadCount);
  threads.resize(threadCount);
  warps.resize((threadCount + kWarp - 1) / kWarp);
}

Cta::~Cta() { munmap(arena, kSharedAlignment); }

void Cta::mapArena() {
  // Twice the size, for the alignment; what is too much goes back.
  size_t bytes = 2 * kSharedAlignment;
  void *mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (mapped == MAP_FAILED) {
    std::fprintf(stderr, "attn-simt: no memory below 2^31 for shared memory\n");
    std::abort();
  }
  auto *start = static_cast<char *>(mapped);
  size_t before = -reinterpret_cast<uintptr_t>(start) % kSharedAlignment;
  size_t after = bytes - kSharedAlignment - before;
  if (before)
    munmap(start, before);
  arena = start + before;
  if (after)
    munmap(arena + kSharedAlignment, after);
}

void Cta::run(uint32_t newIndex) {
  index = newIndex;
  serial = launch.firstCta + index;
  blockIndex = launch.blockId(index);
  random.seed(launch.config.seed * 0x9E3779B97F4A7C15u + index);
  std::memset(arena, 0xFF, sharedBytes);
  if (launch.config.check)
    shared.reset(sharedBytes, /*initialized=*/false);
  clocks.assign(size_t(threadCount) * actors, 0);
  for (NamedBarrier &barrier : barriers)
    barrier = {};
  mbarriers.clear();
  for (uint32_t i = 0; i < threadCount; ++i) {
    threads[i] = {};
    threads[i].context = stacks.start(i, fiberMain);
    advance(i);
  }
  for (uint32_t i = 0; i < warps.size(); ++i) {
    uint32_t count = std::min(kWarp, threadCount - i * kWarp);
    warps[i] = {};
    warps[i].lanes = count == kWarp ? ~0u : (1u << count) - 1;
    warps[i].ready = warps[i].lanes;
  }
  liveThreads = threadCount;
  started = std::chrono::steady_clock::now();
  idleYields = 0;
  currentCta = this;
  bool reverse = launch.config.schedule == Schedule::Reverse;
  running = reverse ? threadCount - 1 : 0;
  if (launch.config.schedule == Schedule::Random)
    running = static_cast<uint32_t>(random() % threadCount);
  warp().ready &= ~(1u << lane());
  switchContext(&mainContext, thread().context);
  currentCta = nullptr;
}

void Cta::fiberMain() {
  Cta &cta = current();
  cta.launch.kernel.entry(cta.launch.params);
  cta.exitThread();
}

uint32_t Cta::pickInOrder(bool fair) const {
  auto count = static_cast<uint32_t>(warps.size());
  bool reverse = launch.config.schedule == Schedule::Reverse;
  uint32_t own = running / kWarp, lane = running % kWarp;
  // The lanes of the own warp that come after this one.
  uint32_t after = reverse ? ~(~0u << lane) : ~1u << lane;
  auto pick = [&](uint32_t warp, uint32_t ready) {
    uint32_t chosen =
        reverse ? kWarp - 1 - __builtin_clz(ready) : __builtin_ctz(ready);
    return warp * kWarp + chosen;
  };
  uint32_t ready = warps[own].ready;
  if (ready & after)
    return pick(own, ready & after);
  if (ready && !fair)
    return pick(own, ready);
  for (uint32_t i = 1; i < count; ++i) {
    uint32_t other = (reverse ? own + count - i : own + i) % count;
    if (warps[other].ready)
      return pick(other, warps[other].ready);
  }
  return ready ? pick(own, ready) : kNone;
}

uint32_t Cta::pickReady(bool fair) {
  if (launch.config.schedule != Schedule::Random)
    return pickInOrder(fair);
  uint32_t count = 0;
  for (const Warp &warp : warps)
    count += __builtin_popcount(warp.ready);
  if (count == 0)
    return kNone;
  auto nth = static_cast<uint32_t>(random() % count);
  for (uint32_t i = 0;; ++i) {
    uint32_t ready = warps[i].ready;
    uint32_t here = __builtin_popcount(ready);
    if (nth >= here) {
      nth -= here;
      continue;
    }
    for (; nth > 0; --nth)
      ready &= ready - 1;
    return i * kWarp + __builtin_ctz(ready);
  }
}

void Cta::switchTo(uint32_t next) {
  Context *from = &thread().context;
  running = next;
  warp().ready &= ~(1u << lane());
  switchContext(from, thread().context);
}

void Cta::leave() {
  Context dropped;
  switchContext(&dropped, mainContext);
  __builtin_unreachable();
}

void Cta::block(const char *operation, int32_t site, uint32_t detail) {
  thread().wait = {operation, site, detail};
  idleYields = 0;
  uint32_t next = pickReady(/*fair=*/false);
  if (next == kNone)
    deadlock("no thread of the CTA can go on");
  tick();
  switchTo(next);
  thread().wait = {};
}

void Cta::wake(uint32_t woken) {
  warps[woken / kWarp].ready |= 1u << woken % kWarp;
}

void Cta::yield(bool progress) {
  constexpr uint64_t kPollsPerLook = 1 << 12;
  if (progress)
    idleYields = 0;
  else if (idleYields++ == 0)
    idleSince = std::chrono::steady_clock::now();
  else if (idleYields % kPollsPerLook == 0 &&
           std::chrono::steady_clock::now() - idleSince >
               std::chrono::duration<double>(launch.config.pollSeconds))
    deadlock("all threads of the CTA poll");
  uint32_t next = pickReady(/*fair=*/true);
  if (next == kNone)
    return;
  wake(running);
  switchTo(next);
}

void Cta::exitThread() {
  idleYields = 0;
  thread().exited = true;
  warp().exited |= 1u << lane();
  --liveThreads;
  completeCollectives(warp());
  for (NamedBarrier &barrier : barriers)
    if (barrier.open && isComplete(barrier))
      completeBarrier(barrier);
  if (liveThreads == 0)
    leave();
  uint32_t next = pickReady(/*fair=*/false);
  if (next == kNone)
    deadlock("no thread of the CTA can go on");
  switchTo(next);
  __builtin_unreachable();
}

void Cta::checkTime() {
  if (std::chrono::steady_clock::now() - started >
      std::chrono::duration<double>(launch.config.maxSeconds))
    deadlock("the CTA does not come to an end");
}

/// "0-31, 40" for ascending numbers.
static std::string ranges(const std::vector<uint32_t> &numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1)
      ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[i]);
    if (end - i > 1)
      text += "-" + std::to_string(numbers[end - 1]);
    i = end;
  }
  return text;
}

void Cta::deadlock(const std::string &what) {
  // Threads in the same state on one line.
  std::map<std::tuple<std::string, int32_t, uint32_t>, std::vector<uint32_t>>
      states;
  std::vector<uint32_t> stuck;
  for (uint32_t i = 0; i < threadCount; ++i) {
    const Wait &wait = threads[i].wait;
    bool isReady = warps[i / kWarp].ready >> i % kWarp & 1;
    if (threads[i].exited)
      states[{"exited", 0, 0}].push_back(i);
    else if (isReady || !wait.operation)
      states[{"running", 0, 0}].push_back(i);
    else
      states[{wait.operation, wait.site, wait.detail}].push_back(i);
    if (!threads[i].exited)
      stuck.push_back(i);
  }
  std::string message = what;
  for (const auto &[state, members] : states) {
    const auto &[operation, site, detail] = state;
    message += "\n  threads " + ranges(members) + ": ";
    if (operation == "exited" || operation == "running") {
      message += operation;
      continue;
    }
    char number[16];
    std::snprintf(number, sizeof(number), "%#x", detail);
    message += "waiting in " + operation + " " + number + " at " +
               launch.location(site);
  }
  fail(FindingKind::Deadlock, thread().wait.site, std::move(message),
       std::move(stuck));
}
