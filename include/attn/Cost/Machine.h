//===- Machine.h - Rooflines -----------------------------------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// What a machine can read and multiply at best, and the time no kernel can beat
// on it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_MACHINE_H
#define ATTN_COST_MACHINE_H

#include <string>
#include <vector>

namespace attn::cost {

enum class MathType { BF16, FP8 };

/// The shares of the peak that the kernels of one form of latent attention
/// reach: in what grows with query tokens times context, and in what grows with
/// one of them alone. 1 where nobody measured.
struct FormEfficiency {
  double attention = 1;
  double projection = 1;
};

/// Those of each form, as attn-bench-forms measures them.
struct LatentEfficiency {
  FormEfficiency absorbed, materialized, fused;
};

/// A device's peaks. The bench fills one in from measurements; the known ones
/// have the vendor's figures.
struct Machine {
  std::string name;
  double memoryGB;  ///< decimal, as vendors write it
  double readGBps;  ///< device memory, 1e9 bytes a second
  double bf16Flops; ///< dense
  double fp8Flops;  ///< dense; 0 without such units
  LatentEfficiency latent = {};

  double flops(MathType type) const {
    return type == MathType::BF16 ? bf16Flops : fp8Flops;
  }
  /// FLOP per byte from which on a kernel is bound by arithmetic.
  double ridge(MathType type) const { return flops(type) / (readGBps * 1e9); }
};

/// The devices of engines.md 4.2, in its order.
const std::vector<Machine> &knownMachines();
/// By name, or null.
const Machine *findMachine(const std::string &name);

/// Machines that attn-bench-forms was run on, with what its forms reached.
const std::vector<Machine> &measuredMachines();

/// A lower bound on the time of a kernel.
struct Roofline {
  double memorySeconds;
  double mathSeconds; ///< infinite if the machine lacks the type

  bool mathBound() const { return mathSeconds > memorySeconds; }
  double seconds() const { return mathBound() ? mathSeconds : memorySeconds; }
};

Roofline roofline(const Machine &machine, double bytes, double flops,
                  MathType type);

} // namespace attn::cost

#endif // ATTN_COST_MACHINE_H
