//===-- Plan.cpp - Which thread does which tokens -------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Plan.h"

#include <algorithm>

using namespace attn::runtime;

namespace {

/// Writing, reading back and merging a partial state costs about what one or
/// two tiles cost for GQA and about four for MLA with 128 heads, so a smaller
/// piece is not worth a split.
constexpr int64_t kMinSplitTiles = 4;

/// A request that leaves each of its threads fewer tiles is cut by heads where
/// it has enough of them. From here on tokens are better: all heads of a page
/// are then read together.
constexpr int64_t kMinTokenCutTiles = 8;

/// Tiles times kv heads (around a microsecond each) that make it worth waking
/// one more thread.
constexpr int64_t kMinThreadWork = 4;

/// Deals a line of work out to threads. The line is measured in units of one
/// tile of one kv head.
class Planner {
public:
  Planner(const PlanShape &shape, const PlanBatch &batch, Plan &plan)
      : shape(shape), batch(batch), plan(plan) {}

  void run();

private:
  /// Some tokens of a request, bound for one slot.
  struct Piece {
    int64_t request;
    TokenRange tokens;
    int64_t slot;
  };

  int64_t countTiles(TokenRange tokens) const {
    return ceilDivide(tokens.end - tokens.begin, shape.kvTile);
  }

  /// An empty request costs a tile too: its output must be written.
  int64_t cost(TokenRange tokens) const {
    return std::max<int64_t>(countTiles(tokens), 1) * shape.kvHeads;
  }

  /// Where on the line thread `t` begins; rounded up, so that thread 0 has work
  /// if anyone has. Formed so as not to overflow.
  int64_t threadStart(int64_t t) const {
    return total / threads * t + ceilDivide(total % threads * t, threads);
  }

  /// Whether the next thread begins before `place`.
  bool nextThreadBegins(int64_t place) const {
    return thread + 1 < threads && threadStart(thread + 1) < place;
  }

  /// Whether the thread has nothing yet. Rounding a cut down would leave it so
  /// while others work; it then takes the least that can be cut instead.
  bool isIdle() const { return plan.threadBegin[thread] == plan.numItems; }

  void startNextThread() { plan.threadBegin[++thread] = plan.numItems; }

  void skipToThreadOf(int64_t place) {
    while (nextThreadBegins(place + 1))
      startNextThread();
  }

  void emit(const Piece &piece, int64_t headBegin, int64_t headEnd);
  void emitByHeads(const Piece &piece);
  void emitByTokens(int64_t request, TokenRange tokens);
  void addCombine(int64_t request, int64_t slotCount);
  bool prefersHeads(TokenRange tokens) const;
  void planBalanced(int64_t request, TokenRange tokens);
  void planInvariant(int64_t request, TokenRange tokens);

