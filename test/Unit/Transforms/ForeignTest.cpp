//===- ForeignTest.cpp - Other projects' ops compute the same ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each op's own documentation says, written out in float64 over its own
// layout, against what attn-raise makes of it, interpreted. The dims are drawn.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn::test;
using attn::interp::Tensor;
using attn::interp::Value;
using attn::interp::test::expectNear;
using attn::interp::test::Random;
using attn::interp::test::randomInt;
using attn::interp::test::randomTensor;
using attn::interp::test::tensorType;
using llvm::formatv;

namespace {
/// Softmax attention over `[B, heads, tokens, D]`, as every one of the ops
/// defines it for its own idea of what is visible.
struct Definition {
  double scale = 1, softcap = 0;
  std::function<bool(int64_t b, int64_t i, int64_t j)> visible;
  std::vector<double> sinks; ///< one for each head, or none

  Tensor operator()(const Tensor &q, const Tensor &k, const Tensor &v) const;
};
} // namespace

Tensor Definition::operator()(const Tensor &q, const Tensor &k,
                              const Tensor &v) const {
  int64_t group = q.shape[1] / k.shape[1];
  Tensor out = Tensor::zeros({q.shape[0], q.shape[1], q.shape[2], v.shape[3]});
  for (int64_t b = 0; b < q.shape[0]; ++b)
    for (int64_t h = 0; h < q.shape[1]; ++h)
      for (int64_t i = 0; i < q.shape[2]; ++i) {
        double sum = sinks.empty() ? 0 : std::exp(sinks[h]);
        for (int64_t j = 0; j < k.shape[2]; ++j) {
          if (!visible(b, i, j))
            continue;
          double x = 0;
          for (int64_t d = 0; d < q.shape[3]; ++d)
            x += q.at(b, h, i, d) * k.at(b, h / group, j, d);
          x *= scale;
          if (softcap != 0)
            x = softcap * std::tanh(x / softcap);
          sum += std::exp(x);
          for (int64_t d = 0; d < v.shape[3]; ++d)
            out.at(b, h, i, d) += std::exp(x) * v.at(b, h / group, j, d);
        }
        for (int64_t d = 0; d < v.shape[3]; ++d)
          out.at(b, h, i, d) = sum == 0 ? 0 : out.at(b, h, i, d) / sum;
      }
  return out;
}

/// Axis i of the result is axis `axes[i]` of four.
static Tensor permuted(const Tensor &tensor, std::array<int64_t, 4> axes) {
  Tensor result = Tensor::zeros({tensor.shape[axes[0]], tensor.shape[axes[1]],
                                 tensor.shape[axes[2]], tensor.shape[axes[3]]});
  std::array<int64_t, 4> at;
  for (at[0] = 0; at[0] < result.shape[0]; ++at[0])
    for (at[1] = 0; at[1] < result.shape[1]; ++at[1])
      for (at[2] = 0; at[2] < result.shape[2]; ++at[2])
        for (at[3] = 0; at[3] < result.shape[3]; ++at[3]) {
          std::array<int64_t, 4> from;
          for (int64_t i = 0; i < 4; ++i)
            from[axes[i]] = at[i];
          result.at(at[0], at[1], at[2], at[3]) =
              tensor.at(from[0], from[1], from[2], from[3]);
        }
  return result;
}

/// `[B, heads, T, D]` as `[B, T, heads * D]`.
static Tensor flat(const Tensor &tensor) {
  Tensor result = permuted(tensor, {0, 2, 1, 3});
  result.shape = {result.shape[0], result.shape[1],
                  result.shape[2] * result.shape[3]};
  return result;
}

/// `a` and `b` one after the other along the tokens of `[B, heads, T, D]`.
static Tensor appended(const Tensor &a, const Tensor &b) {
  Tensor result = Tensor::zeros(
      {a.shape[0], a.shape[1], a.shape[2] + b.shape[2], a.shape[3]});
  for (int64_t n = 0; n < a.shape[0]; ++n)
    for (int64_t h = 0; h < a.shape[1]; ++h)
      for (int64_t t = 0; t < result.shape[2]; ++t)
        for (int64_t d = 0; d < a.shape[3]; ++d)
          result.at(n, h, t, d) =
              t < a.shape[2] ? a.at(n, h, t, d) : b.at(n, h, t - a.shape[2], d);
  return result;
}

