//===- Block.cpp - An MLA block as its model says it ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Interpreter/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <cstdlib>

using namespace attn;
using namespace attn::test;
using llvm::formatv;

using interp::Tensor;
using interp::Value;
using interp::test::Random;
using interp::test::randomInt;
using interp::test::randomTensor;

static constexpr int64_t kHidden = 6;
static constexpr int64_t kDynamic = -1;

static std::string type(llvm::ArrayRef<int64_t> shape,
                        llvm::StringRef element = "f32") {
  std::string result = "tensor<";
  for (int64_t extent : shape)
    result += (extent == kDynamic ? "?" : std::to_string(extent)) + "x";
  return result + element.str() + ">";
}

namespace {
/// Writes one function, line by line.
struct Writer {
  explicit Writer(const Block &block)
      : block(block), b(block.dynamic ? kDynamic : block.batch),
        s(block.dynamic ? kDynamic : block.queries),
        t(block.dynamic ? kDynamic : block.tokens), h(block.heads),
        width(block.nope + block.rope) {}

  std::string write();
  void broadcastRope(llvm::StringRef rows);
  void keyAndValue();
  void query();
  void attend();

  template <typename... Args>
  void line(const char *format, Args &&...args) {
    text += "  " + formatv(format, std::forward<Args>(args)...).str() + "\n";
  }
  std::string heads(int64_t tokens, int64_t width) {
    return type({b, tokens, h, width});
  }
  /// `%name = concat(a, b)` of parts `[B, tokens, H, *]`.
  void concat(llvm::StringRef name, int64_t tokens, llvm::StringRef first,
              int64_t firstWidth, llvm::StringRef second, int64_t secondWidth) {
    line("%{0} = tensor.concat dim(3) %{1}, %{2} : ({3}, {4}) -> {5}", name,
         first, second, heads(tokens, firstWidth), heads(tokens, secondWidth),
         heads(tokens, firstWidth + secondWidth));
  }
  void slice(llvm::StringRef name, llvm::StringRef source, int64_t offset,
             int64_t width, int64_t sourceWidth) {
    line("%{0} = tensor.extract_slice %{1}[0, 0, 0, {2}] [{3}, {4}, {5}, {6}] "
         "[1, 1, 1, 1] : {7} to {8}",
         name, source, offset, b == kDynamic ? "%b" : std::to_string(b),
         t == kDynamic ? "%t" : std::to_string(t), h, width,
         heads(t, sourceWidth), heads(t, width));
  }

  const Block &block;
  int64_t b, s, t, h, width;
  std::string text;
};
} // namespace

/// %kr: the rotary rows for every head.
void Writer::broadcastRope(llvm::StringRef rows) {
  int64_t rope = block.rope;
  const char *extents = block.dynamic ? "%rb, %rt" : "";
  if (block.ropePerGroup) {
    std::string all = type({b, t, block.groups, h / block.groups, rope});
    line("%init = tensor.empty({0}) : {1}", extents, all);
    line("%repeated = linalg.broadcast ins(%{0} : {1}) outs(%init : {2}) "
         "dimensions = [3]",
         rows, type({b, t, block.groups, rope}), all);
    line("%kr = tensor.collapse_shape %repeated [[0], [1], [2, 3], [4]] : {0} "
         "into {1}",
         all, heads(t, rope));
    return;
  }
  line("%init = tensor.empty({0}) : {1}", extents, heads(t, rope));
  line("%kr = linalg.broadcast ins(%{0} : {1}) outs(%init : {2}) dimensions = "
       "[2]",
       rows, type({b, t, rope}), heads(t, rope));
}

