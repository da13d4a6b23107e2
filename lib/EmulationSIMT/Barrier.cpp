//===- Barrier.cpp - CTA barriers -----------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "attn/EmulationSIMT/Ops.h"

using namespace attn::simt;

static std::string countName(uint32_t count) {
  return count ? std::to_string(count) + " threads" : "all threads";
}

bool Cta::isComplete(const NamedBarrier &barrier) const {
  if (barrier.expected == 0)
    return barrier.arrived >= liveThreads;
  // Barriers count warps: lanes that do not exist or have exited come with the
  // others of their warp.
  uint32_t arrived = barrier.arrived;
  for (size_t i = 0; i < warps.size(); ++i)
    if (barrier.lanes[i])
      arrived += __builtin_popcount((~warps[i].lanes | warps[i].exited) &
                                    ~barrier.lanes[i]);
  return arrived >= barrier.expected;
}

void Cta::barrier(int32_t site, uint32_t id, uint32_t count, bool wait,
                  bool predicate) {
  auto misuse = [&](const std::string &what) {
    fail(FindingKind::Barrier, site,
         threadName(running) + " at barrier " + std::to_string(id) + ": " +
             what);
  };
  if (id >= kNamedBarriers)
    misuse("there are only 16");
  if (count % kWarp != 0)
    misuse(countName(count) + " are not whole warps");
  if (!wait && count == 0)
    misuse("an arrival without a count");
  if (count > warps.size() * kWarp)
    misuse("the CTA has fewer than " + countName(count));

  NamedBarrier &barrier = barriers[id];
  uint32_t warpIndex = running / kWarp, bit = 1u << lane();
  if (!barrier.open) {
    barrier = {};
    barrier.open = true;
    barrier.expected = count;
    barrier.lanes.assign(warps.size(), 0);
    barrier.sites.assign(warps.size(), -1);
  }
  uint32_t &lanes = barrier.lanes[warpIndex];
  int32_t &warpSite = barrier.sites[warpIndex];
  if (barrier.expected != count)
    misuse("it waits for " + countName(count) +
           ", threads that came before for " + countName(barrier.expected));
  if (lanes & bit)
    misuse("it has arrived already at " + launch.location(warpSite) +
           " and the barrier is not complete");
  if (lanes && warpSite != site)
    misuse("another lane of its warp came to it at " +
           launch.location(warpSite));
  lanes |= bit;
  warpSite = site;
  ++barrier.arrived;
  barrier.votes.popc += predicate;
  barrier.votes.all &= predicate;
  barrier.votes.any |= predicate;
  if (launch.config.check)
    release(barrier.knowledge, running);
  if (wait)
    barrier.waiting.push_back(running);
  else
    advance(running);
  if (isComplete(barrier))
    completeBarrier(barrier);
  else if (wait)
    block("bar.sync", site, id);
}

void Cta::completeBarrier(NamedBarrier &barrier) {
  for (size_t i = 0; i < warps.size(); ++i) {
    uint32_t missing = warps[i].lanes & ~warps[i].exited & ~barrier.lanes[i];
    if (barrier.lanes[i] && missing)
      fail(FindingKind::Barrier, barrier.sites[i],
           "some lanes of warp " + std::to_string(i) +
               " are at the barrier, others are elsewhere");
  }
  for (uint32_t waiting : barrier.waiting) {
    if (launch.config.check) {
      acquire(waiting, barrier.knowledge);
      advance(waiting);
    }
    threads[waiting].votes = barrier.votes;
    if (waiting != running)
      wake(waiting);
  }
  barrier.open = false;
}

void attn_simt_barrier(int32_t site, int32_t id, int32_t count) {
  Cta::current().barrier(site, id, count, /*wait=*/true, /*predicate=*/false);
}

void attn_simt_barrier_arrive(int32_t site, int32_t id, int32_t count) {
  Cta::current().barrier(site, id, count, /*wait=*/false, /*predicate=*/false);
}

int32_t attn_simt_barrier_reduce(int32_t site, int32_t id, int32_t count,
                                 int32_t op, int32_t predicate) {
  Cta &cta = Cta::current();
  cta.barrier(site, id, count, /*wait=*/true, predicate != 0);
  const BarrierVotes &votes = cta.thread().votes;
  enum { Popc, And, Or };
  return op == Popc ? votes.popc : op == And ? votes.all : votes.any;
}
