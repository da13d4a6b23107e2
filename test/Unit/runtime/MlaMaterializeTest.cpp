//===-- MlaMaterializeTest.cpp - attn_mla_decode over K and V in memory ---===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attention written here is linear, out = sum_t (q . K_t) V_t over the
// tokens of the work item, on numbers that f32 adds exactly: what the call must
// give is plain arithmetic over the latent rows, and equal to the last bit. The
// cache holds NaN wherever no token lies that a query sees.
//
//===----------------------------------------------------------------------===//

#include "MlaProblem.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

using namespace attn::test;

namespace {

constexpr int64_t kMaxLen = 700; // more than two chunks of tokens
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// As projection kernels with ATTN_KERNEL_UP_TRANSPOSED read weights.
template <int64_t K, int64_t N>
void projectTransposed(const attn_project_args *args,
                       const attn_project_item *item, void *) {
  ASSERT_LE(item->token_end - item->token_begin, ATTN_PROJECT_TOKENS);
  for (int64_t h = item->head_begin; h < item->head_end; ++h)
    for (int64_t t = item->token_begin; t < item->token_end; ++t)
      for (int64_t j = 0; j < N; ++j) {
        float sum = 0;
        for (int64_t i = 0; i < K; ++i)
          sum += static_cast<const float *>(
                     args->in)[t * args->in_stride_token +
                               h * args->in_stride_head + i] *
                 static_cast<const float *>(args->weight)[(h * N + j) * K + i];
        static_cast<float *>(args->out)[t * args->out_stride_token +
                                        h * args->out_stride_head + j] = sum;
      }
}

class MlaMaterialize : public testing::Test, protected MlaProblem {
protected:
  static constexpr int64_t kWidth = kNope + kRope, kRow = kRank + kRope;

  static void attend(const attn_kernel_args *args, const attn_work_item *item,
                     void *) {
    ASSERT_EQ(item->blocks, nullptr);
    ASSERT_EQ(item->slot, -1);
    auto *q = static_cast<const float *>(args->q);
    auto *k = static_cast<const float *>(args->k);
    auto *v = static_cast<const float *>(args->v);
    for (int64_t h = item->head_begin; h < item->head_end; ++h)
      for (int64_t i = 0; i < kTokens; ++i) {
        float *out = static_cast<float *>(args->out) +
                     item->batch * args->out_stride_batch +
                     i * args->out_stride_token + h * args->out_stride_head;
        float sums[kV] = {}, total = 0;
        for (int64_t t = item->token_begin; t < item->token_end; ++t) {
          int64_t block = t / args->page_size, slot = t % args->page_size;
          float score = 0;
          for (int64_t d = 0; d < kWidth; ++d)
            score +=
                q[item->batch * args->q_stride_batch +
                  i * args->q_stride_token + h * args->q_stride_head + d] *
                k[block * args->k_stride_block + slot * args->k_stride_token +
                  h * args->k_stride_head + d];
          total += score;
          for (int64_t d = 0; d < kV; ++d)
            sums[d] +=
                score *
                v[block * args->v_stride_block + slot * args->v_stride_token +
                  h * args->v_stride_head + d];
        }
        std::memcpy(out, sums, sizeof sums);
        if (args->sinks)
          total += args->sinks[h];
        if (args->lse)
          args->lse[item->batch * args->lse_stride_batch +
                    i * args->lse_stride_token + h * args->lse_stride_head] =
              item->seq_len ? total : -INFINITY;
      }
  }

  MlaMaterialize() {
    attention.flags = 0;
    attention.name = "heads";
    attention.kv_heads = kHeads;
    attention.k_dim = kWidth;
    attention.v_dim = kV;
    attention.kernel = attend;
    attention.scratch_bytes = 64;
    projections = {projection(kRank, kNope, projectTransposed<kRank, kNope>),
                   projection(kRank, kV, project<kRank, kV>)};
    projections[0].flags = ATTN_KERNEL_UP_TRANSPOSED;
  }
  ~MlaMaterialize() override { attn_pool_destroy(pool); }

