//===-- soak.cpp - The runtime for as long as one likes -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn-soak MINUTES PACK: rounds of random calls (RandomCalls.h) from several
// threads, on the scalar kernels and on those of a pack, each result checked.
// After every round nothing that a call took may be left. scripts/soak makes
// the pack, runs this, and says what the verdict line means.
//
//===----------------------------------------------------------------------===//

#include "FakeKernels.h"
#include "RandomCalls.h"

#include "gtest/gtest.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <malloc.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace attn::test;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCallers = 4, kPoolThreads = 3, kCallsPerRound = 50;
/// Pages that the kernel keeps resident or not as it likes.
constexpr int64_t kResidentNoise = 1 << 20;

int64_t readResidentBytes() {
  int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

/// What the process holds between rounds.
struct Memory {
  int64_t allocated, resident;

  static Memory now() {
    malloc_trim(0);
    struct mallinfo2 info = mallinfo2();
    return {int64_t(info.uordblks + info.hblkhd), readResidentBytes()};
  }
};

struct Soak {
  std::vector<RandomCalls> targets;
  uint64_t seed = std::random_device{}();
  int64_t calls = 0;

  void runRound() {
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i)
      callers.emplace_back([this, i] {
        std::mt19937_64 random(seed + uint64_t(i));
        for (int call = 0; call < kCallsPerRound; ++call)
          callAtRandom(targets[random() % targets.size()], random);
      });
    for (std::thread &caller : callers)
      caller.join();
    seed += kCallers;
    calls += kCallers * kCallsPerRound;
  }
};

int64_t toKiB(int64_t bytes) { return bytes / 1024; }

} // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 3) {
    fprintf(stderr, "usage: attn-soak MINUTES PACK\n");
    return 2;
  }
  double seconds = 60 * atof(argv[1]);
  attn_library *library;
  attn_pool *pool;
  if (attn_library_open(argv[2], &library) ||
      attn_pool_create(kPoolThreads, &pool)) {
    fprintf(stderr, "attn-soak: %s\n", attn_error_message());
    return 2;
  }
  attn_kernel_table table = {ATTN_KERNEL_ABI_VERSION,
                             attn_library_num_kernels(library),
                             attn_library_kernel(library, 0),
                             nullptr,
                             0,
                             0};
  Soak soak;
  soak.targets = {{pool, &fakeTable(), argv[2]}, {pool, &table, argv[2], 3e6}};

  // Until a tenth of the time has passed, what is cached for good is allowed to
  // come; the rest of the time nothing may be added to the most seen so far.
  auto start = Clock::now();
  auto elapsed = [&] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Memory most = {0, 0}, last = {0, 0};
  int64_t rounds = 0;
  double nextReport = 60;
  bool wrong = false;
  while (!wrong && (elapsed() < seconds || rounds < 20)) {
    soak.runRound();
    wrong = testing::UnitTest::GetInstance()->Failed() || contractBreaches != 0;
    last = Memory::now();
    if (++rounds < 10 || elapsed() < seconds / 10)
      most = {std::max(most.allocated, last.allocated),
              std::max(most.resident, last.resident)};
    if (elapsed() > nextReport) {
      printf("%.0f s: %lld calls, %lld KiB allocated, %lld KiB resident\n",
             elapsed(), (long long)soak.calls, (long long)toKiB(last.allocated),
             (long long)toKiB(last.resident));
      fflush(stdout);
      nextReport += 60;
    }
  }
  attn_pool_destroy(pool);
  attn_library_close(library);

  int64_t allocated = std::max<int64_t>(0, last.allocated - most.allocated);
  int64_t resident = std::max<int64_t>(0, last.resident - most.resident);
  bool passed = !wrong && allocated == 0 && resident <= kResidentNoise;
  printf("soak %s: %.1f minutes, %lld calls, %s, allocated memory grew by %lld "
         "bytes, resident memory by %lld KiB\n",
         passed ? "passed" : "FAILED", elapsed() / 60, (long long)soak.calls,
         wrong ? "wrong results" : "all results right", (long long)allocated,
         (long long)toKiB(resident));
  return passed ? 0 : 1;
}
