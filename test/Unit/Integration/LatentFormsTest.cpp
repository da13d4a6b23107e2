//===- LatentFormsTest.cpp - Forms that decompress K and V ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn_mla_decode in the forms fused_decompress and materialized, over paged
// caches with NaN wherever no token lies, against the float64 interpreter of
// the decompressed block, request by request. The yardstick is that block with
// each op's result rounded, K and V among them.
//
// ATTN_TEST_SEED repeats the random shapes.
//
//===----------------------------------------------------------------------===//

#include "../../../tools/common/LatentForms.h"

#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn/Harness/Check.h"
#include "attn/Harness/LatentProblem.h"
#include "attn/Harness/Session.h"
#include "attn/Harness/SimtSession.h"
#include "attn/Interpreter/Interpreter.h"
#include "attn/Register.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <random>

using namespace attn;
using namespace attn::harness;

namespace {

using Element = DecodeOptions::Element;

struct LatentCase {
  int64_t heads, rank, rope, nope, v, qLen, page;
  std::vector<int32_t> lens;
  Element element = Element::BF16;
  bool causal = true;
  int64_t window = 0;
  float softcap = 0;
  /// Of the usual scale. What K is rounded by moves logits in proportion to
  /// their size, and 1 - cos with the square: from some 1.2 on, bf16 keeps what
  /// rounding leaves (attn-select-score-rest).
  double scale = 1;
  int64_t groups = 1; ///< latent rows a token
  /// Scores are changed by a region: by where a key stands and whose head it
  /// is.
  bool biased = false;
};

constexpr CPULevel kLevels[] = {CPULevel::AVX2, CPULevel::AVX512,
                                CPULevel::AVX512BF16, CPULevel::AMX};

mlir::MLIRContext &context() {
  static mlir::MLIRContext *shared = [] {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return new mlir::MLIRContext(registry,
                                 mlir::MLIRContext::Threading::DISABLED);
  }();
  return *shared;
}

int32_t dtypeOf(const LatentCase &c) {
  return c.element == Element::BF16  ? ATTN_BF16
         : c.element == Element::F16 ? ATTN_F16
                                     : ATTN_F32;
}

std::string describe(const LatentCase &c) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << c.heads << " heads of " << c.groups << " groups, " << c.rank << " + "
      << c.rope << ", nope " << c.nope << ", v " << c.v << ", q " << c.qLen
      << ", page " << c.page << ", element " << int(c.element)
      << (c.causal ? " causal" : "") << ", window " << c.window << ", softcap "
      << c.softcap << ", lens";
  for (int32_t len : c.lens)
    out << " " << len;
  return text;
}

/// x + (j - i) (h + 1) / 64.
void addBias(AttendOp attend) {
  mlir::OpBuilder b(attend.getContext());
  mlir::Location loc = attend.getLoc();
  llvm::SmallVector<mlir::Type> types = {b.getF32Type()};
  types.append(4, b.getI32Type());
  mlir::Block *block =
      b.createBlock(&attend.getScore(), {}, types,
                    llvm::SmallVector<mlir::Location>(types.size(), loc));
  auto toFloat = [&](mlir::Value value) {
    return mlir::arith::SIToFPOp::create(b, loc, b.getF32Type(), value)
        .getResult();
  };
  mlir::Value one =
      mlir::arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1));
  mlir::Value rate =
      mlir::arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1.0f / 64));
  mlir::Value head =
      toFloat(mlir::arith::AddIOp::create(b, loc, block->getArgument(2), one));
  mlir::Value distance = toFloat(mlir::arith::SubIOp::create(
      b, loc, block->getArgument(4), block->getArgument(3)));
  mlir::Value slope = mlir::arith::MulFOp::create(b, loc, head, rate);
  mlir::Value bias = mlir::arith::MulFOp::create(b, loc, slope, distance);
  mlir::Value y =
      mlir::arith::AddFOp::create(b, loc, block->getArgument(0), bias);
  YieldOp::create(b, loc, y);
}

