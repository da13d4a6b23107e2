//===- PackTest.cpp - A pack against the oracle, and its figures ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Pack.h"
#include "attn/Harness/Check.h"
#include "attn/Harness/LatentProblem.h"
#include "attn/Harness/Problem.h"
#include "attn/Harness/Session.h"
#include "attn/Register.h"
#include "attn_gpu.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

#include <chrono>
#include <dlfcn.h>
#include <sys/resource.h>

using namespace attn;
using namespace attn::pack;

namespace {

std::string modelFile(const char *name) {
  return std::string(ATTN_TEST_DIR "/models/") + name + ".json";
}

/// Seconds of processor time of this process and of the programs that it ran,
/// whoever else is busy.
double processorSeconds() {
  double seconds = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    getrusage(who, &usage);
    for (timeval time : {usage.ru_utime, usage.ru_stime})
      seconds += double(time.tv_sec) + 1e-6 * double(time.tv_usec);
  }
  return seconds;
}

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
    options.targets = llvm::cantFail(parseTargets("cpu,sm_80,sm_90a"));
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
    llvm::Error error = writePack(*plan, options, *compiled, *path);
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
    if (attend.hasUpProjections())
      continue; // the next test's
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

/// Runs a unit's attention between its projections at a level, and gives the
/// output.
static std::vector<double>
runChain(attn_library *lib, harness::LatentProblem &problem, int32_t isa) {
  problem.clearResults();
  attn_decode_params attention = problem.attention().params();
  attention.isa = isa;
  attn_mla_params params = problem.params();
  params.decode = &attention;
  EXPECT_EQ(attn_mla_workspace_size(lib, &params, &params.workspace_bytes),
            ATTN_OK)
      << attn_error_message();
  bench::Buffer workspace(params.workspace_bytes);
  params.workspace = workspace.data();
  EXPECT_EQ(attn_mla_decode(lib, &params), ATTN_OK) << attn_error_message();
  std::vector<double> output(attention.batch * attention.q_len *
                             attention.q_heads * params.v);
  for (size_t i = 0; i < output.size(); ++i)
    output[i] = problem.output(i);
  return output;
}

// attn_mla_decode by the library that ships gives the bits of the kernels that
// attn-run holds to the oracle.
TEST_F(PackTest, ChainsProjectionsAsASessionDoes) {
  attn_library *lib = nullptr;
  ASSERT_EQ(attn_library_open(library().c_str(), &lib), ATTN_OK)
      << attn_error_message();
  // Two projections of each of 1 and 2 query tokens, at four levels.
  EXPECT_EQ(attn_library_num_projections(lib), 16u);
  int chains = 0;
  for (const Unit &unit : plan->units) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(unit.text, context);
    auto func = *module->getOps<mlir::func::FuncOp>().begin();
    AttendOp attend = *func.getOps<AttendOp>().begin();
    if (!attend.hasUpProjections())
      continue;
    SCOPED_TRACE(unit.name);
    ++chains;
    harness::ProblemOptions options;
    options.lens = {70, 9, 133};
    auto problem =
        llvm::cantFail(harness::LatentProblem::create(attend, options));
    for (int32_t isa = ATTN_ISA_AVX2; isa <= attn_cpu_isa(); ++isa) {
      SCOPED_TRACE(attn_isa_name(isa));
      CPUCompileOptions compile;
      compile.level = static_cast<CPULevel>(isa);
      auto session =
          llvm::cantFail(harness::Session::create(*module, compile, 1));
      std::vector<double> output = runChain(lib, *problem, isa);
      EXPECT_TRUE(output == runChain(session->getLibrary(), *problem, isa));
      EXPECT_TRUE(llvm::all_of(output, [](double x) { return x == x; }));
    }
  }
  EXPECT_EQ(chains, 2);
  attn_library_close(lib);
}

// A launcher that remembers what it was asked to load.
static attn_status pretendToLoad(void *context,
                                 const attn_gpu_kernel_desc *kernel,
                                 attn_gpu_functions *functions) {
  auto &loaded =
      *static_cast<std::vector<const attn_gpu_kernel_desc *> *>(context);
  loaded.push_back(kernel);
  functions->module = functions->plan = functions->decode = functions->combine =
      context;
  return ATTN_OK;
}

