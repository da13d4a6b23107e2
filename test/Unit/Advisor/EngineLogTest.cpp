//===- EngineLogTest.cpp - Logs that people posted, and made-up ones ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The logs marked "from" are lines that people posted; the others are made up
// from the formulas, to test their limits.
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/EngineLog.h"
#include "TestSetup.h"

using namespace attn;
using namespace attn::advisor;

/// Whether the log agrees; none where it cannot be checked.
static std::optional<bool> agrees(llvm::StringRef log, const std::string &model,
                                  const Deployment &setup) {
  auto check = checkEngineLog(parseEngineLog(log), setup, modelNamed(model));
  if (check)
    return check->agrees;
  llvm::consumeError(check.takeError());
  return std::nullopt;
}

// From vllm-project/vllm#10517.
static const char *kOldVLLM =
    "Memory profiling results: total_gpu_memory=23.58GiB "
    "initial_memory_usage=15.34GiB kv_cache_size=3.81GiB "
    "gpu_memory_utilization=0.90\nGPU blocks: 1952, # CPU blocks: 2048\n"
    "Maximum concurrency for 20000 tokens per request: 1.56x\n";

TEST(EngineLog, PostedVLLM) {
  Deployment setup = setupWith({"bf16"}, 1);
  EXPECT_EQ(agrees(kOldVLLM, "llama-3.1-8b", setup), true);
  EXPECT_EQ(agrees(kOldVLLM, "llama-2-7b", setup), false);
  setup = setupWith({"fp8"}, 1);
  EXPECT_EQ(agrees(kOldVLLM, "llama-3.1-8b", setup), false);
}

TEST(EngineLog, PostedSGLang) {
  // From a pull request on sgl-project/sglang: Llama-3.1-8B-Instruct.
  const char *llama = "[2025-03-25 16:37:06 TP0] KV Cache is allocated. "
                      "#tokens: 442750, K size: 27.02 GB, V size: 27.02 GB\n";
  // From a log of a Qwen3 reranker of 0.6B.
  const char *qwen = "KV Cache is allocated. dtype: torch.bfloat16, #tokens: "
                     "1131687, K size: 60.44 GB, V size: 60.44 GB\n";
  Deployment setup = setupWith({"bf16"}, 1);
  setup.layout.page = 1;
  EXPECT_EQ(agrees(llama, "llama-3.1-8b", setup), true);
  EXPECT_EQ(agrees(qwen, "qwen3-0.6b", setup), true);
  EXPECT_EQ(agrees(llama, "qwen3-0.6b", setup), false);
  setup.layout.tp = 2;
  EXPECT_EQ(agrees(llama, "llama-3.1-8b", setup), false);
}

TEST(EngineLog, NewVLLM) {
  Deployment setup = setupWith({"bf16"}, 8);
  setup.layout.page = 64;
  // 20 GiB / (64 * 70272) = 4774.9 blocks: the latent is on every device.
  auto log = [](int64_t tokens) {
    return llvm::formatv("Available KV cache memory: 20.00 GiB\n"
                         "GPU KV cache size: {0:N} tokens\n",
                         tokens)
        .str();
  };
  EXPECT_EQ(agrees(log(4774 * 64), "deepseek-v3", setup), true);
  EXPECT_EQ(agrees(log(4760 * 64), "deepseek-v3", setup), false);
  EXPECT_EQ(agrees(log(4774 * 64 * 8), "deepseek-v3", setup), false);
  setup.layout.dcp = 8;
  EXPECT_EQ(agrees(log(4774 * 64 * 8), "deepseek-v3", setup), true);
}

TEST(EngineLog, LatentOfSGLang) {
  Deployment setup = setupWith({"bf16"}, 8);
  EngineLog log = parseEngineLog(
      "KV Cache is allocated. #tokens: 1000000, KV size: 65.45 GB\n");
  EXPECT_EQ(log.kvGiB, 65.45);
  EXPECT_FALSE(log.vGiB);
  auto check = checkEngineLog(log, setup, modelNamed("deepseek-v3"));
  ASSERT_TRUE(bool(check));
  EXPECT_TRUE(check->agrees); // 1e6 * 70272 / 2^30 = 65.446
}

TEST(EngineLog, RefusedWhereItCannotTell) {
  Deployment setup = setupWith({"bf16"}, 1);
  EXPECT_EQ(agrees("nothing of use\n", "llama-3.1-8b", setup), std::nullopt);
  EXPECT_EQ(agrees("GPU KV cache size: 1,000 tokens\n", "llama-3.1-8b", setup),
            std::nullopt);
  EXPECT_EQ(agrees(kOldVLLM, "gemma-3-27b", setup), std::nullopt);
  EXPECT_EQ(agrees(kOldVLLM, "qwen3.5-27b", setup), std::nullopt);
}