/// The block over `tokens` tokens.
llvm::Expected<LatentForms> formsOf(const LatentCase &c, int64_t tokens,
                                    Form form = Form::FusedDecompress) {
  model::LatentBlockSpec spec = {};
  spec.modelType = "test";
  spec.hidden = 64;
  model::AttentionSpec &attention = spec.attention;
  attention.variant = model::Variant::MLA;
  attention.qHeads = c.heads;
  attention.kvHeads = c.groups;
  attention.kDim = c.rank + c.rope;
  attention.vDim = c.rank;
  attention.vInK = true;
  attention.scale = c.scale / std::sqrt(double(c.nope + c.rope));
  attention.latent = model::LatentSpec{c.rank, c.rope, c.nope, c.v, {}};
  BlockOptions block;
  block.part = BlockOptions::Part::Attention;
  block.element = c.element;
  block.batch = 1;
  block.queries = c.qLen;
  block.context = tokens;
  DecodeOptions decode;
  decode.element = c.element;
  decode.page = c.page;
  auto forms = LatentForms::create(&context(), spec, block, decode, form);
  if (!forms)
    return forms;
  mlir::Builder b(&context());
  for (mlir::ModuleOp module :
       {*forms->original, *forms->rewritten, *forms->kernel})
    module.walk([&](AttendOp attend) {
      if (!c.causal)
        attend.removeMaskAttr();
      else
        attend.setMaskAttr(
            MaskAttr::get(&context(), /*causal=*/true, c.window));
      if (c.softcap != 0)
        attend.setSoftcapAttr(b.getF32FloatAttr(c.softcap));
      if (c.biased)
        addBias(attend);
    });
  return forms;
}

/// With the scale of DeepSeek-V3, which YaRN has enlarged.
LatentCase scaled(LatentCase c) {
  c.scale = 1.87;
  return c;
}

LatentCase grouped(LatentCase c, int64_t groups) {
  c.groups = groups;
  return c;
}

/// Adds what request `b` must give to `oracle`.
void interpretRequest(const LatentCase &c, const LatentProblem &problem,
                      int64_t b, std::optional<Oracle> &oracle,
                      Form form = Form::FusedDecompress) {
  auto forms = formsOf(c, c.lens[b], form);
  ASSERT_TRUE(bool(forms)) << llvm::toString(forms.takeError());
  auto one = Oracle::create(forms->function(forms->original),
                            forms->function(forms->rewritten),
                            problem.interpreterArguments(b, 1), dtypeOf(c));
  ASSERT_TRUE(bool(one)) << llvm::toString(one.takeError());
  if (oracle)
    oracle->append(*one);
  else
    oracle = std::move(*one);
}

/// Compares the call's results, request by request; those without tokens are
/// zeros and -inf.
void checkResults(const LatentCase &c, LatentProblem &problem,
                  const Oracle &oracle) {
  size_t perRequest = c.qLen * c.heads * c.v;
  std::vector<size_t> requests;
  for (size_t b = 0; b < c.lens.size(); ++b) {
    if (c.lens[b] > 0) {
      requests.push_back(b);
      continue;
    }
    for (size_t i = 0; i < perRequest; ++i)
      ASSERT_EQ(problem.output(b * perRequest + i), 0);
    for (int64_t i = 0; i < c.qLen * c.heads; ++i)
      ASSERT_EQ(problem.attention().lse[b * c.qLen * c.heads + i], -INFINITY);
  }
  CheckResult result = oracle.check(
      [&](size_t i) {
        return problem.output(requests[i / perRequest] * perRequest +
                              i % perRequest);
      },
      nullptr);
  EXPECT_TRUE(result.ok()) << result.failure;
}

