//===- ParseTest.cpp - Sizes on the command line --------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Deployment.h"
#include "gtest/gtest.h"

using namespace attn::advisor;

template <typename T>
static bool refused(llvm::Expected<T> value) {
  if (value)
    return false;
  llvm::consumeError(value.takeError());
  return true;
}

TEST(Parse, Counts) {
  EXPECT_EQ(*parseCount("4096"), 4096);
  EXPECT_EQ(*parseCount(" 128k"), 131072);
  EXPECT_EQ(*parseCount("1M"), 1 << 20);
  EXPECT_EQ(*parseCounts("1, 8,32"), (std::vector<int64_t>{1, 8, 32}));
  for (const char *wrong : {"", "0", "-1", "4.5k", "k", "4kk", "4g", "1e3",
                            "99999999999999999999", "1048577m"})
    EXPECT_TRUE(refused(parseCount(wrong))) << wrong;
  for (const char *wrong : {"1,", "1,1", "4k,4096", ","})
    EXPECT_TRUE(refused(parseCounts(wrong))) << wrong;
}

TEST(Parse, Bytes) {
  EXPECT_EQ(*parseBytes("140e9"), 140e9);
  EXPECT_EQ(*parseBytes("140GB"), 140e9);
  EXPECT_EQ(*parseBytes("1.5 GiB"), 1.5 * (1 << 30));
  for (const char *wrong : {"", "0", "-3GB", "inf", "nan", "GB", "1 GG"})
    EXPECT_TRUE(refused(parseBytes(wrong))) << wrong;
}

TEST(Parse, Types) {
  EXPECT_EQ(parseKVType("fp8_ds_mla")->format,
            attn::cost::CacheFormat::FP8Packed);
  EXPECT_TRUE(refused(parseKVType("int8")));
  EXPECT_TRUE(refused(parseKVType("")));
}
