//===- MatrixTest.cpp - Fragments of ldmatrix, stmatrix and mma.sync ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "llvm/ADT/APFloat.h"
#include <gtest/gtest.h>
#include <random>

using namespace attn;
using namespace attn::test;
using namespace attn::simt;

namespace {

// D = A * B + C for A 16 x 16, row by row, and B 16 x 8, column by column (or
// row by row, read transposed). A and B come by cp.async; rows of `valid`
// bytes, the others are zero-filled.
constexpr const char *product = R"mlir(
llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<512 x i8>
llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i8>
llvm.func @k(%ga: !llvm.ptr<1>, %gb: !llvm.ptr<1>, %gc: !llvm.ptr<1>, %valid: i32)
    attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
  %sa = llvm.mlir.addressof @a : !llvm.ptr<3>
  %sb = llvm.mlir.addressof @b : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c4 = arith.constant 4 : i32
  %c7 = arith.constant 7 : i32
  %c8 = arith.constant 8 : i32
  %c15 = arith.constant 15 : i32
  %c16 = arith.constant 16 : i32
  %c32 = arith.constant 32 : i32
  %lane = nvvm.read.ptx.sreg.tid.x : i32
  // A: a chunk of 16 bytes a lane.
  %chunk = arith.muli %lane, %c16 : i32
  %ato = llvm.getelementptr %sa[%chunk] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %afrom = llvm.getelementptr %ga[%chunk] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  nvvm.cp.async.shared.global %ato, %afrom, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  // B: half of the lanes.
  %half = arith.cmpi slt, %lane, %c16 : i32
  scf.if %half {
    %bto = llvm.getelementptr %sb[%chunk] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %bfrom = llvm.getelementptr %gb[%chunk] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    nvvm.cp.async.shared.global %bto, %bfrom, 16, cache = cg, %valid : !llvm.ptr<3>, !llvm.ptr<1>, i32
  }
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  %all = arith.constant -1 : i32
  nvvm.bar.warp.sync %all : i32
  // Matrix m of A starts at row 8 * (m % 2), column 8 * (m / 2).
  %row = arith.andi %lane, %c15 : i32
  %right = arith.divui %lane, %c16 : i32
  %arow = arith.muli %row, %c32 : i32
  %acol = arith.muli %right, %c16 : i32
  %aoff = arith.addi %arow, %acol : i32
  %aptr = llvm.getelementptr %sa[%aoff] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %af = nvvm.ldmatrix %aptr {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
  %a0 = llvm.extractvalue %af[0] : !llvm.struct<(i32, i32, i32, i32)>
  %a1 = llvm.extractvalue %af[1] : !llvm.struct<(i32, i32, i32, i32)>
  %a2 = llvm.extractvalue %af[2] : !llvm.struct<(i32, i32, i32, i32)>
  %a3 = llvm.extractvalue %af[3] : !llvm.struct<(i32, i32, i32, i32)>
  // Matrix m of B: k = 8 * m.
  %n = arith.andi %lane, %c7 : i32
  %m8 = arith.divui %row, %c8 : i32
  %boff = func.call @boffset(%n, %m8) : (i32, i32) -> i32
  %bptr = llvm.getelementptr %sb[%boff] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %bf = nvvm.ldmatrix %bptr {num = 2 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
  %b0 = llvm.extractvalue %bf[0] : !llvm.struct<(i32, i32)>
  %b1 = llvm.extractvalue %bf[1] : !llvm.struct<(i32, i32)>
  // C and D: row lane / 4 and 8 more, columns 2 * (lane % 4) and the next.
  %g = arith.divui %lane, %c4 : i32
  %t = arith.remui %lane, %c4 : i32
  %g8 = arith.muli %g, %c8 : i32
  %t2 = arith.muli %t, %c2 : i32
  %coff = arith.addi %g8, %t2 : i32
  %ctop = llvm.getelementptr %gc[%coff] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %cbottom = llvm.getelementptr %ctop[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  %top = llvm.load %ctop {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xf32>
  %bottom = llvm.load %cbottom {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xf32>
  %x0 = llvm.extractelement %top[%c0 : i32] : vector<2xf32>
  %x1 = llvm.extractelement %top[%c1 : i32] : vector<2xf32>
  %x2 = llvm.extractelement %bottom[%c0 : i32] : vector<2xf32>
  %x3 = llvm.extractelement %bottom[%c1 : i32] : vector<2xf32>
  %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%x0, %x1, %x2, %x3]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
      : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
  %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
  %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
  %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
  %u = llvm.mlir.poison : vector<2xf32>
  %y0 = llvm.insertelement %d0, %u[%c0 : i32] : vector<2xf32>
  %y1 = llvm.insertelement %d1, %y0[%c1 : i32] : vector<2xf32>
  %z0 = llvm.insertelement %d2, %u[%c0 : i32] : vector<2xf32>
  %z1 = llvm.insertelement %d3, %z0[%c1 : i32] : vector<2xf32>
  llvm.store %y1, %ctop {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
  llvm.store %z1, %cbottom {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
  llvm.return
}
func.func private @boffset(%n: i32, %m8: i32) -> i32 {
  // Column n of B, from k = 8 * m8.
  %c16 = arith.constant 16 : i32
  %c32 = arith.constant 32 : i32
  %column = arith.muli %n, %c32 : i32
  %k = arith.muli %m8, %c16 : i32
  %offset = arith.addi %column, %k : i32
  return %offset : i32
}
)mlir";

/// The same with B row by row: row 8 * m8 + n of 16 bytes, and .trans.
std::string transposedProduct() {
  std::string source =
      edit(product, "arith.muli %n, %c32", "arith.muli %n, %c16");
  source = edit(source, "%k = arith.muli %m8, %c16",
                "%c128 = arith.constant 128 : i32\n"
                "  %k = arith.muli %m8, %c128");
  return edit(source, "num = 2 : i32, layout = #nvvm.mma_layout<row>",
              "num = 2 : i32, layout = #nvvm.mma_layout<col>");
}

std::string withF16(std::string source) {
  source = edit(source, "(i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>",
                "(vector<2xf16>, vector<2xf16>, f32) -> !llvm.struct<(f32, "
                "f32, f32, f32)>");
  std::string casts, a, b;
  for (std::string name : {"a0", "a1", "a2", "a3", "b0", "b1"})
    casts += "  %h" + name + " = llvm.bitcast %" + name +
             " : i32 to vector<2xf16>\n";
  source = edit(
      source, "  %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1]",
      casts + "  %d = nvvm.mma.sync A[%ha0, %ha1, %ha2, %ha3] B[%hb0, %hb1]");
  return edit(source,
              "multiplicandAPtxType = #nvvm.mma_type<bf16>, "
              "multiplicandBPtxType = #nvvm.mma_type<bf16>",
              "multiplicandAPtxType = #nvvm.mma_type<f16>, "
              "multiplicandBPtxType = #nvvm.mma_type<f16>");
}

uint16_t toBits(float value, const llvm::fltSemantics &type) {
  llvm::APFloat number(value);
  bool lost;
  number.convert(type, llvm::APFloat::rmNearestTiesToEven, &lost);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

struct Product {
  float a[16][16], b[16][8], c[16][8];

  Product() {
    // Multiples of 1/8 up to 4: exact in every type and in every order.
    std::mt19937 random(1);
    auto draw = [&] { return float(int(random() % 65) - 32) / 8; };
    for (auto &row : a)
      for (float &x : row)
        x = draw();
    for (auto &row : b)
      for (float &x : row)
        x = draw();
    for (auto &row : c)
      for (float &x : row)
        x = draw();
  }

  void check(const std::string &source, const llvm::fltSemantics &type,
             bool transposed, int valid) {
    std::vector<uint16_t> sa, sb(128);
    for (auto &row : a)
      for (float x : row)
        sa.push_back(toBits(x, type));
    for (int k = 0; k < 16; ++k)
      for (int n = 0; n < 8; ++n)
        sb[transposed ? k * 8 + n : n * 16 + k] = toBits(b[k][n], type);
    Kernels kernels(source);
    forEachSchedule(
        [&](LaunchConfig config) {
          config.block.x = 32;
          std::vector<float> sc(&c[0][0], &c[0][0] + 128);
          Memory memory;
          memory.add(sa.data(), 512, "a", Memory::ReadOnly);
          memory.add(sb.data(), 256, "b", Memory::ReadOnly);
          memory.add(sc.data(), 512, "c");
          void *pa = sa.data(), *pb = sb.data(), *pc = sc.data();
          Report report = kernels.run("k", config, memory, pa, pb, pc, valid);
          ASSERT_TRUE(report.ok()) << report.str();
          for (int i = 0; i < 16; ++i)
            for (int j = 0; j < 8; ++j) {
              float sum = c[i][j];
              for (int k = 0; k < 16; ++k) {
                int byte = (transposed ? k * 8 + j : j * 16 + k) * 2;
                if (byte % 16 < valid)
                  sum += a[i][k] * b[k][j];
              }
              ASSERT_EQ(sc[i * 8 + j], sum) << i << ", " << j;
            }
        },
        /*seeds=*/2);
  }
};

TEST(Product, BF16) {
  Product().check(product, llvm::APFloat::BFloat(), false, 16);
}
TEST(Product, F16) {
  Product().check(withF16(product), llvm::APFloat::IEEEhalf(), false, 16);
}
TEST(Product, Transposed) {
  Product().check(transposedProduct(), llvm::APFloat::BFloat(), true, 16);
}
TEST(Product, ZeroFill) {
  Product().check(product, llvm::APFloat::BFloat(), false, 6);
  Product().check(transposedProduct(), llvm::APFloat::BFloat(), true, 0);
}

} // namespace