void runAndCheck(const LatentCase &c, LatentForms &forms,
                 LatentProblem &problem, const Oracle &oracle,
                 const CPUCompileOptions &options, Form form) {
  auto session = Session::create(*forms.kernel, options, /*threads=*/3);
  ASSERT_TRUE(bool(session)) << llvm::toString(session.takeError());
  attn_decode_params attention = problem.attention().params();
  attn_mla_params params = problem.params();
  params.form = form == Form::Materialized ? ATTN_MLA_FORM_MATERIALIZED
                                           : ATTN_MLA_FORM_FUSED;
  llvm::Error prepared = (*session)->prepare(params, attention);
  ASSERT_FALSE(bool(prepared)) << llvm::toString(std::move(prepared));
  for (bool alone : {false, true}) {
    problem.clearResults();
    if (alone)
      attention.pool = nullptr;
    llvm::Error ran = (*session)->decode(params);
    ASSERT_FALSE(bool(ran)) << llvm::toString(std::move(ran));
    checkResults(c, problem, oracle);
  }
}

/// A form's kernels on a pretended GPU, and a problem for them.
struct OnGPU {
  /// `edit` changes the kernel before it is compiled.
  OnGPU(
      const LatentCase &c, uint64_t seed, Form form, const char *chip = "sm_90",
      llvm::function_ref<void(AttendOp)> edit = [](AttendOp) {});
  /// An empty text, or what went wrong.
  std::string run(attn_mla_params params, attn_decode_params attention) {
    problem->clearResults();
    return llvm::toString(session->decode(params, attention));
  }
  std::string run() {
    return run(problem->params(), problem->attention().params());
  }
  /// The outputs of request `b`.
  std::vector<double> outputsOf(size_t b) {
    size_t count = size_t(c.qLen * c.heads * c.v);
    std::vector<double> outputs;
    for (size_t i = 0; i < count; ++i)
      outputs.push_back(problem->output(b * count + i));
    return outputs;
  }
  std::vector<double> outputs() {
    std::vector<double> all;
    for (size_t b = 0; b < c.lens.size(); ++b)
      llvm::append_range(all, outputsOf(b));
    return all;
  }

  LatentCase c;
  LatentForms forms;
  std::unique_ptr<LatentProblem> problem;
  std::unique_ptr<SimtSession> session;
};

OnGPU::OnGPU(const LatentCase &c, uint64_t seed, Form form, const char *chip,
             llvm::function_ref<void(AttendOp)> edit)
    : c(c) {
  int32_t longest = *std::max_element(c.lens.begin(), c.lens.end());
  auto made = formsOf(c, std::max<int64_t>(longest, c.qLen), form);
  if (!made) {
    ADD_FAILURE() << llvm::toString(made.takeError());
    return;
  }
  forms = std::move(*made);
  edit(forms.attend());
  ProblemOptions problemOptions;
  problemOptions.lens = c.lens;
  problemOptions.page = c.page;
  problemOptions.seed = seed;
  auto madeProblem = LatentProblem::create(forms.attend(), problemOptions);
  SimtOptions options;
  options.chip = chip;
  auto madeSession = SimtSession::create(*forms.kernel, options);
  if (madeProblem && madeSession) {
    problem = std::move(*madeProblem);
    session = std::move(*madeSession);
    return;
  }
  ADD_FAILURE() << llvm::toString(madeProblem.takeError())
                << llvm::toString(madeSession.takeError());
}

void checkOnGPU(const LatentCase &c, uint64_t seed, Form form,
                const char *chip = "sm_90") {
  SCOPED_TRACE(describe(c) + " on " + chip);
  OnGPU gpu(c, seed, form, chip);
  ASSERT_TRUE(gpu.session);
  std::optional<Oracle> oracle;
  for (size_t b = 0; b < c.lens.size(); ++b)
    if (c.lens[b] > 0)
      interpretRequest(c, *gpu.problem, b, oracle, form);
  ASSERT_EQ(gpu.run(), "");
  checkResults(c, *gpu.problem, *oracle);
}

