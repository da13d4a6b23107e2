//===-- Problem.cpp - A random decode call with its oracle ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"

#include "attn_layout.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

using namespace attn::test;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr uint64_t kGuardBytes = 256;

double attn::test::roundingUnit(int32_t dtype) {
  return dtype == ATTN_F32 ? 0x1p-24 : dtype == ATTN_F16 ? 0x1p-11 : 0x1p-8;
}

Workspace::Workspace(uint64_t bytes) : bytes(bytes) {
  uint64_t whole = (bytes + kGuardBytes + 63) / 64 * 64;
  memory = static_cast<unsigned char *>(aligned_alloc(64, whole));
  memset(memory, kCanary, bytes + kGuardBytes);
}

Workspace::~Workspace() { free(memory); }

static bool isCanary(unsigned char byte) { return byte == kCanary; }

bool Workspace::isOverrun() const {
  return !std::all_of(memory + bytes, memory + bytes + kGuardBytes, isCanary);
}

bool Workspace::isUntouched() const {
  return std::all_of(memory, memory + bytes, isCanary);
}

std::vector<double> Problem::draw(int64_t count, double spread) {
  // Rounded to the dtype, so that the oracle sees what the kernel sees.
  std::normal_distribution<double> normal(0, spread);
  std::vector<double> values(static_cast<size_t>(count));
  for (double &value : values) {
    float storage;
    writeElement(&storage, params.dtype, 0, normal(random));
    value = readElement(&storage, params.dtype, 0);
  }
  return values;
}

Problem::Problem(const ProblemOptions &options, uint64_t seed)
    : params(factsOf(options.table->kernels[options.kernel])),
      seqLens(options.seqLens), random(seed) {
  EXPECT_EQ(attn_library_from_table(options.table, &library), ATTN_OK);
  setUpTensors(options);
  int64_t batch = params.batch;
  expectedOut.resize(size_t(batch * params.q_len * params.q_heads) *
                     size_t(params.v_dim));
  expectedLse.resize(size_t(batch * params.q_len * params.q_heads));
  for (int64_t request = 0; request < batch; ++request) {
    int64_t rows = int64_t(seqLens[size_t(request)]) * params.kv_heads;
    std::vector<double> keys = draw(rows * params.k_dim, 1);
    std::vector<double> values = draw(rows * params.v_dim, 1);
    fillCache(request, keys, values);
    solve(request, keys, values);
  }
}

Problem::~Problem() { attn_library_close(library); }

/// Fills with quiet NaNs of the dtype.
static void poison(Bytes &bytes, int32_t dtype) {
  int64_t size = attn_dtype_size(dtype);
  for (int64_t i = 0; i < int64_t(bytes.size()) / size; ++i)
    writeElement(bytes.data(), dtype, i, std::nan(""));
}

void Problem::setUpTensors(const ProblemOptions &options) {
  attn_decode_params &p = params;
  int64_t size = attn_dtype_size(p.dtype), batch = int64_t(seqLens.size());
  int64_t longest =
      std::max(1, *std::max_element(seqLens.begin(), seqLens.end()));
  p.batch = p.max_batch = batch;
  p.max_seq_len = longest;
  p.page_size = options.pageSize;
  p.max_blocks = (longest + p.page_size - 1) / p.page_size;
  p.num_blocks = batch * p.max_blocks + 3;
  if (options.contiguous) {
    p.page_size *= p.max_blocks;
    p.num_blocks = batch;
  } else {
    // Physical blocks in random order, rows wider than needed.
    std::vector<int32_t> ids(static_cast<size_t>(p.num_blocks));
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), random);
    p.block_table_stride = p.max_blocks + 2;
    blockTable.assign(size_t(batch * p.block_table_stride), INT32_MAX);
    size_t next = 0;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < seqLens[size_t(b)]; t += p.page_size)
        blockTable[size_t(b * p.block_table_stride + t / p.page_size)] =
            ids[next++];
    p.block_table = blockTable.data();
  }

  bool own = p.layout == ATTN_LAYOUT_OWN;
  // ROW is [block][token][head][dim + gap], OWN is [block][head][chunk] + gap.
  auto setUpCache = [&](Bytes &bytes, int64_t dim, int64_t &block,
                        int64_t &token, int64_t &head) {
    token = own ? dim : p.kv_heads * (dim + 2);
    head = own ? p.page_size * dim : dim + 2;
    block = p.page_size * p.kv_heads * (own ? dim : dim + 2) + 4;
    bytes.resize(size_t(p.num_blocks * block * size));
    poison(bytes, p.dtype);
  };
  setUpCache(k, p.k_dim, p.k_stride_block, p.k_stride_token, p.k_stride_head);
  p.k = k.data();
  if (!(p.flags & ATTN_FLAG_V_IN_K)) {
    setUpCache(v, p.v_dim, p.v_stride_block, p.v_stride_token, p.v_stride_head);
    p.v = v.data();
  }

  p.q_stride_head = p.k_dim + 1;
  p.q_stride_token = p.q_heads * p.q_stride_head + 3;
  p.q_stride_batch = p.q_len * p.q_stride_token;
  q.resize(size_t(batch * p.q_stride_batch * size));
  std::vector<double> queries = draw(batch * p.q_stride_batch, 1);
  for (size_t i = 0; i < queries.size(); ++i)
    writeElement(q.data(), p.dtype, int64_t(i), queries[i]);
  p.q = q.data();

  p.out_stride_head = p.v_dim + 1;
  p.out_stride_token = p.q_heads * p.out_stride_head + 2;
  p.out_stride_batch = p.q_len * p.out_stride_token;
  out.assign(size_t(batch * p.out_stride_batch * size), kCanary);
  p.out = out.data();
  // [q_heads][batch][q_len], as some engines keep it.
  p.lse_stride_token = 1;
  p.lse_stride_batch = p.q_len;
  p.lse_stride_head = batch * p.q_len;
  lse.resize(size_t(batch * p.q_len * p.q_heads));
  memset(lse.data(), kCanary, lse.size() * sizeof(float));
  p.lse = options.hasLse ? lse.data() : nullptr;

  p.seq_lens = seqLens.data();
  if (p.flags & ATTN_FLAG_SINKS) {
    for (double sink : draw(p.q_heads, 2))
      sinks.push_back(float(sink));
    p.sinks = sinks.data();
  }
}