  const PlanShape &shape;
  const PlanBatch &batch;
  Plan &plan;
  int64_t total = 0;    ///< length of the line
  int64_t position = 0; ///< where on the line planning has come
  int64_t threads = 1;  ///< threads that get work
  int64_t thread = 0;   ///< the thread that gets the next item
};

void Planner::emit(const Piece &piece, int64_t headBegin, int64_t headEnd) {
  attn_work_item &item = plan.items[plan.numItems++];
  item.blocks = batch.getBlocks(piece.request);
  item.batch = piece.request;
  item.seq_len = batch.getLength(piece.request);
  item.token_begin = piece.tokens.begin;
  item.token_end = piece.tokens.end;
  item.head_begin = headBegin;
  item.head_end = headEnd;
  item.slot = piece.slot;
}

void Planner::addCombine(int64_t request, int64_t slotCount) {
  attn_combine_item &combine = plan.combines[plan.numCombines++];
  combine = {}; // heads and rows are forEachCombine's
  combine.batch = request;
  combine.slot_begin = plan.numSlots;
  combine.slot_count = slotCount;
  combine.slot_stride = 1;
  plan.numSlots += slotCount;
}

/// Emits a piece, giving the threads that begin within it a share of its heads.
void Planner::emitByHeads(const Piece &piece) {
  int64_t end = position + cost(piece.tokens);
  int64_t perHead = cost(piece.tokens) / shape.kvHeads;
  int64_t head = 0;
  while (nextThreadBegins(end)) {
    int64_t offset = threadStart(thread + 1) - position;
    int64_t cut = (2 * offset + perHead) / (2 * perHead);
    cut = std::max(cut, isIdle() ? head + 1 : head);
    cut = std::min(cut, shape.kvHeads);
    if (cut > head)
      emit(piece, head, cut);
    head = cut;
    startNextThread();
  }
  if (head < shape.kvHeads)
    emit(piece, head, shape.kvHeads);
}

/// Emits a request, giving the threads that begin within it a share of its
/// tiles. A share below the minimum goes to the neighbour instead.
void Planner::emitByTokens(int64_t request, TokenRange tokens) {
  int64_t tiles = countTiles(tokens), heads = shape.kvHeads;
  int64_t end = position + cost(tokens);
  int64_t done = 0, pieces = 0;
  auto emitTiles = [&](int64_t from, int64_t to) {
    TokenRange range = {tokens.begin + from * shape.kvTile,
                        std::min(tokens.begin + to * shape.kvTile, tokens.end)};
    emit({request, range, plan.numSlots + pieces++}, 0, heads);
  };
  while (nextThreadBegins(end)) {
    int64_t offset = threadStart(thread + 1) - position;
    int64_t cut = (2 * offset + heads) / (2 * heads);
    cut = std::max(cut, isIdle() ? done + kMinSplitTiles : done);
    if (tiles - cut < kMinSplitTiles)
      break;
    if (cut - done >= kMinSplitTiles) {
      emitTiles(done, cut);
      done = cut;
    }
    startNextThread();
  }
  emitTiles(done, tiles);
  if (pieces == 1)
    plan.items[plan.numItems - 1].slot = -1;
  else
    addCombine(request, pieces);
}

bool Planner::prefersHeads(TokenRange tokens) const {
  int64_t end = position + cost(tokens), shares = 1;
  while (thread + shares < threads && threadStart(thread + shares) < end)
    ++shares;
  bool balances = shape.kvHeads % shares == 0 || shape.kvHeads >= 2 * shares;
  return balances && countTiles(tokens) < shares * kMinTokenCutTiles;
}

void Planner::planBalanced(int64_t request, TokenRange tokens) {
  if (prefersHeads(tokens))
    emitByHeads({request, tokens, -1});
  else
    emitByTokens(request, tokens);
  position += cost(tokens);
}

void Planner::planInvariant(int64_t request, TokenRange tokens) {
  int64_t pieces = ceilDivide(tokens.end - tokens.begin, shape.splitTokens);
  for (int64_t i = 0; i < pieces; ++i) {
    int64_t begin = tokens.begin + i * shape.splitTokens;
    TokenRange range = {begin, std::min(begin + shape.splitTokens, tokens.end)};
    skipToThreadOf(position);
    emitByHeads({request, range, pieces > 1 ? plan.numSlots + i : -1});
    position += cost(range);
  }
  if (pieces > 1)
    addCombine(request, pieces);
}

void Planner::run() {
  plan.numItems = plan.numSlots = plan.numCombines = 0;
  for (int64_t i = 0; i < batch.size; ++i)
    total += cost(visibleTokens(shape, batch.getLength(i)));
  threads = std::clamp<int64_t>(total / kMinThreadWork, 1, shape.threads);
  plan.threadBegin[0] = 0;
  for (int64_t i = 0; i < batch.size; ++i) {
    TokenRange tokens = visibleTokens(shape, batch.getLength(i));
    skipToThreadOf(position);
    if (tokens.begin == tokens.end) {
      emit({i, tokens, -1}, 0, shape.kvHeads);
      position += cost(tokens);
    } else if (shape.splitTokens) {
      planInvariant(i, tokens);
    } else {
      planBalanced(i, tokens);
    }
  }
  while (thread < shape.threads)
    startNextThread();
}

} // namespace

TokenRange attn::runtime::visibleTokens(const PlanShape &shape,
                                        int64_t seqLen) {
  if (seqLen == 0 || shape.window == 0)
    return {0, seqLen};
  // The first query sees furthest to the left. Subtract in steps: a window may
  // be as large as int64 goes.
  int64_t first = seqLen - shape.qLen + 1;
  first = first > shape.window ? first - shape.window : 0;
  return {first - first % shape.kvTile, seqLen};
}

int64_t attn::runtime::visibleCapacity(const PlanShape &shape,
                                       int64_t maxSeqLen) {
  if (!shape.window || shape.window >= maxSeqLen)
    return maxSeqLen;
  // The longest range starts as far left of the window as rounding goes.
  return std::min(maxSeqLen, shape.window + shape.qLen - 1 + shape.kvTile - 1);
}

PlanCapacity attn::runtime::planCapacity(const PlanShape &shape,
                                         int64_t maxBatch, int64_t maxSeqLen) {
  int64_t cuts = shape.threads - 1;
  if (!shape.splitTokens)
    return {maxBatch + cuts, 2 * cuts, cuts};
  int64_t pieces =
      ceilDivide(visibleCapacity(shape, maxSeqLen), shape.splitTokens);
  int64_t splits = pieces > 1 ? maxBatch : 0;
  return {maxBatch * pieces + cuts, splits * pieces, splits};
}

void attn::runtime::makePlan(const PlanShape &shape, const PlanBatch &batch,
                             Plan &plan) {
  Planner(shape, batch, plan).run();
}
