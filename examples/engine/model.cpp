//===- model.cpp - A small transformer --------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "model.h"

#include <cmath>
#include <fstream>

using namespace engine;

bool Model::load(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char *>(&config), sizeof config);
  if (!file)
    return false;
  auto read = [&](Vector &weights, size_t count) {
    weights.resize(count);
    file.read(reinterpret_cast<char *>(weights.data()), count * sizeof(float));
  };
  const Config &c = config;
  size_t hidden = c.hidden;
  read(embedding, c.vocabulary * hidden);
  read(norm, hidden);
  read(output, c.vocabulary * hidden);
  layers.resize(c.layers);
  for (Layer &layer : layers) {
    read(layer.attentionNorm, hidden);
    if (c.latent) {
      read(layer.q, c.heads * (c.nope + c.rope) * hidden);
      read(layer.kv, (c.rank + c.rope) * hidden);
      read(layer.kvNorm, c.rank);
      read(layer.up, c.heads * (c.nope + c.vDim) * size_t(c.rank));
      read(layer.o, hidden * c.heads * c.vDim);
    } else {
      read(layer.q, c.heads * c.headDim * hidden);
      read(layer.k, c.kvHeads * c.headDim * hidden);
      read(layer.v, c.kvHeads * c.headDim * hidden);
      read(layer.o, hidden * c.heads * c.headDim);
    }
    read(layer.ffnNorm, hidden);
    read(layer.gate, c.ffn * hidden);
    read(layer.rise, c.ffn * hidden);
    read(layer.fall, c.ffn * hidden);
  }
  return file && file.peek() == std::ifstream::traits_type::eof();
}

/// out[rows] = matrix[rows][columns] x.
static Vector multiply(const float *matrix, const float *x, int rows,
                       int columns) {
  Vector out(rows);
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
    for (int c = 0; c < columns; ++c)
      sum += double(matrix[r * columns + c]) * x[c];
    out[r] = float(sum);
  }
  return out;
}

static Vector multiply(const Vector &matrix, const Vector &x) {
  return multiply(matrix.data(), x.data(), int(matrix.size() / x.size()),
                  int(x.size()));
}

static Vector normalize(const float *x, const Vector &weight) {
  double squares = 0;
  for (size_t i = 0; i < weight.size(); ++i)
    squares += double(x[i]) * x[i];
  double factor = 1 / std::sqrt(squares / double(weight.size()) + 1e-6);
  Vector out(weight.size());
  for (size_t i = 0; i < weight.size(); ++i)
    out[i] = float(x[i] * factor * weight[i]);
  return out;
}

/// Rotary embedding of `width` elements, halves paired.
static void rotate(float *x, int width, int position) {
  int half = width / 2;
  for (int i = 0; i < half; ++i) {
    double angle = position * std::pow(10000.0, -double(i) / half);
    double a = x[i], b = x[i + half];
    x[i] = float(a * std::cos(angle) - b * std::sin(angle));
    x[i + half] = float(b * std::cos(angle) + a * std::sin(angle));
  }
}

/// Queries meet the latent rows themselves: W_UK is absorbed into q.
static Token projectLatent(const Config &c, const Layer &layer, const Vector &h,
                           int position) {
  Token token;
  Vector q = multiply(layer.q, h);
  for (int head = 0; head < c.heads; ++head) {
    float *row = &q[head * (c.nope + c.rope)];
    rotate(row + c.nope, c.rope, position);
    const float *up = &layer.up[head * (c.nope + c.vDim) * c.rank];
    for (int r = 0; r < c.rank; ++r) {
      double sum = 0;
      for (int i = 0; i < c.nope; ++i)
        sum += double(up[i * c.rank + r]) * row[i];
      token.q.push_back(float(sum));
    }
    token.q.insert(token.q.end(), row + c.nope, row + c.nope + c.rope);
  }
  Vector kv = multiply(layer.kv, h);
  token.k = normalize(kv.data(), layer.kvNorm);
  rotate(&kv[c.rank], c.rope, position);
  token.k.insert(token.k.end(), kv.begin() + c.rank, kv.end());
  return token;
}

Token engine::project(const Config &c, const Layer &layer, const Vector &x,
                      int position) {
  Vector h = normalize(x.data(), layer.attentionNorm);
  if (c.latent)
    return projectLatent(c, layer, h, position);
  Token token{multiply(layer.q, h), multiply(layer.k, h), multiply(layer.v, h)};
  for (int head = 0; head < c.heads; ++head)
    rotate(&token.q[head * c.headDim], c.headDim, position);
  for (int head = 0; head < c.kvHeads; ++head)
    rotate(&token.k[head * c.headDim], c.headDim, position);
  return token;
}

static void add(Vector &x, const Vector &y) {
  for (size_t i = 0; i < x.size(); ++i)
    x[i] += y[i];
}

void engine::finish(const Config &c, const Layer &layer, const float *o,
                    Vector &x) {
  Vector values;
  if (c.latent) {
    for (int head = 0; head < c.heads; ++head) { // out of the latent space
      const float *up = &layer.up[(head * (c.nope + c.vDim) + c.nope) * c.rank];
      Vector value = multiply(up, o + head * c.rank, c.vDim, c.rank);
      values.insert(values.end(), value.begin(), value.end());
    }
  } else {
    values.assign(o, o + c.heads * c.headDim);
  }
  add(x, multiply(layer.o, values));
  Vector h = normalize(x.data(), layer.ffnNorm);
  Vector gate = multiply(layer.gate, h), rise = multiply(layer.rise, h);
  for (size_t i = 0; i < gate.size(); ++i)
    rise[i] *= gate[i] / (1 + std::exp(-gate[i]));
  add(x, multiply(layer.fall, rise));
}

Vector engine::logits(const Model &model, const Vector &x) {
  return multiply(model.output, normalize(x.data(), model.norm));
}
