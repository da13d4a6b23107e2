//===- main.cpp - An engine that links a pack -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// make_model.py writes two models, attnc compiles their attention into the pack
// `tiny`, and this program serves requests with it: see docs/packs.md.

#include "engine.h"

#include "tiny_attn.h"

#include <cstdlib>
#include <memory>

using namespace engine;

static void check(attn_status status) {
  if (status == ATTN_OK)
    return;
  fprintf(stderr, "%s: %s\n", attn_status_name(status), attn_error_message());
  exit(1);
}

namespace {

/// A tensor of the pack's element type.
class Elements {
public:
  explicit Elements(int32_t dtype) : dtype(dtype) {}

  void assign(const Vector &values) {
    resize(values.size());
    for (size_t i = 0; i < values.size(); ++i)
      dtype == ATTN_F32 ? void(floats[i] = values[i])
                        : void(halves[i] = toBF16(values[i]));
  }
  void resize(size_t count) {
    dtype == ATTN_F32 ? floats.resize(count) : halves.resize(count);
  }
  float operator[](size_t i) const {
    if (dtype == ATTN_F32)
      return floats[i];
    uint32_t bits = uint32_t(halves[i]) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  void *data() {
    return dtype == ATTN_F32 ? static_cast<void *>(floats.data())
                             : halves.data();
  }

private:
  /// To the nearest, ties to even.
  static uint16_t toBF16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }

  int32_t dtype;
  std::vector<float> floats;
  std::vector<uint16_t> halves;
};

class PackAttention : public Attention {
public:
  PackAttention(attn_decode_params facts, const Config &config,
                const Limits &limits, int threads)
      : params(facts), config(config), q(facts.dtype), k(facts.dtype),
        v(facts.dtype), out(facts.dtype) {
    check(tiny_attn_open(&library));
    check(attn_pool_create(threads, &pool));
    params.pool = pool;
    params.max_batch = limits.maxBatch;
    params.max_seq_len = limits.maxBlocks * limits.page;
    params.page_size = limits.page;
    params.num_blocks = limits.blocks;
    params.block_table_stride = params.max_blocks = limits.maxBlocks;
    attn_reason reasons[4];
    size_t count = 0;
    if (attn_query_support(library, &params, reasons, 4, &count))
      for (size_t i = 0; i < count && i < 4; ++i)
        fprintf(stderr, "no kernel: %s\n", reasons[i].text);
    check(
        attn_decode_workspace_size(library, &params, &params.workspace_bytes));
    workspace.reset(static_cast<char *>(
        aligned_alloc(64, (params.workspace_bytes + 63) / 64 * 64)));
    params.workspace = workspace.get();
    size_t rows = size_t(limits.blocks) * limits.page * config.cacheHeads();
    for (int layer = 0; layer < config.layers; ++layer) {
      kCache.emplace_back(facts.dtype).resize(rows * config.kDim());
      if (!config.latent)
        vCache.emplace_back(facts.dtype).resize(rows * config.vWidth());
    }
    setStrides();
  }

  ~PackAttention() override {
    attn_pool_destroy(pool);
    attn_library_close(library);
  }

  void run(int layer, const Step &step, const Vector &qIn, const Vector &kIn,
           const Vector &vIn, Vector &result) override {
    q.assign(qIn);
    k.assign(kIn);
    v.assign(vIn);
    out.resize(result.size());
    append(layer, step);
    params.batch = step.batch;
    params.seq_lens = step.lens;
    params.block_table = step.blocks;
    params.q = q.data();
    params.k = kCache[layer].data();
    params.v = config.latent ? nullptr : vCache[layer].data();
    params.out = out.data();
    check(attn_decode(library, &params));
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = out[i];
  }

private:
  struct Free {
    void operator()(char *memory) const { free(memory); }
  };

  void setStrides() {
    attn_decode_params &p = params;
    p.q_stride_head = p.k_dim;
    p.q_stride_token = p.q_stride_batch = int64_t(p.q_heads) * p.k_dim;
    p.k_stride_head = p.k_dim;
    p.k_stride_token = int64_t(p.kv_heads) * p.k_dim;
    p.k_stride_block = p.k_stride_token * p.page_size;
    if (!config.latent) {
      p.v_stride_head = p.v_dim;
      p.v_stride_token = int64_t(p.kv_heads) * p.v_dim;
      p.v_stride_block = p.v_stride_token * p.page_size;
    }
    p.out_stride_head = p.v_dim;
    p.out_stride_token = p.out_stride_batch = int64_t(p.q_heads) * p.v_dim;
  }

  void append(int layer, const Step &step) {
    attn_append_params a;
    memset(&a, 0, sizeof a);
    a.struct_size = sizeof a;
    a.flags = params.flags & ATTN_FLAG_V_IN_K;
    a.dtype = params.dtype;
    a.layout = params.layout;
    a.kv_heads = params.kv_heads;
    a.k_dim = params.k_dim;
    a.v_dim = params.v_dim;
    a.tokens = step.batch;
    a.page_size = params.page_size;
    a.num_blocks = params.num_blocks;
    a.slot_mapping = step.slots;
    a.k_src = k.data();
    a.k_src_stride_head = params.k_stride_head;
    a.k_src_stride_token = params.k_stride_token;
    a.k = kCache[layer].data();
    a.k_stride_head = params.k_stride_head;
    a.k_stride_token = params.k_stride_token;
    a.k_stride_block = params.k_stride_block;
    if (!config.latent) {
      a.v_src = v.data();
      a.v_src_stride_head = params.v_stride_head;
      a.v_src_stride_token = params.v_stride_token;
      a.v = vCache[layer].data();
      a.v_stride_head = params.v_stride_head;
      a.v_stride_token = params.v_stride_token;
      a.v_stride_block = params.v_stride_block;
    }
    check(attn_append(&a));
  }

  attn_decode_params params;
  const Config &config;
  attn_library *library = nullptr;
  attn_pool *pool = nullptr;
  std::unique_ptr<char, Free> workspace;
  std::vector<Elements> kCache, vCache; ///< of each layer
  Elements q, k, v, out;                ///< of one step
};

} // namespace

int main(int argc, char **argv) {
  Model model;
  if (argc < 2 || !model.load(argv[1])) {
    fprintf(stderr, "usage: engine weights.bin [isa]\n");
    return 1;
  }
  attn_decode_params facts =
      model.config.latent ? tiny_mla_full(1) : tiny_llama_full(1);
  if (argc > 2)
    check(attn_isa_parse(argv[2], &facts.isa));
  Limits limits;
  PackAttention attention(facts, model.config, limits, /*threads=*/2);
  print(generate(model, attention, limits, makeRequests(model.config, 12, 1)),
        stdout);
  return 0;
}