/// How far a form's output on a GPU is from the exact one, over three heads,
/// three query tokens and two requests; `keepRest` of the operand that is
/// projected.
void measureOnGPU(const LatentCase &c, Form form, bool keepRest, double &sum) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    OnGPU gpu(c, seed, form, "sm_90", [&](AttendOp attend) {
      attend->setAttr(tile::kScoreRestAttrName,
                      mlir::BoolAttr::get(&context(), keepRest));
    });
    ASSERT_TRUE(gpu.session);
    std::optional<Oracle> oracle;
    for (size_t b = 0; b < c.lens.size(); ++b)
      interpretRequest(c, *gpu.problem, b, oracle, form);
    ASSERT_EQ(gpu.run(), "");
    sum +=
        oracle->check([&](size_t i) { return gpu.problem->output(i); }, nullptr)
            .cosine;
  }
}

void checkCase(const LatentCase &c, uint64_t seed, bool emulated = false) {
  SCOPED_TRACE(describe(c));
  int32_t longest = *std::max_element(c.lens.begin(), c.lens.end());
  int64_t tokens = std::max<int64_t>(longest, c.qLen);
  auto inside = formsOf(c, tokens);
  ASSERT_TRUE(bool(inside)) << llvm::toString(inside.takeError());
  auto full = formsOf(c, tokens, Form::Materialized);
  ASSERT_TRUE(bool(full)) << llvm::toString(full.takeError());
  ProblemOptions problemOptions;
  problemOptions.lens = c.lens;
  problemOptions.page = c.page;
  problemOptions.seed = seed;
  auto problem = LatentProblem::create(inside->attend(), problemOptions);
  ASSERT_TRUE(bool(problem)) << llvm::toString(problem.takeError());
  std::optional<Oracle> oracle;
  for (size_t b = 0; b < c.lens.size(); ++b)
    if (c.lens[b] > 0)
      interpretRequest(c, **problem, b, oracle);
  ASSERT_TRUE(oracle) << "no request has tokens";
  for (CPULevel level : kLevels) {
    SCOPED_TRACE(cpuLevelName(level).str());
    auto options = chooseLevel(cpuLevelName(level), /*emulate=*/true);
    ASSERT_TRUE(bool(options)) << llvm::toString(options.takeError());
    if (emulated)
      options->hostLevel = CPULevel::AVX2;
    for (auto [form, forms] : {std::pair(Form::FusedDecompress, &*inside),
                               std::pair(Form::Materialized, &*full)}) {
      SCOPED_TRACE(stringifyForm(form).str());
      runAndCheck(c, *forms, **problem, *oracle, *options, form);
    }
    if (testing::Test::HasFailure())
      return;
  }
}

} // namespace

/// The yardstick counts that K and V are rounded: it is another than that of
/// exact ones.
TEST(DecompressedYardstick, RoundsKAndV) {
  LatentCase c{2, 64, 32, 32, 32, 1, 16, {40}};
  auto forms = formsOf(c, 40);
  ASSERT_TRUE(bool(forms)) << llvm::toString(forms.takeError());
  ProblemOptions problemOptions;
  problemOptions.lens = c.lens;
  problemOptions.page = c.page;
  auto problem = LatentProblem::create(forms->attend(), problemOptions);
  ASSERT_TRUE(bool(problem)) << llvm::toString(problem.takeError());
  auto arguments = (*problem)->interpreterArguments(0, 1);
  auto original = forms->function(forms->original);
  auto exact = interp::interpret(original, arguments);
  auto rounded = interp::interpret(forms->function(forms->rewritten), arguments,
                                   {}, /*roundResults=*/true);
  ASSERT_TRUE(exact && rounded);
  double worst = 0, largest = 0;
  for (auto [x, y] : llvm::zip(std::get<interp::Tensor>((*exact)[0]).data,
                               std::get<interp::Tensor>((*rounded)[0]).data)) {
    worst = std::max(worst, std::fabs(x - y));
    largest = std::max(largest, std::fabs(x));
  }
  EXPECT_GT(worst, 1e-3 * largest);
}

class Decompressed : public testing::TestWithParam<LatentCase> {};

TEST_P(Decompressed, MatchesTheOracle) { checkCase(GetParam(), 1); }

