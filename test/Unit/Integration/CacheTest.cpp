//===- CacheTest.cpp - Caches that are not as a test would make them ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cache.h"
#include "Support.h"
#include "gtest/gtest.h"

#include <cstring>
#include <sys/mman.h>

using namespace attn;
using namespace attn::test;

namespace {
class Cache : public testing::TestWithParam<CPULevel> {};

/// Address space without memory behind it until it is written.
class SparsePool {
public:
  explicit SparsePool(size_t bytes) : bytes(bytes) {
    base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base != MAP_FAILED)
      madvise(base, bytes, MADV_NOHUGEPAGE);
  }
  ~SparsePool() {
    if (base != MAP_FAILED)
      munmap(base, bytes);
  }
  void *data() const { return base == MAP_FAILED ? nullptr : base; }

private:
  size_t bytes;
  void *base;
};

/// Runs a problem twice, the second time from a cache that was written with
/// attn_append, and wants the same bits.
void checkAppend(const Case &c, CPULevel level) {
  Attention attention(c);
  attn_library *library = attention.compile(level);
  ASSERT_NE(library, nullptr);
  std::unique_ptr<Call> call = attention.makeCall(c.lens, c.pages[0]);
  ASSERT_EQ(call->run(library, 1), "");
  EXPECT_EQ(call->check(), "");
  Bytes expected = call->results();

  attn_decode_params p = call->params();
  CacheView view(p);
  Bytes keys, values;
  std::vector<int64_t> slots;
  view.forEachRow([&](int64_t request, int64_t token, int64_t head) {
    if (head == 0)
      slots.push_back(view.slot(request, token));
    auto take = [&](Bytes &rows, const char *element) {
      rows.insert(rows.end(), element, element + view.bytes());
    };
    for (int64_t d = 0; d < p.k_dim; ++d)
      take(keys, view.key(request, token, head, d));
    for (int64_t d = 0; view.hasValues() && d < p.v_dim; ++d)
      take(values, view.value(request, token, head, d));
  });
  size_t kBytes = p.num_blocks * p.k_stride_block * view.bytes();
  size_t vBytes = p.num_blocks * p.v_stride_block * view.bytes();
  Bytes k(kBytes, 0xff), v(vBytes, 0xff); // NaN in every type
  attn_append_params append = {};
  append.struct_size = sizeof append;
  append.flags = p.flags & ATTN_FLAG_V_IN_K;
  append.dtype = p.dtype;
  append.layout = p.layout;
  append.kv_heads = p.kv_heads;
  append.k_dim = p.k_dim;
  append.v_dim = p.v_dim;
  append.tokens = slots.size();
  append.page_size = p.page_size;
  append.num_blocks = p.num_blocks;
  append.slot_mapping = slots.data();
  append.k_src = keys.data();
  append.k_src_stride_head = p.k_dim;
  append.k_src_stride_token = int64_t(p.k_dim) * p.kv_heads;
  append.k = k.data();
  append.k_stride_block = p.k_stride_block;
  append.k_stride_token = p.k_stride_token;
  append.k_stride_head = p.k_stride_head;
  if (view.hasValues()) {
    append.v_src = values.data();
    append.v_src_stride_head = p.v_dim;
    append.v_src_stride_token = int64_t(p.v_dim) * p.kv_heads;
    append.v = v.data();
    append.v_stride_block = p.v_stride_block;
    append.v_stride_token = p.v_stride_token;
    append.v_stride_head = p.v_stride_head;
  }
  ASSERT_EQ(attn_append(&append), ATTN_OK) << attn_error_message();
  ASSERT_EQ(call->run(library, 1,
                      [&](attn_decode_params &p) {
                        p.k = k.data();
                        if (p.v)
                          p.v = v.data();
                      }),
            "");
  EXPECT_TRUE(call->results() == expected);
}

/// Runs a problem twice, the second time from blocks that are 2^28 elements and
/// more apart, and wants the same bits.
void checkFarBlocks(const Case &c, CPULevel level) {
  Attention attention(c);
  attn_library *library = attention.compile(level);
  ASSERT_NE(library, nullptr);
  std::unique_ptr<Call> call = attention.makeCall(c.lens, c.pages[0]);
  ASSERT_EQ(call->run(library, 1), "");
  EXPECT_EQ(call->check(), "");
  Bytes expected = call->results();

  attn_decode_params near = call->params(), far = near;
  constexpr int64_t apart = int64_t(1) << 28;
  std::vector<int32_t> table(near.batch * near.block_table_stride, -1);
  int32_t next = 1;
  for (int64_t b = 0; b < near.batch; ++b)
    for (int64_t i = 0; i * near.page_size < near.seq_lens[b]; ++i)
      table[b * near.block_table_stride + i] = next += 3;
  ASSERT_GT(next * apart, int64_t(1) << 32) << "elements";
  far.num_blocks = next + 1;
  far.block_table = table.data();
  far.k_stride_block = apart + near.k_stride_block;
  far.v_stride_block = apart + near.v_stride_block;
  if (far.layout == ATTN_LAYOUT_ROW) {
    far.k_stride_token = int64_t(1) << 20;
    far.v_stride_token = int64_t(1) << 19;
  } else {
    far.k_stride_head = int64_t(1) << 26;
    far.v_stride_head = int64_t(1) << 25;
  }
  CacheView from(near), to(far);
  size_t span = far.num_blocks * (far.k_stride_block + far.v_stride_block);
  SparsePool k(span * to.bytes()), v(from.hasValues() ? span * to.bytes() : 64);
  if (!k.data() || !v.data())
    GTEST_SKIP() << "no address space of " << span * to.bytes() << " bytes";
  far.k = k.data();
  far.v = from.hasValues() ? v.data() : nullptr;
  from.forEachRow([&](int64_t b, int64_t t, int64_t h) {
    for (int64_t d = 0; d < near.k_dim; ++d)
      memcpy(to.key(b, t, h, d), from.key(b, t, h, d), to.bytes());
    for (int64_t d = 0; from.hasValues() && d < near.v_dim; ++d)
      memcpy(to.value(b, t, h, d), from.value(b, t, h, d), to.bytes());
  });
  ASSERT_EQ(call->run(library, 2, [&](attn_decode_params &p) { p = far; }), "");
  EXPECT_TRUE(call->results() == expected);
}

