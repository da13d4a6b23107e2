//===- EngineLog.cpp - Holding engines' logs to our bytes -----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Advisor/EngineLog.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Regex.h"
#include <cmath>

using namespace attn;
using namespace attn::advisor;
using llvm::createStringError;
using llvm::StringRef;

/// The first group of `pattern` in `line`, without commas.
static std::string captured(StringRef line, const char *pattern) {
  llvm::SmallVector<StringRef> groups;
  if (!llvm::Regex(pattern).match(line, &groups))
    return "";
  std::string text = groups[1].str();
  llvm::erase(text, ',');
  return text;
}

static void take(StringRef line, const char *pattern,
                 std::optional<double> &to) {
  double value;
  if (!StringRef(captured(line, pattern)).getAsDouble(value))
    to = value;
}

static void take(StringRef line, const char *pattern,
                 std::optional<int64_t> &to) {
  int64_t value;
  if (!StringRef(captured(line, pattern)).getAsInteger(10, value))
    to = value;
}

EngineLog advisor::parseEngineLog(StringRef text) {
  EngineLog log;
  for (StringRef line : llvm::split(text, '\n')) {
    take(line, "Available KV cache memory: ([0-9.]+) GiB", log.availableGiB);
    take(line, "kv_cache_size=([0-9.]+)GiB", log.availableGiB);
    take(line, "GPU KV cache size: ([0-9,]+) tokens", log.tokens);
    take(line, "GPU blocks: ([0-9]+)", log.blocks);
    take(line, "Maximum concurrency for ([0-9,]+) tokens", log.requestTokens);
    take(line, "tokens per request: ([0-9.]+)x", log.concurrency);
    if (!line.contains("KV Cache is allocated"))
      continue;
    take(line, "#tokens: ([0-9]+)", log.tokens);
    take(line, " K size: ([0-9.]+) GB", log.kGiB);
    take(line, " V size: ([0-9.]+) GB", log.vGiB);
    take(line, " KV size: ([0-9.]+) GB", log.kvGiB);
  }
  return log;
}

namespace {
constexpr double kGiB = 1024.0 * 1024 * 1024;
/// Half of the last decimal that the engines print.
constexpr double kRounding = 0.005;

/// Bytes of a token on one device, over the layers whose cache grows.
struct TokenBytes {
  int64_t k = 0, v = 0, index = 0;
  int64_t all() const { return k + v + index; }
};

struct Checker {
  const EngineLog &log;
  const Deployment &setup;
  TokenBytes token;
  Table table{"lines",
              "Lines of the log",
              {{"line", "Line", Unit::Text},
               {"log", "Log", Unit::Count},
               {"least", "Ours, at least", Unit::Count},
               {"most", "At most", Unit::Count},
               {"agrees", "Agrees", Unit::Text}},
              {}};
  bool agrees = true;

  void row(std::string line, double said, Cell least, Cell most) {
    bool within =
        said >= *least.value.getAsNumber() && said <= *most.value.getAsNumber();
    agrees &= within;
    table.rows.push_back(
        {std::move(line), said, std::move(least), std::move(most), within});
  }

  /// Blocks that vLLM makes of the available memory, which it prints rounded.
  Cell blocks(double gib) const {
    int64_t block = token.all() * setup.layout.page;
    return computed(std::floor(gib * kGiB / double(block)),
                    "floor(available +- 0.005 GiB / (page * bytes of a token "
                    "on a device))",
                    "floor({0} * {1} / ({2} * {3}))", gib, kGiB,
                    setup.layout.page, token.all());
  }

  void checkBlocks() {
    row("# GPU blocks", double(*log.blocks),
        blocks(*log.availableGiB - kRounding),
        blocks(*log.availableGiB + kRounding));
  }

  void checkTokens() {
    double perBlock = double(setup.layout.page * setup.layout.dcp);
    double low = *blocks(*log.availableGiB - kRounding).value.getAsNumber();
    double high = *blocks(*log.availableGiB + kRounding).value.getAsNumber();
    // In newer versions the tokens are concurrency * length, which loses the
    // end of the last page of each request.
    double lost = 1;
    if (log.requestTokens)
      lost = double(*log.requestTokens) /
             (std::ceil(double(*log.requestTokens) / perBlock) * perBlock);
    row("GPU KV cache size", double(*log.tokens),
        computed(std::floor(low * perBlock * lost),
                 "floor(blocks * page * dcp * used share of a request's pages)",
                 "floor({0} * {1} * {2})", low, perBlock, lost),
        computed(high * perBlock, "blocks * page * dcp", "{0} * {1}", high,
                 perBlock));
  }

