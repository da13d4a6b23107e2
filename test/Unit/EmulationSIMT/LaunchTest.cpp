//===- LaunchTest.cpp - Launches, registers, parameters and arithmetic ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Snippet.h"
#include "attn/EmulationSIMT/Ops.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace attn::test;
using namespace attn::simt;

namespace {

TEST(Launch, RefusesWhatDoesNotFit) {
  Kernels kernels("llvm.func @k() attributes {nvvm.kernel, nvvm.reqntid = "
                  "array<i32: 64, 2, 1>} { llvm.return }");
  Memory memory;
  LaunchConfig config;
  auto refused = [&] {
    Report report = kernels.run("k", config, memory);
    return report.has(FindingKind::Launch);
  };
  config.block = {64, 2, 1};
  EXPECT_FALSE(refused());
  config.block = {128, 1, 1};
  EXPECT_TRUE(refused());
  config.block = {64, 2, 1};
  config.dynamicSharedBytes = 300 * 1024;
  EXPECT_TRUE(refused());
  config.dynamicSharedBytes = 0;
  config.grid.y = 0;
  EXPECT_TRUE(refused());
}

TEST(Launch, RegistersTellTheGeometry) {
  // out[linear thread of the grid] = tid.y * 1000 + ctaid.y * 100 + laneid.
  Kernels kernels(R"mlir(
llvm.func @k(%out: !llvm.ptr<1>) attributes {nvvm.kernel} {
  %x = nvvm.read.ptx.sreg.tid.x : i32
  %y = nvvm.read.ptx.sreg.tid.y : i32
  %nx = nvvm.read.ptx.sreg.ntid.x : i32
  %ny = nvvm.read.ptx.sreg.ntid.y : i32
  %cta = nvvm.read.ptx.sreg.ctaid.y : i32
  %lane = nvvm.read.ptx.sreg.laneid : i32
  %c1000 = arith.constant 1000 : i32
  %c100 = arith.constant 100 : i32
  %row = arith.muli %cta, %ny : i32
  %row2 = arith.addi %row, %y : i32
  %start = arith.muli %row2, %nx : i32
  %index = arith.addi %start, %x : i32
  %a = arith.muli %y, %c1000 : i32
  %b = arith.muli %cta, %c100 : i32
  %ab = arith.addi %a, %b : i32
  %value = arith.addi %ab, %lane : i32
  %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %to : i32, !llvm.ptr<1>
  llvm.return
}
)mlir");
  std::vector<int32_t> out(48 * 2 * 3, -1);
  Memory memory;
  memory.add(out.data(), out.size() * 4, "out");
  LaunchConfig config;
  config.block = {48, 2, 1};
  config.grid = {1, 3, 1};
  int32_t *pointer = out.data();
  Report report = kernels.run("k", config, memory, pointer);
  EXPECT_TRUE(report.ok()) << report.str();
  for (int i = 0; i < int(out.size()); ++i) {
    int thread = i % 96, cta = i / 96;
    EXPECT_EQ(out[i], thread / 48 * 1000 + cta * 100 + thread % 32) << i;
  }
}

TEST(Launch, StructsByValueAreEachThreadsOwn) {
  // Each thread adds its number to the second field and stores it.
  Kernels kernels(R"mlir(
llvm.func @k(%out: !llvm.ptr<1>, %args: !llvm.ptr {llvm.byval = !llvm.struct<(i64, i32)>}) attributes {nvvm.kernel} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %field = llvm.getelementptr %args[8] : (!llvm.ptr) -> !llvm.ptr, i8
  %x = llvm.load %field : !llvm.ptr -> i32
  %y = arith.addi %x, %tid : i32
  llvm.store %y, %field : i32, !llvm.ptr
  %z = llvm.load %field : !llvm.ptr -> i32
  %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %z, %to : i32, !llvm.ptr<1>
  llvm.return
}
)mlir");
  struct {
    int64_t first;
    int32_t second;
  } args = {1, 100};
  std::vector<int32_t> out(32);
  Memory memory;
  memory.add(out.data(), 128, "out");
  LaunchConfig config;
  config.block.x = 32;
  int32_t *pointer = out.data();
  Report report = kernels.run("k", config, memory, pointer, args);
  EXPECT_TRUE(report.ok()) << report.str();
  EXPECT_EQ(args.second, 100);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], 100 + i);
}

