//===- EnginesTest.cpp - Caches laid out as each engine does --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One test for each layout of docs/runtime.md's table of engines. Where a row
// lies is written twice: as an index into the engine's own tensor, by which the
// cache is filled, and as the strides that the table tells a caller to pass, by
// which kernels read it and attn_append writes it.
//
//===----------------------------------------------------------------------===//

#include "Cache.h"
#include "Support.h"
#include "gtest/gtest.h"

#include <cstring>
#include <map>
#include <numeric>

using namespace attn;
using namespace attn::test;

namespace {

/// Sizes of a cache.
struct Sizes {
  int64_t blocks, page, heads, k, v;
};

/// Element of a row-major tensor, from the index and the extent of each
/// dimension, outermost first.
struct Axis {
  int64_t index, extent;
};
int64_t at(std::initializer_list<Axis> axes) {
  int64_t element = 0;
  for (Axis axis : axes)
    element = element * axis.extent + axis.index;
  return element;
}
int64_t elements(std::initializer_list<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                         std::multiplies<>());
}

/// Which token of which block, for which head, of K (0) or V (1).
struct Row {
  int64_t part, block, token, head;
};

/// What a caller passes: where parts begin and the strides, in elements.
struct Recipe {
  int64_t begin = 0, block = 0, token = 0, head = 0;
};

enum class Addressing { Table, FlashInfer, Sglang32, Sglang64, TensorRT };

/// Layers of a cache that holds several; the test's is the second.
constexpr int64_t kLayers = 3, kLayer = 1;

struct Engine {
  const char *name;
  const char *attention; ///< as in Support.h
  int64_t page;
  Addressing addressing;
  int64_t buffers;                 ///< 2: K and V are tensors of their own
  int64_t (*size)(const Sizes &s); ///< elements of a buffer
  int64_t (*element)(const Sizes &s, const Row &r);
  Recipe (*recipe)(const Sizes &s, int64_t part);
};

constexpr const char *kGqa = "gqa:8/2/64 bf16 row pages=1,16,64";
constexpr const char *kGqaSpec = "gqa:6/2/80 f16 row q=3 pages=1,16,64";
constexpr const char *kWindow = "gqa:8/2/64 bf16 row window=40 pages=1,16,64";
constexpr const char *kMla = "mla:16/512+64 bf16 row pages=1,64";

// vLLM until early 2026: (2, num_blocks, block, kv_heads, d).
const Engine kVllmKvFirst = {
    "VllmKvFirst",
    kGqa,
    16,
    Addressing::Table,
    1,
    [](const Sizes &s) {
      return elements({2, s.blocks, s.page, s.heads, s.k});
    },
    [](const Sizes &s, const Row &r) {
      return at({{r.part, 2},
                 {r.block, s.blocks},
                 {r.token, s.page},
                 {r.head, s.heads},
                 {0, s.k}});
    },
    [](const Sizes &s, int64_t part) {
      return Recipe{part * s.blocks * s.page * s.heads * s.k,
                    s.page * s.heads * s.k, s.heads * s.k, s.k};
    }};

// vLLM since: (num_blocks, 2, block, kv_heads, d), in the stride orders NHD
// (0, 1, 2, 3, 4) and HND (0, 1, 3, 2, 4).
const Engine kVllmBlockFirstNhd = {
    "VllmBlockFirstNhd",
    kGqaSpec,
    16,
    Addressing::Table,
    1,
    [](const Sizes &s) {
      return elements({s.blocks, 2, s.page, s.heads, s.k});
    },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks},
                 {r.part, 2},
                 {r.token, s.page},
                 {r.head, s.heads},
                 {0, s.k}});
    },
    [](const Sizes &s, int64_t part) {
      return Recipe{part * s.page * s.heads * s.k, 2 * s.page * s.heads * s.k,
                    s.heads * s.k, s.k};
    }};
const Engine kVllmBlockFirstHnd = {
    "VllmBlockFirstHnd",
    kWindow,
    16,
    Addressing::Table,
    1,
    [](const Sizes &s) {
      return elements({s.blocks, 2, s.heads, s.page, s.k});
    },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks},
                 {r.part, 2},
                 {r.head, s.heads},
                 {r.token, s.page},
                 {0, s.k}});
    },
    [](const Sizes &s, int64_t part) {
      return Recipe{part * s.heads * s.page * s.k, 2 * s.heads * s.page * s.k,
                    s.k, s.page * s.k};
    }};

