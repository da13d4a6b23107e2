//===- MergeTest.cpp - attn.merge and the merges of split attention -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace attn;
using namespace attn::test;

namespace {

constexpr int64_t kHeads = 6, kWidth = 48, kTokens = 2, kBatch = 3;
constexpr int64_t kRows = kBatch * kTokens * kHeads;

/// Random partial states; some saw nothing, and of one row none did.
struct States {
  States(int64_t parts, float emptyOutput) : parts(parts) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < parts * kRows; ++i) {
      int64_t part = i / kRows, row = i % kRows;
      bool empty = row == 5 || (row % 4 == 3 && part == row % parts);
      lses.push_back(empty ? -INFINITY : 20 * normal(random));
      for (int64_t d = 0; d < kWidth; ++d)
        outs.push_back(empty ? emptyOutput : normal(random));
    }
  }

  /// The merged state in float64; the sinks' logits count in the denominator.
  void merge(const float *sinks, std::vector<double> &out,
             std::vector<double> &lse) const {
    out.assign(kRows * kWidth, 0);
    lse.assign(kRows, -INFINITY);
    for (int64_t row = 0; row < kRows; ++row) {
      double sum = 0;
      for (int64_t n = 0; n < parts; ++n)
        sum += std::exp(double(lses[n * kRows + row]));
      if (sum == 0)
        continue;
      lse[row] = std::log(sum);
      double all = sum + (sinks ? std::exp(double(sinks[row % kHeads])) : 0);
      for (int64_t n = 0; n < parts; ++n) {
        double weight = std::exp(double(lses[n * kRows + row])) / all;
        for (int64_t d = 0; weight > 0 && d < kWidth; ++d)
          out[row * kWidth + d] +=
              weight * outs[(n * kRows + row) * kWidth + d];
      }
    }
  }

  int64_t parts;
  std::vector<float> outs, lses;
};

double read(const Bytes &data, int32_t dtype, int64_t i) {
  if (dtype == ATTN_F32)
    return reinterpret_cast<const float *>(data.data())[i];
  uint16_t bits = reinterpret_cast<const uint16_t *>(data.data())[i];
  if (dtype == ATTN_BF16) {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
  }
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                    : std::ldexp(fraction, -24);
  return bits >> 15 ? -magnitude : magnitude;
}

class Merge : public testing::TestWithParam<CPULevel> {
protected:
  /// Merges with the combine of `library` and compares.
  void check(attn_library *library, int32_t dtype, int32_t kvHeads,
             const States &states, const float *sinks, int32_t threads) {
    ASSERT_NE(library, nullptr);
    attn_merge_params p = {};
    p.struct_size = sizeof p;
    p.flags = ATTN_FLAG_ALLOW_EMULATED | (sinks ? ATTN_FLAG_SINKS : 0);
    p.dtype = dtype;
    p.isa = ATTN_ISA_AUTO;
    p.q_heads = kHeads;
    p.kv_heads = kvHeads;
    p.v_dim = kWidth;
    p.q_len = kTokens;
    p.kernel_name = "main";
    p.pool = pool(threads);
    p.batch = kBatch;
    p.parts = states.parts;
    p.partial_out = states.outs.data();
    p.partial_lse = states.lses.data();
    p.sinks = sinks;
    Bytes out(kRows * kWidth * (dtype == ATTN_F32 ? 4 : 2), 0xff);
    std::vector<float> lse(kRows, NAN);
    p.out = out.data();
    p.out_stride_head = kWidth;
    p.out_stride_token = kWidth * kHeads;
    p.out_stride_batch = kWidth * kHeads * kTokens;
    p.lse = lse.data();
    p.lse_stride_head = 1;
    p.lse_stride_token = kHeads;
    p.lse_stride_batch = kHeads * kTokens;
    ASSERT_EQ(attn_merge_workspace_size(library, &p, &p.workspace_bytes),
              ATTN_OK)
        << attn_error_message();
    Bytes memory(p.workspace_bytes + 64, 0xff);
    p.workspace =
        memory.data() + -reinterpret_cast<uintptr_t>(memory.data()) % 64;
    ASSERT_EQ(attn_merge(library, &p), ATTN_OK) << attn_error_message();

    std::vector<double> wantedOut, wantedLse;
    states.merge(sinks, wantedOut, wantedLse);
    double relative = dtype == ATTN_F32   ? 2e-6
                      : dtype == ATTN_F16 ? 1.0 / 2048
                                          : 1.0 / 256;
    for (int64_t i = 0; i < kRows * kWidth; ++i)
      ASSERT_NEAR(read(out, dtype, i), wantedOut[i],
                  relative * std::fabs(wantedOut[i]) + 5e-6)
          << "out " << i;
    for (int64_t i = 0; i < kRows; ++i)
      if (std::isinf(wantedLse[i]))
        ASSERT_EQ(lse[i], wantedLse[i]) << "lse " << i;
      else
        ASSERT_NEAR(lse[i], wantedLse[i], 2e-5) << "lse " << i;
  }
};

std::string mergeModule(const std::string &element) {
  return "func.func @main(%o: tensor<?x?x2x6x48xf32>, %l: tensor<?x?x2x6xf32>)"
         " -> (tensor<?x2x6x48x" +
         element +
         ">, tensor<?x2x6xf32>) {\n"
         "  %r, %s = attn.merge %o, %l : (tensor<?x?x2x6x48xf32>,"
         " tensor<?x?x2x6xf32>) -> (tensor<?x2x6x48x" +
         element +
         ">, tensor<?x2x6xf32>)\n"
         "  return %r, %s : tensor<?x2x6x48x" +
         element + ">, tensor<?x2x6xf32>\n}";
}

const std::pair<const char *, int32_t> kTypes[] = {
    {"bf16", ATTN_BF16}, {"f16", ATTN_F16}, {"f32", ATTN_F32}};

} // namespace

TEST_P(Merge, OpMatchesFloat64) {
  for (auto [name, dtype] : kTypes) {
    SCOPED_TRACE(name);
    Attention attention(mergeModule(name), "main");
    for (int64_t parts : {1, 2, 5})
      check(attention.compile(GetParam()), dtype, kHeads, States(parts, 0),
            nullptr, 2);
    check(attention.compile(GetParam()), dtype, kHeads, States(0, 0), nullptr,
          1);
  }
}

// A state with a log-sum-exp of -inf does not count, whatever its output holds.
TEST_P(Merge, EmptyStatesMayHoldNaN) {
  for (auto [name, dtype] : kTypes) {
    SCOPED_TRACE(name);
    Attention attention(mergeModule(name), "main");
    check(attention.compile(GetParam()), dtype, kHeads, States(3, NAN), nullptr,
          1);
  }
}

TEST_P(Merge, AttentionsCombineAddsTheSinks) {
  const float sinks[kHeads] = {-40, -1, 0, 1, 3, 60};
  for (auto [name, dtype] : kTypes) {
    SCOPED_TRACE(name);
    Attention plain(Case("gqa:6/2/48 q=2 " + std::string(name)));
    check(plain.compile(GetParam()), dtype, 2, States(4, 0), nullptr, 4);
    Attention sinking(Case("gqa:6/2/48 q=2 sinks " + std::string(name)));
    check(sinking.compile(GetParam()), dtype, 2, States(4, 0), sinks, 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Merge, testing::ValuesIn(kLevels),
                         [](const testing::TestParamInfo<CPULevel> &info) {
                           return std::string(levelName(info.param));
                         });
