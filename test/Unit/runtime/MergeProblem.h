//===-- MergeProblem.h - A random merge with its oracle ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_MERGEPROBLEM_H
#define ATTN_TEST_UNIT_RUNTIME_MERGEPROBLEM_H

#include "Problem.h"

#include "gtest/gtest.h"

#include <cmath>

namespace attn::test {

/// Random partial states of a kernel's shape.
struct MergeProblem {
  MergeProblem(FakeKernel kernel, int64_t parts, int64_t batch, uint64_t seed) {
    const attn_kernel_desc &desc = fakeTable().kernels[kernel];
    EXPECT_EQ(attn_library_from_table(&fakeTable(), &library), ATTN_OK);
    p.struct_size = sizeof p;
    p.flags = desc.flags & ATTN_FLAG_SINKS;
    p.dtype = desc.dtype;
    p.isa = ATTN_ISA_AUTO;
    p.q_heads = desc.q_heads;
    p.kv_heads = desc.kv_heads;
    p.v_dim = desc.v_dim;
    p.q_len = desc.q_len;
    p.batch = batch;
    p.parts = parts;
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    rows = batch * p.q_len * p.q_heads;
    for (int64_t i = 0; i < parts * rows; ++i) {
      // Some parts have seen no token of a row.
      bool empty = random() % 4 == 0;
      partialLse.push_back(empty ? -INFINITY : 5 * normal(random));
      for (int64_t d = 0; d < p.v_dim; ++d)
        partialOut.push_back(empty ? 0 : normal(random));
    }
    for (int64_t h = 0; h < p.q_heads; ++h)
      sinks.push_back(3 * normal(random));
    out.assign(size_t(rows * p.v_dim * 4), kCanary);
    lse.resize(size_t(rows));
    p.partial_out = partialOut.data();
    p.partial_lse = partialLse.data();
    p.sinks = p.flags ? sinks.data() : nullptr;
    p.out = out.data();
    p.out_stride_head = p.v_dim;
    p.out_stride_token = p.q_heads * p.v_dim;
    p.out_stride_batch = p.q_len * p.out_stride_token;
    p.lse = lse.data();
    p.lse_stride_head = 1;
    p.lse_stride_token = p.q_heads;
    p.lse_stride_batch = p.q_len * p.q_heads;
  }
  ~MergeProblem() { attn_library_close(library); }

  attn_status run() {
    uint64_t bytes;
    if (attn_status status = attn_merge_workspace_size(library, &p, &bytes))
      return status;
    Workspace workspace(bytes);
    p.workspace = workspace.data();
    p.workspace_bytes = bytes;
    attn_status status = attn_merge(library, &p);
    EXPECT_FALSE(workspace.isOverrun());
    p.workspace = nullptr;
    return status;
  }

  /// Compares with the definition in float64.
  void check() const {
    // In f32, LSEs around 10 make an error of some 10 units in the weights.
    double tolerance = p.dtype == ATTN_F32 ? 1e-5 : 16 * roundingUnit(p.dtype);
    for (int64_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (int64_t part = 0; part < p.parts; ++part)
        sum += std::exp(double(partialLse[size_t(part * rows + row)]));
      if (sum == 0) {
        ASSERT_EQ(lse[size_t(row)], -INFINITY);
      } else {
        ASSERT_NEAR(lse[size_t(row)], std::log(sum), 1e-5);
      }
      if (p.flags && sum > 0)
        sum += std::exp(double(sinks[size_t(row % p.q_heads)]));
      for (int64_t d = 0; d < p.v_dim; ++d) {
        double want = 0;
        for (int64_t part = 0; part < p.parts && sum > 0; ++part) {
          size_t at = size_t(part * rows + row);
          want += std::exp(double(partialLse[at])) / sum *
                  double(partialOut[at * size_t(p.v_dim) + size_t(d)]);
        }
        ASSERT_NEAR(readElement(out.data(), p.dtype, row * p.v_dim + d), want,
                    tolerance);
      }
    }
  }

  attn_library *library = nullptr;
  attn_merge_params p = {};
  int64_t rows;
  std::vector<float> partialOut, partialLse, sinks, lse;
  Bytes out;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_MERGEPROBLEM_H
