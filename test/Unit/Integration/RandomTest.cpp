//===- RandomTest.cpp - Random problems -----------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ATTN_TEST_SEED repeats a run, ATTN_TEST_RANDOM says how many problems it has,
// and ATTN_TEST_CASE='gqa:32/8/128 bf16 row' runs one problem alone. A failure
// prints the case and its seed.
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

using namespace attn::test;

namespace {

/// Draws cases, as lines, all of which must compile and run.
class Dice {
public:
  explicit Dice(uint64_t seed) : random(seed) {}

  std::string drawCase();

private:
  int64_t within(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % (high - low + 1));
  }
  bool oneIn(int64_t n) { return within(1, n) == 1; }
  template <typename T>
  T among(std::initializer_list<T> list) {
    return list.begin()[within(0, list.size() - 1)];
  }
  std::string drawShape(int64_t &rows);

  std::mt19937_64 random;
};

} // namespace

/// A shape, and the query rows that one token has in a KV head.
std::string Dice::drawShape(int64_t &rows) {
  auto text = [](int64_t n) { return std::to_string(n); };
  if (oneIn(4)) {
    rows = within(1, 40);
    int64_t rank = 16 * within(2, 32), rope = 16 * within(0, 4);
    if (rope)
      return "mla:" + text(rows) + "/" + text(rank) + "+" + text(rope);
    return "mqa:" + text(rows) + "/" + text(rank);
  }
  rows = oneIn(8) ? within(17, 71) : within(1, 16);
  int64_t heads = rows > 16 ? 1 : within(1, 4);
  int64_t k = 16 * within(2, 16), v = oneIn(2) ? k : 16 * within(1, 16);
  return "gqa:" + text(rows * heads) + "/" + text(heads) + "/" + text(k) + "+" +
         text(v);
}

std::string Dice::drawCase() {
  auto text = [](int64_t n) { return std::to_string(n); };
  int64_t rows;
  std::string line = drawShape(rows);
  line += among({" bf16", " bf16", " f16", " f32"});
  int64_t qLen = oneIn(2) ? 1 : within(2, std::min<int64_t>(8, 160 / rows));
  line += " q=" + text(qLen);
  if (oneIn(2))
    line += " own pages=" + text(32 * within(1, 8));
  else if (oneIn(6))
    line += " row pages=0";
  else
    line += " row pages=" + text(within(1, 300)) + "," + text(within(1, 80));
  bool causal = !oneIn(4);
  if (!causal)
    line += " full";
  else if (oneIn(3))
    line += " window=" + text(oneIn(2) ? within(1, 20) : within(20, 300));
  if (oneIn(4))
    line += " sinks";
  if (oneIn(4))
    line += among({" softcap=1", " softcap=30"});
  if (oneIn(4))
    line += among({" score=alibi", " score=documents", " score=batch"});
  if (oneIn(8))
    line += " nolse";
  line += " lens=";
  for (int64_t i = within(1, 6); i > 0; --i)
    line += text(oneIn(8) ? 0 : within(causal ? qLen : 1, 400)) +
            (i > 1 ? "," : "");
  return line;
}

static int64_t environmentOr(const char *name, int64_t otherwise) {
  const char *text = getenv(name);
  return text ? static_cast<int64_t>(strtoull(text, nullptr, 10)) : otherwise;
}

TEST(Random, MatchesTheOracle) {
  uint64_t fresh = std::random_device()() % 1000000;
  uint64_t seed = environmentOr("ATTN_TEST_SEED", fresh);
  if (const char *line = getenv("ATTN_TEST_CASE"))
    return checkCase(Case(line), environmentOr("ATTN_TEST_SEED", 1));
  int64_t count = environmentOr("ATTN_TEST_RANDOM", 24);
  std::cout << "ATTN_TEST_SEED=" << seed << " ATTN_TEST_RANDOM=" << count
            << std::endl;
  Dice dice(seed);
  for (int64_t i = 0; i < count && !HasFailure(); ++i) {
    std::string line = dice.drawCase();
    SCOPED_TRACE("problem " + std::to_string(i) + " of seed " +
                 std::to_string(seed));
    checkCase(Case(line), seed + i);
  }
}
