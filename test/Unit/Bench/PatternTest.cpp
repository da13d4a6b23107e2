//===- PatternTest.cpp - Patterns and buffers -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Buffer.h"
#include "attn/Bench/Ceilings.h"

#include "gtest/gtest.h"

using namespace attn::bench;

TEST(Pattern, JoinsNeighbours) {
  Buffer pool(8 * 4096);
  Pattern pattern = pagePattern(pool.data(), {2, 3, 0, 7}, 4096);
  ASSERT_EQ(pattern.size(), 3u);
  EXPECT_EQ(pattern[0].data, pool.data() + 2 * 4096);
  EXPECT_EQ(pattern[0].bytes, 2u * 4096);
  EXPECT_EQ(pattern[1].data, pool.data());
  EXPECT_EQ(patternBytes(pattern), 4u * 4096);
}

TEST(Pattern, SharesCoverEverythingOnce) {
  Buffer pool(64 * 1152);
  Pattern pattern = pagePattern(pool.data(), {5, 1, 9, 8, 7, 33, 2}, 1152);
  for (unsigned threads : {1u, 2u, 3u, 7u}) {
    Pattern joined;
    for (unsigned thread = 0; thread < threads; ++thread) {
      Pattern share = patternShare(pattern, thread, threads);
      EXPECT_NEAR(double(patternBytes(share)),
                  double(patternBytes(pattern)) / threads, 128);
      for (const Chunk &chunk : share) {
        if (!joined.empty() &&
            joined.back().data + joined.back().bytes == chunk.data)
          joined.back().bytes += chunk.bytes;
        else
          joined.push_back(chunk);
      }
    }
    ASSERT_EQ(joined.size(), pattern.size());
    for (size_t i = 0; i < joined.size(); ++i) {
      EXPECT_EQ(joined[i].data, pattern[i].data);
      EXPECT_EQ(joined[i].bytes, pattern[i].bytes);
    }
  }
}

TEST(Pattern, FewBytesLeaveSomeThreadsNone) {
  Buffer pool(4096);
  Pattern pattern = {{pool.data(), 64 + 10}};
  EXPECT_EQ(patternBytes(patternShare(pattern, 0, 4)), 0u);
  EXPECT_EQ(patternBytes(patternShare(pattern, 3, 4)), 64u + 10);
  TimingOptions options;
  options.maxRepetitions = 7;
  EXPECT_GT(readCeiling({pattern}, 4, options).rate.median, 0);
}

TEST(Buffer, IsAlignedAndMovable) {
  Buffer a(100), b = std::move(a);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data()) % (2 << 20), 0u);
  EXPECT_EQ(b.size(), 100u);
  EXPECT_EQ(a.data(), nullptr);
  b = Buffer(200, PageKind::Small);
  EXPECT_EQ(b.size(), 200u);
}

TEST(Buffer, ColdCopiesExceedTheCache) {
  EXPECT_EQ(coldCopies(coldSetBytes), 2u);
  EXPECT_GE(coldCopies(33554432) * 33554432, coldSetBytes);
}