  struct Shape {
    std::vector<int32_t> lens;
    int64_t page = 8;
    int32_t threads = 1, groups = 1;
    bool joined = true;
    int64_t window = 0;
  };

  /// Opens the kernels and fills in a call over pages in random order.
  void open(const Shape &shape) {
    if (attn_cpu_isa() < ATTN_ISA_AVX2)
      GTEST_SKIP() << "no kernel runs below AVX2";
    attn_pool_destroy(pool);
    pool = nullptr;
    ASSERT_EQ(attn_pool_create(shape.threads, &pool), ATTN_OK);
    attention.window = shape.window;
    int64_t batch = int64_t(shape.lens.size());
    ASSERT_NO_FATAL_FAILURE(MlaProblem::open(batch, pool));
    lens = shape.lens;
    groups = shape.groups;
    std::mt19937 random(7);
    auto small = [&] { return float(int(random() % 5) - 2); };
    for (std::vector<float> *data : {&query, &weightUK, &weightUV})
      for (float &x : *data)
        x = small();
    apart.resize(size_t(batch * kTokens * kHeads * kRope));
    for (size_t row = 0; row < apart.size() / kRope; ++row)
      for (int64_t d = 0; d < kRope; ++d)
        apart[row * kRope + d] = query[row * kWidth + kNope + d];

    int64_t pages = (kMaxLen + shape.page - 1) / shape.page;
    decode.kv_heads = groups;
    decode.window = shape.window;
    decode.max_seq_len = kMaxLen;
    decode.page_size = shape.page;
    decode.num_blocks = batch * pages + 1;
    decode.k_stride_token = kRow * groups;
    decode.k_stride_head = kRow;
    decode.k_stride_block = shape.page * kRow * groups;
    blocks.resize(size_t(batch * pages));
    for (size_t i = 0; i < blocks.size(); ++i)
      blocks[i] = int32_t(i + 1);
    std::shuffle(blocks.begin(), blocks.end(), random);
    decode.block_table = blocks.data();
    decode.block_table_stride = decode.max_blocks = pages;
    cache.assign(size_t(decode.num_blocks * decode.k_stride_block), kNaN);
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = firstSeen(b); t < lens[b]; ++t)
        for (int64_t i = 0; i < kRow * groups; ++i)
          cache[rowAt(b, t) + i] = small();
    decode.k = cache.data();
    decode.seq_lens = lens.data();
    lse.assign(size_t(batch * kTokens * kHeads), kNaN);
    decode.lse = lse.data();
    decode.lse_stride_batch = kTokens * kHeads;
    decode.lse_stride_token = kHeads;
    decode.lse_stride_head = 1;
    if (shape.joined)
      return;
    params.q_rope = apart.data();
    params.q_rope_stride_head = kRope;
    params.q_rope_stride_token = kHeads * kRope;
    params.q_rope_stride_batch = kTokens * kHeads * kRope;
  }

  /// As attn_decode_params::window says, rounded down to the kernel's tile.
  int64_t firstSeen(int64_t b) const {
    if (!attention.window)
      return 0;
    int64_t first =
        std::max<int64_t>(lens[b] - kTokens - attention.window + 1, 0);
    return first - first % attention.kv_tile;
  }
  int64_t rowAt(int64_t b, int64_t t) const {
    return blocks[b * decode.max_blocks + t / decode.page_size] *
               decode.k_stride_block +
           t % decode.page_size * decode.k_stride_token;
  }

  void expectExact() const {
    for (int64_t b = 0; b < int64_t(lens.size()); ++b)
      for (int64_t h = 0; h < kHeads; ++h)
        for (int64_t i = 0; i < kTokens; ++i) {
          double sums[kV] = {}, total = 0;
          for (int64_t t = firstSeen(b); t < lens[b]; ++t) {
            const float *row =
                &cache[rowAt(b, t) + h / (kHeads / groups) * kRow];
            const float *q = &query[((b * kTokens + i) * kHeads + h) * kWidth];
            double score = 0;
            for (int64_t n = 0; n < kNope; ++n)
              for (int64_t r = 0; r < kRank; ++r)
                score += q[n] * weightUK[(h * kNope + n) * kRank + r] * row[r];
            for (int64_t d = 0; d < kRope; ++d)
              score += q[kNope + d] * row[kRank + d];
            total += score;
            for (int64_t d = 0; d < kV; ++d)
              for (int64_t r = 0; r < kRank; ++r)
                sums[d] += score * row[r] * weightUV[(h * kRank + r) * kV + d];
          }
          int64_t row = (b * kTokens + i) * kHeads + h;
          for (int64_t d = 0; d < kV; ++d)
            ASSERT_EQ(out[row * kV + d], sums[d])
                << b << " " << h << " " << i << " " << d;
          ASSERT_EQ(lse[row], lens[b] ? total : -INFINITY);
        }
  }

