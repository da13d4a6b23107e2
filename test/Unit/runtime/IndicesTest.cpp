//===-- IndicesTest.cpp - Caches addressed by indptr and indices ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"

#include "gtest/gtest.h"

#include <functional>

using namespace attn::test;

namespace {

/// What goes with indptr.
struct Form {
  attn_index_type type;
  bool seqLens; ///< lengths given as such; else last_page_len
};
constexpr Form kForms[] = {{ATTN_INDEX_INT32, true},
                           {ATTN_INDEX_INT32, false},
                           {ATTN_INDEX_INT64, true},
                           {ATTN_INDEX_INT64, false}};

/// A problem whose block table is turned into indptr and indices.
class Indexed {
public:
  Indexed(const ProblemOptions &options, Form form, uint64_t seed = 1)
      : problem(options, seed), p(problem.params) {
    // Rows start behind a gap that belongs to no request.
    constexpr int32_t kGap = 3;
    ids.assign(kGap, -1);
    indptr.push_back(kGap);
    for (int64_t b = 0; b < p.batch; ++b) {
      int64_t length = problem.seqLens[size_t(b)];
      int64_t pages = (length + p.page_size - 1) / p.page_size;
      for (int64_t i = 0; i < pages; ++i)
        ids.push_back(problem.blockTable[size_t(b * p.block_table_stride + i)]);
      indptr.push_back(int32_t(ids.size()));
      lastPageLen.push_back(pages ? int32_t(length - (pages - 1) * p.page_size)
                                  : 0);
    }
    narrow.assign(ids.begin(), ids.end());
    p.block_table = nullptr;
    p.block_table_stride = p.max_blocks = 0;
    p.indptr = indptr.data();
    p.index_type = form.type;
    p.max_indices = int64_t(ids.size());
    if (form.type == ATTN_INDEX_INT64)
      p.indices = ids.data();
    else
      p.indices = narrow.data();
    if (!form.seqLens) {
      p.seq_lens = nullptr;
      p.last_page_len = lastPageLen.data();
    }
  }

