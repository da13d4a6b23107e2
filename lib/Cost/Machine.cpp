//===- Machine.cpp - Rooflines --------------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cost/Machine.h"
#include <limits>

using namespace attn::cost;

// Vendors' data sheets, SXM parts, dense rates (half of the figure that counts
// structured sparsity). The ridges are those of notes/engines.md 4.2: H100 295,
// H200 206, A100 153, B200 281, L40S 419, H20 37.
const std::vector<Machine> &attn::cost::knownMachines() {
  static const std::vector<Machine> machines = {
      {"h100", 80, 3350, 989.4e12, 1978.9e12},  // NVIDIA H100 SXM5 80 GB
      {"h200", 141, 4800, 989.4e12, 1978.9e12}, // NVIDIA H200 SXM5
      {"a100", 80, 2039, 312e12, 0},            // NVIDIA A100 SXM4 80 GB
      {"b200", 192, 8000, 2250e12, 4500e12},    // NVIDIA B200 (HGX)
      {"l40s", 48, 864, 362.05e12, 733e12},     // NVIDIA L40S
      {"h20", 96, 4000, 148e12, 296e12},        // NVIDIA H20
  };
  return machines;
}

// benchmarks/results/amx/mla-forms-calibration.json: one thread, DeepSeek-V3's
// dims, contexts of 2048 and 4096 tokens with 64 and 256 new ones.
const std::vector<Machine> &attn::cost::measuredMachines() {
  static const std::vector<Machine> machines = {
      {"amx-thread",
       /*memoryGB=*/0,
       /*readGBps=*/22.6,
       /*bf16Flops=*/2.554e12,
       /*fp8Flops=*/0,
       {/*absorbed=*/{0.360, 0.0449},
        /*materialized=*/{0.243, 0.296},
        /*fused=*/{0.311, 0.381}}},
  };
  return machines;
}

const Machine *attn::cost::findMachine(const std::string &name) {
  for (const Machine &machine : knownMachines())
    if (machine.name == name)
      return &machine;
  return nullptr;
}

Roofline attn::cost::roofline(const Machine &machine, double bytes,
                              double flops, MathType type) {
  double rate = machine.flops(type);
  return {bytes / (machine.readGBps * 1e9),
          rate > 0 ? flops / rate : std::numeric_limits<double>::infinity()};
}
