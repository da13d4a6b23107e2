//===- Kernel.h - Kernels from text, run in the emulator ------ -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_EMULATIONSIMT_KERNEL_H
#define ATTN_TEST_UNIT_EMULATIONSIMT_KERNEL_H

#include "attn/EmulationSIMT/Launch.h"
#include "attn/Target/SIMTJit.h"
#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <string>

namespace attn::test {

/// The kernels of a module of NVVM IR, compiled for the emulator.
class Kernels {
public:
  /// Parses and compiles `source`, a module as text. A failure fails the test,
  /// and every run after it reports a finding of kind Launch.
  explicit Kernels(llvm::StringRef source,
                   const SIMTCompileOptions &options = {});
  ~Kernels();

  /// Runs kernel `name` on `arguments`, each a scalar, a pointer or a struct.
  template <typename... Arguments>
  simt::Report run(llvm::StringRef name, const simt::LaunchConfig &config,
                   simt::Memory &memory, const Arguments &...arguments) {
    void *params[] = {const_cast<Arguments *>(&arguments)..., nullptr};
    return launch(name, config, memory, params);
  }

private:
  simt::Report launch(llvm::StringRef name, const simt::LaunchConfig &config,
                      simt::Memory &memory, void *const *params);

  mlir::MLIRContext context;
  std::unique_ptr<SIMTJit> jit;
};

/// `source` with the one occurrence of `from` replaced; none or several fail
/// the test.
std::string edit(std::string source, const std::string &from,
                 const std::string &to);

/// The lines of a kernel, to plant bugs in. What is looked for and not found
/// fails the test.
class Lines {
public:
  explicit Lines(const std::string &source);
  std::string str() const;

  /// The first line at or after `from` that contains `text`.
  size_t find(size_t from, const std::string &text) const;
  /// The last line before `from` that does.
  size_t findBefore(size_t from, const std::string &text) const;
  /// The line that defines operand `number` of the operation at `line`.
  size_t definition(size_t line, size_t number) const;
  /// The name of that operand, "%12".
  std::string operand(size_t line, size_t number) const;

  bool has(size_t line, const std::string &text) const {
    return lines[line].find(text) != std::string::npos;
  }
  void drop(size_t line) { lines[line].clear(); }
  void swap(size_t line, size_t other) { lines[line].swap(lines[other]); }
  void insert(size_t line, const std::string &text);
  /// Replaces the first `from` in a line.
  void replace(size_t line, const std::string &from, const std::string &to);

private:
  std::vector<std::string> lines;
};

/// Calls `run` with each schedule and both kinds of asynchronous copies, the
/// random schedule with `seeds` seeds. `run` changes what it needs otherwise.
void forEachSchedule(const std::function<void(simt::LaunchConfig)> &run,
                     unsigned seeds = 20);

/// Names the schedule, for messages.
std::string describe(const simt::LaunchConfig &config);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_EMULATIONSIMT_KERNEL_H
