//===-- InfoTest.cpp - What library and kernels say of themselves ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeKernels.h"

#include "gtest/gtest.h"

#include <string>

using namespace attn::test;

namespace {

TEST(Info, LibraryKnowsItsVersions) {
  const attn_build_info *info = attn_get_build_info();
  EXPECT_EQ(info->struct_size, sizeof(attn_build_info));
  EXPECT_EQ(info->abi_version, ATTN_ABI_VERSION);
  EXPECT_EQ(info->kernel_abi_version, ATTN_KERNEL_ABI_VERSION);
  EXPECT_STREQ(info->version, ATTN_TEST_VERSION);
  EXPECT_STRNE(info->compiler, "");
  EXPECT_STREQ(info->build_type, ATTN_TEST_BUILD_TYPE);
  EXPECT_STREQ(info->sanitizers, ATTN_TEST_SANITIZERS);
}

TEST(Info, NamesOfEnums) {
  EXPECT_STREQ(attn_dtype_name(ATTN_F16), "f16");
  EXPECT_EQ(attn_dtype_name(3), nullptr);
  EXPECT_STREQ(attn_layout_name(ATTN_LAYOUT_OWN), "own");
  EXPECT_EQ(attn_layout_name(-1), nullptr);
}

class KernelJson : public testing::Test {
protected:
  void SetUp() override {
    desc = fakeTable().kernels[WindowF32Row];
    desc.name = "a\"b\\\n";
    ASSERT_EQ(attn_library_from_table(&table, &lib), ATTN_OK);
  }
  void TearDown() override { attn_library_close(lib); }

  attn_kernel_desc desc;
  attn_kernel_table table = {ATTN_KERNEL_ABI_VERSION, 1, &desc, nullptr, 0, 0};
  attn_library *lib = nullptr;
  const std::string expected =
      R"({"name": "a\u0022b\u005c\u000a", "device": "cpu", "isa": "avx2", )"
      R"("dtype": "f32", "layout": "row", "q_heads": 8, "kv_heads": 2, )"
      R"("k_dim": 8, "v_dim": 4, "q_len": 3, "kv_tile": 8, )"
      R"("page_multiple": 1, "window": 37, "scale": 0.5, "softcap": 3, )"
      R"("causal": true, "sinks": true, "v_in_k": false, )"
      R"("score_mod": false, "out_f32": false, "emulated": false, )"
      R"("merge_only": false, "decompress": false, "rest": false, )"
      R"("nope": 0, "v": 0, )"
      R"("scratch_bytes": 200})";
};

TEST_F(KernelJson, TellsTheFacts) {
  size_t length = 0;
  ASSERT_EQ(attn_library_kernel_json(lib, 0, nullptr, 0, &length), ATTN_OK);
  EXPECT_EQ(length, expected.size());
  std::string text(length + 1, '?');
  ASSERT_EQ(attn_library_kernel_json(lib, 0, text.data(), text.size(), &length),
            ATTN_OK);
  EXPECT_EQ(text, expected + '\0');
}

TEST_F(KernelJson, TextIsCutWhereTheRoomEnds) {
  for (size_t capacity : {size_t(1), size_t(2), size_t(20), expected.size()}) {
    std::string text(expected.size() + 1, '?');
    size_t length = 0;
    ASSERT_EQ(attn_library_kernel_json(lib, 0, text.data(), capacity, &length),
              ATTN_OK);
    EXPECT_EQ(length, expected.size());
    EXPECT_EQ(text, expected.substr(0, capacity - 1) + '\0' +
                        std::string(text.size() - capacity, '?'));
  }
}

TEST_F(KernelJson, RefusesBadInput) {
  size_t length = 7;
  char text[2];
  EXPECT_EQ(attn_library_kernel_json(nullptr, 0, text, 2, &length),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_library_kernel_json(lib, 0, nullptr, 2, &length),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_library_kernel_json(lib, 0, text, 2, nullptr),
            ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_library_kernel_json(lib, 1, text, 2, &length),
            ATTN_ERROR_VALUE);
  EXPECT_EQ(length, 7u);
}

} // namespace
