//===- NVVMArch.cpp - NVIDIA GPU architectures ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVVMArch.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace attn;

namespace {
constexpr int kKiB = 1024;
constexpr int kWarpSize = 32;
constexpr int kRegistersPerSM = 64 * kKiB;
constexpr int kMaxRegistersPerThread = 255;
constexpr int kMaxThreadsPerCTA = 1024;
/// Registers are dealt to whole warps in this unit, and an SM's are split over
/// as many partitions, each with its own warps.
constexpr int kRegisterUnit = 256;
constexpr int kPartitions = 4;
/// Shared memory is dealt in this unit, after what the system takes of a CTA.
constexpr int kSharedUnit = 128;
constexpr int kSystemShared = kKiB;
} // namespace

// A PTX version below what LLVM takes for the processor aborts the process, and
// so does one that lacks an instruction in use: versions are stated here, once.
// 90a and up use bulk copies into .shared::cta, which is PTX 8.6.
static const NVVMArch archs[] = {
    {80, false, 80, 64, 32, 164 * kKiB, 163 * kKiB},
    {86, false, 80, 48, 16, 100 * kKiB, 99 * kKiB},
    {89, false, 80, 48, 24, 100 * kKiB, 99 * kKiB},
    {90, false, 80, 64, 32, 228 * kKiB, 227 * kKiB},
    {90, true, 86, 64, 32, 228 * kKiB, 227 * kKiB},
    {100, false, 86, 64, 32, 228 * kKiB, 227 * kKiB},
    {100, true, 86, 64, 32, 228 * kKiB, 227 * kKiB},
    {120, false, 87, 48, 24, 100 * kKiB, 99 * kKiB},
};

std::string NVVMArch::name() const {
  return "sm_" + std::to_string(capability) + (specific ? "a" : "");
}

llvm::ArrayRef<NVVMArch> attn::nvvmArchs() { return archs; }

llvm::ArrayRef<llvm::StringRef> attn::defaultNVVMArchs() {
  static const llvm::StringRef names[] = {"sm_80", "sm_86",  "sm_89",
                                          "sm_90", "sm_100", "sm_120"};
  return names;
}

llvm::Expected<NVVMArch> attn::parseNVVMArch(llvm::StringRef name) {
  const auto *arch = llvm::find_if(
      archs, [&](const NVVMArch &each) { return each.name() == name; });
  if (arch != std::end(archs))
    return *arch;
  auto names =
      llvm::map_range(archs, [](const NVVMArch &each) { return each.name(); });
  return llvm::createStringError("no GPU architecture '" + name +
                                 "'; known: " + llvm::join(names, ", "));
}

Occupancy attn::getOccupancy(const NVVMArch &arch,
                             const CTAResources &resources) {
  int warps = llvm::divideCeil(resources.threads, kWarpSize);
  int registersPerWarp = llvm::alignTo(
      std::max(resources.registersPerThread, 1) * kWarpSize, kRegisterUnit);
  int shared =
      llvm::alignTo(resources.sharedBytes + kSystemShared, kSharedUnit);
  bool fits = resources.threads >= 1 &&
              resources.threads <= kMaxThreadsPerCTA &&
              resources.registersPerThread <= kMaxRegistersPerThread &&
              resources.sharedBytes <= arch.maxSharedPerCTA;
  int warpsOfRegisters =
      kRegistersPerSM / kPartitions / registersPerWarp * kPartitions;
  struct {
    OccupancyLimit limit;
    int ctas;
  } limits[] = {
      {OccupancyLimit::Threads, arch.maxWarps / std::max(warps, 1)},
      {OccupancyLimit::CTAs, arch.maxCTAs},
      {OccupancyLimit::Registers, warpsOfRegisters / std::max(warps, 1)},
      {OccupancyLimit::Shared, arch.sharedPerSM / shared}};
  const auto &least = *std::min_element(
      std::begin(limits), std::end(limits),
      [](const auto &a, const auto &b) { return a.ctas < b.ctas; });
  Occupancy occupancy;
  occupancy.limit = least.limit;
  occupancy.ctas = fits ? least.ctas : 0;
  occupancy.warps = occupancy.ctas * warps;
  occupancy.fraction = double(occupancy.warps) / arch.maxWarps;
  return occupancy;
}

int64_t attn::neededBytesInFlight(const NVVMArch &arch) {
  bool hasStackedMemory = arch.capability == 90 || arch.capability == 100;
  return (hasStackedMemory ? 48 : 16) * 1024;
}

llvm::StringRef attn::occupancyLimitName(OccupancyLimit limit) {
  switch (limit) {
  case OccupancyLimit::Threads:
    return "threads";
  case OccupancyLimit::CTAs:
    return "CTAs";
  case OccupancyLimit::Registers:
    return "registers";
  case OccupancyLimit::Shared:
    return "shared memory";
  }
  llvm_unreachable("all limits covered");
}
