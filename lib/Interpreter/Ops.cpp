//===- Ops.cpp - Reference semantics of the other attn ops ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Interpreter/Ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace attn::interp;

Tensor Tensor::zeros(llvm::ArrayRef<int64_t> shape) {
  int64_t size = 1;
  for (int64_t extent : shape)
    size *= extent;
  return {llvm::SmallVector<int64_t>(shape), std::vector<double>(size)};
}

MergeResult attn::interp::merge(const Tensor &outs, const Tensor &lses) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  int64_t states = outs.shape[0], batch = outs.shape[1], tokens = outs.shape[2];
  int64_t heads = outs.shape[3], dim = outs.shape[4];
  MergeResult result{Tensor::zeros({batch, tokens, heads, dim}),
                     Tensor::zeros({batch, tokens, heads})};
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t s = 0; s < tokens; ++s)
      for (int64_t h = 0; h < heads; ++h) {
        // A state with lse = -inf does not count, whatever its output holds.
        std::vector<int64_t> counted;
        double highest = -infinity;
        for (int64_t n = 0; n < states; ++n)
          if (lses.at(n, b, s, h) != -infinity) {
            counted.push_back(n);
            highest = std::fmax(highest, lses.at(n, b, s, h));
          }
        double sum = 0;
        for (int64_t n : counted)
          sum += std::exp(lses.at(n, b, s, h) - highest);
        double lse = highest + std::log(sum); // -inf if no state counts.
        result.lse.at(b, s, h) = lse;
        for (int64_t n : counted)
          for (int64_t d = 0; d < dim; ++d)
            result.output.at(b, s, h, d) +=
                std::exp(lses.at(n, b, s, h) - lse) * outs.at(n, b, s, h, d);
      }
  return result;
}

llvm::Expected<Cache> attn::interp::cacheAppend(Cache cache, const Tensor &key,
                                                const Tensor *value,
                                                const Tensor &slots) {
  std::set<int64_t> written;
  for (int64_t n = 0; n < slots.shape[0]; ++n) {
    int64_t slot = static_cast<int64_t>(slots.at(n));
    if (slot == -1) // Padding.
      continue;
    if (slot < 0 || slot >= cache.numSlots())
      return llvm::createStringError("slot %lld is outside of the pool of %lld",
                                     (long long)slot,
                                     (long long)cache.numSlots());
    if (!written.insert(slot).second)
      return llvm::createStringError("two rows write slot %lld",
                                     (long long)slot);
    for (int64_t g = 0; g < cache.heads; ++g) {
      for (int64_t d = 0; d < cache.kDim; ++d)
        cache.k[(slot * cache.heads + g) * cache.kDim + d] = key.at(n, g, d);
      if (value)
        for (int64_t d = 0; d < cache.vDim; ++d)
          cache.v[(slot * cache.heads + g) * cache.vDim + d] =
              value->at(n, g, d);
    }
  }
  return cache;
}

Tensor attn::interp::project(const Tensor &input, const Tensor &weight) {
  int64_t batch = input.shape[0], tokens = input.shape[1];
  int64_t heads = weight.shape[0], inner = weight.shape[1];
  int64_t outer = weight.shape[2];
  Tensor out = Tensor::zeros({batch, tokens, heads, outer});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t s = 0; s < tokens; ++s)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t n = 0; n < outer; ++n)
          for (int64_t k = 0; k < inner; ++k)
            out.at(b, s, h, n) += input.at(b, s, h, k) * weight.at(h, k, n);
  return out;
}

Tensor attn::interp::compress(const Tensor &hidden, const Tensor &weight,
                              const Tensor *norm, double eps) {
  int64_t batch = hidden.shape[0], tokens = hidden.shape[1];
  int64_t width = weight.shape[0], rank = weight.shape[1];
  Tensor latent = Tensor::zeros({batch, tokens, rank});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t s = 0; s < tokens; ++s) {
      double squares = 0;
      for (int64_t r = 0; r < rank; ++r) {
        double &x = latent.at(b, s, r);
        for (int64_t e = 0; e < width; ++e)
          x += hidden.at(b, s, e) * weight.at(e, r);
        squares += x * x;
      }
      if (!norm)
        continue;
      double rms = std::sqrt(squares / rank + eps);
      for (int64_t r = 0; r < rank; ++r)
        latent.at(b, s, r) = latent.at(b, s, r) / rms * norm->at(r);
    }
  return latent;
}

Tensor attn::interp::decompress(const Tensor &latent, const Tensor &weight) {
  int64_t batch = latent.shape[0], tokens = latent.shape[1];
  int64_t heads = weight.shape[0], rank = weight.shape[1];
  int64_t width = weight.shape[2];
  bool grouped = latent.shape.size() == 4;
  int64_t groupSize = grouped ? heads / latent.shape[2] : heads;
  Tensor out = Tensor::zeros({batch, tokens, heads, width});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t n = 0; n < width; ++n)
          for (int64_t r = 0; r < rank; ++r)
            out.at(b, t, h, n) += (grouped ? latent.at(b, t, h / groupSize, r)
                                           : latent.at(b, t, r)) *
                                  weight.at(h, r, n);
  return out;
}

std::vector<double> attn::interp::ropeFrequencies(double theta, int64_t dims) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < dims / 2; ++i)
    frequencies.push_back(std::pow(theta, -2.0 * i / dims));
  return frequencies;
}

Tensor attn::interp::rope(const Tensor &input, const Tensor &positions,
                          llvm::ArrayRef<double> frequencies, int64_t offset,
                          bool interleaved) {
  Tensor out = input;
  int64_t pairs = static_cast<int64_t>(frequencies.size());
  for (int64_t b = 0; b < input.shape[0]; ++b)
    for (int64_t s = 0; s < input.shape[1]; ++s)
      for (int64_t h = 0; h < input.shape[2]; ++h)
        for (int64_t i = 0; i < pairs; ++i) {
          double angle = positions.at(b, s) * frequencies[i];
          int64_t first = offset + (interleaved ? 2 * i : i);
          int64_t second = interleaved ? first + 1 : first + pairs;
          double x = input.at(b, s, h, first), y = input.at(b, s, h, second);
          out.at(b, s, h, first) = x * std::cos(angle) - y * std::sin(angle);
          out.at(b, s, h, second) = x * std::sin(angle) + y * std::cos(angle);
        }
  return out;
}
