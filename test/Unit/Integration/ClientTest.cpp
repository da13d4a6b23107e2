//===- ClientTest.cpp - The C ABI from C, with generated kernels ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;

/// A decode step from C; false, with the reason in `message`, if it goes wrong.
extern "C" int attn_test_client(const attn_kernel_table *table, char *message,
                                size_t size);

namespace {
class Client : public testing::TestWithParam<CPULevel> {};
} // namespace

TEST_P(Client, DecodesFromC) {
  Attention attention(Case("gqa:4/2/32 f32 row"));
  attn_library *library = attention.compile(GetParam());
  ASSERT_NE(library, nullptr);
  attn_kernel_table table = {ATTN_KERNEL_ABI_VERSION,
                             attn_library_num_kernels(library),
                             attn_library_kernel(library, 0),
                             nullptr,
                             0,
                             0};
  char message[256] = "";
  EXPECT_TRUE(attn_test_client(&table, message, sizeof message)) << message;
}

// Two kernels of one module: the facts, or the name, say which one runs.
TEST_P(Client, FactsChooseTheKernel) {
  std::string text = R"(
    !cache = !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], bf16, page = 64>
    func.func @full(%q: tensor<?x1x4x64xbf16>, %c: !cache)
        -> tensor<?x1x4x64xbf16> {
      %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>,
          mask = #attn.mask<causal>, scale = 0.125 : f32}
        : (tensor<?x1x4x64xbf16>, !cache) -> tensor<?x1x4x64xbf16>
      return %o : tensor<?x1x4x64xbf16>
    }
    func.func @window(%q: tensor<?x1x4x64xbf16>, %c: !cache)
        -> tensor<?x1x4x64xbf16> {
      %o = attn.attend %q, %c {heads = #attn.heads<q = 4, kv = 2>,
          mask = #attn.mask<causal, window = 20>, scale = 0.125 : f32}
        : (tensor<?x1x4x64xbf16>, !cache) -> tensor<?x1x4x64xbf16>
      return %o : tensor<?x1x4x64xbf16>
    })";
  for (const char *name : {"full", "window"}) {
    SCOPED_TRACE(name);
    Attention attention(text, name);
    attn_library *library = attention.compile(GetParam());
    ASSERT_NE(library, nullptr);
    EXPECT_EQ(attn_library_num_kernels(library), 2u);
    std::unique_ptr<Call> call = attention.makeCall({1, 70, 200}, 64);
    EXPECT_EQ(call->run(library, 1), "");
    EXPECT_EQ(call->check(), "");
    auto unnamed = [](attn_decode_params &p) { p.kernel_name = nullptr; };
    EXPECT_EQ(call->run(library, 1, unnamed), "");
    EXPECT_EQ(call->check(), "");
    EXPECT_NE(call->run(library, 1,
                        [](attn_decode_params &p) { p.kernel_name = "none"; }),
              "");
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Client, testing::ValuesIn(kLevels),
                         [](const testing::TestParamInfo<CPULevel> &info) {
                           return std::string(levelName(info.param));
                         });
