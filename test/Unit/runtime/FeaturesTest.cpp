//===-- FeaturesTest.cpp - CPU feature detection --------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Features.h"

#include "attn_runtime.h"
#include "gtest/gtest.h"

#include <cstring>
#include <string>

using namespace attn::runtime;

/// A CPU with everything, under an OS that saves and permits everything.
static CpuFacts fullCpu() {
  CpuFacts facts;
  facts.leaf1Ecx = facts.leaf7Ebx = facts.leaf7Edx = facts.leaf7Sub1Eax = ~0u;
  facts.xcr0 = ~uint64_t(0);
  facts.amxPermitted = true;
  return facts;
}

TEST(Features, LevelNeedsEveryFeatureBelow) {
  EXPECT_EQ(isaLevel(fullCpu()), ATTN_ISA_AMX);
  EXPECT_EQ(isaLevel(CpuFacts()), ATTN_ISA_NONE);

  struct Case {
    uint32_t CpuFacts::*word;
    int bit;
    int32_t level;
  };
  const Case cases[] = {
      {&CpuFacts::leaf1Ecx, 12, ATTN_ISA_NONE},       // FMA
      {&CpuFacts::leaf1Ecx, 29, ATTN_ISA_NONE},       // F16C
      {&CpuFacts::leaf7Ebx, 5, ATTN_ISA_NONE},        // AVX2
      {&CpuFacts::leaf7Ebx, 16, ATTN_ISA_AVX2},       // AVX512F
      {&CpuFacts::leaf7Ebx, 17, ATTN_ISA_AVX2},       // DQ
      {&CpuFacts::leaf7Ebx, 30, ATTN_ISA_AVX2},       // BW
      {&CpuFacts::leaf7Ebx, 31, ATTN_ISA_AVX2},       // VL
      {&CpuFacts::leaf7Sub1Eax, 5, ATTN_ISA_AVX512},  // BF16
      {&CpuFacts::leaf7Edx, 24, ATTN_ISA_AVX512BF16}, // AMX-TILE
      {&CpuFacts::leaf7Edx, 22, ATTN_ISA_AVX512BF16}, // AMX-BF16
      {&CpuFacts::leaf7Edx, 23, ATTN_ISA_AMX},        // FP16: no level's
  };
  for (const Case &c : cases) {
    CpuFacts facts = fullCpu();
    facts.*c.word &= ~(1u << c.bit);
    EXPECT_EQ(isaLevel(facts), c.level) << "bit " << c.bit;
  }
}

TEST(Features, LevelNeedsTheOperatingSystem) {
  CpuFacts facts = fullCpu();
  facts.amxPermitted = false;
  EXPECT_EQ(isaLevel(facts), ATTN_ISA_AVX512BF16);
  facts.xcr0 = 0xe7; // no tile state
  EXPECT_EQ(isaLevel(facts), ATTN_ISA_AVX512BF16);
  facts.xcr0 = 0x67; // no upper ZMM registers
  EXPECT_EQ(isaLevel(facts), ATTN_ISA_AVX2);
  facts.xcr0 = 0x3; // no YMM
  EXPECT_EQ(isaLevel(facts), ATTN_ISA_NONE);
}

TEST(Features, DescriptionNamesWhatIsUsableAndFits) {
  char text[192];
  describeFeatures(fullCpu(), text, sizeof text);
  EXPECT_STREQ(text, "fma f16c avx2 avx512f avx512dq avx512bw avx512vl "
                     "avx512_bf16 avx512_fp16 amx_tile amx_bf16");
  describeFeatures(CpuFacts(), text, sizeof text);
  EXPECT_STREQ(text, "");
  describeFeatures(fullCpu(), text, 9);
  EXPECT_STREQ(text, "fma f16c");
}

TEST(Features, HostIsConsistent) {
  int32_t isa = attn_cpu_isa();
  std::string features = attn_cpu_features();
  ASSERT_NE(attn_isa_name(isa), nullptr);
  EXPECT_EQ(features.find("avx2") != std::string::npos, isa >= ATTN_ISA_AVX2);
  EXPECT_EQ(features.find("amx_bf16") != std::string::npos,
            isa >= ATTN_ISA_AMX);
  RecordProperty("features", features);
}

TEST(Features, NamesRoundTrip) {
  for (int32_t isa :
       {int32_t(ATTN_ISA_AVX2), int32_t(ATTN_ISA_AVX512),
        int32_t(ATTN_ISA_AVX512BF16), int32_t(ATTN_ISA_AMX), ATTN_ISA_AUTO}) {
    int32_t parsed = 77;
    EXPECT_EQ(attn_isa_parse(attn_isa_name(isa), &parsed), ATTN_OK);
    EXPECT_EQ(parsed, isa);
  }
  int32_t parsed = 77;
  EXPECT_EQ(attn_isa_parse("none", &parsed), ATTN_ERROR_ENUM);
  EXPECT_EQ(attn_isa_parse("sse", &parsed), ATTN_ERROR_ENUM);
  EXPECT_EQ(attn_isa_parse(nullptr, &parsed), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_isa_parse("amx", nullptr), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(parsed, 77);
  EXPECT_EQ(attn_isa_name(99), nullptr);
}

TEST(Status, EveryStatusHasItsName) {
  for (int status = ATTN_OK; status <= ATTN_ERROR_CUDA; ++status)
    EXPECT_EQ(strncmp(attn_status_name(attn_status(status)), "ATTN_", 5), 0);
  EXPECT_STREQ(attn_status_name(ATTN_ERROR_STRIDE), "ATTN_ERROR_STRIDE");
  EXPECT_STREQ(attn_status_name(attn_status(ATTN_ERROR_CUDA + 1)),
               "unknown attn_status");
}