void Problem::fillCache(int64_t request, const std::vector<double> &keys,
                        const std::vector<double> &values) {
  const attn_decode_params &p = params;
  int64_t tokens = seqLens[size_t(request)];
  Bytes kSource(keys.size() * 4), vSource(values.size() * 4);
  for (size_t i = 0; i < keys.size(); ++i)
    writeElement(kSource.data(), p.dtype, int64_t(i), keys[i]);
  for (size_t i = 0; i < values.size(); ++i)
    writeElement(vSource.data(), p.dtype, int64_t(i), values[i]);
  std::vector<int64_t> slots;
  for (int64_t t = 0; t < tokens; ++t) {
    int64_t block =
        p.block_table
            ? p.block_table[request * p.block_table_stride + t / p.page_size]
            : request;
    slots.push_back(block * p.page_size + t % p.page_size);
  }
  attn_append_params a = {};
  a.struct_size = sizeof a;
  a.flags = p.flags & ATTN_FLAG_V_IN_K;
  a.dtype = p.dtype;
  a.layout = p.layout;
  a.kv_heads = p.kv_heads;
  a.k_dim = p.k_dim;
  a.v_dim = p.v_dim;
  a.tokens = tokens;
  a.page_size = p.page_size;
  a.num_blocks = p.num_blocks;
  a.slot_mapping = slots.data();
  a.k_src = kSource.data();
  a.k_src_stride_head = p.k_dim;
  a.k_src_stride_token = p.kv_heads * p.k_dim;
  a.k = k.data();
  a.k_stride_block = p.k_stride_block;
  a.k_stride_token = p.k_stride_token;
  a.k_stride_head = p.k_stride_head;
  if (!a.flags) {
    a.v_src = vSource.data();
    a.v_src_stride_head = p.v_dim;
    a.v_src_stride_token = p.kv_heads * p.v_dim;
    a.v = v.data();
    a.v_stride_block = p.v_stride_block;
    a.v_stride_token = p.v_stride_token;
    a.v_stride_head = p.v_stride_head;
  }
  EXPECT_EQ(attn_append(&a), ATTN_OK) << attn_error_message();
}

double *Problem::expectedRow(int64_t request, int64_t query, int64_t head) {
  int64_t row = (request * params.q_len + query) * params.q_heads + head;
  return &expectedOut[size_t(row * params.v_dim)];
}

