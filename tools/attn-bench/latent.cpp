//===- latent.cpp - Time latent attention and its projections ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../common/LatentForms.h"
#include "../common/RunOptions.h"

#include "attn/Bench/Record.h"
#include "attn/Dialect/Attn/Transforms/ScoreRest.h"
#include "attn/Harness/LatentProblem.h"
#include "attn/Harness/Session.h"
#include "attn/Register.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

namespace cl = llvm::cl;
using namespace attn;
using namespace attn::harness;

namespace {
struct Options : RunOptions {
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("config.json"), cl::cat(category)};
  cl::opt<int64_t> context{"context", cl::desc("Tokens per sequence"),
                           cl::init(4096), cl::cat(category)};
  cl::opt<int64_t> tensorParallel{
      "tensor-parallel",
      cl::desc("Devices that share the heads, of which one "
               "runs"),
      cl::init(1), cl::cat(category)};
  cl::opt<double> seconds{"seconds", cl::desc("Time to measure for"),
                          cl::init(1.0), cl::cat(category)};
  cl::opt<std::string> schedule{
      "projection-schedule",
      cl::desc("A #tile.projection_schedule<...> in the place of the chosen "
               "one"),
      cl::cat(category)};
  cl::opt<bool> combines{
      "combines",
      cl::desc("Time the op with partial states merged in the output's "
               "projection, and apart, as well"),
      cl::cat(category)};
};
} // namespace

static llvm::ExitOnError exitOnError;

/// Whether the output's projection merges partial states.
static bool isFused(const Session &session) {
  attn_library *library = session.getLibrary();
  for (uint32_t i = 0; i < attn_library_num_projections(library); ++i)
    if (attn_library_projection(library, i)->q_len)
      return true;
  return false;
}