  void checkConcurrency() {
    double tokens = double(*log.tokens), each = double(*log.requestTokens);
    row("Maximum concurrency", *log.concurrency,
        computed(tokens / each * 0.999 - kRounding,
                 "tokens / length, less rounding to pages",
                 "{0} / {1} * 0.999 - 0.005", tokens, each),
        computed(tokens / each + kRounding, "tokens / length, rounded",
                 "{0} / {1} + 0.005", tokens, each));
  }

  /// SGLang allocates one page more, of padding.
  void checkSize(const char *line, double said, int64_t bytes) {
    double tokens = double(*log.tokens);
    row(line, said,
        computed(tokens * double(bytes) / kGiB - kRounding,
                 "tokens * bytes of a token on a device / 2^30, rounded",
                 "{0} * {1} / {2} - 0.005", tokens, bytes, kGiB),
        computed((tokens + double(setup.layout.page)) * double(bytes) / kGiB +
                     kRounding,
                 "(tokens + page) * bytes of a token on a device / 2^30, "
                 "rounded",
                 "({0} + {1}) * {2} / {3} + 0.005", tokens, setup.layout.page,
                 bytes, kGiB));
  }
};
} // namespace

static llvm::Expected<TokenBytes> bytesOfToken(const EngineLog &log,
                                               const Deployment &setup,
                                               const model::ModelSpec &spec) {
  TokenBytes token;
  for (const model::LayerGroup &group : spec.groups) {
    if (group.recurrent && log.availableGiB)
      return createStringError(
          "--check-log: vLLM's pages hold recurrent states as well, in numbers "
          "that the log does not show");
    if (!group.attention || group.sharesCache)
      continue;
    if (!group.growing())
      return createStringError(
          "--check-log: the layers of kind '" + group.kind +
          "' have a window; what an engine keeps of it depends on settings "
          "that the log does not show");
    model::AttentionSpec part = cost::onDevice(*group.attention, setup.layout);
    auto row = cost::bytesPerToken(part, setup.types.front().format);
    if (!row)
      return createStringError("--check-log: no such cache type here");
    int64_t all = group.count * *row;
    int64_t v = part.vInK ? 0 : all * part.vDim / (part.kDim + part.vDim);
    token.k += all - v;
    token.v += v;
    if (part.sparse)
      token.index +=
          part.sparse->layersWithIndex * cost::indexBytesPerToken(*part.sparse);
  }
  return token;
}

llvm::Expected<LogCheck> advisor::checkEngineLog(const EngineLog &log,
                                                 const Deployment &setup,
                                                 const model::ModelSpec &spec) {
  if (log.empty())
    return createStringError(
        "--check-log: none of the lines that vLLM and SGLang print on the KV "
        "cache");
  auto token = bytesOfToken(log, setup, spec);
  if (!token)
    return token.takeError();
  Checker checker{log, setup, *token};
  if (log.availableGiB && log.blocks)
    checker.checkBlocks();
  if (log.availableGiB && log.tokens)
    checker.checkTokens();
  if (log.tokens && log.requestTokens && log.concurrency)
    checker.checkConcurrency();
  if (log.tokens && log.kGiB)
    checker.checkSize("K size", *log.kGiB, token->k);
  if (log.tokens && log.vGiB)
    checker.checkSize("V size", *log.vGiB, token->v);
  if (log.tokens && log.kvGiB)
    checker.checkSize("KV size", *log.kvGiB, token->all());
  if (checker.table.rows.empty())
    return createStringError("--check-log: the log says how many tokens there "
                             "are, but not of how much memory");
  LogCheck check;
  check.agrees = checker.agrees;
  check.section.key = "log";
  check.section.title = "The engine's log";
  check.section.paragraphs = {llvm::formatv(
      "{0} bytes of a token on a device, type {1}, pages of {2}: the log {3}.",
      token->all(), setup.types.front().name, setup.layout.page,
      check.agrees ? "agrees" : "does NOT agree")};
  check.section.tables = {std::move(checker.table)};
  return check;
}
