//===- Snippet.cpp - A few operations as a kernel -------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace attn::test;

static std::string kernelAround(const std::string &operations) {
  std::string text = R"mlir(
llvm.mlir.global external @smem() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
llvm.func @k(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %smem = llvm.mlir.addressof @smem : !llvm.ptr<3>
  %all = arith.constant -1 : i32
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %lane = nvvm.read.ptx.sreg.laneid : i32
  %threads = nvvm.read.ptx.sreg.ntid.x : i32
  %cta = nvvm.read.ptx.sreg.ctaid.x : i32
)mlir";
  for (int value : {0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 32, 64})
    text += "  %c" + std::to_string(value) + " = arith.constant " +
            std::to_string(value) + " : i32\n";
  return text + R"mlir(
  %first = arith.muli %cta, %threads : i32
  %index = arith.addi %first, %tid : i32
  %from = llvm.getelementptr %in[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %value = llvm.load %from : !llvm.ptr<1> -> i32
  %mine = llvm.getelementptr %smem[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %next = arith.addi %tid, %c1 : i32
  %wrapped = arith.remui %next, %threads : i32
  %other = llvm.getelementptr %smem[%wrapped] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
)mlir" + operations +
         R"mlir(
  %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %result, %to : i32, !llvm.ptr<1>
  llvm.return
}
)mlir";
}

Snippet::Snippet(const std::string &operations)
    : kernels(kernelAround(operations)) {}

attn::simt::Report Snippet::run(const std::vector<int32_t> &inputs,
                                simt::LaunchConfig config) {
  size_t bytes = inputs.size() * sizeof(int32_t);
  config.block.x = static_cast<uint32_t>(inputs.size()) / config.grid.x;
  if (config.dynamicSharedBytes == 0)
    config.dynamicSharedBytes = config.block.x * sizeof(int32_t);
  results.assign(inputs.size(), -1);
  memory.add(inputs.data(), bytes, "in", simt::Memory::ReadOnly);
  memory.add(results.data(), bytes, "out");
  const int32_t *in = inputs.data();
  int32_t *out = results.data();
  simt::Report report = kernels.run("k", config, memory, in, out);
  memory.remove(in);
  memory.remove(out);
  return report;
}

std::vector<int32_t> attn::test::iota(int count) {
  std::vector<int32_t> result(count);
  std::iota(result.begin(), result.end(), 0);
  return result;
}

void attn::test::expectFine(const std::string &operations, int threads,
                            const std::function<int32_t(int)> &expected,
                            uint32_t sharedBytes) {
  Snippet snippet(operations);
  forEachSchedule([&](simt::LaunchConfig config) {
    config.dynamicSharedBytes = sharedBytes;
    simt::Report report = snippet.run(iota(threads), config);
    EXPECT_TRUE(report.ok()) << describe(config) << "\n" << report.str();
    for (int i = 0; i < threads; ++i)
      ASSERT_EQ(snippet.results[i], expected(i))
          << "thread " << i << ", " << describe(config);
  });
}

attn::simt::Report attn::test::expectFinding(const std::string &operations,
                                             int threads,
                                             simt::FindingKind kind,
                                             uint32_t sharedBytes) {
  Snippet snippet(operations);
  simt::Report last;
  forEachSchedule(
      [&](simt::LaunchConfig config) {
        config.dynamicSharedBytes = sharedBytes;
        last = snippet.run(iota(threads), config);
        EXPECT_TRUE(last.has(kind)) << describe(config) << "\n" << last.str();
      },
      /*seeds=*/3);
  return last;
}
