//===- NVVMArchTest.cpp - Occupancy by architecture -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"

#include "gtest/gtest.h"

using namespace attn;

TEST(NVVMArch, NamesAreReadBack) {
  for (const NVVMArch &each : nvvmArchs())
    EXPECT_EQ(arch(each.name()).name(), each.name());
  EXPECT_TRUE(arch("sm_90a").specific);
  EXPECT_EQ(arch("sm_90a").capability, 90);
  for (llvm::StringRef name : defaultNVVMArchs())
    EXPECT_FALSE(arch(name).specific) << name.str();
}

TEST(NVVMArch, UnknownNamesListTheKnown) {
  auto result = parseNVVMArch("sm_70");
  ASSERT_FALSE(result);
  std::string message = llvm::toString(result.takeError());
  EXPECT_NE(message.find("sm_70"), std::string::npos);
  EXPECT_NE(message.find("sm_80"), std::string::npos);
}

namespace {
struct Case {
  const char *arch;
  CTAResources cta;
  int ctas;
  OccupancyLimit limit;
};
} // namespace

// By hand from the tables of the programming guide.
TEST(NVVMArch, Occupancy) {
  const Case cases[] = {
      // 64 warps at 16 warps a CTA; 32 registers leave room for all of them.
      {"sm_80", {512, 32, 0}, 4, OccupancyLimit::Threads},
      // 32 CTAs of one warp.
      {"sm_80", {32, 16, 0}, 32, OccupancyLimit::CTAs},
      {"sm_89", {32, 16, 0}, 24, OccupancyLimit::CTAs},
      // 192 registers: 6144 a warp, two warps in each quarter of 16384, so
      // eight warps, two CTAs of four.
      {"sm_80", {128, 192, 0}, 2, OccupancyLimit::Registers},
      // 65 registers are dealt as 72: 2304 a warp, seven a quarter.
      {"sm_90", {128, 65, 0}, 7, OccupancyLimit::Registers},
      // 64 KB and the system's 1 KB: two in 164 KB, three in 228, one in 100.
      {"sm_80", {128, 64, 65536}, 2, OccupancyLimit::Shared},
      {"sm_90", {128, 64, 65536}, 3, OccupancyLimit::Shared},
      {"sm_120", {128, 64, 65536}, 1, OccupancyLimit::Shared},
      // The most that one CTA can have.
      {"sm_90a", {384, 168, 227 * 1024}, 1, OccupancyLimit::Registers},
      {"sm_100", {128, 32, 227 * 1024}, 1, OccupancyLimit::Shared},
  };
  for (const Case &each : cases) {
    Occupancy occupancy = getOccupancy(arch(each.arch), each.cta);
    SCOPED_TRACE(each.arch + std::string(" ") +
                 std::to_string(each.cta.threads));
    EXPECT_EQ(occupancy.ctas, each.ctas);
    EXPECT_EQ(occupancy.limit, each.limit)
        << occupancyLimitName(occupancy.limit).str();
    EXPECT_EQ(occupancy.warps, each.ctas * ((each.cta.threads + 31) / 32));
  }
  EXPECT_DOUBLE_EQ(getOccupancy(arch("sm_90"), {256, 32, 0}).fraction, 1.0);
  EXPECT_DOUBLE_EQ(getOccupancy(arch("sm_90"), {128, 192, 0}).fraction, 0.125);
}

TEST(NVVMArch, WhatDoesNotFitHasNoOccupancy) {
  EXPECT_EQ(getOccupancy(arch("sm_80"), {128, 64, 164 * 1024}).ctas, 0);
  EXPECT_EQ(getOccupancy(arch("sm_86"), {128, 64, 100 * 1024}).ctas, 0);
  EXPECT_EQ(getOccupancy(arch("sm_90"), {1056, 32, 0}).ctas, 0);
  EXPECT_EQ(getOccupancy(arch("sm_90"), {1024, 128, 0}).ctas, 0);
}
