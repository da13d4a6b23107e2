//===- attn-run.cpp - Compile a kernel, run it, check it --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../common/Device.h"
#include "../common/LoadModules.h"
#include "RunBlock.h"

#include "attn/Harness/Check.h"
#include "attn/Harness/Problem.h"
#include "attn/Harness/Session.h"
#include "attn/Register.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

#include <chrono>

namespace cl = llvm::cl;
using namespace attn;
using namespace attn::harness;

namespace {
struct Options : RunOptions {
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("FILE.mlir|config.json|SHAPE"),
                             cl::cat(category)};
  cl::list<int64_t> context{
      "context", cl::CommaSeparated,
      cl::desc("Tokens per sequence (1024); a list is dealt out in turn"),
      cl::cat(category)};
  cl::opt<uint64_t> seed{"seed", cl::desc("Seed of the random inputs"),
                         cl::init(1), cl::cat(category)};
  cl::opt<bool> check{"check", cl::desc("Compare with the float64 oracle"),
                      cl::cat(category)};
  cl::opt<bool> block{
      "block",
      cl::desc("Run a model's latent attention with its up-projections"),
      cl::cat(category)};
  cl::opt<int64_t> tensorParallel{"tensor-parallel",
                                  cl::desc("With --block: devices that share "
                                           "the heads, of which this is one"),
                                  cl::init(1), cl::cat(category)};
  cl::opt<std::string> form{
      "form",
      cl::desc("With --block, the form (absorbed, materialized, "
               "fused_decompress) in the place of the chosen one"),
      cl::cat(category)};
  cl::opt<std::string> machine{
      "machine",
      cl::desc("With --block, the machine by which attn-select-form chooses, "
               "such as amx-thread; without, FLOPs decide"),
      cl::cat(category)};
  cl::opt<bool> interpretOnly{
      "interpret", cl::desc("Run the float64 interpreter, not a kernel"),
      cl::cat(category)};
  cl::opt<std::string> emit{"emit",
                            cl::desc("Print attn, llvm or asm; run nothing"),
                            cl::cat(category)};
};
} // namespace

static Options *opts;

static llvm::ExitOnError exitOnError;

static std::vector<int32_t> sequenceLengths() {
  std::vector<int64_t> list(opts->context.begin(), opts->context.end());
  if (list.empty())
    list.push_back(1024);
  std::vector<int32_t> lens;
  for (int64_t b = 0; b < opts->batch; ++b)
    lens.push_back(list[b % list.size()]);
  return lens;
}

/// Runs the attention of one function; false if the check fails.
static bool run(mlir::ModuleOp module, mlir::func::FuncOp func, AttendOp op,
                llvm::json::Array &records) {
  ProblemOptions options;
  options.lens = sequenceLengths();
  options.page = opts->page;
  options.seed = opts->seed;
  std::unique_ptr<Problem> problem = exitOnError(Problem::create(op, options));
  llvm::outs() << func.getName() << ": " << problem->shape().q_heads << "/"
               << problem->shape().kv_heads << " heads, K "
               << problem->shape().k_dim << ", V " << problem->shape().v_dim
               << ", batch " << problem->batch() << ", page " << problem->page()
               << "\n";
  llvm::outs().flush();
  if (opts->interpretOnly) {
    exitOnError(Oracle::create(func, *problem).takeError());
    llvm::outs() << "  interpreted\n";
    return true;
  }
  std::unique_ptr<Device> device = exitOnError(Device::create(*opts, module));
  attn_decode_params params = problem->params();
  if (opts->batchInvariant)
    params.flags |= ATTN_FLAG_BATCH_INVARIANT;
  std::string name = func.getName().str();
  params.kernel_name = name.c_str();
  exitOnError(device->prepare(params));
  auto start = std::chrono::steady_clock::now();
  exitOnError(device->decode(params));
  double us = std::chrono::duration<double, std::micro>(
                  std::chrono::steady_clock::now() - start)
                  .count();
  llvm::json::Object record{
      {"kernel", name},
      {"isa", device->name},
      {"threads", opts->threads.getValue()},
      {"compile_ms", device->compileSeconds * 1e3},
      {"object_bytes", static_cast<int64_t>(device->codeBytes)},
      {"first_call_us", us}};
  llvm::outs() << llvm::formatv("  {0}: compiled in {1:f0} ms", device->name,
                                device->compileSeconds * 1e3);
  if (device->codeBytes)
    llvm::outs() << " (" << device->codeBytes << " bytes)";
  llvm::outs() << llvm::formatv(", first call {0:f0} us\n", us);
  bool ok = true;
  if (opts->check) {
    Oracle oracle = exitOnError(Oracle::create(func, *problem));
    CheckResult result = oracle.check(*problem);
    ok = result.ok();
    llvm::outs() << llvm::formatv(
        "  max error {0:e2} ({1:f0} % of what a row may be off), 1-cos {2:e2}, "
        "lse {3:e2}: {4}\n",
        result.maxError, 100 * result.share, result.cosine, result.maxLseError,
        ok ? "ok" : "FAILED: " + result.failure);
    record["max_error"] = result.maxError;
    record["share_of_limit"] = result.share;
    record["one_minus_cos"] = result.cosine;
    record["max_lse_error"] = result.maxLseError;
    record["ok"] = ok;
  }
  records.push_back(std::move(record));
  return ok;
}

