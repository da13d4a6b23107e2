//===-- Features.cpp - What the CPU and the OS offer ----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Features.h"

#include "Error.h"

#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using namespace attn::runtime;

namespace {

/// One feature: a CPUID bit, and the register state the OS must save for it.
struct Feature {
  const char *name;
  uint32_t CpuFacts::*word;
  int bit;
  uint64_t state;
  int32_t level; ///< the isa level that needs it; ATTN_ISA_NONE: informational
};

constexpr uint64_t kAvxState = 0x6;     // XMM, YMM
constexpr uint64_t kAvx512State = 0xe6; // and opmask, ZMM
constexpr uint64_t kAmxState = 0x600e6; // and tile configuration and data

constexpr Feature kFeatures[] = {
    {"fma", &CpuFacts::leaf1Ecx, 12, kAvxState, ATTN_ISA_AVX2},
    {"f16c", &CpuFacts::leaf1Ecx, 29, kAvxState, ATTN_ISA_AVX2},
    {"avx2", &CpuFacts::leaf7Ebx, 5, kAvxState, ATTN_ISA_AVX2},
    {"avx512f", &CpuFacts::leaf7Ebx, 16, kAvx512State, ATTN_ISA_AVX512},
    {"avx512dq", &CpuFacts::leaf7Ebx, 17, kAvx512State, ATTN_ISA_AVX512},
    {"avx512bw", &CpuFacts::leaf7Ebx, 30, kAvx512State, ATTN_ISA_AVX512},
    {"avx512vl", &CpuFacts::leaf7Ebx, 31, kAvx512State, ATTN_ISA_AVX512},
    {"avx512_bf16", &CpuFacts::leaf7Sub1Eax, 5, kAvx512State,
     ATTN_ISA_AVX512BF16},
    {"avx512_fp16", &CpuFacts::leaf7Edx, 23, kAvx512State, ATTN_ISA_NONE},
    {"amx_tile", &CpuFacts::leaf7Edx, 24, kAmxState, ATTN_ISA_AMX},
    {"amx_bf16", &CpuFacts::leaf7Edx, 22, kAmxState, ATTN_ISA_AMX},
};

bool isUsable(const Feature &feature, const CpuFacts &facts) {
  bool present = (facts.*feature.word >> feature.bit) & 1;
  bool saved = (facts.xcr0 & feature.state) == feature.state;
  return present && saved && (feature.state != kAmxState || facts.amxPermitted);
}

CpuFacts readFacts() {
  CpuFacts facts;
#if defined(__x86_64__)
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
    return facts;
  facts.leaf1Ecx = ecx;
  constexpr uint32_t kOsxsave = 1u << 27;
  if (!(ecx & kOsxsave))
    return facts;
  // XGETBV by hand: the intrinsic would need the file compiled for XSAVE.
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  facts.xcr0 = uint64_t(high) << 32 | low;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
    facts.leaf7Ebx = ebx;
    facts.leaf7Edx = edx;
    uint32_t lastSubleaf = eax;
    if (lastSubleaf >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
      facts.leaf7Sub1Eax = eax;
  }
  // Linux hands out the 8 KiB of tile state on request only; without it the
  // first tile instruction is a fault. The permission holds for all threads.
  constexpr long kArchReqXcompPerm = 0x1023, kXtileData = 18;
  if ((facts.xcr0 & kAmxState) == kAmxState)
    facts.amxPermitted =
        syscall(SYS_arch_prctl, kArchReqXcompPerm, kXtileData) == 0;
#endif
  return facts;
}

pthread_once_t once = PTHREAD_ONCE_INIT;
int32_t hostIsa;
char hostFeatures[192];

void detect() {
  CpuFacts facts = readFacts();
  hostIsa = isaLevel(facts);
  describeFeatures(facts, hostFeatures, sizeof hostFeatures);
}

struct IsaName {
  int32_t isa;
  const char *name;
};
constexpr IsaName kIsaNames[] = {
    {ATTN_ISA_AVX2, "avx2"},
    {ATTN_ISA_AVX512, "avx512"},
    {ATTN_ISA_AVX512BF16, "avx512bf16"},
    {ATTN_ISA_AMX, "amx"},
    {ATTN_ISA_AUTO, "auto"},
    {ATTN_ISA_NONE, "none"},
};

} // namespace

int32_t attn::runtime::isaLevel(const CpuFacts &facts) {
  int32_t level = ATTN_ISA_AMX;
  for (const Feature &feature : kFeatures)
    if (feature.level != ATTN_ISA_NONE && feature.level <= level &&
        !isUsable(feature, facts))
      level = feature.level - 1;
  return level < ATTN_ISA_AVX2 ? ATTN_ISA_NONE : level;
}

void attn::runtime::describeFeatures(const CpuFacts &facts, char *text,
                                     size_t capacity) {
  text[0] = '\0';
  size_t used = 0;
  for (const Feature &feature : kFeatures) {
    size_t length = strlen(feature.name) + (used ? 1 : 0);
    if (!isUsable(feature, facts) || used + length >= capacity)
      continue;
    snprintf(text + used, capacity - used, "%s%s", used ? " " : "",
             feature.name);
    used += length;
  }
}

int32_t attn_cpu_isa(void) {
  pthread_once(&once, detect);
  return hostIsa;
}

const char *attn_cpu_features(void) {
  pthread_once(&once, detect);
  return hostFeatures;
}

const char *attn_isa_name(int32_t isa) {
  for (const IsaName &entry : kIsaNames)
    if (entry.isa == isa)
      return entry.name;
  return nullptr;
}

attn_status attn_isa_parse(const char *name, int32_t *isa) {
  if (!name || !isa)
    return fail(ATTN_ERROR_NULL_POINTER, "attn_isa_parse: null argument");
  for (const IsaName &entry : kIsaNames) {
    if (entry.isa == ATTN_ISA_NONE || strcmp(entry.name, name) != 0)
      continue;
    *isa = entry.isa;
    return ATTN_OK;
  }
  return fail(ATTN_ERROR_ENUM,
              "unknown isa '%s'; known: avx2, avx512, avx512bf16, amx, auto",
              name);
}