/// Runs a windowed problem twice, the second time with nothing but garbage left
/// of what a query sees, and wants the same bits.
void checkFreedBlocks(const Case &c, CPULevel level) {
  Attention attention(c);
  attn_library *library = attention.compile(level);
  ASSERT_NE(library, nullptr);
  std::unique_ptr<Call> call = attention.makeCall(c.lens, c.pages[0]);
  ASSERT_EQ(call->run(library, 1), "");
  EXPECT_EQ(call->check(), "");
  Bytes expected = call->results();

  attn_decode_params p = call->params();
  int64_t tile = attn_library_kernel(library, 0)->kv_tile;
  std::vector<int32_t> table(p.block_table,
                             p.block_table + p.batch * p.block_table_stride);
  CacheView view(p);
  bool some = false;
  view.forEachRow([&](int64_t b, int64_t t, int64_t h) {
    int64_t first = p.seq_lens[b] - p.q_len - p.window + 1;
    if (t >= first)
      return;
    for (int64_t d = 0; d < p.k_dim; ++d)
      memset(view.key(b, t, h, d), 0xff, view.bytes());
    for (int64_t d = 0; view.hasValues() && d < p.v_dim; ++d)
      memset(view.value(b, t, h, d), 0xff, view.bytes());
    int64_t kept = first - first % tile;
    if ((t / p.page_size + 1) * p.page_size <= kept) {
      table[b * p.block_table_stride + t / p.page_size] = 0x7ffffff0;
      some = true;
    }
  });
  ASSERT_TRUE(some) << "no block could be freed";
  ASSERT_EQ(
      call->run(library, 2,
                [&](attn_decode_params &p) { p.block_table = table.data(); }),
      "");
  EXPECT_TRUE(call->results() == expected);
}
} // namespace

TEST_P(Cache, AppendedTokensReadLikeWrittenOnes) {
  for (const char *line : {
           "gqa:8/2/64 bf16 row pages=7 lens=0,1,8,130",
           "gqa:8/2/64 bf16 own pages=32 lens=0,1,33,130",
           "gqa:4/2/80+48 bf16 own lens=1,65,129",
           "gqa:6/2/64 f16 own pages=96 lens=97,1",
           "gqa:6/2/64 f32 row pages=17 lens=17,100",
           "mla:16/256+64 bf16 row pages=16 lens=1,130",
           "mla:16/256+64 bf16 own lens=1,130",
           "gla:16/2/128+64 bf16 row pages=16 lens=1,130",
       }) {
    SCOPED_TRACE(line);
    checkAppend(Case(line), GetParam());
  }
}

TEST_P(Cache, BlocksMayLieBeyondTwoGigaElements) {
  for (const char *line : {
           "gqa:8/2/64 bf16 row pages=16 lens=1,65,130",
           "gqa:8/2/64 bf16 own lens=1,65,330",
           "gqa:6/2/64 f16 row pages=7 q=2 lens=2,65",
           "gqa:6/2/64 f32 own pages=32 lens=1,33,200",
           "mla:16/256+64 bf16 row pages=16 lens=1,130",
       }) {
    SCOPED_TRACE(line);
    checkFarBlocks(Case(line), GetParam());
  }
}

TEST_P(Cache, BlocksLeftOfTheWindowMayBeFreed) {
  for (const char *line : {
           "gqa:8/2/64 bf16 row pages=16 window=100 lens=300,130,399",
           "gqa:8/2/64 bf16 own pages=32 window=70 q=3 lens=300,130",
           "gqa:6/2/64 f16 row pages=7 window=5 lens=300,71",
           "gqa:6/2/64 f32 own window=1 lens=300,129",
           "mla:16/256+64 bf16 row pages=16 window=40 lens=700",
       }) {
    SCOPED_TRACE(line);
    checkFreedBlocks(Case(line), GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Cache, testing::ValuesIn(kLevels),
                         [](const testing::TestParamInfo<CPULevel> &info) {
                           return std::string(levelName(info.param));
                         });
