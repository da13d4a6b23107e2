//===- Problem.cpp - An attention problem, solved naively -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace attn::interp;
using namespace attn::interp::test;
using llvm::formatv;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void Problem::draw(Random &random, bool withSinks) {
  lens.clear();
  for (int64_t b = 0; b < batch; ++b)
    lens.push_back(randomInt(0, tokens, random));
  query = randomTensor({batch, queries, qHeads, kDim}, random);
  key = randomTensor({batch, tokens, kvHeads, kDim}, random);
  value = randomTensor({batch, tokens, kvHeads, vDim}, random);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t j = 0; j < tokens; ++j)
      for (int64_t g = 0; g < kvHeads; ++g) {
        for (int64_t d = 0; d < kDim; ++d)
          if (j >= lens[b])
            key.at(b, j, g, d) = kNaN;
        for (int64_t d = 0; d < vDim; ++d)
          if (j >= lens[b])
            value.at(b, j, g, d) = kNaN;
          else if (prefix)
            value.at(b, j, g, d) = key.at(b, j, g, d);
      }
  sinks.clear();
  for (int64_t h = 0; withSinks && h < qHeads; ++h)
    sinks.push_back(randomTensor({}, random).data[0]);
}

//===----------------------------------------------------------------------===//
// As IR
//===----------------------------------------------------------------------===//

/// ALiBi with the slopes 2^(-8 (h + 1) / heads); '@' stands for -heads / 8.
static constexpr llvm::StringLiteral kAlibi = R"mlir( score {
    ^bb0(%x: f32, %b: i32, %h: i32, %i: i32, %j: i32):
      %one = arith.constant 1 : i32
      %h1 = arith.addi %h, %one : i32
      %hf = arith.sitofp %h1 : i32 to f32
      %heads = arith.constant @ : f32
      %e = arith.divf %hf, %heads : f32
      %slope = math.exp2 %e : f32
      %distance = arith.subi %j, %i : i32
      %df = arith.sitofp %distance : i32 to f32
      %bias = arith.mulf %slope, %df : f32
      %y = arith.addf %x, %bias : f32
      attn.yield %y : f32
    })mlir";