TEST(Launch, RandomRunsRepeat) {
  // Who comes last at a word depends on the schedule alone.
  Snippet snippet("llvm.store %c0, %mine : i32, !llvm.ptr<3>\nnvvm.barrier0\n"
                  "%result = llvm.atomicrmw add %smem, %c1 monotonic : "
                  "!llvm.ptr<3>, i32");
  LaunchConfig config;
  config.schedule = Schedule::Random;
  std::vector<std::vector<int32_t>> orders;
  for (uint64_t seed : {1, 1, 2}) {
    config.seed = seed;
    EXPECT_EQ(snippet.run(iota(64), config).seed, seed);
    orders.push_back(snippet.results);
  }
  EXPECT_EQ(orders[0], orders[1]);
  EXPECT_NE(orders[0], orders[2]);
}

TEST(Matrix, StoreIsTheInverseOfLoad) {
  // Lane l stores its row of 16 bytes; ldmatrix.trans then stmatrix.trans put
  // the same bytes elsewhere.
  Snippet snippet(R"mlir(
  %row = arith.muli %lane, %c16 : i32
  %here = llvm.getelementptr %smem[%row] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %there = llvm.getelementptr %here[512] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %v0 = llvm.mlir.zero : vector<4xi32>
  %v1 = llvm.insertelement %value, %v0[%c0 : i32] : vector<4xi32>
  %v2 = llvm.insertelement %lane, %v1[%c3 : i32] : vector<4xi32>
  llvm.store %v2, %here : vector<4xi32>, !llvm.ptr<3>
  nvvm.bar.warp.sync %all : i32
  %m = nvvm.ldmatrix %here {num = 4 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
  %m0 = llvm.extractvalue %m[0] : !llvm.struct<(i32, i32, i32, i32)>
  %m1 = llvm.extractvalue %m[1] : !llvm.struct<(i32, i32, i32, i32)>
  %m2 = llvm.extractvalue %m[2] : !llvm.struct<(i32, i32, i32, i32)>
  %m3 = llvm.extractvalue %m[3] : !llvm.struct<(i32, i32, i32, i32)>
  nvvm.stmatrix %there, %m0, %m1, %m2, %m3 {layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : !llvm.ptr<3>, i32, i32, i32, i32
  nvvm.bar.warp.sync %all : i32
  %w = llvm.load %there : !llvm.ptr<3> -> vector<4xi32>
  %a = llvm.extractelement %w[%c0 : i32] : vector<4xi32>
  %b = llvm.extractelement %w[%c3 : i32] : vector<4xi32>
  %result = arith.addi %a, %b : i32)mlir");
  LaunchConfig config;
  config.dynamicSharedBytes = 1024;
  std::vector<int32_t> inputs = iota(32);
  for (int32_t &x : inputs)
    x *= 1000003;
  Report report = snippet.run(inputs, config);
  EXPECT_TRUE(report.ok()) << report.str();
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(snippet.results[i], inputs[i] + i);
}

TEST(Math, Approximations) {
  EXPECT_EQ(attn_simt_ex2(3), 8);
  EXPECT_EQ(attn_simt_ex2(-INFINITY), 0);
  EXPECT_EQ(attn_simt_ex2(-130), 0); // Flushed.
  EXPECT_EQ(attn_simt_lg2(8), 3);
  EXPECT_EQ(attn_simt_lg2(0), -INFINITY);
  EXPECT_EQ(attn_simt_rcp(4), 0.25F);
  EXPECT_EQ(attn_simt_rcp(1e-40F), INFINITY); // A denormal is a zero.
  EXPECT_EQ(attn_simt_rsqrt(4), 0.5F);
  EXPECT_EQ(attn_simt_sqrt(9), 3);
  EXPECT_EQ(attn_simt_tanh(0), 0);
}

TEST(Math, RoundingToBF16) {
  auto rounded = [](uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    float y = attn_simt_bf16(x);
    uint32_t result;
    std::memcpy(&result, &y, 4);
    return result & 0xFFFF;
  };
  EXPECT_EQ(rounded(0x3F800000), 0x3F80u);
  EXPECT_EQ(rounded(0x3F808000), 0x3F80u); // A tie, to even.
  EXPECT_EQ(rounded(0x3F818000), 0x3F82u);
  EXPECT_EQ(rounded(0x3F808001), 0x3F81u);
  EXPECT_EQ(rounded(0x7F7FFFFF), 0x7F80u); // To infinity.
  EXPECT_EQ(rounded(0x7F800001), 0x7FFFu); // The one NaN.
}

} // namespace
