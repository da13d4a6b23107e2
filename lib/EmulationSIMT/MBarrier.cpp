//===- MBarrier.cpp - mbarriers and bulk copies ---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "attn/EmulationSIMT/Ops.h"

#include <algorithm>
#include <cstring>
#include <utility>

using namespace attn::simt;

static constexpr size_t kMBarrierBytes = 8;

void Cta::initMBarrier(int32_t site, const void *address, uint32_t count) {
  if (!isShared(address))
    fail(FindingKind::OutOfBounds, site,
         threadName(running) + ": an mbarrier outside of shared memory");
  checkShared(running, address, kMBarrierBytes, kMBarrierBytes, /*write=*/true,
              accessOf(running, site, kMBarrierBytes));
  if (count == 0 || count >= 1u << 20)
    fail(FindingKind::Barrier, site,
         "an mbarrier for " + std::to_string(count) + " arrivals");
  auto [place, isNew] = mbarriers.try_emplace(sharedOffset(address));
  MBarrier &barrier = place->second;
  if (isNew)
    barrier.actor =
        2 * threadCount + static_cast<uint32_t>(mbarriers.size()) - 1;
  if (mbarriers.size() > kMBarriers)
    fail(FindingKind::Barrier, site,
         "more than " + std::to_string(kMBarriers) + " mbarriers");
  if (barrier.valid)
    fail(FindingKind::Barrier, site,
         threadName(running) + " initialises an mbarrier that is in use");
  uint32_t actor = barrier.actor, epoch = barrier.epoch;
  barrier = {};
  barrier.valid = true;
  barrier.count = barrier.pending = count;
  barrier.actor = actor;
  barrier.epoch = epoch;
}

MBarrier &Cta::mbarrier(int32_t site, const void *address) {
  auto found = isShared(address) ? mbarriers.find(sharedOffset(address))
                                 : mbarriers.end();
  if (found == mbarriers.end() || !found->second.valid)
    fail(FindingKind::Barrier, site,
         threadName(running) + " uses an mbarrier that is not initialised");
  // All uses but the initialisation are atomic; that has to come before.
  Access by = accessOf(running, site, kMBarrierBytes);
  by.atomic = true;
  checkShared(running, address, kMBarrierBytes, kMBarrierBytes,
              /*write=*/false, by);
  return found->second;
}

void Cta::arrive(int32_t site, MBarrier &barrier, uint32_t count) {
  if (count > barrier.pending)
    fail(FindingKind::Barrier, site,
         threadName(running) + " arrives at an mbarrier that waits for " +
             std::to_string(barrier.pending) + " more of its " +
             std::to_string(barrier.count) + " arrivals");
  barrier.pending -= count;
  advancePhase(barrier);
}

void Cta::advancePhase(MBarrier &barrier) {
  if (barrier.pending > 0 || barrier.bytes != 0)
    return;
  barrier.pending = barrier.count;
  ++barrier.phase;
  ++barrier.epoch;
  barrier.completed = std::move(barrier.knowledge);
  barrier.knowledge = {};
  for (uint32_t waiting : barrier.waiting)
    wake(waiting);
  barrier.waiting.clear();
}

void Cta::complete(MBarrier &barrier) {
  auto learnOf = [&](uint32_t actor, uint32_t time) {
    std::vector<uint32_t> &clock = barrier.knowledge.clock;
    clock.resize(actors);
    clock[actor] = std::max(clock[actor], time);
  };
  for (const MBarrier::Copy &copy : std::exchange(barrier.copies, {})) {
    std::memcpy(copy.destination, copy.source, copy.bytes);
    learnOf(barrier.actor, barrier.epoch);
    barrier.bytes -= copy.bytes;
    advancePhase(barrier);
  }
  for (const MBarrier::Arrival &arrival : std::exchange(barrier.arrivals, {})) {
    performCopies(arrival.thread, arrival.batch);
    learnOf(copyActor(arrival.thread), arrival.batch);
    --barrier.pending;
    advancePhase(barrier);
  }
}

void attn_simt_mbarrier_init(int32_t site, void *address, int32_t count) {
  Cta::current().initMBarrier(site, address, count);
}

void attn_simt_mbarrier_inval(int32_t site, void *address) {
  MBarrier &barrier = Cta::current().mbarrier(site, address);
  barrier.valid = false;
}

int64_t attn_simt_mbarrier_arrive(int32_t site, void *address, int32_t count,
                                  int32_t bytes) {
  Cta &cta = Cta::current();
  MBarrier &barrier = cta.mbarrier(site, address);
  uint32_t phase = barrier.phase;
  barrier.bytes += bytes;
  if (count > 0) {
    if (cta.launch.config.check)
      cta.release(barrier.knowledge, cta.running);
    cta.advance(cta.running);
    cta.arrive(site, barrier, count);
  }
  return phase;
}

void attn_simt_mbarrier_copies_arrive(int32_t site, void *address,
                                      int32_t noinc) {
  Cta &cta = Cta::current();
  MBarrier &barrier = cta.mbarrier(site, address);
  if (!noinc)
    ++barrier.pending;
  else if (barrier.arrivals.size() >= barrier.pending)
    cta.arrive(site, barrier, barrier.pending + 1); // One too many.
  barrier.arrivals.push_back({cta.running, cta.thread().copies.batch++});
  if (cta.launch.config.async == AsyncCopies::Eager || !barrier.waiting.empty())
    cta.complete(barrier);
}

int32_t attn_simt_mbarrier_test(int32_t site, void *address, int64_t phase,
                                int32_t is_state, int32_t wait) {
  Cta &cta = Cta::current();
  MBarrier &barrier = cta.mbarrier(site, address);
  auto isOver = [&] {
    return is_state ? barrier.phase > static_cast<uint64_t>(phase)
                    : (barrier.phase & 1) != (phase & 1);
  };
  if (!isOver())
    cta.complete(barrier);
  while (!isOver()) {
    if (!wait) {
      cta.yield(/*progress=*/false);
      return 0;
    }
    barrier.waiting.push_back(cta.running);
    cta.block("mbarrier.try_wait", site,
              static_cast<uint32_t>(cta.sharedOffset(address)));
  }
  if (cta.launch.config.check)
    cta.acquire(cta.running, barrier.completed);
  return 1;
}

void attn_simt_bulk_load(int32_t site, void *shared, const void *global,
                         void *mbarrier, int32_t bytes) {
  constexpr int32_t kUnit = 16;
  Cta &cta = Cta::current();
  MBarrier &barrier = cta.mbarrier(site, mbarrier);
  if (bytes <= 0 || bytes % kUnit != 0)
    cta.fail(FindingKind::AsyncCopy, site,
             Cta::threadName(cta.running) + " copies " + std::to_string(bytes) +
                 " bytes, no multiple of 16");
  if (!cta.isShared(shared))
    cta.fail(FindingKind::OutOfBounds, site,
             Cta::threadName(cta.running) +
                 " copies to an address outside of shared memory");
  cta.checkAccess(site, global, bytes, kUnit, /*write=*/false);
  Access by = cta.accessOf(cta.running, site, bytes);
  by.actor = static_cast<uint16_t>(barrier.actor);
  by.clock = barrier.epoch;
  cta.checkShared(cta.running, shared, bytes, kUnit, /*write=*/true, by);
  barrier.copies.push_back({static_cast<char *>(shared),
                            static_cast<const char *>(global),
                            static_cast<uint32_t>(bytes)});
  if (cta.launch.config.async == AsyncCopies::Eager || !barrier.waiting.empty())
    cta.complete(barrier);
  else
    std::memset(shared, 0xFF, bytes);
}