/// Raises the only op of the function, which must succeed, and interprets it.
static llvm::SmallVector<Value> raiseAndRun(const std::string &ir,
                                            llvm::ArrayRef<Value> arguments) {
  context().allowUnregisteredDialects();
  llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes;
  passes.push_back(attn::createAttnRaise());
  auto module = compile(ir, std::move(passes));
  if (!module)
    return {};
  EXPECT_EQ(count<attn::AttendOp>(*module), 1) << ir;
  return run(*module, arguments);
}

static void expectResults(const std::string &ir,
                          llvm::ArrayRef<Value> arguments,
                          llvm::ArrayRef<Tensor> expected) {
  llvm::SmallVector<Value> actual = raiseAndRun(ir, arguments);
  ASSERT_EQ(actual.size(), expected.size()) << ir;
  for (auto [have, want] : llvm::zip(actual, expected))
    expectNear(std::get<Tensor>(have), want, 1e-6); // the scale is f32
}

static std::string typesOf(llvm::ArrayRef<Tensor> tensors) {
  std::string text;
  for (const Tensor &tensor : tensors)
    text += (text.empty() ? "" : ", ") + tensorType(tensor.shape);
  return text;
}

namespace {
struct Case {
  explicit Case(Random &random)
      : batch(randomInt(1, 3, random)), kvHeads(randomInt(1, 3, random)),
        heads(kvHeads * randomInt(1, 3, random)),
        queries(randomInt(1, 4, random)),
        tokens(queries + randomInt(0, 3, random)),
        kDim(randomInt(1, 5, random)), vDim(randomInt(1, 5, random)) {}

  Tensor query(Random &random) const {
    return randomTensor({batch, heads, queries, kDim}, random);
  }
  Tensor rows(int64_t count, int64_t width, Random &random) const {
    return randomTensor({batch, kvHeads, count, width}, random);
  }

  int64_t batch, kvHeads, heads, queries, tokens, kDim, vDim;
};
} // namespace

/// Twenty cases of their own seeds.
static void forCases(llvm::function_ref<void(const Case &, Random &)> check) {
  uint64_t seed = testSeed();
  for (int i = 0; i < 20 && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "ATTN_TEST_SEED=" << seed);
    Random random(seed++);
    Case problem(random);
    check(problem, random);
  }
}

// ONNX: query i sees j <= i, however many tokens there are.
TEST(Foreign, OnnxCausal) {
  forCases([](const Case &c, Random &random) {
    Tensor q = c.query(random), k = c.rows(c.tokens, c.kDim, random);
    Tensor v = c.rows(c.tokens, c.vDim, random);
    Definition definition;
    definition.scale = 0.75;
    definition.softcap = 1.5;
    definition.visible = [](int64_t, int64_t i, int64_t j) { return j <= i; };
    Tensor y = definition(q, k, v);
    expectResults(
        formatv("func.func @f(%q: {0}, %k: {1}, %v: {2}) -> {3} {{\n"
                "%y = \"onnx.Attention\"(%q, %k, %v) {{is_causal = 1 : si64, "
                "scale = 0.75 : f32, softcap = 1.5 : f32} : ({4}) -> {3}\n"
                "return %y : {3}\n}",
                tensorType(q.shape), tensorType(k.shape), tensorType(v.shape),
                tensorType(y.shape), typesOf({q, k, v})),
        {q, k, v}, {y});
  });
}

