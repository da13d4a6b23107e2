//===- Ceilings.cpp - What this machine can do at best --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Ceilings.h"
#include "Loops.h"

#include <algorithm>
#include <cassert>

using namespace attn::bench;

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// Appends a chunk, joined to the last one where it continues it.
static void append(Pattern &pattern, Chunk chunk) {
  if (!pattern.empty() &&
      pattern.back().data + pattern.back().bytes == chunk.data)
    pattern.back().bytes += chunk.bytes;
  else if (chunk.bytes)
    pattern.push_back(chunk);
}

Pattern attn::bench::pagePattern(const void *pool,
                                 const std::vector<int32_t> &order,
                                 size_t pageBytes) {
  Pattern pattern;
  for (int32_t page : order)
    append(pattern, {static_cast<const char *>(pool) + size_t(page) * pageBytes,
                     pageBytes});
  return pattern;
}

size_t attn::bench::patternBytes(const Pattern &pattern) {
  size_t bytes = 0;
  for (const Chunk &chunk : pattern)
    bytes += chunk.bytes;
  return bytes;
}

Pattern attn::bench::patternShare(const Pattern &pattern, unsigned thread,
                                  unsigned threads) {
  assert(thread < threads && "no such thread");
  size_t lines = patternBytes(pattern) / loops::lineBytes;
  auto cut = [&](unsigned t) {
    return t == threads ? patternBytes(pattern)
                        : lines * t / threads * loops::lineBytes;
  };
  size_t begin = cut(thread), end = cut(thread + 1), position = 0;
  Pattern share;
  for (const Chunk &chunk : pattern) {
    size_t from = std::clamp(begin, position, position + chunk.bytes);
    size_t to = std::clamp(end, position, position + chunk.bytes);
    append(share, {chunk.data + (from - position), to - from});
    position += chunk.bytes;
  }
  return share;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

/// A way to read a pattern.
struct ReadWay {
  const char *name;
  size_t ahead; ///< bytes of prefetch distance; 0: none
  bool streams; ///< four at once within a chunk
};

constexpr ReadWay readWays[] = {{"plain", 0, false},
                                {"prefetch 1K", 1024, false},
                                {"prefetch 2K", 2048, false},
                                {"4 streams", 0, true}};

} // namespace

/// Reads the last bytes of a chunk, which make no whole line.
static void readTail(const char *p, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    (void)static_cast<const volatile char *>(p)[i];
}

/// Reads a chunk while prefetching; the distance runs on into `next`.
static void readAhead(const loops::ReadLoops &read, const Chunk &chunk,
                      const char *next, size_t ahead) {
  size_t lines = chunk.bytes / loops::lineBytes;
  size_t aheadLines = std::min(ahead / loops::lineBytes, lines);
  size_t within = lines - aheadLines;
  read.ahead(chunk.data, within, ptrdiff_t(ahead));
  // The last lines fetch the first ones of the next chunk.
  const char *rest = chunk.data + within * loops::lineBytes;
  read.ahead(rest, aheadLines, next - rest);
}

static void readStreams(const loops::ReadLoops &read, const Chunk &chunk) {
  size_t lines = chunk.bytes / loops::lineBytes / 8 * 2;
  read.streams(chunk.data, lines, lines * loops::lineBytes);
  size_t done = 4 * lines;
  read.plain(chunk.data + done * loops::lineBytes,
             chunk.bytes / loops::lineBytes - done);
}

static void readPattern(const loops::ReadLoops &read, const Pattern &pattern,
                        const ReadWay &way) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    const Chunk &chunk = pattern[i];
    size_t lines = chunk.bytes / loops::lineBytes;
    if (way.streams)
      readStreams(read, chunk);
    else if (way.ahead)
      readAhead(read, chunk, pattern[(i + 1) % pattern.size()].data, way.ahead);
    else
      read.plain(chunk.data, lines);
    readTail(chunk.data + lines * loops::lineBytes,
             chunk.bytes % loops::lineBytes);
  }
}

std::vector<Ceiling>
attn::bench::readCeilings(const std::vector<Pattern> &copies, unsigned threads,
                          const TimingOptions &options, Isa isa) {
  assert(isa <= hostIsa() && "the host lacks these instructions");
  // The shares are cut before the clock runs: [copy][thread].
  std::vector<std::vector<Pattern>> shares(copies.size());
  for (size_t copy = 0; copy < copies.size(); ++copy)
    for (unsigned thread = 0; thread < threads; ++thread)
      shares[copy].push_back(patternShare(copies[copy], thread, threads));

  // A set that fits a small cache is read in microseconds: several passes then.
  constexpr size_t leastBytes = size_t(8) << 20;
  size_t bytes = patternBytes(copies.front());
  size_t passes =
      copies.size() > 1 ? 1 : std::max<size_t>(1, leastBytes / bytes);

  ThreadTeam team(threads);
  const loops::ReadLoops &read = loops::readLoops(isa);
  std::vector<TimedBody> bodies;
  for (const ReadWay &way : readWays)
    bodies.push_back([&, way](size_t rotation) {
      const std::vector<Pattern> &copy = shares[rotation % shares.size()];
      team.run([&](unsigned thread) {
        for (size_t pass = 0; pass < passes; ++pass)
          readPattern(read, copy[thread], way);
      });
    });

  std::vector<Summary> times = measureInTurn(bodies, options);
  std::vector<Ceiling> ceilings;
  ceilings.reserve(times.size());
  for (size_t i = 0; i < times.size(); ++i)
    ceilings.push_back({rateOf(times[i], double(bytes * passes) * 1e-9),
                        readWays[i].name, threads});
  return ceilings;
}

