//===- Record.cpp - One measured row --------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Record.h"
#include "attn/Bench/Timing.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <array>
#include <ctime>

using namespace attn::bench;

static double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

void Record::setTime(const Summary &seconds) {
  medianUs = seconds.median * 1e6;
  minUs = seconds.min * 1e6;
  repetitions = seconds.repetitions;
  waited = std::max(waited, seconds.waited);
}

void Record::setReadCeiling(const Summary &gbps) {
  ceilingGBps = gbps.median;
  waited = std::max(waited, gbps.waited);
}

void Record::setComputePeak(const Summary &gflops) {
  peakGFlops = gflops.median;
  waited = std::max(waited, gflops.waited);
}

bool Record::disturbed() const { return waited > disturbedShare; }

double Record::gbps() const { return ratio(bytes * 1e-3, medianUs); }
double Record::gflops() const { return ratio(flops * 1e-3, medianUs); }
double Record::readFraction() const { return ratio(gbps(), ceilingGBps); }
double Record::peakFraction() const { return ratio(gflops(), peakGFlops); }
double Record::fraction() const {
  return std::max(readFraction(), peakFraction());
}

llvm::StringRef Record::bound() const {
  if (fraction() == 0)
    return "";
  return readFraction() >= peakFraction() ? "read" : "compute";
}

llvm::json::Object attn::bench::toJSON(const Record &r) {
  return llvm::json::Object{{"shape", r.shape},
                            {"dtype", r.dtype},
                            {"layout", r.layout},
                            {"page", r.page},
                            {"batch", r.batch},
                            {"context", r.context},
                            {"q_len", r.qLen},
                            {"mode", r.mode},
                            {"copies", r.copies},
                            {"threads", int64_t(r.threads)},
                            {"isa", r.isa},
                            {"emulated", r.emulated},
                            {"median_us", r.medianUs},
                            {"min_us", r.minUs},
                            {"repetitions", int64_t(r.repetitions)},
                            {"waited", r.waited},
                            {"disturbed", r.disturbed()},
                            {"bytes", r.bytes},
                            {"gbps", r.gbps()},
                            {"ceiling_gbps", r.ceilingGBps},
                            {"flops", r.flops},
                            {"gflops", r.gflops()},
                            {"peak_gflops", r.peakGFlops},
                            {"fraction", r.fraction()},
                            {"bound", r.bound()},
                            {"machine", r.machine},
                            {"date", r.date}};
}

llvm::Error attn::bench::writeJSON(llvm::StringRef path,
                                   const std::vector<Record> &records) {
  llvm::json::Array array;
  for (const Record &record : records)
    array.push_back(toJSON(record));
  std::error_code error;
  llvm::raw_fd_ostream os(path, error, llvm::sys::fs::OF_Text);
  if (error)
    return llvm::createFileError(path, error);
  os << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(array)));
  os.close();
  if (os.has_error())
    return llvm::createFileError(path, os.error());
  return llvm::Error::success();
}

static std::string fixed(double value, int digits) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.*f", digits, value);
  return text;
}

void attn::bench::printTable(llvm::raw_ostream &os,
                             const std::vector<Record> &records) {
  using Row = std::vector<std::string>;
  std::vector<Row> rows = {{"shape", "dtype", "layout", "page", "batch", "ctx",
                            "q", "mode", "thr", "isa", "median us", "min us",
                            "GB/s", "ceiling", "GFLOP/s", "peak", "share",
                            "of"}};
  for (const Record &r : records) {
    std::string share = fixed(100 * r.fraction(), 1) + "%";
    if (r.fraction() > suspectFraction)
      share += "?";
    rows.push_back({r.shape, r.dtype, r.layout, std::to_string(r.page),
                    std::to_string(r.batch), std::to_string(r.context),
                    std::to_string(r.qLen), r.mode, std::to_string(r.threads),
                    r.isa + (r.emulated ? "*" : ""),
                    fixed(r.medianUs, 1) + (r.disturbed() ? "~" : ""),
                    fixed(r.minUs, 1), fixed(r.gbps(), 2),
                    fixed(r.ceilingGBps, 2), fixed(r.gflops(), 1),
                    fixed(r.peakGFlops, 1), share, r.bound().str()});
  }
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const Row &row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  for (const Row &row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      os << (i ? "  " : "") << std::string(widths[i] - row[i].size(), ' ')
         << row[i];
    os << '\n';
  }
}

std::string attn::bench::utcNow() {
  std::time_t now = std::time(nullptr);
  std::tm utc;
  gmtime_r(&now, &utc);
  std::array<char, 32> text;
  size_t length =
      std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text.data(), length);
}