// Flat inputs behind a cache: query i sees j <= i + past; the cache grows by
// all new tokens.
TEST(Foreign, OnnxPast) {
  forCases([](const Case &c, Random &random) {
    int64_t past = randomInt(1, 4, random);
    Tensor q = c.query(random), k = c.rows(c.tokens, c.kDim, random);
    Tensor v = c.rows(c.tokens, c.vDim, random);
    Tensor pk = c.rows(past, c.kDim, random), pv = c.rows(past, c.vDim, random);
    Definition definition;
    definition.scale = 1 / std::sqrt(double(c.kDim));
    definition.visible = [&](int64_t, int64_t i, int64_t j) {
      return j <= i + past;
    };
    Tensor nk = appended(pk, k), nv = appended(pv, v);
    Tensor y = flat(definition(q, nk, nv));
    Tensor fq = flat(q), fk = flat(k), fv = flat(v);
    expectResults(
        formatv(
            "func.func @f(%q: {0}, %k: {1}, %v: {2}, %pk: {3}, %pv: {4}) -> "
            "({5}) {{\n%none = \"onnx.NoValue\"() {{value} : () -> none\n"
            "%y:3 = \"onnx.Attention\"(%q, %k, %v, %none, %pk, %pv) "
            "{{is_causal = 1 : si64, q_num_heads = {6} : si64, kv_num_heads "
            "= {7} : si64} : ({0}, {1}, {2}, none, {3}, {4}) -> ({5})\n"
            "return %y#0, %y#1, %y#2 : {5}\n}",
            tensorType(fq.shape), tensorType(fk.shape), tensorType(fv.shape),
            tensorType(pk.shape), tensorType(pv.shape), typesOf({y, nk, nv}),
            c.heads, c.kvHeads),
        {fq, fk, fv, pk, pv}, {y, nk, nv});
  });
}

// An external cache: sequence b has n tokens, and query i sees j <= i + n - S;
// a query that sees none gives 0.
TEST(Foreign, OnnxLengths) {
  forCases([](const Case &c, Random &random) {
    Tensor q = c.query(random), k = c.rows(c.tokens, c.kDim, random);
    Tensor v = c.rows(c.tokens, c.vDim, random);
    Tensor n = Tensor::zeros({c.batch});
    for (double &length : n.data)
      length = randomInt(0, c.tokens, random);
    Definition definition;
    definition.scale = 1 / std::sqrt(double(c.kDim));
    definition.visible = [&](int64_t b, int64_t i, int64_t j) {
      return j < n.at(b) && j <= i + n.at(b) - c.queries;
    };
    Tensor y = definition(q, k, v);
    expectResults(
        formatv("func.func @f(%q: {0}, %k: {1}, %v: {2}, %n: {3}) -> {4} {{\n"
                "%none = \"onnx.NoValue\"() {{value} : () -> none\n"
                "%y = \"onnx.Attention\"(%q, %k, %v, %none, %none, %none, %n) "
                "{{is_causal = 1 : si64} : ({0}, {1}, {2}, none, none, none, "
                "{3}) -> {4}\nreturn %y : {4}\n}",
                tensorType(q.shape), tensorType(k.shape), tensorType(v.shape),
                tensorType(n.shape, "i64"), tensorType(y.shape)),
        {q, k, v, n}, {y});
  });
}

// A mask of ones and zeros, which is a window by chance of its elements.
TEST(Foreign, OnnxConstantMask) {
  forCases([](const Case &c, Random &random) {
    int64_t window = randomInt(1, c.tokens, random);
    Tensor q = c.query(random), k = c.rows(c.tokens, c.kDim, random);
    Tensor v = c.rows(c.tokens, c.vDim, random);
    Definition definition;
    definition.scale = 1 / std::sqrt(double(c.kDim));
    definition.visible = [&](int64_t, int64_t i, int64_t j) {
      int64_t current = i + c.tokens - c.queries;
      return j <= current && j > current - window;
    };
    std::string elements;
    for (int64_t i = 0; i < c.queries; ++i) {
      elements += i ? ", [" : "[";
      for (int64_t j = 0; j < c.tokens; ++j)
        elements += std::string(j ? ", " : "") +
                    (definition.visible(0, i, j) ? "true" : "false");
      elements += "]";
    }
    Tensor y = definition(q, k, v);
    expectResults(
        formatv(
            "func.func @f(%q: {0}, %k: {1}, %v: {2}) -> {3} {{\n"
            "%m = arith.constant dense<[{4}]> : {5}\n"
            "%y = \"onnx.Attention\"(%q, %k, %v, %m) : ({0}, {1}, {2}, {5}) "
            "-> {3}\nreturn %y : {3}\n}",
            tensorType(q.shape), tensorType(k.shape), tensorType(v.shape),
            tensorType(y.shape), elements,
            tensorType({c.queries, c.tokens}, "i1")),
        {q, k, v}, {y});
  });
}

