//===-- Hardware.cpp - The real instructions, where the host has them -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inline assembly throughout: the instructions need no compiler flags then, and
// no optimisation can come between the test and them. (gcc 12 drops stores to
// the operand of the intrinsic _tile_loadconfig.)
//
//===----------------------------------------------------------------------===//

#include "Hardware.h"

#include <cpuid.h>
#include <csetjmp>
#include <csignal>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace attn::test;

namespace {

/// The memory operand of LDTILECFG (SDM, "LDTILECFG").
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t startRow = 0;
  uint8_t reserved[14] = {};
  uint16_t colsb[16] = {};
  uint8_t rows[16] = {};
};

void configure(const Shapes &shapes) {
  TileConfig config;
  for (size_t tile = 0; tile < shapes.size(); ++tile) {
    config.rows[tile] = shapes[tile].rows;
    config.colsb[tile] = shapes[tile].colsb;
  }
  asm volatile("ldtilecfg %0" ::"m"(config) : "memory");
}

void release() { asm volatile("tilerelease" ::: "memory"); }

/// Stores tmm0, of `shape`, into `dst`; the rest of `dst` becomes zero.
void storeResult(Tile &dst) {
  dst = {};
  asm volatile("tilestored %%tmm0, (%0,%1,1)" ::"r"(&dst), "r"(int64_t(64))
               : "memory");
}

bool hasCPUIDBit(uint32_t leaf, uint32_t subleaf, int reg, int bit) {
  std::array<uint32_t, 4> r = {};
  return __get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]) &&
         (r[reg] >> bit & 1);
}

constexpr int eax = 0, edx = 3;

} // namespace

const char *attn::test::whyNoAMX() {
  if (!hasCPUIDBit(7, 0, edx, 22) || !hasCPUIDBit(7, 0, edx, 24))
    return "the CPU has no AMX-BF16";
  constexpr long requestPermission = 0x1023, tileData = 18;
  if (syscall(SYS_arch_prctl, requestPermission, tileData) != 0)
    return "the kernel gives no permission to use AMX";
  return nullptr;
}

const char *attn::test::whyNoAVX512BF16() {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl"))
    return "the CPU has no AVX-512";
  return hasCPUIDBit(7, 1, eax, 5) ? nullptr : "the CPU has no AVX512-BF16";
}

void hardware::tileLoadStore(Shape shape, Tile &dst, const void *base,
                             int64_t stride) {
  configure({shape});
  asm volatile("tileloadd (%0,%1,1), %%tmm0" ::"r"(base), "r"(stride)
               : "memory");
  storeResult(dst);
  release();
}

void hardware::tileStore(Shape shape, const Tile &src, void *base,
                         int64_t stride) {
  configure({shape});
  asm volatile("tileloadd (%0,%1,1), %%tmm0\n"
               "tilestored %%tmm0, (%2,%3,1)" ::"r"(&src),
               "r"(int64_t(64)), "r"(base), "r"(stride)
               : "memory");
  release();
}

void hardware::tileZero(Shape shape, Tile &dst) {
  configure({shape});
  asm volatile("tileloadd (%0,%1,1), %%tmm0\n"
               "tilezero %%tmm0" ::"r"(&dst),
               "r"(int64_t(64))
               : "memory");
  storeResult(dst);
  release();
}

void hardware::tdpbf16ps(const Shapes &shapes, Tile &acc, const Tile &a,
                         const Tile &b) {
  configure(shapes);
  asm volatile("tileloadd (%0,%3,1), %%tmm0\n"
               "tileloadd (%1,%3,1), %%tmm1\n"
               "tileloadd (%2,%3,1), %%tmm2\n"
               "tdpbf16ps %%tmm2, %%tmm1, %%tmm0" ::"r"(&acc),
               "r"(&a), "r"(&b), "r"(int64_t(64))
               : "memory");
  storeResult(acc);
  release();
}

[[gnu::target("avx512f")]] void
hardware::vdpbf16ps(std::array<float, 16> &sum,
                    const std::array<uint16_t, 32> &a,
                    const std::array<uint16_t, 32> &b) {
  __m512 acc = _mm512_loadu_ps(sum.data());
  __m512i x = _mm512_loadu_si512(a.data()), y = _mm512_loadu_si512(b.data());
  asm("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(x), "v"(y));
  _mm512_storeu_ps(sum.data(), acc);
}

[[gnu::target("avx512f")]] std::array<uint16_t, 16>
hardware::vcvtneps2bf16(const std::array<float, 16> &value) {
  __m512 x = _mm512_loadu_ps(value.data());
  __m256i y;
  asm("vcvtneps2bf16 %1, %0" : "=v"(y) : "v"(x));
  std::array<uint16_t, 16> result;
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(result.data()), y);
  return result;
}

namespace {

sigjmp_buf faultHandler;
void onFault(int) { siglongjmp(faultHandler, 1); }

void execute(hardware::Instruction instruction) {
  Tile memory;
  switch (instruction) {
  case hardware::Instruction::tilezero:
    asm volatile("tilezero %%tmm0" ::: "memory");
    return;
  case hardware::Instruction::tileloadd:
    asm volatile("tileloadd (%0,%1,1), %%tmm0" ::"r"(&memory), "r"(int64_t(64))
                 : "memory");
    return;
  case hardware::Instruction::tilestored:
    asm volatile("tilestored %%tmm0, (%0,%1,1)" ::"r"(&memory), "r"(int64_t(64))
                 : "memory");
    return;
  case hardware::Instruction::tdpbf16ps:
    asm volatile("tdpbf16ps %%tmm2, %%tmm1, %%tmm0" ::: "memory");
    return;
  }
}

} // namespace

bool hardware::faults(Instruction instruction, const Shapes &shapes) {
  struct sigaction action = {}, oldIll, oldSegv;
  action.sa_handler = onFault;
  sigaction(SIGILL, &action, &oldIll);
  sigaction(SIGSEGV, &action, &oldSegv);
  volatile bool faults = true;
  if (sigsetjmp(faultHandler, /*savesigs=*/1) == 0) {
    configure(shapes);
    execute(instruction);
    faults = false;
  }
  release();
  sigaction(SIGILL, &oldIll, nullptr);
  sigaction(SIGSEGV, &oldSegv, nullptr);
  return faults;
}
