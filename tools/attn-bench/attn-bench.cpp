//===- attn-bench.cpp - Time a kernel beside this machine's ceilings *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../common/RunOptions.h"

#include "attn/Bench/Record.h"
#include "attn/Cost/Attention.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn/Harness/CudaSession.h"
#include "attn/Harness/DecodeTimer.h"
#include "attn/Register.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

namespace cl = llvm::cl;
using namespace attn;
using namespace attn::harness;

namespace {
struct Options : RunOptions {
  cl::opt<std::string> shape{
      "shape",
      cl::desc("gqa:32/8/128, mha:32/128, mqa:32/128, mla:128/512+64 or "
               "gla:128/2/256+64"),
      cl::Required, cl::cat(category)};
  cl::opt<std::string> mode{
      "mode",
      cl::desc("warm: one cache again and again; cold: over 1.6 GB of copies"),
      cl::init("warm"), cl::cat(category)};
  cl::opt<int64_t> context{"context", cl::desc("Tokens per sequence"),
                           cl::init(8192), cl::cat(category)};
  cl::opt<bool> shuffle{"shuffle", cl::desc("Cache blocks in random order"),
                        cl::cat(category)};
  cl::opt<double> seconds{"seconds", cl::desc("Time to measure for"),
                          cl::init(1.0), cl::cat(category)};
  cl::opt<std::string> schedule{
      "schedule",
      cl::desc("A #tile.schedule<...> in the place of the chosen one"),
      cl::cat(category)};
  cl::opt<bool> noCeilings{"no-ceilings",
                           cl::desc("Skip the read and compute ceilings"),
                           cl::cat(category)};
};
} // namespace

static llvm::ExitOnError exitOnError;

static Options *opts;

static uint32_t callFlags() {
  return opts->batchInvariant ? ATTN_FLAG_BATCH_INVARIANT : 0;
}

static void timeOnCPU(mlir::ModuleOp module, Problem &problem, size_t copies,
                      bool isBF16, bench::Record &record) {
  CPUCompileOptions compile =
      exitOnError(chooseLevel(opts->isa, opts->emulate));
  std::unique_ptr<DecodeTimer> timer = exitOnError(DecodeTimer::create(
      module, compile, problem, copies, opts->threads, callFlags()));
  bench::TimingOptions timing;
  timing.budgetSeconds = opts->seconds;
  record.threads = opts->threads;
  record.isa = cpuLevelName(compile.level).str();
  record.emulated =
      attn_library_kernel(timer->getSession().getLibrary(), 0)->flags &
      ATTN_KERNEL_EMULATED;
  record.machine = bench::describeMachine().machineClass;
  auto isa =
      static_cast<bench::Isa>(std::min(compile.level, compile.hostLevel));
  bench::Summary time = exitOnError(timer->measure(timing));
  if (!opts->noCeilings) {
    std::vector<bench::Pattern> patterns;
    for (size_t copy = 0; copy < copies; ++copy)
      patterns.push_back(problem.readPattern(copy));
    record.setReadCeiling(
        bench::readCeiling(patterns, opts->threads, {}, isa).rate);
    if (auto peak = bench::computePeak(opts->threads, isBF16, {}, isa))
      record.setComputePeak(peak->rate);
    // A disturbance of the machine that came or went meanwhile would flatter or
    // wrong the kernel: the better of the times before and after counts, as the
    // ceiling is the best of several ways.
    bench::Summary again = exitOnError(timer->measure(timing));
    if (again.median < time.median)
      time = again;
  }
  record.setTime(time);
}