// vLLM's packed content: (num_blocks, kv_heads, block, 2 * d).
const Engine kVllmPacked = {
    "VllmPacked",
    kGqa,
    16,
    Addressing::Table,
    1,
    [](const Sizes &s) {
      return elements({s.blocks, s.heads, s.page, 2 * s.k});
    },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks},
                 {r.head, s.heads},
                 {r.token, s.page},
                 {r.part * s.k, 2 * s.k}});
    },
    [](const Sizes &s, int64_t part) {
      return Recipe{part * s.k, s.heads * s.page * 2 * s.k, 2 * s.k,
                    s.page * 2 * s.k};
    }};

// vLLM's cross-layer blocks: (num_blocks, layers, 2, block, kv_heads, d) and
// (num_blocks, kv_heads, layers, 2, block, d).
const Engine kVllmCrossLayerNhd = {
    "VllmCrossLayerNhd",
    kGqa,
    16,
    Addressing::Table,
    1,
    [](const Sizes &s) {
      return elements({s.blocks, kLayers, 2, s.page, s.heads, s.k});
    },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks},
                 {kLayer, kLayers},
                 {r.part, 2},
                 {r.token, s.page},
                 {r.head, s.heads},
                 {0, s.k}});
    },
    [](const Sizes &s, int64_t part) {
      int64_t layer = 2 * s.page * s.heads * s.k;
      return Recipe{kLayer * layer + part * s.page * s.heads * s.k,
                    kLayers * layer, s.heads * s.k, s.k};
    }};
const Engine kVllmCrossLayerHnd = {
    "VllmCrossLayerHnd",
    kGqaSpec,
    16,
    Addressing::Table,
    1,
    [](const Sizes &s) {
      return elements({s.blocks, s.heads, kLayers, 2, s.page, s.k});
    },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks},
                 {r.head, s.heads},
                 {kLayer, kLayers},
                 {r.part, 2},
                 {r.token, s.page},
                 {0, s.k}});
    },
    [](const Sizes &s, int64_t part) {
      int64_t head = kLayers * 2 * s.page * s.k;
      return Recipe{(kLayer * 2 + part) * s.page * s.k, s.heads * head, s.k,
                    head};
    }};

// SGLang's token pools: (size + 1, kv_heads, d) for K and for V, slot 0 never
// used, kv_indptr and kv_indices (int64 for its Triton kernels, int32 for
// FlashInfer's).
constexpr auto tokenPoolSize = [](const Sizes &s) {
  return elements({s.blocks, s.heads, s.k});
};
constexpr auto tokenPoolElement = [](const Sizes &s, const Row &r) {
  return at({{r.block, s.blocks}, {r.head, s.heads}, {0, s.k}});
};
constexpr auto tokenPoolRecipe = [](const Sizes &s, int64_t) {
  // Of one token, so its stride is never used.
  return Recipe{0, s.heads * s.k, 0, s.k};
};
const Engine kSglang32 = {
    "SglangInt32",    kGqaSpec,       1, Addressing::Sglang32, 2, tokenPoolSize,
    tokenPoolElement, tokenPoolRecipe};
const Engine kSglang64 = {
    "SglangInt64",    kWindow,        1, Addressing::Sglang64, 2, tokenPoolSize,
    tokenPoolElement, tokenPoolRecipe};
const Engine kSglangMla = {
    "SglangMla",      kMla,           1, Addressing::Sglang64, 1, tokenPoolSize,
    tokenPoolElement, tokenPoolRecipe};

// FlashInfer: (pages, 2, page, kv_heads, d) NHD, (pages, 2, kv_heads, page, d)
// HND, or K and V apart; (pages, page, 576) for MLA.
const Engine kFlashInferNhd = {"FlashInferNhd",
                               kGqa,
                               16,
                               Addressing::FlashInfer,
                               1,
                               kVllmBlockFirstNhd.size,
                               kVllmBlockFirstNhd.element,
                               kVllmBlockFirstNhd.recipe};
