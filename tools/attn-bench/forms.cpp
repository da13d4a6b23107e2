//===- forms.cpp - Time the forms of latent attention -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../common/LatentForms.h"
#include "../common/RunOptions.h"

#include "attn/Bench/Ceilings.h"
#include "attn/Bench/Record.h"
#include "attn/Bench/Timing.h"
#include "attn/Cost/Latent.h"
#include "attn/Harness/LatentProblem.h"
#include "attn/Harness/Session.h"
#include "attn/Register.h"

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
  cl::list<int64_t> contexts{"contexts", cl::CommaSeparated,
                             cl::desc("Tokens per sequence"),
                             cl::cat(category)};
  cl::list<int64_t> queries{"queries", cl::CommaSeparated,
                            cl::desc("New tokens"), cl::cat(category)};
  cl::list<int64_t> calibrate{
      "calibrate", cl::CommaSeparated,
      cl::desc("T1,T2,S1,S2: what each form reaches of the peak, from timings "
               "at two contexts (absorbed) and two numbers of new tokens (the "
               "others)"),
      cl::cat(category)};
  cl::opt<int64_t> tensorParallel{"tensor-parallel",
                                  cl::desc("Devices that share the heads"),
                                  cl::init(1), cl::cat(category)};
  cl::opt<double> seconds{"seconds", cl::desc("Time to measure a form for"),
                          cl::init(0.3), cl::cat(category)};
};

/// Query tokens of one call of the absorbed attention: with 128 heads, more
/// make rows whose sums do not stay in L2.
constexpr int64_t kChunk = 4;

/// Tokens of a sequence.
constexpr int64_t kMostTokens = 1 << 24;

/// The absorbed form of any number of query tokens, on this thread: both
/// projections of all of them, and attention a few at a time.
class Absorbed {
public:
  Absorbed(LatentProblem &problem, const Session &session, int64_t chunk)
      : problem(problem), chunk(chunk) {
    const attn_decode_params &shape = problem.attention().shape();
    int64_t rows = shape.q_len * shape.q_heads;
    attn_library *library = session.getLibrary();
    kernel = attn_library_kernel(library, 0);
    query = attn_library_projection(library, 0);
    output = attn_library_projection(library, 1);
    int64_t rest = kernel->flags & ATTN_KERNEL_REST ? shape.v_dim : 0;
    width = shape.k_dim + rest;
    ropeAt = shape.v_dim + rest;
    latentQuery = bench::Buffer(rows * width * 2);
    latentOut = bench::Buffer(rows * shape.v_dim * 4);
    scratch =
        bench::Buffer(std::max({kernel->scratch_bytes, query->scratch_bytes,
                                output->scratch_bytes}) +
                      64);
  }

  void run() {
    attn_decode_params d = problem.attention().params();
    attn_mla_params m = problem.params();
    int64_t heads = d.q_heads;
    project(*query, m.q_nope, m.q_nope_stride_token, m.q_nope_stride_head,
            m.w_uk, latentQuery.data(), width, d.q_len);
    auto *rope = static_cast<const char *>(m.q_rope);
    for (int64_t row = 0; row < d.q_len * heads; ++row)
      std::memcpy(latentQuery.data() + (row * width + ropeAt) * 2,
                  rope + row * m.q_rope_stride_head * 2,
                  (d.k_dim - d.v_dim) * 2);
    attn_kernel_args args = {};
    args.q_stride_token = heads * width;
    args.q_stride_head = width;
    args.k = d.k;
    args.k_stride_block = d.k_stride_block;
    args.k_stride_token = d.k_stride_token;
    args.k_stride_head = d.k_stride_head;
    args.page_size = d.page_size;
    args.out_stride_token = heads * d.v_dim;
    args.out_stride_head = d.v_dim;
    for (int64_t first = 0; first < d.q_len; first += chunk) {
      args.q = latentQuery.data() + first * heads * width * 2;
      args.out = latentOut.data() + first * heads * d.v_dim * 4;
      int64_t length = d.max_seq_len - d.q_len + first + chunk;
      attn_work_item item = {d.block_table, 0, length,     0,
                             length,        0, d.kv_heads, /*slot=*/-1};
      kernel->kernel(&args, &item, scratch.data());
    }
    project(*output, latentOut.data(), heads * d.v_dim, d.v_dim, m.w_uv, m.out,
            m.v, d.q_len);
  }

private:
  void project(const attn_project_desc &desc, const void *in,
               int64_t tokenStride, int64_t headStride, const void *weight,
               void *out, int64_t outWidth, int64_t tokens) {
    attn_project_args args = {in,  0, tokenStride,           headStride, weight,
                              out, 0, desc.heads * outWidth, outWidth};
    for (int64_t t = 0; t < tokens; t += ATTN_PROJECT_TOKENS) {
      attn_project_item item = {0, t, std::min(t + ATTN_PROJECT_TOKENS, tokens),
                                0, desc.heads};
      desc.kernel(&args, &item, scratch.data());
    }
  }