// Of the GPU kernels what can be seen without a GPU: the runtime takes the
// table, loads what the GPU can run, and selects by facts.
TEST_F(PackTest, HoldsGPUKernels) {
  void *handle = dlopen(library().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  auto getTable = reinterpret_cast<const attn_gpu_kernel_table *(*)()>(
      dlsym(handle, kGPUTableSymbol.data()));
  ASSERT_NE(getTable, nullptr);
  const attn_gpu_kernel_table *table = getTable();
  EXPECT_EQ(table->num_kernels, 2 * plan->units.size());
  for (uint32_t i = 0; i < table->num_kernels; ++i) {
    const attn_gpu_kernel_desc &desc = table->kernels[i];
    EXPECT_EQ(desc.name, plan->units[i / 2].name);
    EXPECT_EQ(desc.arch, i % 2 ? 90 : 80);
    EXPECT_STREQ(desc.plan, (std::string(desc.name) + "_plan").c_str());
    ASSERT_GT(desc.image_bytes, 1000u);
    // A fat binary, or PTX where there is no ptxas.
    uint32_t magic;
    memcpy(&magic, desc.image, sizeof magic);
    EXPECT_TRUE(magic == 0xba55ed50 ||
                strstr(static_cast<const char *>(desc.image), ".version"))
        << std::hex << magic;
  }
  std::vector<const attn_gpu_kernel_desc *> loaded;
  attn_gpu_launcher launcher = {};
  launcher.struct_size = sizeof launcher;
  launcher.arch = 86;
  launcher.sms = 84;
  launcher.context = &loaded;
  launcher.load = pretendToLoad;
  launcher.launch = [](void *, void *, const attn_gpu_launch *, void *,
                       const attn_gpu_args *) { return ATTN_OK; };
  launcher.unload = [](void *, const attn_gpu_functions *) {};
  launcher.load_projection = [](void *context, const attn_gpu_project_desc *,
                                attn_gpu_functions *functions) {
    functions->module = functions->project = context;
    return ATTN_OK;
  };
  attn_library *lib = nullptr;
  ASSERT_EQ(attn_library_from_gpu_table(table, &launcher, &lib), ATTN_OK)
      << attn_error_message();
  EXPECT_EQ(loaded.size(), plan->units.size()); // those of sm_80
  EXPECT_EQ(attn_library_num_projections(lib), 8u);
  for (const Unit &unit : plan->units) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(unit.text, context);
    auto func = *module->getOps<mlir::func::FuncOp>().begin();
    harness::ProblemOptions options;
    options.lens = {70};
    AttendOp attend = *func.getOps<AttendOp>().begin();
    if (attend.hasUpProjections()) {
      auto chain =
          llvm::cantFail(harness::LatentProblem::create(attend, options));
      attn_decode_params attention = chain->attention().params();
      attention.device = ATTN_DEVICE_CUDA;
      attn_mla_params mla = chain->params();
      mla.decode = &attention;
      EXPECT_EQ(attn_mla_workspace_size(lib, &mla, &mla.workspace_bytes),
                ATTN_OK)
          << attn_error_message();
      continue;
    }
    auto problem = llvm::cantFail(harness::Problem::create(attend, options));
    attn_decode_params params = problem->params();
    params.device = ATTN_DEVICE_CUDA;
    uint32_t index = 0;
    ASSERT_EQ(attn_select_kernel(lib, &params, &index), ATTN_OK)
        << attn_error_message();
    EXPECT_EQ(attn_library_kernel(lib, index)->name, unit.name);
  }
  attn_library_close(lib);
  dlclose(handle);
}

// The figures that docs/compare.md states, as of this run.
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
      "Llama-3.1-8B + DeepSeek-V3, 4 CPU levels, sm_80, sm_90a, 1 and 2 query "
      "tokens: %.0f KiB, "
      "%.1f s of processor time, opens in %.2f ms (first: %.2f ms)\n",
      bytes / 1024.0, seconds, opens[11], opens[0]);
  EXPECT_LT(bytes, 8u << 20);
  EXPECT_LT(seconds, 60); // 30 s on two cores
  EXPECT_LT(opens[11], 5);
}
