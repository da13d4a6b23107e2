//===- engine.cpp - Continuous batching over a paged cache ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "engine.h"

#include <algorithm>
#include <cmath>

using namespace engine;

namespace {

/// A request that is being decoded.
struct Running {
  int id;
  const Request *request;
  std::vector<int32_t> blocks;
  int length = 0; ///< tokens in the cache
  int next;       ///< token to feed
};

class Scheduler {
public:
  Scheduler(const Model &model, Attention &attention, const Limits &limits,
            const std::vector<Request> &requests)
      : model(model), attention(attention), limits(limits), requests(requests) {
    for (int block = limits.blocks; block-- > 0;)
      freeBlocks.push_back(block);
    result.tokens.resize(requests.size());
    result.margin = INFINITY;
  }

  Result run() {
    while (admit(), !running.empty())
      step();
    return std::move(result);
  }

private:
  /// Blocks for the tokens that a request will have: the last one chosen is
  /// not fed any more.
  int blocksFor(const Request &request) const {
    int tokens = int(request.prompt.size()) + request.newTokens - 1;
    return (tokens + limits.page - 1) / limits.page;
  }

  void admit() {
    while (waiting < requests.size() && int(running.size()) < limits.maxBatch) {
      const Request &request = requests[waiting];
      int count = blocksFor(request);
      if (count > int(freeBlocks.size()))
        return;
      Running started{int(waiting++), &request, {}, 0, request.prompt[0]};
      started.blocks.assign(freeBlocks.end() - count, freeBlocks.end());
      freeBlocks.resize(freeBlocks.size() - count);
      running.push_back(std::move(started));
    }
  }

  void step() {
    ++result.steps;
    result.fullest = std::max(result.fullest, int(running.size()));
    size_t batch = running.size();
    std::vector<int32_t> lens, table;
    std::vector<int64_t> slots;
    std::vector<Vector> x;
    for (const Running &r : running) {
      lens.push_back(r.length + 1);
      slots.push_back(int64_t(r.blocks[r.length / limits.page]) * limits.page +
                      r.length % limits.page);
      table.insert(table.end(), r.blocks.begin(), r.blocks.end());
      table.resize(slots.size() * limits.maxBlocks, -1);
      const float *row = &model.embedding[r.next * model.config.hidden];
      x.emplace_back(row, row + model.config.hidden);
    }
    Step step{int(batch), lens.data(), table.data(), slots.data()};
    const Config &c = model.config;
    Vector out(batch * c.heads * c.vWidth());
    for (int layer = 0; layer < c.layers; ++layer) {
      Vector q, k, v;
      for (size_t b = 0; b < batch; ++b) {
        Token t = project(c, model.layers[layer], x[b], running[b].length);
        q.insert(q.end(), t.q.begin(), t.q.end());
        k.insert(k.end(), t.k.begin(), t.k.end());
        v.insert(v.end(), t.v.begin(), t.v.end());
      }
      attention.run(layer, step, q, k, v, out);
      for (size_t b = 0; b < batch; ++b)
        finish(c, model.layers[layer], &out[b * c.heads * c.vWidth()], x[b]);
    }
    for (size_t b = 0; b < batch; ++b)
      advance(running[b], x[b]);
    for (const Running &r : running)
      if (isDone(r))
        freeBlocks.insert(freeBlocks.end(), r.blocks.begin(), r.blocks.end());
    running.erase(std::remove_if(running.begin(), running.end(),
                                 [&](const Running &r) { return isDone(r); }),
                  running.end());
  }

  bool isDone(const Running &r) const {
    return int(result.tokens[r.id].size()) == r.request->newTokens;
  }

  /// Takes the next token: the prompt's, or the likeliest one.
  void advance(Running &r, const Vector &x) {
    ++r.length;
    if (r.length < int(r.request->prompt.size())) {
      r.next = r.request->prompt[r.length];
      return;
    }
    Vector scores = logits(model, x);
    r.next =
        int(std::max_element(scores.begin(), scores.end()) - scores.begin());
    float best = scores[r.next];
    scores[r.next] = -INFINITY;
    result.margin = std::min(
        result.margin, best - *std::max_element(scores.begin(), scores.end()));
    result.tokens[r.id].push_back(r.next);
  }

  const Model &model;
  Attention &attention;
  const Limits limits;
  const std::vector<Request> &requests;
  std::vector<int32_t> freeBlocks;
  std::vector<Running> running;
  size_t waiting = 0; ///< the first request that has not started
  Result result;
};

} // namespace

std::vector<Request> engine::makeRequests(const Config &config, int count,
                                          uint32_t seed) {
  auto random = [&](int below) {
    seed = seed * 1664525u + 1013904223u;
    return int((seed >> 8) % uint32_t(below));
  };
  std::vector<Request> requests(count);
  for (Request &request : requests) {
    request.prompt.resize(1 + random(60));
    for (int &token : request.prompt)
      token = random(config.vocabulary);
    request.newTokens = 1 + random(40);
  }
  return requests;
}

Result engine::generate(const Model &model, Attention &attention,
                        const Limits &limits,
                        const std::vector<Request> &requests) {
  return Scheduler(model, attention, limits, requests).run();
}

void engine::print(const Result &result, FILE *out) {
  size_t count = 0;
  for (size_t i = 0; i < result.tokens.size(); ++i) {
    fprintf(out, "%zu:", i);
    for (int token : result.tokens[i])
      fprintf(out, " %d", token);
    fprintf(out, "\n");
    count += result.tokens[i].size();
  }
  fprintf(stderr,
          "%zu requests, %zu new tokens in %d steps of up to %d requests; "
          "closest choice: %.1e\n",
          result.tokens.size(), count, result.steps, result.fullest,
          result.margin);
}
