//===- Loops.cpp - The inner loops of the ceilings ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Loops.h"

#include <array>
#include <cstdint>

using namespace attn::bench;
using namespace attn::bench::loops;

// `\i` in the body counts 0 to 7 or 0 to 11.
#define EACH_OF_8(BODY) ".irp i,0,1,2,3,4,5,6,7\n" BODY ".endr\n"
#define EACH_OF_12(BODY) ".irp i,0,1,2,3,4,5,6,7,8,9,10,11\n" BODY ".endr\n"

#define CLOBBERED_VECTORS                                                      \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",      \
      "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

// Loads line `\i` at AT (an address without its displacement) into accumulator
// `\i`. What the accumulators hold is of no interest, but they are 8 chains.
#define LINE_SSE(AT)                                                           \
  "movdqu 64*\\i(" AT "), %%xmm\\i\n"                                          \
  "movdqu 64*\\i+16(" AT "), %%xmm\\i\n"                                       \
  "movdqu 64*\\i+32(" AT "), %%xmm\\i\n"                                       \
  "movdqu 64*\\i+48(" AT "), %%xmm\\i\n"
#define LINE_AVX2(AT)                                                          \
  "vpor 64*\\i(" AT "), %%ymm\\i, %%ymm\\i\n"                                  \
  "vpor 64*\\i+32(" AT "), %%ymm\\i, %%ymm\\i\n"
#define LINE_AVX512(AT) "vporq 64*\\i(" AT "), %%zmm\\i, %%zmm\\i\n"

// Runs BODY, which handles LINES lines from `p` on, as often as fits.
#define READ_LOOP(LINES, BODY, END, ...)                                       \
  if (size_t n = lines / (LINES)) {                                            \
    asm volatile("1:\n" BODY "add $64*" #LINES ", %[p]\n"                      \
                 "dec %[n]\n"                                                  \
                 "jnz 1b\n" END                                                \
                 : [p] "+r"(p), [n] "+r"(n)                                    \
                 : __VA_ARGS__                                                 \
                 : CLOBBERED_VECTORS, "cc", "memory");                         \
    lines %= (LINES);                                                          \
  }

#define DEFINE_READ_LOOPS(NAME, LINE, END)                                     \
  static void plain##NAME(const char *p, size_t lines) {                       \
    READ_LOOP(8, EACH_OF_8(LINE("%[p]")), END)                                 \
    READ_LOOP(1, ".irp i,0\n" LINE("%[p]") ".endr\n", END)                     \
  }                                                                            \
  static void ahead##NAME(const char *p, size_t lines, ptrdiff_t ahead) {      \
    READ_LOOP(8, EACH_OF_8("prefetcht0 64*\\i(%[p],%[ahead])\n" LINE("%[p]")), \
              END, [ahead] "r"(ahead))                                         \
    READ_LOOP(1,                                                               \
              ".irp i,0\n"                                                     \
              "prefetcht0 64*\\i(%[p],%[ahead])\n" LINE("%[p]") ".endr\n",     \
              END, [ahead] "r"(ahead))                                         \
  }                                                                            \
  static void streams##NAME(const char *p, size_t lines, size_t distance) {    \
    READ_LOOP(2,                                                               \
              ".irp i,0,1\n" LINE("%[p]") LINE("%[p],%[d]")                    \
                  LINE("%[p],%[d],2") LINE("%[p],%[d3]") ".endr\n",            \
              END, [d] "r"(distance), [d3] "r"(3 * distance))                  \
  }

DEFINE_READ_LOOPS(SSE, LINE_SSE, "")
DEFINE_READ_LOOPS(AVX2, LINE_AVX2, "vzeroupper\n")
DEFINE_READ_LOOPS(AVX512, LINE_AVX512, "vzeroupper\n")

const ReadLoops &loops::readLoops(Isa isa) {
  static const ReadLoops sse = {plainSSE, aheadSSE, streamsSSE};
  static const ReadLoops avx2 = {plainAVX2, aheadAVX2, streamsAVX2};
  static const ReadLoops avx512 = {plainAVX512, aheadAVX512, streamsAVX512};
  if (isa == Isa::Baseline)
    return sse;
  return isa == Isa::AVX2 ? avx2 : avx512;
}

//===----------------------------------------------------------------------===//
// Multiply-add
//===----------------------------------------------------------------------===//

