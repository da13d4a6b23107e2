//===- Pack.h - Making a kernel pack ----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PACK_PACK_H
#define ATTN_PACK_PACK_H

#include "attn/Pack/Plan.h"
#include "attn/Target/CPUCompiler.h"
#include "attn/Target/GPUKernels.h"
#include "attn/Target/NVVMCompiler.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace attn::pack {

/// The kernels of one unit for one target.
struct Compiled {
  std::string unit;
  Target target;
  CPUKernels cpu; ///< of a CPU target
  /// Of a GPU: facts, with `image` filled in.
  std::unique_ptr<GPUKernels> gpu;
  NVVMImage image;   ///< a fat binary of cubin and PTX, or PTX alone
  std::string cubin; ///< the one in the image; empty if there is no ptxas
};

/// Called, one at a time, after each compilation.
using Progress = llvm::function_ref<void(unsigned done, unsigned all,
                                         const Compiled &what, double seconds)>;

/// Compiles every unit for every target: units in the plan's order, targets in
/// the options' within a unit, however many run at a time. `output` is of CPU
/// code.
llvm::Expected<std::vector<Compiled>> compileUnits(const Plan &plan,
                                                   const Options &options,
                                                   CPUOutput output,
                                                   Progress progress);

/// Makes the pack in `folder`: lib<name>_attn.so and .a, <name>_attn.h,
/// manifest.json, <name>_attnConfig.cmake. The folder appears whole or not at
/// all; one that is there is replaced if it is a pack, and else refused.
/// The same inputs give the same bytes.
llvm::Error writePack(const Plan &plan, const Options &options,
                      llvm::ArrayRef<Compiled> compiled,
                      llvm::StringRef folder);

/// Why writePack would refuse `folder`, before the time for compiling is spent.
llvm::Error checkFolder(llvm::StringRef folder);

/// The ld-compatible linker that a pack's shared library is made with: `given`
/// if not empty, else ld.lld or ld.
llvm::Expected<std::string> findLinker(llvm::StringRef given);

} // namespace attn::pack

#endif // ATTN_PACK_PACK_H