// PyTorch: `tril(ones(L, S))`, and KV heads repeated in runs.
TEST(Foreign, TorchCausalGrouped) {
  forCases([](const Case &c, Random &random) {
    Tensor q = c.query(random), k = c.rows(c.tokens, c.kDim, random);
    Tensor v = c.rows(c.tokens, c.vDim, random);
    Definition definition;
    definition.scale = 1 / std::sqrt(double(c.kDim));
    definition.visible = [](int64_t, int64_t i, int64_t j) { return j <= i; };
    Tensor y = definition(q, k, v);
    expectResults(
        formatv(
            "func.func @f(%q: {0}, %k: {1}, %v: {2}) -> {3} {{\n"
            "%none = \"torch.constant.none\"() : () -> !torch.none\n"
            "%zero = \"torch.constant.float\"() <{{value = 0.0 : f64}> : () -> "
            "!torch.float\n"
            "%true = \"torch.constant.bool\"() <{{value = true}> : () -> "
            "!torch.bool\n"
            "%y = \"torch.aten.scaled_dot_product_attention\"(%q, %k, %v, "
            "%none, "
            "%zero, %true, %none, %true) : ({0}, {1}, {2}, !torch.none, "
            "!torch.float, !torch.bool, !torch.none, !torch.bool) -> {3}\n"
            "return %y : {3}\n}",
            tensorType(q.shape), tensorType(k.shape), tensorType(v.shape),
            tensorType(y.shape)),
        {q, k, v}, {y});
  });
}

// IREE: whatever the maps say; here tokens before heads in K, and V transposed.
TEST(Foreign, IreeMaps) {
  forCases([](const Case &c, Random &random) {
    int64_t group = c.heads / c.kvHeads;
    Tensor q = c.query(random), k = c.rows(c.tokens, c.kDim, random);
    Tensor v = c.rows(c.tokens, c.vDim, random);
    Definition definition;
    definition.scale = 0.75;
    definition.visible = [](int64_t, int64_t, int64_t) { return true; };
    Tensor y = definition(q, k, v), q5 = q, y5 = y;
    q5.shape = {c.batch, c.kvHeads, group, c.queries, c.kDim};
    y5.shape = {c.batch, c.kvHeads, group, c.queries, c.vDim};
    Tensor kt = permuted(k, {0, 2, 1, 3}), vt = permuted(v, {0, 1, 3, 2});
    std::string map = "affine_map<(b, h, g, m, n, x, t) -> ";
    expectResults(
        formatv("func.func @f(%q: {0}, %k: {1}, %v: {2}) -> {3} {{\n"
                "%s = arith.constant 0.75 : f32\n%init = tensor.empty() : {3}\n"
                "%y = \"iree_linalg_ext.attention\"(%q, %k, %v, %s, %init) "
                "<{{indexing_maps = [{4}(b, h, g, m, x)>, {4}(b, t, h, x)>, "
                "{4}(b, h, n, t)>, {4}()>, {4}(b, h, g, m, n)>]}> ({{\n"
                "^bb0(%x: f32):\n\"iree_linalg_ext.yield\"(%x) : (f32) -> ()\n"
                "}) : ({0}, {1}, {2}, f32, {3}) -> {3}\nreturn %y : {3}\n}",
                tensorType(q5.shape), tensorType(kt.shape),
                tensorType(vt.shape), tensorType(y5.shape), map),
        {q5, kt, vt}, {y5});
  });
}