std::string Problem::ir(llvm::StringRef operands, llvm::StringRef types,
                        llvm::StringRef arguments) const {
  std::string attributes =
      formatv("heads = #attn.heads<q = {0}, kv = {1}>, scale = {2:e6} : f32",
              qHeads, kvHeads, scale);
  if (softcap != 0)
    attributes += formatv(", softcap = {0:e6} : f32", softcap);
  if (causal)
    attributes +=
        formatv(", mask = #attn.mask<causal{0}>",
                window ? formatv(", window = {0}", window).str() : "");
  std::string sinkOperand, sinkType, sinkArgument, region;
  if (!sinks.empty()) {
    sinkType = ", " + tensorType({qHeads});
    sinkOperand = " sinks(%sinks)";
    sinkArgument = ", %sinks: " + tensorType({qHeads});
  }
  if (alibi) {
    region = kAlibi.str();
    region.replace(region.find('@'), 1, formatv("{0:e6}", -qHeads / 8.0).str());
  }

  std::string queryType = tensorType({batch, queries, qHeads, kDim});
  std::string results = tensorType({batch, queries, qHeads, vDim}) + ", " +
                        tensorType({batch, queries, qHeads});
  return formatv(R"mlir(
    func.func @attend(%q: {0}, {1}{2}) -> ({3}) {{
      %o, %lse = attn.attend %q, {4}{5} {{{6}} {7}
        : ({0}, {8}{9}) -> ({3})
      return %o, %lse : {3}
    })mlir",
                 queryType, arguments, sinkArgument, results, operands,
                 sinkOperand, attributes, region, types, sinkType);
}

std::string Problem::tensorIR() const {
  std::string keyType = tensorType({batch, tokens, kvHeads, kDim});
  std::string valueType = tensorType({batch, tokens, kvHeads, vDim});
  std::string lensType = tensorType({batch}, "i32");
  if (prefix)
    return ir("%k lens(%n)", keyType + ", " + lensType,
              formatv("%k: {0}, %n: {1}", keyType, lensType).str());
  return ir(
      "%k, %v lens(%n)", keyType + ", " + valueType + ", " + lensType,
      formatv("%k: {0}, %v: {1}, %n: {2}", keyType, valueType, lensType).str());
}

llvm::SmallVector<Value> Problem::tensorArgs() const {
  llvm::SmallVector<Value> args = {query, key};
  if (!prefix)
    args.push_back(value);
  args.push_back(Tensor{{batch}, {lens.begin(), lens.end()}});
  if (!sinks.empty())
    args.push_back(Tensor{{qHeads}, sinks});
  return args;
}

std::string Problem::cacheIR(int64_t page) const {
  std::string parts =
      prefix ? formatv("latent : {0}, rope : {1}", vDim, kDim - vDim).str()
             : formatv("k : {0}, v : {1}", kDim, vDim).str();
  std::string type =
      formatv("!attn.kv_cache<heads = {0}, parts = [{1}], f32, {2}>", kvHeads,
              parts, page ? formatv("page = {0}", page).str() : "contiguous");
  return ir("%c", type, "%c: " + type);
}

Cache Problem::makeCache(int64_t page, Random &random) const {
  Cache cache;
  cache.heads = kvHeads;
  cache.kDim = kDim;
  cache.vDim = vDim;
  cache.page = page ? page : tokens;
  cache.latent = prefix;
  cache.lens = lens;
  int64_t perSequence = (tokens + cache.page - 1) / cache.page;
  std::vector<int64_t> ids(batch * perSequence + 3);
  std::iota(ids.begin(), ids.end(), 0);
  std::shuffle(ids.begin(), ids.end(), random);
  int64_t slots = static_cast<int64_t>(ids.size()) * cache.page;
  cache.k.assign(slots * kvHeads * kDim, kNaN);
  if (!prefix)
    cache.v.assign(slots * kvHeads * vDim, kNaN);
  for (int64_t b = 0; b < batch; ++b) {
    cache.blocks.emplace_back(perSequence, -12345);
    for (int64_t j = 0; j < lens[b]; ++j) {
      int64_t block = ids[b * perSequence + j / cache.page];
      cache.blocks[b][j / cache.page] = block;
      int64_t row = (block * cache.page + j % cache.page) * kvHeads;
      for (int64_t g = 0; g < kvHeads; ++g) {
        for (int64_t d = 0; d < kDim; ++d)
          cache.k[(row + g) * kDim + d] = key.at(b, j, g, d);
        for (int64_t d = 0; d < vDim && !prefix; ++d)
          cache.v[(row + g) * vDim + d] = value.at(b, j, g, d);
      }
    }
  }
  return cache;
}

llvm::SmallVector<Value> Problem::cacheArgs(Cache cache) const {
  llvm::SmallVector<Value> args = {query, std::move(cache)};
  if (!sinks.empty())
    args.push_back(Tensor{{qHeads}, sinks});
  return args;
}

//===----------------------------------------------------------------------===//
// The solution
//===----------------------------------------------------------------------===//

std::pair<Tensor, Tensor> Problem::solve() const {
  Tensor output = Tensor::zeros({batch, queries, qHeads, vDim});
  Tensor lse = Tensor::zeros({batch, queries, qHeads});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < queries; ++i)
      for (int64_t h = 0; h < qHeads; ++h) {
        // Positions count from the first token of the sequence; the last query
        // token sits on the last cached one.
        int64_t position = lens[b] - 1 - (queries - 1 - i);
        int64_t g = h * kvHeads / qHeads;
        double weights = 0;
        std::vector<double> sum(vDim, 0.0);
        for (int64_t j = 0; j < lens[b]; ++j) {
          // Hugging Face: sliding_window = W keeps j with i - W < j <= i.
          bool seen = !causal ||
                      (j <= position && (window == 0 || position - window < j));
          if (!seen)
            continue;
          double x = 0;
          for (int64_t d = 0; d < kDim; ++d)
            x += query.at(b, i, h, d) * key.at(b, j, g, d) * scale;
          if (softcap != 0)
            x = std::tanh(x / softcap) * softcap;
          if (alibi)
            x -= std::pow(2.0, -8.0 * (h + 1) / qHeads) * (position - j);
          weights += std::exp(x);
          for (int64_t d = 0; d < vDim; ++d)
            sum[d] += std::exp(x) * value.at(b, j, g, d);
        }
        lse.at(b, i, h) = std::log(weights); // log(0) is -inf.
        double sink = sinks.empty() ? 0 : std::exp(sinks[h]);
        for (int64_t d = 0; d < vDim; ++d)
          output.at(b, i, h, d) = weights == 0 ? 0 : sum[d] / (weights + sink);
      }
  return {output, lse};
}

void Problem::expectSolvedBy(llvm::ArrayRef<Value> results) const {
  ASSERT_EQ(results.size(), 2u);
  auto [output, lse] = solve();
  expectNear(std::get<Tensor>(results[0]), output);
  expectNear(std::get<Tensor>(results[1]), lse);
}
