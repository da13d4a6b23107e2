//===- Warp.cpp - Warp-wide operations ------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "attn/EmulationSIMT/Ops.h"

#include <algorithm>
#include <cstdio>

using namespace attn::simt;

static std::string hexMask(uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof(text), "%#x", mask);
  return text;
}

/// Calls `function` for each set bit.
template <typename Function>
static void forLanes(uint32_t mask, Function function) {
  for (; mask; mask &= mask - 1)
    function(static_cast<uint32_t>(__builtin_ctz(mask)));
}

static std::vector<uint32_t> threadsOf(uint32_t firstThread, uint32_t mask) {
  std::vector<uint32_t> result;
  forLanes(mask, [&](uint32_t lane) { result.push_back(firstThread + lane); });
  return result;
}

void Cta::collective(const char *operation, uint32_t qualifier, uint32_t mask,
                     bool aligned, int32_t site, void *arguments,
                     Collective::Compute compute) {
  Warp &own = warp();
  uint32_t bit = 1u << lane(), firstThread = running - lane();
  if (!(mask & bit))
    fail(FindingKind::Collective, site,
         threadName(running) + " is not in its own lane mask " + hexMask(mask));
  if (mask & ~own.lanes)
    fail(FindingKind::Collective, site,
         "the lane mask " + hexMask(mask) + " names lanes that the warp of " +
             threadName(running) + " does not have");
  if (aligned && own.exited)
    fail(FindingKind::Collective, site,
         operation + std::string(" needs the whole warp, of which lanes ") +
             hexMask(own.exited) + " have exited");

  Collective::Key key = {operation, qualifier, mask, aligned ? site : -1};
  Collective *found = nullptr;
  for (Collective &pending : own.pending) {
    if (pending.key == key) {
      found = &pending;
      continue;
    }
    // They wait for this lane, and it for one of them.
    if (pending.key.mask & bit && mask & pending.arrived) {
      uint32_t other = __builtin_ctz(pending.arrived & mask);
      std::vector<uint32_t> involved = threadsOf(firstThread, pending.arrived);
      involved.push_back(running);
      fail(FindingKind::Collective, site,
           threadName(running) + " is at " + operation + " with lane mask " +
               hexMask(mask) + ", lanes " + hexMask(pending.arrived) +
               " of its warp wait for it in " + pending.key.operation +
               " with lane mask " + hexMask(pending.key.mask) + " at " +
               launch.location(pending.sites[other]),
           std::move(involved));
    }
  }
  if (!found) {
    found = &own.pending.emplace_back();
    found->key = key;
    found->compute = compute;
    found->firstThread = firstThread;
  }
  found->arrived |= bit;
  found->arguments[lane()] = arguments;
  found->sites[lane()] = site;
  if (found->arrived != (mask & ~own.exited))
    return block(operation, site, mask);

  found->compute(*this, *found);
  own.ready |= found->arrived & ~bit;
  if (found != &own.pending.back())
    *found = own.pending.back();
  own.pending.pop_back();
}

void Cta::completeCollectives(Warp &warp) {
  for (size_t i = 0; i < warp.pending.size();) {
    Collective &pending = warp.pending[i];
    if (pending.arrived != (pending.key.mask & ~warp.exited)) {
      ++i;
      continue;
    }
    if (pending.key.site >= 0)
      fail(FindingKind::Collective, pending.key.site,
           threadName(running) + " has exited, its warp waits for it in " +
               pending.key.operation);
    pending.compute(*this, pending);
    warp.ready |= pending.arrived;
    warp.pending.erase(warp.pending.begin() + i);
  }
}

//===----------------------------------------------------------------------===//
// shfl.sync
//===----------------------------------------------------------------------===//

namespace {
struct Shuffle {
  enum Kind { Bfly, Up, Down, Idx };
  int32_t value, offset, clamp;
  int64_t result;
};

struct Vote {
  enum Kind { Any, All, Ballot, Uni };
  int32_t predicate;
  int32_t result;
};

struct Reduction {
  enum Kind { Add = 1, And, Max, Min, Or, UMax, UMin, Xor };
  int32_t value;
  int32_t result;
};
} // namespace

/// The source lane of `lane`, and whether it lies in range (PTX ISA,
/// shfl.sync).
static std::pair<uint32_t, bool> shuffleSource(uint32_t kind, uint32_t lane,
                                               const Shuffle &shuffle) {
  uint32_t b = shuffle.offset & 31;
  uint32_t clamp = shuffle.clamp & 31, segment = shuffle.clamp >> 8 & 31;
  uint32_t last = (lane & segment) | (clamp & ~segment);
  uint32_t source = 0;
  bool inRange = false;
  switch (kind) {
  case Shuffle::Up:
    source = lane - b;
    inRange = static_cast<int32_t>(source) >= static_cast<int32_t>(last);
    break;
  case Shuffle::Down:
    source = lane + b;
    inRange = source <= last;
    break;
  case Shuffle::Bfly:
    source = lane ^ b;
    inRange = source <= last;
    break;
  default:
    source = (lane & segment) | (b & ~segment);
    inRange = source <= last;
    break;
  }
  return {inRange ? source : lane, inRange};
}