  attn_pool *pool = nullptr;
  std::vector<float> apart, lse;
  std::vector<int32_t> blocks;
  int32_t groups = 1;
};

} // namespace

TEST_F(MlaMaterialize, DecompressesAndAttends) {
  // Lengths around a chunk of 256 tokens, and none.
  const Shape shapes[] = {
      {{1, 2, 255, 256, 257}, 8, 1},
      {{0, 700, 2}, 1, 2},
      {{513, 0}, 64, 3, 1, /*joined=*/false},
      {{300, 40, 7, 0, 512}, 7, 4, /*groups=*/5},
      {{3}, 16, 8},
      {{5, 700, 250}, 32, 2, 1, false, /*window=*/33},
      {{600}, 5, 2, 5, true, 300},
  };
  for (const Shape &shape : shapes) {
    SCOPED_TRACE("page " + std::to_string(shape.page) + ", threads " +
                 std::to_string(shape.threads));
    ASSERT_NO_FATAL_FAILURE(open(shape));
    if (IsSkipped())
      return;
    ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
    ASSERT_NO_FATAL_FAILURE(expectExact());
    params.form = ATTN_MLA_FORM_MATERIALIZED;
    ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
  }
}

/// The caller's ids, as they are.
TEST_F(MlaMaterialize, ReadsIndicesOfBothWidths) {
  ASSERT_NO_FATAL_FAILURE(open({{40, 0, 9}, 8, 2}));
  if (IsSkipped())
    return;
  std::vector<int32_t> indptr = {0, 5, 5, 7}, narrow;
  for (int64_t b : {0, 2})
    for (int64_t i = 0; i < indptr[b + 1] - indptr[b]; ++i)
      narrow.push_back(blocks[b * decode.max_blocks + i]);
  std::vector<int64_t> wide(narrow.begin(), narrow.end());
  decode.block_table = nullptr;
  decode.max_blocks = 0;
  decode.indptr = indptr.data();
  decode.max_indices = 7;
  for (bool isWide : {false, true}) {
    decode.index_type = isWide ? ATTN_INDEX_INT64 : ATTN_INDEX_INT32;
    decode.indices =
        isWide ? static_cast<const void *>(wide.data()) : narrow.data();
    out.assign(out.size(), kNaN);
    ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
    decode.max_blocks = int64_t(blocks.size()) / 3; // for rowAt
    ASSERT_NO_FATAL_FAILURE(expectExact());
  }
  wide[6] = int64_t(1) << 40;
  EXPECT_EQ(run(), ATTN_ERROR_INDEX_WIDTH);
}

TEST_F(MlaMaterialize, ReadsAContiguousCache) {
  ASSERT_NO_FATAL_FAILURE(open({{40, 700}, kMaxLen, 2}));
  if (IsSkipped())
    return;
  blocks = {0, 1};
  decode.block_table = nullptr;
  decode.max_blocks = 0;
  for (float &x : cache)
    x = 1;
  ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
  decode.max_blocks = 1; // for rowAt
  expectExact();
}

/// Pages of one token, in order and not, at strides that nobody reads.
TEST_F(MlaMaterialize, ReadsPagesOfOneToken) {
  for (bool inOrder : {true, false}) {
    ASSERT_NO_FATAL_FAILURE(open({{300, 2}, 1, 2}));
    if (IsSkipped())
      return;
    if (inOrder)
      std::sort(blocks.begin(), blocks.end());
    else
      blocks[7] = blocks[8];
    for (float &x : cache)
      if (std::isnan(x))
        x = 2;
    decode.k_stride_token = INT64_MAX;
    ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
    decode.k_stride_token = 0; // for rowAt
    ASSERT_NO_FATAL_FAILURE(expectExact());
  }
}