/// The one with the best median; none of an empty list.
static const Ceiling *best(const std::vector<Ceiling> &ceilings) {
  auto it = std::max_element(ceilings.begin(), ceilings.end(),
                             [](const Ceiling &a, const Ceiling &b) {
                               return a.rate.median < b.rate.median;
                             });
  return it == ceilings.end() ? nullptr : &*it;
}

Ceiling attn::bench::readCeiling(const std::vector<Pattern> &copies,
                                 unsigned threads, const TimingOptions &options,
                                 Isa isa) {
  return *best(readCeilings(copies, threads, options, isa));
}

//===----------------------------------------------------------------------===//
// Computing
//===----------------------------------------------------------------------===//

/// Times `loop(iterations)` on every thread of a team.
static Ceiling peakOf(unsigned threads, const TimingOptions &options,
                      const char *method, void (*loop)(size_t),
                      size_t iterations, size_t flopsOfIteration) {
  ThreadTeam team(threads);
  Summary seconds = measure(
      [&](size_t) { team.run([&](unsigned) { loop(iterations); }); }, options);
  double flops = double(flopsOfIteration) * double(iterations) * threads;
  return {rateOf(seconds, flops * 1e-9), method, threads};
}

// About half a millisecond a repetition: long against the start of a team,
// short against a time slice.
static constexpr size_t vectorIterations = 250000;
static constexpr size_t tileIterations = 6000;

std::optional<Ceiling>
attn::bench::fmaPeak(unsigned threads, const TimingOptions &options, Isa isa) {
  if (isa == Isa::Baseline || isa > hostIsa())
    return std::nullopt;
  if (isa == Isa::AVX2)
    return peakOf(threads, options, "vfmadd231ps ymm", loops::fmaYmm,
                  vectorIterations, loops::chains * 8 * 2);
  return peakOf(threads, options, "vfmadd231ps zmm", loops::fmaZmm,
                vectorIterations, loops::chains * 16 * 2);
}

std::optional<Ceiling> attn::bench::dotBF16Peak(unsigned threads,
                                                const TimingOptions &options) {
  if (hostIsa() < Isa::AVX512BF16)
    return std::nullopt;
  return peakOf(threads, options, "vdpbf16ps zmm", loops::dotBF16Zmm,
                vectorIterations, loops::chains * 16 * 2 * 2);
}

std::optional<Ceiling> attn::bench::amxPeak(unsigned threads,
                                            const TimingOptions &options) {
  if (hostIsa() < Isa::AMX)
    return std::nullopt;
  return peakOf(threads, options, "tdpbf16ps 2x2 from L1", loops::amxBF16,
                tileIterations, loops::amxFlops);
}

std::optional<Ceiling> attn::bench::computePeak(unsigned threads, bool bf16,
                                                const TimingOptions &options,
                                                Isa isa) {
  std::vector<Ceiling> peaks;
  auto add = [&](std::optional<Ceiling> peak) {
    if (peak)
      peaks.push_back(*peak);
  };
  add(fmaPeak(threads, options, isa));
  if (bf16 && isa >= Isa::AVX512BF16)
    add(dotBF16Peak(threads, options));
  if (bf16 && isa >= Isa::AMX)
    add(amxPeak(threads, options));
  const Ceiling *peak = best(peaks);
  return peak ? std::optional<Ceiling>(*peak) : std::nullopt;
}

std::optional<Summary> attn::bench::fmaLatency(const TimingOptions &options,
                                               Isa isa) {
  if (isa == Isa::Baseline || isa > hostIsa())
    return std::nullopt;
  constexpr size_t iterations = vectorIterations / 8;
  auto *loop =
      isa == Isa::AVX2 ? loops::dependentFmaYmm : loops::dependentFmaZmm;
  Summary time = measure([&](size_t) { loop(iterations); }, options);
  double nanoseconds = 1e9 / double(iterations * loops::chains);
  for (double *value :
       {&time.median, &time.min, &time.max, &time.p10, &time.p90})
    *value *= nanoseconds;
  return time;
}
