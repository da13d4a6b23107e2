//===- forms.cpp - Time the forms of latent attention -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../common/LatentForms.h"
#include "../common/RunOptions.h"

#include "attn/Bench/Record.h"
#include "attn/Harness/Materialized.h"
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
  cl::list<int64_t> contexts{"contexts", cl::CommaSeparated, cl::Required,
                             cl::desc("Tokens per sequence"),
                             cl::cat(category)};
  cl::list<int64_t> queries{"queries", cl::CommaSeparated, cl::Required,
                            cl::desc("New tokens"), cl::cat(category)};
  cl::opt<int64_t> tensorParallel{"tensor-parallel",
                                  cl::desc("Devices that share the heads"),
                                  cl::init(1), cl::cat(category)};
  cl::opt<double> seconds{"seconds", cl::desc("Time to measure a form for"),
                          cl::init(0.3), cl::cat(category)};
};

/// Query tokens of one call of the absorbed attention: with 128 heads, more
/// make rows whose sums do not stay in L2.
constexpr int64_t kChunk = 4;

/// The absorbed form of any number of query tokens, on this thread: both
/// projections of all of them, and attention a few at a time.
class Absorbed {
public:
  Absorbed(LatentProblem &problem, Session &session, int64_t chunk)
      : problem(problem), session(session), chunk(chunk) {
    const attn_decode_params &shape = problem.attention().shape();
    int64_t rows = shape.q_len * shape.q_heads;
    query = attn_library_projection(session.getLibrary(), 0);
    output = attn_library_projection(session.getLibrary(), 1);
    latentQuery = bench::Buffer(rows * shape.k_dim * 2);
    latentOut = bench::Buffer(rows * shape.v_dim * 4);
    scratch = bench::Buffer(
        std::max(query->scratch_bytes, output->scratch_bytes) + 64);
    for (int64_t first = 0; first < shape.q_len; first += chunk)
      lens.push_back(shape.max_seq_len - shape.q_len + first + chunk);
  }

  llvm::Error run() {
    attn_decode_params d = problem.attention().params();
    attn_mla_params m = problem.params();
    int64_t heads = d.q_heads;
    project(*query, m.q_nope, m.q_nope_stride_token, m.q_nope_stride_head,
            m.w_uk, latentQuery.data(), d.k_dim, d.q_len);
    auto *rope = static_cast<const char *>(m.q_rope);
    int64_t width = (d.k_dim - d.v_dim) * 2;
    for (int64_t row = 0; row < d.q_len * heads; ++row)
      std::memcpy(latentQuery.data() + (row * d.k_dim + d.v_dim) * 2,
                  rope + row * m.q_rope_stride_head * 2, width);
    for (size_t i = 0; i < lens.size(); ++i) {
      attn_decode_params call = d;
      int64_t row = int64_t(i) * chunk * heads;
      call.flags |= ATTN_FLAG_OUT_F32;
      call.q_len = chunk;
      call.q = latentQuery.data() + row * d.k_dim * 2;
      call.q_stride_batch = chunk * heads * d.k_dim;
      call.seq_lens = &lens[i];
      call.out = latentOut.data() + row * d.v_dim * 4;
      call.out_stride_batch = chunk * heads * d.v_dim;
      call.lse = nullptr;
      if (llvm::Error error = session.prepare(call))
        return error;
      if (llvm::Error error = session.decode(call))
        return error;
    }
    project(*output, latentOut.data(), heads * d.v_dim, d.v_dim, m.w_uv, m.out,
            m.v, d.q_len);
    return llvm::Error::success();
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
  Session &session;
  int64_t chunk;
  const attn_project_desc *query, *output;
  bench::Buffer latentQuery, latentOut, scratch;
  std::vector<int32_t> lens;
};
} // namespace

