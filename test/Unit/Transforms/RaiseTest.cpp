//===- RaiseTest.cpp - Raised attention computes the same -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of the lit test, interpreted as linalg and as attention.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;

TEST(Raise, LitFunctionsComputeTheSame) {
  auto file =
      llvm::MemoryBuffer::getFile(ATTN_TEST_DIR "/Dialect/Attn/raise.mlir");
  ASSERT_TRUE(bool(file)) << "the lit test is missing";
  llvm::SmallVector<llvm::StringRef> parts;
  (*file)->getBuffer().split(parts, "// -----");
  int raised = 0;
  uint64_t seed = testSeed();
  for (llvm::StringRef part : parts) {
    auto original = compile(part);
    llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes;
    passes.push_back(createAttnRaise());
    auto rewritten = compile(part, std::move(passes));
    ASSERT_TRUE(original && rewritten);
    EXPECT_EQ(count<AttendOp>(*original), 0);
    if (count<AttendOp>(*rewritten)) {
      ++raised;
      EXPECT_EQ(count<mlir::linalg::SoftmaxOp>(*rewritten), 0);
    }
    interp::test::Random random(seed++);
    llvm::SmallVector<interp::Value> arguments;
    auto func = *original->getOps<mlir::func::FuncOp>().begin();
    SCOPED_TRACE(func.getName().str());
    for (mlir::Type type : func.getArgumentTypes())
      arguments.push_back(interp::test::randomTensor(
          llvm::cast<mlir::RankedTensorType>(type).getShape(), random));
    auto expected = run(*original, arguments),
         actual = run(*rewritten, arguments);
    ASSERT_EQ(expected.size(), 1u);
    ASSERT_EQ(actual.size(), 1u);
    interp::test::expectNear(std::get<interp::Tensor>(actual[0]),
                             std::get<interp::Tensor>(expected[0]), 1e-10);
  }
  EXPECT_EQ(raised, 2);
}