  LatentProblem &problem;
  int64_t chunk;
  const attn_kernel_desc *kernel;
  const attn_project_desc *query, *output;
  int64_t width, ropeAt; ///< of a query's row, and in it
  bench::Buffer latentQuery, latentOut, scratch;
};
} // namespace

static llvm::ExitOnError exitOnError;

namespace {
/// Times of one sequence's attention, in seconds.
struct Times {
  int64_t tokens, queries;
  double absorbed, materialized, fused;
  double waited; ///< share of the time that other processes had the core
};

class FormBench {
public:
  FormBench(const Options &options, mlir::MLIRContext &context)
      : options(options), context(context),
        spec(exitOnError(model::loadLatentBlock(options.input))),
        decode(exitOnError(options.decodeOptions())),
        compile(exitOnError(chooseLevel(options.isa, options.emulate))) {}

  Times measure(int64_t tokens, int64_t queries);
  cost::LatentShape shape(int64_t tokens, int64_t queries) const {
    const model::LatentSpec &latent = *spec.attention.latent;
    cost::LatentShape shape{spec.attention.qHeads / options.tensorParallel,
                            latent.rank,
                            latent.rope,
                            latent.nope,
                            latent.v,
                            queries,
                            tokens};
    shape.scoreRest = options.scoreRest == "always" ||
                      (options.scoreRest == "auto" &&
                       cost::keepsScoreRest(shape, spec.attention.scale));
    return shape;
  }
  /// As JSON, and told on stderr.
  llvm::json::Object record(const Times &times) const;
  llvm::json::Object efficiencies(double peak);
  const CPUCompileOptions &compileOptions() const { return compile; }

private:
  LatentForms create(BlockOptions block, Form form) {
    return exitOnError(LatentForms::create(&context, spec, block, decode, form,
                                           options.scoreRest));
  }
  std::unique_ptr<Session> start(LatentForms &forms) {
    return exitOnError(Session::create(*forms.kernel, compile, 1));
  }

  const Options &options;
  mlir::MLIRContext &context;
  model::LatentBlockSpec spec;
  DecodeOptions decode;
  CPUCompileOptions compile;
};
} // namespace

Times FormBench::measure(int64_t tokens, int64_t queries) {
  int64_t chunk = std::min(queries, kChunk);
  BlockOptions block;
  block.part = BlockOptions::Part::Attention;
  block.batch = 1;
  block.context = tokens;
  block.tensorParallel = options.tensorParallel;
  block.queries = queries;
  LatentForms full = create(block, Form::Materialized);
  LatentForms inside = create(block, Form::FusedDecompress);
  block.queries = chunk;
  LatentForms latent = create(block, Form::Absorbed);
  std::unique_ptr<Session> fullSession = start(full);
  std::unique_ptr<Session> insideSession = start(inside);
  std::unique_ptr<Session> latentSession = start(latent);
  ProblemOptions problemOptions;
  problemOptions.lens = {int32_t(tokens)};
  problemOptions.page = options.page;
  problemOptions.shuffle = false;
  auto problem =
      exitOnError(LatentProblem::create(full.attend(), problemOptions));
  Absorbed absorbed(*problem, *latentSession, chunk);
  attn_decode_params fullAttention = problem->attention().params();
  attn_decode_params insideAttention = fullAttention;
  attn_mla_params materialized = problem->params(), fused = materialized;
  fused.form = ATTN_MLA_FORM_FUSED;
  exitOnError(fullSession->prepare(materialized, fullAttention));
  exitOnError(insideSession->prepare(fused, insideAttention));
  bench::TimingOptions timing;
  timing.budgetSeconds = options.seconds;
  timing.minRepetitions = 3;
  timing.warmUps = 1;
  std::vector<bench::Summary> times = bench::measureInTurn(
      {[&](size_t) { absorbed.run(); },
       [&](size_t) { exitOnError(fullSession->decode(materialized)); },
       [&](size_t) { exitOnError(insideSession->decode(fused)); }},
      timing);
  return {tokens,          queries,         times[0].median,
          times[1].median, times[2].median, times[0].waited};
}

llvm::json::Object FormBench::record(const Times &times) const {
  llvm::errs() << llvm::formatv(
      "T {0} S {1}: absorbed {2:f0} us, materialized {3:f0} us, "
      "fused_decompress {4:f0} us, waited {5:f2}\n",
      times.tokens, times.queries, times.absorbed * 1e6,
      times.materialized * 1e6, times.fused * 1e6, times.waited);
  cost::LatentShape dims = shape(times.tokens, times.queries);
  return llvm::json::Object{{"model", spec.modelType},
                            {"heads", dims.heads},
                            {"rank", dims.rank},
                            {"rope", dims.rope},
                            {"nope", dims.nope},
                            {"v", dims.v},
                            {"score_rest", dims.scoreRest},
                            {"context", times.tokens},
                            {"queries", times.queries},
                            {"absorbed_us", times.absorbed * 1e6},
                            {"materialized_us", times.materialized * 1e6},
                            {"fused_decompress_us", times.fused * 1e6},
                            {"waited", times.waited}};
}