static llvm::ExitOnError exitOnError;

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  Options options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-bench-forms: time the absorbed and the materialized form of a "
      "model's latent attention over query\ntokens and context, on one thread, "
      "and what this machine reads and multiplies at most.\n"
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
    if (tokens < 1 || tokens > 1 << 24)
      exitOnError(
          llvm::createStringError("--contexts must be 1 to 16777216 tokens"));
  for (int64_t queries : options.queries)
    if (queries < 1 || queries % std::min(queries, kChunk))
      exitOnError(llvm::createStringError("--queries must be 1, 2, 3 or "
                                          "multiples of 4"));
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
  CPUCompileOptions compile =
      exitOnError(chooseLevel(options.isa, options.emulate));
  auto isa =
      static_cast<bench::Isa>(std::min(compile.level, compile.hostLevel));

  const model::LatentSpec &latent = *spec.attention.latent;
  int64_t heads = spec.attention.qHeads / options.tensorParallel;
  llvm::json::Array records;
  for (int64_t tokens : options.contexts)
    for (int64_t queries : options.queries) {
      if (queries > tokens)
        continue;
      int64_t chunk = std::min(queries, kChunk);
      BlockOptions block;
      block.part = BlockOptions::Part::Attention;
      block.batch = 1;
      block.context = tokens;
      block.tensorParallel = options.tensorParallel;
      block.queries = queries;
      LatentForms full = exitOnError(LatentForms::create(
          &context, spec, block, decode, Form::Materialized));
      LatentForms fusedForms = exitOnError(LatentForms::create(
          &context, spec, block, decode, Form::FusedDecompress));
      auto fusedSession =
          exitOnError(Session::create(*fusedForms.kernel, compile, 1));
      block.queries = chunk;
      LatentForms absorbedForms = exitOnError(
          LatentForms::create(&context, spec, block, decode, Form::Absorbed));
      auto fullSession = exitOnError(Session::create(*full.kernel, compile, 1));
      auto absorbedSession =
          exitOnError(Session::create(*absorbedForms.kernel, compile, 1));
      ProblemOptions problemOptions;
      problemOptions.lens = {int32_t(tokens)};
      problemOptions.page = options.page;
      problemOptions.shuffle = false;
      auto problem =
          exitOnError(LatentProblem::create(full.attend(), problemOptions));
      auto materialized = exitOnError(Materialized::create(
          *problem, fullSession->getLibrary(), spec.modelType));
      Absorbed absorbed(*problem, *absorbedSession, chunk);
      attn_decode_params attention = problem->attention().params();
      attn_mla_params fused = problem->params();
      exitOnError(fusedSession->prepare(fused, attention));
      bench::TimingOptions timing;
      timing.budgetSeconds = options.seconds;
      timing.minRepetitions = 3;
      timing.warmUps = 1;
      std::vector<bench::Summary> times = bench::measureInTurn(
          {[&](size_t) { exitOnError(absorbed.run()); },
           [&](size_t) { materialized->run(); },
           [&](size_t) { materialized->decompress(0); },
           [&](size_t) { exitOnError(fusedSession->decode(fused)); }},
          timing);
      records.push_back(
          llvm::json::Object{{"model", spec.modelType},
                             {"heads", heads},
                             {"rank", latent.rank},
                             {"rope", latent.rope},
                             {"nope", latent.nope},
                             {"v", latent.v},
                             {"context", tokens},
                             {"queries", queries},
                             {"absorbed_us", times[0].median * 1e6},
                             {"materialized_us", times[1].median * 1e6},
                             {"decompress_us", times[2].median * 1e6},
                             {"fused_us", times[3].median * 1e6},
                             {"waited", times[0].waited}});
      llvm::errs() << llvm::formatv(
          "T {0} S {1}: absorbed {2:f0} us, materialized {3:f0} us (of which "
          "decompression {4:f0}), fused {5:f0} us, waited {6:f2}\n",
          tokens, queries, times[0].median * 1e6, times[1].median * 1e6,
          times[2].median * 1e6, times[3].median * 1e6, times[0].waited);
    }
  bench::Buffer memory(size_t(256) << 20);
  double read =
      bench::readCeiling({{{memory.data(), memory.size()}}}, 1, {}, isa)
          .rate.median;
  auto peak = bench::computePeak(1, /*bf16=*/true, {}, isa);
  llvm::outs() << llvm::formatv(
      "{0:2}\n", llvm::json::Value(llvm::json::Object{
                     {"machine", bench::describeMachine().machineClass},
                     {"date", bench::utcNow()},
                     {"isa", cpuLevelName(compile.level)},
                     {"read_gbps", read},
                     {"peak_gflops", peak ? peak->rate.median : 0.0},
                     {"points", std::move(records)}}));
  return 0;
}