INSTANTIATE_TEST_SUITE_P(
    Grid, Decompressed,
    testing::Values(
        // Proportions of DeepSeek, GLM-4.7-Flash, MiniCPM3 and Kimi-Linear;
        // lengths around pages and tiles, and none.
        LatentCase{2, 128, 32, 32, 32, 1, 64, {0, 1, 63, 64, 65, 130}},
        LatentCase{3, 64, 16, 48, 64, 2, 16, {0, 2, 15, 16, 17, 100}},
        LatentCase{2, 64, 32, 64, 32, 9, 7, {9, 10, 70, 71}},
        LatentCase{1, 96, 0, 32, 64, 33, 32, {33, 64, 97}},
        LatentCase{2, 512, 64, 128, 128, 5, 64, {5, 65}},
        // What no AMX tile divides goes to FMA.
        LatentCase{2, 48, 16, 16, 80, 3, 24, {3, 50}},
        LatentCase{2,
                   64,
                   32,
                   32,
                   32,
                   4,
                   64,
                   {0, 4, 5, 70},
                   Element::BF16,
                   /*causal=*/false},
        LatentCase{2,
                   64,
                   32,
                   32,
                   32,
                   3,
                   16,
                   {3, 90, 150},
                   Element::BF16,
                   true,
                   /*window=*/20},
        LatentCase{2,
                   64,
                   32,
                   32,
                   32,
                   3,
                   16,
                   {3, 90},
                   Element::BF16,
                   true,
                   0,
                   /*softcap=*/5},
        LatentCase{2, 64, 32, 32, 48, 2, 64, {2, 65}, Element::F16},
        // Several latent rows a token, each for a run of the heads.
        grouped({4, 64, 32, 32, 32, 2, 16, {0, 2, 17, 90}}, 2),
        grouped({6, 64, 0, 48, 32, 3, 24, {3, 70}}, 3),
        grouped({4, 48, 16, 16, 80, 2, 7, {2, 50}}, 4),
        grouped({4, 64, 16, 32, 48, 9, 64, {9, 65}, Element::F32}, 2),
        // Keys in two numbers of 16 bits.
        scaled({2, 512, 64, 128, 128, 5, 64, {0, 5, 65, 200}}),
        scaled({5, 64, 32, 64, 32, 9, 7, {9, 10, 70, 71}}),
        scaled({1, 96, 0, 32, 64, 33, 32, {33, 64, 97}}),
        scaled({3, 48, 16, 64, 80, 3, 24, {3, 50}}),
        scaled({2,
                64,
                32,
                96,
                32,
                3,
                16,
                {3, 90, 150},
                Element::BF16,
                true,
                /*window=*/20}),
        scaled(grouped({6, 64, 32, 64, 32, 2, 16, {0, 2, 17, 90}}, 2)),
        LatentCase{2, 64, 16, 32, 48, 6, 64, {6, 65}, Element::F32}));

/// What a CPU of level avx2 lacks is emulated.
TEST(DecompressedEmulated, MatchesTheOracle) {
  checkCase({2, 64, 32, 32, 32, 3, 16, {0, 3, 40}}, 1, /*emulated=*/true);
  checkCase(grouped({4, 64, 32, 32, 32, 3, 16, {0, 3, 40}}, 2), 1,
            /*emulated=*/true);
}

// The GPU's chain, over a ragged batch and pages of NaN, of one latent row a
// token and of several.
TEST(SimtLatentChain, MatchesTheOracle) {
  for (const LatentCase &c :
       {LatentCase{12, 64, 32, 32, 32, 1, 16, {0, 1, 17, 90}},
        grouped({12, 64, 32, 32, 32, 1, 16, {0, 1, 17, 90}}, 2),
        grouped({8, 48, 16, 16, 64, 2, 7, {2, 0, 50}}, 4),
        grouped({12, 64, 0, 48, 32, 3, 64, {3, 70}, Element::F16}, 3)})
    checkOnGPU(c, 1, Form::Absorbed);
}

