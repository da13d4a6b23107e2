//===- BlockModuleTest.cpp - The block is what the model computes *- C++ -*-==//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The IR of a block of small dims, interpreted, against the same block written
// out token by token and head by head, as DeepSeek-V2's paper has it (arXiv
// 2405.04434, equations 37 to 47): nothing is cached but hidden states.
//
//===----------------------------------------------------------------------===//

#include "attn/Import/BlockModule.h"
#include "../Interpreter/Run.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Interpreter/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;
using interp::Tensor;
using interp::test::Random;
using interp::test::randomTensor;

using Row = std::vector<double>;

namespace {
/// A block, its weights, and the whole sequences of hidden states.
struct Model {
  Model(int64_t qRank, int64_t rope, bool interleaved, bool scaled,
        Random &random);

  Row latentRow(int64_t b, int64_t t) const;
  Row query(int64_t b, int64_t t, int64_t h) const;
  Row output(int64_t b, int64_t t, int64_t h) const;
  void turn(Row &row, int64_t offset, int64_t position) const;

  model::LatentBlockSpec spec;
  int64_t batch = 2, tokens = 6, heads = 3;
  Tensor hidden, w_dkv, norm_kv, w_kr, w_dq, norm_q, w_uq, w_uk, w_uv;
};
} // namespace

Model::Model(int64_t qRank, int64_t rope, bool interleaved, bool scaled,
             Random &random) {
  model::LatentSpec latent = {/*rank=*/8, rope, /*nope=*/5, /*v=*/3,
                              /*qRank=*/std::nullopt};
  if (qRank)
    latent.qRank = qRank;
  spec.modelType = "test";
  spec.attention = {};
  spec.attention.qHeads = heads;
  spec.attention.kvHeads = 1;
  spec.attention.latent = latent;
  spec.attention.scale = 0.4;
  spec.hidden = 7;
  spec.normEps = 0.25;
  spec.theta = 100;
  spec.interleaved = interleaved;
  if (scaled)
    for (int64_t i = 0; i < rope / 2; ++i)
      spec.frequencies.push_back(0.5 / (i + 1)); // exact in f32
  hidden = randomTensor({batch, tokens, spec.hidden}, random);
  w_dkv = randomTensor({spec.hidden, latent.rank}, random);
  norm_kv = randomTensor({latent.rank}, random);
  w_kr = randomTensor({spec.hidden, rope}, random);
  w_dq = randomTensor({spec.hidden, qRank}, random);
  norm_q = randomTensor({qRank}, random);
  w_uq = randomTensor({heads, qRank ? qRank : spec.hidden, 5 + rope}, random);
  w_uk = randomTensor({heads, latent.rank, 5}, random);
  w_uv = randomTensor({heads, latent.rank, 3}, random);
}

static Row times(const Row &row, const Tensor &weight) {
  Row result(weight.shape[1]);
  for (size_t n = 0; n < result.size(); ++n)
    for (size_t k = 0; k < row.size(); ++k)
      result[n] += row[k] * weight.at(k, n);
  return result;
}
/// The matrix of one head.
static Row timesHead(const Row &row, const Tensor &weight, int64_t head) {
  Row result(weight.shape[2]);
  for (size_t n = 0; n < result.size(); ++n)
    for (size_t k = 0; k < row.size(); ++k)
      result[n] += row[k] * weight.at(head, k, n);
  return result;
}
static Row normed(Row row, const Tensor &gain, double eps) {
  double squares = 0;
  for (double x : row)
    squares += x * x;
  for (size_t i = 0; i < row.size(); ++i)
    row[i] *= gain.at(i) / std::sqrt(squares / row.size() + eps);
  return row;
}
static Row tokenOf(const Tensor &tensor, int64_t b, int64_t t) {
  Row row;
  for (int64_t e = 0; e < tensor.shape[2]; ++e)
    row.push_back(tensor.at(b, t, e));
  return row;
}

void Model::turn(Row &row, int64_t offset, int64_t position) const {
  int64_t pairs = spec.attention.latent->rope / 2;
  for (int64_t i = 0; i < pairs; ++i) {
    double angle = position * (spec.frequencies.empty()
                                   ? std::pow(spec.theta, -double(i) / pairs)
                                   : spec.frequencies[i]);
    double &x = row[offset + (spec.interleaved ? 2 * i : i)];
    double &y = row[offset + (spec.interleaved ? 2 * i + 1 : i + pairs)];
    double turnedX = x * std::cos(angle) - y * std::sin(angle);
    y = x * std::sin(angle) + y * std::cos(angle);
    x = turnedX;
  }
}

