//===- SimtLatentProjectionTest.cpp - Latent rows decompressed ------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPU projections that read the rows of a latent cache, in the SIMT emulator,
// against float64. Rows that nobody may read are NaN, and table entries that
// nobody may look at are out of bounds; what is not to be written stays NaN.
//
//===----------------------------------------------------------------------===//

#include "SimtTensor.h"
#include "attn/Harness/SimtSession.h"
#include "attn/Register.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <iostream>
#include <numeric>

using namespace attn;
using namespace attn::harness;
using namespace attn::test;

namespace {

struct Shape {
  const char *chip;
  const char *dtype;
  int64_t heads, k, n, tail;
  bool transposed;
  const char *schedule;
  bool rest = false; ///< a row has what rounding leaves behind it
};

enum class Addressing { Table, Indptr, LastPages, Contiguous };

/// One call.
struct Call {
  std::vector<int64_t> lens;
  int64_t page = 16;
  Addressing addressing = Addressing::Table;
  bool wideIds = false;
  int64_t rowHeads = 1; ///< of the cache
  int64_t seen = 0, parts = 1;
};

std::string nameOf(const testing::TestParamInfo<Shape> &info) {
  const Shape &s = info.param;
  return llvm::formatv("{0}_{1}_{2}x{3}x{4}_{5}{6}{7}_{8}", s.chip, s.dtype,
                       s.heads, s.k, s.n, s.tail,
                       s.transposed ? "_transposed" : "", s.rest ? "_rest" : "",
                       info.index);
}

/// Block ids in the width that a call has them in.
struct Ids {
  Ids(size_t count, bool wide) : words(wide ? 2 : 1) {
    data.assign(count * words, 0x7fffffff);
  }
  void set(size_t i, int32_t id) {
    data[i * words] = id;
    if (words == 2)
      data[i * 2 + 1] = 0;
  }
  size_t words;
  std::vector<int32_t> data;
};

class SimtLatentProjection : public testing::TestWithParam<Shape> {
protected:
  SimtLatentProjection() : context(registry()) {}
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }
  void compile(const Shape &s) {
    shape = s;
    std::string text = llvm::formatv(
        "tile.projection @p {{latent_rows, tail = {0} : i64, heads = {1} : "
        "i64, "
        "k = {2} : i64, n = {3} : i64, element = {4}, gpu_schedule = "
        "#tile.gpu_projection_schedule<{5}>{6}{7}}",
        s.tail, s.heads, s.k, s.n, s.dtype, s.schedule,
        s.transposed ? ", transposed" : "", s.rest ? ", rest" : "");
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module) << text;
    SimtOptions options;
    options.chip = s.chip;
    auto made = SimtSession::create(*module, options);
    ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
    session = std::move(*made);
  }
  void check(const Call &call, uint64_t seed);

  Shape shape;
  std::unique_ptr<SimtSession> session;
  mlir::MLIRContext context;
};
using SimtLatentProjectionRandom = SimtLatentProjection;

} // namespace