void Writer::keyAndValue() {
  int64_t rank = block.rank, nope = block.nope, rope = block.rope;
  int64_t v = block.v;
  std::string latent =
      block.groups == 1 ? type({b, t, rank}) : type({b, t, block.groups, rank});
  auto decompress = [&](llvm::StringRef name, llvm::StringRef weight,
                        int64_t width) {
    line("%{0} = attn.decompress %c, %{1} : ({2}, {3}) -> {4}", name, weight,
         latent, type({h, rank, width}), heads(t, width));
  };
  std::string flat = type({b, t, block.groups * rank});
  line("%{0} = attn.compress %hidden, %w_dkv : ({1}, {2}) -> {3}",
       block.groups == 1 ? "c" : "c_flat", type({b, t, kHidden}),
       type({kHidden, block.groups * rank}), flat);
  if (block.groups != 1)
    line("%c = tensor.expand_shape %c_flat [[0], [1], [2, 3]] output_shape "
         "[{0}, {1}, {2}, {3}] : {4} into {5}",
         b == kDynamic ? "%rb" : std::to_string(b),
         t == kDynamic ? "%rt" : std::to_string(t), block.groups, rank, flat,
         latent);
  if (block.style == Style::Combined) {
    decompress("kv", "w_ukv", nope + v);
    if (block.dynamic) {
      line("%b = tensor.dim %kv, %zero : {0}", heads(t, nope + v));
      line("%t = tensor.dim %kv, %one : {0}", heads(t, nope + v));
    }
    slice("kn", "kv", 0, nope, nope + v);
    slice("v", "kv", nope, v, nope + v);
  } else {
    decompress("kn", "w_uk", nope);
    decompress("v", "w_uv", v);
  }
  if (!rope)
    return;
  if (block.style == Style::RopeOnKey) {
    broadcastRope("k_rope");
    concat("k_raw", t, "kn", nope, "kr", rope);
    line("%k = attn.rope %k_raw, %positions {{theta = 1.0e4 : f32, offset = "
         "{0} : i64, dims = {1} : i64, interleaved} : ({2}, {3}) -> {2}",
         nope, rope, heads(t, width), type({b, t}, "i32"));
    return;
  }
  broadcastRope("k_rope");
  if (block.style == Style::RopeFirst)
    concat("k", t, "kr", rope, "kn", nope);
  else
    concat(block.style == Style::Reshaped ? "k_heads" : "k", t, "kn", nope,
           "kr", rope);
  if (block.style == Style::Reshaped) {
    std::string flat = type({b, t, h * width});
    line("%flat = tensor.collapse_shape %k_heads [[0], [1], [2, 3]] : {0} into "
         "{1}",
         heads(t, width), flat);
    line("%k = tensor.expand_shape %flat [[0], [1], [2, 3]] output_shape [{0}, "
         "{1}, {2}, {3}] : {4} into {5}",
         b == kDynamic ? "%rb" : std::to_string(b),
         t == kDynamic ? "%rt" : std::to_string(t), h, width, flat,
         heads(t, width));
  }
}

void Writer::query() {
  if (block.style == Style::SlicedQuery || !block.rope)
    return; // An argument.
  if (block.style == Style::RopeFirst)
    concat("q", s, "q_rope", block.rope, "q_nope", block.nope);
  else
    concat("q", s, "q_nope", block.nope, "q_rope", block.rope);
}

/// A bias by distance whose slope depends on the head.
static constexpr llvm::StringLiteral kAlibi = R"mlir( score {
    ^bb0(%x: f32, %batch: i32, %head: i32, %i: i32, %j: i32):
      %slope = arith.sitofp %head : i32 to f32
      %distance = arith.subi %j, %i : i32
      %df = arith.sitofp %distance : i32 to f32
      %bias = arith.mulf %slope, %df : f32
      %y = arith.addf %x, %bias : f32
      attn.yield %y : f32
    })mlir";

void Writer::attend() {
  std::string attributes =
      formatv("heads = #attn.heads<q = {0}, kv = {0}>, scale = 0.375 : f32", h);
  if (block.softcap != 0)
    attributes += formatv(", softcap = {0:e6} : f32", block.softcap);
  if (block.causal)
    attributes +=
        block.window
            ? formatv(", mask = #attn.mask<causal, window = {0}>", block.window)
                  .str()
            : std::string(", mask = #attn.mask<causal>");
  std::string key = block.rope ? "k" : "kn";
  std::string operands = "%q, %" + key + ", %v";
  std::string types =
      heads(s, width) + ", " + heads(t, width) + ", " + heads(t, block.v);
  if (block.lens) {
    operands += " lens(%lens)";
    types += ", " + type({b}, "i32");
  }
  if (block.sinks) {
    operands += " sinks(%sinks)";
    types += ", " + type({h});
  }
  std::string results = heads(s, block.v);
  if (block.lse)
    results += ", " + type({b, s, h});
  line("{0} = attn.attend {1} {{{2}}{3} : ({4}) -> ({5})",
       block.lse ? "%o, %lse" : "%o", operands, attributes,
       block.alibi ? kAlibi.str() : "", types, results);
  line("return {0} : {1}", block.lse ? "%o, %lse" : "%o", results);
}

