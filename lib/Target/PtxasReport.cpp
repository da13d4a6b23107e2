//===- PtxasReport.cpp - What ptxas -v says ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Ptxas.h"
#include "llvm/Support/Regex.h"

using namespace attn;

/// The number that `pattern`'s only group matches in `line`; 0 without a match.
static int findNumber(llvm::StringRef line, llvm::StringRef pattern) {
  llvm::SmallVector<llvm::StringRef, 2> groups;
  int number = 0;
  if (llvm::Regex(pattern).match(line, &groups))
    groups[1].getAsInteger(10, number);
  return number;
}

const PtxasFunction *PtxasReport::find(llvm::StringRef name) const {
  const auto *found = llvm::find_if(
      functions, [&](const PtxasFunction &each) { return each.name == name; });
  return found == functions.end() ? nullptr : found;
}

PtxasReport attn::parsePtxasLog(llvm::StringRef log) {
  PtxasReport report;
  report.log = log.str();
  llvm::Regex entry("Compiling entry function '([^']+)'");
  llvm::Regex performance("\\(C75[0-9][0-9]\\)");
  llvm::SmallVector<llvm::StringRef, 2> groups;
  while (!log.empty()) {
    auto [line, rest] = log.split('\n');
    log = rest;
    if (entry.match(line, &groups)) {
      report.functions.emplace_back();
      report.functions.back().name = groups[1].str();
    }
    if (performance.match(line))
      report.performance.push_back(line.trim().str());
    if (report.functions.empty())
      continue;
    PtxasFunction &function = report.functions.back();
    if (line.contains("bytes stack frame")) {
      function.stack = findNumber(line, "([0-9]+) bytes stack frame");
      function.spillStores = findNumber(line, "([0-9]+) bytes spill stores");
      function.spillLoads = findNumber(line, "([0-9]+) bytes spill loads");
    }
    if (line.contains("Used")) {
      function.registers = findNumber(line, "Used ([0-9]+) registers");
      function.barriers = findNumber(line, "used ([0-9]+) barriers");
      function.shared = findNumber(line, "([0-9]+) bytes smem");
    }
  }
  return report;
}