/// One projection of one row a head, by itself on this thread.
namespace {
class SingleProjection {
public:
  SingleProjection(const attn_project_desc *desc, int64_t elementBytes)
      : desc(desc), in(desc->heads * desc->k_dim * 4),
        out(desc->heads * desc->n_dim * elementBytes),
        scratch(std::max<int64_t>(desc->scratch_bytes, 64)) {}
  void run(const void *weight) {
    attn_project_merge_args args = {
        {in.data(), 0, 0, desc->k_dim, weight, out.data(), 0, 0, desc->n_dim},
        &attention,
        &none};
    attn_project_item item = {0, 0, 1, 0, desc->heads};
    desc->kernel(&args.project, &item, scratch.data());
  }

private:
  const attn_project_desc *desc;
  bench::Buffer in, out, scratch;
  /// Nothing is merged.
  attn_kernel_args attention = {};
  attn_combine_item none = {};
};
} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  Options options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-bench-latent: time absorbed latent attention with both of its "
      "projections, beside the attention\nalone and the time to read the "
      "weights. Cache and weights are cold: copies are taken in turn.\n");
  exitOnError.setBanner("attn-bench-latent: error: ");
  exitOnError(options.validate());
  if (options.device != "cpu" || options.batchInvariant ||
      !options.jsonFile.empty())
    exitOnError(llvm::createStringError(
        "--device, --batch-invariant and --json are not for this tool, which "
        "measures on the CPU"));
  if (options.context < options.qLen || options.context > 1 << 24)
    exitOnError(llvm::createStringError(
        "--context must be --q-len to 16777216 tokens"));
  if (options.tensorParallel < 1)
    exitOnError(llvm::createStringError("--tensor-parallel must be positive"));
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);

  model::LatentBlockSpec spec =
      exitOnError(model::loadLatentBlock(options.input));
  DecodeOptions decode = exitOnError(options.decodeOptions());
  BlockOptions block;
  block.part = BlockOptions::Part::Attention;
  block.element = decode.element;
  block.batch = options.batch;
  block.queries = options.qLen;
  block.context = options.context;
  block.tensorParallel = options.tensorParallel;
  LatentForms forms = exitOnError(LatentForms::create(
      &context, spec, block, decode, Form::Absorbed, options.scoreRest));
  if (!options.schedule.empty()) {
    auto schedule = mlir::dyn_cast_or_null<tile::ProjectionScheduleAttr>(
        mlir::parseAttribute(options.schedule, &context));
    if (!schedule)
      exitOnError(llvm::createStringError(
          "--projection-schedule is no #tile.projection_schedule"));
    forms.attend()->setAttr(tile::ProjectionScheduleAttr::name, schedule);
  }
  CPUCompileOptions compile =
      exitOnError(chooseLevel(options.isa, options.emulate));
  std::unique_ptr<Session> session =
      exitOnError(Session::create(*forms.kernel, compile, options.threads));
  // The same with the query as one number of 16 bits, as callers of the
  // attention alone have it.
  LatentForms given = exitOnError(LatentForms::create(
      &context, spec, block, decode, Form::Absorbed, /*scoreRest=*/"never"));
  std::unique_ptr<Session> givenSession =
      exitOnError(Session::create(*given.kernel, compile, options.threads));
  std::vector<std::unique_ptr<Session>> combines;
  for (bool fuse : {true, false})
    if (options.combines) {
      forms.attend()->setAttr(tile::kFuseCombineAttrName,
                              mlir::BoolAttr::get(&context, fuse));
      combines.push_back(exitOnError(
          Session::create(*forms.kernel, compile, options.threads)));
    }

  const model::LatentSpec &latent = *spec.attention.latent;
  int64_t elementBytes = decode.element == DecodeOptions::Element::F32 ? 4 : 2;
  int64_t heads = spec.attention.qHeads / options.tensorParallel;
  auto bytesOf = [&](int64_t width) {
    return double(elementBytes) * heads * latent.rank * width;
  };
  double weightBytes = bytesOf(latent.nope + latent.v);
  ProblemOptions problemOptions;
  problemOptions.lens.assign(options.batch, options.context);
  problemOptions.page = options.page;
  problemOptions.shuffle = false;
  double cacheBytes = double(elementBytes) * options.batch * options.context *
                      (latent.rank + latent.rope);
  problemOptions.copies = bench::coldCopies(weightBytes + cacheBytes);
  std::unique_ptr<LatentProblem> problem =
      exitOnError(LatentProblem::create(forms.attend(), problemOptions));

  std::vector<attn_decode_params> attention(problemOptions.copies);
  std::vector<attn_mla_params> whole(problemOptions.copies), rounded;
  std::vector<bench::Pattern> weights;
  for (size_t copy = 0; copy < problemOptions.copies; ++copy) {
    attention[copy] = problem->attention().params(copy);
    whole[copy] = problem->params(copy);
    exitOnError(session->prepare(whole[copy], attention[copy]));
    weights.push_back(problem->weightPattern(copy));
  }
  // After the last growth of the session's workspace.
  std::vector<attn_decode_params> alone = attention, ofRounded = attention;
  rounded = whole;
  bench::Buffer latentOut(options.batch * options.qLen * heads * latent.rank *
                          sizeof(float));
  for (size_t copy = 0; copy < problemOptions.copies; ++copy) {
    attn_decode_params &params = alone[copy];
    params.flags |= ATTN_FLAG_OUT_F32;
    params.out = latentOut.data();
    exitOnError(givenSession->prepare(params));
    exitOnError(givenSession->prepare(rounded[copy], ofRounded[copy]));
    rounded[copy].workspace = whole[copy].workspace;
    rounded[copy].workspace_bytes = whole[copy].workspace_bytes;
    ofRounded[copy].pool = attention[copy].pool;
    // One pool: threads of another would still spin when the next call begins.
    // One workspace too, as its place in memory counts; the op's holds its
    // attention's.
    params.pool = attention[copy].pool;
    params.workspace = whole[copy].workspace;
    params.workspace_bytes = whole[copy].workspace_bytes;
  }

  // The same tensors, pool and workspace here.
  std::vector<std::vector<attn_decode_params>> ofCombine(combines.size(),
                                                         attention);
  std::vector<std::vector<attn_mla_params>> wholeOf(combines.size(), whole);
  for (size_t i = 0; i < combines.size(); ++i)
    for (size_t copy = 0; copy < problemOptions.copies; ++copy) {
      attn_mla_params &params = wholeOf[i][copy];
      exitOnError(combines[i]->prepare(params, ofCombine[i][copy]));
      ofCombine[i][copy].pool = attention[copy].pool;
      // The first, which merges in the projection, needs the most.
      params.workspace = wholeOf[0][copy].workspace;
      params.workspace_bytes = wholeOf[0][copy].workspace_bytes;
    }

  bench::TimingOptions timing;
  timing.budgetSeconds = options.seconds;
  auto projection = [&](uint32_t index) {
    return SingleProjection(
        attn_library_projection(session->getLibrary(), index), elementBytes);
  };
  SingleProjection query = projection(0), output = projection(1);
  std::vector<bench::TimedBody> calls = {
      [&](size_t i) { exitOnError(session->decode(whole[i % whole.size()])); },
      [&](size_t i) {
        exitOnError(givenSession->decode(rounded[i % rounded.size()]));
      },
      [&](size_t i) {
        exitOnError(givenSession->decode(alone[i % alone.size()]));
      },
      [&](size_t i) { query.run(whole[i % whole.size()].w_uk); },
      [&](size_t i) { output.run(whole[i % whole.size()].w_uv); }};
  // Each right after a call on all threads: one by itself lets the others
  // sleep.
  for (size_t c = 0; c < combines.size(); ++c)
    calls.insert(calls.begin() + 2 + c, [&, c](size_t i) {
      exitOnError(combines[c]->decode(wholeOf[c][i % whole.size()]));
    });
  std::vector<bench::Summary> times = bench::measureInTurn(calls, timing);
  std::vector<bench::Summary> both(times.begin() + 2,
                                   times.begin() + 2 + combines.size());
  times.erase(times.begin() + 2, times.begin() + 2 + combines.size());
  bench::Summary oneNumber = times[1];
  times.erase(times.begin() + 1);
  auto isa =
      static_cast<bench::Isa>(std::min(compile.level, compile.hostLevel));
  bench::Summary rate =
      bench::readCeiling(weights, options.threads, {}, isa).rate;
  double read = weightBytes / (rate.median * 1e9);
  // What the query's second number costs is the attention's.
  bool inParts = getScoreRest(forms.attend()) > 0;
  double rest = inParts ? times[0].median - oneNumber.median : 0;
  double floor = times[1].median + read;
  llvm::outs() << llvm::formatv(
      "{0}: {1} heads, rank {2}, nope {3}, v {4}; batch {5}, {6} query tokens "
      "over {7}; {8} threads, {9}, {10}, cold ({11} copies)\n"
      "  whole op      {12:f0} us (min {13:f0}, {14} repetitions)\n"
      "  attention     {15:f0} us (min {16:f0})\n"
      "  W_UK, 1 thread {24:f0} us ({25:f2} GB/s); W_UV, 1 thread {26:f0} us "
      "({27:f2} GB/s)\n"
      "  weights       {17:f1} MB at {18:f2} GB/s: {19:f0} us\n"
      "  whole / (attention{28} + weights) = {20:f3}\n"
      "  waited {21:f3}, machine {22}, {23}\n",
      spec.modelType, heads, latent.rank, latent.nope, latent.v,
      options.batch.getValue(), options.qLen.getValue(),
      options.context.getValue(), options.threads.getValue(),
      cpuLevelName(compile.level), options.dtype.getValue(),
      problemOptions.copies, times[0].median * 1e6, times[0].min * 1e6,
      times[0].repetitions, times[1].median * 1e6, times[1].min * 1e6,
      weightBytes * 1e-6, rate.median, read * 1e6,
      times[0].median / (floor + rest), std::max(times[0].waited, rate.waited),
      bench::describeMachine().machineClass, bench::utcNow(),
      times[2].median * 1e6, bytesOf(latent.nope) / times[2].median * 1e-9,
      times[3].median * 1e6, bytesOf(latent.v) / times[3].median * 1e-9,
      inParts ? " + rest" : "");
  if (inParts)
    llvm::outs() << llvm::formatv(
        "  of which the rest, the query's second number of 16 bits, {0:f0} us\n"
        "  query as one number: whole op {1:f0} us (min {2:f0}), / (attention "
        "+ "
        "weights) = {3:f3}; with the rest that is {4:f3}\n",
        rest * 1e6, oneNumber.median * 1e6, oneNumber.min * 1e6,
        oneNumber.median / floor, times[0].median / floor);
  if (!combines.empty())
    llvm::outs() << llvm::formatv(
        "  merged in the projection {0:f1} us (min {1:f1}), apart {2:f1} us "
        "(min {3:f1}): ratio {4:f3}; chosen: {5}\n",
        both[0].median * 1e6, both[0].min * 1e6, both[1].median * 1e6,
        both[1].min * 1e6, both[0].median / both[1].median,
        isFused(*session) ? "in the projection" : "apart");
  return 0;
}
