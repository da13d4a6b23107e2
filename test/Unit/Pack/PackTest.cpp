//===- PackTest.cpp - A pack against the oracle, and its figures ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Pack.h"
#include "attn/Harness/Check.h"
#include "attn/Harness/Problem.h"
#include "attn/Harness/Session.h"
#include "attn/Register.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

#include <chrono>
#include <ctime>

using namespace attn;
using namespace attn::pack;

namespace {

std::string modelFile(const char *name) {
  return std::string(ATTN_TEST_DIR "/models/") + name + ".json";
}

/// Seconds of processor time of this process, whoever else is busy.
double processorSeconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

/// The pack of Llama-3.1-8B and DeepSeek-V3, made once.
class PackTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context = new mlir::MLIRContext(registry);
    Options options;
    options.inputs = {modelFile("llama-3.1-8b"), modelFile("deepseek-v3")};
    options.name = "two";
    options.levels = llvm::cantFail(parseTargets("cpu"));
    options.maxQ = 2;
    options.jobs = 2;
    plan = new Plan(llvm::cantFail(makePlan(context, options)));
    llvm::SmallString<128> folder;
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("attn-pack", folder));
    path = new std::string(folder.str());
    double start = processorSeconds();
    auto compiled =
        compileUnits(*plan, options, CPUOutput::Object,
                     [](unsigned, unsigned, const Compiled &, double) {});
    ASSERT_TRUE(bool(compiled)) << llvm::toString(compiled.takeError());
    llvm::Error error = writePack(*plan, options, std::move(*compiled), *path);
    seconds = processorSeconds() - start;
    ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  }

  static void TearDownTestSuite() {
    llvm::sys::fs::remove_directories(*path);
    delete plan;
    delete path;
    delete context;
  }

  static std::string library() { return *path + "/libtwo_attn.so"; }

  static mlir::MLIRContext *context;
  static Plan *plan;
  static std::string *path;
  static double seconds;
};

mlir::MLIRContext *PackTest::context = nullptr;
Plan *PackTest::plan = nullptr;
std::string *PackTest::path = nullptr;
double PackTest::seconds = 0;

} // namespace

// Every kernel that this machine can run, by the library that ships.
TEST_F(PackTest, AgreesWithTheOracle) {
  attn_library *lib = nullptr;
  ASSERT_EQ(attn_library_open(library().c_str(), &lib), ATTN_OK)
      << attn_error_message();
  EXPECT_EQ(attn_library_num_kernels(lib), 4 * plan->units.size());
  for (const Unit &unit : plan->units) {
    SCOPED_TRACE(unit.name);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(unit.text, context);
    ASSERT_TRUE(module);
    auto func = *module->getOps<mlir::func::FuncOp>().begin();
    AttendOp attend = *func.getOps<AttendOp>().begin();
    harness::ProblemOptions options;
    options.lens = {70, 0, 333};
    auto problem = llvm::cantFail(harness::Problem::create(attend, options));
    auto oracle = llvm::cantFail(harness::Oracle::create(func, *problem));
    for (int32_t isa = ATTN_ISA_AVX2; isa <= attn_cpu_isa(); ++isa) {
      SCOPED_TRACE(attn_isa_name(isa));
      problem->clearResults();
      attn_decode_params params = problem->params();
      params.isa = isa;
      ASSERT_EQ(
          attn_decode_workspace_size(lib, &params, &params.workspace_bytes),
          ATTN_OK)
          << attn_error_message();
      bench::Buffer workspace(params.workspace_bytes);
      params.workspace = workspace.data();
      ASSERT_EQ(attn_decode(lib, &params), ATTN_OK) << attn_error_message();
      EXPECT_EQ(oracle.check(*problem).failure, "");
    }
  }
  attn_library_close(lib);
}

// The figures that docs/packs.md states, as of this run.
TEST_F(PackTest, IsSmallAndOpensFast) {
  uint64_t bytes = 0;
  ASSERT_FALSE(llvm::sys::fs::file_size(library(), bytes));
  std::vector<double> opens;
  for (int i = 0; i < 21; ++i) {
    auto start = std::chrono::steady_clock::now();
    attn_library *lib = nullptr;
    ASSERT_EQ(attn_library_open(library().c_str(), &lib), ATTN_OK);
    opens.push_back(std::chrono::duration<double, std::milli>(
                        std::chrono::steady_clock::now() - start)
                        .count());
    attn_library_close(lib);
  }
  std::sort(opens.begin() + 1, opens.end()); // the first one apart
  printf(
      "Llama-3.1-8B + DeepSeek-V3, 4 levels, 1 and 2 query tokens: %.0f KiB, "
      "%.1f s of processor time, opens in %.2f ms (first: %.2f ms)\n",
      bytes / 1024.0, seconds, opens[11], opens[0]);
  EXPECT_LT(bytes, 8u << 20);
  EXPECT_LT(seconds, 60); // 30 s on two cores
  EXPECT_LT(opens[11], 5);
}

TEST(PackTargets, AreASetOfLevels) {
  auto levels = parseTargets("cpu:amx,cpu:avx2,cpu:amx");
  ASSERT_TRUE(bool(levels)) << llvm::toString(levels.takeError());
  EXPECT_EQ(*levels, (std::vector<CPULevel>{CPULevel::AVX2, CPULevel::AMX}));
  for (const char *wrong : {"", "cpu,", "gpu", "sm_90a", "cpu:", "cpu:neon"})
    EXPECT_NE(llvm::toString(parseTargets(wrong).takeError()), "") << wrong;
}