const Engine kFlashInferHnd = {"FlashInferHnd",
                               kGqaSpec,
                               16,
                               Addressing::FlashInfer,
                               1,
                               kVllmBlockFirstHnd.size,
                               kVllmBlockFirstHnd.element,
                               kVllmBlockFirstHnd.recipe};
const Engine kFlashInferApart = {
    "FlashInferApart",
    kWindow,
    16,
    Addressing::FlashInfer,
    2,
    [](const Sizes &s) { return elements({s.blocks, s.heads, s.page, s.k}); },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks},
                 {r.head, s.heads},
                 {r.token, s.page},
                 {0, s.k}});
    },
    [](const Sizes &s, int64_t) {
      return Recipe{0, s.heads * s.page * s.k, s.k, s.page * s.k};
    }};
const Engine kFlashInferMla = {
    "FlashInferMla",
    kMla,
    64,
    Addressing::FlashInfer,
    1,
    [](const Sizes &s) { return elements({s.blocks, s.page, s.k}); },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks}, {r.token, s.page}, {0, s.k}});
    },
    [](const Sizes &s, int64_t) { return Recipe{0, s.page * s.k, s.k, 0}; }};

// TensorRT-LLM: a pool of (blocks, layers, 2) blocks of [kv_heads,
// tokens_per_block, d] each, and offsets [batch, 1, 2, max_blocks] that count
// such blocks; V's is K's plus one.
const Engine kTensorRT = {"TensorRTLLM",
                          kGqa,
                          64,
                          Addressing::TensorRT,
                          1,
                          [](const Sizes &s) {
                            return elements(
                                {s.blocks, kLayers, 2, s.heads, s.page, s.k});
                          },
                          [](const Sizes &s, const Row &r) {
                            return at({{r.block, s.blocks},
                                       {kLayer, kLayers},
                                       {r.part, 2},
                                       {r.head, s.heads},
                                       {r.token, s.page},
                                       {0, s.k}});
                          },
                          [](const Sizes &s, int64_t part) {
                            int64_t unit = s.heads * s.page * s.k;
                            return Recipe{part * unit, unit, s.k, s.page * s.k};
                          }};

// FlashMLA: (blocks, 64, 1, 576), block_table and cache_seqlens int32. vLLM's
// MLA cache is the same without the dimension of one.
const Engine kFlashMla = {
    "FlashMla",
    kMla,
    64,
    Addressing::Table,
    1,
    [](const Sizes &s) { return elements({s.blocks, 64, 1, 576}); },
    [](const Sizes &s, const Row &r) {
      return at({{r.block, s.blocks}, {r.token, 64}, {0, 1}, {0, 576}});
    },
    [](const Sizes &, int64_t) { return Recipe{0, 64 * 576, 576, 576}; }};

/// One engine's cache with the tokens of a call, and what the engine hands a
/// kernel with it.
class EngineCache {
public:
  EngineCache(const Engine &engine, const attn_decode_params &from)
      : engine(engine), from(from), view(this->from),
        // Block 0 stays unused, as SGLang has it.
        sizes{from.num_blocks + 1, from.page_size, from.kv_heads, from.k_dim,
              from.v_dim} {
    for (Bytes &buffer : buffers)
      buffer = makeBuffer();
    view.forEachRow([&](int64_t request, int64_t token, int64_t head) {
      copyRow(request, token, head, 0);
      if (view.hasValues())
        copyRow(request, token, head, 1);
    });
    makeMetadata();
  }

  /// The params of the call as a caller of the engine sets them.
  attn_decode_params params() const {
    attn_decode_params p = from;
    setCache(p, buffers);
    p.num_blocks = sizes.blocks;
    p.block_table = nullptr;
    p.block_table_stride = p.max_blocks = 0;
    switch (engine.addressing) {
    case Addressing::Table:
      p.block_table = table.data();
      p.block_table_stride = p.max_blocks = tableWidth;
      break;
    case Addressing::TensorRT:
      p.block_table = table.data();
      p.block_table_stride = 2 * tableWidth;
      p.max_blocks = tableWidth;
      p.num_blocks = sizes.blocks * kLayers * 2;
      break;
    case Addressing::FlashInfer:
      p.last_page_len = lastPageLen.data();
      [[fallthrough]];
    case Addressing::Sglang32:
      p.indptr = indptr.data();
      p.indices = indices.data();
      p.max_indices = int64_t(indices.size());
      p.seq_lens = nullptr;
      break;
    case Addressing::Sglang64:
      p.indptr = indptr.data();
      p.indices = wideIndices.data();
      p.index_type = ATTN_INDEX_INT64;
      p.max_indices = int64_t(indices.size());
      p.seq_lens = nullptr;
      break;
    }
    return p;
  }

