//===- NVVMArch.h - NVIDIA GPU architectures --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Resources per streaming multiprocessor and the occupancy they allow. Source
// of the numbers: the CUDA C++ programming guide, appendix "Compute
// capabilities", table of technical specifications; of the formula: CUDA's
// occupancy calculator (allocation of registers by the warp).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVVMARCH_H
#define ATTN_TARGET_NVVMARCH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace attn {

/// One architecture that code can be generated for.
struct NVVMArch {
  int capability;      ///< compute capability times ten: 80, 90, 120
  bool specific;       ///< the `a` form (sm_90a): runs on this capability alone
  int ptxVersion;      ///< that its PTX is written in, times ten
  int maxWarps;        ///< resident on an SM
  int maxCTAs;         ///< resident on an SM
  int sharedPerSM;     ///< bytes
  int maxSharedPerCTA; ///< bytes, opted into by a function attribute

  /// `sm_90a`, as LLVM and ptxas call it.
  std::string name() const;
};

/// Every architecture known, ascending.
llvm::ArrayRef<NVVMArch> nvvmArchs();

/// The architectures that a fat binary of the generic kernels holds code for.
llvm::ArrayRef<llvm::StringRef> defaultNVVMArchs();

/// Looks `sm_80` up; the error lists what is known.
llvm::Expected<NVVMArch> parseNVVMArch(llvm::StringRef name);

/// What a CTA takes.
struct CTAResources {
  int threads = 0;
  int registersPerThread = 0;
  int sharedBytes = 0; ///< static and dynamic
};

enum class OccupancyLimit { Threads, CTAs, Registers, Shared };

struct Occupancy {
  int ctas = 0;  ///< resident on an SM; 0: a CTA does not fit
  int warps = 0; ///< resident on an SM
  OccupancyLimit limit = OccupancyLimit::Threads;
  double fraction = 0; ///< warps over the architecture's maximum
};

/// Theoretical occupancy. `resources.threads` is 1 to 1024.
Occupancy getOccupancy(const NVVMArch &arch, const CTAResources &resources);

/// Bytes that must be on their way to an SM at least for full bandwidth, from
/// NVIDIA's own tuning of streaming kernels (CCCL, cub/device/dispatch/tuning/
/// tuning_transform.cuh): 16 KiB for A100, 48 for H200 (H100: 32). GPUs with
/// GDDR (sm_86, 89, 120) have less bandwidth per SM than A100 and are held to
/// its figure. A kernel that keeps less is at fault.
int64_t neededBytesInFlight(const NVVMArch &arch);

/// Bytes in flight on an SM that no GPU needs more of, which schedules aim at:
/// an H200 moves 4.8 TB/s over 132 SMs, and its memory answers within 1.8 us
/// under load (Little's law).
inline constexpr int64_t kEnoughBytesInFlight = 64 << 10;

/// `threads`, `CTAs`, `registers` or `shared memory`.
llvm::StringRef occupancyLimitName(OccupancyLimit limit);

} // namespace attn

#endif // ATTN_TARGET_NVVMARCH_H
