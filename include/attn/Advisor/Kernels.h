//===- Kernels.h - Kernels and measured times -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernels of this project, asked through a function so that the advisor
// needs no MLIR; and the measurements that attn-bench wrote.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_KERNELS_H
#define ATTN_ADVISOR_KERNELS_H

#include "attn/Advisor/Deployment.h"
#include <functional>

namespace attn::advisor {

/// The kernel that the compiler makes for a layer.
struct ServedKernel {
  std::string schedule; ///< the attribute, as the select pass wrote it
  std::string target;   ///< instruction level or GPU architecture
  std::optional<KernelKind> kind; ///< of a kernel for CPUs
};

/// The kernel for a layer of a device; or why there is none.
using KernelLookup = std::function<llvm::Expected<ServedKernel>(
    const model::AttentionSpec &spec, const Deployment &setup)>;

/// A measured time from attn-bench --json.
struct Measurement {
  std::string shape,
      type; ///< as attn-bench writes them: "gqa:32/8/128", "bf16"
  int64_t batch, context, qLen;
  std::string mode, isa, machine, date, layout;
  int64_t page, threads;
  double seconds; ///< median
};

/// The undisturbed, not emulated records of a file, or of the cpu.json and
/// gpu.json of every folder in a folder; an error where one is not attn-bench's
/// or there is none.
llvm::Expected<std::vector<Measurement>> readMeasurements(llvm::StringRef path);

/// How attn-bench would write the layer's shape.
std::string benchShape(const model::AttentionSpec &spec);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_KERNELS_H
