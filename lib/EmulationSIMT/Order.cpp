//===- Order.cpp - Clocks, fences and atomic operations -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "attn/EmulationSIMT/Ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace attn::simt;

static void join(std::vector<uint32_t> &to, const uint32_t *from) {
  for (size_t i = 0; i < to.size(); ++i)
    to[i] = std::max(to[i], from[i]);
}

/// Snapshots are shared, so a joined one is new.
static void join(ForeignClocks &to, const ForeignClocks &from) {
  for (const auto &[cta, clock] : from) {
    std::shared_ptr<std::vector<uint32_t>> &mine = to[cta];
    if (!mine || mine == clock) {
      mine = clock;
      continue;
    }
    auto joined = std::make_shared<std::vector<uint32_t>>(*mine);
    join(*joined, clock->data());
    mine = std::move(joined);
  }
}

void Cta::release(Knowledge &to, uint32_t thread) {
  const uint32_t *from = clock(thread);
  if (to.clock.empty())
    to.clock.assign(from, from + actors);
  else
    join(to.clock, from);
  if (!threads[thread].foreign.empty())
    join(to.foreign, threads[thread].foreign);
}

void Cta::acquire(uint32_t thread, const Knowledge &from) {
  uint32_t *to = clock(thread);
  for (size_t i = 0; i < from.clock.size(); ++i)
    to[i] = std::max(to[i], from.clock[i]);
  if (!from.foreign.empty())
    join(threads[thread].foreign, from.foreign);
}

ForeignClocks Cta::snapshot(uint32_t thread) {
  ForeignClocks result = threads[thread].foreign;
  const uint32_t *own = clock(thread);
  result[serial] = std::make_shared<std::vector<uint32_t>>(own, own + actors);
  return result;
}

void Cta::learn(uint32_t thread, const ForeignClocks &from) {
  for (const auto &[cta, known] : from) {
    if (cta != serial) {
      join(threads[thread].foreign, {{cta, known}});
      continue;
    }
    uint32_t *own = clock(thread);
    for (uint32_t i = 0; i < actors; ++i)
      own[i] = std::max(own[i], (*known)[i]);
  }
}

// The PTX memory model, "Release and Acquire Patterns": a fence and a relaxed
// write that follows it release, a relaxed read and a fence that follows it
// acquire.
void attn_simt_fence(int32_t) {
  Cta &cta = Cta::current();
  Thread &thread = cta.thread();
  cta.learn(cta.running, thread.seen);
  thread.seen.clear();
  thread.fenced = cta.snapshot(cta.running);
  cta.advance(cta.running);
}

template <typename T>
static T fromBits(int64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <typename T>
static int64_t toBits(T value) {
  int64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}

/// What becomes of `old`; Int is signed, Float of its size.
template <typename Int, typename Float>
static int64_t combine(int32_t op, int64_t old, int64_t operand,
                       int64_t compare) {
  using Unsigned = std::make_unsigned_t<Int>;
  auto a = static_cast<Int>(old), b = static_cast<Int>(operand);
  auto ua = static_cast<Unsigned>(a), ub = static_cast<Unsigned>(b);
  auto fa = fromBits<Float>(old), fb = fromBits<Float>(operand);
  switch (op) {
  case ATTN_SIMT_ATOMIC_STORE:
  case ATTN_SIMT_ATOMIC_XCHG:
    return b;
  case ATTN_SIMT_ATOMIC_ADD:
    return static_cast<Int>(ua + ub);
  case ATTN_SIMT_ATOMIC_SUB:
    return static_cast<Int>(ua - ub);
  case ATTN_SIMT_ATOMIC_AND:
    return a & b;
  case ATTN_SIMT_ATOMIC_OR:
    return a | b;
  case ATTN_SIMT_ATOMIC_XOR:
    return a ^ b;
  case ATTN_SIMT_ATOMIC_MAX:
    return std::max(a, b);
  case ATTN_SIMT_ATOMIC_MIN:
    return std::min(a, b);
  case ATTN_SIMT_ATOMIC_UMAX:
    return static_cast<Int>(std::max(ua, ub));
  case ATTN_SIMT_ATOMIC_UMIN:
    return static_cast<Int>(std::min(ua, ub));
  case ATTN_SIMT_ATOMIC_FADD:
    return toBits(static_cast<Float>(fa + fb));
  case ATTN_SIMT_ATOMIC_FMAX:
    return toBits(std::fmax(fa, fb));
  case ATTN_SIMT_ATOMIC_FMIN:
    return toBits(std::fmin(fa, fb));
  case ATTN_SIMT_ATOMIC_UINC:
    return ua >= ub ? 0 : static_cast<Int>(ua + 1);
  case ATTN_SIMT_ATOMIC_UDEC:
    return ua == 0 || ua > ub ? b : static_cast<Int>(ua - 1);
  case ATTN_SIMT_ATOMIC_CMPXCHG:
    return a == static_cast<Int>(compare) ? b : a;
  default:
    return a;
  }
}

int64_t attn_simt_atomic(int32_t site, int32_t op, void *address, int32_t bytes,
                         int64_t operand, int64_t compare, int32_t order) {
  Cta &cta = Cta::current();
  bool reads = op != ATTN_SIMT_ATOMIC_STORE;
  bool writes = op != ATTN_SIMT_ATOMIC_LOAD;
  cta.checkAccess(site, address, bytes, bytes, writes, /*atomic=*/true);
  int64_t old = 0;
  bool changed = false;
  {
    // Value and knowledge have to change together: who reads what another CTA
    // wrote also learns what that one knew.
    std::lock_guard<std::mutex> lock(cta.launch.mutex);
    std::memcpy(&old, address, bytes);
    int64_t value = bytes == 4
                        ? combine<int32_t, float>(op, old, operand, compare)
                        : combine<int64_t, double>(op, old, operand, compare);
    if (writes)
      std::memcpy(address, &value, bytes);
    changed = writes && std::memcmp(&old, &value, bytes) != 0;
    ForeignClocks &left =
        cta.launch.atomics[reinterpret_cast<uintptr_t>(address)];
    if (reads && order & ATTN_SIMT_ACQUIRE)
      cta.learn(cta.running, left);
    else if (reads)
      join(cta.thread().seen, left);
    if (op == ATTN_SIMT_ATOMIC_STORE)
      left.clear();
    if (writes && order & ATTN_SIMT_RELEASE)
      join(left, cta.snapshot(cta.running));
    else if (writes)
      join(left, cta.thread().fenced);
  }
  if (order & ATTN_SIMT_RELEASE)
    cta.advance(cta.running);
  // Others may wait for this, or it is a poll.
  cta.yield(changed);
  return old;
}