/// Bits depend on a request alone; so does the size of the workspace on
/// capacities and threads.
TEST_F(MlaMaterialize, IsBatchInvariant) {
  ASSERT_NO_FATAL_FAILURE(open({{300, 0, 77, 2}, 8, 1}));
  if (IsSkipped())
    return;
  for (float &x : query) // inexact sums
    x += 0.1f;
  ASSERT_EQ(run(), ATTN_OK);
  std::vector<float> first = out;
  uint64_t perThread, bytes;
  ASSERT_EQ(attn_mla_workspace_size(library, &params, &perThread), ATTN_OK);
  for (int32_t threads : {2, 3, 5, 20}) {
    attn_pool_destroy(pool);
    ASSERT_EQ(attn_pool_create(threads, &pool), ATTN_OK);
    decode.pool = pool;
    for (int64_t batch : {4, 3, 1}) {
      decode.batch = batch;
      out.assign(out.size(), kNaN);
      ASSERT_EQ(run(), ATTN_OK);
      size_t written = size_t(batch * params.out_stride_batch);
      EXPECT_TRUE(
          std::equal(out.begin(), out.begin() + written, first.begin()));
      EXPECT_TRUE(written == out.size() || std::isnan(out[written]));
      ASSERT_EQ(attn_mla_workspace_size(library, &params, &bytes), ATTN_OK);
      EXPECT_EQ(bytes, perThread * uint64_t(threads));
    }
  }
  decode.batch = 0;
  EXPECT_EQ(run(), ATTN_OK);
}

/// K and V of a window take the memory of a window.
TEST_F(MlaMaterialize, WorkspaceIsOfTheTokensSeen) {
  uint64_t all, some;
  ASSERT_NO_FATAL_FAILURE(open({{5}}));
  if (IsSkipped())
    return;
  ASSERT_EQ(attn_mla_workspace_size(library, &params, &all), ATTN_OK);
  ASSERT_NO_FATAL_FAILURE(open({{5}, 8, 1, 1, true, /*window=*/100}));
  ASSERT_EQ(attn_mla_workspace_size(library, &params, &some), ATTN_OK);
  int64_t row = (kWidth + kV) * int64_t(sizeof(float));
  EXPECT_GE(all - some, uint64_t(row * (kMaxLen - 100 - 16 - kTokens) - 128));
  decode.max_seq_len = INT32_MAX;
  decode.window = attention.window = 0;
  decode.block_table_stride = decode.max_blocks = INT32_MAX;
  ASSERT_EQ(attn_mla_workspace_size(library, &params, &all), ATTN_OK);
  EXPECT_GT(all, uint64_t(row) * INT32_MAX);
}

TEST_F(MlaMaterialize, PassesSinks) {
  attention.flags = ATTN_KERNEL_SINKS;
  ASSERT_NO_FATAL_FAILURE(open({{9}}));
  if (IsSkipped())
    return;
  EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
  std::vector<float> sinks = {1000, 2000, 3000, 4000, 5000};
  decode.flags |= ATTN_FLAG_SINKS;
  EXPECT_EQ(run(), ATTN_ERROR_NULL_POINTER);
  decode.sinks = sinks.data();
  ASSERT_EQ(run(), ATTN_OK) << attn_error_message();
  for (size_t i = 0; i < lse.size(); ++i)
    lse[i] -= sinks[i % kHeads];
  expectExact();
}

