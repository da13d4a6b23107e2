//===- Decode.h - Generated decode kernels in the emulator ---- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_EMULATIONSIMT_DECODE_H
#define ATTN_TEST_UNIT_EMULATIONSIMT_DECODE_H

#include "Kernel.h"
#include "attn_gpu_abi.h"

#include <vector>

namespace attn::test {

/// The three kernels of a call as NVVM IR (text, to be edited), and their
/// facts.
struct GeneratedDecode {
  std::string source;
  int64_t threads, sharedBytes, rowBlocks, tile;
  int64_t planThreads, combineThreads, combineBlocks;
};

/// One decode call on random data, in bf16, over a paged cache of which the
/// tokens that no request has are NaN.
class DecodeProblem {
public:
  int64_t qHeads = 8, kvHeads = 2, dim = 64, page = 16, parts = 3;
  std::vector<int32_t> lengths = {410, 0, 5};
  std::string schedule =
      "#tile.gpu_schedule<form = mma_sync, warps = 4, rows = "
      "16, kv_tile = 32, stages = 4, ctas_per_sm = 2>";

  /// `chip` and the geometry above, through the GPU pipeline.
  GeneratedDecode generate(const std::string &chip = "sm_80") const;

  /// Draws the inputs.
  void fill(unsigned seed = 1);
  /// Runs plan, decode and combine; the findings of all three.
  simt::Report run(Kernels &kernels, const GeneratedDecode &generated,
                   simt::LaunchConfig config);
  /// More than rounding to bf16 makes of results of this size.
  static constexpr double kTolerance = 0.02;
  /// The greatest error of the last run's outputs; NaN counts as infinite.
  double maxError() const;

private:
  int64_t rowBytes() const { return dim * 2; }
  int64_t blockElements() const { return page * kvHeads * dim; }

  std::vector<uint16_t> query, keys, values, output;
  std::vector<int32_t> blocks;
  int64_t maxBlocks = 0;
};

} // namespace attn::test

#endif // ATTN_TEST_UNIT_EMULATIONSIMT_DECODE_H
