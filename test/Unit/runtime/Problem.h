//===-- Problem.h - A random decode call with its oracle --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_PROBLEM_H
#define ATTN_TEST_UNIT_RUNTIME_PROBLEM_H

#include "FakeKernels.h"

#include <random>
#include <string>
#include <vector>

namespace attn::test {

using Bytes = std::vector<unsigned char>;

/// Uninitialised for the runtime's purposes: filled with `kCanary`.
constexpr unsigned char kCanary = 0xc5;

/// A workspace at a 64-byte boundary with canaries behind it.
class Workspace {
public:
  explicit Workspace(uint64_t bytes);
  ~Workspace();
  Workspace(const Workspace &) = delete;
  Workspace &operator=(const Workspace &) = delete;

  void *data() const { return memory; }
  uint64_t size() const { return bytes; }
  bool isOverrun() const;
  bool isUntouched() const;

private:
  uint64_t bytes;
  unsigned char *memory;
};

/// What a random problem is drawn from.
struct ProblemOptions {
  uint32_t kernel = GqaF32Row; ///< index into the table
  std::vector<int32_t> seqLens;
  int64_t pageSize = 16;
  bool contiguous = false;
  bool hasLse = true;
  const attn_kernel_table *table = &fakeTable();
};

/// One decode call with random inputs. The cache is filled by attn_append; all
/// that no request uses is NaN, unused block-table entries are garbage, and
/// strides have gaps, whose canaries are checked.
class Problem {
public:
  Problem(const ProblemOptions &options, uint64_t seed);
  ~Problem();
  Problem(const Problem &) = delete;
  Problem &operator=(const Problem &) = delete;

  /// Sizes the workspace for params as they are, runs, and checks canaries.
  attn_status run();

  /// Largest error of out and lse against float64, the first relative to the
  /// rounding of the output type. Infinite where one is NaN or a sign of
  /// infinity is wrong.
  double outError() const;
  double lseError() const;

  /// The rows of one request, for bitwise comparisons.
  Bytes outputOf(int64_t request) const;

  /// Whether all of out and lse, or the gaps between out's rows, still hold
  /// canaries.
  bool outputsAreUntouched() const;
  bool gapsAreUntouched() const;

  attn_decode_params params;
  attn_library *library = nullptr;
  std::vector<int32_t> seqLens, blockTable;
  std::vector<float> sinks, lse;
  Bytes q, k, v, out;

private:
  double *expectedRow(int64_t request, int64_t query, int64_t head);
  void fillCache(int64_t request, const std::vector<double> &keys,
                 const std::vector<double> &values);
  void setUpTensors(const ProblemOptions &options);
  void solve(int64_t request, const std::vector<double> &keys,
             const std::vector<double> &values);
  std::vector<double> draw(int64_t count, double spread);

  std::mt19937_64 random;
  std::vector<double> expectedOut, expectedLse;
};

/// Rounding unit of a dtype.
double roundingUnit(int32_t dtype);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_PROBLEM_H
