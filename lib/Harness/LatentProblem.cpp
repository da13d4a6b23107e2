//===- LatentProblem.cpp - Inputs of one latent attention call --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/LatentProblem.h"

#include <cmath>
#include <cstring>

using namespace attn;
using namespace attn::harness;

bench::Buffer LatentProblem::randomWeights(int64_t in, int64_t out,
                                           uint64_t seed) const {
  int64_t count = core->shape().q_heads * in * out;
  bench::Buffer weights(count * core->elementBytes());
  // As in Problem: a prime number of draws, repeated.
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(
      0, 1 / std::sqrt(float(latent.getRank())));
  std::vector<float> pool(100003);
  for (float &value : pool)
    value = normal(random);
  for (int64_t i = 0; i < count; ++i)
    core->store(weights.data(), i, pool[i % pool.size()]);
  return weights;
}

llvm::Expected<std::unique_ptr<LatentProblem>>
LatentProblem::create(AttendOp op, const ProblemOptions &options) {
  if (!op.hasUpProjections())
    return llvm::createStringError("attn.attend has no up-projections");
  auto core = Problem::create(op, options);
  if (!core)
    return core.takeError();
  std::unique_ptr<LatentProblem> problem(new LatentProblem);
  LatentProblem &p = *problem;
  p.core = std::move(*core);
  p.latent = *op.getLatent();
  const attn_decode_params &shape = p.core->shape();
  int64_t heads = shape.q_heads, bytes = p.core->elementBytes();
  int64_t rows = shape.batch * shape.q_len * heads;
  int64_t width = p.latent.getNope() + p.latent.getRope();
  p.query = bench::Buffer(rows * width * bytes);
  std::mt19937_64 random(options.seed + 3);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < rows * width; ++i)
    p.core->store(p.query.data(), i, normal(random));
  p.out = bench::Buffer(rows * p.latent.getV() * bytes);
  p.transposed = op.getUpTransposed();
  p.form = op.getForm();
  for (size_t copy = 0; copy < options.copies; ++copy) {
    p.weightsUK.push_back(p.randomWeights(
        p.latent.getNope(), p.latent.getRank(), options.seed + 4));
    p.weightsUV.push_back(
        p.randomWeights(p.latent.getRank(), p.latent.getV(), options.seed + 5));
  }
  p.clearResults();
  return problem;
}

static int32_t mlaFormOf(std::optional<Form> form) {
  if (!form)
    return ATTN_MLA_FORM_AUTO;
  switch (*form) {
  case Form::Absorbed:
    return ATTN_MLA_FORM_ABSORBED;
  case Form::FusedDecompress:
    return ATTN_MLA_FORM_FUSED;
  case Form::Materialized:
    return ATTN_MLA_FORM_MATERIALIZED;
  }
  llvm_unreachable("no other form");
}

void LatentProblem::clearResults() {
  core->clearResults();
  std::memset(out.data(), 0xff, out.size()); // NaN in every type
}

attn_mla_params LatentProblem::params(size_t copy) {
  const attn_decode_params &shape = core->shape();
  int64_t heads = shape.q_heads, bytes = core->elementBytes();
  int64_t nope = latent.getNope(), width = nope + latent.getRope();
  attn_mla_params p = {};
  p.struct_size = sizeof p;
  p.form = mlaFormOf(form);
  p.nope = nope;
  p.v = latent.getV();
  p.q_nope = query.data();
  p.q_rope = query.data() + nope * bytes;
  p.q_nope_stride_head = p.q_rope_stride_head = width;
  p.q_nope_stride_token = p.q_rope_stride_token = heads * width;
  p.q_nope_stride_batch = p.q_rope_stride_batch = shape.q_len * heads * width;
  p.w_uk = weightsUK[copy].data();
  p.w_uv = weightsUV[copy].data();
  p.out = out.data();
  p.out_stride_head = p.v;
  p.out_stride_token = heads * p.v;
  p.out_stride_batch = shape.q_len * heads * p.v;
  return p;
}

llvm::SmallVector<interp::Value>
LatentProblem::interpreterArguments(int64_t first, int64_t count) const {
  const attn_decode_params &shape = core->shape();
  int64_t heads = shape.q_heads, rank = latent.getRank();
  int64_t nope = latent.getNope(), width = rank + latent.getRope();
  int64_t groups = latent.getGroups();
  auto read = [&](const bench::Buffer &data, llvm::ArrayRef<int64_t> extents,
                  int64_t skipped = 0) {
    interp::Tensor tensor = interp::Tensor::zeros(extents);
    for (size_t i = 0; i < tensor.data.size(); ++i)
      tensor.data[i] =
          core->element(data.data(), skipped * tensor.data.size() / count + i);
    return tensor;
  };
  auto cache = std::get<interp::Cache>(core->interpreterArguments()[1]);
  interp::Tensor rows =
      interp::Tensor::zeros({count, cache.lens[first], groups, width});
  for (int64_t b = 0; b < count; ++b)
    for (int64_t t = 0; t < cache.lens[first]; ++t)
      for (int64_t g = 0; g < groups; ++g)
        for (int64_t d = 0; d < width; ++d)
          rows.at(b, t, g, d) = cache.key(first + b, t, g, d);
  if (groups == 1) // The block's rows have no axis of groups then.
    rows.shape.erase(rows.shape.begin() + 2);
  interp::Tensor weightUK = read(weightsUK[0], {heads, rank, nope});
  if (transposed) {
    interp::Tensor stored = read(weightsUK[0], {heads, nope, rank});
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t r = 0; r < rank; ++r)
        for (int64_t n = 0; n < nope; ++n)
          weightUK.at(h, r, n) = stored.at(h, n, r);
  }
  return {
      read(query, {count, shape.q_len, heads, nope + latent.getRope()}, first),
      rows, weightUK, read(weightsUV[0], {heads, rank, latent.getV()})};
}

bench::Pattern LatentProblem::weightPattern(size_t copy) const {
  return {{weightsUK[copy].data(), weightsUK[copy].size()},
          {weightsUV[copy].data(), weightsUV[copy].size()}};
}