void SimtLatentProjection::check(const Call &call, uint64_t seed) {
  const Shape &s = shape;
  std::mt19937_64 random(seed);
  int64_t batch = int64_t(call.lens.size());
  int64_t longest = *std::max_element(call.lens.begin(), call.lens.end());
  bool contiguous = call.addressing == Addressing::Contiguous;
  int64_t page = contiguous ? longest + 3 : call.page;
  auto pagesOf = [&](int64_t b) { return (call.lens[b] + page - 1) / page; };
  int64_t total = contiguous ? batch : 3;
  for (int64_t b = 0; b < batch && !contiguous; ++b)
    total += pagesOf(b);
  // [block][token][row head][columns], with gaps.
  int64_t width = s.k + s.tail + 8, token = call.rowHeads * width + 8;
  int64_t block = page * token + 16;
  Tensor cache(s.dtype, total * block);
  std::normal_distribution<double> normal;

  std::vector<int64_t> order(total);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  bool ragged = call.addressing == Addressing::Indptr ||
                call.addressing == Addressing::LastPages;
  int64_t perRequest = (longest + page - 1) / page + 2;
  std::vector<int32_t> indptr(batch + 1), lens(batch), last(batch);
  Ids ids(size_t(std::max(total, batch * perRequest)), call.wideIds);
  std::vector<std::vector<int64_t>> blocks(batch);
  int64_t taken = 0;
  for (int64_t b = 0; b < batch; ++b) {
    int64_t length = call.lens[b];
    int64_t first = call.seen ? std::max<int64_t>(length - call.seen, 0) : 0;
    lens[b] = int32_t(length);
    last[b] = int32_t(length - (pagesOf(b) - 1) * page);
    indptr[b + 1] = indptr[b] + int32_t(pagesOf(b));
    for (int64_t i = 0; i < pagesOf(b); ++i) {
      blocks[b].push_back(contiguous ? b : order[taken++]);
      if ((i + 1) * page > first)
        ids.set(ragged ? indptr[b] + i : b * perRequest + i,
                int32_t(blocks[b].back()));
    }
    for (int64_t t = first; t < length; ++t)
      for (int64_t g = 0; g < call.rowHeads; ++g)
        for (int64_t j = 0; j < s.k + s.tail; ++j)
          cache.set(cache.skip + blocks[b][t / page] * block +
                        t % page * token + g * width + j,
                    normal(random));
  }

  Tensor weight(s.dtype, s.heads * s.k * s.n);
  weight.fill(random, 1 / std::sqrt(double(s.k)));
  int64_t made = s.rest ? 2 * s.n : s.n;
  int64_t outWidth = made + s.tail + 8, outHead = (longest + 5) * outWidth;
  int64_t outBatch = s.heads * outHead + 16;
  Tensor out(s.dtype, batch * outBatch);
  std::vector<int32_t> written(batch, -1);

  attn_gpu_args args = {};
  args.tensors.k = cache.begin();
  args.tensors.k_stride_block = block;
  args.tensors.k_stride_token = token;
  args.tensors.k_stride_head = width;
  args.tensors.page_size = page;
  args.index_words = int64_t(ids.words);
  if (call.addressing == Addressing::LastPages)
    args.last_page_len = last.data();
  else
    args.seq_lens = lens.data();
  if (ragged)
    args.block_indptr = indptr.data();
  if (!contiguous)
    args.block_table = ids.data.data();
  args.block_table_stride = perRequest;
  attn_gpu_project project = {};
  project.tensors.weight = weight.begin();
  project.tensors.out = out.begin();
  project.tensors.out_stride_batch = outBatch;
  project.tensors.out_stride_head = outHead;
  project.tensors.out_stride_token = outWidth;
  project.batch = batch;
  project.group = s.heads / call.rowHeads;
  project.row_parts = call.parts;
  project.seen = call.seen;
  project.lengths = written.data();

  auto memory = std::make_unique<simt::Memory>();
  auto add = [&](const char *name, std::vector<int32_t> &values,
                 simt::Memory::Access access) {
    memory->add(values.data(), int64_t(values.size()) * 4, name, access);
  };
  cache.addTo(*memory, "cache", false);
  weight.addTo(*memory, "weight", false);
  out.addTo(*memory, "out", true);
  add("ids", ids.data, simt::Memory::ReadOnly);
  add("indptr", indptr, simt::Memory::ReadOnly);
  add("last", last, simt::Memory::ReadOnly);
  add("lens", lens, simt::Memory::ReadOnly);
  add("lengths", written, simt::Memory::ReadWrite);
  session->useMemory(std::move(memory));
  ASSERT_EQ(llvm::toString(session->project(project, args)), "");
  EXPECT_EQ(written, lens);

  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t t = 0; t < longest + 5; ++t)
        for (int64_t j = 0; j < outWidth; ++j) {
          double got = out[b * outBatch + h * outHead + t * outWidth + j];
          std::string where = llvm::formatv("[{0}, {1}, {2}, {3}]", b, h, t, j);
          int64_t length = call.lens[b];
          bool isThere = t < length && (!call.seen || t >= length - call.seen);
          if (!isThere || j >= made + s.tail) {
            ASSERT_TRUE(std::isnan(got)) << "written: " << where;
            continue;
          }
          size_t row = cache.skip + blocks[b][t / page] * block +
                       t % page * token + h / project.group * width;
          if (j >= made) {
            ASSERT_EQ(got, cache.get(row + s.k + j - made)) << where;
            continue;
          }
          if (j >= s.n) // looked at with what it is the rest of
            continue;
          size_t head = weight.skip + h * s.k * s.n;
          Product product =
              s.transposed
                  ? multiply(cache, row, weight, head + j * s.k, 1, s.k)
                  : multiply(cache, row, weight, head + j, s.n, s.k);
          ASSERT_NEAR(got, product.value, product.limit(out, false)) << where;
          if (!s.rest)
            continue;
          double rest =
              out[b * outBatch + h * outHead + t * outWidth + s.n + j];
          ASSERT_NEAR(got + rest, product.value, product.limitInParts(out))
              << where;
        }
}

