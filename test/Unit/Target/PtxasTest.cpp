//===- PtxasTest.cpp - NVIDIA's assembler, its report and its cache -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "attn/Target/NVVMCompiler.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace attn;
using testing::HasSubstr;

namespace {
/// A folder that goes with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("attn-cache", path));
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }

  int countFiles(llvm::StringRef extension) const {
    int count = 0;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(path, error), end; it != end;
         it.increment(error))
      count += llvm::sys::path::extension(it->path()) == extension;
    return count;
  }

  llvm::SmallString<128> path;
};

struct Ptxas : testing::Test {
  std::string compile(llvm::StringRef kernel, llvm::StringRef archName) {
    auto module = source.parse(kernel);
    return llvm::cantFail(compileToPTX(*module, arch(archName)));
  }

  /// The error of assembling, or the empty string.
  std::string assemble(llvm::StringRef kernel, llvm::StringRef archName) {
    PtxasOptions options;
    options.useCache = false;
    auto cubin =
        assemblePTX(compile(kernel, archName), arch(archName), options);
    return cubin ? "" : llvm::toString(cubin.takeError());
  }

  NVVMSource source;
};
} // namespace

TEST(PtxasLog, IsRead) {
  // As ptxas 13.0 prints it.
  PtxasReport report = parsePtxasLog(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'first' for 'sm_90a'\n"
      "ptxas info    : Function properties for first\n"
      "    16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads\n"
      "ptxas info    : Used 168 registers, used 5 barriers, 16 bytes "
      "cumulative "
      "stack size, 1024 bytes smem\n"
      "ptxas info    : (C7508) Potential Performance Loss: 'setmaxnreg' "
      "ignored "
      "in the function 'first'\n"
      "ptxas info    : Compiling entry function 'second' for 'sm_90a'\n"
      "ptxas info    : Function properties for second\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 8 registers, used 0 barriers\n");
  ASSERT_EQ(report.functions.size(), 2u);
  const PtxasFunction *first = report.find("first");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->registers, 168);
  EXPECT_EQ(first->barriers, 5);
  EXPECT_EQ(first->shared, 1024);
  EXPECT_EQ(first->stack, 16);
  EXPECT_EQ(first->spillStores, 12);
  EXPECT_EQ(first->spillLoads, 20);
  const PtxasFunction *second = report.find("second");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->registers, 8);
  EXPECT_EQ(second->spillStores, 0);
  EXPECT_FALSE(report.find("third"));
  ASSERT_EQ(report.performance.size(), 1u);
  EXPECT_THAT(report.performance[0], HasSubstr("C7508"));
}

TEST_F(Ptxas, SpillsAreAnError) {
  REQUIRE_PTXAS();
  EXPECT_THAT(assemble("nvvm-spill", "sm_80"), HasSubstr("'spill' spills"));
}

TEST_F(Ptxas, SpillsCanBeLookedAt) {
  REQUIRE_PTXAS();
  PtxasOptions options;
  options.useCache = false;
  options.allowSlow = true;
  auto cubin =
      assemblePTX(compile("nvvm-spill", "sm_80"), arch("sm_80"), options);
  ASSERT_TRUE(bool(cubin)) << llvm::toString(cubin.takeError());
  const PtxasFunction *spill = cubin->report.find("spill");
  ASSERT_TRUE(spill);
  EXPECT_GT(spill->spillStores, 0);
  EXPECT_GT(spill->spillLoads, 0);
  EXPECT_LE(spill->registers, 24);
}

TEST_F(Ptxas, PerformanceMessagesAreAnError) {
  REQUIRE_PTXAS();
  EXPECT_THAT(assemble("nvvm-setmaxreg", "sm_90a"), HasSubstr("(C75"));
}

TEST_F(Ptxas, ItsOwnErrorsAreKept) {
  REQUIRE_PTXAS();
  PtxasOptions options;
  options.useCache = false;
  auto cubin = assemblePTX(".version 8.0\n.target sm_80\nnonsense\n",
                           arch("sm_80"), options);
  ASSERT_FALSE(bool(cubin));
  EXPECT_THAT(llvm::toString(cubin.takeError()), HasSubstr("Parsing error"));
}

TEST_F(Ptxas, CacheIsKeyedByContent) {
  REQUIRE_PTXAS();
  TemporaryFolder folder;
  PtxasOptions options;
  options.cacheDir = folder.path.str().str();
  std::string ptx = compile("nvvm-mma", "sm_80");
  Cubin first = llvm::cantFail(assemblePTX(ptx, arch("sm_80"), options));
  EXPECT_FALSE(first.cached);
  Cubin second = llvm::cantFail(assemblePTX(ptx, arch("sm_80"), options));
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(second.bytes, first.bytes);
  EXPECT_EQ(second.report.find("mma")->registers,
            first.report.find("mma")->registers);
  // Another architecture, other flags, other text: each its own entry.
  EXPECT_FALSE(llvm::cantFail(assemblePTX(ptx, arch("sm_86"), options)).cached);
  EXPECT_FALSE(
      llvm::cantFail(assemblePTX(ptx + "\n", arch("sm_80"), options)).cached);
  options.allowSlow = true;
  EXPECT_FALSE(llvm::cantFail(assemblePTX(ptx, arch("sm_80"), options)).cached);
  EXPECT_EQ(folder.countFiles(".cubin"), 4);
  EXPECT_EQ(folder.countFiles(".log"), 4);
  EXPECT_EQ(folder.countFiles(".tmp"), 0);
}

TEST_F(Ptxas, FailuresAreNotCached) {
  REQUIRE_PTXAS();
  TemporaryFolder folder;
  PtxasOptions options;
  options.cacheDir = folder.path.str().str();
  std::string ptx = compile("nvvm-spill", "sm_80");
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(llvm::errorToBool(
        assemblePTX(ptx, arch("sm_80"), options).takeError()));
  EXPECT_EQ(folder.countFiles(".cubin"), 0);
}

TEST_F(Ptxas, DefaultCacheIsUnderXDG) {
  REQUIRE_PTXAS();
  TemporaryFolder folder;
  ScopedVariable variable("XDG_CACHE_HOME", folder.path.str().str());
  llvm::cantFail(assemblePTX(compile("nvvm-mma", "sm_80"), arch("sm_80")));
  EXPECT_TRUE(llvm::sys::fs::is_directory(folder.path + "/attn/ptxas"));
}

TEST_F(Ptxas, UnwritableCacheOnlyKeepsNothing) {
  REQUIRE_PTXAS();
  PtxasOptions options;
  options.cacheDir = "/proc/nowhere";
  std::string ptx = compile("nvvm-mma", "sm_80");
  for (int i = 0; i < 2; ++i) {
    auto cubin = assemblePTX(ptx, arch("sm_80"), options);
    ASSERT_TRUE(bool(cubin)) << llvm::toString(cubin.takeError());
    EXPECT_FALSE(cubin->cached);
  }
}

TEST_F(Ptxas, MissingProgramSaysWhereItWasSought) {
  EnvironmentWithoutCuda environment;
  auto cubin = assemblePTX(compile("nvvm-mma", "sm_80"), arch("sm_80"));
  ASSERT_FALSE(bool(cubin));
  EXPECT_THAT(llvm::toString(cubin.takeError()), HasSubstr("$CUDA_HOME"));
  auto fatbin = makeFatbin({});
  ASSERT_FALSE(bool(fatbin));
  EXPECT_THAT(llvm::toString(fatbin.takeError()), HasSubstr("fatbinary"));
}
