//===- TargetTest.cpp - What a pack's kernels are for ---------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Target.h"

#include "gtest/gtest.h"

using namespace attn::pack;

TEST(PackTargets, AreASet) {
  auto targets = parseTargets("sm_90a,cpu:amx,sm_80,cpu:avx2,cpu:amx,sm_80");
  ASSERT_TRUE(bool(targets)) << llvm::toString(targets.takeError());
  std::string names;
  for (const Target &target : *targets)
    names += target.name() + " ";
  EXPECT_EQ(names, "cpu:avx2 cpu:amx sm_80 sm_90a ");
  for (const char *wrong :
       {"", "cpu,", "gpu", "sm_", "sm_70", "cpu:", "cpu:neon"})
    EXPECT_NE(llvm::toString(parseTargets(wrong).takeError()), "") << wrong;
}

// The runtime loads the first of two kernels for one capability.
TEST(PackTargets, TheSpecificOneComesFirst) {
  auto targets = parseTargets("sm_100,sm_90,sm_100a,sm_90a,sm_120");
  ASSERT_TRUE(bool(targets)) << llvm::toString(targets.takeError());
  std::string names;
  for (const Target &target : *targets)
    names += target.name() + " ";
  EXPECT_EQ(names, "sm_90a sm_90 sm_100a sm_100 sm_120 ");
}