// K and V of every head in memory, on chips whose shared memory makes for other
// columns and rows: with pages of NaN, no tokens, a window, several groups.
TEST(SimtMaterialized, MatchesTheOracle) {
  const LatentCase cases[] = {
      {2, 512, 64, 128, 128, 5, 64, {0, 5, 65}},
      {1, 512, 64, 192, 256, 2, 16, {2, 40}, Element::F16},
      {3, 256, 32, 64, 64, 3, 1, {3, 0, 77}, Element::F16},
      {2, 96, 0, 32, 64, 33, 32, {33, 64, 197}},
      {2, 64, 32, 32, 32, 3, 16, {3, 90, 150}, Element::BF16, true, 20},
      grouped({4, 64, 32, 32, 32, 2, 16, {2, 0, 90}}, 2)};
  for (const LatentCase &c : cases)
    for (const char *chip : {"sm_80", "sm_86", "sm_90"})
      checkOnGPU(c, 1, Form::Materialized, chip);
}

// The GPU's kernel that decompresses, on chips whose shared memory makes for
// other tiles and chunks.
TEST(SimtDecompressed, MatchesTheOracle) {
  const LatentCase cases[] = {
      // DeepSeek, GLM-4.7-Flash, MiniCPM3.
      {2, 512, 64, 128, 128, 5, 64, {0, 5, 65}},
      {1, 512, 64, 192, 256, 2, 16, {2, 40}},
      {3, 256, 32, 64, 64, 3, 7, {3, 0, 77}, Element::F16},
      // Columns that warps do not share evenly, a rank of few chunks.
      {3, 64, 16, 48, 64, 2, 16, {0, 2, 15, 16, 17, 100}},
      {2, 48, 16, 16, 80, 3, 24, {3, 50}},
      {1, 96, 0, 32, 64, 33, 32, {33, 64, 97}},
      {2, 16, 16, 80, 96, 4, 1, {4, 70}},
      // More query tokens than a CTA has rows.
      {2, 64, 32, 32, 32, 70, 16, {70, 75, 0, 130}},
      {2, 64, 32, 32, 32, 4, 64, {0, 4, 5, 70}, Element::BF16, false},
      {2, 64, 32, 32, 32, 3, 16, {3, 90, 150}, Element::BF16, true, 20},
      {2, 64, 32, 32, 32, 3, 16, {3, 90}, Element::BF16, true, 0, 5},
      grouped({4, 64, 32, 32, 32, 2, 16, {2, 0, 90}}, 2)};
  for (const LatentCase &c : cases)
    for (const char *chip : {"sm_80", "sm_86", "sm_90"})
      checkOnGPU(c, 1, Form::FusedDecompress, chip);
}

// At a scale like that of DeepSeek-V3, which is 1.9 times the usual one, what
// rounding leaves of the projected query, or of the keys, is multiplied too: in
// every form, on chips that differ in shared memory, with heads of any number,
// without rotary columns, by several groups, with a window.
TEST(SimtScoreRest, MatchesTheOracle) {
  const LatentCase cases[] = {
      {2, 512, 64, 128, 128, 3, 64, {70, 3}},
      {5, 96, 16, 32, 64, 2, 16, {0, 2, 90}},
      {3, 64, 0, 64, 48, 33, 7, {33, 0, 75}},
      {32, 64, 32, 64, 16, 2, 16, {2, 60}}, // one warp, which no barrier orders
      grouped({6, 64, 32, 96, 32, 2, 16, {2, 0, 90}}, 3),
      {8,
       64,
       32,
       64,
       64,
       3,
       16,
       {3, 150},
       Element::BF16,
       /*causal=*/true,
       /*window=*/40}};
  for (const LatentCase &c : cases)
    for (Form form :
         {Form::Absorbed, Form::FusedDecompress, Form::Materialized})
      for (const char *chip : {"sm_86", "sm_90"})
        checkOnGPU(scaled(c), 1, form, chip);
}