std::string Writer::write() {
  int64_t rank = block.rank, nope = block.nope, rope = block.rope;
  line("%zero = arith.constant 0 : index");
  line("%one = arith.constant 1 : index");
  if (block.dynamic) {
    line("%rb = tensor.dim %hidden, %zero : {0}", type({b, t, kHidden}));
    line("%rt = tensor.dim %hidden, %one : {0}", type({b, t, kHidden}));
  }
  keyAndValue();
  query();
  attend();

  std::string arguments =
      formatv("%hidden: {0}, %w_dkv: {1}", type({b, t, kHidden}),
              type({kHidden, block.groups * rank}));
  auto argument = [&](llvm::StringRef name, const std::string &type) {
    arguments += formatv(", %{0}: {1}", name, type);
  };
  if (block.style == Style::Combined) {
    argument("w_ukv", type({h, rank, nope + block.v}));
  } else {
    argument("w_uk", type({h, rank, nope}));
    argument("w_uv", type({h, rank, block.v}));
  }
  if (block.style == Style::SlicedQuery || !rope) {
    argument("q", heads(s, width));
  } else {
    argument("q_nope", heads(s, nope));
    argument("q_rope", heads(s, rope));
  }
  if (rope)
    argument("k_rope", block.ropePerGroup ? type({b, t, block.groups, rope})
                                          : type({b, t, rope}));
  argument("positions", type({b, t}, "i32"));
  argument("lens", type({b}, "i32"));
  argument("sinks", type({h}));
  std::string results = heads(s, block.v);
  if (block.lse)
    results += ", " + type({b, s, h});
  return formatv("func.func @block({0}) -> ({1}) {{\n{2}}\n", arguments,
                 results, text);
}

std::string Block::ir() const { return Writer(*this).write(); }

llvm::SmallVector<Value> Block::arguments(Random &random) const {
  llvm::SmallVector<Value> result;
  auto draw = [&](std::initializer_list<int64_t> shape) {
    result.push_back(randomTensor(shape, random));
  };
  draw({batch, tokens, kHidden});
  draw({kHidden, groups * rank});
  if (style == Style::Combined) {
    draw({heads, rank, nope + v});
  } else {
    draw({heads, rank, nope});
    draw({heads, rank, v});
  }
  if (style == Style::SlicedQuery || !rope) {
    draw({batch, queries, heads, nope + rope});
  } else {
    draw({batch, queries, heads, nope});
    draw({batch, queries, heads, rope});
  }
  if (rope && ropePerGroup)
    draw({batch, tokens, groups, rope});
  else if (rope)
    draw({batch, tokens, rope});
  Tensor positions = Tensor::zeros({batch, tokens});
  for (double &position : positions.data)
    position = randomInt(0, 1000, random);
  result.push_back(positions);
  Tensor lengths = Tensor::zeros({batch});
  for (double &length : lengths.data)
    length = randomInt(0, tokens, random);
  result.push_back(lengths);
  draw({heads});
  return result;
}

std::string Block::describe() const {
  return formatv(
      "B={0} S={1} T={2} H={3} rank={4}*{17} rope={5} nope={6} v={7} "
      "style={8} dynamic={9} causal={10} lens={11} sinks={12} "
      "lse={13} alibi={14} window={15} softcap={16} rope per group={18}",
      batch, queries, tokens, heads, rank, rope, nope, v, int(style), dynamic,
      causal, lens, sinks, lse, alibi, window, softcap, groups, ropePerGroup);
}

mlir::MLIRContext &attn::test::context() {
  static mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<AttnDialect, mlir::arith::ArithDialect,
                      mlir::func::FuncDialect, mlir::linalg::LinalgDialect,
                      mlir::math::MathDialect, mlir::scf::SCFDialect,
                      mlir::tensor::TensorDialect>();
  return context;
}

mlir::OwningOpRef<mlir::ModuleOp>
attn::test::compile(llvm::StringRef ir,
                    llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(ir, &context());
  if (!module) {
    ADD_FAILURE() << "the IR does not parse:\n" << ir.str();
    return module;
  }
  mlir::PassManager manager(&context());
  for (std::unique_ptr<mlir::Pass> &pass : passes)
    manager.addPass(std::move(pass));
  if (mlir::failed(manager.run(*module))) {
    ADD_FAILURE() << "a pass failed on\n" << ir.str();
    module = nullptr;
  }
  return module;
}

llvm::SmallVector<Value> attn::test::run(mlir::ModuleOp module,
                                         llvm::ArrayRef<Value> arguments) {
  auto func = *module.getOps<mlir::func::FuncOp>().begin();
  llvm::Expected<llvm::SmallVector<Value>> results =
      interp::interpret(func, arguments);
  if (results)
    return std::move(*results);
  ADD_FAILURE() << llvm::toString(results.takeError());
  return {};
}

uint64_t attn::test::testSeed() {
  static const uint64_t seed = [] {
    const char *given = std::getenv("ATTN_TEST_SEED");
    uint64_t seed = given ? std::strtoull(given, nullptr, 10)
                          : uint64_t(std::random_device()());
    llvm::outs() << "ATTN_TEST_SEED=" << seed << "\n";
    return seed;
  }();
  return seed;
}
