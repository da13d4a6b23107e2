//===- DeploymentTest.cpp - Steps, room and refusals
//---------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSetup.h"

using namespace attn;
using namespace attn::advisor;

TEST(Deployment, RoomOfADevice) {
  Deployment setup = setupWith({"bf16"}, 2);
  EXPECT_DOUBLE_EQ(setup.cacheRoom(), 141e9 * 0.9 - 70e9);
  setup.layout.tp = 1;
  EXPECT_EQ(setup.cacheRoom(), 0);
}

TEST(Deployment, LongestContextIsTheLastThatFits) {
  Deployment setup = setupWith({"bf16"}, 2);
  model::ModelSpec spec = modelNamed("llama-2-70b");
  for (int64_t batch : {1, 3, 8}) {
    int64_t context = longestContext(setup, spec, setup.types[0], batch);
    EXPECT_TRUE(fits(setup, spec, setup.types[0], batch, context));
    EXPECT_FALSE(fits(setup, spec, setup.types[0], batch, context + 1));
  }
}

TEST(Deployment, LargestBatchIsTheLastThatFits) {
  Deployment setup = setupWith({"bf16"}, 2);
  setup.dp = 3;
  model::ModelSpec spec = modelNamed("llama-2-70b");
  int64_t batch = largestBatch(setup, spec, setup.types[0], 32768);
  EXPECT_EQ(batch, 30);
  EXPECT_TRUE(fits(setup, spec, setup.types[0], batch, 32768));
  EXPECT_FALSE(fits(setup, spec, setup.types[0], batch + 1, 32768));
}

TEST(Deployment, StepOfLlama70B) {
  Deployment setup = setupWith({"bf16"}, 1);
  auto step = stepOf(setup, modelNamed("llama-2-70b"), setup.types[0], 1, 4096);
  EXPECT_EQ(step->kvBytes, 327680.0 * 4096);
  EXPECT_EQ(step->flops, 80.0 * 2 * 64 * 4096 * 256);
  EXPECT_FALSE(step->mathBound);
  EXPECT_NEAR(step->attentionSeconds, (step->kvBytes + step->ioBytes) / 4.8e12,
              1e-12);
  EXPECT_NEAR(step->weightSeconds, 140e9 / 4.8e12, 1e-12);
}

TEST(Deployment, LatentWithManyHeadsIsBoundByArithmetic) {
  // 242 FLOP per byte against the H200's ridge of 206, and the H20's of 37.
  Deployment setup = setupWith({"bf16"}, 1);
  model::ModelSpec spec = modelNamed("deepseek-v3");
  EXPECT_TRUE(stepOf(setup, spec, setup.types[0], 8, 131072)->mathBound);
  setup.layout.tp = 8; // 16 heads a device: 30 FLOP per byte
  EXPECT_FALSE(stepOf(setup, spec, setup.types[0], 8, 131072)->mathBound);
}

TEST(Deployment, Refusals) {
  auto reasonOf = [](const std::string &model, const Deployment &setup) {
    auto report = advise(setup, modelNamed(model));
    return report ? "" : llvm::toString(report.takeError());
  };
  Deployment setup = setupWith({"fp8_ds_mla"}, 1);
  EXPECT_NE(reasonOf("llama-2-70b", setup).find("latent"), std::string::npos);
  setup = setupWith({"bf16"}, 3);
  EXPECT_NE(reasonOf("llama-2-70b", setup).find("tp 3 does not divide"),
            std::string::npos);
  setup = setupWith({"bf16"}, 8);
  setup.layout.dcp = 2;
  EXPECT_NE(reasonOf("llama-2-70b", setup).find("dcp 2 exceeds"),
            std::string::npos);
  setup = setupWith({"bf16"}, 1);
  setup.batches = {1, 1 << 20};
  setup.contexts = {1 << 20};
  EXPECT_EQ(reasonOf("deepseek-v3", setup), "");
  setup.contexts = {1 << 21};
  EXPECT_NE(reasonOf("deepseek-v3", setup).find("2^40 tokens"),
            std::string::npos);
  setup = setupWith({"bf16"}, 1);
  setup.qLen = 5000;
  EXPECT_FALSE(reasonOf("deepseek-v3", setup).empty());
}
