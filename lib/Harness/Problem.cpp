//===- Problem.cpp - Inputs of one decode call, made up from a seed *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/Problem.h"
#include "llvm/ADT/APFloat.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace attn;
using namespace attn::harness;

namespace {

/// bf16 by rounding to nearest even; the inputs are finite.
uint16_t toBF16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

uint16_t toF16(float value) {
  llvm::APFloat f(value);
  bool lossy;
  f.convert(llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven,
            &lossy);
  return f.bitcastToAPInt().getZExtValue();
}

double fromF16(uint16_t bits) {
  return llvm::APFloat(llvm::APFloat::IEEEhalf(), llvm::APInt(16, bits))
      .convertToDouble();
}

} // namespace

void Problem::store(char *data, int64_t index, float value) const {
  if (facts.dtype == ATTN_F32)
    reinterpret_cast<float *>(data)[index] = value;
  else
    reinterpret_cast<uint16_t *>(data)[index] =
        facts.dtype == ATTN_BF16 ? toBF16(value) : toF16(value);
}

double Problem::element(const void *data, int64_t index) const {
  if (facts.dtype == ATTN_F32)
    return static_cast<const float *>(data)[index];
  uint16_t bits = static_cast<const uint16_t *>(data)[index];
  if (facts.dtype == ATTN_F16)
    return fromF16(bits);
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

llvm::Expected<std::unique_ptr<Problem>>
Problem::create(AttendOp op, const ProblemOptions &options) {
  KVCacheType cache = op.getCacheType();
  if (!cache)
    return llvm::createStringError("attn.attend reads key tensors; only "
                                   "attention over a cache runs");
  std::unique_ptr<Problem> problem(new Problem);
  Problem &p = *problem;
  p.options = options;
  attn_decode_params &f = p.facts;
  f.struct_size = sizeof f;
  f.isa = ATTN_ISA_AUTO;
  mlir::Type element = cache.getElementType();
  f.dtype = element.isBF16()  ? ATTN_BF16
            : element.isF16() ? ATTN_F16
                              : ATTN_F32;
  f.layout =
      cache.getLayout() == Layout::Own ? ATTN_LAYOUT_OWN : ATTN_LAYOUT_ROW;
  f.q_heads = op.getHeads().getQ();
  f.kv_heads = cache.getHeads();
  f.k_dim = cache.getKDim();
  f.v_dim = cache.getVDim();
  f.q_len = op.getQuery().getType().getDimSize(1);
  f.scale = op.getScale().convertToFloat();
  f.softcap = op.getSoftcap() ? op.getSoftcap()->convertToFloat() : 0;
  f.window = op.getWindow();
  f.flags = ATTN_FLAG_ALLOW_EMULATED | (op.isCausal() ? ATTN_FLAG_CAUSAL : 0) |
            (op.getSinks() ? ATTN_FLAG_SINKS : 0) |
            (cache.isLatent() ? ATTN_FLAG_V_IN_K : 0) |
            (op.getScore().empty() ? 0 : ATTN_FLAG_SCORE_MOD);

  f.batch = f.max_batch = options.lens.size();
  int32_t longest = *std::max_element(options.lens.begin(), options.lens.end());
  f.max_seq_len = std::max<int64_t>(longest, 1);
  p.contiguous = !cache.isPaged();
  f.page_size = p.contiguous ? f.max_seq_len
                : cache.getPage() == KVCacheType::kDynamicPage
                    ? options.page
                    : cache.getPage();
  p.blocksPerSequence = (f.max_seq_len + f.page_size - 1) / f.page_size;
  // A few blocks more than needed, which nobody may touch.
  f.num_blocks = f.batch * p.blocksPerSequence + (p.contiguous ? 0 : 3);
  p.kBlockElements = f.page_size * f.kv_heads * f.k_dim;
  p.vBlockElements = f.page_size * f.kv_heads * f.v_dim;

  std::mt19937_64 random(options.seed);
  std::vector<int32_t> order(f.num_blocks);
  std::iota(order.begin(), order.end(), 0);
  if (options.shuffle && !p.contiguous)
    std::shuffle(order.begin(), order.end(), random);
  p.blockTable.assign(order.begin(),
                      order.begin() + f.batch * p.blocksPerSequence);
  p.fillCache();
  p.fillQuery();
  if (op.getSinks()) {
    std::normal_distribution<float> normal;
    for (int64_t h = 0; h < f.q_heads; ++h)
      p.sinks.push_back(normal(random));
  }
  p.out =
      bench::Buffer(f.batch * f.q_len * f.q_heads * f.v_dim * p.elementBytes());
  p.lse.resize(f.batch * f.q_len * f.q_heads);
  p.clearResults();
  return problem;
}

void Problem::clearResults() {
  std::memset(out.data(), 0xff, out.size()); // NaN in every type
  std::fill(lse.begin(), lse.end(), NAN);
}

void Problem::fillQuery() {
  std::mt19937_64 random(options.seed + 1);
  std::normal_distribution<float> normal;
  int64_t count =
      facts.batch * facts.q_len * facts.q_heads * int64_t(facts.k_dim);
  q = bench::Buffer(count * elementBytes());
  for (int64_t i = 0; i < count; ++i)
    store(q.data(), i, normal(random));
}

void Problem::fillCache() {
  bool separate = !(facts.flags & ATTN_FLAG_V_IN_K);
  size_t kBytes = facts.num_blocks * kBlockElements * elementBytes();
  size_t vBytes =
      separate ? facts.num_blocks * vBlockElements * elementBytes() : 0;
  // Values repeat after a prime number of draws: large caches fill fast, and no
  // stride of the layout meets the period.
  std::mt19937_64 random(options.seed + 2);
  std::normal_distribution<float> normal;
  std::vector<float> pool(1000003);
  for (float &value : pool)
    value = normal(random);
  size_t next = 0;
  auto draw = [&] {
    return pool[next = next + 1 == pool.size() ? 0 : next + 1];
  };

  k.emplace_back(kBytes);
  std::memset(k[0].data(), options.poison ? 0xff : 0, kBytes);
  if (separate) {
    v.emplace_back(vBytes);
    std::memset(v[0].data(), options.poison ? 0xff : 0, vBytes);
  }
  bool own = facts.layout == ATTN_LAYOUT_OWN;
  for (int64_t b = 0; b < facts.batch; ++b)
    for (int64_t t = 0; t < options.lens[b]; ++t) {
      int64_t block = blockTable[b * blocksPerSequence + t / facts.page_size];
      int64_t row = t % facts.page_size;
      for (int64_t h = 0; h < facts.kv_heads; ++h) {
        auto place = [&](int64_t blockElements, int64_t dim) {
          return block * blockElements +
                 (own ? h * facts.page_size * dim + row * dim
                      : (row * facts.kv_heads + h) * dim);
        };
        for (int64_t d = 0; d < facts.k_dim; ++d)
          store(k[0].data(), place(kBlockElements, facts.k_dim) + d, draw());
        for (int64_t d = 0; separate && d < facts.v_dim; ++d) {
          int64_t index = place(vBlockElements, facts.v_dim) + d;
          if (attn_layout_interleaves_v(facts.layout, facts.dtype))
            index = block * vBlockElements + h * facts.page_size * facts.v_dim +
                    attn_own_v_offset(facts.page_size, row, d);
          store(v[0].data(), index, draw());
        }
      }
    }
  for (size_t copy = 1; copy < options.copies; ++copy) {
    k.emplace_back(kBytes);
    std::memcpy(k[copy].data(), k[0].data(), kBytes);
    if (separate) {
      v.emplace_back(vBytes);
      std::memcpy(v[copy].data(), v[0].data(), vBytes);
    }
  }
  if (!options.poison)
    return;
  for (int64_t b = 0; b < facts.batch; ++b)
    for (int64_t i = (options.lens[b] + facts.page_size - 1) / facts.page_size;
         i < blocksPerSequence; ++i)
      blockTable[b * blocksPerSequence + i] = 0x7fffffff - i;
}

attn_decode_params Problem::params(size_t copy) {
  attn_decode_params p = facts;
  int64_t own = p.layout == ATTN_LAYOUT_OWN;
  p.q = q.data();
  p.q_stride_head = p.k_dim;
  p.q_stride_token = int64_t(p.k_dim) * p.q_heads;
  p.q_stride_batch = p.q_stride_token * p.q_len;
  p.k = k[copy].data();
  p.k_stride_block = kBlockElements;
  p.k_stride_token = own ? p.k_dim : int64_t(p.kv_heads) * p.k_dim;
  p.k_stride_head = own ? p.page_size * p.k_dim : p.k_dim;
  if (!(p.flags & ATTN_FLAG_V_IN_K)) {
    p.v = v[copy].data();
    p.v_stride_block = vBlockElements;
    p.v_stride_token = own ? p.v_dim : int64_t(p.kv_heads) * p.v_dim;
    p.v_stride_head = own ? p.page_size * p.v_dim : p.v_dim;
  }
  p.sinks = sinks.empty() ? nullptr : sinks.data();
  p.seq_lens = options.lens.data();
  if (!contiguous) {
    p.block_table = blockTable.data();
    p.block_table_stride = p.max_blocks = blocksPerSequence;
  }
  p.out = out.data();
  p.out_stride_head = p.v_dim;
  p.out_stride_token = int64_t(p.v_dim) * p.q_heads;
  p.out_stride_batch = p.out_stride_token * p.q_len;
  p.lse = lse.data();
  p.lse_stride_head = 1;
  p.lse_stride_token = p.q_heads;
  p.lse_stride_batch = int64_t(p.q_heads) * p.q_len;
  return p;
}

llvm::SmallVector<interp::Value> Problem::interpreterArguments() const {
  const attn_decode_params &f = facts;
  interp::Tensor query =
      interp::Tensor::zeros({f.batch, f.q_len, f.q_heads, f.k_dim});
  for (size_t i = 0; i < query.data.size(); ++i)
    query.data[i] = element(q.data(), i);

  interp::Cache cache;
  cache.heads = f.kv_heads;
  cache.kDim = f.k_dim;
  cache.vDim = f.v_dim;
  cache.page = f.page_size;
  cache.latent = f.flags & ATTN_FLAG_V_IN_K;
  int64_t slots = f.num_blocks * f.page_size;
  cache.k.assign(slots * f.kv_heads * f.k_dim, NAN);
  if (!cache.latent)
    cache.v.assign(slots * f.kv_heads * f.v_dim, NAN);
  bool own = f.layout == ATTN_LAYOUT_OWN;
  for (int64_t b = 0; b < f.batch; ++b) {
    cache.lens.push_back(options.lens[b]);
    std::vector<int64_t> blocks;
    for (int64_t i = 0; i * f.page_size < options.lens[b]; ++i)
      blocks.push_back(blockTable[b * blocksPerSequence + i]);
    cache.blocks.push_back(blocks);
    for (int64_t t = 0; t < options.lens[b]; ++t) {
      int64_t block = blocks[t / f.page_size], row = t % f.page_size;
      int64_t slot = block * f.page_size + row;
      for (int64_t h = 0; h < f.kv_heads; ++h) {
        auto chunk = [&](int64_t blockElements, int64_t dim) {
          return block * blockElements + h * (own ? f.page_size : 1) * dim;
        };
        int64_t stride = own ? 1 : f.kv_heads;
        for (int64_t d = 0; d < f.k_dim; ++d)
          cache.k[(slot * f.kv_heads + h) * f.k_dim + d] = element(
              k[0].data(), chunk(kBlockElements, f.k_dim) +
                               attn_row_offset(stride * f.k_dim, row, d));
        for (int64_t d = 0; !cache.latent && d < f.v_dim; ++d)
          cache.v[(slot * f.kv_heads + h) * f.v_dim + d] = element(
              v[0].data(), chunk(vBlockElements, f.v_dim) +
                               attn_v_offset(f.layout, f.dtype, f.page_size,
                                             stride * f.v_dim, row, d));
      }
    }
  }
  llvm::SmallVector<interp::Value> arguments = {query, cache};
  if (!sinks.empty()) {
    interp::Tensor tensor = interp::Tensor::zeros({f.q_heads});
    std::copy(sinks.begin(), sinks.end(), tensor.data.begin());
    arguments.push_back(tensor);
  }
  return arguments;
}

bench::Pattern Problem::readPattern(size_t copy) const {
  bench::Pattern pattern;
  size_t kBytes = kBlockElements * elementBytes();
  size_t vBytes = vBlockElements * elementBytes();
  for (int64_t b = 0; b < facts.batch; ++b)
    for (int64_t i = 0; i * facts.page_size < options.lens[b]; ++i) {
      int64_t block = blockTable[b * blocksPerSequence + i];
      int64_t tokens = std::min<int64_t>(facts.page_size,
                                         options.lens[b] - i * facts.page_size);
      pattern.push_back(
          {k[copy].data() + block * kBytes, kBytes * tokens / facts.page_size});
      if (!v.empty())
        pattern.push_back({v[copy].data() + block * vBytes,
                           vBytes * tokens / facts.page_size});
    }
  return pattern;
}
