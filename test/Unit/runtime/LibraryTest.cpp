//===-- LibraryTest.cpp - Opening kernel libraries ------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeKernels.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <string>

using namespace attn::test;

static attn_status openPack(const char *kind, attn_library **lib) {
  std::string path =
      std::string(ATTN_TEST_PACK_DIR "/attn_test_pack_") + kind + ".so";
  return attn_library_open(path.c_str(), lib);
}

TEST(Library, OpensAPack) {
  attn_library *lib = nullptr;
  ASSERT_EQ(openPack("GOOD", &lib), ATTN_OK) << attn_error_message();
  ASSERT_EQ(attn_library_num_kernels(lib), 1u);
  EXPECT_STREQ(attn_library_kernel(lib, 0)->name, "packed");
  EXPECT_EQ(attn_library_kernel(lib, 1), nullptr);
  attn_library_close(lib);
}

TEST(Library, RefusesWhatIsNoPack) {
  auto *garbage = reinterpret_cast<attn_library *>(1);
  attn_library *lib = garbage;
  EXPECT_EQ(attn_library_open("/no/such/file.so", &lib),
            ATTN_ERROR_LIBRARY_OPEN);
  EXPECT_NE(std::string(attn_error_message()).find("/no/such/file.so"),
            std::string::npos);
  EXPECT_EQ(lib, nullptr);
  EXPECT_EQ(openPack("NO_SYMBOL", &lib), ATTN_ERROR_LIBRARY_SYMBOL);
  EXPECT_EQ(openPack("WRONG_ABI", &lib), ATTN_ERROR_LIBRARY_ABI);
  EXPECT_EQ(openPack("NULL_TABLE", &lib), ATTN_ERROR_LIBRARY_TABLE);
  EXPECT_EQ(lib, nullptr);
  EXPECT_EQ(attn_library_open(nullptr, &lib), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_library_open("x", nullptr), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_library_from_table(nullptr, &lib), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_library_from_table(&fakeTable(), nullptr),
            ATTN_ERROR_NULL_POINTER);
  attn_library_close(nullptr);
  EXPECT_EQ(attn_library_num_kernels(nullptr), 0u);
  EXPECT_EQ(attn_library_kernel(nullptr, 0), nullptr);
}

TEST(Library, RefusesMalformedTables) {
  using Edit = std::function<void(attn_kernel_desc &)>;
  const Edit edits[] = {
      [](attn_kernel_desc &d) { d.struct_size -= 8; },
      [](attn_kernel_desc &d) { d.name = nullptr; },
      [](attn_kernel_desc &d) { d.combine = nullptr; },
      [](attn_kernel_desc &d) { d.dtype = 3; },
      [](attn_kernel_desc &d) { d.layout = 2; },
      [](attn_kernel_desc &d) { d.isa = -1; },
      [](attn_kernel_desc &d) { d.kv_heads = 0; },
      [](attn_kernel_desc &d) { d.q_heads = d.kv_heads + 1; },
      [](attn_kernel_desc &d) { d.k_dim = 0; },
      [](attn_kernel_desc &d) { d.v_dim = 0; },
      [](attn_kernel_desc &d) {
        d.flags |= ATTN_KERNEL_V_IN_K;
        d.v_dim = d.k_dim + 1;
      },
      [](attn_kernel_desc &d) { d.q_len = 0; },
      [](attn_kernel_desc &d) { d.kv_tile = 0; },
      [](attn_kernel_desc &d) { d.page_multiple = 0; },
      [](attn_kernel_desc &d) { d.window = -1; },
      [](attn_kernel_desc &d) { d.scratch_bytes = -1; },
      [](attn_kernel_desc &d) { d.scale = NAN; },
      [](attn_kernel_desc &d) { d.softcap = INFINITY; },
  };
  for (size_t i = 0; i < std::size(edits); ++i) {
    attn_kernel_desc kernels[] = {fakeTable().kernels[0],
                                  fakeTable().kernels[0]};
    edits[i](kernels[1]);
    attn_kernel_table table = {
        ATTN_KERNEL_ABI_VERSION, 2, kernels, nullptr, 0, 0};
    attn_library *lib;
    EXPECT_EQ(attn_library_from_table(&table, &lib), ATTN_ERROR_LIBRARY_TABLE)
        << "edit " << i;
    EXPECT_NE(std::string(attn_error_message()).find("kernel 1"),
              std::string::npos);
  }
  attn_kernel_table noKernels = {
      ATTN_KERNEL_ABI_VERSION, 1, nullptr, nullptr, 0, 0};
  attn_library *lib;
  EXPECT_EQ(attn_library_from_table(&noKernels, &lib),
            ATTN_ERROR_LIBRARY_TABLE);
  attn_kernel_table wrongVersion = {
      ATTN_KERNEL_ABI_VERSION - 1, 0, nullptr, nullptr, 0, 0};
  EXPECT_EQ(attn_library_from_table(&wrongVersion, &lib),
            ATTN_ERROR_LIBRARY_ABI);
}

TEST(Pool, RefusesBadCounts) {
  attn_pool *pool = reinterpret_cast<attn_pool *>(1);
  EXPECT_EQ(attn_pool_create(0, &pool), ATTN_ERROR_THREADS);
  EXPECT_EQ(pool, nullptr);
  EXPECT_EQ(attn_pool_create(1 << 20, &pool), ATTN_ERROR_THREADS);
  EXPECT_EQ(attn_pool_create(2, nullptr), ATTN_ERROR_NULL_POINTER);
  EXPECT_EQ(attn_pool_size(nullptr), 1);
  attn_pool_destroy(nullptr);
}
