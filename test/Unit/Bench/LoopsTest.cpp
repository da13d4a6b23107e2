//===- LoopsTest.cpp - What the peak loops are made of --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gtest/gtest.h"

#include <cstdio>
#include <memory>
#include <regex>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

/// The output of a shell command.
std::string outputOf(const std::string &command) {
  std::unique_ptr<FILE, int (*)(FILE *)> pipe(popen(command.c_str(), "r"),
                                              pclose);
  std::string output;
  char buffer[4096];
  while (size_t n = pipe ? fread(buffer, 1, sizeof(buffer), pipe.get()) : 0)
    output.append(buffer, n);
  return output;
}

/// The instructions of the shortest loop of `function` in the library with a
/// `mnemonic` in it: what lies between a jump backwards and its target. Empty
/// where there is none.
std::vector<std::string> loopOf(const std::string &function,
                                const std::string &mnemonic) {
  static const std::string text = outputOf(
      ATTN_LLVM_OBJDUMP
      " --disassemble --demangle --no-show-raw-insn " ATTN_BENCH_LIBRARY);
  size_t begin = text.find("<attn::bench::loops::" + function + "(");
  if (begin == std::string::npos)
    return {};
  std::string body = text.substr(begin, text.find("\n\n", begin) - begin);

  struct Line {
    unsigned long address;
    std::string instruction;
  };
  std::vector<Line> lines;
  static const std::regex line(R"(\n\s*([0-9a-f]+):\s+([^\n]+))");
  for (std::sregex_iterator it(body.begin(), body.end(), line), end; it != end;
       ++it)
    lines.push_back({std::stoul((*it)[1], nullptr, 16), (*it)[2]});

  static const std::regex jump(R"(jne\s+(0x)?([0-9a-f]+).*)");
  std::vector<std::string> shortest;
  for (const Line &last : lines) {
    std::smatch match;
    if (!std::regex_match(last.instruction, match, jump))
      continue;
    unsigned long target = std::stoul(match[2], nullptr, 16);
    std::vector<std::string> loop;
    bool found = false;
    for (const Line &l : lines)
      if (l.address >= target && l.address <= last.address) {
        loop.push_back(l.instruction);
        found |= l.instruction.rfind(mnemonic, 0) == 0;
      }
    if (found && (shortest.empty() || loop.size() < shortest.size()))
      shortest = loop;
  }
  return shortest;
}

class PeakLoops : public testing::Test {
protected:
  void SetUp() override {
    if (access(ATTN_LLVM_OBJDUMP, X_OK) != 0)
      GTEST_SKIP() << "no " ATTN_LLVM_OBJDUMP;
  }

  /// The loop is `count` times `mnemonic` among `total` instructions, and
  /// nothing in it touches the stack.
  void expectLoop(const char *function, const char *mnemonic, int count,
                  size_t total) {
    std::vector<std::string> loop = loopOf(function, mnemonic);
    EXPECT_EQ(loop.size(), total) << function;
    int found = 0;
    for (const std::string &instruction : loop) {
      found += instruction.rfind(mnemonic, 0) == 0;
      EXPECT_EQ(instruction.find("(%rsp"), std::string::npos) << instruction;
    }
    EXPECT_EQ(found, count) << function;
  }
};

} // namespace

TEST_F(PeakLoops, MultiplyAddAndNothingElse) {
  expectLoop("fmaYmm", "vfmadd231ps", 12, 14);
  expectLoop("fmaZmm", "vfmadd231ps", 12, 14);
  expectLoop("dependentFmaYmm", "vfmadd231ps", 12, 14);
  expectLoop("dependentFmaZmm", "vfmadd231ps", 12, 14);
  expectLoop("dotBF16Zmm", "vdpbf16ps", 12, 14);
}

TEST_F(PeakLoops, TilesLoadAsManyAsTheyMultiply) {
  expectLoop("amxBF16", "tdpbf16ps", 16, 34);
  expectLoop("amxBF16", "tileloadd", 16, 34);
}
