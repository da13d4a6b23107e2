//===- Kernel.cpp - Kernels from text, run in the emulator ----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "attn/Register.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>
#include <sstream>

using namespace attn;
using namespace attn::test;

Kernels::Kernels(llvm::StringRef source, const SIMTCompileOptions &options) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
  if (!module) {
    ADD_FAILURE() << "the kernel does not parse";
    return;
  }
  auto compiled = SIMTJit::create(*module, options);
  if (compiled)
    jit = std::move(*compiled);
  else
    ADD_FAILURE() << llvm::toString(compiled.takeError());
}

Kernels::~Kernels() = default;

simt::Report Kernels::launch(llvm::StringRef name,
                             const simt::LaunchConfig &config,
                             simt::Memory &memory, void *const *params) {
  simt::Report failed;
  failed.findings.push_back(
      {simt::FindingKind::Launch, name.str(), "not compiled", {}, {}});
  if (!jit)
    return failed;
  auto kernel = jit->lookup(name);
  if (!kernel) {
    ADD_FAILURE() << llvm::toString(kernel.takeError());
    return failed;
  }
  return simt::launch(**kernel, params, config, memory);
}

std::string attn::test::edit(std::string source, const std::string &from,
                             const std::string &to) {
  size_t at = source.find(from);
  EXPECT_NE(at, std::string::npos) << "not in the source: " << from;
  if (at == std::string::npos)
    return source;
  EXPECT_EQ(source.find(from, at + 1), std::string::npos)
      << "more than once in the source: " << from;
  return source.replace(at, from.size(), to);
}

Lines::Lines(const std::string &source) {
  std::istringstream stream(source);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  // What `find` and the others return for what is not there.
  lines.emplace_back();
}

std::string Lines::str() const {
  std::string text;
  for (const std::string &line : lines)
    text += line + "\n";
  return text;
}

size_t Lines::find(size_t from, const std::string &text) const {
  for (size_t i = from; i < lines.size(); ++i)
    if (lines[i].find(text) != std::string::npos)
      return i;
  ADD_FAILURE() << "no line after " << from << " has: " << text;
  return lines.size() - 1;
}

size_t Lines::findBefore(size_t from, const std::string &text) const {
  for (size_t i = from; i-- > 0;)
    if (lines[i].find(text) != std::string::npos)
      return i;
  ADD_FAILURE() << "no line before " << from << " has: " << text;
  return lines.size() - 1;
}

std::string Lines::operand(size_t line, size_t number) const {
  const std::string &text = lines[line];
  size_t first = text.find_first_not_of(' ');
  bool hasResult = first != std::string::npos && text[first] == '%';
  size_t at = hasResult ? text.find(" = ") : 0;
  for (size_t i = 0;; ++i) {
    at = text.find('%', at);
    if (at == std::string::npos) {
      ADD_FAILURE() << "no operand " << number << ": " << text;
      return "";
    }
    size_t end =
        text.find_first_not_of("%#-_0123456789abcdefghijklmnopqrstuvwxyz", at);
    if (i == number)
      return text.substr(at, end - at);
    at = end;
  }
}

size_t Lines::definition(size_t line, size_t number) const {
  return findBefore(line, operand(line, number) + " = ");
}

void Lines::insert(size_t line, const std::string &text) {
  lines.insert(lines.begin() + int64_t(line), text);
}

void Lines::replace(size_t line, const std::string &from,
                    const std::string &to) {
  size_t at = lines[line].find(from);
  if (at == std::string::npos)
    ADD_FAILURE() << "no " << from << " in: " << lines[line];
  else
    lines[line].replace(at, from.size(), to);
}

void attn::test::forEachSchedule(
    const std::function<void(simt::LaunchConfig)> &run, unsigned seeds) {
  simt::LaunchConfig config;
  for (auto async : {simt::AsyncCopies::Eager, simt::AsyncCopies::Late}) {
    config.async = async;
    for (auto schedule :
         {simt::Schedule::RoundRobin, simt::Schedule::Reverse}) {
      config.schedule = schedule;
      run(config);
    }
    config.schedule = simt::Schedule::Random;
    for (config.seed = 1; config.seed <= seeds; ++config.seed)
      run(config);
  }
}

std::string attn::test::describe(const simt::LaunchConfig &config) {
  std::string text =
      config.async == simt::AsyncCopies::Eager ? "eager, " : "late, ";
  switch (config.schedule) {
  case simt::Schedule::RoundRobin:
    return text + "round-robin";
  case simt::Schedule::Reverse:
    return text + "reverse";
  case simt::Schedule::Random:
    return text + "random, seed " + std::to_string(config.seed);
  }
  return text;
}