  /// Whether attn_append, given the same strides, makes the same cache.
  testing::AssertionResult appendsAlike() const {
    attn_append_params a = {};
    a.struct_size = sizeof a;
    a.flags = from.flags & ATTN_FLAG_V_IN_K;
    a.dtype = from.dtype;
    a.layout = from.layout;
    a.kv_heads = from.kv_heads;
    a.k_dim = from.k_dim;
    a.v_dim = from.v_dim;
    a.page_size = from.page_size;
    a.num_blocks = params().num_blocks;
    Bytes keys, values;
    std::vector<int64_t> slots;
    view.forEachRow([&](int64_t request, int64_t token, int64_t head) {
      if (head == 0)
        slots.push_back(id(request, token) * from.page_size +
                        token % from.page_size);
      const char *key = view.key(request, token, head, 0);
      keys.insert(keys.end(), key, key + from.k_dim * view.bytes());
      if (!view.hasValues())
        return;
      const char *value = view.value(request, token, head, 0);
      values.insert(values.end(), value, value + from.v_dim * view.bytes());
    });
    a.tokens = int64_t(slots.size());
    a.slot_mapping = slots.data();
    a.k_src = keys.data();
    a.k_src_stride_head = a.k_dim;
    a.k_src_stride_token = int64_t(a.kv_heads) * a.k_dim;
    if (view.hasValues()) {
      a.v_src = values.data();
      a.v_src_stride_head = a.v_dim;
      a.v_src_stride_token = int64_t(a.kv_heads) * a.v_dim;
    }
    Bytes appended[2] = {makeBuffer(), makeBuffer()};
    setCache(a, appended);
    if (attn_append(&a) != ATTN_OK)
      return testing::AssertionFailure() << attn_error_message();
    if (appended[0] != buffers[0] || appended[1] != buffers[1])
      return testing::AssertionFailure() << "the caches differ";
    return testing::AssertionSuccess();
  }

private:
  /// NaN wherever no token is.
  Bytes makeBuffer() const {
    return Bytes(size_t(engine.size(sizes) * view.bytes()), 0xff);
  }

  int64_t block(int64_t request, int64_t token) const {
    return view.block(request, token) + 1;
  }

  /// What the engine's table says of a token's block.
  int64_t id(int64_t request, int64_t token) const {
    int64_t n = block(request, token);
    return engine.addressing == Addressing::TensorRT
               ? at({{n, sizes.blocks}, {kLayer, kLayers}, {0, 2}})
               : n;
  }

  void copyRow(int64_t request, int64_t token, int64_t head, int64_t part) {
    Row row = {part, block(request, token), token % from.page_size, head};
    Bytes &buffer = buffers[engine.buffers == 2 ? part : 0];
    memcpy(&buffer[size_t(engine.element(sizes, row) * view.bytes())],
           part ? view.value(request, token, head, 0)
                : view.key(request, token, head, 0),
           size_t((part ? from.v_dim : from.k_dim) * view.bytes()));
  }

  void makeMetadata() {
    bool tensorRT = engine.addressing == Addressing::TensorRT;
    tableWidth = from.max_blocks + 3;
    int64_t stride = tensorRT ? 2 * tableWidth : tableWidth;
    table.assign(size_t(from.batch * stride), -1);
    indptr.push_back(0);
    for (int64_t request = 0; request < from.batch; ++request) {
      int64_t length = from.seq_lens[request], page = from.page_size;
      for (int64_t token = 0; token < length; token += page) {
        auto n = int32_t(id(request, token));
        int64_t entry = request * stride + token / page;
        table[size_t(entry)] = n;
        if (tensorRT)
          table[size_t(entry + tableWidth)] = n + 1;
        indices.push_back(n);
        wideIndices.push_back(n);
      }
      indptr.push_back(int32_t(indices.size()));
      lastPageLen.push_back(length ? int32_t((length - 1) % page + 1) : 0);
    }
  }