static void computeShuffle(Cta &cta, Collective &op) {
  forLanes(op.arrived, [&](uint32_t lane) {
    auto &own = op.argument<Shuffle>(lane);
    auto [source, inRange] = shuffleSource(op.key.qualifier, lane, own);
    uint32_t value = 0xFFFFFFFF;
    if (op.arrived >> source & 1)
      value = op.argument<Shuffle>(source).value;
    else
      cta.report(FindingKind::Collective, op.sites[lane],
                 Cta::threadName(op.firstThread + lane) +
                     " takes a value from lane " + std::to_string(source) +
                     ", which takes no part",
                 {op.firstThread + lane, op.firstThread + source});
    own.result = static_cast<int64_t>(uint64_t(inRange) << 32 | value);
  });
}

int64_t attn_simt_shfl(int32_t site, int32_t kind, int32_t mask, int32_t value,
                       int32_t offset, int32_t clamp) {
  Shuffle shuffle = {value, offset, clamp, 0};
  Cta::current().collective("shfl.sync", kind, mask, /*aligned=*/false, site,
                            &shuffle, computeShuffle);
  return shuffle.result;
}

//===----------------------------------------------------------------------===//
// vote.sync, redux.sync, elect.sync, bar.warp.sync
//===----------------------------------------------------------------------===//

static void computeVote(Cta &, Collective &op) {
  uint32_t ballot = 0;
  forLanes(op.arrived, [&](uint32_t lane) {
    ballot |= uint32_t(op.argument<Vote>(lane).predicate != 0) << lane;
  });
  uint32_t result = ballot;
  if (op.key.qualifier == Vote::Any)
    result = ballot != 0;
  else if (op.key.qualifier == Vote::All)
    result = ballot == op.arrived;
  else if (op.key.qualifier == Vote::Uni)
    result = ballot == 0 || ballot == op.arrived;
  forLanes(op.arrived, [&](uint32_t lane) {
    op.argument<Vote>(lane).result = static_cast<int32_t>(result);
  });
}

int32_t attn_simt_vote(int32_t site, int32_t kind, int32_t mask, int32_t pred) {
  Vote vote = {pred, 0};
  Cta::current().collective("vote.sync", kind, mask, /*aligned=*/false, site,
                            &vote, computeVote);
  return vote.result;
}

static int32_t reduce(uint32_t kind, int32_t a, int32_t b) {
  auto ua = static_cast<uint32_t>(a), ub = static_cast<uint32_t>(b);
  switch (kind) {
  case Reduction::Add:
    return static_cast<int32_t>(ua + ub);
  case Reduction::And:
    return a & b;
  case Reduction::Max:
    return std::max(a, b);
  case Reduction::Min:
    return std::min(a, b);
  case Reduction::Or:
    return a | b;
  case Reduction::UMax:
    return static_cast<int32_t>(std::max(ua, ub));
  case Reduction::UMin:
    return static_cast<int32_t>(std::min(ua, ub));
  default:
    return a ^ b;
  }
}

static void computeReduction(Cta &, Collective &op) {
  uint32_t first = __builtin_ctz(op.arrived);
  int32_t result = op.argument<Reduction>(first).value;
  forLanes(op.arrived & ~(1u << first), [&](uint32_t lane) {
    result =
        reduce(op.key.qualifier, result, op.argument<Reduction>(lane).value);
  });
  forLanes(op.arrived, [&](uint32_t lane) {
    op.argument<Reduction>(lane).result = result;
  });
}

int32_t attn_simt_redux(int32_t site, int32_t kind, int32_t mask,
                        int32_t value) {
  Reduction reduction = {value, 0};
  Cta::current().collective("redux.sync", kind, mask, /*aligned=*/false, site,
                            &reduction, computeReduction);
  return reduction.result;
}

/// PTX promises that the same mask elects the same lane, not which. So each
/// schedule elects another one.
static void computeElection(Cta &cta, Collective &op) {
  uint32_t leader = __builtin_ctz(op.arrived);
  if (cta.launch.config.schedule == Schedule::Reverse)
    leader = kWarp - 1 - __builtin_clz(op.arrived);
  if (cta.launch.config.schedule == Schedule::Random) {
    std::minstd_rand random(
        static_cast<uint32_t>(cta.launch.config.seed ^ op.key.mask) + 1);
    uint32_t lanes = op.arrived;
    for (uint32_t skip = random() % __builtin_popcount(lanes); skip > 0; --skip)
      lanes &= lanes - 1;
    leader = __builtin_ctz(lanes);
  }
  forLanes(op.arrived,
           [&](uint32_t lane) { op.argument<int32_t>(lane) = lane == leader; });
}

int32_t attn_simt_elect(int32_t site, int32_t mask) {
  int32_t elected = 0;
  Cta::current().collective("elect.sync", 0, mask, /*aligned=*/false, site,
                            &elected, computeElection);
  return elected;
}

/// The only one that orders memory accesses of its lanes.
static void computeWarpSync(Cta &cta, Collective &op) {
  if (!cta.launch.config.check)
    return;
  Knowledge joined;
  forLanes(op.arrived,
           [&](uint32_t lane) { cta.release(joined, op.firstThread + lane); });
  forLanes(op.arrived, [&](uint32_t lane) {
    cta.acquire(op.firstThread + lane, joined);
    cta.advance(op.firstThread + lane);
  });
}

void attn_simt_warp_sync(int32_t site, int32_t mask) {
  Cta::current().collective("bar.warp.sync", 0, mask, /*aligned=*/false, site,
                            nullptr, computeWarpSync);
}
