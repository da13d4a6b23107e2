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
#include "attn/Harness/Check.h"
#include "attn/Harness/Problem.h"
#include "attn/Harness/Session.h"
#include "attn/Register.h"

#include "mlir/AsmParser/AsmParser.h"
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
      cl::desc("gqa:32/8/128, mha:32/128, mqa:32/128 or mla:128/512+64"),
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
      "are measured in the same minute.\n");
  exitOnError.setBanner("attn-bench: error: ");
  exitOnError(options.validate());
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
  if (!options.schedule.empty()) {
    auto schedule = mlir::dyn_cast_or_null<tile::ScheduleAttr>(
        mlir::parseAttribute(options.schedule, &context));
    if (!schedule)
      exitOnError(llvm::createStringError("--schedule is no #tile.schedule"));
    attend->setAttr("tile.schedule", schedule);
  }
  CPUCompileOptions compile =
      exitOnError(chooseLevel(options.isa, options.emulate));
  std::unique_ptr<Session> session =
      exitOnError(Session::create(*module, compile, options.threads));

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

  std::vector<attn_decode_params> calls;
  std::vector<bench::Pattern> patterns;
  for (size_t copy = 0; copy < problemOptions.copies; ++copy) {
    attn_decode_params params = problem->params(copy);
    if (options.batchInvariant)
      params.flags |= ATTN_FLAG_BATCH_INVARIANT;
    exitOnError(session->prepare(params));
    calls.push_back(params);
    patterns.push_back(problem->readPattern(copy));
  }
  bench::TimingOptions timing;
  timing.budgetSeconds = options.seconds;
  auto kernel = [&](size_t rotation) {
    exitOnError(session->decode(calls[rotation % calls.size()]));
  };

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
  record.threads = options.threads;
  record.isa = cpuLevelName(compile.level).str();
  record.emulated = attn_library_kernel(session->getLibrary(), 0)->flags &
                    ATTN_KERNEL_EMULATED;
  record.bytes = cost.kvBytes;
  record.flops = cost.flops();
  auto isa =
      static_cast<bench::Isa>(std::min(compile.level, compile.hostLevel));
  bench::Summary time = bench::measure(kernel, timing);
  if (!options.noCeilings) {
    record.setReadCeiling(
        bench::readCeiling(patterns, options.threads, {}, isa).rate);
    bool bf16 = decode.element == DecodeOptions::Element::BF16;
    if (auto peak = bench::computePeak(options.threads, bf16, {}, isa))
      record.setComputePeak(peak->rate);
    // A disturbance of the machine that came or went meanwhile would flatter or
    // wrong the kernel: the better of the times before and after counts, as the
    // ceiling is the best of several ways.
    bench::Summary again = bench::measure(kernel, timing);
    if (again.median < time.median)
      time = again;
  }
  record.setTime(time);
  record.machine = bench::describeMachine().machineClass;
  record.date = bench::utcNow();
  bench::printTable(llvm::outs(), {record});
  if (!options.jsonFile.empty())
    exitOnError(bench::writeJSON(options.jsonFile, {record}));
  return 0;
}
