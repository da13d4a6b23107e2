//===- ScoreRegions.h - Score regions as text -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_INTEGRATION_SCOREREGIONS_H
#define ATTN_TEST_UNIT_INTEGRATION_SCOREREGIONS_H

#include <cstdint>
#include <string>

namespace attn::test {

/// The score region of that name:
///   alibi      the bias of ALiBi, slope * (key - query), for `heads` heads
///   documents  tokens see their own document of 48 tokens; no key of another
///   nothing    every key is hidden, from every head but the first
///   functions  every function that a region may use, none of them for a reason
///   batch      a bias that depends on the request
std::string scoreRegion(const std::string &name, int64_t heads);

/// Gives the only attn.attend of a printed module that score region.
void addScoreRegion(std::string &module, const std::string &name,
                    int64_t heads);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_INTEGRATION_SCOREREGIONS_H