/// The FLOPs of each form's two kinds of work over the time that they take: one
/// kind grows with the product of context and new tokens, the other with one of
/// them alone, so that two timings tell them apart.
llvm::json::Object FormBench::efficiencies(double peak) {
  int64_t t1 = options.calibrate[0], t2 = options.calibrate[1];
  int64_t s1 = options.calibrate[2], s2 = options.calibrate[3];
  Times base = measure(t1, s1), longer = measure(t2, s1),
        more = measure(t1, s2);
  auto rates = [&](cost::LatentForm form, double first, double second,
                   const cost::LatentShape &other) {
    cost::LatentCost one = cost::latentCost(form, shape(t1, s1));
    cost::LatentCost two = cost::latentCost(form, other);
    double attention = (two.coreFlops - one.coreFlops) / (second - first);
    double projection =
        one.projectionFlops / (first - one.coreFlops / attention);
    return llvm::json::Object{{"attention", attention / peak},
                              {"projection", projection / peak}};
  };
  return llvm::json::Object{
      {"timings",
       llvm::json::Array{record(base), record(longer), record(more)}},
      {"absorbed", rates(cost::LatentForm::Absorbed, base.absorbed,
                         longer.absorbed, shape(t2, s1))},
      {"materialized", rates(cost::LatentForm::Materialized, base.materialized,
                             more.materialized, shape(t1, s2))},
      {"fused_decompress", rates(cost::LatentForm::FusedDecompress, base.fused,
                                 more.fused, shape(t1, s2))}};
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  Options options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-bench-forms: time the three forms of a model's latent attention "
      "over query tokens and context, on one\nthread, what this machine reads "
      "and multiplies at most, and what each form reaches of that.\n"
      "scripts/plot-latent-forms compares them with the cost model.\n");
  exitOnError.setBanner("attn-bench-forms: error: ");
  exitOnError(options.validate());
  if (options.dtype != "bf16")
    exitOnError(llvm::createStringError("--dtype must be bf16"));
  if (options.device != "cpu" || options.batch != 1 || options.threads != 1 ||
      options.qLen != 1 || options.batchInvariant || !options.jsonFile.empty())
    exitOnError(llvm::createStringError(
        "--device, --batch, --threads, --q-len, --batch-invariant and --json "
        "are not for this tool: one sequence on one thread of the CPU"));
  for (int64_t tokens : options.contexts)
    if (tokens < 1 || tokens > kMostTokens)
      exitOnError(
          llvm::createStringError("--contexts must be 1 to 16777216 tokens"));
  for (int64_t queries : options.queries)
    if (queries < 1 || queries % std::min(queries, kChunk))
      exitOnError(llvm::createStringError("--queries must be 1, 2, 3 or "
                                          "multiples of 4"));
  if (!options.calibrate.empty() &&
      (options.calibrate.size() != 4 ||
       !(options.calibrate[0] < options.calibrate[1] &&
         options.calibrate[2] < options.calibrate[3] &&
         options.calibrate[1] <= kMostTokens &&
         options.calibrate[2] >= kChunk && options.calibrate[2] % kChunk == 0 &&
         options.calibrate[3] % kChunk == 0 &&
         options.calibrate[3] <= options.calibrate[0])))
    exitOnError(llvm::createStringError(
        "--calibrate takes two contexts and two numbers of new tokens, "
        "multiples of 4, that fit them: T1,T2,S1,S2 with S1 < S2 <= T1 < T2 <= "
        "16777216"));
  if (options.contexts.empty() != options.queries.empty() ||
      (options.contexts.empty() && options.calibrate.empty()))
    exitOnError(llvm::createStringError(
        "nothing to time: give --contexts and --queries, or --calibrate"));
  if (options.tensorParallel < 1)
    exitOnError(llvm::createStringError("--tensor-parallel must be positive"));
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);
  FormBench forms(options, context);
  const CPUCompileOptions &compile = forms.compileOptions();
  auto isa =
      static_cast<bench::Isa>(std::min(compile.level, compile.hostLevel));
  llvm::json::Array records;
  for (int64_t tokens : options.contexts)
    for (int64_t queries : options.queries) {
      if (queries > tokens)
        continue;
      records.push_back(forms.record(forms.measure(tokens, queries)));
    }
  bench::Buffer memory(size_t(256) << 20);
  double read =
      bench::readCeiling({{{memory.data(), memory.size()}}}, 1, {}, isa)
          .rate.median;
  auto peak = bench::computePeak(1, /*bf16=*/true, {}, isa);
  llvm::json::Object result{{"machine", bench::describeMachine().machineClass},
                            {"date", bench::utcNow()},
                            {"isa", cpuLevelName(compile.level)},
                            {"read_gbps", read},
                            {"peak_gflops", peak ? peak->rate.median : 0.0},
                            {"points", std::move(records)}};
  if (!options.calibrate.empty() && peak)
    result["efficiency"] = forms.efficiencies(peak->rate.median * 1e9);
  llvm::outs() << llvm::formatv("{0:2}\n",
                                llvm::json::Value(std::move(result)));
  return 0;
}
