//===- project.cpp - How fast attn_project reads its weights --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn-bench-project: MLA's absorb and decompress projections of DeepSeek-V3
// (128 heads, 128 to 512 and back, bf16) on cold weights, beside what this
// machine streams from memory on as many threads. One line a case:
//
//   projection, weights' layout, rows, threads, microseconds, GB/s of weights,
//   share of the streaming read, GFLOP/s
//
//   --heads N --pool N,... (threads) --rows N,...
//
//===----------------------------------------------------------------------===//

#include "attn/Bench/Buffer.h"
#include "attn/Bench/Ceilings.h"
#include "attn/Bench/Machine.h"
#include "attn/Bench/Timing.h"
#include "attn_runtime.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <random>

using namespace attn::bench;
namespace cl = llvm::cl;

static cl::OptionCategory category("options");
static cl::opt<int32_t> heads("heads", cl::desc("Heads"), cl::init(128),
                              cl::cat(category));
static cl::list<int32_t> threadCounts("pool", cl::CommaSeparated,
                                      cl::desc("Threads, of a case each"),
                                      cl::cat(category),
                                      cl::list_init<int32_t>({1, 2}));
static cl::list<int64_t> rowCounts("rows", cl::CommaSeparated,
                                   cl::desc("batch * q_len, of a case each"),
                                   cl::cat(category),
                                   cl::list_init<int64_t>({1, 4, 16, 64}));

namespace {

struct Projection {
  const char *name, *layout;
  int32_t inDim, outDim;
  bool outIsContiguous;
};

/// Absorb reads W_UK as it lies in a checkpoint; decompress reads W_UV as it
/// lies there, or transposed as some engines keep it.
constexpr Projection projections[] = {
    {"absorb", "[nope][rank]", 128, 512, true},
    {"decompress", "[v][rank]", 512, 128, false},
    {"decompress", "[rank][v]", 512, 128, true}};

} // namespace

/// Random bf16 values of about one.
static void fill(char *data, size_t bytes) {
  // NOLINTNEXTLINE(bugprone-random-generator-seed): the same on every run
  std::minstd_rand random(1);
  for (size_t i = 0; i + 2 <= bytes; i += 2) {
    auto bits = uint16_t(0x3f00 | (random() & 0x80ff));
    memcpy(data + i, &bits, 2);
  }
}

static attn_project_params makeParams(const Projection &projection,
                                      int64_t rows) {
  attn_project_params p = {};
  p.struct_size = sizeof p;
  p.dtype = ATTN_BF16;
  p.isa = ATTN_ISA_AUTO;
  p.heads = heads;
  p.in_dim = projection.inDim;
  p.out_dim = projection.outDim;
  p.rows = rows;
  p.in_stride_head = p.in_dim;
  p.in_stride_row = int64_t(heads) * p.in_dim;
  p.weight_stride_head = int64_t(p.in_dim) * p.out_dim;
  p.weight_stride_in = projection.outIsContiguous ? p.out_dim : 1;
  p.weight_stride_out = projection.outIsContiguous ? 1 : p.in_dim;
  p.out_stride_head = p.out_dim;
  p.out_stride_row = int64_t(heads) * p.out_dim;
  return p;
}

/// Times one case; false if a call fails.
static bool run(const Projection &projection, int64_t rows, attn_pool *pool,
                const std::vector<Pattern> &copies, double roof) {
  attn_project_params p = makeParams(projection, rows);
  Buffer in(size_t(rows * p.in_stride_row) * 2);
  Buffer out(size_t(rows * p.out_stride_row) * 2);
  fill(in.data(), in.size());
  p.in = in.data();
  p.out = out.data();
  p.pool = pool;
  bool failed = false;
  Summary seconds = measure([&](size_t rotation) {
    p.weight = copies[rotation % copies.size()][0].data;
    failed |= attn_project(&p) != ATTN_OK;
  });
  double bytes = double(copies[0][0].bytes);
  double rate = bytes / seconds.median / 1e9;
  llvm::outs() << llvm::format(
      "%-10s %-12s rows %3d threads %d: %8.1f us, %6.2f GB/s, %3.0f %% of "
      "the read, %7.1f GFLOP/s, waited %.0f %%\n",
      projection.name, projection.layout, int(rows), attn_pool_size(pool),
      seconds.median * 1e6, rate, 100 * rate / roof,
      2.0 * double(rows) * bytes / 2 / seconds.median / 1e9,
      100 * seconds.waited);
  return !failed;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category); // libLLVM registers its own
  cl::ParseCommandLineOptions(
      argc, argv, "attn-bench-project: time attn_project on cold weights.\n");

  size_t bytes = size_t(heads) * 128 * 512 * 2;
  size_t count = coldCopies(bytes);
  Buffer weights(bytes * count);
  fill(weights.data(), weights.size());
  std::vector<Pattern> copies;
  for (size_t i = 0; i < count; ++i)
    copies.push_back({{weights.data() + i * bytes, bytes}});
  llvm::outs() << isaName(hostIsa()) << ", " << heads << " heads, bf16, "
               << bytes << " bytes of weights, " << count << " cold copies\n";
  for (int32_t threads : threadCounts) {
    attn_pool *pool;
    if (attn_pool_create(threads, &pool) != ATTN_OK) {
      llvm::errs() << attn_error_message() << "\n";
      return 1;
    }
    Ceiling roof = readCeiling(copies, unsigned(threads));
    llvm::outs() << llvm::format("read, %d threads: %.2f GB/s (%s)\n", threads,
                                 roof.rate.median, roof.method.c_str());
    for (const Projection &projection : projections)
      for (int64_t rows : rowCounts)
        if (!run(projection, rows, pool, copies, roof.rate.median)) {
          llvm::errs() << attn_error_message() << "\n";
          return 1;
        }
    attn_pool_destroy(pool);
  }
  return 0;
}
