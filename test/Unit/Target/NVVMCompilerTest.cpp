//===- NVVMCompilerTest.cpp - From NVVM kernels to code -------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVVMCompiler.h"
#include "Support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdio>

using namespace attn;
using testing::HasSubstr;
using testing::Not;

namespace {
struct NVVMCompiler : testing::Test {
  /// PTX of a kernel of test/Target/Inputs, or the error.
  std::string compile(llvm::StringRef kernel, llvm::StringRef archName) {
    auto module = source.parse(kernel);
    auto ptx = compileToPTX(*module, arch(archName));
    return ptx ? *ptx : "error: " + llvm::toString(ptx.takeError());
  }

  std::string compileText(llvm::StringRef text) {
    auto module = source.parseText(text);
    auto ptx = compileToPTX(*module, arch("sm_80"));
    return ptx ? *ptx : "error: " + llvm::toString(ptx.takeError());
  }

  NVVMSource source;
};
} // namespace

TEST_F(NVVMCompiler, Vectors) {
  std::string ptx = compile("nvvm-axpy", "sm_80");
  EXPECT_THAT(ptx, HasSubstr(".version 8.0"));
  EXPECT_THAT(ptx, HasSubstr(".target sm_80"));
  EXPECT_THAT(ptx, HasSubstr(".visible .entry axpy("));
  EXPECT_THAT(ptx, HasSubstr(".reqntid 128"));
  EXPECT_THAT(ptx, HasSubstr("ld.global.nc.v4.b32"));
  EXPECT_THAT(ptx, HasSubstr("st.global.v4.b32"));
  EXPECT_THAT(ptx, HasSubstr("cvt.rn.bf16x2.f32"));
  EXPECT_THAT(ptx, Not(HasSubstr(".local")));
}

TEST_F(NVVMCompiler, TensorCores) {
  std::string ptx = compile("nvvm-mma", "sm_80");
  EXPECT_THAT(ptx, HasSubstr("cp.async.cg.shared.global"));
  EXPECT_THAT(ptx, HasSubstr("ldmatrix.sync.aligned.m8n8.x4.shared.b16"));
  EXPECT_THAT(ptx, HasSubstr("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16"));
  EXPECT_THAT(ptx,
              HasSubstr("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16"));
  EXPECT_THAT(ptx, HasSubstr(".extern .shared .align 128 .b8 dsmem[]"));
}

// 64-bit addresses of shared memory cost registers.
TEST_F(NVVMCompiler, SharedPointersAre32Bits) {
  std::string ptx = compile("nvvm-mma", "sm_80");
  EXPECT_THAT(ptx, testing::ContainsRegex("mov.b32[ \t]+%r[0-9]+, dsmem;"));
  EXPECT_THAT(ptx,
              Not(testing::ContainsRegex("mov.b64[ \t]+%rd[0-9]+, dsmem")));
}

TEST_F(NVVMCompiler, EveryArchitectureHasItsPTXVersion) {
  for (const NVVMArch &each : nvvmArchs()) {
    std::string ptx = compile("nvvm-mma", each.name());
    EXPECT_THAT(ptx, HasSubstr(".target " + each.name())) << ptx;
  }
}

// LLVM has no error for this but the end of the process.
TEST_F(NVVMCompiler, WhatAnArchitectureLacksIsAnError) {
  std::string ptx = compile("nvvm-dependent", "sm_80");
  EXPECT_THAT(ptx, HasSubstr("LLVM cannot emit this for the architecture: "
                             "Cannot select"));
  EXPECT_THAT(compile("nvvm-dependent", "sm_90"),
              HasSubstr("griddepcontrol.wait"));
}

// Between two branches on the same condition stands a collective. LLVM would
// duplicate other code into both ways through, and the threads would not meet.
TEST_F(NVVMCompiler, AsmIsConvergent) {
  std::string ptx = compileText(R"mlir(
    llvm.func @k(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>, %x: i32)
        attributes {nvvm.kernel} {
      %tid = nvvm.read.ptx.sreg.tid.x : i32
      %c = arith.cmpi ult, %tid, %x : i32
      scf.if %c {
        nvvm.barrier id = %x
        llvm.store %x, %p : i32, !llvm.ptr<1>
      }
      %v = llvm.inline_asm has_side_effects
        "shfl.sync.bfly.b32 $0, $1, 1, 31, -1;", "=r,r" %tid : (i32) -> i32
      scf.if %c {
        nvvm.barrier id = %x
        llvm.store %v, %q : i32, !llvm.ptr<1>
      }
      llvm.return
    })mlir");
  llvm::StringRef text(ptx);
  EXPECT_EQ(text.count("shfl.sync"), 1u) << ptx;
}