// And that it is multiplied can be seen.
TEST(SimtScoreRest, IsNearerThanOneNumber) {
  LatentCase c{3, 64, 32, 64, 64, 3, 16, {90, 70}};
  c.scale = 4;
  for (Form form :
       {Form::Absorbed, Form::FusedDecompress, Form::Materialized}) {
    SCOPED_TRACE(stringifyForm(form).str());
    double both = 0, one = 0;
    measureOnGPU(c, form, true, both);
    measureOnGPU(c, form, false, one);
    std::printf("%s: 1 - cos %.2e with the rest, %.2e without\n",
                stringifyForm(form).str().c_str(), both / 3, one / 3);
    EXPECT_LT(both, one / 2);
  }
}

TEST(SimtDecompressed, ChangesScoresByARegion) {
  LatentCase c{4, 64, 32, 32, 32, 3, 16, {3, 0, 90}};
  c.biased = true;
  checkOnGPU(c, 1, Form::FusedDecompress);
}

// Every order of threads and copies leads to the same bits.
TEST(SimtDecompressed, IsTheSameUnderAllSchedules) {
  // Keys of one part and of two, whose place weights share.
  for (const LatentCase &c :
       {LatentCase{2, 64, 32, 48, 32, 3, 16, {0, 3, 150}},
        scaled({2, 64, 32, 64, 64, 3, 16, {0, 3, 150}})}) {
    OnGPU gpu(c, 1, Form::FusedDecompress);
    ASSERT_TRUE(gpu.session);
    std::vector<double> first;
    for (simt::Schedule schedule :
         {simt::Schedule::RoundRobin, simt::Schedule::Reverse,
          simt::Schedule::Random})
      for (simt::AsyncCopies async :
           {simt::AsyncCopies::Eager, simt::AsyncCopies::Late}) {
        gpu.session->config.schedule = schedule;
        gpu.session->config.async = async;
        gpu.session->config.seed = 7;
        ASSERT_EQ(gpu.run(), "");
        if (first.empty())
          first = gpu.outputs();
        EXPECT_TRUE(gpu.outputs() == first);
      }
  }
}

// With the rest of the batch gone, a request's bits stay.
TEST(SimtDecompressed, BatchInvariantIgnoresTheBatch) {
  LatentCase c{2, 64, 32, 32, 32, 2, 16, {130, 0, 65, 300, 2}};
  OnGPU gpu(c, 1, Form::FusedDecompress);
  ASSERT_TRUE(gpu.session);
  attn_decode_params all = gpu.problem->attention().params();
  all.flags |= ATTN_FLAG_BATCH_INVARIANT;
  all.split_size = 64;
  ASSERT_EQ(gpu.run(gpu.problem->params(), all), "");
  std::vector<std::vector<double>> expected;
  for (size_t b = 0; b < c.lens.size(); ++b)
    expected.push_back(gpu.outputsOf(b));
  for (size_t b = 0; b < c.lens.size(); ++b) {
    attn_decode_params one = all;
    attn_mla_params p = gpu.problem->params();
    auto skip = [&](const void *rows, int64_t stride) {
      return static_cast<const char *>(rows) + int64_t(b) * stride * 2;
    };
    one.batch = one.max_batch = 1;
    one.seq_lens += b;
    one.block_table += int64_t(b) * one.block_table_stride;
    one.lse += int64_t(b) * one.lse_stride_batch;
    p.q_nope = skip(p.q_nope, p.q_nope_stride_batch);
    p.q_rope = skip(p.q_rope, p.q_rope_stride_batch);
    p.out = const_cast<char *>(skip(p.out, p.out_stride_batch));
    ASSERT_EQ(gpu.run(p, one), "");
    EXPECT_TRUE(gpu.outputsOf(b) == expected[b]) << "request " << b;
  }
}

