//===-- RandomCalls.cpp - Calls of the whole ABI, at random ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomCalls.h"

#include "AppendProblem.h"
#include "MergeProblem.h"
#include "MlaProblem.h"
#include "Product.h"

#include <algorithm>

using namespace attn::test;

namespace {

using Random = std::mt19937_64;

int64_t drawUpTo(Random &random, int64_t most) {
  return int64_t(random() % uint64_t(most + 1));
}

attn_pool *drawPool(const RandomCalls &calls, Random &random) {
  return random() % 3 ? calls.pool : nullptr;
}

/// A problem for a random kernel that this host can run.
ProblemOptions drawProblem(const RandomCalls &calls, Random &random) {
  ProblemOptions options;
  options.table = calls.table;
  const attn_kernel_desc *desc;
  do {
    options.kernel = uint32_t(drawUpTo(random, calls.table->num_kernels - 1));
    desc = &calls.table->kernels[options.kernel];
  } while (!desc->kernel || desc->isa > attn_cpu_isa() ||
           (desc->flags & (ATTN_KERNEL_EMULATED | ATTN_KERNEL_SCORE_MOD)));
  double perToken =
      double(desc->q_heads) * desc->q_len * (desc->k_dim + desc->v_dim);
  int64_t tokens = std::clamp<int64_t>(int64_t(calls.work / perToken), 8, 1500);
  options.contiguous = random() % 8 == 0;
  options.hasLse = random() % 4 != 0;
  int64_t multiple =
      std::max(desc->page_multiple,
               attn_layout_interleaves_v(desc->layout, desc->dtype) ? 2 : 1);
  options.pageSize = multiple * (1 + drawUpTo(random, 128 / multiple));
  for (int64_t i = drawUpTo(random, 5); i >= 0; --i)
    options.seqLens.push_back(
        random() % 5 ? desc->q_len + int32_t(drawUpTo(random, tokens)) : 0);
  return options;
}

/// Turns the problem's block table into indptr and indices.
struct Indices {
  explicit Indices(Problem &problem) {
    attn_decode_params &p = problem.params;
    indptr.push_back(0);
    for (int64_t b = 0; b < p.batch; ++b) {
      for (int64_t t = 0; t < p.seq_lens[b]; t += p.page_size)
        ids.push_back(
            p.block_table[b * p.block_table_stride + t / p.page_size]);
      indptr.push_back(int32_t(ids.size()));
    }
    p.block_table = nullptr;
    p.indptr = indptr.data();
    p.indices = ids.data();
    p.index_type = ATTN_INDEX_INT64;
    p.max_indices = int64_t(ids.size());
  }
  std::vector<int64_t> ids;
  std::vector<int32_t> indptr;
};

void decode(const RandomCalls &calls, Random &random) {
  Problem problem(drawProblem(calls, random), random());
  attn_decode_params &p = problem.params;
  p.pool = drawPool(calls, random);
  std::unique_ptr<Indices> indices;
  if (p.block_table && random() % 2)
    indices = std::make_unique<Indices>(problem);
  if (random() % 2) {
    p.flags |= ATTN_FLAG_BATCH_INVARIANT;
    p.split_size = 16 + drawUpTo(random, 500);
  }
  p.max_batch += drawUpTo(random, 3);
  ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  // Weights rounded to 16 bits where the kernel's dot products take such.
  ASSERT_LE(problem.outError(), p.dtype == ATTN_F32 ? 200 : 4);
  if (p.lse)
    ASSERT_LE(problem.lseError(), 5e-5);
}

/// A decode call that is refused, and what there is to ask about it.
void refuse(const RandomCalls &calls, Random &random) {
  Problem problem(drawProblem(calls, random), random());
  attn_decode_params &p = problem.params;
  attn_reason reasons[4];
  size_t count = 0;
  uint32_t index;
  EXPECT_EQ(attn_query_support(problem.library, &p, reasons, 4, &count),
            ATTN_OK);
  EXPECT_EQ(attn_select_kernel(problem.library, &p, &index), ATTN_OK);
  switch (random() % 3) {
  case 0:
    p.kernel_name = "none";
    EXPECT_EQ(attn_query_support(problem.library, &p, reasons, 4, &count),
              ATTN_ERROR_UNSUPPORTED);
    EXPECT_EQ(reasons[0].code, ATTN_REASON_NAME);
    break;
  case 1:
    p.max_batch = p.batch - 1;
    break;
  default:
    problem.seqLens[0] = -1;
  }
  EXPECT_NE(problem.run(), ATTN_OK);
  EXPECT_TRUE(problem.outputsAreUntouched());
  EXPECT_STRNE(attn_error_message(), "");
}

void append(const RandomCalls &calls, Random &random) {
  int64_t blocks = 1 + drawUpTo(random, 300);
  // Each slot once at most, so that the order does not matter.
  std::vector<int64_t> slots(static_cast<size_t>(blocks * 4));
  for (size_t i = 0; i < slots.size(); ++i)
    slots[i] = random() % 3 ? int64_t(i) : -1;
  std::shuffle(slots.begin(), slots.end(), random);
  AppendProblem problem(int32_t(drawUpTo(random, ATTN_F32)),
                        int32_t(drawUpTo(random, ATTN_LAYOUT_OWN)),
                        random() % 2, slots, blocks);
  problem.p.pool = drawPool(calls, random);
  ASSERT_EQ(attn_append(&problem.p), ATTN_OK) << attn_error_message();
  EXPECT_EQ(problem.k, problem.expectedCache(false));
  if (problem.p.v)
    EXPECT_EQ(problem.v, problem.expectedCache(true));
}

void merge(const RandomCalls &calls, Random &random) {
  const FakeKernel kernels[] = {GqaF32Row, GqaBf16Own, WindowF32Row,
                                MlaBf16Row};
  MergeProblem problem(kernels[random() % 4], drawUpTo(random, 6),
                       1 + drawUpTo(random, 5), random());
  problem.p.pool = drawPool(calls, random);
  ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  problem.check();
}

void project(const RandomCalls &calls, Random &random) {
  ProductShape shape = {
      1 + drawUpTo(random, 8), 1 + int32_t(drawUpTo(random, 7)),
      1 + int32_t(drawUpTo(random, 150)), 1 + int32_t(drawUpTo(random, 150))};
  Product product(int32_t(drawUpTo(random, ATTN_F32)), shape, random() % 2,
                  random());
  product.p.pool = drawPool(calls, random);
  ASSERT_EQ(attn_project(&product.p), ATTN_OK) << attn_error_message();
  EXPECT_LE(product.worstShare(), 1);
  EXPECT_TRUE(product.gapsAreUntouched());
}

void decodeMla(const RandomCalls &calls, Random &random) {
  int64_t batch = 1 + drawUpTo(random, 6);
  MlaProblem problem;
  problem.open(batch, drawPool(calls, random));
  ASSERT_EQ(problem.run(), ATTN_OK) << attn_error_message();
  problem.expectRight(batch);
}

void open(const RandomCalls &calls, Random &random) {
  attn_library *lib;
  ASSERT_EQ(attn_library_open(calls.pack, &lib), ATTN_OK)
      << attn_error_message();
  char text[1000];
  size_t length;
  for (uint32_t i = 0; i < attn_library_num_kernels(lib); ++i)
    EXPECT_EQ(attn_library_kernel_json(lib, i, text, sizeof text, &length),
              ATTN_OK);
  attn_library_close(lib);
  EXPECT_EQ(attn_library_open("/nonexistent.so", &lib),
            ATTN_ERROR_LIBRARY_OPEN);
  attn_pool *pool;
  ASSERT_EQ(attn_pool_create(1 + int32_t(drawUpTo(random, 3)), &pool), ATTN_OK)
      << attn_error_message();
  attn_pool_destroy(pool);
}

} // namespace

void attn::test::callAtRandom(const RandomCalls &calls, Random &random) {
  uint64_t seed = random();
  SCOPED_TRACE("seed " + std::to_string(seed));
  random.seed(seed);
  switch (random() % 9) {
  case 0:
    return append(calls, random);
  case 1:
    return merge(calls, random);
  case 2:
    return project(calls, random);
  case 3:
    return open(calls, random);
  case 4:
    return refuse(calls, random);
  case 5:
    return decodeMla(calls, random);
  default:
    return decode(calls, random);
  }
}
