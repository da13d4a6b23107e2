//===- Support.h - Compiled kernels against the oracle ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the integration tests share. A problem is one line of text, so that a
// grid reads as a table, a random problem prints itself, and either can be run
// again by hand (ATTN_TEST_CASE):
//
//   gqa:32/8/128 bf16 row q=2 pages=64,7 window=100 sinks lens=0,65,300
//
// The words after the shape (see parseShape), in any order:
//   bf16 f16 f32   element type                                    (bf16)
//   row own        layout                                          (row)
//   q=N            query tokens                                    (1)
//   pages=P,...    tokens per block, each a problem of its own; 0 is
//                  a contiguous cache                              (64)
//   window=W       sliding window, Hugging Face's meaning          (none)
//   softcap=C      soft-cap of the logits                          (none)
//   sinks          an attention sink per query head                (none)
//   full           no causal mask                                  (causal)
//   nolse          the log-sum-exp is not asked for                (asked)
//   score=NAME     a score region, see scoreRegion()               (none)
//   lens=N,...     lengths of the batch               (see defaultLengths)
//
// This header leaves MLIR out, which would cost every test ten seconds.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_INTEGRATION_SUPPORT_H
#define ATTN_TEST_UNIT_INTEGRATION_SUPPORT_H

#include "attn/Target/CPUFeatures.h"
#include "attn_runtime.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace attn::harness {
class SimtSession;
} // namespace attn::harness

namespace attn::test {

/// A line as above, read. Aborts on nonsense: the lines are ours.
struct Case {
  explicit Case(const std::string &line);

  std::string line;  ///< as given
  std::string shape; ///< for parseShape
  std::string dtype = "bf16", layout = "row", score;
  int64_t qLen = 1, window = 0;
  std::vector<int64_t> pages = {64};
  std::vector<int32_t> lens;
  float softcap = 0;
  bool sinks = false, causal = true, lse = true;

  /// The line with what GoogleTest refuses in a name replaced.
  std::string name() const;
};

/// Lengths where something begins or ends: 0, q_len, 1, a page and a tile, each
/// also one less and one more, and some hundreds. Lengths that a causal mask
/// leaves without a meaning (0 < n < q_len) are left out.
std::vector<int32_t> defaultLengths(const Case &c, int64_t page);

/// All instruction levels, and the host's (AVX2 at least).
extern const std::vector<CPULevel> kLevels;
CPULevel hostLevel();
const char *levelName(CPULevel level);

using Bytes = std::vector<unsigned char>;

class Call;

/// How the SIMT emulator runs a call.
struct SimtRun {
  const char *chip = "sm_90";
  enum Schedule { RoundRobin, Reverse, Random } schedule = RoundRobin;
  bool lateCopies = true;
  uint64_t seed = 1; ///< of the random schedule
  bool batchInvariant = false;
};

/// The attention of one case, to be compiled for any level.
class Attention {
public:
  explicit Attention(const Case &c);
  /// From a module's text; the function runs that is named `main`.
  explicit Attention(const std::string &text, const std::string &name);
  ~Attention();

  /// The kernels for `level`; whatever `host` lacks of it is emulated. Compiled
  /// once for each pair. Null, with a test failure, where that fails.
  attn_library *compile(CPULevel level, CPULevel host = hostLevel());

  /// A problem with random values from `seed`.
  std::unique_ptr<Call> makeCall(const std::vector<int32_t> &lens, int64_t page,
                                 uint64_t seed = 1);

  /// Runs a call on a pretended GPU, the kernels compiled once for each chip.
  /// Returns the runtime's complaint or the emulator's findings, or nothing.
  std::string runSimt(Call &call, const SimtRun &run,
                      std::function<void(attn_decode_params &)> edit = {});
  /// A session of one's own. Null, with a test failure, where that fails.
  std::unique_ptr<harness::SimtSession> createSimt();

private:
  friend class Call;
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// One decode call over a paged cache, poisoned wherever it holds no token.
class Call {
public:
  ~Call();

  using Edit = std::function<void(attn_decode_params &)>;

  /// Runs the call with `threads` threads, after `edit` has changed the
  /// parameters. Results start as NaN; what lies behind the workspace must
  /// stay as it was. Returns the runtime's complaint, or nothing.
  std::string run(attn_library *library, int32_t threads, Edit edit = {});

  /// Compares with the float64 oracle; returns what is wrong, or nothing.
  std::string check();

  /// Output and log-sum-exp of the last run, of all requests or of one.
  Bytes results() const;
  Bytes resultsOf(int64_t request) const;

  /// The parameters, without pool and workspace. Results are not cleared.
  attn_decode_params params();

private:
  friend class Attention;
  Call();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// Leaves only one request of a call over a block table.
void keepRequest(attn_decode_params &params, size_t request);

/// attn_decode with a workspace of the size asked for, at `threads` threads.
std::string decode(attn_library *library, attn_decode_params params,
                   int32_t threads);
/// A pool of that many threads, made once a process; null for one.
attn_pool *pool(int32_t threads);

/// Runs a case at every level, page and thread count against the oracle.
void checkCase(const Case &c, uint64_t seed = 1);

/// Runs a case's GPU kernels in the SIMT emulator at every page and under every
/// schedule against the oracle; nothing may be found.
void checkCaseSimt(const Case &c, uint64_t seed = 1);

} // namespace attn::test

#endif // ATTN_TEST_UNIT_INTEGRATION_SUPPORT_H
