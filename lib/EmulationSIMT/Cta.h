//===- Cta.h - A CTA that runs -------------------------------- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EMULATIONSIMT_CTA_H
#define ATTN_LIB_EMULATIONSIMT_CTA_H

#include "Fiber.h"
#include "Memory.h"
#include "Shadow.h"
#include "attn/EmulationSIMT/Launch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <tuple>

namespace attn::simt {

constexpr uint32_t kWarp = 32;
/// Shared memory is aligned to this: the 18 bits of a matrix descriptor.
constexpr size_t kSharedAlignment = 256 * 1024;
constexpr uint32_t kNamedBarriers = 16;
/// More than this many mbarriers a CTA are refused.
constexpr uint32_t kMBarriers = 64;

/// A synchronisation object's knowledge: what its releasing threads knew.
struct Knowledge {
  std::vector<uint32_t> clock; ///< of the CTA; empty: nothing
  ForeignClocks foreign;
};

/// Where a thread waits.
struct Wait {
  const char *operation = nullptr; ///< null: it does not wait
  int32_t site = 0;
  uint32_t detail = 0; ///< the lane mask, the barrier id
};

/// cp.async of one thread. Copies since the last commit (or mbarrier arrive)
/// are one batch, the unit in which a thread learns of their completion.
struct CopyState {
  struct Copy {
    void *destination;
    const void *source;
    uint32_t bytes, sourceBytes;
    uint32_t batch;
  };
  std::vector<Copy> pending;    ///< not written yet (AsyncCopies::Late)
  std::vector<uint32_t> groups; ///< last batch of each committed group
  uint32_t batch = 1;           ///< that new copies belong to
};

struct BarrierVotes {
  int32_t popc = 0;
  bool all = true, any = false;
};

struct Thread {
  Context context = nullptr;
  bool exited = false;
  Wait wait;
  CopyState copies;
  ForeignClocks foreign;
  /// Released by a fence, for the relaxed atomics that follow it.
  ForeignClocks fenced;
  /// Seen by relaxed atomics, for a fence that follows to acquire.
  ForeignClocks seen;
  /// What the barrier that it left last computed of the predicates.
  BarrierVotes votes;
};

struct Warp;
class Cta;

/// A warp-wide operation that some lanes have reached.
struct Collective {
  /// What the lanes have to agree on.
  struct Key {
    const char *operation = nullptr;
    uint32_t qualifier = 0;
    uint32_t mask = 0;
    int32_t site = -1; ///< -1: lanes may come from different places
    bool operator==(const Key &other) const {
      return operation == other.operation && qualifier == other.qualifier &&
             mask == other.mask && site == other.site;
    }
  };
  using Compute = void (*)(Cta &, Collective &);

  Key key;
  uint32_t arrived = 0;
  uint32_t firstThread = 0; ///< linear id of lane 0
  Compute compute = nullptr;
  void *arguments[kWarp];
  int32_t sites[kWarp];

  template <typename T>
  T &argument(uint32_t lane) {
    return *static_cast<T *>(arguments[lane]);
  }
};

struct Warp {
  uint32_t lanes = 0; ///< that exist
  uint32_t exited = 0;
  uint32_t ready = 0;
  std::vector<Collective> pending;
};

struct NamedBarrier {
  bool open = false;     ///< somebody has arrived
  uint32_t arrived = 0;  ///< threads
  uint32_t expected = 0; ///< 0: all threads of the CTA that have not exited
  std::vector<uint32_t> waiting;
  std::vector<uint32_t> lanes; ///< by warp, those that arrived
  std::vector<int32_t> sites;  ///< by warp, where the first lane did
  Knowledge knowledge;
  BarrierVotes votes;
};

/// An mbarrier object. Its bulk copies are one actor; the copies of a phase are
/// one moment of that actor's time.
struct MBarrier {
  struct Copy {
    char *destination;
    const char *source;
    uint32_t bytes;
  };
  struct Arrival {
    uint32_t thread, batch;
  };

