//===-- PlanTest.cpp - Properties of the planner --------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Plan.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <map>
#include <random>
#include <tuple>
#include <vector>

using namespace attn::runtime;

namespace {

/// A plan in arrays of exactly the promised capacity, with canaries behind.
struct PlannedBatch {
  PlannedBatch(const PlanShape &shape, std::vector<int32_t> lengths,
               int64_t maxBatch = 0, int64_t maxSeqLen = 0)
      : shape(shape), lengths(std::move(lengths)) {
    int64_t batch = int64_t(this->lengths.size());
    int64_t longest =
        *std::max_element(this->lengths.begin(), this->lengths.end());
    capacity = planCapacity(shape, std::max(maxBatch, batch),
                            std::max(maxSeqLen, std::max<int64_t>(longest, 1)));
    items.resize(size_t(capacity.items) + 1);
    combines.resize(size_t(capacity.combines) + 1);
    threadBegin.resize(size_t(shape.threads) + 2, -7);
    items.back().batch = combines.back().batch = -7;
    plan.items = items.data();
    plan.combines = combines.data();
    plan.threadBegin = threadBegin.data();
    makePlan(shape, {this->lengths.data(), batch, nullptr, 0}, plan);
    EXPECT_EQ(items.back().batch, -7);
    EXPECT_EQ(combines.back().batch, -7);
    EXPECT_EQ(threadBegin.back(), -7);
  }

  int64_t tilesOf(const attn_work_item &item) const {
    return ceilDivide(item.token_end - item.token_begin, shape.kvTile);
  }

  /// Work of a thread in tiles times heads; an empty item counts as a tile.
  int64_t loadOf(int64_t thread) const {
    int64_t load = 0;
    for (int64_t i = threadBegin[size_t(thread)];
         i < threadBegin[size_t(thread) + 1]; ++i) {
      const attn_work_item &item = items[size_t(i)];
      load += std::max<int64_t>(tilesOf(item), 1) *
              (item.head_end - item.head_begin);
    }
    return load;
  }

