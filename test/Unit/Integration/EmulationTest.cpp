//===- EmulationTest.cpp - Emulated levels give the hardware's bits -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;

namespace {
/// A level, and a host below it.
struct Pair {
  CPULevel level, host;
};
class Emulation : public testing::TestWithParam<Pair> {
protected:
  CPULevel level = GetParam().level, host = GetParam().host;
};
} // namespace

// What a level computes may not depend on what the host has of it. Where this
// machine lacks the level, there are no hardware's bits to compare with; the
// other tests then run the emulated kernels against the oracle.
TEST_P(Emulation, GivesTheBitsOfTheHardware) {
  if (hostLevel() < level)
    GTEST_SKIP() << "this machine lacks " << levelName(level);
  for (const char *line : {
           "gqa:8/2/128 bf16 row pages=64,7 lens=0,1,64,65,300",
           "gqa:6/2/80 bf16 own q=3 sinks window=100 lens=0,3,64,65,300",
           "gqa:18/2/64 bf16 own softcap=30 lens=1,31,130",
           "mqa:71/64 bf16 row score=alibi lens=1,130",
           "mla:20/512+64 bf16 row lens=1,65,130",
           "mla:8/256+32 bf16 own q=2 pages=32 lens=2,65,300",
           "gla:16/2/128+32 bf16 row lens=1,65,130",
           "gqa:8/2/64 f16 row lens=1,65,130",
           "gqa:6/2/64 f32 own lens=1,65,130",
       }) {
    Case c(line);
    SCOPED_TRACE(c.line);
    Attention attention(c);
    attn_library *native = attention.compile(level, hostLevel());
    attn_library *emulated = attention.compile(level, host);
    ASSERT_TRUE(native && emulated);
    for (int64_t page : c.pages) {
      std::unique_ptr<Call> call = attention.makeCall(c.lens, page);
      ASSERT_EQ(call->run(native, 1), "");
      Bytes expected = call->results();
      ASSERT_EQ(call->run(emulated, 1), "");
      EXPECT_TRUE(call->results() == expected) << "page " << page;
      EXPECT_EQ(call->check(), "") << "page " << page;
    }
  }
}

// The table must not ask for more than the code uses, or no host that needs
// the emulation would be given the kernel.
TEST_P(Emulation, AsksForNoMoreThanTheHostHas) {
  Attention attention(Case("gqa:4/2/64 bf16 row"));
  attn_library *library = attention.compile(level, host);
  ASSERT_NE(library, nullptr);
  ASSERT_EQ(attn_library_num_kernels(library), 1u);
  const attn_kernel_desc *desc = attn_library_kernel(library, 0);
  EXPECT_EQ(desc->isa, static_cast<int32_t>(host));
  // Generic vectors are legalised; the rest calls the library.
  bool calls = level >= CPULevel::AVX512BF16;
  EXPECT_EQ(bool(desc->flags & ATTN_KERNEL_EMULATED), calls);
}

TEST_P(Emulation, IsRefusedUnlessAllowed) {
  if (level < CPULevel::AVX512BF16)
    GTEST_SKIP() << "nothing of " << levelName(level) << " is emulated";
  Attention attention(Case("gqa:4/2/64 bf16 row"));
  std::unique_ptr<Call> call = attention.makeCall({65}, 64);
  attn_library *library = attention.compile(level, host);
  ASSERT_NE(library, nullptr);
  EXPECT_EQ(call->run(library, 1), "");
  std::string complaint = call->run(library, 1, [](attn_decode_params &p) {
    p.flags &= ~uint32_t(ATTN_FLAG_ALLOW_EMULATED);
  });
  EXPECT_NE(complaint.find("emulat"), std::string::npos) << complaint;
}

INSTANTIATE_TEST_SUITE_P(
    Levels, Emulation,
    testing::Values(Pair{CPULevel::AVX512, CPULevel::AVX2},
                    Pair{CPULevel::AVX512BF16, CPULevel::AVX2},
                    Pair{CPULevel::AVX512BF16, CPULevel::AVX512},
                    Pair{CPULevel::AMX, CPULevel::AVX2},
                    Pair{CPULevel::AMX, CPULevel::AVX512},
                    Pair{CPULevel::AMX, CPULevel::AVX512BF16}),
    [](const testing::TestParamInfo<Pair> &info) {
      return std::string(levelName(info.param.level)) + "_on_" +
             levelName(info.param.host);
    });
