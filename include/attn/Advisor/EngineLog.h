//===- EngineLog.h - Holding engines' logs to our bytes ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether an engine's own log agrees with our bytes. Read are the lines that
// vLLM and SGLang print once at start:
//   vLLM      Available KV cache memory: 12.34 GiB
//             GPU KV cache size: 123,456 tokens
//             Maximum concurrency for 8,192 tokens per request: 15.07x
//   older     ... kv_cache_size=3.81GiB ...   and   # GPU blocks: 1952
//   SGLang    KV Cache is allocated. ... #tokens: 442750, K size: 27.02 GB,
//             V size: 27.02 GB   (or: KV size: 8.58 GB); its GB are GiB
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_ENGINELOG_H
#define ATTN_ADVISOR_ENGINELOG_H

#include "attn/Advisor/Deployment.h"
#include "attn/Advisor/Report.h"

namespace attn::advisor {

/// What a log says; the last line of each kind counts.
struct EngineLog {
  std::optional<double> availableGiB; ///< vLLM, to two decimals
  std::optional<int64_t> tokens;      ///< either engine
  std::optional<int64_t> blocks;      ///< vLLM's older engine
  std::optional<int64_t> requestTokens;
  std::optional<double> concurrency; ///< of requests of that many tokens
  std::optional<double> kGiB, vGiB;  ///< SGLang, to two decimals
  std::optional<double> kvGiB;       ///< SGLang, for latents

  bool empty() const {
    return !tokens && !blocks && !kGiB && !kvGiB && !concurrency;
  }
};

EngineLog parseEngineLog(llvm::StringRef text);

struct LogCheck {
  Section section;
  bool agrees;
};

/// Holds each line to the bytes of the type in use and the layout. An error
/// where the log has none of the lines, or where what they say depends on
/// settings that they do not show (windows; states beside pages).
llvm::Expected<LogCheck> checkEngineLog(const EngineLog &log,
                                        const Deployment &setup,
                                        const model::ModelSpec &spec);

} // namespace attn::advisor

#endif // ATTN_ADVISOR_ENGINELOG_H
