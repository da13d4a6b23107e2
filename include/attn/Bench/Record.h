//===- Record.h - One measured row ------------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_RECORD_H
#define ATTN_BENCH_RECORD_H

#include "attn/Bench/Statistics.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attn::bench {

/// One kernel on one shape, with the ceilings of the same minute. What can be
/// computed from the rest is a function and is written to JSON all the same.
struct Record {
  std::string shape;  ///< as given to --shape: gqa:32/8/128
  std::string dtype;  ///< bf16, f16, f32
  std::string layout; ///< own, row
  int64_t page = 0;   ///< tokens
  int64_t batch = 1;
  int64_t context = 0; ///< tokens
  int64_t qLen = 1;    ///< query tokens of a request
  std::string mode;    ///< warm, cold
  int64_t copies = 1;  ///< of the cache, taken in turn; 1 where warm
  unsigned threads = 1;
  std::string isa;
  bool emulated = false; ///< instructions emulated: the time means nothing

  double medianUs = 0, minUs = 0; ///< of one call
  size_t repetitions = 0;
  /// Share of the time spent without a core, the worst of the kernel's and its
  /// ceilings' measurements.
  double waited = 0;
  double bytes = 0;       ///< of cache that one call must read
  double flops = 0;       ///< of one call
  double ceilingGBps = 0; ///< reading the same memory; 0: not measured
  double peakGFlops = 0;  ///< of the instructions used; 0: not measured

  std::string machine; ///< machine class
  std::string date;    ///< UTC, ISO 8601; see `utcNow`

  /// Takes median, min, repetitions and waited from a summary in seconds.
  void setTime(const Summary &seconds);
  /// Takes a ceiling's median, and its `waited` where that is worse.
  void setReadCeiling(const Summary &gbps);
  void setComputePeak(const Summary &gflops);
  /// Whether other processes spoilt the figure.
  bool disturbed() const;

  double gbps() const;
  double gflops() const;
  /// Share of the read ceiling and of the compute peak; 0: not measured.
  double readFraction() const;
  double peakFraction() const;
  /// The larger of the two, that is, the share of the roof that binds.
  double fraction() const;
  /// "read" or "compute": which of the two `fraction` is; "" without roofs.
  llvm::StringRef bound() const;
};

/// The fields in JSON: shape dtype layout page batch context q_len mode copies
/// threads isa emulated median_us min_us repetitions waited disturbed bytes
/// gbps ceiling_gbps flops gflops peak_gflops fraction bound machine date.
llvm::json::Object toJSON(const Record &record);

/// Writes an array of records, replacing the file.
llvm::Error writeJSON(llvm::StringRef path, const std::vector<Record> &records);

/// An aligned text table. A disturbed time is marked with '~'. A fraction above
/// `suspectFraction` is marked with
/// '?': the ceiling was probably measured wrongly.
void printTable(llvm::raw_ostream &os, const std::vector<Record> &records);

/// No honest kernel comes nearer to an honest ceiling than this.
constexpr double suspectFraction = 0.995;

/// Now, as in 2026-11-24T05:39:04Z.
std::string utcNow();

} // namespace attn::bench

#endif // ATTN_BENCH_RECORD_H