  PlanShape shape;
  std::vector<int32_t> lengths;
  PlanCapacity capacity;
  std::vector<attn_work_item> items;
  std::vector<attn_combine_item> combines;
  std::vector<int64_t> threadBegin;
  Plan plan;
};

/// Every (request, head, visible token) lies in exactly one item, in pieces
/// that obey the kernel ABI.
void checkCoverage(const PlannedBatch &p) {
  using Ranges = std::vector<std::pair<int64_t, int64_t>>;
  std::map<std::pair<int64_t, int64_t>, Ranges> covered;
  for (int64_t i = 0; i < p.plan.numItems; ++i) {
    const attn_work_item &item = p.items[size_t(i)];
    ASSERT_GE(item.batch, 0);
    ASSERT_LT(item.batch, int64_t(p.lengths.size()));
    ASSERT_EQ(item.seq_len, p.lengths[size_t(item.batch)]);
    ASSERT_EQ(item.blocks, nullptr);
    ASSERT_EQ(item.token_begin % p.shape.kvTile, 0);
    ASSERT_TRUE(item.token_end % p.shape.kvTile == 0 ||
                item.token_end == item.seq_len);
    ASSERT_LE(item.token_end, item.seq_len);
    ASSERT_LE(0, item.head_begin);
    ASSERT_LT(item.head_begin, item.head_end);
    ASSERT_LE(item.head_end, p.shape.kvHeads);
    for (int64_t h = item.head_begin; h < item.head_end; ++h)
      covered[{item.batch, h}].push_back({item.token_begin, item.token_end});
  }
  for (size_t b = 0; b < p.lengths.size(); ++b)
    for (int64_t h = 0; h < p.shape.kvHeads; ++h) {
      Ranges &ranges = covered[{int64_t(b), h}];
      std::sort(ranges.begin(), ranges.end());
      ASSERT_FALSE(ranges.empty());
      TokenRange visible = visibleTokens(p.shape, p.lengths[b]);
      ASSERT_EQ(ranges.front().first, visible.begin);
      ASSERT_EQ(ranges.back().second, visible.end);
      for (size_t i = 1; i < ranges.size(); ++i)
        ASSERT_EQ(ranges[i].first, ranges[i - 1].second);
      for (auto [begin, end] : ranges)
        ASSERT_TRUE(begin < end || (ranges.size() == 1 && p.lengths[b] == 0));
    }
}

/// Each slot belongs to one merge and is written once per head, in the order of
/// the tokens; what no merge covers is written directly.
void checkSlots(const PlannedBatch &p) {
  ASSERT_LE(p.plan.numItems, p.capacity.items);
  ASSERT_LE(p.plan.numSlots, p.capacity.slots);
  ASSERT_LE(p.plan.numCombines, p.capacity.combines);
  std::map<int64_t, int64_t> requestOfSlot, firstSlot;
  int64_t next = 0;
  for (int64_t i = 0; i < p.plan.numCombines; ++i) {
    const attn_combine_item &c = p.combines[size_t(i)];
    ASSERT_EQ(c.slot_begin, next);
    ASSERT_GE(c.slot_count, 2);
    ASSERT_EQ(c.slot_stride, 1);
    ASSERT_TRUE(firstSlot.emplace(c.batch, next).second);
    for (int64_t s = 0; s < c.slot_count; ++s)
      requestOfSlot[next++] = c.batch;
  }
  ASSERT_EQ(next, p.plan.numSlots);
  std::map<int64_t, int64_t> headsOfSlot;
  std::map<int64_t, TokenRange> tokensOfSlot;
  for (int64_t i = 0; i < p.plan.numItems; ++i) {
    const attn_work_item &item = p.items[size_t(i)];
    ASSERT_EQ(item.slot >= 0, firstSlot.count(item.batch) == 1);
    if (item.slot < 0)
      continue;
    ASSERT_EQ(requestOfSlot.at(item.slot), item.batch);
    headsOfSlot[item.slot] += item.head_end - item.head_begin;
    TokenRange tokens = {item.token_begin, item.token_end};
    auto [at, isNew] = tokensOfSlot.emplace(item.slot, tokens);
    ASSERT_TRUE(isNew || at->second.begin == tokens.begin);
  }
  for (auto [slot, request] : requestOfSlot) {
    ASSERT_EQ(headsOfSlot[slot], p.shape.kvHeads);
    if (slot > firstSlot[request]) {
      ASSERT_EQ(tokensOfSlot[slot].begin, tokensOfSlot[slot - 1].end);
    }
  }
}

/// Thread ranges are contiguous and cover the items; the merges are dealt out
/// once each.
void checkThreads(const PlannedBatch &p) {
  ASSERT_EQ(p.threadBegin[0], 0);
  ASSERT_EQ(p.threadBegin[size_t(p.shape.threads)], p.plan.numItems);
  for (int64_t t = 0; t < p.shape.threads; ++t)
    ASSERT_LE(p.threadBegin[size_t(t)], p.threadBegin[size_t(t) + 1]);
  ASSERT_GT(p.threadBegin[1], 0) << "the caller has nothing to do";

  // A head of one chunk of rows, of exactly two, and of two and a bit.
  for (int64_t rows : {int64_t(3), 2 * kCombineRows, 2 * kCombineRows + 1}) {
    std::map<std::tuple<int64_t, int64_t, int64_t>, int> merged;
    for (int64_t t = 0; t < p.shape.threads; ++t)
      forEachCombine(
          p.plan.numCombines, p.shape.kvHeads, rows, p.shape.threads, t,
          [&](int64_t i) { return p.combines[size_t(i)]; },
          [&](const attn_combine_item &c) {
            ASSERT_LT(c.head_begin, c.head_end);
            ASSERT_LT(c.row_begin, c.row_end);
            ASSERT_LE(c.row_end - c.row_begin, kCombineRows);
            for (int64_t h = c.head_begin; h < c.head_end; ++h)
              for (int64_t r = c.row_begin; r < c.row_end; ++r)
                ++merged[{c.batch, h, r}];
          });
    ASSERT_EQ(int64_t(merged.size()),
              p.plan.numCombines * p.shape.kvHeads * rows);
    for (auto &[key, count] : merged)
      ASSERT_EQ(count, 1);
  }
}

/// What a thread may carry past an even share: twice what a cut may move. One
/// within an empty request moves by that request's tile, on all heads.
/// Balanced: a cut by tokens moves by half a tile, and by less than four tiles
/// away from a piece below the minimum; one by heads moves by half a head of a
/// request of fewer than 8 tiles a share. Invariant: one moves by half a head
/// of a piece.
int64_t allowedExcess(const PlannedBatch &p) {
  int64_t empty = 2 * p.shape.kvHeads;
  if (p.shape.splitTokens)
    return std::max(empty, p.shape.splitTokens / p.shape.kvTile);
  return std::max(empty + 6 * p.shape.kvHeads, 8 * p.shape.threads);
}

void checkBalance(const PlannedBatch &p) {
  int64_t total = 0, most = 0;
  for (int64_t t = 0; t < p.shape.threads; ++t) {
    total += p.loadOf(t);
    most = std::max(most, p.loadOf(t));
  }
  int64_t threads = std::clamp<int64_t>(total / 4, 1, p.shape.threads);
  EXPECT_LE(most, ceilDivide(total, threads) + allowedExcess(p))
      << "tile " << p.shape.kvTile << " heads " << p.shape.kvHeads
      << " threads " << p.shape.threads << " split " << p.shape.splitTokens;
}

PlanShape makeShape(int64_t tile, int64_t heads, int64_t threads) {
  PlanShape shape;
  shape.kvTile = tile;
  shape.kvHeads = heads;
  shape.threads = threads;
  return shape;
}

int64_t drawFrom(std::mt19937_64 &random, std::vector<int64_t> choices) {
  return choices[random() % choices.size()];
}

TEST(Plan, HoldsItsPropertiesOnRandomBatches) {
  for (uint64_t i = 0; i < 500; ++i) {
    uint64_t seed = std::random_device{}() + i;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    PlanShape shape = makeShape(drawFrom(random, {1, 8, 16, 32, 64}),
                                drawFrom(random, {1, 2, 3, 4, 8, 32}),
                                drawFrom(random, {1, 2, 3, 4, 7, 16, 61}));
    shape.qLen = drawFrom(random, {1, 2, 5, 8});
    shape.window = drawFrom(random, {0, 0, 1, 100, 1024, INT64_MAX});
    if (random() % 2)
      shape.splitTokens = shape.kvTile * drawFrom(random, {1, 2, 8, 64});
    int64_t longest = drawFrom(random, {3, 60, 1000, 20000});
    std::vector<int32_t> lengths(size_t(1 + random() % 40));
    for (int32_t &length : lengths)
      length = random() % 5 ? int32_t(random() % uint64_t(longest + 1)) : 0;
    PlannedBatch p(shape, lengths);
    checkCoverage(p);
    checkSlots(p);
    checkThreads(p);
    checkBalance(p);
    if (HasFailure())
      return;
  }
}

TEST(Plan, LongContextIsCutByTokensWithinOneTile) {
  for (int64_t threads : {1, 2, 3, 7, 16})
    for (int64_t heads : {1, 8, 32})
      for (int32_t length : {100000, 131072}) {
        PlannedBatch p(makeShape(32, heads, threads), {length});
        EXPECT_EQ(p.plan.numItems, threads);
        EXPECT_EQ(p.plan.numSlots, threads > 1 ? threads : 0);
        int64_t total = ceilDivide(length, 32) * heads;
        for (int64_t t = 0; t < threads; ++t)
          EXPECT_LE(std::abs(p.loadOf(t) - total / threads), heads);
      }
}

TEST(Plan, ShortContextIsCutByHeadsWithoutPartials) {
  PlannedBatch p(makeShape(32, 8, 2), {300});
  EXPECT_EQ(p.plan.numSlots, 0);
  ASSERT_EQ(p.plan.numItems, 2);
  EXPECT_EQ(p.items[0].head_end, 4);
  EXPECT_EQ(p.items[1].head_begin, 4);
  EXPECT_EQ(p.items[1].slot, -1);
}

TEST(Plan, TinyWorkStaysOnTheCaller) {
  PlannedBatch one(makeShape(32, 2, 8), {40});
  EXPECT_EQ(one.plan.numItems, 1);
  EXPECT_EQ(one.threadBegin[1], 1);
  // One kv head cannot be cut by heads, and a piece below four tiles is not
  // worth a merge.
  PlannedBatch two(makeShape(32, 1, 2), {6 * 32});
  EXPECT_EQ(two.plan.numItems, 1);
  EXPECT_EQ(two.plan.numSlots, 0);
  PlannedBatch three(makeShape(32, 1, 2), {8 * 32});
  EXPECT_EQ(three.plan.numItems, 2);
}

TEST(Plan, EachCutSplitsAtMostOneRequest) {
  std::vector<int32_t> lengths(37, 4000);
  PlannedBatch p(makeShape(32, 4, 8), lengths);
  EXPECT_LE(p.plan.numCombines, 7);
  EXPECT_LE(p.plan.numItems, 37 + 7);
  int64_t direct = 0;
  for (int64_t i = 0; i < p.plan.numItems; ++i)
    direct += p.items[size_t(i)].slot < 0;
  EXPECT_GE(direct, 37 - 7);
}

TEST(Plan, WindowSkipsWhatNoQuerySees) {
  PlanShape shape = makeShape(16, 1, 1);
  shape.window = 100;
  // One query at position 999 sees tokens 900 to 999.
  EXPECT_EQ(visibleTokens(shape, 1000).begin, 896);
  // Token 896 is seen once the first query is at 995.
  EXPECT_EQ(visibleTokens(shape, 996).begin, 896);
  EXPECT_EQ(visibleTokens(shape, 995).begin, 880);
  shape.qLen = 5;
  EXPECT_EQ(visibleTokens(shape, 1000).begin, 896);
  EXPECT_EQ(visibleTokens(shape, 999).begin, 880);
  EXPECT_EQ(visibleTokens(shape, 40).begin, 0);
  EXPECT_EQ(visibleTokens(shape, 0).end, 0);
  shape.window = 1;
  shape.kvTile = 1;
  shape.qLen = 1;
  EXPECT_EQ(visibleTokens(shape, 1000).begin, 999);
}

TEST(Plan, InvariantSplitsDependOnTheLengthAlone) {
  using Piece = std::tuple<int64_t, int64_t, int64_t>; // begin, end, slot rank
  auto piecesOf = [](const PlannedBatch &p, int64_t request, int64_t head) {
    std::vector<Piece> pieces;
    int64_t base = -1;
    for (int64_t i = 0; i < p.plan.numCombines; ++i)
      if (p.combines[size_t(i)].batch == request)
        base = p.combines[size_t(i)].slot_begin;
    for (int64_t i = 0; i < p.plan.numItems; ++i) {
      const attn_work_item &item = p.items[size_t(i)];
      if (item.batch == request && item.head_begin <= head &&
          head < item.head_end)
        pieces.push_back({item.token_begin, item.token_end,
                          item.slot < 0 ? -1 : item.slot - base});
    }
    return pieces;
  };
  for (uint64_t i = 0; i < 300; ++i) {
    uint64_t seed = std::random_device{}() + i;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    PlanShape shape = makeShape(16, drawFrom(random, {1, 4}), 1);
    shape.splitTokens = 16 * drawFrom(random, {1, 4, 128});
    shape.window = drawFrom(random, {0, 200});
    int32_t length = int32_t(random() % 5000);
    PlannedBatch alone(shape, {length});
    shape.threads = drawFrom(random, {2, 5, 16});
    std::vector<int32_t> lengths(size_t(1 + random() % 9));
    for (int32_t &other : lengths)
      other = int32_t(random() % 9000);
    size_t at = random() % lengths.size();
    lengths[at] = length;
    PlannedBatch together(shape, lengths, 64, 100000);
    for (int64_t head = 0; head < shape.kvHeads; ++head)
      ASSERT_EQ(piecesOf(alone, 0, head),
                piecesOf(together, int64_t(at), head));
  }
}

TEST(Plan, CapacityIsAttained) {
  PlanShape shape = makeShape(16, 1, 4);
  PlannedBatch balanced(shape, {4096, 4096});
  EXPECT_EQ(balanced.plan.numItems, 2 + 2);
  PlannedBatch odd(shape, {4096, 4096, 4096});
  EXPECT_EQ(odd.plan.numItems, odd.capacity.items);
  EXPECT_EQ(odd.plan.numSlots, odd.capacity.slots);
  EXPECT_EQ(odd.plan.numCombines, odd.capacity.combines);
  shape.splitTokens = 512;
  shape.threads = 1;
  PlannedBatch invariant(shape, {4096, 4096});
  EXPECT_EQ(invariant.plan.numItems, invariant.capacity.items);
  EXPECT_EQ(invariant.plan.numSlots, invariant.capacity.slots);
  EXPECT_EQ(invariant.plan.numCombines, invariant.capacity.combines);
}

} // namespace