// ONNX Runtime: the causal mask is aligned at the last token; the window counts
// the current one; sinks add to the denominator.
TEST(Foreign, OrtGroupQueryAttention) {
  forCases([](const Case &c, Random &random) {
    int64_t past = randomInt(1, 4, random), window = randomInt(1, 5, random);
    Tensor q = c.query(random), k = c.rows(c.queries, c.kDim, random);
    Tensor v = c.rows(c.queries, c.kDim, random);
    Tensor pk = c.rows(past, c.kDim, random), pv = c.rows(past, c.kDim, random);
    Tensor sink = randomTensor({c.heads}, random);
    Definition definition;
    definition.scale = 0.75;
    definition.softcap = 1.5;
    definition.sinks = sink.data;
    definition.visible = [&](int64_t, int64_t i, int64_t j) {
      return j <= past + i && past + i - j < window;
    };
    Tensor nk = appended(pk, k), nv = appended(pv, v);
    Tensor y = flat(definition(q, nk, nv));
    Tensor fq = flat(q), fk = flat(k), fv = flat(v);
    std::string lengths = tensorType({c.batch}, "i32");
    expectResults(
        formatv(
            "func.func @f(%q: {0}, %k: {1}, %v: {2}, %pk: {3}, %pv: {4}, %s: "
            "{5}) -> ({6}) {{\n%none = \"onnx.NoValue\"() {{value} : () -> "
            "none\n"
            "%n = arith.constant dense<{7}> : {8}\n"
            "%y:3 = \"onnx.Custom\"(%q, %k, %v, %pk, %pv, %n, %n, %none, "
            "%none, "
            "%none, %none, %s) {{function_name = \"GroupQueryAttention\", "
            "domain_name = \"com.microsoft\", num_heads = {9} : si64, "
            "kv_num_heads = {10} : si64, scale = 0.75 : f32, softcap = 1.5 : "
            "f32, local_window_size = {11} : si64} : ({0}, {1}, {2}, {3}, {4}, "
            "{8}, {8}, none, none, none, none, {5}) -> ({6})\n"
            "return %y#0, %y#1, %y#2 : {6}\n}",
            tensorType(fq.shape), tensorType(fk.shape), tensorType(fv.shape),
            tensorType(pk.shape), tensorType(pv.shape), tensorType(sink.shape),
            typesOf({y, nk, nv}), past + c.queries - 1, lengths, c.heads,
            c.kvHeads, window),
        {fq, fk, fv, pk, pv, sink}, {y, nk, nv});
  });
}

// The same over Q, K and V in one tensor, with one more exp(0) below.
TEST(Foreign, OrtPackedSmoothSoftmax) {
  forCases([](const Case &c, Random &random) {
    Tensor q = c.query(random), k = c.rows(c.queries, c.kDim, random);
    Tensor v = c.rows(c.queries, c.kDim, random);
    Definition definition;
    definition.scale = 1 / std::sqrt(double(c.kDim));
    definition.sinks.assign(c.heads, 0.0);
    definition.visible = [](int64_t, int64_t i, int64_t j) { return j <= i; };
    Tensor y = flat(definition(q, k, v));
    Tensor parts[] = {flat(q), flat(k), flat(v)};
    Tensor packed =
        Tensor::zeros({c.batch, c.queries, (c.heads + 2 * c.kvHeads) * c.kDim});
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t s = 0; s < c.queries; ++s) {
        int64_t column = 0;
        for (const Tensor &part : parts)
          for (int64_t d = 0; d < part.shape[2]; ++d)
            packed.at(b, s, column++) = part.at(b, s, d);
      }
    std::string lengths = tensorType({c.batch}, "i32");
    expectResults(
        formatv("func.func @f(%q: {0}) -> {1} {{\n"
                "%none = \"onnx.NoValue\"() {{value} : () -> none\n"
                "%n = arith.constant dense<{2}> : {3}\n"
                "%y = \"onnx.Custom\"(%q, %none, %none, %none, %none, %n, %n) "
                "{{function_name = \"GroupQueryAttention\", domain_name = "
                "\"com.microsoft\", num_heads = {4} : si64, kv_num_heads = {5} "
                ": si64, smooth_softmax = 1 : si64} : ({0}, none, none, none, "
                "none, {3}, {3}) -> {1}\nreturn %y : {1}\n}",
                tensorType(packed.shape), tensorType(y.shape), c.queries - 1,
                lengths, c.heads, c.kvHeads),
        {packed}, {y});
  });
}