TEST_F(NVVMCompiler, OtherDialectsAreRefused) {
  std::string result = compileText(R"mlir(
    llvm.func @k(%p: !llvm.ptr<1>, %x: f32) attributes {nvvm.kernel} {
      %e = math.exp2 %x : f32
      llvm.store %e, %p : f32, !llvm.ptr<1>
      llvm.return
    })mlir");
  EXPECT_THAT(result, HasSubstr("could not be lowered"));
  EXPECT_THAT(source.diagnostics,
              HasSubstr("'math.exp2' op is not lowered for GPUs"));
}

TEST_F(NVVMCompiler, LibdeviceIsRefused) {
  std::string result = compileText(R"mlir(
    llvm.func @__nv_expf(f32) -> f32
    llvm.func @k(%p: !llvm.ptr<1>, %x: f32) attributes {nvvm.kernel} {
      %e = llvm.call @__nv_expf(%x) : (f32) -> f32
      llvm.store %e, %p : f32, !llvm.ptr<1>
      llvm.return
    })mlir");
  EXPECT_THAT(result, HasSubstr("call '__nv_expf', which is not defined"));
}

TEST_F(NVVMCompiler, OneArchitectureGivesACubin) {
  REQUIRE_PTXAS();
  auto module = source.parse("nvvm-mma");
  NVVMCompileOptions options;
  options.archs = {arch("sm_80")};
  options.ptxas.useCache = false;
  auto image = compileForNVVM(*module, options);
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_EQ(image->form, NVVMForm::Cubin);
  EXPECT_EQ(image->note, "");
  EXPECT_EQ(image->bytes.substr(0, 4), "\177ELF");
  ASSERT_EQ(image->parts.size(), 1u);
  const PtxasFunction *mma = image->parts[0].report.find("mma");
  ASSERT_TRUE(mma);
  EXPECT_GT(mma->registers, 8);
  EXPECT_EQ(mma->spillStores, 0);
  EXPECT_EQ(mma->stack, 0);
  EXPECT_EQ(mma->barriers, 1);
  const NVVMTimes &times = image->parts[0].times;
  double total = times.lower + times.optimize + times.codegen + times.assemble;
  printf("mma to cubin: lower %.0f ms, optimize %.0f, codegen %.0f, ptxas "
         "%.0f; total %.0f ms\n",
         times.lower * 1e3, times.optimize * 1e3, times.codegen * 1e3,
         times.assemble * 1e3, total * 1e3);
}

TEST_F(NVVMCompiler, SeveralArchitecturesGiveAFatBinary) {
  REQUIRE_PTXAS();
  auto module = source.parse("nvvm-mma");
  NVVMCompileOptions options;
  for (llvm::StringRef name : defaultNVVMArchs())
    options.archs.push_back(arch(name));
  options.ptxas.useCache = false;
  auto image = compileForNVVM(*module, options);
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_EQ(image->form, NVVMForm::Fatbin);
  // The magic number of a fat binary, little-endian.
  EXPECT_EQ(image->bytes.substr(0, 4), "\x50\xed\x55\xba");
  EXPECT_EQ(image->parts.size(), 6u);
}

TEST_F(NVVMCompiler, NamedPtxasThatIsMissingIsAnError) {
  auto module = source.parse("nvvm-mma");
  NVVMCompileOptions options;
  options.archs = {arch("sm_80")};
  options.ptxas.ptxas = "/nowhere/ptxas";
  auto image = compileForNVVM(*module, options);
  ASSERT_FALSE(bool(image));
  EXPECT_THAT(llvm::toString(image.takeError()), HasSubstr("/nowhere/ptxas"));
}

TEST_F(NVVMCompiler, WithoutPtxasThereIsPTXAndANote) {
  EnvironmentWithoutCuda environment;
  auto module = source.parse("nvvm-mma");
  NVVMCompileOptions options;
  options.archs = {arch("sm_90"), arch("sm_80")};
  auto image = compileForNVVM(*module, options);
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_EQ(image->form, NVVMForm::PTX);
  EXPECT_THAT(image->note, HasSubstr("PTX for sm_90 alone"));
  EXPECT_THAT(image->bytes, HasSubstr(".target sm_90"));
  EXPECT_EQ(image->bytes.back(), '\0');
}
