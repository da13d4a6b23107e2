//===- Parse.cpp - Sizes and types on the command line --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/Deployment.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace attn;
using namespace attn::advisor;
using llvm::createStringError;
using llvm::StringRef;

llvm::Expected<KVType> advisor::parseKVType(StringRef name) {
  using cost::CacheFormat;
  using cost::MathType;
  // FlashMLA turns the packed row into bf16 before it multiplies, and kernels
  // for fewer bits do the same.
  static const KVType known[] = {
      {"bf16", CacheFormat::BF16, MathType::BF16},
      {"f16", CacheFormat::BF16, MathType::BF16}, // as many bytes, and as fast
      {"fp8", CacheFormat::FP8, MathType::FP8},
      {"fp8_ds_mla", CacheFormat::FP8Packed, MathType::BF16},
      {"f32", CacheFormat::F32, MathType::BF16},
      {"6bit", CacheFormat::Bits6, MathType::BF16},
      {"4bit", CacheFormat::Bits4, MathType::BF16}};
  for (const KVType &type : known)
    if (type.name == name)
      return type;
  return createStringError("unknown cache type '" + name +
                           "': bf16, f16, fp8, fp8_ds_mla, f32, 6bit or 4bit");
}

llvm::Expected<int64_t> advisor::parseCount(StringRef text) {
  StringRef number = text.trim();
  int64_t factor = 1;
  if (number.consume_back_insensitive("k"))
    factor = 1024;
  else if (number.consume_back_insensitive("m"))
    factor = 1024 * 1024;
  int64_t count;
  constexpr int64_t kMost = int64_t(1) << 40;
  if (number.getAsInteger(10, count) || count < 1 || count > kMost / factor)
    return createStringError("'" + text +
                             "' is no count from 1 to 2^40 (k: 1024, m: 2^20)");
  return count * factor;
}

llvm::Expected<std::vector<int64_t>> advisor::parseCounts(StringRef text) {
  std::vector<int64_t> counts;
  for (StringRef part : llvm::split(text, ',')) {
    llvm::Expected<int64_t> count = parseCount(part);
    if (!count)
      return count.takeError();
    if (llvm::is_contained(counts, *count))
      return createStringError("'" + part.trim() + "' is given twice");
    counts.push_back(*count);
  }
  return counts;
}

llvm::Expected<double> advisor::parseBytes(StringRef text) {
  static const std::pair<StringRef, double> units[] = {
      {"GiB", 1024.0 * 1024 * 1024},
      {"MiB", 1024.0 * 1024},
      {"TB", 1e12},
      {"GB", 1e9},
      {"MB", 1e6},
      {"B", 1}};
  StringRef number = text.trim();
  double factor = 1;
  for (auto [suffix, bytes] : units)
    if (number.consume_back(suffix)) {
      factor = bytes;
      break;
    }
  double value;
  if (number.trim().getAsDouble(value) || !std::isfinite(value) || value <= 0)
    return createStringError("'" + text +
                             "' is no size such as 140e9, 140GB or 131GiB");
  return value * factor;
}