// The operands are 1 and 0.5 (in bf16, pairs of them): no denormals, no
// infinities, and no zeros, which would draw less power than data does.
// REG is ymm or zmm, BODY one of the 12 instructions.
#define MULTIPLY_ADD_LOOP(REG, BODY)                                           \
  asm volatile(                                                                \
      EACH_OF_12(                                                              \
          "vpxor %%xmm\\i, %%xmm\\i, %%xmm\\i\n") "vbroadcastss %[one], "      \
                                                  "%%" REG "12\n"              \
                                                  "vbroadcastss %[half], "     \
                                                  "%%" REG "13\n"              \
                                                  ".p2align 5\n"               \
                                                  "1:\n" EACH_OF_12(           \
                                                      BODY) "dec %[n]\n"       \
                                                            "jnz 1b\n"         \
                                                            "vzeroupper\n"     \
      : [n] "+r"(iterations)                                                   \
      : [one] "m"(one), [half] "m"(half)                                       \
      : CLOBBERED_VECTORS, "cc")

static const float one = 1, half = 0.5f;

void loops::fmaYmm(size_t iterations) {
  MULTIPLY_ADD_LOOP("ymm", "vfmadd231ps %%ymm12, %%ymm13, %%ymm\\i\n");
}

void loops::fmaZmm(size_t iterations) {
  MULTIPLY_ADD_LOOP("zmm", "vfmadd231ps %%zmm12, %%zmm13, %%zmm\\i\n");
}

void loops::dependentFmaYmm(size_t iterations) {
  MULTIPLY_ADD_LOOP("ymm", "vfmadd231ps %%ymm12, %%ymm13, %%ymm0\n");
}

void loops::dependentFmaZmm(size_t iterations) {
  MULTIPLY_ADD_LOOP("zmm", "vfmadd231ps %%zmm12, %%zmm13, %%zmm0\n");
}

void loops::dotBF16Zmm(size_t iterations) {
  static const uint32_t one = 0x3f803f80, half = 0x3f003f00;
  MULTIPLY_ADD_LOOP("zmm", "vdpbf16ps %%zmm12, %%zmm13, %%zmm\\i\n");
}

//===----------------------------------------------------------------------===//
// AMX
//===----------------------------------------------------------------------===//

namespace {

/// The operand of ldtilecfg: eight tiles of 16 rows of 64 bytes.
struct TileConfig {
  uint8_t palette = 1, startRow = 0;
  std::array<uint8_t, 14> reserved = {};
  std::array<uint16_t, 16> rowBytes = {64, 64, 64, 64, 64, 64, 64, 64};
  std::array<uint8_t, 16> rows = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64, "as the instruction reads it");

/// Two tiles of A and two of B for every step along k, all of them bf16 ones.
struct alignas(64) TileOperands {
  std::array<uint16_t, amxSteps * 2 * 512> a, b;
  TileOperands() {
    a.fill(0x3f80);
    b.fill(0x3f80);
  }
};

} // namespace

void loops::amxBF16(size_t iterations) {
  static_assert(amxSteps == 4, "as unrolled below");
  static const TileConfig config;
  static const TileOperands operands;
  asm volatile("ldtilecfg %[config]\n"
               "tilezero %%tmm0\n"
               "tilezero %%tmm1\n"
               "tilezero %%tmm2\n"
               "tilezero %%tmm3\n"
               ".p2align 5\n"
               "1:\n"
               ".irp k,0,1,2,3\n"
               "tileloadd 2048*\\k(%[a],%[stride],1), %%tmm4\n"
               "tileloadd 2048*\\k(%[b],%[stride],1), %%tmm6\n"
               "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n"
               "tileloadd 2048*\\k+1024(%[b],%[stride],1), %%tmm7\n"
               "tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n"
               "tileloadd 2048*\\k+1024(%[a],%[stride],1), %%tmm5\n"
               "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n"
               "tdpbf16ps %%tmm7, %%tmm5, %%tmm3\n"
               ".endr\n"
               "dec %[n]\n"
               "jnz 1b\n"
               "tilerelease\n"
               : [n] "+r"(iterations)
               : [config] "m"(config), [a] "r"(operands.a.data()),
                 [b] "r"(operands.b.data()), [stride] "r"(lineBytes)
               : "cc", "memory");
}
