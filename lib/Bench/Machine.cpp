//===- Machine.cpp - What the host is -------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Machine.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <cstdlib>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

using namespace attn::bench;

/// Asks the kernel for the tile registers' state; they fault without it.
static bool requestAMXPermission() {
  constexpr long archReqXcompPerm = 0x1023, xfeatureTileData = 18;
  return syscall(SYS_arch_prctl, archReqXcompPerm, xfeatureTileData) == 0;
}

static Isa detectIsa() {
  // LLVM looks at CPUID and at what the operating system saves (XGETBV).
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto hasAll = [&](std::initializer_list<llvm::StringRef> names) {
    return llvm::all_of(names,
                        [&](llvm::StringRef n) { return features.lookup(n); });
  };
  if (!hasAll({"avx2", "fma", "f16c"}))
    return Isa::Baseline;
  if (!hasAll({"avx512f", "avx512bw", "avx512dq", "avx512vl"}))
    return Isa::AVX2;
  if (!hasAll({"avx512bf16"}))
    return Isa::AVX512;
  if (!hasAll({"amx-tile", "amx-bf16"}) || !requestAMXPermission())
    return Isa::AVX512BF16;
  return Isa::AMX;
}

Isa attn::bench::hostIsa() {
  static const Isa isa = detectIsa();
  return isa;
}

llvm::StringRef attn::bench::isaName(Isa isa) {
  switch (isa) {
  case Isa::Baseline:
    return "baseline";
  case Isa::AVX2:
    return "avx2";
  case Isa::AVX512:
    return "avx512";
  case Isa::AVX512BF16:
    return "avx512bf16";
  case Isa::AMX:
    return "amx";
  }
  return "unknown";
}

/// The text of a (virtual) file, or nothing.
static std::string readFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFileAsStream(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

static std::string modelName() {
  std::string info = readFile("/proc/cpuinfo");
  llvm::StringRef rest = llvm::StringRef(info).split("model name").second;
  return rest.split('\n').first.trim(" \t:").str();
}

/// The setting in brackets in "always [madvise] never".
static std::string hugePageSetting() {
  std::string text = readFile("/sys/kernel/mm/transparent_hugepage/enabled");
  return llvm::StringRef(text).split('[').second.split(']').first.str();
}

Machine attn::bench::describeMachine() {
  Machine machine;
  machine.machineClass = isaName(hostIsa()).str();
  machine.modelName = modelName();
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (feature.second)
      machine.features.push_back(feature.first().str());
  llvm::sort(machine.features);
  machine.cores = std::thread::hardware_concurrency();
  auto bytesOf = [](int name) { return std::max<int64_t>(0, sysconf(name)); };
  machine.l1Bytes = bytesOf(_SC_LEVEL1_DCACHE_SIZE);
  machine.l2Bytes = bytesOf(_SC_LEVEL2_CACHE_SIZE);
  machine.l3Bytes = bytesOf(_SC_LEVEL3_CACHE_SIZE);
  machine.memoryBytes = bytesOf(_SC_PHYS_PAGES) * bytesOf(_SC_PAGESIZE);
  machine.hugePages = hugePageSetting();
  utsname name;
  if (uname(&name) == 0)
    machine.kernel = std::string(name.sysname) + " " + name.release;
  (void)getloadavg(&machine.load, 1);
  return machine;
}

llvm::json::Object attn::bench::toJSON(const Machine &machine) {
  return llvm::json::Object{{"class", machine.machineClass},
                            {"model_name", machine.modelName},
                            {"features", machine.features},
                            {"cores", int64_t(machine.cores)},
                            {"l1d_bytes", machine.l1Bytes},
                            {"l2_bytes", machine.l2Bytes},
                            {"l3_bytes", machine.l3Bytes},
                            {"memory_bytes", machine.memoryBytes},
                            {"transparent_huge_pages", machine.hugePages},
                            {"kernel", machine.kernel},
                            {"load_1min", machine.load}};
}