// The query's rotary columns may lie anywhere, at strides of their own.
TEST(SimtDecompressed, ReadsTheRotaryPartWhereItLies) {
  LatentCase c{3, 64, 32, 48, 32, 2, 16, {40, 2}};
  OnGPU gpu(c, 1, Form::FusedDecompress);
  ASSERT_TRUE(gpu.session);
  ASSERT_EQ(gpu.run(), "");
  std::vector<double> expected = gpu.outputs();
  attn_mla_params p = gpu.problem->params();
  int64_t rows = int64_t(c.lens.size()) * c.qLen * c.heads;
  bench::Buffer apart(rows * c.rope * 2);
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(apart.data() + row * c.rope * 2,
                static_cast<const char *>(p.q_rope) +
                    row * p.q_rope_stride_head * 2,
                size_t(c.rope) * 2);
  p.q_rope = apart.data();
  p.q_rope_stride_head = c.rope;
  p.q_rope_stride_token = c.heads * c.rope;
  p.q_rope_stride_batch = c.qLen * c.heads * c.rope;
  ASSERT_EQ(gpu.run(p, gpu.problem->attention().params()), "");
  EXPECT_TRUE(gpu.outputs() == expected);
}

// A sink scales an output by what of the weight it leaves, and no log-sum-exp.
TEST(SimtDecompressed, SinksTakeTheirShare) {
  LatentCase c{3, 64, 32, 32, 32, 2, 16, {2, 0, 200}};
  OnGPU plain(c, 1, Form::FusedDecompress);
  OnGPU gpu(c, 1, Form::FusedDecompress, "sm_90", [&](AttendOp attend) {
    auto func = attend->getParentOfType<mlir::func::FuncOp>();
    mlir::Builder b(func.getContext());
    unsigned index = func.getNumArguments();
    ASSERT_TRUE(mlir::succeeded(func.insertArgument(
        index, mlir::RankedTensorType::get({c.heads}, b.getF32Type()), {},
        attend.getLoc())));
    attend.getSinksMutable().assign(func.getArgument(index));
  });
  ASSERT_TRUE(plain.session && gpu.session);
  ASSERT_EQ(plain.run(), "");
  ASSERT_EQ(gpu.run(), "");
  attn_decode_params attention = gpu.problem->attention().params();
  std::vector<double> with = gpu.outputs(), without = plain.outputs();
  for (size_t i = 0; i < with.size(); ++i) {
    size_t row = i / size_t(c.v);
    double lse = gpu.problem->attention().lse[row];
    EXPECT_EQ(lse, plain.problem->attention().lse[row]);
    double share =
        1 / (1 + std::exp(attention.sinks[row % size_t(c.heads)] - lse));
    // Both are rounded to bf16.
    EXPECT_NEAR(with[i], without[i] * share,
                std::fabs(without[i]) * share / 64 + 1e-6);
  }
}

TEST(DecompressedRandom, MatchesTheOracle) {
  const char *text = getenv("ATTN_TEST_SEED");
  uint64_t seed =
      text ? strtoull(text, nullptr, 10) : std::random_device()() % 1000000;
  std::cout << "ATTN_TEST_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  auto within = [&](int64_t low, int64_t high) {
    return low + int64_t(random() % uint64_t(high - low + 1));
  };
  for (int i = 0; i < 6 && !HasFailure(); ++i) {
    LatentCase c{within(1, 4),      16 * within(2, 12),
                 16 * within(0, 3), 16 * within(2, 6),
                 16 * within(1, 6), within(1, 40),
                 within(1, 100),    {}};
    // 1 - cos of a few outputs is an accident, and a head's query tokens, which
    // read the same rounded values, are not much more than one.
    c.heads = std::max(c.heads, 512 / c.v);
    c.element = Element(within(0, 5) > 1 ? 0 : within(1, 2));
    c.causal = within(0, 3) > 0;
    if (c.causal && within(0, 2) == 0)
      c.window = within(1, 60);
    if (within(0, 3) == 0)
      c.softcap = 30;
    // Large where keys are in two numbers, and so exact.
    bool inParts = c.element == Element::BF16 && c.nope % 32 == 0 &&
                   c.rank % 32 == 0 && within(0, 1);
    c.scale = inParts ? 1.87 : 0.5;
    c.lens.push_back(within(c.qLen, 180));
    for (int64_t n = within(0, 2); n > 0; --n)
      c.lens.push_back(within(0, 3) ? within(c.qLen, 180) : 0);
    checkCase(c, seed + i);
    if (c.element != Element::F32)
      checkOnGPU(c, seed + i, Form::FusedDecompress);
  }
}