/// `[c | k_rope]` of a token.
Row Model::latentRow(int64_t b, int64_t t) const {
  Row h = tokenOf(hidden, b, t);
  Row row = normed(times(h, w_dkv), norm_kv, spec.normEps);
  Row key = times(h, w_kr);
  turn(key, 0, t);
  row.insert(row.end(), key.begin(), key.end());
  return row;
}

Row Model::query(int64_t b, int64_t t, int64_t h) const {
  Row row = tokenOf(hidden, b, t);
  if (spec.attention.latent->qRank)
    row = normed(times(row, w_dq), norm_q, spec.normEps);
  row = timesHead(row, w_uq, h);
  turn(row, 5, t);
  return row;
}

Row Model::output(int64_t b, int64_t t, int64_t h) const {
  Row q = query(b, t, h), sum(3);
  double total = 0;
  for (int64_t j = 0; j <= t; ++j) {
    Row row = latentRow(b, j);
    Row c(row.begin(), row.begin() + 8);
    Row k = timesHead(c, w_uk, h), v = timesHead(c, w_uv, h);
    k.insert(k.end(), row.begin() + 8, row.end());
    double dot = 0;
    for (size_t d = 0; d < q.size(); ++d)
      dot += q[d] * k[d];
    double weight = std::exp(static_cast<float>(spec.attention.scale) * dot);
    total += weight;
    for (size_t d = 0; d < sum.size(); ++d)
      sum[d] += weight * v[d];
  }
  for (double &x : sum)
    x /= total;
  return sum;
}