TEST_F(MlaMaterialize, NeedsAllThreeKernels) {
  auto expectMissing = [&](const char *message) {
    ASSERT_NO_FATAL_FAILURE(open({{9}}));
    if (IsSkipped())
      return;
    params.form = ATTN_MLA_FORM_MATERIALIZED;
    EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
    EXPECT_STREQ(attn_error_message(), message);
  };
  const char *none =
      "form materialized asked; for this call the library has none";
  auto good = projections;
  auto goodAttention = attention;
  projections.pop_back();
  expectMissing(none);
  projections = good;
  projections[0].flags = 0; // reads [heads, rank, nope]
  expectMissing(none);
  projections = good;
  projections[1].flags = ATTN_KERNEL_UP_TRANSPOSED;
  expectMissing(none);
  projections = good;
  for (auto spoil : std::initializer_list<void (*)(attn_kernel_desc &)>{
           [](auto &a) { a.k_dim += 1; }, [](auto &a) { a.v_dim += 1; },
           [](auto &a) { a.kv_heads = 1; }, [](auto &a) { a.q_len = 1; },
           [](auto &a) { a.window = 5; }, [](auto &a) { a.scale = 2; },
           [](auto &a) { a.softcap = 2; },
           [](auto &a) { a.flags = ATTN_KERNEL_CAUSAL; },
           [](auto &a) { a.flags = ATTN_KERNEL_OUT_F32; },
           [](auto &a) { a.layout = ATTN_LAYOUT_OWN; },
           [](auto &a) { a.dtype = ATTN_BF16; }}) {
    spoil(attention);
    int64_t window = attention.window;
    ASSERT_NO_FATAL_FAILURE(open({{9}}));
    if (IsSkipped())
      return;
    attention.window = window;
    EXPECT_EQ(run(), ATTN_ERROR_UNSUPPORTED);
    attention = goodAttention;
  }
}

/// Keys of 3 + 3 + 2 columns are as wide as those of 2 + 2 + 4.
TEST_F(MlaMaterialize, TakesNoKeysWithAnotherRest) {
  attention.flags = ATTN_KERNEL_REST;
  attention.k_dim = 2 * kNope + kRope;
  projections[0].flags |= ATTN_KERNEL_REST;
  for (int32_t nope : {int32_t(kNope), int32_t(kNope) - 1}) {
    attention.nope = nope;
    open({{5}});
    if (IsSkipped())
      return;
    uint64_t bytes = 0;
    params.form = ATTN_MLA_FORM_MATERIALIZED;
    EXPECT_EQ(attn_mla_workspace_size(library, &params, &bytes),
              nope == kNope ? ATTN_OK : ATTN_ERROR_UNSUPPORTED)
        << attn_error_message();
  }
}

TEST_F(MlaMaterialize, RefusesBadArguments) {
  ASSERT_NO_FATAL_FAILURE(open({{9, 4}}));
  if (IsSkipped())
    return;
  out.assign(out.size(), -1);
  attn_mla_params good = params;
  attn_decode_params goodDecode = decode;
  auto expect = [&](attn_status status) {
    EXPECT_EQ(run(), status) << attn_error_message();
    EXPECT_EQ(out[0], -1);
    params = good;
    decode = goodDecode;
  };
  params.w_uv = nullptr;
  expect(ATTN_ERROR_NULL_POINTER);
  params.q_rope = nullptr;
  expect(ATTN_ERROR_NULL_POINTER);
  params.out_stride_head = 1;
  expect(ATTN_ERROR_STRIDE);
  decode.k = nullptr;
  expect(ATTN_ERROR_NULL_POINTER);
  decode.k_stride_head = -1;
  decode.kv_heads = kHeads;
  expect(ATTN_ERROR_STRIDE);
  decode.lse_stride_head = 0;
  expect(ATTN_ERROR_STRIDE);
  decode.batch = 3;
  expect(ATTN_ERROR_BATCH_CAPACITY);
  decode.max_seq_len = 8;
  expect(ATTN_ERROR_SEQ_LEN_CAPACITY);
  decode.num_blocks = 0;
  expect(ATTN_ERROR_BLOCK_INDEX);
  decode.seq_lens = nullptr;
  expect(ATTN_ERROR_NULL_POINTER);
  ASSERT_EQ(run(), ATTN_OK);
  out[0] = -1;
  params.workspace_bytes -= 1;
  EXPECT_EQ(attn_mla_decode(library, &params), ATTN_ERROR_WORKSPACE_SIZE);
  EXPECT_EQ(out[0], -1);
}
