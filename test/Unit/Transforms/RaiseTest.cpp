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

/// Interprets each function of a lit test before and after `passes`, and says
/// how many were raised.
static int
raiseAll(llvm::StringRef file,
         llvm::function_ref<llvm::SmallVector<std::unique_ptr<mlir::Pass>>()>
             passes) {
  auto text = llvm::MemoryBuffer::getFile(
      (ATTN_TEST_DIR "/Dialect/Attn/" + file).str());
  if (!text) {
    ADD_FAILURE() << "the lit test is missing";
    return 0;
  }
  llvm::SmallVector<llvm::StringRef> parts;
  (*text)->getBuffer().split(parts, "// -----");
  int raised = 0;
  uint64_t seed = testSeed();
  for (llvm::StringRef part : parts) {
    auto original = compile(part), rewritten = compile(part, passes());
    if (!original || !rewritten)
      return 0;
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
    auto expected = run(*original, arguments);
    auto actual = run(*rewritten, arguments);
    if (expected.size() != 1 || actual.size() != 1)
      return 0;
    interp::test::expectNear(std::get<interp::Tensor>(actual[0]),
                             std::get<interp::Tensor>(expected[0]), 1e-9);
  }
  return raised;
}

TEST(Raise, LitFunctionsComputeTheSame) {
  auto raise = [] {
    llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes;
    passes.push_back(createAttnRaise());
    return passes;
  };
  EXPECT_EQ(raiseAll("raise.mlir", raise), 2);
  EXPECT_EQ(raiseAll("raise-latent.mlir", raise), 1);
  EXPECT_EQ(raiseAll("raise-latent-groups.mlir", raise), 1);
}

// From plain linalg to attention over latent rows.
TEST(Raise, AbsorbedLinalgComputesTheSame) {
  auto raiseAndAbsorb = [] {
    llvm::SmallVector<std::unique_ptr<mlir::Pass>> passes;
    passes.push_back(createAttnRaise());
    passes.push_back(createAttnAbsorb());
    return passes;
  };
  EXPECT_EQ(raiseAll("raise-latent.mlir", raiseAndAbsorb), 1);
  EXPECT_EQ(raiseAll("raise-latent-groups.mlir", raiseAndAbsorb), 1);
}