  /// Points params of decode or append at buffers, by the recipe.
  template <typename Params, typename Buffers>
  void setCache(Params &p, Buffers &data) const {
    auto begin = [&](int64_t part) {
      auto &buffer = data[engine.buffers == 2 ? part : 0];
      return buffer.data() + engine.recipe(sizes, part).begin * view.bytes();
    };
    Recipe k = engine.recipe(sizes, 0), v = engine.recipe(sizes, 1);
    p.k = begin(0);
    p.k_stride_block = k.block;
    p.k_stride_token = k.token;
    p.k_stride_head = k.head;
    if (!view.hasValues())
      return;
    p.v = begin(1);
    p.v_stride_block = v.block;
    p.v_stride_token = v.token;
    p.v_stride_head = v.head;
  }

  const Engine &engine;
  attn_decode_params from;
  CacheView view;
  Sizes sizes;
  Bytes buffers[2];
  int64_t tableWidth = 0;
  std::vector<int32_t> table, indptr, indices, lastPageLen;
  std::vector<int64_t> wideIndices;
};

class Engines : public testing::TestWithParam<Engine> {};

} // namespace

TEST_P(Engines, CacheReadsAsTheOracleSays) {
  const Engine &engine = GetParam();
  // Compiled once for the layouts that share them.
  static std::map<std::string, std::unique_ptr<Attention>> compiled;
  Case c(engine.attention);
  std::unique_ptr<Attention> &attention = compiled[c.line];
  if (!attention)
    attention = std::make_unique<Attention>(c);
  // Every request ends in another part of a page; one is empty.
  std::vector<int32_t> lens = {3, 0, 64, 65, 200};
  std::unique_ptr<Call> call = attention->makeCall(lens, engine.page);
  EngineCache cache(engine, call->params());
  EXPECT_TRUE(cache.appendsAlike());
  for (CPULevel level : kLevels) {
    attn_library *library = attention->compile(level);
    ASSERT_NE(library, nullptr);
    for (int32_t threads : {1, 3}) {
      SCOPED_TRACE(std::string(levelName(level)) + ", " +
                   std::to_string(threads) + " threads");
      ASSERT_EQ(call->run(library, threads,
                          [&](attn_decode_params &p) { p = cache.params(); }),
                "");
      EXPECT_EQ(call->check(), "");
    }
  }
}

// The same calls on a pretended GPU.
TEST_P(Engines, GPUKernelsReadTheCacheToo) {
  const Engine &engine = GetParam();
  Case c(engine.attention);
  // Compiled once for the layouts that share them.
  static std::map<std::string, std::unique_ptr<Attention>> compiled;
  std::unique_ptr<Attention> &attention = compiled[c.line];
  if (!attention)
    attention = std::make_unique<Attention>(c);
  std::unique_ptr<Call> call =
      attention->makeCall({3, 0, 64, 65, 100}, engine.page);
  EngineCache cache(engine, call->params());
  for (bool batchInvariant : {false, true}) {
    SimtRun run;
    run.batchInvariant = batchInvariant;
    ASSERT_EQ(attention->runSimt(*call, run,
                                 [&](attn_decode_params &p) {
                                   attn_decode_params edited = cache.params();
                                   edited.flags = p.flags;
                                   edited.split_size = p.split_size;
                                   p = edited;
                                 }),
              "");
    EXPECT_EQ(call->check(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, Engines,
                         testing::Values(kVllmKvFirst, kVllmBlockFirstNhd,
                                         kVllmBlockFirstHnd, kVllmPacked,
                                         kVllmCrossLayerNhd, kVllmCrossLayerHnd,
                                         kSglang32, kSglang64, kSglangMla,
                                         kFlashInferNhd, kFlashInferHnd,
                                         kFlashInferApart, kFlashInferMla,
                                         kTensorRT, kFlashMla),
                         [](const testing::TestParamInfo<Engine> &info) {
                           return std::string(info.param.name);
                         });