TEST_P(SimtLatentProjection, IsTheProduct) {
  compile(GetParam());
  ASSERT_TRUE(session);
  simt::LaunchConfig &config = session->config;
  struct {
    simt::Schedule schedule;
    simt::AsyncCopies async;
  } const runs[] = {{simt::Schedule::RoundRobin, simt::AsyncCopies::Late},
                    {simt::Schedule::Reverse, simt::AsyncCopies::Eager},
                    {simt::Schedule::Random, simt::AsyncCopies::Late}};
  // Requests of no row, of one, and on both sides of a block of rows.
  Call const calls[] = {
      {{1}, 16},
      {{0, 33, 64, 65}, 1, Addressing::Table, true},
      {{130, 0, 7}, 64, Addressing::Indptr, false, 1, 0, 3},
      {{129, 40}, 16, Addressing::LastPages, true, 2},
      {{70, 3, 20}, 16, Addressing::Table, false, 2, 21, 2},
      {{17, 50}, 16, Addressing::Contiguous, false, 1, 0, 5},
  };
  uint64_t seed = 0;
  for (const Call &call : calls) {
    config.schedule = runs[seed % 3].schedule;
    config.async = runs[seed % 3].async;
    config.seed = ++seed;
    check(call, seed);
    if (HasFatalFailure())
      return;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, SimtLatentProjection,
    testing::Values(
        Shape{"sm_90", "bf16", 2, 128, 64, 32, true,
              "warps = 4, rows = 64, columns = 64, stages = 1, ctas_per_sm = "
              "1, row_stages = 3, row_warps = 2"},
        Shape{"sm_80", "f16", 4, 64, 48, 16, false,
              "warps = 2, rows = 32, columns = 48, stages = 1, ctas_per_sm = "
              "1, row_stages = 2, row_warps = 2"},
        Shape{"sm_80", "bf16", 2, 80, 32, 0, true,
              "warps = 1, rows = 16, columns = 16, stages = 1, ctas_per_sm = "
              "2, row_stages = 6"},
        Shape{"sm_86", "bf16", 2, 96, 96, 8, false,
              "warps = 6, rows = 64, columns = 96, stages = 1, ctas_per_sm = "
              "1, row_stages = 4, row_warps = 2"},
        Shape{"sm_90", "bf16", 2, 128, 64, 32, true,
              "warps = 4, rows = 64, columns = 32, stages = 1, ctas_per_sm = "
              "1, row_stages = 3, row_warps = 2",
              /*rest=*/true},
        Shape{"sm_90", "f16", 2, 256, 64, 64, true,
              "warps = 8, rows = 128, columns = 64, stages = 1, ctas_per_sm "
              "= 1, row_stages = 5, row_warps = 4"}),
    nameOf);

// What nobody thought of. ATTN_TEST_SEED repeats a run.
TEST_F(SimtLatentProjectionRandom, IsTheProduct) {
  const char *given = std::getenv("ATTN_TEST_SEED");
  uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  std::cout << "ATTN_TEST_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  auto below = [&](int64_t limit) { return int64_t(random() % limit); };
  for (int i = 0; i < 4; ++i) {
    int64_t columnWarps = 1 + below(3), rowWarps = int64_t(1) << below(3);
    int64_t k = 16 * (2 + below(14)),
            columns = 16 * columnWarps * (1 + below(2));
    int64_t slices = k / (k % 64 == 0 ? 64 : k % 32 == 0 ? 32 : 16);
    int64_t rows =
        16 * rowWarps * (1 + below(std::min<int64_t>(4, 2 * columnWarps)));
    std::string schedule = llvm::formatv(
        "warps = {0}, rows = {1}, columns = {2}, stages = 1, ctas_per_sm = 1, "
        "row_stages = {3}, row_warps = {4}",
        columnWarps * rowWarps, rows, columns,
        2 + below(std::min<int64_t>(slices, 5)), rowWarps);
    SCOPED_TRACE(schedule);
    compile({below(2) ? "sm_80" : "sm_90", below(2) ? "bf16" : "f16",
             2 * (1 + below(2)), k, columns * (1 + below(2)), 8 * below(9),
             below(2) == 1, schedule.c_str()});
    ASSERT_TRUE(session);
    session->config.schedule = simt::Schedule::Random;
    session->config.seed = seed + i;
    Call call;
    call.lens.resize(1 + below(4));
    for (int64_t &length : call.lens)
      length = below(150);
    call.page = int64_t(1) << below(7);
    call.addressing = Addressing(below(4));
    call.wideIds = below(2) == 1;
    call.rowHeads = 1 + below(2);
    call.seen = below(2) ? 1 + below(100) : 0;
    call.parts = 1 + below(4);
    check(call, seed + i);
    if (HasFatalFailure())
      return;
  }
}
