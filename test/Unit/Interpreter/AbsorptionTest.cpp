//===- AbsorptionTest.cpp - decompressed and absorbed MLA agree -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "gtest/gtest.h"

#include "llvm/Support/FormatVariadic.h"

using namespace attn::interp;
using namespace attn::interp::test;
using llvm::formatv;

namespace {
/// Concatenates along the last axis.
Tensor concat(const Tensor &a, const Tensor &b) {
  int64_t widthA = a.shape.back(), widthB = b.shape.back();
  Tensor result = a;
  result.shape.back() = widthA + widthB;
  result.data.clear();
  int64_t rows = widthA ? a.data.size() / widthA : b.data.size() / widthB;
  for (int64_t r = 0; r < rows; ++r) {
    result.data.insert(result.data.end(), a.data.begin() + r * widthA,
                       a.data.begin() + (r + 1) * widthA);
    result.data.insert(result.data.end(), b.data.begin() + r * widthB,
                       b.data.begin() + (r + 1) * widthB);
  }
  return result;
}

/// `[H, R, N]` to `[H, N, R]`.
Tensor transposed(const Tensor &weight) {
  Tensor result =
      Tensor::zeros({weight.shape[0], weight.shape[2], weight.shape[1]});
  for (int64_t h = 0; h < weight.shape[0]; ++h)
    for (int64_t r = 0; r < weight.shape[1]; ++r)
      for (int64_t n = 0; n < weight.shape[2]; ++n)
        result.at(h, n, r) = weight.at(h, r, n);
  return result;
}

/// `[B, T, P]` to `[B, T, H, P]`.
Tensor repeated(const Tensor &rows, int64_t heads) {
  Tensor result =
      Tensor::zeros({rows.shape[0], rows.shape[1], heads, rows.shape[2]});
  for (int64_t b = 0; b < rows.shape[0]; ++b)
    for (int64_t t = 0; t < rows.shape[1]; ++t)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t p = 0; p < rows.shape[2]; ++p)
          result.at(b, t, h, p) = rows.at(b, t, p);
  return result;
}

std::string binaryOp(llvm::StringRef op, const Tensor &a, const Tensor &b,
                     llvm::ArrayRef<int64_t> result) {
  return formatv("func.func @f(%a: {1}, %b: {2}) -> {3} {{\n"
                 "  %r = attn.{0} %a, %b : ({1}, {2}) -> {3}\n"
                 "  return %r : {3}\n}",
                 op, tensorType(a.shape), tensorType(b.shape),
                 tensorType(result));
}
} // namespace

class AbsorptionRandom : public testing::TestWithParam<int> {};

/// DeepSeek-V2: scores and outputs are the same whether the latent rows are
/// decompressed to keys and values of every head, or W_UK goes to the query's
/// side, W_UV to the output's, and all heads attend to the latent rows as they
/// are cached, with the scale of the decompressed width.
TEST_P(AbsorptionRandom, DecompressedEqualsAbsorbed) {
  Random random(GetParam());
  int64_t batch = 2, tokens = randomInt(2, 9, random);
  int64_t queries = randomInt(1, 2, random), heads = randomInt(1, 5, random);
  int64_t rank = randomInt(2, 12, random), rope = randomInt(0, 4, random);
  int64_t nope = randomInt(1, 6, random), width = randomInt(1, 6, random);
  Tensor latent = randomTensor({batch, tokens, rank}, random);
  Tensor keyRope = randomTensor({batch, tokens, rope}, random);
  Tensor queryNope = randomTensor({batch, queries, heads, nope}, random);
  Tensor queryRope = randomTensor({batch, queries, heads, rope}, random);
  Tensor weightUK = randomTensor({heads, rank, nope}, random);
  Tensor weightUV = randomTensor({heads, rank, width}, random);
  Tensor lens = Tensor::zeros({batch});
  for (double &len : lens.data)
    len = randomInt(0, tokens, random);

  // Decompressed: multi-head attention over [k_nope | k_rope] and v.
  Tensor keyNope = runTensor(
      binaryOp("decompress", latent, weightUK, {batch, tokens, heads, nope}),
      {latent, weightUK});
  Tensor key = concat(keyNope, repeated(keyRope, heads));
  Tensor value = runTensor(
      binaryOp("decompress", latent, weightUV, {batch, tokens, heads, width}),
      {latent, weightUV});
  Tensor query = concat(queryNope, queryRope);
  llvm::SmallVector<int64_t> outputShape = {batch, queries, heads, width};
  Tensor decompressed = runTensor(
      formatv("func.func @f(%q: {0}, %k: {1}, %v: {2}, %n: {3}) -> {4} {{\n"
              "  %o = attn.attend %q, %k, %v lens(%n) {{\n"
              "    heads = #attn.heads<q = {5}, kv = {5}>,\n"
              "    mask = #attn.mask<causal>, scale = 0.375 : f32}\n"
              "    : ({0}, {1}, {2}, {3}) -> {4}\n"
              "  return %o : {4}\n}",
              tensorType(query.shape), tensorType(key.shape),
              tensorType(value.shape), tensorType(lens.shape, "i32"),
              tensorType(outputShape), heads)
          .str(),
      {query, key, value, lens});

  // Absorbed: attention over the latent cache.
  Tensor weightQ = transposed(weightUK);
  Tensor queryLatent = runTensor(
      binaryOp("project", queryNope, weightQ, {batch, queries, heads, rank}),
      {queryNope, weightQ});
  Tensor absorbedQuery = concat(queryLatent, queryRope);
  Cache cache;
  cache.heads = 1;
  cache.kDim = rank + rope;
  cache.vDim = rank;
  cache.page = tokens;
  cache.latent = true;
  cache.k = concat(latent, keyRope).data;
  for (int64_t b = 0; b < batch; ++b) {
    cache.blocks.push_back({b});
    cache.lens.push_back(static_cast<int64_t>(lens.at(b)));
  }
  llvm::SmallVector<int64_t> latentShape = {batch, queries, heads, rank};
  Tensor absorbed = runTensor(
      formatv("!cache = !attn.kv_cache<heads = 1,\n"
              "  parts = [latent : {0}, rope : {1}], f32, contiguous>\n"
              "func.func @f(%q: {2}, %c: !cache, %w: {3}) -> {4} {{\n"
              "  %o = attn.attend %q, %c {{\n"
              "    heads = #attn.heads<q = {5}, kv = 1>,\n"
              "    latent = #attn.latent<rank = {0}, rope = {1}, nope = {6},\n"
              "                          v = {7}>,\n"
              "    mask = #attn.mask<causal>, scale = 0.375 : f32}\n"
              "    : ({2}, !cache) -> {8}\n"
              "  %r = attn.project %o, %w : ({8}, {3}) -> {4}\n"
              "  return %r : {4}\n}",
              rank, rope, tensorType(absorbedQuery.shape),
              tensorType(weightUV.shape), tensorType(outputShape), heads, nope,
              width, tensorType(latentShape))
          .str(),
      {absorbedQuery, cache, weightUV});

  expectNear(absorbed, decompressed, 1e-10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, AbsorptionRandom, testing::Range(0, 20));