  bool valid = false;
  uint32_t count = 0;   ///< arrivals that a phase needs
  uint32_t pending = 0; ///< that the current one still needs
  int64_t bytes = 0;    ///< expected less completed ones
  uint32_t phase = 0;   ///< the current one, from 0
  uint32_t epoch = 1;   ///< the current one; goes on when initialised again
  uint32_t actor = 0;
  Knowledge knowledge;           ///< of the current phase
  Knowledge completed;           ///< of the one before
  std::vector<Copy> copies;      ///< not written yet (AsyncCopies::Late)
  std::vector<Arrival> arrivals; ///< of cp.async, not performed yet
  std::vector<uint32_t> waiting;
};

/// What the CTAs of a launch share.
struct Launch {
  Launch(const attn_simt_kernel &kernel, void *const *params,
         const LaunchConfig &config, Memory::Impl &memory)
      : kernel(kernel), params(params), config(config), memory(memory),
        firstCta(memory.ctaCount) {}

  const attn_simt_kernel &kernel;
  void *const *params;
  const LaunchConfig &config;
  Memory::Impl &memory;
  uint32_t firstCta; ///< serial number
  std::atomic<uint64_t> nextCta{0};
  std::vector<uint32_t> order;
  std::vector<const char *> sites;
  std::mutex mutex; ///< of what follows
  Report report;
  /// Findings by kind and place(s).
  std::map<std::tuple<FindingKind, int32_t, int32_t>, size_t> known;
  /// What releasing atomics left at an address.
  std::map<uintptr_t, ForeignClocks> atomics;

  Dim3 blockId(uint32_t cta) const;
  std::string location(int32_t site) const;
};

/// Runs CTAs of a launch, one after the other. All methods below `run` are for
/// the fiber that runs.
class Cta {
public:
  explicit Cta(Launch &launch);
  ~Cta();
  void run(uint32_t index);

  static Cta &current();

  // Scheduling.
  uint32_t running = 0;
  uint32_t lane() const { return running % kWarp; }
  Warp &warp() { return warps[running / kWarp]; }
  Thread &thread() { return threads[running]; }
  /// Lets others run until somebody calls `wake` for this thread.
  void block(const char *operation, int32_t site, uint32_t detail);
  void wake(uint32_t thread);
  /// Lets others run; this thread stays ready. `progress`: it did something.
  void yield(bool progress);

  // Findings.
  void report(FindingKind kind, int32_t site, std::string message,
              std::vector<uint32_t> involved, int32_t otherSite = -1);
  void report(FindingKind kind, int32_t site, std::string message) {
    report(kind, site, std::move(message), {running});
  }
  /// Counts one more of a finding that is known already.
  bool reportedBefore(FindingKind kind, int32_t site, int32_t otherSite);
  /// Reports, and ends the CTA.
  [[noreturn]] void fail(FindingKind kind, int32_t site, std::string message,
                         std::vector<uint32_t> involved);
  [[noreturn]] void fail(FindingKind kind, int32_t site, std::string message) {
    fail(kind, site, std::move(message), {running});
  }
  /// "thread 37 (warp 1, lane 5)".
  static std::string threadName(uint32_t thread);
  /// Who made an access, in words.
  std::string actorName(const Access &access) const;

  // Clocks. Actors: the threads, each thread's cp.async, the mbarriers.
  uint32_t copyActor(uint32_t thread) const { return threadCount + thread; }
  uint32_t *clock(uint32_t thread) { return &clocks[thread * actors]; }
  Observer observer(uint32_t thread) {
    return {clock(thread), serial, launch.firstCta, &threads[thread].foreign};
  }
  Access accessOf(uint32_t thread, int32_t site, size_t bytes) {
    Access access;
    access.bytes = static_cast<uint8_t>(std::min<size_t>(bytes, 255));
    access.actor = static_cast<uint16_t>(thread);
    access.clock = clock(thread)[thread];
    access.cta = serial;
    access.site = site;
    return access;
  }
  /// `to` learns all that `thread` knows.
  void release(Knowledge &to, uint32_t thread);
  /// `thread` learns all that `from` knows.
  void acquire(uint32_t thread, const Knowledge &from);
  /// What `thread` does from now on is after what it released.
  void advance(uint32_t thread) { ++clock(thread)[thread]; }
  /// The same for atomics, which other CTAs may see.
  ForeignClocks snapshot(uint32_t thread);
  void learn(uint32_t thread, const ForeignClocks &from);