  Problem problem;
  attn_decode_params &p;
  std::vector<int64_t> ids;
  std::vector<int32_t> narrow, indptr, lastPageLen;
};

using Pool = std::unique_ptr<attn_pool, decltype(&attn_pool_destroy)>;

Pool makePool(int32_t threads) {
  attn_pool *pool = nullptr;
  EXPECT_EQ(attn_pool_create(threads, &pool), ATTN_OK);
  return Pool(pool, attn_pool_destroy);
}

TEST(Indices, ReadWhatATableReads) {
  for (int32_t threads : {1, 3}) {
    Pool pool = makePool(threads);
    for (FakeKernel kernel : {GqaF32Row, GqaBf16Own, WindowF32Row, MlaBf16Row})
      for (int64_t page : {1, 5, 16}) {
        ProblemOptions options;
        options.kernel = kernel;
        options.seqLens = {700, 0, 3, 16, 33};
        options.pageSize = kernel == GqaBf16Own ? 16 : page;
        Problem table(options, 1);
        table.params.pool = pool.get();
        ASSERT_EQ(table.run(), ATTN_OK) << attn_error_message();
        for (Form form : kForms) {
          SCOPED_TRACE("kernel " + std::to_string(kernel) + " page " +
                       std::to_string(page) + " type " +
                       std::to_string(form.type));
          Indexed indexed(options, form);
          indexed.p.pool = pool.get();
          ASSERT_EQ(indexed.problem.run(), ATTN_OK) << attn_error_message();
          EXPECT_EQ(indexed.problem.out, table.out);
          EXPECT_LE(indexed.problem.lseError(), 2e-5);
        }
      }
  }
}

// A pool of single tokens needs no last_page_len: every page is full.
TEST(Indices, SingleTokensAreFullPages) {
  ProblemOptions options;
  options.seqLens = {70, 0, 20};
  options.pageSize = 1;
  Indexed indexed(options, {ATTN_INDEX_INT64, false});
  indexed.p.last_page_len = nullptr;
  ASSERT_EQ(indexed.problem.run(), ATTN_OK) << attn_error_message();
  EXPECT_LE(indexed.problem.outError(), 200);
}

// Engines that compute (length - 1) % page + 1 give empty requests a full page.
TEST(Indices, LastPagesOfNoPagesAreNotLookedAt) {
  ProblemOptions options;
  options.seqLens = {70, 0, 20};
  for (int32_t value : {16, -1, 1000}) {
    Indexed indexed(options, {ATTN_INDEX_INT32, false});
    indexed.lastPageLen[1] = value;
    ASSERT_EQ(indexed.problem.run(), ATTN_OK) << attn_error_message();
    EXPECT_LE(indexed.problem.outError(), 200);
  }
}

TEST(Indices, MayBeNullWhereThereAreNone) {
  ProblemOptions options;
  options.seqLens = {0, 0};
  Indexed indexed(options, {ATTN_INDEX_INT32, false});
  indexed.indptr = {0, 0, 0};
  indexed.p.indices = nullptr;
  indexed.p.max_indices = 0;
  ASSERT_EQ(indexed.problem.run(), ATTN_OK) << attn_error_message();
  EXPECT_EQ(indexed.problem.outError(), 0);
}

// Only wide indices take workspace, as much as their copies need.
TEST(Indices, WorkspaceHoldsTheCopies) {
  ProblemOptions options;
  options.seqLens = {70, 20};
  Indexed indexed(options, {ATTN_INDEX_INT64, true});
  attn_decode_params &p = indexed.p;
  auto size = [&](int32_t type, int64_t count) {
    p.index_type = type;
    p.max_indices = count;
    uint64_t bytes = 0;
    EXPECT_EQ(attn_decode_workspace_size(indexed.problem.library, &p, &bytes),
              ATTN_OK);
    return bytes;
  };
  uint64_t without = size(ATTN_INDEX_INT32, 1600);
  EXPECT_EQ(size(ATTN_INDEX_INT32, 0), without);
  EXPECT_EQ(size(ATTN_INDEX_INT64, 0), without);
  EXPECT_EQ(size(ATTN_INDEX_INT64, 1600), without + 6400);
  EXPECT_EQ(size(ATTN_INDEX_INT64, 1601), without + 6464);
}

// Freed pages left of a window may have ids that fit nowhere.
TEST(Indices, FreedPagesAreIgnored) {
  for (Form form : kForms) {
    ProblemOptions options;
    options.kernel = WindowF32Row;
    options.pageSize = 8;
    options.seqLens = {500, 30};
    Indexed indexed(options, form);
    for (size_t page = 0; page < 57; ++page) {
      indexed.ids[3 + page] = (int64_t(1) << 40) + int64_t(page);
      indexed.narrow[3 + page] = -7;
    }
    ASSERT_EQ(indexed.problem.run(), ATTN_OK) << attn_error_message();
    EXPECT_LE(indexed.problem.outError(), 200);
    indexed.ids[3 + 57] = int64_t(1) << 40;
    indexed.narrow[3 + 57] = -7;
    EXPECT_EQ(indexed.problem.run(), form.type == ATTN_INDEX_INT64
                                         ? ATTN_ERROR_INDEX_WIDTH
                                         : ATTN_ERROR_BLOCK_INDEX);
  }
}

TEST(Indices, BadInputHasItsStatusAndWritesNothing) {
  struct BadInput {
    const char *what;
    attn_status status;
    std::function<void(Indexed &, attn_decode_params &)> spoil;
  };
#define SPOIL(statement)                                                       \
  [](Indexed &c, attn_decode_params &p) {                                      \
    (void)c, (void)p;                                                          \
    statement;                                                                 \
  }
  const BadInput inputs[] = {
      {"table too", ATTN_ERROR_ADDRESSING, SPOIL(p.block_table = p.indptr)},
      {"both lengths", ATTN_ERROR_ADDRESSING,
       SPOIL(p.seq_lens = c.problem.seqLens.data())},
      {"no lengths", ATTN_ERROR_NULL_POINTER, SPOIL(p.last_page_len = nullptr)},
      {"indices null", ATTN_ERROR_NULL_POINTER, SPOIL(p.indices = nullptr)},
      {"indices misaligned", ATTN_ERROR_MISALIGNED,
       SPOIL(p.indices = c.narrow.data() + 1)},
      {"indptr misaligned", ATTN_ERROR_MISALIGNED,
       SPOIL(p.indptr = reinterpret_cast<const int32_t *>(
                 reinterpret_cast<const char *>(p.indptr) + 2))},
      {"last_page_len misaligned", ATTN_ERROR_MISALIGNED,
       SPOIL(p.last_page_len = reinterpret_cast<const int32_t *>(
                 reinterpret_cast<const char *>(p.indptr) + 1))},
      {"indptr negative", ATTN_ERROR_INDPTR, SPOIL(c.indptr[0] = -1)},
      {"indptr descends", ATTN_ERROR_INDPTR,
       SPOIL(c.indptr[1] = c.indptr[2] + 1)},
      {"indptr past max_indices", ATTN_ERROR_INDPTR, SPOIL(--p.max_indices)},
      {"too few pages", ATTN_ERROR_INDPTR,
       SPOIL(p.last_page_len = nullptr; p.seq_lens = c.problem.seqLens.data();
             c.indptr[1] -= 2)},
      {"last page empty", ATTN_ERROR_LAST_PAGE_LEN,
       SPOIL(c.lastPageLen[0] = 0)},
      {"last page overfull", ATTN_ERROR_LAST_PAGE_LEN,
       SPOIL(c.lastPageLen[1] = 17)},
      {"too long", ATTN_ERROR_SEQ_LEN_CAPACITY, SPOIL(--p.max_seq_len)},
      {"id negative", ATTN_ERROR_BLOCK_INDEX, SPOIL(c.ids.back() = -1)},
      {"id past the pool", ATTN_ERROR_BLOCK_INDEX,
       SPOIL(c.ids[5] = p.num_blocks)},
      {"id past int32", ATTN_ERROR_INDEX_WIDTH,
       SPOIL(c.ids[5] = (int64_t(1) << 32) + 1)},
  };
  for (const BadInput &bad : inputs) {
    SCOPED_TRACE(bad.what);
    ProblemOptions options;
    options.seqLens = {70, 20, 0};
    Indexed indexed(options, {ATTN_INDEX_INT64, false});
    attn_decode_params &p = indexed.p;
    uint64_t bytes;
    ASSERT_EQ(attn_decode_workspace_size(indexed.problem.library, &p, &bytes),
              ATTN_OK);
    Workspace workspace(bytes);
    p.workspace = workspace.data();
    p.workspace_bytes = bytes;
    bad.spoil(indexed, p);
    attn_status status = attn_decode(indexed.problem.library, &p);
    EXPECT_EQ(status, bad.status)
        << attn_status_name(status) << ": " << attn_error_message();
    EXPECT_TRUE(indexed.problem.outputsAreUntouched());
    EXPECT_TRUE(workspace.isUntouched());
  }
#undef SPOIL
}

} // namespace
