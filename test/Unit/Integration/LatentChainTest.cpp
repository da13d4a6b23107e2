//===- LatentChainTest.cpp - Latent attention with its projections --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn_mla_decode over generated kernels, with partial states merged in the
// output's projection and apart: both are checked against the float64 oracle,
// and give the same bits.
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn/Harness/Check.h"
#include "attn/Harness/LatentProblem.h"
#include "attn/Harness/Session.h"
#include "attn/Register.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <cstring>

using namespace attn;
using namespace attn::harness;

namespace {

constexpr const char *kRest =
    ", mask = #attn.mask<causal>, tile.score_rest = true";
constexpr int64_t kRank = 64, kRope = 32, kNope = 32, kV = 32;

struct Chain {
  CPULevel level;
  const char *element;
  int64_t heads, qLen;
  const char *attributes; ///< further ones of attn.attend
  bool emulate;           ///< all of the level that AVX2 lacks
  int64_t groups = 1;     ///< latent rows a token

  /// The query keeps what rounding leaves of it.
  bool hasRest() const {
    return llvm::StringRef(attributes).contains("score_rest = true");
  }
};

std::string nameOf(const testing::TestParamInfo<Chain> &info) {
  const Chain &c = info.param;
  return llvm::formatv("{0}_{1}_{2}of{3}x{4}{5}{6}", cpuLevelName(c.level),
                       c.element, c.heads, c.groups, c.qLen,
                       c.hasRest() ? "_rest" : "",
                       c.emulate ? "_emulated" : "");
}

/// The kernel; and the same as it is computed, op by op.
std::string irOf(const Chain &c, int64_t batch) {
  std::string text = R"(
!cache = !attn.kv_cache<heads = G, parts = [latent : RANK, rope : ROPE], ELEMENT, page = 64>
func.func @mla(%q: tensor<?xSxHxQxELEMENT>, %rows: !cache, %w_t: tensor<HxNxRANKxELEMENT>,
               %w_uv: tensor<HxRANKxVxELEMENT>)
    -> (tensor<?xSxHxVxELEMENT>, tensor<?xSxHxf32>) {
  %o, %lse = attn.attend %q, %rows up(%w_t, %w_uv) {form = #attn.form<absorbed>, up_transposed,
      heads = #attn.heads<q = H, kv = G>, scale = 0.125 : f32 ATTRIBUTES,
      latent = #attn.latent<rank = RANK, rope = ROPE, nope = N, v = V, groups = G>}
     : (tensor<?xSxHxQxELEMENT>, !cache, tensor<HxNxRANKxELEMENT>, tensor<HxRANKxVxELEMENT>)
       -> (tensor<?xSxHxVxELEMENT>, tensor<?xSxHxf32>)
  return %o, %lse : tensor<?xSxHxVxELEMENT>, tensor<?xSxHxf32>
}
func.func @lowered(%q: tensor<BxSxHxQxELEMENT>, %rows: !cache, %w_t: tensor<HxNxRANKxELEMENT>,
                   %w_uv: tensor<HxRANKxVxELEMENT>) -> tensor<BxSxHxVxELEMENT> {
  %nope = tensor.extract_slice %q[0, 0, 0, 0] [B, S, H, N] [1, 1, 1, 1]
    : tensor<BxSxHxQxELEMENT> to tensor<BxSxHxNxELEMENT>
  %rope = tensor.extract_slice %q[0, 0, 0, N] [B, S, H, ROPE] [1, 1, 1, 1]
    : tensor<BxSxHxQxELEMENT> to tensor<BxSxHxROPExELEMENT>
  %latent = attn.project %nope, %w_t
    : (tensor<BxSxHxNxELEMENT>, tensor<HxNxRANKxELEMENT>) -> tensor<BxSxHxRANKxELEMENT>
  %k = tensor.concat dim(3) %latent, %rope
    : (tensor<BxSxHxRANKxELEMENT>, tensor<BxSxHxROPExELEMENT>) -> tensor<BxSxHxWxELEMENT>
  %o = attn.attend %k, %rows {heads = #attn.heads<q = H, kv = G>, scale = 0.125 : f32 ATTRIBUTES,
      latent = #attn.latent<rank = RANK, rope = ROPE, nope = N, v = V, groups = G>}
     : (tensor<BxSxHxWxELEMENT>, !cache) -> tensor<BxSxHxRANKxELEMENT>
  %out = attn.project %o, %w_uv
    : (tensor<BxSxHxRANKxELEMENT>, tensor<HxRANKxVxELEMENT>) -> tensor<BxSxHxVxELEMENT>
  return %out : tensor<BxSxHxVxELEMENT>
})";
  auto set = [&](llvm::StringRef name, const std::string &value) {
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos;
         at += value.size())
      text.replace(at, name.size(), value);
  };
  auto extent = [&](llvm::StringRef name, int64_t value) {
    set(name, std::to_string(value));
  };
  // In 16 bits the projected query is rounded, which moves all scores of a row
  // by as much: log-sum-exps of exact queries are to compare with f32's and
  // with those of a query that keeps its rest.
  if (c.element != llvm::StringRef("f32") && !c.hasRest()) {
    set(", tensor<?xSxHxf32>", "");
    set(", %lse", "");
  }
  set("ATTRIBUTES", c.attributes);
  set("ELEMENT", c.element);
  extent("RANK", kRank);
  extent("ROPE", kRope);
  // Single letters only where they stand for an extent.
  for (auto [letter, value] :
       {std::pair('B', batch), std::pair('S', c.qLen), std::pair('H', c.heads),
        std::pair('G', c.groups), std::pair('Q', kNope + kRope),
        std::pair('N', kNope), std::pair('V', kV),
        std::pair('W', kRank + kRope)})
    extent(std::string(1, letter), value);
  return text;
}

class LatentChain : public testing::TestWithParam<Chain> {
protected:
  LatentChain() : context(registry()) {}
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }
  void parse(int64_t batch) {
    module = mlir::parseSourceString<mlir::ModuleOp>(irOf(GetParam(), batch),
                                                     &context);
    ASSERT_TRUE(module);
  }
  mlir::func::FuncOp function(llvm::StringRef name) {
    return module->lookupSymbol<mlir::func::FuncOp>(name);
  }
  AttendOp attend() { return *function("mla").getOps<AttendOp>().begin(); }
  /// The kernels for some threads, with the merge in either place.
  std::unique_ptr<Session> compile(bool fuse, int32_t threads) {
    auto options = chooseLevel(cpuLevelName(GetParam().level), true);
    if (!options) {
      ADD_FAILURE() << llvm::toString(options.takeError());
      return nullptr;
    }
    if (GetParam().emulate)
      options->hostLevel = CPULevel::AVX2;
    mlir::OwningOpRef<mlir::ModuleOp> clone = module->clone();
    clone->lookupSymbol("lowered")->erase();
    clone->walk([&](AttendOp op) {
      op->setAttr(tile::kFuseCombineAttrName,
                  mlir::BoolAttr::get(&context, fuse));
    });
    auto session = Session::create(*clone, *options, threads);
    if (!session) {
      ADD_FAILURE() << llvm::toString(session.takeError());
      return nullptr;
    }
    return std::move(*session);
  }
  std::unique_ptr<LatentProblem> problem(std::vector<int32_t> lens,
                                         uint64_t seed = 1) {
    ProblemOptions options;
    options.lens = std::move(lens);
    options.seed = seed;
    auto result = LatentProblem::create(attend(), options);
    if (!result) {
      ADD_FAILURE() << llvm::toString(result.takeError());
      return nullptr;
    }
    return std::move(*result);
  }
  /// Runs a call of the requests from `first` on, and returns the output's
  /// bits.
  std::vector<char> run(Session &session, LatentProblem &problem,
                        uint32_t flags = 0, int64_t first = 0,
                        int64_t count = -1) {
    problem.clearResults();
    attn_decode_params decode = problem.attention().params();
    attn_mla_params params = problem.params();
    decode.flags |= flags;
    decode.split_size = 512;
    int64_t size = problem.attention().elementBytes();
    if (count >= 0) {
      decode.batch = count;
      decode.seq_lens += first;
      decode.block_table += first * decode.block_table_stride;
      auto skip = [&](const void *&at, int64_t stride) {
        at = static_cast<const char *>(at) + first * stride * size;
      };
      skip(params.q_nope, params.q_nope_stride_batch);
      skip(params.q_rope, params.q_rope_stride_batch);
    } else {
      count = decode.batch;
    }
    llvm::Error error = session.prepare(params, decode);
    if (!error)
      error = session.decode(params);
    EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
    auto *out = static_cast<const char *>(params.out);
    return {out, out + count * params.out_stride_batch * size};
  }
  std::optional<Oracle> oracle(LatentProblem &problem) {
    auto arguments = problem.interpreterArguments();
    interp::Tensor straight = std::get<interp::Tensor>(arguments[2]);
    int64_t heads = GetParam().heads;
    interp::Tensor stored = interp::Tensor::zeros({heads, kNope, kRank});
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t n = 0; n < kNope; ++n)
        for (int64_t r = 0; r < kRank; ++r)
          stored.at(h, n, r) = straight.at(h, r, n);
    arguments[1] = problem.attention().interpreterArguments()[1];
    arguments[2] = std::move(stored);
    auto oracle = Oracle::create(function("mla"), function("lowered"),
                                 arguments, problem.attention().shape().dtype);
    if (oracle)
      return std::move(*oracle);
    ADD_FAILURE() << llvm::toString(oracle.takeError());
    return std::nullopt;
  }
  static void check(LatentProblem &problem, const Oracle &oracle) {
    CheckResult result =
        oracle.check([&](size_t i) { return problem.output(i); },
                     problem.attention().lse.data());
    EXPECT_TRUE(result.ok()) << result.failure;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace

/// Requests of no token, of one, of less than a tile and of several parts.
TEST_P(LatentChain, MergesInEitherPlace) {
  std::vector<int32_t> lens = {0, int32_t(GetParam().qLen), 130, 2700};
  parse(int64_t(lens.size()));
  std::unique_ptr<LatentProblem> requests = problem(lens);
  ASSERT_TRUE(requests);
  std::optional<Oracle> exact = oracle(*requests);
  ASSERT_TRUE(exact);
  for (int32_t threads : {2, 7}) {
    std::unique_ptr<Session> fused = compile(true, threads);
    std::unique_ptr<Session> separate = compile(false, threads);
    ASSERT_TRUE(fused && separate);
    for (uint32_t flags : {0u, uint32_t(ATTN_FLAG_BATCH_INVARIANT)}) {
      std::vector<char> apart = run(*separate, *requests, flags);
      check(*requests, *exact);
      std::vector<float> apartLse = requests->attention().lse;
      std::vector<char> together = run(*fused, *requests, flags);
      check(*requests, *exact);
      EXPECT_TRUE(apart == together) << threads << " threads, flags " << flags;
    }
  }
}

/// What a request gives depends on nothing around it: neither on the requests
/// beside it, whose rows are projected with its own, nor on the threads.
TEST_P(LatentChain, IsBatchInvariant) {
  std::vector<int32_t> lens = {600, 1900, 64, 1100, 513, 700, 2000};
  parse(int64_t(lens.size()));
  std::unique_ptr<LatentProblem> requests = problem(lens);
  ASSERT_TRUE(requests);
  std::vector<char> first;
  for (bool fuse : {true, false})
    for (int32_t threads : {1, 3}) {
      std::unique_ptr<Session> session = compile(fuse, threads);
      ASSERT_TRUE(session);
      std::vector<char> all =
          run(*session, *requests, ATTN_FLAG_BATCH_INVARIANT);
      if (first.empty())
        first = all;
      EXPECT_TRUE(all == first) << threads << " threads";
      size_t bytes = all.size() / lens.size();
      for (size_t i = 0; i < lens.size(); ++i) {
        std::vector<char> alone =
            run(*session, *requests, ATTN_FLAG_BATCH_INVARIANT, int64_t(i), 1);
        ASSERT_EQ(alone.size(), bytes);
        EXPECT_EQ(std::memcmp(alone.data(), all.data() + i * bytes, bytes), 0)
            << "request " << i << ", " << threads << " threads";
      }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, LatentChain,
    testing::Values(Chain{CPULevel::AVX2, "bf16", 5, 1, "", false},
                    Chain{CPULevel::AVX2, "f16", 16, 2,
                          ", mask = #attn.mask<causal>", false},
                    Chain{CPULevel::AVX2, "f32", 3, 1, "", false},
                    Chain{CPULevel::AVX512, "bf16", 20, 1, "", false},
                    Chain{CPULevel::AVX512BF16, "bf16", 16, 3,
                          ", mask = #attn.mask<causal>", false},
                    Chain{CPULevel::AVX512BF16, "bf16", 8, 1, "", true},
                    Chain{CPULevel::AMX, "bf16", 16, 1, "", false},
                    Chain{CPULevel::AMX, "bf16", 12, 5,
                          ", mask = #attn.mask<causal>", false},
                    Chain{CPULevel::AMX, "bf16", 16, 1, "", true},
                    // Several latent rows a token, each for a run of heads.
                    Chain{CPULevel::AVX2, "f32", 6, 2, "", false, 3},
                    Chain{CPULevel::AVX512, "f16", 12, 1, "", false, 4},
                    Chain{CPULevel::AVX512BF16, "bf16", 20, 1, "", false, 2},
                    Chain{CPULevel::AMX, "bf16", 16, 3,
                          ", mask = #attn.mask<causal>", false, 2},
                    Chain{CPULevel::AMX, "bf16", 16, 1, "", true, 2},
                    // The query in two numbers of 16 bits.
                    Chain{CPULevel::AVX2, "bf16", 5, 1, kRest, false},
                    Chain{CPULevel::AVX512, "bf16", 6, 2, kRest, false, 3},
                    Chain{CPULevel::AVX512BF16, "bf16", 12, 1, kRest, false},
                    Chain{CPULevel::AVX512BF16, "bf16", 5, 3, kRest, true},
                    Chain{CPULevel::AMX, "bf16", 16, 1, kRest, false},
                    Chain{CPULevel::AMX, "bf16", 7, 5, kRest, false},
                    Chain{CPULevel::AMX, "bf16", 128, 1, kRest, false},
                    Chain{CPULevel::AMX, "bf16", 16, 2, kRest, false, 2},
                    Chain{CPULevel::AMX, "bf16", 10, 1, kRest, true}),
    nameOf);