  // Memory.
  bool isShared(const void *address) const {
    auto value = reinterpret_cast<uintptr_t>(address);
    return value - reinterpret_cast<uintptr_t>(arena) < kSharedAlignment;
  }
  size_t sharedOffset(const void *address) const {
    return static_cast<const char *>(address) - arena;
  }
  /// Checks an access at any address; ends the CTA where it must not happen.
  void checkAccess(int32_t site, const void *address, size_t bytes,
                   uint32_t alignment, bool write, bool atomic = false);
  /// Checks an access to shared memory by `by`, in the order of `thread`.
  void checkShared(uint32_t thread, const void *address, size_t bytes,
                   uint32_t alignment, bool write, const Access &by);

  // Warp-wide operations.
  /// Waits for all lanes of the mask; the last to arrive runs `compute`.
  void collective(const char *operation, uint32_t qualifier, uint32_t mask,
                  bool aligned, int32_t site, void *arguments,
                  Collective::Compute compute);

  // Barriers.
  void barrier(int32_t site, uint32_t id, uint32_t count, bool wait,
               bool predicate);
  NamedBarrier barriers[kNamedBarriers];

  // mbarriers, by their offsets in shared memory.
  /// The valid one at an address, or an end to the CTA.
  MBarrier &mbarrier(int32_t site, const void *address);
  void initMBarrier(int32_t site, const void *address, uint32_t count);
  void arrive(int32_t site, MBarrier &barrier, uint32_t count);
  /// Completes the phase, if that is what is missing.
  void advancePhase(MBarrier &barrier);
  /// Performs what is under way asynchronously.
  void complete(MBarrier &barrier);
  /// Writes what a thread's cp.async up to a batch have to write.
  void performCopies(uint32_t thread, uint32_t batch);
  std::map<size_t, MBarrier> mbarriers;

  Launch &launch;
  Dim3 blockIndex;
  uint32_t index = 0;  ///< linear
  uint32_t serial = 0; ///< over all launches
  uint32_t threadCount;
  uint32_t actors;
  size_t sharedBytes;
  char *arena = nullptr;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::mt19937_64 random;
  Shadow shared;
  uint32_t liveThreads = 0;

private:
  static void fiberMain();
  void exitThread();
  /// The thread to run next, or kNone.
  static constexpr uint32_t kNone = ~0u;
  /// `fair`: every ready thread comes before this one's turn again; otherwise
  /// the warp goes on as long as it can.
  uint32_t pickReady(bool fair);
  uint32_t pickInOrder(bool fair) const;
  void switchTo(uint32_t next);
  [[noreturn]] void leave();
  void deadlock(const std::string &what);
  /// Counts something that takes time; looks at the clock now and then.
  void tick() {
    if (++ticks % (1 << 16) == 0)
      checkTime();
  }
  void checkTime();
  void reportConflict(const Conflict &conflict, const Access &by,
                      const std::string &where, bool write);
  void completeCollectives(Warp &warp);
  bool isComplete(const NamedBarrier &barrier) const;
  void completeBarrier(NamedBarrier &barrier);
  void mapArena();

  Stacks stacks;
  Context mainContext = nullptr;
  std::vector<uint32_t> clocks;
  uint64_t idleYields = 0; ///< since a thread last did something but poll
  std::chrono::steady_clock::time_point idleSince;
  uint32_t ticks = 0;
  std::chrono::steady_clock::time_point started;
  Buffer *lastBuffer = nullptr;
};

} // namespace attn::simt

#endif // ATTN_LIB_EMULATIONSIMT_CTA_H
