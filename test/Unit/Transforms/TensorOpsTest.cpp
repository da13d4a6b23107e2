//===- TensorOpsTest.cpp - The oracle on tensor and linalg ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the equivalence tests rest on, against numbers worked out by hand.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "attn/Interpreter/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;
using interp::Tensor;

/// The result of a function of one 2x3 tensor, 1 to 6.
static Tensor runOn123456(llvm::StringRef body, llvm::StringRef type) {
  auto module =
      compile("func.func @f(%x: tensor<2x3xf32>) -> " + type.str() + " {\n" +
              body.str() + "\nreturn %r : " + type.str() + "\n}");
  if (!module)
    return {};
  auto results = run(*module, {Tensor{{2, 3}, {1, 2, 3, 4, 5, 6}}});
  return results.empty() ? Tensor() : std::get<Tensor>(results[0]);
}

static std::string errorOn123456(llvm::StringRef ir) {
  auto module = compile(ir);
  if (!module)
    return "";
  auto results =
      interp::interpret(*module->getOps<mlir::func::FuncOp>().begin(),
                        {Tensor{{2, 3}, {1, 2, 3, 4, 5, 6}}});
  return results ? "" : llvm::toString(results.takeError());
}

using Data = std::vector<double>;

TEST(TensorOps, Shapes) {
  Tensor r = runOn123456("%r = tensor.concat dim(1) %x, %x : (tensor<2x3xf32>, "
                         "tensor<2x3xf32>) -> tensor<2x6xf32>",
                         "tensor<2x6xf32>");
  EXPECT_EQ(r.data, (Data{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  r = runOn123456("%r = tensor.extract_slice %x[1, 0] [1, 2] [1, 2] : "
                  "tensor<2x3xf32> to tensor<1x2xf32>",
                  "tensor<1x2xf32>");
  EXPECT_EQ(r.data, (Data{4, 6}));
  r = runOn123456("%c = tensor.collapse_shape %x [[0, 1]] : tensor<2x3xf32> "
                  "into tensor<6xf32>\n"
                  "%r = tensor.expand_shape %c [[0, 1]] output_shape [3, 2] : "
                  "tensor<6xf32> into tensor<3x2xf32>",
                  "tensor<3x2xf32>");
  EXPECT_EQ(r.data, (Data{1, 2, 3, 4, 5, 6}));
  r = runOn123456("%r = tensor.cast %x : tensor<2x3xf32> to tensor<?x3xf32>",
                  "tensor<?x3xf32>");
  EXPECT_EQ(r.data, (Data{1, 2, 3, 4, 5, 6}));
}

TEST(TensorOps, StructuredOps) {
  const char *transposed =
      "%e = tensor.empty() : tensor<3x2xf32>\n"
      "%t = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%e : "
      "tensor<3x2xf32>) permutation = [1, 0]\n";
  Tensor r = runOn123456(
      std::string(transposed) +
          "%z = arith.constant 0.0 : f32\n"
          "%s = tensor.empty() : tensor<2x2xf32>\n"
          "%f = linalg.fill ins(%z : f32) outs(%s : tensor<2x2xf32>) -> "
          "tensor<2x2xf32>\n"
          "%r = linalg.matmul ins(%x, %t : tensor<2x3xf32>, tensor<3x2xf32>) "
          "outs(%f : tensor<2x2xf32>) -> tensor<2x2xf32>",
      "tensor<2x2xf32>");
  EXPECT_EQ(r.data, (Data{14, 32, 32, 77}));
  r = runOn123456("%e = tensor.empty() : tensor<2x2x3xf32>\n"
                  "%r = linalg.broadcast ins(%x : tensor<2x3xf32>) outs(%e : "
                  "tensor<2x2x3xf32>) dimensions = [1]",
                  "tensor<2x2x3xf32>");
  EXPECT_EQ(r.data, (Data{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  r = runOn123456("%e = tensor.empty() : tensor<2x3xf32>\n"
                  "%r = linalg.softmax dimension(0) ins(%x : tensor<2x3xf32>) "
                  "outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>",
                  "tensor<2x3xf32>");
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(r.data[i], 1 / (1 + std::exp(3.0)), 1e-15);
    EXPECT_NEAR(r.data[i + 3], 1 / (1 + std::exp(-3.0)), 1e-15);
  }
}

TEST(TensorOps, Branches) {
  for (auto [bound, expected] : {std::pair(3, 1.0), std::pair(4, 4.0)}) {
    Tensor r =
        runOn123456("%one = arith.constant 1 : index\n"
                    "%d = tensor.dim %x, %one : tensor<2x3xf32>\n"
                    "%b = arith.constant " +
                        std::to_string(bound) +
                        " : index\n"
                        "%c = arith.cmpi slt, %d, %b : index\n"
                        "%r = scf.if %c -> (tensor<1x3xf32>) {\n"
                        "  %a = tensor.extract_slice %x[1, 0] [1, 3] [1, 1] : "
                        "tensor<2x3xf32> to tensor<1x3xf32>\n"
                        "  scf.yield %a : tensor<1x3xf32>\n"
                        "} else {\n"
                        "  %a = tensor.extract_slice %x[0, 0] [1, 3] [1, 1] : "
                        "tensor<2x3xf32> to tensor<1x3xf32>\n"
                        "  scf.yield %a : tensor<1x3xf32>\n"
                        "}",
                    "tensor<1x3xf32>");
    ASSERT_EQ(r.data.size(), 3u);
    EXPECT_EQ(r.data[0], expected);
  }
}

/// What is not filled is NaN, and what reaches past a tensor is an error.
TEST(TensorOps, RefusesToGuess) {
  Tensor r =
      runOn123456("%r = tensor.empty() : tensor<2xf32>", "tensor<2xf32>");
  for (double element : r.data)
    EXPECT_TRUE(std::isnan(element));
  std::string error = errorOn123456(
      "func.func @f(%x: tensor<?x3xf32>) -> tensor<3x3xf32> {\n"
      "  %r = tensor.extract_slice %x[0, 0] [3, 3] [1, 1] : tensor<?x3xf32> to "
      "tensor<3x3xf32>\n"
      "  return %r : tensor<3x3xf32>\n}");
  EXPECT_NE(error.find("reaches past its source"), std::string::npos) << error;
  error = errorOn123456("func.func @f(%x: tensor<2x3xf32>) -> tensor<2x3xf32> "
                        "{\n  %r = arith.addf %x, %x : tensor<2x3xf32>\n"
                        "  return %r : tensor<2x3xf32>\n}");
  EXPECT_NE(error.find("is not supported on tensors"), std::string::npos)
      << error;
}