/// Runs the block that the model's config.json describes.
static bool runLatentBlock(mlir::MLIRContext &context,
                           llvm::json::Array &records) {
  if (opts->context.size() > 1)
    exitOnError(llvm::createStringError("--block takes one --context"));
  if (!opts->emit.empty() || opts->interpretOnly || opts->batchInvariant)
    exitOnError(llvm::createStringError(
        "--block takes no --emit, --interpret or --batch-invariant"));
  if (opts->tensorParallel < 1)
    exitOnError(llvm::createStringError("--tensor-parallel must be positive"));
  BlockRun run;
  run.decode = exitOnError(opts->decodeOptions());
  run.block.part = BlockOptions::Part::Attention;
  run.block.element = run.decode.element;
  run.block.batch = opts->batch;
  run.block.queries = opts->qLen;
  run.block.context = sequenceLengths().front();
  run.block.tensorParallel = opts->tensorParallel;
  run.seed = opts->seed;
  run.check = opts->check;
  run.machine = opts->machine;
  if (!opts->form.empty()) {
    run.form = symbolizeForm(opts->form);
    if (!run.form)
      exitOnError(llvm::createStringError(
          "--form must be absorbed, materialized or fused_decompress"));
  }
  model::LatentBlockSpec spec = exitOnError(loadLatentSpec(opts->input));
  return exitOnError(runBlock(&context, spec, *opts, run, records));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  Options options;
  opts = &options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-run: compile attention for this machine, run it on random inputs, "
      "check it.\n\nSHAPE is one of gqa:Q/KV/D, mha:Q/D, mqa:Q/D, "
      "mla:Q/RANK+ROPE, gla:Q/GROUPS/RANK+ROPE.\n\nExit status 0 only if every "
      "check holds.\n");
  exitOnError.setBanner("attn-run: error: ");
  if (options.block)
    options.mostQueries = 1024;
  else if (options.tensorParallel.getNumOccurrences() ||
           options.form.getNumOccurrences() ||
           options.scoreRest.getNumOccurrences() ||
           options.machine.getNumOccurrences())
    exitOnError(llvm::createStringError(
        "--tensor-parallel, --form, --machine and --score-rest need --block"));
  exitOnError(options.validate());
  for (int64_t tokens : opts->context)
    if (tokens < 0 || tokens > INT32_MAX)
      exitOnError(
          llvm::createStringError("--context must be 0 to 2147483647 tokens"));

  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext ctx(registry);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &ctx);
  bool ok = true, ran = false;
  llvm::json::Array records;
  if (opts->block) {
    ok = runLatentBlock(ctx, records);
    ran = true;
  }
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  if (!opts->block)
    modules = exitOnError(
        loadModules(ctx, opts->input, exitOnError(opts->decodeOptions())));
  for (mlir::OwningOpRef<mlir::ModuleOp> &module : modules) {
    if (!opts->emit.empty()) {
      ran = true;
      if (opts->emit == "attn") {
        module->print(llvm::outs());
        continue;
      }
      if (opts->emit != "llvm" && opts->emit != "asm")
        exitOnError(
            llvm::createStringError("--emit must be attn, llvm or asm"));
      // The level's code as it is, whatever this machine has of it; with
      // --emulate what would run here.
      CPUCompileOptions compile =
          exitOnError(chooseLevel(opts->isa, /*emulate=*/true));
      compile.emulate = opts->emulate;
      auto text = exitOnError(compileForCPU(
          *module, compile,
          opts->emit == "llvm" ? CPUOutput::LLVMIR : CPUOutput::Assembly));
      llvm::outs() << text->getBuffer();
      continue;
    }
    for (auto func : module->getOps<mlir::func::FuncOp>()) {
      auto attends = func.getOps<AttendOp>();
      if (attends.empty())
        continue;
      if (!llvm::hasSingleElement(attends))
        exitOnError(llvm::createStringError(
            func.getName() + " holds several attn.attend; attn-run runs one"));
      ran = true;
      ok &= run(*module, func, *attends.begin(), records);
    }
  }
  if (!ran)
    exitOnError(llvm::createStringError(opts->input + " holds no attn.attend"));
  if (!opts->jsonFile.empty()) {
    std::error_code code;
    llvm::ToolOutputFile file(opts->jsonFile, code, llvm::sys::fs::OF_Text);
    if (code)
      exitOnError(llvm::createStringError(code, "--json " + opts->jsonFile));
    file.os() << llvm::formatv("{0:2}\n",
                               llvm::json::Value(std::move(records)));
    file.keep();
  }
  return ok ? 0 : 1;
}