/// Interprets the block for the last `queries` tokens, after `passes`.
static llvm::SmallVector<interp::Value>
runBlock(const Model &model, int64_t queries, bool known,
         std::initializer_list<std::unique_ptr<mlir::Pass> (*)()> passes) {
  BlockOptions options;
  options.element = DecodeOptions::Element::F32;
  if (known) {
    options.batch = model.batch;
    options.queries = queries;
    options.context = model.tokens;
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = buildBlockModule(&context, model.spec, options);
  if (!module) {
    ADD_FAILURE() << llvm::toString(module.takeError());
    return {};
  }
  mlir::PassManager manager(&context);
  for (auto create : passes)
    manager.addPass(create());
  EXPECT_TRUE(mlir::succeeded(manager.run(**module)));

  int64_t past = model.tokens - queries;
  Tensor hidden = Tensor::zeros({model.batch, queries, model.spec.hidden});
  Tensor positions = Tensor::zeros({model.batch, queries});
  Tensor rows =
      Tensor::zeros({model.batch, past, 8 + model.spec.attention.latent->rope});
  for (int64_t b = 0; b < model.batch; ++b) {
    for (int64_t s = 0; s < queries; ++s) {
      positions.at(b, s) = past + s;
      for (int64_t e = 0; e < model.spec.hidden; ++e)
        hidden.at(b, s, e) = model.hidden.at(b, past + s, e);
    }
    for (int64_t t = 0; t < past; ++t)
      for (auto [i, x] : llvm::enumerate(model.latentRow(b, t)))
        rows.at(b, t, i) = x;
  }
  llvm::SmallVector<interp::Value> arguments = {hidden, positions};
  if (past || !known)
    arguments.push_back(rows);
  arguments.append({model.w_dkv, model.norm_kv});
  if (model.spec.attention.latent->rope)
    arguments.push_back(model.w_kr);
  if (model.spec.attention.latent->qRank)
    arguments.append({model.w_dq, model.norm_q});
  arguments.append({model.w_uq, model.w_uk, model.w_uv});
  auto func = *(*module)->getOps<mlir::func::FuncOp>().begin();
  auto results = interp::interpret(func, arguments);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return {};
}

TEST(BlockModule, IsTheModelsBlock) {
  uint64_t seed = std::random_device()();
  for (int64_t qRank : {0, 6})
    for (int64_t rope : {0, 4})
      for (bool interleaved : {false, true})
        for (bool scaled : {false, true})
          for (int64_t queries : {1, 3, 6})
            for (bool known : {false, true}) {
              SCOPED_TRACE(testing::Message()
                           << "seed " << seed << " qRank " << qRank << " rope "
                           << rope << " interleaved " << interleaved
                           << " scaled " << scaled << " queries " << queries
                           << " known " << known);
              Random random(seed++);
              Model model(qRank, rope, interleaved, scaled, random);
              int64_t past = model.tokens - queries;
              Tensor output = Tensor::zeros({2, queries, 3, 3});
              Tensor rows = Tensor::zeros({2, queries, 8 + rope});
              for (int64_t b = 0; b < 2; ++b)
                for (int64_t s = 0; s < queries; ++s) {
                  for (int64_t h = 0; h < 3; ++h)
                    for (auto [d, x] :
                         llvm::enumerate(model.output(b, past + s, h)))
                      output.at(b, s, h, d) = x;
                  for (auto [d, x] :
                       llvm::enumerate(model.latentRow(b, past + s)))
                    rows.at(b, s, d) = x;
                }
              // As written, absorbed, and with both forms behind a branch.
              for (auto results :
                   {runBlock(model, queries, known, {}),
                    runBlock(model, queries, known, {createAttnAbsorb}),
                    runBlock(model, queries, known, {createAttnSelectForm})}) {
                ASSERT_EQ(results.size(), 2u);
                interp::test::expectNear(std::get<Tensor>(results[0]), output,
                                         1e-6); // eps and theta are f32
                interp::test::expectNear(std::get<Tensor>(results[1]), rows,
                                         1e-6);
              }
              if (HasFailure())
                return;
            }
}

TEST(BlockModule, Refusals) {
  Random random(1);
  Model model(0, 4, true, false, random);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  BlockOptions options;
  options.tensorParallel = 2;
  auto uneven = buildBlockModule(&context, model.spec, options);
  ASSERT_FALSE(bool(uneven));
  EXPECT_EQ(llvm::toString(uneven.takeError()),
            "3 heads do not divide among 2 devices");
  options.tensorParallel = 1;
  options.queries = 5;
  options.context = 4;
  auto tooMany = buildBlockModule(&context, model.spec, options);
  ASSERT_FALSE(bool(tooMany));
  EXPECT_EQ(llvm::toString(tooMany.takeError()),
            "a context of 4 tokens does not hold 5 new ones");
  options = {};
  options.tensorParallel = 3;
  model.spec.attention.qHeads = 12;
  model.spec.attention.kvHeads = 4;
  auto unevenGroups = buildBlockModule(&context, model.spec, options);
  ASSERT_FALSE(bool(unevenGroups));
  EXPECT_EQ(llvm::toString(unevenGroups.takeError()),
            "4 latent rows a token do not divide among 3 devices");
  options.tensorParallel = 1;
  auto whole = buildBlockModule(&context, model.spec, options);
  ASSERT_FALSE(bool(whole));
  EXPECT_EQ(llvm::toString(whole.takeError()),
            "no model says how several latent rows a token are made of its "
            "hidden state; only the attention is written out");
}

// Each device has the latent rows that its heads read.
TEST(BlockModule, GroupsOfADevice) {
  Random random(1);
  Model model(0, 4, true, false, random);
  model.spec.attention.qHeads = 16;
  model.spec.attention.kvHeads = 4;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  BlockOptions options;
  options.part = BlockOptions::Part::Attention;
  for (std::pair<int64_t, int64_t> share :
       {std::pair(1, 4), {2, 2}, {4, 1}, {8, 1}}) {
    int64_t devices = share.first, groups = share.second;
    options.tensorParallel = devices;
    auto module = buildBlockModule(&context, model.spec, options);
    ASSERT_TRUE(bool(module)) << llvm::toString(module.takeError());
    auto func = *(*module)->getOps<mlir::func::FuncOp>().begin();
    auto rows = mlir::cast<mlir::RankedTensorType>(func.getArgumentTypes()[1]);
    if (groups == 1) {
      EXPECT_EQ(rows.getRank(), 3);
    } else {
      ASSERT_EQ(rows.getRank(), 4);
      EXPECT_EQ(rows.getDimSize(2), groups);
    }
    func.walk([&](DecompressOp op) {
      EXPECT_EQ(op.getType().getDimSize(2), 16 / devices);
    });
  }
}

TEST(ParseShape, LatentRows) {
  auto spec = parseShape("gla:128/2/256+64");
  ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
  EXPECT_EQ(spec->qHeads, 128);
  EXPECT_EQ(spec->kvHeads, 2);
  EXPECT_EQ(spec->kDim, 320);
  EXPECT_EQ(spec->vDim, 256);
  EXPECT_TRUE(spec->vInK);
  EXPECT_EQ(spec->latent->nope, 128);
  EXPECT_EQ(spec->latent->v, 128);
  auto uneven = parseShape("gla:128/3/256+64");
  ASSERT_FALSE(bool(uneven));
  EXPECT_EQ(llvm::toString(uneven.takeError()),
            "shape 'gla:128/3/256+64': groups must divide query heads");
  for (const char *text : {"gla:128/256+64", "gla:128/2/256",
                           "gla:128/0/256+64", "mla:128/2/256+64"}) {
    auto refused = parseShape(text);
    ASSERT_FALSE(bool(refused));
    EXPECT_NE(llvm::toString(refused.takeError()).find("is none of"),
              std::string::npos);
  }
}
