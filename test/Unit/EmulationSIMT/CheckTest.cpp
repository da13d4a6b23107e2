//===- CheckTest.cpp - Planted bugs, and their correct twins --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;
using namespace attn::simt;

namespace {

/// Each thread writes its number to shared memory and reads its neighbour's.
constexpr const char *neighbour = R"mlir(
llvm.mlir.global external @smem() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
llvm.func @k(%out: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>} {
  %smem = llvm.mlir.addressof @smem : !llvm.ptr<3>
  %one = arith.constant 1 : i32
  %last = arith.constant 127 : i32
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %mine = llvm.getelementptr %smem[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %tid, %mine : i32, !llvm.ptr<3>
  nvvm.barrier0
  %next = arith.addi %tid, %one : i32
  %wrapped = arith.andi %next, %last : i32
  %other = llvm.getelementptr %smem[%wrapped] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %value = llvm.load %other : !llvm.ptr<3> -> i32
  %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %to : i32, !llvm.ptr<1>
  llvm.return
}
)mlir";

class Neighbour : public testing::Test {
protected:
  Report run(LaunchConfig config, const std::string &source) {
    Kernels kernels(source);
    return run(config, kernels);
  }
  Report run(LaunchConfig config, Kernels &kernels) {
    config.block.x = 128;
    if (config.dynamicSharedBytes == 0)
      config.dynamicSharedBytes = 512;
    out.assign(128, -1);
    Memory memory;
    memory.add(out.data(), out.size() * 4, "out");
    int32_t *pointer = out.data();
    return kernels.run("k", config, memory, pointer);
  }
  std::vector<int32_t> out;
};

TEST_F(Neighbour, IsFine) {
  Kernels kernels(neighbour);
  forEachSchedule([&](LaunchConfig config) {
    Report report = run(config, kernels);
    EXPECT_TRUE(report.ok()) << describe(config) << "\n" << report.str();
    for (int i = 0; i < 128; ++i)
      EXPECT_EQ(out[i], (i + 1) % 128);
  });
}

TEST_F(Neighbour, MissingBarrier) {
  Kernels kernels(edit(neighbour, "  nvvm.barrier0\n", ""));
  forEachSchedule([&](LaunchConfig config) {
    Report report = run(config, kernels);
    EXPECT_TRUE(report.has(FindingKind::Race)) << describe(config);
  });
}

} // namespace