static void timeOnGPU(mlir::ModuleOp module, Problem &problem, size_t copies,
                      bench::Record &record) {
  constexpr size_t kRepetitions = 50;
  bool isGiven = opts->target.getNumOccurrences() > 0;
  std::unique_ptr<CudaSession> session = exitOnError(CudaSession::create(
      module, isGiven ? opts->target.getValue() : std::string()));
  record.isa = "cuda " + session->chip().str();
  record.machine = exitOnError(session->deviceName());
  std::vector<attn_decode_params> calls;
  for (size_t copy = 0; copy < copies; ++copy) {
    calls.push_back(problem.params(copy));
    calls.back().flags |= callFlags();
  }
  record.setTime(
      bench::summarize(exitOnError(session->time(calls, kRepetitions))));
  if (!opts->noCeilings) {
    bench::Summary rate;
    rate.median = rate.max = exitOnError(session->copyRate()) * 1e-9;
    rate.repetitions = 1;
    record.setReadCeiling(rate);
  }
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  Options options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-bench: time one decode kernel on this machine, beside what the "
      "machine can do.\n\nThe read ceiling streams the same pages on as many "
      "threads, the compute ceiling is the peak of the\ninstructions used; "
      "both "
      "are measured in the same minute. On a GPU a call is plan, decode and "
      "combine in a CUDA graph,\nand the ceiling is what a copy on the GPU "
      "moves, read and written.\n");
  opts = &options;
  exitOnError.setBanner("attn-bench: error: ");
  exitOnError(options.validate());
  if (options.scoreRest.getNumOccurrences())
    exitOnError(llvm::createStringError(
        "--score-rest is of latent attention with its projections: "
        "attn-bench-latent and attn-bench-forms time that"));
  bool cold = options.mode == "cold";
  if (!cold && options.mode != "warm")
    exitOnError(llvm::createStringError("--mode must be warm or cold"));
  if (options.context < options.qLen || options.context > INT32_MAX)
    exitOnError(llvm::createStringError(
        "--context must be at least --q-len and at most 2147483647"));

  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);
  model::AttentionSpec spec = exitOnError(parseShape(options.shape));
  DecodeOptions decode = exitOnError(options.decodeOptions());
  auto module = exitOnError(buildDecodeModule(&context, spec, "bench", decode));
  auto func = *module->getOps<mlir::func::FuncOp>().begin();
  AttendOp attend = *func.getOps<AttendOp>().begin();
  if (options.device == "simt")
    exitOnError(llvm::createStringError(
        "--device simt is an emulator, whose time means nothing"));
  if (!options.schedule.empty()) {
    mlir::Attribute schedule = mlir::parseAttribute(options.schedule, &context);
    bool fits = options.device == "cpu"
                    ? mlir::isa_and_nonnull<tile::ScheduleAttr>(schedule)
                    : mlir::isa_and_nonnull<tile::GPUScheduleAttr>(schedule);
    if (!fits)
      exitOnError(llvm::createStringError(
          options.device == "cpu" ? "--schedule is no #tile.schedule"
                                  : "--schedule is no #tile.gpu_schedule"));
    attend->setAttr("tile.schedule", schedule);
  }

  cost::AttentionShape shape;
  shape.batch = options.batch;
  shape.qLen = options.qLen;
  shape.context = options.context;
  shape.qHeads = spec.qHeads;
  shape.kvHeads = spec.kvHeads;
  shape.kDim = spec.kDim;
  shape.vDim = spec.vDim;
  shape.vInK = spec.vInK;
  shape.elementBytes = decode.element == DecodeOptions::Element::F32 ? 4 : 2;
  cost::AttentionCost cost = cost::attentionCost(shape);

  ProblemOptions problemOptions;
  problemOptions.lens.assign(options.batch, options.context);
  problemOptions.page = options.page;
  problemOptions.shuffle = options.shuffle;
  problemOptions.copies = cold ? bench::coldCopies(cost.kvBytes) : 1;
  std::unique_ptr<Problem> problem =
      exitOnError(Problem::create(attend, problemOptions));

  bench::Record record;
  record.shape = options.shape;
  record.dtype = options.dtype;
  record.layout = options.layout;
  record.page = problem->page();
  record.batch = options.batch;
  record.context = options.context;
  record.qLen = options.qLen;
  record.mode = options.mode;
  record.copies = problemOptions.copies;
  record.bytes = cost.kvBytes;
  record.flops = cost.flops();
  size_t copies = problemOptions.copies;
  if (options.device == "cuda")
    timeOnGPU(*module, *problem, copies, record);
  else
    timeOnCPU(*module, *problem, copies,
              decode.element == DecodeOptions::Element::BF16, record);
  record.date = bench::utcNow();
  bench::printTable(llvm::outs(), {record});
  if (!options.jsonFile.empty())
    exitOnError(bench::writeJSON(options.jsonFile, {record}));
  return 0;
}