/// The definition, in float64: logits of all visible tokens, then a softmax.
void Problem::solve(int64_t request, const std::vector<double> &keys,
                    const std::vector<double> &values) {
  const attn_decode_params &p = params;
  int64_t length = seqLens[size_t(request)];
  int64_t group = p.q_heads / p.kv_heads;
  bool vInK = p.flags & ATTN_FLAG_V_IN_K;
  for (int64_t query = 0; query < p.q_len; ++query)
    for (int64_t head = 0; head < p.q_heads; ++head) {
      int64_t position = length - p.q_len + query;
      int64_t qRow = request * p.q_stride_batch + query * p.q_stride_token +
                     head * p.q_stride_head;
      std::vector<std::pair<int64_t, double>> logits;
      for (int64_t t = 0; t < length; ++t) {
        if ((p.flags & ATTN_FLAG_CAUSAL) && t > position)
          continue;
        if (p.window && t <= position - p.window)
          continue;
        double logit = 0;
        for (int64_t d = 0; d < p.k_dim; ++d)
          logit += readElement(q.data(), p.dtype, qRow + d) *
                   keys[size_t((t * p.kv_heads + head / group) * p.k_dim + d)];
        logit *= p.scale;
        if (p.softcap != 0)
          logit = p.softcap * std::tanh(logit / p.softcap);
        logits.push_back({t, logit});
      }
      double sum = 0;
      for (auto [t, logit] : logits)
        sum += std::exp(logit);
      double lse = logits.empty() ? -kInfinity : std::log(sum);
      if ((p.flags & ATTN_FLAG_SINKS) && !logits.empty())
        sum += std::exp(double(sinks[size_t(head)]));
      double *row = expectedRow(request, query, head);
      for (auto [t, logit] : logits)
        for (int64_t d = 0; d < p.v_dim; ++d) {
          int64_t source = t * p.kv_heads + head / group;
          double value = vInK ? keys[size_t(source * p.k_dim + d)]
                              : values[size_t(source * p.v_dim + d)];
          row[d] += std::exp(logit) / sum * value;
        }
      expectedLse[size_t((request * p.q_len + query) * p.q_heads + head)] = lse;
    }
}

attn_status Problem::run() {
  uint64_t bytes = 0;
  attn_status status = attn_decode_workspace_size(library, &params, &bytes);
  if (status)
    return status;
  Workspace workspace(bytes);
  params.workspace = workspace.data();
  params.workspace_bytes = bytes;
  contractBreaches = 0;
  status = attn_decode(library, &params);
  EXPECT_FALSE(workspace.isOverrun());
  EXPECT_TRUE(gapsAreUntouched());
  EXPECT_EQ(contractBreaches, 0);
  params.workspace = nullptr;
  return status;
}

double Problem::outError() const {
  const attn_decode_params &p = params;
  double worst = 0;
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t i = 0; i < p.q_len; ++i)
      for (int64_t h = 0; h < p.q_heads; ++h)
        for (int64_t d = 0; d < p.v_dim; ++d) {
          double got =
              readElement(out.data(), p.dtype,
                          b * p.out_stride_batch + i * p.out_stride_token +
                              h * p.out_stride_head + d);
          int64_t row = (b * p.q_len + i) * p.q_heads + h;
          double error = std::abs(got - expectedOut[size_t(row * p.v_dim + d)]);
          worst = std::max(worst, std::isnan(error) ? kInfinity : error);
        }
  return worst / roundingUnit(p.dtype);
}

double Problem::lseError() const {
  const attn_decode_params &p = params;
  double worst = 0;
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t i = 0; i < p.q_len; ++i)
      for (int64_t h = 0; h < p.q_heads; ++h) {
        double got =
            lse[size_t(b * p.lse_stride_batch + i * p.lse_stride_token +
                       h * p.lse_stride_head)];
        double want = expectedLse[size_t((b * p.q_len + i) * p.q_heads + h)];
        double error = got == want ? 0 : std::abs(got - want);
        worst = std::max(worst, std::isnan(error) ? kInfinity : error);
      }
  return worst;
}

Bytes Problem::outputOf(int64_t request) const {
  int64_t size = attn_dtype_size(params.dtype) * params.out_stride_batch;
  return Bytes(out.begin() + request * size,
               out.begin() + (request + 1) * size);
}

bool Problem::outputsAreUntouched() const {
  auto *lseBytes = reinterpret_cast<const unsigned char *>(lse.data());
  return std::all_of(out.begin(), out.end(), isCanary) &&
         std::all_of(lseBytes, lseBytes + lse.size() * sizeof(float), isCanary);
}

bool Problem::gapsAreUntouched() const {
  const attn_decode_params &p = params;
  int64_t size = attn_dtype_size(p.dtype);
  Bytes gaps = out;
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t i = 0; i < p.q_len; ++i)
      for (int64_t h = 0; h < p.q_heads; ++h) {
        int64_t row = b * p.out_stride_batch + i * p.out_stride_token +
                      h * p.out_stride_head;
        memset(&gaps[size_t(row * size)], kCanary, size_t(p.v_dim * size));
      }
  return std::all_of(gaps.begin(), gaps.end(), isCanary);
}
